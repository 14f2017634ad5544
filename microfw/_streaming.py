"""Endpoints that are generators: what they yield is sent as it comes."""

from collections.abc import Callable
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive

from microfw._exchange import Exchange
from microfw.dependencies import uninterrupted
from microfw.responses import encode_json

_END = object()
_BYTES: tuple[type[Any], ...] = (bytes, bytearray, memoryview)


def streamer(
    response_class: type[Response], status_code: int | None
) -> Callable[[Exchange, Any], Any]:
    """Make the function that streams a route's generators.

    A subclass of `StreamingResponse` sends text and bytes as they are; otherwise each item becomes
    a line of JSON (`application/jsonl`).
    """
    raw = issubclass(response_class, StreamingResponse)
    encode = _raw_encoder(response_class.charset) if raw else _encode_line
    kind = response_class if raw else JSONLinesResponse

    async def stream(exchange: Exchange, generator: Any) -> Response:
        response = kind((), status_code or 200)
        await _Stream(exchange, generator, encode, response).send()
        return response

    return stream


class JSONLinesResponse(StreamingResponse):
    """A stream of JSON values, one a line."""

    media_type = "application/jsonl"


class _Stream:
    """Sends what a generator yields until it ends, or the client has gone."""

    def __init__(
        self,
        exchange: Exchange,
        generator: Any,
        encode: Callable[[Any], bytes],
        response: Response,
    ) -> None:
        self._exchange = exchange
        self._generator = generator
        self._is_async = hasattr(generator, "__anext__")
        self._encode = encode
        self._response = response
        self._complete = False
        self._is_holding = False

    async def send(self) -> None:
        """Send it all; the generator is closed in the task in which it was opened.

        Raises:
            ClientDisconnect: The client has gone before the end.
        """
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, self._exchange.receive, group.cancel_scope)
            try:
                await self._send()
            except Exception as error:
                failure = error
            finally:
                await self._close()
            group.cancel_scope.cancel()
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # the traceback holds this frame
        if not self._complete:
            raise ClientDisconnect

    async def _send(self) -> None:
        item = await self._next()
        await self._exchange.start(self._response)
        send = self._exchange.send
        while item is not _END:
            body = self._encode(item)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await checkpoint()  # neither the generator nor the server may wait for anything
            item = await self._next()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        self._complete = True

    async def _next(self) -> Any:
        if self._is_async:
            return await anext(self._generator, _END)
        threads = self._exchange.threads
        try:
            return await threads.call(next, self._generator, _END)
        finally:
            if not self._is_holding:  # something that other threads may be waiting for
                self._is_holding = True
                threads.holding += 1

    async def _close(self) -> None:
        timeout = self._exchange.cleanup.timeout
        with anyio.move_on_after(timeout, shield=True):
            if self._is_async:
                await uninterrupted(self._generator.aclose(), self._exchange.asyncio_task)
            else:
                await self._exchange.threads.call(self._generator.close)


async def _watch(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _encode_line(item: Any) -> bytes:
    return encode_json(item) + b"\n"


def _raw_encoder(charset: str) -> Callable[[Any], bytes]:
    def encode(item: Any) -> bytes:
        if isinstance(item, str):
            return item.encode(charset)
        if isinstance(item, _BYTES):
            return bytes(item)
        raise TypeError(f"a StreamingResponse sends text or bytes, and {item!r} is neither")

    return encode
