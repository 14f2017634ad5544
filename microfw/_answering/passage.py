"""The response to what nothing else handles, sent through the application's middleware.

Such an exception passes all middleware, each of which may handle it; the outermost layer answers
what is left, when every middleware has ended. What a middleware adds to responses, by a `send` of
its own, it adds to this one too: the response is sent by the innermost `send` that still lets a
whole message through. That of Starlette's `BaseHTTPMiddleware` does not; the next one outside of
it takes its place.
"""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from types import coroutine
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from microfw._answering.errors import call_handler, handler_of
from microfw._reading import ContentTooLargeError, OuterLimit

PASSAGE = "microfw.passage"
_START = "http.response.start"
PATIENCE = 1.0
"""Seconds that a `send` may take that passes on to nobody but us."""


class Passage:
    """One request's way through the middleware.

    Attributes:
        sends: Those of the middleware, the innermost last.
        context: The context variables where the exception came from.
        outermost: What stands outside of the middleware.
        at_server: What stands outside of that of the outer applications, too, that this one is
            mounted in.
    """

    __slots__ = ("at_server", "context", "outermost", "sends")

    def __init__(self, scope: Scope, outermost: OuterLimit) -> None:
        outer: Passage | None = scope.get(PASSAGE)
        self.at_server: OuterLimit = outermost if outer is None else outer.at_server
        self.outermost = outermost
        self.sends: list[Send] = []
        self.context: Context | None = None
        scope[PASSAGE] = self


class FirstStation:
    """Stands outside of all middleware, which may read a body before its route is known."""

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
            await response(scope, receive, _Sender(passage, send))
        passage.sends.clear()


class Station:
    """Stands inside of each middleware, and notes its `send`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        passage: Passage | None = scope.get(PASSAGE)
        if passage is not None:
            passage.sends.append(send)
        return self.app(scope, receive, send)


class LastStation(Station):
    """Stands inside of all middleware, and notes the context of an exception, too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            if PASSAGE in scope:
                scope[PASSAGE].context = copy_context()
            raise


def answer_through_middleware(layer: ServerErrorMiddleware) -> None:
    """Have the outermost layer send its responses through the middleware inside of it."""
    handler, is_debugging = layer.handler, layer.debug

    async def answer(request: Request, exc: Exception) -> Any:
        if is_debugging:
            return await run_in_threadpool(layer.debug_response, request, exc)
        if handler is None:
            return layer.error_response(request, exc)
        return await call_handler(handler, request, exc)

    async def answer_through(request: Request, exc: Exception) -> Any:
        passage: Passage | None = request.scope.pop(PASSAGE, None)
        if passage is None:  # the exception is not of a request, or has been answered further in
            return await answer(request, exc)
        context = passage.context or copy_context()
        response = await _in_context(context, answer(request, exc))

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            sender = _Sender(passage, send)
            await _in_context(context, response(scope, receive, sender))

        return respond

    layer.handler, layer.debug = answer_through, False


class _Sender:
    """Sends a response by the innermost `send` by which it gets out."""

    def __init__(self, passage: Passage, outermost: Send) -> None:
        self._outermost = outermost
        self._passage = passage
        self._held: list[Message] = []
        self._chosen: Send | None = None

    async def __call__(self, message: Message) -> None:
        if self._chosen is not None:
            await self._chosen(message)
            return
        self._held.append(message)
        if message["type"] != _START:
            self._chosen = await self._choose()

    async def _choose(self) -> Send:
        # Where nothing gets out, what middleware has changed in the messages themselves does.
        changed = self._held
        for number, send in enumerate(reversed(self._passage.sends)):
            messages = [*map(_copied, self._held)]
            if not number:
                changed = messages
            passed = await self._passed_by(send, messages)
            if any(message["type"] != _START for message in passed):
                break
        else:
            send, passed = self._outermost, changed
        for message in passed:
            await self._outermost(message)
        return send

    async def _passed_by(self, send: Send, messages: list[Message]) -> list[Message]:
        """What comes out of the middleware, if anything does."""
        passed: list[Message] = []

        async def keep(message: Message) -> None:
            passed.append(message)

        before = self._passage.outermost.redirect(keep)
        try:
            with anyio.move_on_after(PATIENCE):
                for message in messages:
                    await send(message)
        except Exception:
            passed.clear()
        finally:
            self._passage.outermost.redirect(before)
        return passed


def _copied(message: Message) -> Message:
    """A message that middleware may change, with headers of its own."""
    if message["type"] != _START:
        return {**message}
    return {**message, "headers": [*message["headers"]]}


@coroutine
def _in_context(context: Context, running: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a coroutine in the same task, in another context."""
    step: Callable[..., Any] = running.send
    value: Any = None
    while True:
        try:
            waits_for = context.run(step, value)
        except StopIteration as end:
            return end.value
        try:
            step, value = running.send, (yield waits_for)
        except BaseException as error:
            step, value = running.throw, error
