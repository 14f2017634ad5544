"""Replacements of the server's `receive`."""

from collections import deque
from collections.abc import Iterable

import anyio
from starlette.types import Message, Receive, Scope

LARGE = 1024 * 1024
"""From which size on a body is gathered, in bytes; Starlette keeps smaller files in memory."""
PIECE = 256 * 1024
"""The least size of a piece of it but the last."""


def expects_to_be_asked(scope: Scope) -> bool:
    """Whether a client waits with its body until the server asks for it (RFC 9110, 10.1.1)."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)


class ReplayedReceive:
    """A `receive` that begins with a message that has been received before."""

    __slots__ = ("_message", "_receive")

    def __init__(self, message: Message, receive: Receive) -> None:
        self._message: Message | None = message
        self._receive = receive

    async def __call__(self) -> Message:
        """Receive the message, then what comes."""
        message, self._message = self._message, None
        return message or await self._receive()


class LateReceive:
    """A `receive` that calls another one, which may still be replaced by a third.

    Attributes:
        receive: The one that it calls.
        was_called: Whether anybody has received by this one.
    """

    __slots__ = ("receive", "was_called")

    def __init__(self, receive: Receive) -> None:
        self.receive: Receive = receive
        self.was_called: bool = False

    async def __call__(self) -> Message:
        """Receive the next message."""
        self.was_called = True
        return await self.receive()


class PeekedReceive:
    """A `receive` that can tell whether the client has gone, without losing a message.

    Args:
        receive: What it receives by.
        is_awaited: Whether the client waits with its body until somebody receives, who may not:
            a look would have the server ask for it.
    """

    __slots__ = ("_ahead", "_has_left", "_is_awaited", "_receive")

    def __init__(self, receive: Receive, *, is_awaited: bool = False) -> None:
        self._receive = receive
        self._is_awaited = is_awaited
        self._ahead: deque[Message] = deque()
        self._has_left = False

    async def __call__(self) -> Message:
        """Receive the next message: one that was seen before, if there is any."""
        return self._ahead.popleft() if self._ahead else await self._next()

    async def _next(self) -> Message:
        self._is_awaited = False
        message = await self._receive()
        self._has_left = message["type"] == "http.disconnect"
        return message

    async def has_left(self) -> bool:
        """Whether the client is known to have gone.

        It is known once the body has arrived. Of a body that nobody has received one part is looked
        at, so that a slow endpoint still holds the client back.
        """
        while not (
            self._has_left or self._is_awaited or (self._ahead and self._ahead[-1].get("more_body"))
        ):
            with anyio.CancelScope() as scope:
                scope.cancel()  # what is not there at once is not waited for
                self._ahead.append(await self._next())
            if scope.cancelled_caught:
                break
        return self._has_left


class GatheringReceive:
    """A `receive` that hands a large body over in large pieces, once it is known to be large.

    What is parsed of it is written to a file: each time in a worker thread, which costs more than
    writing some thousand bytes.
    """

    __slots__ = ("_receive", "_received")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._received = 0

    async def __call__(self) -> Message:
        """Receive the next piece, or how it came to an end."""
        message = await self._receive()
        size = len(message.get("body", b""))
        self._received += size
        if self._received < LARGE:
            return message
        parts: list[bytes] = []
        while message.get("more_body") and size < PIECE:
            parts.append(message.get("body", b""))
            message = await self._receive()
            size += len(message.get("body", b""))
        parts.append(message.get("body", b""))
        return {**message, "body": b"".join(parts)}


class SharedReceive:
    """A `receive` whose messages are not lost to the watcher.

    The watcher reads ahead by one part of the body, and waits until the endpoint has taken it: so
    the client is still held back by an endpoint that reads slowly.

    Attributes:
        has_left: Whether the watcher has seen that the client has gone.
    """

    __slots__ = ("_ahead", "_receive", "_taken", "_turn", "has_left")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ahead: deque[Message] = deque()
        self._taken = anyio.Event()
        self._turn = anyio.Lock()
        self.has_left: bool = False

    async def __call__(self) -> Message:
        """Receive the next message, for the request."""
        if not self._ahead:
            async with self._turn:  # while the watcher waits for a message, it comes first
                if not self._ahead:
                    return await self._receive()
        self._taken.set()
        return self._ahead.popleft()

    async def disconnect(self) -> None:
        """Wait until the client has gone."""
        while True:
            async with self._turn:
                message = await self._receive()
                self._ahead.append(message)
                self._taken = anyio.Event()
            if message["type"] == "http.disconnect":
                self.has_left = True
                return
            if message.get("more_body"):
                await self._taken.wait()
