"""A client that sends what no HTTP library would, and looks at the answer."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from starlette.datastructures import Headers

from tests.malformed.application import app, opened


@dataclass(frozen=True)
class Sent:
    """A request, in the words of ASGI."""

    path: str
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: Sequence[bytes] = ()
    """The parts in which it comes; where there are some, the method is POST."""

    @property
    def scope(self) -> dict[str, Any]:
        return {
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
        }


class Logged(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


async def respond_to(sent: Sent) -> tuple[int, Headers, bytes]:
    incoming = list(sent.body)
    outgoing: list[Any] = []

    async def receive() -> dict[str, Any]:
        body = incoming.pop(0) if incoming else b""
        return {"type": "http.request", "body": body, "more_body": bool(incoming)}

    async def send(message: Any) -> None:
        outgoing.append(message)

    await app(sent.scope, receive, send)
    start, *parts = outgoing
    headers = Headers(raw=list(start["headers"]))
    return start["status"], headers, b"".join(part["body"] for part in parts)


def check(runner: asyncio.Runner, sent: Sent) -> int:
    """Send it, and look at what the property promises; return the status."""
    logged = Logged()
    logging.getLogger().addHandler(logged)
    try:
        status, headers, body = runner.run(respond_to(sent))
    finally:
        logging.getLogger().removeHandler(logged)
    assert logged.messages == []
    assert opened == []
    if status == 307:
        assert headers["location"]
    else:
        content = json.loads(body)
        assert 200 <= status < 300 or (400 <= status < 500 and content["detail"])
    return status


def cut(data: bytes, places: list[float]) -> list[bytes]:
    """The parts in which a body comes; at least one."""
    ends = [0, *sorted(int(len(data) * place) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]
