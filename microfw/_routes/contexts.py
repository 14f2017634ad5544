"""What FastAPI's module `routing` has for libraries that walk through routes, or serve them."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, cast

import starlette.routing
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from microfw._routes.custom import RequestHandler
from microfw._routes.route import Route
from microfw._routes.route_patterns import MatchesInLinearTime


class RouteContext:
    """A route, by the name under which FastAPI gives those of routers that are included.

    Here an application has a route of its own for each: `route` and `original_route` are the same,
    and every other attribute is the route's.
    """

    def __init__(self, route: BaseRoute) -> None:
        self.route: BaseRoute = route
        self.original_route: BaseRoute = route

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request is for the path and the methods of the route.

        A `matches` of the route's own class is not called, as in FastAPI for the routes of included
        routers: who asks may be ahead of the middleware that such a function builds upon.
        """
        if isinstance(self.route, MatchesInLinearTime):
            return MatchesInLinearTime.matches(self.route, scope)
        return self.route.matches(scope)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.route, name)


def iter_route_contexts(routes: Iterable[BaseRoute | RouteContext]) -> Iterator[RouteContext]:
    """List the contexts of routes, those of included routers among them."""
    for route in routes:
        yield route if isinstance(route, RouteContext) else RouteContext(route)


def request_response(func: Callable[[Request], Awaitable[Response] | Response]) -> ASGIApp:
    """Make the ASGI application of a function of a request.

    That of `route.get_route_handler()` serves the route, by this function:
    `route.app = request_response(route.get_route_handler())`. Any other one is Starlette's.
    """
    alone = starlette.routing.request_response(func)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        route = scope.get("route")
        if isinstance(route, Route):
            await route.serve_by(cast("RequestHandler", func), scope, receive, send)
        else:
            await alone(scope, receive, send)

    return app
