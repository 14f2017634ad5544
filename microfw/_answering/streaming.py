"""Endpoints that are generators: what they yield is sent as it comes."""

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from types import CodeType
from typing import Any, Self, cast

import anyio
from anyio.lowlevel import checkpoint
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from microfw._answering.exchange import Exchange
from microfw._answering.items import (
    Encode,
    data_of_events,
    event_encoder,
    line_encoder,
    raw_encoder,
)
from microfw._models import ResultConverter
from microfw._reading import SharedReceive
from microfw.dependencies import is_of_cancel_scope, uninterrupted
from microfw.exceptions import CleanupTimeoutError
from microfw.responses import made_by, maker_of
from microfw.sse import KEEPALIVE_COMMENT, EventSourceResponse

logger = logging.getLogger("microfw")

_END: Any = object()
_TURN = 0.001
"""Seconds for which a stream that never waits may keep the event loop to itself."""
_MOST_UNAWAITED = 1000
"""Items that are still sent while a generator is cancelled that waits for nothing meanwhile."""


def streamer(
    *,
    item: Any,
    response_class: Callable[..., Response],
    status_code: int | None = None,
    **choices: Any,
) -> Callable[[Exchange, Any], Any]:
    """Make the function that streams a route's generators.

    A subclass of `EventSourceResponse` sends events, another of `StreamingResponse` text and bytes
    as they are; otherwise each item becomes a line of JSON (`application/jsonl`).

    Args:
        item: The type that each item is validated and filtered by; `Any` lets everything pass.
        response_class: Makes the response.
        status_code: That of the response.
        **choices: What is sent of the items; see `ResultConverter`.

    Raises:
        UnsupportedTypeError: It is no type of values.
    """
    head: Callable[..., Any] = JSONLinesResponse
    kind: type[_Stream] = _Stream
    made = made_by(response_class, StreamingResponse)
    if issubclass(made, EventSourceResponse):
        head, kind = maker_of(response_class, EventSourceResponse), _EventStream
        encode = event_encoder(ResultConverter(data_of_events(item), **choices).encode)
    elif issubclass(made, StreamingResponse):
        head, encode = maker_of(response_class, StreamingResponse), raw_encoder(made.charset)
    else:
        encode = line_encoder(ResultConverter(item, **choices).encode)

    arguments: dict[str, Any] = {} if status_code is None else {"status_code": status_code}

    async def stream(exchange: Exchange, generator: Any) -> Response:
        prepared = head((), **arguments)
        response = await exchange.offered(prepared)
        if getattr(response, "body_iterator", None) is prepared.body_iterator:
            await kind(exchange, generator, encode, response).send()
        return response

    return stream


class JSONLinesResponse(StreamingResponse):
    """A stream of JSON values, one a line."""

    media_type = "application/jsonl"


