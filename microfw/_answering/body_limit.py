"""The outermost layer: holds what is around the routes to the limit of bodies."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from microfw._answering.errors import call_handler, handler_of
from microfw._answering.passage import Passage
from microfw._reading import ContentTooLargeError, OuterLimit


class BodyLimitMiddleware:
    """Holds middleware to the limit, which may read a body before its route is known."""

    def __init__(self, app: ASGIApp, max_size: int | None) -> None:
        self.app = app
        self._max_size = max_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = OuterLimit(scope, receive, send, self._max_size)
        passage = Passage(scope, limit)
        try:
            await self.app(scope, limit.receive, limit.send)
        except ContentTooLargeError as error:
            handler = handler_of(scope, error)
            if limit.started or handler is None:
                raise
            response = await call_handler(handler, Request(scope, receive, send), error)
            await response(scope, receive, send)
        else:
            passage.sends.clear()
