"""Traces go to a terminal, to a file of Chrome's, into a header."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from microfw import App, BackgroundTasks, Depends, HTTPException, WebSocket
from microfw.tracing import (
    LogLine,
    Observer,
    OngoingTrace,
    ServerTiming,
    Sink,
    Span,
    Trace,
    chrome_trace,
    render,
    trace_requests,
    write_chrome_trace,
)
from tests.lifecycle.programs import Log

MILLISECOND = 1_000_000


def span(kind: Any, name: str, start: float, end: float, **others: Any) -> Span:
    """A span of a function; times in milliseconds."""
    said: dict[str, Any] = dict.fromkeys(
        [
            *("scope", "at", "saw", "raised", "raised_at", "raised_in", "parent"),
        ]
    )
    said |= {"function": f"shop.{name}", "file": "shop.py", "line": 1}
    said |= {"thread": 0, "outcome": "ok", "depth": 0, **others}
    said |= {"start": int(start * MILLISECOND), "end": int(end * MILLISECOND)}
    return Span(kind=kind, name=name, **said)


ORDER = Trace(
    kind="request",
    name="/orders",
    method="POST",
    route="/orders",
    status=409,
    began=1000.0,
    duration=10 * MILLISECOND,
    error=None,
    source="",
    spans=(
        span("open", "get_session", 0, 8, scope="request", outcome="raised", raised="Sold"),
        span("setup", "get_session", 0, 2, depth=1, parent=0, scope="request"),
        span(
            "endpoint", "order", 2, 6, depth=1, parent=0, thread=1, outcome="raised", raised="Sold"
        ),
        span(
            "exit",
            "get_session",
            6,
            8,
            depth=1,
            parent=0,
            outcome="passed",
            saw="Sold",
            raised="Sold",
        ),
        span("send", "send", 9, 10),
    ),
    logs=(LogLine(5 * MILLISECOND, "INFO", "shop", "sold out"),),
)


def test_a_terminal_shows_a_tree_with_bars() -> None:
    assert render(ORDER, width=72).splitlines() == [
        "POST /orders  409  10.00 ms",
        "open get_session     ────────────         8.00 ms  (request) raised Sold",
        "  setup get_session  ███▎                 2.00 ms",
        "  endpoint order        ██████▍           4.00 ms  thread 1 raised Sold",
        "  exit get_session            ███▎        2.00 ms  saw Sold passed",
        "send                               █▋     1.00 ms",
        "5.00 ms INFO shop: sold out",
    ]


def test_a_terminal_shows_scopes_and_failures_in_colour() -> None:
    lines = render(ORDER, colour=True).splitlines()
    assert "\x1b[31m─" in lines[1]  # it has failed
    assert "\x1b[35m█" in lines[2]  # scope "request"
    assert "\x1b[36m" in lines[5]
    plain = [re.sub(r"\x1b\[\d+m", "", line) for line in lines]
    assert plain == render(ORDER).splitlines()


def test_a_terminal_names_the_exception_that_nobody_answered(app: App) -> None:
    @app.get("/")
    async def fail() -> None:
        raise KeyError

    with trace_requests(app) as traces:
        TestClient(app, raise_server_exceptions=False).get("/")
    assert render(traces[0]).splitlines()[0].endswith("KeyError")


def test_a_trace_of_nothing_can_be_shown() -> None:
    empty = Trace("websocket", "/", "WEBSOCKET", None, None, 0.0, 0, None, (), "")
    assert render(empty) == "WEBSOCKET /  no answer  0.00 ms"


def test_chromes_events_are_complete_and_nest(app: App, tmp_path: Path) -> None:
    def get_connection() -> Iterator[str]:
        yield "connection"

    async def get_session() -> AsyncIterator[str]:
        yield "session"

    def audit() -> None: ...

    @app.get("/", dependencies=[Depends(get_session, scope="request"), Depends(get_connection)])
    async def read_items(tasks: BackgroundTasks) -> str:
        tasks.add_task(audit)
        raise HTTPException(409)

    with trace_requests(app) as traces:
        TestClient(app).get("/")
        TestClient(app).get("/nowhere")
    path = tmp_path / "trace.json"
    write_chrome_trace(path, traces)
    document = json.loads(path.read_bytes())
    assert document["displayTimeUnit"] == "ms"
    events = document["traceEvents"]
    for event in events:
        assert {name: type(value) for name, value in event.items()} == CHROMES[event["ph"]]
    complete = [event for event in events if event["ph"] == "X"]
    assert {event["pid"] for event in complete} == {1, 2}
    assert min(event["ts"] for event in complete) == 0
    assert min(event["dur"] for event in complete) >= 0
    for lane in {(event["pid"], event["tid"]) for event in complete}:
        own = [event for event in complete if (event["pid"], event["tid"]) == lane]
        assert_nested(sorted(own, key=lambda event: (event["ts"], -event["dur"])))
    named = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert {"GET /", "GET /nowhere", "event loop", "worker thread 1"} == named
    exits = [event for event in complete if event["name"] == "exit get_session"]
    assert exits[0]["args"]["saw"] == "HTTPException(409)"
    assert exits[0]["args"]["place"].startswith(__file__)


CHROMES: dict[str, dict[str, type]] = {
    "M": {"name": str, "ph": str, "pid": int, "tid": int, "args": dict},
    "X": {
        "name": str,
        "cat": str,
        "ph": str,
        "ts": float,
        "dur": float,
        "pid": int,
        "tid": int,
        "args": dict,
    },
}
"""What a metadata event and a complete event consist of."""


def assert_nested(events: list[dict[str, Any]]) -> None:
    """Events of one thread have to nest, to the nanosecond: viewers make a stack of them."""
    open_until: list[int] = []
    for event in events:
        start, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)
        while open_until and open_until[-1] <= start:
            open_until.pop()
        assert not open_until or end <= open_until[-1], event["name"]
        open_until.append(end)


def test_chromes_times_are_microseconds_since_the_first_trace_began() -> None:
    later = msgspec.structs.replace(ORDER, began=ORDER.began + 1)
    document = chrome_trace([later, ORDER])
    found = [event for event in document["traceEvents"] if event["name"] == "setup get_session"]
    assert [(event["pid"], event["ts"], event["dur"]) for event in found] == [
        (1, 1_000_000.0, 2000.0),
        (2, 0.0, 2000.0),
    ]
    assert document["otherData"] == {"began": "1970-01-01T00:16:40+00:00"}
    assert chrome_trace([])["traceEvents"] == []


def test_chromes_events_of_today_are_not_rounded() -> None:
    inner = [
        span("endpoint", "order", n / 1e6, (n + 1) / 1e6, depth=1, parent=0) for n in range(50)
    ]
    outer = span("open", "get_session", 0, 50 / 1e6)
    today = msgspec.structs.replace(ORDER, began=1_796_130_878.38, spans=(outer, *inner))
    events = [event for event in chrome_trace([today])["traceEvents"] if event["ph"] == "X"]
    assert_nested(sorted(events, key=lambda event: (event["ts"], -event["dur"])))


# ---------------------------------------------------------------------- Server-Timing


def timed() -> App:
    app = App()

    async def get_session() -> AsyncIterator[str]:
        yield "session"

    @app.get("/", dependencies=[Depends(get_session)])
    async def read_items() -> str:
        return "items"

    @app.websocket("/")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

    return app


def test_a_header_tells_browsers_what_took_how_long() -> None:
    app = timed()
    with app.tracing.listen(ServerTiming()):
        header = TestClient(app).get("/").headers["server-timing"]
    metrics = [
        re.fullmatch(r's\d+;desc="(.*)";dur=\d+\.\d{3}', each) for each in header.split(", ")
    ]
    assert [metric and metric[1] for metric in metrics] == [
        *("setup get_session", "endpoint read_items", "response read_items", "exit get_session"),
    ]


def test_the_header_is_for_those_who_may_see_it() -> None:
    app = timed()
    with app.tracing.listen(ServerTiming(when=lambda scope: scope["query_string"] == b"timing")):
        client = TestClient(app)
        assert "server-timing" in client.get("/?timing").headers
        assert "server-timing" not in client.get("/").headers
        with client.websocket_connect("/"):
            pass
        assert "server-timing" not in client.get("/nowhere?timing").headers


class Failing(Sink):
    """Fails in one of its methods, or its observer's."""

    def __init__(self, method: str) -> None:
        self.method = method

    def observer(self, trace: OngoingTrace) -> Observer:
        self.reached("observer")
        observer = Observer()
        for name in ("began", "ended", "sends", "sent", "finished"):
            vars(observer)[name] = partial(self.reached, name)
        return observer

    def reached(self, method: str, *_: object) -> None:
        if method == self.method:
            raise RuntimeError(method)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("observer", "a listener to traces failed, and does not watch this one"),
        *(
            (name, "an observer of a trace failed")
            for name in ("began", "ended", "sends", "sent", "finished")
        ),
    ],
)
def test_what_watches_a_request_and_fails_changes_nothing_of_it(
    method: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Y1"""
    app, log = App(), Log()

    async def get_session() -> AsyncIterator[None]:
        with log.opened("session"):
            yield

    @app.get("/", dependencies=[Depends(get_session)])
    async def read() -> str:
        return "done"

    with app.tracing.listen(Failing(method)):
        answer = TestClient(app).get("/")

    assert (answer.status_code, answer.json()) == (200, "done")
    assert log == ["session opens", "session exits"]
    (record,) = caplog.records
    assert (record.getMessage(), repr(record.exc_info[1])) == (message, f"RuntimeError({method!r})")  # type: ignore[index]