class _Stream:
    """Sends what a generator yields until it ends, or the client has gone."""

    patience = math.inf
    """Seconds that the head may wait for the first item."""

    def __init__(
        self, exchange: Exchange, generator: Any, encode: Encode, response: Response
    ) -> None:
        self._exchange = exchange
        self._receive = cast(SharedReceive, exchange.receive)  # as in all routes that stream
        self._generator = generator
        self._is_async = hasattr(generator, "__anext__")
        self._encode = encode
        self._response = response
        self._failure: BaseException | None = None
        self._asked_again = 0
        self._complete = False
        self._is_holding = False

    async def send(self) -> None:
        """Send it all; the generator is closed in the task in which it was opened.

        Raises:
            ClientDisconnect: The client has gone before the end.
            RuntimeError: A cancel scope of the generator has cancelled what has sent an item.
        """
        try:
            await self._send_while_wanted()
        except anyio.get_cancelled_exc_class():
            if self._failure is not None:
                text = "%s failed while its request was being cancelled"
                logger.exception(text, self._place(), exc_info=self._failure)
                self._failure = None
            raise
        finally:
            if self._receive.has_left and not self._complete:
                self._exchange.note_disconnect()
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # the traceback holds this frame
        if not self._complete:
            raise ClientDisconnect if self._receive.has_left else self._interrupted()

    async def _send_while_wanted(self) -> None:
        async with anyio.create_task_group() as group:
            self._group = group
            group.start_soon(_watch, self._receive, group.cancel_scope)
            self._accompany(group)
            # Around the scopes and task groups that the generator may hold open at a `yield`.
            with anyio.CancelScope() as around:
                try:
                    await (self._send_head() if self._is_head else self._send())
                except anyio.get_cancelled_exc_class():
                    raise
                except BaseException as error:
                    self._keep(error)
                    if self._failure is None:  # nothing but cancellations, from a nursery of trio's
                        raise
                finally:
                    self._dismiss()
                    await self._close(around)
            group.cancel_scope.cancel()

    def _keep(self, error: BaseException) -> None:
        """Keep what is to be raised, of which the task group would make a group."""
        left: BaseException | None = error
        if isinstance(error, BaseExceptionGroup):  # of a task group that the generator held open
            group = cast("BaseExceptionGroup[BaseException]", error)
            ends, others = group.split((GeneratorExit, anyio.get_cancelled_exc_class()))
            left = group if ends is None else others
        if left is not None:
            self._failure = left

    @property
    def _is_head(self) -> bool:
        return bool(self._exchange.scope["method"] == "HEAD")

    def _accompany(self, group: Any) -> None:
        """Start what runs beside the generator."""

    def _dismiss(self) -> None:
        """Stop it."""

    async def _send(self) -> None:
        items, encode = self._items()
        put: Send | None = None
        turn = monotonic()
        async for item in items:
            body = encode(item)
            if put is None:
                await self._begin()
                put = self._sender()
            await put({"type": "http.response.body", "body": body, "more_body": True})
            if self._asked_again or monotonic() - turn > _TURN:
                await self._let_others_run()
                turn = monotonic()
        if put is None:
            await self._begin()
        await self._end()

    async def _let_others_run(self) -> None:
        """Give up the event loop: neither the generator nor the server may wait for anything.

        What the generator holds open at its `yield` is to be cancelled inside of it, not here: by
        its next `await`, as if it had not been interrupted.
        """
        try:
            await checkpoint()
        except anyio.get_cancelled_exc_class() as error:
            task = self._exchange.asyncio_task
            if task is None or is_of_cancel_scope(error):
                if not await self._is_of_generator():
                    raise
            elif self._asked_again == _MOST_UNAWAITED:
                raise
            else:
                self._asked_again += 1
                task.uncancel()
                task.cancel(*error.args)
                return
        self._asked_again = 0

    async def _is_of_generator(self) -> bool:
        """Whether what is cancelled is a cancel scope of the generator's, not one around it."""
        found = _Outside()
        self._group.start_soon(found.look)
        with anyio.CancelScope(shield=True):
            await found.has_looked.wait()
        return not found.is_cancelled

    def _interrupted(self) -> RuntimeError:
        return RuntimeError(
            f"a cancel scope that {self._place()} holds open at a `yield` was cancelled while the"
            " item was being sent, which may be lost: put the `yield` outside of time limits"
        )

    async def _send_head(self) -> None:
        """Answer a HEAD request (RFC 9110, section 9.3.2): what comes first decides the status."""
        items, encode = self._items()
        with anyio.move_on_after(self.patience):
            item = await anext(items, _END)
            if item is not _END:
                encode(item)
        await self._begin()
        await self._end()

    async def _begin(self) -> None:
        await self._exchange.start(self._response)

    async def _end(self) -> None:
        put = self._sender()
        await put({"type": "http.response.body", "body": b"", "more_body": False})
        self._complete = True

    def _sender(self) -> Send:
        return self._exchange.send

    def _items(self) -> tuple[AsyncIterator[Any], Encode]:
        """The items, and what is still to be done to send one."""
        if self._is_async:
            return self._generator, self._encode
        return _TakenInThread(self._take_in_thread), bytes

    async def _take_in_thread(self) -> Any:
        """Take the next item, encoded; `_END` where there is none."""
        threads = self._exchange.threads
        try:
            return await threads.call(_take, self._generator, self._encode)
        finally:
            if not self._is_holding:  # something that other threads may be waiting for
                self._is_holding = True
                threads.holding += 1

    async def _close(self, around: anyio.CancelScope) -> None:
        """Close the generator, shielded by the scope around it."""
        around.shield = True
        try:
            if self._is_async:
                await self._close_in_time(around)
            else:
                await self._exchange.threads.call_surely(self._generator.close)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            self._keep(error)
        finally:
            around.shield = False  # a cancellation that is on its way goes on

    async def _close_in_time(self, around: anyio.CancelScope) -> None:
        task, cleanup = self._exchange.asyncio_task, self._exchange.cleanup
        if task is None and cleanup.timeout is not None:
            around.deadline = anyio.current_time() + cleanup.timeout
        try:
            await uninterrupted(self._aclose(), task, cleanup, self._place)
        except CleanupTimeoutError:
            pass  # it has been logged, and what ended the stream goes on
        except anyio.get_cancelled_exc_class():
            if not around.cancel_called:
                raise
            cleanup.cut_off(self._place())

    async def _aclose(self) -> None:
        try:
            await self._generator.aclose()
        except BaseExceptionGroup as error:  # what task groups make of it
            if error.split(GeneratorExit)[1] is not None:
                raise

    def _place(self) -> str:
        generator = self._generator
        code: CodeType = getattr(generator, "ag_code", None) or generator.gi_code
        return f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"


