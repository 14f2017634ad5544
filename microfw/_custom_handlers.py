"""Subclasses of `Route` that put code of their own around the handling of a request.

Such code, a custom handler, awaits the route's own handler for the response, and may change it or
answer with another one. Dependencies of scope "request" are open all that time, and until the
response is sent. So the compiled function stops where it would send the response; the custom
handler goes on; and when that has ended, the compiled function goes on and sends what it is given.
All of that is one task: the coroutine of the compiled function is driven by hand.
"""

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from microfw._environment import Environment
from microfw._exchange import Exchange
from microfw._handlers import RouteHandler
from microfw.dependencies import Handler, Signature, Step, place_of
from microfw.exceptions import CustomHandlerError

RequestHandler = Callable[[Request], Coroutine[Any, Any, Response]]

_HANDLING = "microfw.handling"


async def handle_request(request: Request) -> Response:
    """Handle a request as its route would without a custom handler; do not send the response.

    Raises:
        CustomHandlerError: No custom handler is running.
    """
    handling: _Handling | None = request.scope.get(_HANDLING)
    if handling is None:
        raise CustomHandlerError("a route's handler was called outside of its custom handler")
    return await handling.handle(request)


class CustomRouteHandler:
    """Takes the place of a route's `RouteHandler`, and calls it within a custom handler."""

    def __init__(self, inner: RouteHandler, custom: RequestHandler) -> None:
        self._custom = custom
        self._inner = inner

    @property
    def endpoint(self) -> Signature:
        """What the route's own handler calls."""
        return self._inner.endpoint

    def app_steps(self, environment: Environment) -> tuple[Step, ...]:
        """The dependencies of scope "app" that the route needs."""
        return self._inner.app_steps(environment)

    def get(self, environment: Environment) -> Handler:
        """The custom handler, around the compiled plan."""
        inner = self._inner.get(environment)

        async def call(exchange: OfferingExchange) -> None:
            await _Handling(exchange, inner).run(self._custom)

        return Handler(call, inner.source)


class OfferingExchange(Exchange):
    """An exchange that offers its response to a custom handler before it sends it.

    Attributes:
        offers: Whether it will.
    """

    offers = True

    def start_over(self, request: Request) -> None:
        """Forget what an earlier attempt has left, and read from this request."""
        self._request = request
        self.scope = request.scope
        self.body, self.decoded_body, self.query_values = b"", None, None
        self.offers = True
        self.errors = self.result = self.swallowed = self._response = self._tasks = None

    def complete(self, response: Response) -> Response:
        """A copy of the response, with all that will be sent of it and done after it."""
        background = response.background
        _ = self.response  # so that it is copied, if nothing was injected
        completed = self._completed(response)
        completed.background = background or self._tasks
        self._response = None
        return completed

    async def offered(self, response: Response) -> Response:
        if not self.offers:
            return response
        self.offers = False
        return await _Offer(self.complete(response))

    async def deliver(self) -> None:
        if not self.started:
            self.result = await self.offered(self.result)
        if self.result is not _DROPPED:
            await super().deliver()


class _Handling:
    """One request of a route with a custom handler."""

    def __init__(self, exchange: OfferingExchange, inner: Handler) -> None:
        self._exchange = exchange
        self._inner = inner
        self._pending: _Stoppable | None = None

    async def run(self, custom: RequestHandler) -> None:
        """Call the custom handler, then have the response sent that it returns."""
        exchange = self._exchange
        scope = exchange.scope
        scope[_HANDLING] = self
        try:
            try:
                response: Any = await custom(exchange.request)
                if not isinstance(response, Response):
                    raise CustomHandlerError(
                        f"{place_of(custom)} returned {response!r}, and no response"
                    )
            except BaseException as error:
                if self._pending is None:
                    raise
                await self._pending.go_on(error=error)
            else:
                if self._pending is None:
                    exchange.result = response
                else:
                    await self._pending.go_on(response)
        finally:
            exchange.offers = False
            self._pending = None
            del scope[_HANDLING]

    async def handle(self, request: Request) -> Response:
        """Execute the plan up to where the response is to be sent."""
        if self._pending is not None:
            await self._pending.go_on(_DROPPED)
            self._pending = None
        exchange = self._exchange
        exchange.start_over(request)
        stoppable = _Stoppable(self._inner.call(exchange))
        response = await stoppable.go_on()
        if response is not None:
            self._pending = stoppable
            return response
        if exchange.result is None:
            raise exchange.swallowed_error()
        return exchange.complete(exchange.result)


class _Offer:
    """What stops the compiled function: it waits for the response that is to be sent."""

    __slots__ = ("response",)

    def __init__(self, response: Response) -> None:
        self.response = response

    def __await__(self) -> "Generator[_Offer, Response, Response]":
        return (yield self)


_DROPPED = Response()
"""Stands for the response where none is to be sent."""


class _Stoppable:
    """Drives a coroutine that stops with an offer."""

    def __init__(self, driven: Coroutine[Any, Any, None]) -> None:
        self._driven = driven

    @coroutine
    def go_on(
        self, response: Response | None = None, error: BaseException | None = None
    ) -> Generator[Any, Any, Response | None]:
        """Drive it to its next stop; return what it offers, or `None` where it has ended.

        Args:
            response: What takes the place of the response that was offered last.
            error: What is to be raised at the last stop.
        """
        value: Any = response
        while True:
            try:
                awaited = self._driven.send(value) if error is None else self._driven.throw(error)
            except StopIteration:
                return None
            finally:
                error = None  # whose traceback holds this frame
            if isinstance(awaited, _Offer):
                return awaited.response
            value = None
            try:
                value = yield awaited
            except BaseException as thrown:
                error = thrown
