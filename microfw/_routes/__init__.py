"""Path to handler: routes, their options and plans, and how a request finds one."""

from microfw._routes.contexts import RouteContext, iter_route_contexts, request_response
from microfw._routes.decorators import (
    Decorators,
    Endpoint,
    Event,
    EventHandler,
)
from microfw._routes.described import generate_unique_id
from microfw._routes.direct import DirectApplication, DirectRoutes, can_be_direct
from microfw._routes.documentation import AppDocumentation
from microfw._routes.foreign import limited, moved, surrounded
from microfw._routes.lifespans import Lifespans
from microfw._routes.matching import Matcher, Routes
from microfw._routes.merging import RouteDefaults
from microfw._routes.mistakes import (
    check_declares_nothing,
    check_dependencies,
    check_encoders,
    check_handled,
    check_is_whole,
    check_router,
    check_starts_with_slash,
    checked_path,
)
from microfw._routes.options import (
    Encoders,
    IncludeOptions,
    RouteOptions,
    RouterOptions,
    check_known,
)
from microfw._routes.patterns import PARAMETER
from microfw._routes.planned import DirectRoute
from microfw._routes.planned_app import PlannedApp
from microfw._routes.route import Route
from microfw._routes.route_patterns import MatchesInLinearTime, PathPattern
from microfw._routes.surroundings import ProvidedOverrides, Surroundings
from microfw._routes.unmatched import redirect_to, refuse_method, whole_path, with_other_slash
from microfw._routes.websocket_route import WebSocketRoute

__all__ = [
    "PARAMETER",
    "AppDocumentation",
    "Decorators",
    "DirectApplication",
    "DirectRoute",
    "DirectRoutes",
    "Encoders",
    "Endpoint",
    "Event",
    "EventHandler",
    "IncludeOptions",
    "Lifespans",
    "Matcher",
    "MatchesInLinearTime",
    "PathPattern",
    "PlannedApp",
    "ProvidedOverrides",
    "Route",
    "RouteContext",
    "RouteDefaults",
    "RouteOptions",
    "RouterOptions",
    "Routes",
    "Surroundings",
    "WebSocketRoute",
    "can_be_direct",
    "check_declares_nothing",
    "check_dependencies",
    "check_encoders",
    "check_handled",
    "check_is_whole",
    "check_known",
    "check_router",
    "check_starts_with_slash",
    "checked_path",
    "generate_unique_id",
    "iter_route_contexts",
    "limited",
    "moved",
    "redirect_to",
    "refuse_method",
    "request_response",
    "surrounded",
    "whole_path",
    "with_other_slash",
]
