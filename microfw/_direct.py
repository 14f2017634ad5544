"""Calls microfw's routes without the layers that Starlette has around all routes.

These catch exceptions and watch what is sent, by a coroutine and a closure each, and a route of
microfw's does both itself. They take as long as all the rest of a small request; so they are left
out where a request's route needs none of them, and are there for everything else: Starlette's own
routes, mounted applications, paths that no route matches.
"""

from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from microfw.exception_handlers import Handler
from microfw.routing import Router


class DirectRoutes:
    """Inside of all middleware: calls a direct route, and hands other requests on.

    Args:
        app: Serves other requests: the router, with Starlette's handling of exceptions around it.
        router: Knows the routes.
    """

    def __init__(self, app: ASGIApp, router: Router) -> None:
        self._app = app
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._router.direct_route(scope)
        if route is None:
            await self._app(scope, receive, send)
        else:
            await route.respond(route.exchange(scope, receive, send))


class DirectApplication(DirectRoutes):
    """In place of the whole stack, where there is no other middleware.

    Args:
        app: Serves other requests: Starlette's stack.
        router: Knows the routes.
        handler: Makes the response to what nothing else handles.
        debug: Whether that is a page with the traceback.
    """

    def __init__(
        self, app: ASGIApp, router: Router, handler: Handler | None, *, debug: bool
    ) -> None:
        super().__init__(app, router)
        self._answer = ServerErrorMiddleware(_raise_unhandled, handler, debug)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._router.direct_route(scope)
        if route is None:
            await self._app(scope, receive, send)
            return
        exchange = route.exchange(scope, receive, send)
        try:
            await route.respond(exchange)
        except Exception as error:
            scope[_UNHANDLED] = error, exchange.started
            await self._answer(scope, receive, _drop if exchange.started else send)


_UNHANDLED = "microfw.unhandled"


async def _raise_unhandled(scope: Scope, _receive: Receive, send: Send) -> None:
    # The error gets no name here: its traceback will hold this frame.
    if scope[_UNHANDLED][1]:
        # The response has started, and Starlette's layer was not around to see it.
        await send({"type": "http.response.start"})
    raise scope.pop(_UNHANDLED)[0]


async def _drop(_: Message) -> None:
    """Take the place of `send`: a response has started, and there cannot be another."""
