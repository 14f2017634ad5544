"""Calls an ASGI application in its own process: no socket, no test client, nothing in between."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from threading import get_ident
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

Log = deque[Any]
"""Everything that happens, in order: what the work notes, and the messages that are sent.

The work notes a word, or where it may be in a worker thread, a word with the thread's identity.
"""

KEPT_EVENTS = 1000
"""More than one request of any case has; while timing, the events of earlier ones fall out."""

PIECE = 64 * 1024
"""What a server hands over at once of a body, in bytes."""


def new_log() -> Log:
    """Make the log that one application and its client share."""
    return deque(maxlen=KEPT_EVENTS)


@dataclass(frozen=True, slots=True)
class Request:
    """What the client asks for."""

    path: str
    method: str = "GET"
    query: bytes = b""
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = (
        (b"host", b"127.0.0.1:8000"),
        (b"user-agent", b"benchmark"),
        (b"accept", b"*/*"),
        (b"connection", b"keep-alive"),
    )

    def scope(self) -> dict[str, Any]:
        """Make the scope as a server would."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "root_path": "",
            "headers": list(self.headers),
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }

    def messages(self) -> list[Message]:
        """Cut the body into the messages in which a server would hand it over."""
        starts = range(0, len(self.body), PIECE) or (0,)
        return [
            {
                "type": "http.request",
                "body": self.body[start : start + PIECE],
                "more_body": start + PIECE < len(self.body),
            }
            for start in starts
        ]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A WebSocket connection, on which the client sends one text."""

    path: str
    text: str

    def scope(self) -> dict[str, Any]:
        """Make the scope as a server would."""
        scope = Request(self.path).scope()
        del scope["method"]
        return scope | {"type": "websocket", "scheme": "ws", "subprotocols": []}

    def messages(self) -> list[Message]:
        """Connect, and send the text."""
        return [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": self.text},
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"


class Client:
    """Makes the same request of one application again and again."""

    def __init__(self, app: ASGIApp, request: Request | Conversation, log: Log) -> None:
        self._app = app
        self._request = request
        self._log = log
        self._messages = request.messages()
        self._received = 0

    async def call(self) -> None:
        """Make the request, and wait until the application has returned."""
        self._received = 0
        await self._app(self._request.scope(), self._receive, self._send)

    async def call_repeatedly(self, times: int) -> None:
        """Make the request some times, one after the other."""
        app, scope, receive, send = self._app, self._request.scope, self._receive, self._send
        for _ in range(times):
            self._received = 0
            await app(scope(), receive, send)

    async def _receive(self) -> Message:
        if self._received == len(self._messages):  # the client stays until it has its answer
            await asyncio.get_running_loop().create_future()
        self._received += 1
        return dict(self._messages[self._received - 1])

    async def _send(self, message: Message) -> None:
        self._log.append(message)


def events_of(log: Log) -> tuple[str, ...]:
    """Put into words what a log holds; to be called in the event loop's thread."""
    return tuple(map(_in_words, log))


def _in_words(event: Any) -> str:
    if isinstance(event, str):
        return event
    if isinstance(event, tuple):
        what, thread = event
        return f"{what} on the event loop" if thread == get_ident() else f"{what} in a thread"
    return f"send {event['type'].removeprefix('http.')}"


def answer_of(log: Log) -> Answer:
    """Put together what was sent."""
    messages = [event for event in log if isinstance(event, dict)]
    if messages[0]["type"] == "websocket.accept":
        return text_answer("".join(each.get("text") or "" for each in messages))
    start = next(each for each in messages if each["type"] == "http.response.start")
    headers = dict(start["headers"])
    body = b"".join(each.get("body", b"") for each in messages)
    return Answer(start["status"], body, headers.get(b"content-type", b""))


def json_answer(content: Any, status: int = 200) -> Answer:
    """Make the answer that has this content as compact JSON."""
    return Answer(status, json.dumps(content, separators=(",", ":")).encode())


def text_answer(text: str) -> Answer:
    """Make the answer of a connection on which this text was sent."""
    return Answer(101, text.encode(), b"")
