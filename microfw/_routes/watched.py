"""Routes around whose requests others have put code of their own.

Tools put it around Starlette's `request_response`, which makes the ASGI application of a function
of a request. A route of microfw's is none; where it has been replaced, the route's requests go by
way of what it is now.
"""

from functools import partial
from typing import Any, Protocol

import starlette.routing
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from microfw._answering import Exchange, is_original

_EXCHANGE = "microfw.exchange"


class Exchanging(Protocol):
    """A route of microfw's."""

    def prepare(self) -> None:
        """Read the function and plan the route, unless that is done."""

    def exchange(self, scope: Scope, receive: Receive, send: Send) -> Exchange:
        """Make what accompanies one request."""
        ...

    async def respond(self, exchange: Exchange) -> None:
        """Handle it to its end."""


def watched_app(route: Exchanging) -> ASGIApp | None:
    """Make what serves a route, if others have replaced `request_response`.

    They may read the request's body before the route does, from the same request.
    """
    if is_original(starlette.routing, "request_response", "starlette.routing"):
        return None

    async def handle(request: Request) -> Any:
        exchange: Exchange = request.scope.pop(_EXCHANGE)
        exchange.read_from(request)
        return partial(_respond, route, exchange)

    watched = starlette.routing.request_response(handle)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        route.prepare()
        exchange = route.exchange(scope, receive, send)
        scope[_EXCHANGE] = exchange
        await watched(scope, exchange.limited_receive, send)

    return serve


async def _respond(
    route: Exchanging, exchange: Exchange, _scope: Scope, _receive: Receive, send: Send
) -> None:
    exchange.send = send
    await route.respond(exchange)
