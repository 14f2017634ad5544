"""What a router puts around its routes: its middleware, and the overrides of a provider."""

from collections.abc import Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from microfw._answering import app_state_of


class Surroundings:
    """Middleware that is made once, around however many routes.

    It is a class of middleware to these: each calls it with its own application.

    Args:
        middleware: The first is outermost.
    """

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        self._key = f"microfw.inside-{id(self)}"
        self._app = wrapped(self._call_inside, middleware)

    def __call__(self, inside: ASGIApp) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            scope[self._key] = inside
            await self._app(scope, receive, send)

        return call

    async def _call_inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside: ASGIApp = scope[self._key]
        await inside(scope, receive, send)


class ProvidedOverrides:
    """Middleware in which the overrides of a provider are in force.

    Args:
        app: Serves the requests.
        provider: Has the attribute `dependency_overrides`, as an application does.
    """

    def __init__(self, app: ASGIApp, provider: Any) -> None:
        self._app = app
        self._provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with app_state_of(scope).overrides.override(self._provider.dependency_overrides or {}):
            await self._app(scope, receive, send)


def wrapped(app: ASGIApp, middleware: Sequence[Middleware] | None) -> ASGIApp:
    """Put middleware around an application; the first is outermost."""
    for cls, args, kwargs in reversed(middleware or ()):
        app = cls(app, *args, **kwargs)
    return app
