"""Starlette's routes among those of microfw: moved below a prefix, surrounded and limited."""

import copy
from collections.abc import Sequence
from typing import Any, cast

import starlette.routing
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, compile_path
from starlette.types import Receive, Scope, Send

from microfw._answering import app_state_of
from microfw._reading import OuterLimit
from microfw._routes.route import Route


def moved(route: BaseRoute, prefix: str) -> BaseRoute:
    """A copy of one of Starlette's routes, below a prefix; of one that is not by path, the same."""
    if not isinstance(route, Mount | starlette.routing.Route | starlette.routing.WebSocketRoute):
        return route
    moved = copy.copy(route)
    moved.path = prefix + route.path
    pattern = f"{moved.path}/{{path:path}}" if isinstance(moved, Mount) else moved.path
    moved.path_regex, moved.path_format, moved.param_convertors = compile_path(pattern)
    return moved


def surrounded(route: BaseRoute, middleware: Sequence[Middleware]) -> BaseRoute:
    """A copy of one of Starlette's routes, inside of a router's middleware."""
    if not middleware:
        return route
    surrounded: Any = copy.copy(route)
    for cls, args, kwargs in reversed(middleware):
        surrounded.handle = cls(surrounded.handle, *args, **kwargs)
    return cast("BaseRoute", surrounded)


def limited(route: BaseRoute, scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Hold to the limit what reads a body outside of microfw's routes."""
    changes = route.limit_changes if isinstance(route, Route) else {}
    limits = app_state_of(scope).limits.changed(changes)
    limit = OuterLimit(scope, receive, send, limits.max_body_size)
    return limit.receive, limit.send
