"""A client that sends what no HTTP library would, and looks at the answer."""

import asyncio
import json
import logging
import re
import signal
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from types import FrameType
from typing import Any

from starlette.datastructures import Headers

from proof.malformed.application import app, opened
from tests.servers import ROOT

MOST_SECONDS = 2.0
"""What an answer may cost of a core; the inputs have at most some 100 kB."""
PATIENCE = 60.0
"""Seconds after which no answer is expected any more."""


@dataclass(frozen=True)
class Sent:
    """A request, in the words of ASGI."""

    path: str
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: Sequence[bytes] = ()
    """The parts in which it comes; where there are some, the method is POST."""
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else is in the scope."""
    lacks: Sequence[str] = ()
    """What a server may leave out of the scope, and does."""
    vanishes: bool = False
    """Whether the client goes before the end of the body."""

    @property
    def scope(self) -> dict[str, Any]:
        scope = {
            "type": "http",
            "method": "POST" if self.body else "GET",
            "path": self.path,
            "raw_path": self.path.encode(errors="replace"),
            "root_path": "",
            "scheme": "http",
            "query_string": self.query,
            "headers": list(self.headers),
            "server": ("test", 80),
            "client": ("test", 1),
            "http_version": "1.1",
            **self.changes,
        }
        return {key: value for key, value in scope.items() if key not in self.lacks}


@dataclass(frozen=True)
class Talk:
    """A WebSocket, in the words of ASGI."""

    handshake: Sent
    messages: Sequence[Mapping[str, Any]] = ()
    """What the client sends, one after the other."""
    goodbye: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """How it goes, then."""

    @property
    def scope(self) -> dict[str, Any]:
        return {"subprotocols": [], **self.handshake.scope, "type": "websocket"}


class Logged(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []
        self.forged: list[str] = []
        """What would be more than a line, or control a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            self.errors.append(message)
        if not message.isprintable():
            self.forged.append(message)


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` where the block takes too long, whether it waits or works."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer in {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


async def respond_to(sent: Sent) -> list[Any]:
    """Return the messages that the application sends."""
    incoming = list(sent.body)
    outgoing: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not incoming and sent.vanishes:
            return {"type": "http.disconnect"}
        body = incoming.pop(0) if incoming else b""
        return {
            "type": "http.request",
            "body": body,
            "more_body": bool(incoming) or sent.vanishes,
        }

    async def send(message: Any) -> None:
        outgoing.append(message)

    await app(sent.scope, receive, send)
    return outgoing


async def talk_as(talk: Talk) -> list[Any]:
    """Return the messages that the application sends, to a client that goes in the end."""
    incoming: list[Mapping[str, Any]] = [{"type": "websocket.connect"}, *talk.messages]
    outgoing: list[Any] = []
    has_gone = False

    async def receive() -> Any:
        nonlocal has_gone
        if incoming:
            return incoming.pop(0)
        has_gone = True
        return {"type": "websocket.disconnect", **talk.goodbye}

    async def send(message: Any) -> None:
        if has_gone:
            raise OSError("the client has gone")
        outgoing.append(message)

    await app(talk.scope, receive, send)
    return outgoing


def run(runner: asyncio.Runner, conversation: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """Return what the application sends; see that it takes its time, says and keeps nothing."""
    logged = Logged()
    logging.getLogger().addHandler(logged)
    started = time.process_time()
    try:
        with alarm(PATIENCE):
            outgoing = runner.run(conversation)
    finally:
        logging.getLogger().removeHandler(logged)
    assert time.process_time() - started < MOST_SECONDS
    assert (logged.errors, logged.forged) == ([], [])
    assert opened == []
    return outgoing


def check_talk(runner: asyncio.Runner, talk: Talk) -> list[Any]:
    """Connect, talk, and look at what the property promises; return what was sent."""
    outgoing = run(runner, talk_as(talk))
    first, *others = [message["type"] for message in outgoing]
    closed = [message["code"] for message in outgoing if message["type"] == "websocket.close"]
    if first == "websocket.accept":
        assert {*others} <= {"websocket.send"}
        assert len(others) <= len(talk.messages)
    elif first == "websocket.http.response.start":
        assert 400 <= outgoing[0]["status"] < 500
        assert {*others} == {"websocket.http.response.body"}
    else:
        assert (first, others, closed) in [
            ("websocket.close", [], [1000]),
            ("websocket.close", [], [1008]),
        ]
    return outgoing


def check(runner: asyncio.Runner, sent: Sent) -> int:
    """Send it, and look at what the property promises; return the status.

    That is 0 where the client has gone and there is no answer.
    """
    outgoing = run(runner, respond_to(sent))
    if sent.vanishes and not outgoing:
        return 0
    start, *parts = outgoing
    return check_answer(sent, start["status"], start["headers"], [part["body"] for part in parts])


def check_answer(
    sent: Sent, status: int, raw: Sequence[tuple[bytes, bytes]], parts: Sequence[bytes]
) -> int:
    body = b"".join(parts)
    assert not any(re.search(rb"[\r\n\0]", part) for header in raw for part in header)
    assert b"Traceback" not in body
    assert str(ROOT).encode() not in body
    if status == 307:
        assert Headers(raw=list(raw))["location"]
    elif sent.scope["method"] != "HEAD":
        content = json.loads(body, parse_int=str)  # of any number of digits
        assert 200 <= status < 300 or (400 <= status < 500 and content["detail"])
    assert status < 500
    return status


def cut(data: bytes, places: list[float]) -> list[bytes]:
    """The parts in which a body comes; at least one."""
    ends = [0, *sorted(int(len(data) * place) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]
