"""One session with one museum: what is sent, and all that comes of it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.twin.loading import Museum


@dataclass(frozen=True)
class Step:
    """What a client does: a request, or a whole conversation over a WebSocket."""

    method: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else the test client's method takes."""
    lines: tuple[Any, ...] = ()
    """Of a conversation: text or bytes to send, `HEAR` to receive, a number to close with."""

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={str(value)[:90]}" for name, value in self.options.items())
        return f"{self.method} {self.path} {shown}{self.lines or ''}"


HEAR = object()


@dataclass(frozen=True)
class Outcome:
    """What has come of one step.

    Attributes:
        status: Of the answer; of a conversation that was refused, its code.
        headers: Sorted by name; several of one name in the order in which they were sent. Dates that
            depend on the time of the day are left out.
        body: Of the answer, or what was heard in the conversation.
        entries: What the museum has noted meanwhile.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Any
    entries: tuple[str, ...]

    @property
    def fields(self) -> dict[str, str]:
        """The headers, where it does not matter whether one was sent twice."""
        return dict(self.headers)


def play(museum: Museum, steps: Iterable[Step], backend: str) -> Iterator[Outcome]:
    """Do the steps, one after the other; the last outcome is that of the shutdown."""
    entries = museum.entries
    with TestClient(
        museum.app,
        backend=backend,  # type: ignore[arg-type]
        raise_server_exceptions=False,
        follow_redirects=False,
    ) as client:
        for step in steps:
            status, headers, body = _converse(client, step) if step.lines else _ask(client, step)
            client.cookies.clear()
            yield Outcome(status, tuple(sorted(headers, key=_name)), body, _taken(entries))
    yield Outcome(0, (), "shutdown", _taken(entries))


def _name(header: tuple[str, str]) -> str:
    return header[0]


def _taken(entries: list[str]) -> tuple[str, ...]:
    taken = tuple(entries)
    entries.clear()
    return taken


def _ask(client: TestClient, step: Step) -> tuple[int, list[tuple[str, str]], bytes]:
    answer = client.request(step.method, step.path, **step.options)
    headers = [
        (name, re.sub("expires=[^;]+", "expires=now", value))
        for name, value in answer.headers.multi_items()
    ]
    return answer.status_code, headers, answer.content


def _converse(
    client: TestClient, step: Step
) -> tuple[int, list[tuple[str, str]], list[Mapping[str, Any]]]:
    heard: list[Mapping[str, Any]] = []
    try:
        with client.websocket_connect(step.path, **step.options) as websocket:
            sent: Any = websocket.extra_headers
            headers = [(name.decode(), value.decode()) for name, value in sent or ()]
            for line in step.lines:
                _say(websocket, line, heard)
    except WebSocketDenialResponse as refusal:
        return refusal.status_code, refusal.headers.multi_items(), [{"denied": refusal.content}]
    except WebSocketDisconnect as refusal:
        return refusal.code, [], [{"refused": refusal.reason}]
    return 101, headers, heard


def _say(websocket: WebSocketTestSession, line: Any, heard: list[Mapping[str, Any]]) -> None:
    if line is HEAR:
        heard.append(websocket.receive())
    elif isinstance(line, int):
        websocket.close(line)
    elif isinstance(line, bytes):
        websocket.send_bytes(line)
    else:
        websocket.send_text(line)
