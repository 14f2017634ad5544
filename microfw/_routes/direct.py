"""Calls microfw's routes without the layers that Starlette has around all routes.

These catch exceptions and watch what is sent, by a coroutine and a closure each, and a route of
microfw's does both itself. They take as long as all the rest of a small request; so they are left
out where a request's route needs none of them, and are there for everything else: Starlette's own
routes, mounted applications, paths that no route matches. They are there for each request, too,
where somebody has changed one of them (`can_be_direct`) or has put something between them.
"""

from contextlib import suppress
from contextvars import copy_context
from typing import Any, Protocol, cast

from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from microfw._answering import HANDLERS, PASSAGE, Handlers, Passage, is_original
from microfw._routes.planned import DirectRoute
from microfw._routes.route import Route
from microfw._routes.span_names import naming_spans
from microfw._routes.websocket_route import WebSocketRoute


class Router(Protocol):
    """Knows the routes that can be called without anything in between."""

    def direct_route(self, scope: Scope) -> DirectRoute | None:
        """Find the route for a request, if there is nothing to be done but to call it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve any request."""


def can_be_direct(router: object, router_class: type) -> bool:
    """Whether the layers that the direct way leaves out do nothing but what they do by themselves.

    Known when the stack is built. What is changed later of one application's layers and routes
    counts from then on; what is changed later of their classes does not.
    """
    left_out = (
        *_LEFT_OUT,
        (router_class, "__call__", "starlette.routing"),
        (router_class, "app", "microfw.routing"),
    )
    return type(router) is router_class and all(is_original(*each) for each in left_out)


_LEFT_OUT: tuple[tuple[type, str, str], ...] = (
    (Starlette, "build_middleware_stack", "starlette.applications"),
    (ServerErrorMiddleware, "__init__", "starlette.middleware.errors"),
    (ServerErrorMiddleware, "__call__", "starlette.middleware.errors"),
    (ExceptionMiddleware, "__init__", "starlette.middleware.exceptions"),
    (ExceptionMiddleware, "__call__", "starlette.middleware.exceptions"),
    (Route, "handle", "starlette.routing"),
    (WebSocketRoute, "handle", "starlette.routing"),
)


class DirectRoutes:
    """Inside of all middleware: calls a direct route, and hands other requests on.

    It is the last station of a request's passage, too, without a coroutine for that alone.

    Attributes:
        app: Serves other requests: Starlette's handling of exceptions, around the router.

    Args:
        app: The same.
        router: Knows the routes.
    """

    app: ASGIApp

    def __init__(self, app: ASGIApp, router: Router) -> None:
        self.app = app
        self._exceptions = cast("ExceptionMiddleware", app)
        self._router = router
        self._find = naming_spans(router.direct_route)
        self._handlers = _handlers_of(self._exceptions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passage: Passage | None = scope.get(PASSAGE)
        if passage is not None:
            passage.sends.append(send)
        route = None
        if self.app is self._exceptions and self._exceptions.app is self._router:
            route = self._find(scope)
        try:
            if route is None:
                await self.app(scope, receive, send)
            else:
                scope[HANDLERS] = self._handlers
                await route.respond(route.exchange(scope, receive, send))
        except Exception:
            if passage is not None:
                passage.context = copy_context()
            raise


class DirectApplication(ServerErrorMiddleware):
    """In place of the outermost layer, where there is no other middleware.

    Args:
        outermost: Starlette's own, around its handling of exceptions.
        router: Knows the routes.
    """

    def __init__(self, outermost: ASGIApp, router: Router) -> None:
        layer = cast("ServerErrorMiddleware", outermost)
        super().__init__(layer.app, layer.handler, layer.debug)
        self._exceptions = cast("ExceptionMiddleware", layer.app)
        self._router = router
        self._find = naming_spans(router.direct_route)
        self._handlers = _handlers_of(self._exceptions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is not self._exceptions or self._exceptions.app is not self._router:
            await super().__call__(scope, receive, send)
            return
        route = self._find(scope)
        if route is None:
            await super().__call__(scope, receive, send)
            return
        scope[HANDLERS] = self._handlers
        exchange = route.exchange(scope, receive, send)
        try:
            await route.respond(exchange)
        except Exception as error:
            scope[_UNHANDLED] = error, exchange.started
            answer = ServerErrorMiddleware(_raise_unhandled, self.handler, self.debug)
            await answer(scope, receive, _drop if exchange.started else send)


_UNHANDLED = "microfw.unhandled"


async def _raise_unhandled(scope: Scope, _receive: Receive, send: Send) -> None:
    # The error gets no name here: its traceback will hold this frame.
    if scope[_UNHANDLED][1]:
        # The response has started, and Starlette's layer was not around to see it.
        await send({"type": "http.response.start"})
    raise scope.pop(_UNHANDLED)[0]


async def _drop(_: Message) -> None:
    """Take the place of `send`: a response has started, and there cannot be another."""


def _handlers_of(layer: ExceptionMiddleware) -> Handlers:
    """The handlers of the layer itself, which it hands to whatever is inside of it."""
    scope: Scope = {"type": "http"}
    inner, layer.app = layer.app, _end
    with suppress(StopIteration):  # there is nothing to wait for
        layer(scope, cast("Any", None), _drop).send(None)
    layer.app = inner
    return cast("Handlers", scope[HANDLERS])


async def _end(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Take the place of the routes."""