class _EventStream(_Stream):
    """Sends a comment from time to time, while the generator has nothing to send.

    That is done by a task of its own. The generator stays in the one that opened it, and is not
    cancelled.
    """

    def __init__(
        self,
        exchange: Exchange,
        generator: Any,
        encode: Encode,
        response: Any,
    ) -> None:
        super().__init__(exchange, generator, encode, response)
        self._interval: float = response.keep_alive
        self.patience: float = response.opening_delay
        self._turn = anyio.Lock()
        self._last = anyio.current_time()
        self._ended = False
        # Its own, so that it ends the task without an exception, whose frames would be kept alive.
        self._comments = anyio.CancelScope(shield=True)
        response.headers["cache-control"] = "no-cache"
        response.headers["x-accel-buffering"] = "no"  # for nginx, which would collect the events

    def _accompany(self, group: Any) -> None:
        if not self._is_head:
            group.start_soon(self._keep_alive, group.cancel_scope)

    def _dismiss(self) -> None:
        self._ended = True
        self._comments.cancel()

    async def _keep_alive(self, stream: anyio.CancelScope) -> None:
        with self._comments:
            try:
                await self._send_comments()
            except Exception as error:  # from the server; without it there is nobody to send to
                self._failure = error
                stream.cancel()

    async def _send_comments(self) -> None:
        due = self._last + self.patience
        while True:
            await anyio.sleep_until(due)
            await self._comment()
            due = self._last + self._interval

    async def _comment(self) -> None:
        message = {"type": "http.response.body", "body": KEEPALIVE_COMMENT, "more_body": True}
        async with self._turn:
            is_silent = self._last + self._interval <= anyio.current_time()
            if self._ended or (self._exchange.started and not is_silent):
                return
            await self._begin_once()
            await self._exchange.send(message)
            self._last = anyio.current_time()

    async def _begin(self) -> None:
        await self._take_turn()
        try:
            await self._begin_once()
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        """Wait for a comment that is being sent; where there is none, do not let others run."""
        try:
            self._turn.acquire_nowait()
        except anyio.WouldBlock:
            await self._turn.acquire()

    async def _begin_once(self) -> None:
        if not self._exchange.started:
            await super()._begin()

    def _sender(self) -> Send:
        return self._send_alone

    async def _send_alone(self, message: Any) -> None:
        await self._take_turn()
        try:
            self._ended = not message["more_body"]
            await self._exchange.send(message)
            self._last = anyio.current_time()
        finally:
            self._turn.release()


async def _watch(receive: SharedReceive, scope: anyio.CancelScope) -> None:
    await receive.disconnect()
    scope.cancel()


class _Outside:
    """Looks from a task of its own whether the scopes around that are cancelled."""

    def __init__(self) -> None:
        self.has_looked = anyio.Event()
        self.is_cancelled = False

    async def look(self) -> None:
        self.is_cancelled = anyio.current_effective_deadline() == -math.inf
        self.has_looked.set()


class _TakenInThread:
    """The items of a sync generator, each taken in a worker thread."""

    def __init__(self, take: Callable[[], Awaitable[Any]]) -> None:
        self._take = take

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            item = await self._take()
        except StopAsyncIteration as error:  # as of an async generator; not the end
            raise RuntimeError("generator raised StopAsyncIteration") from error
        if item is _END:
            raise StopAsyncIteration
        return item


def _take(generator: Any, encode: Encode) -> Any:
    item = next(generator, _END)
    return item if item is _END else encode(item)
