"""Traces as a file in the format of Chrome's trace events, which Perfetto and speedscope open."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from microfw.dependencies import Span
from microfw.tracing._trace import Trace

_MICROSECONDS = 1_000_000


def chrome_trace(traces: Iterable[Trace]) -> dict[str, Any]:
    """Make the document: each trace is a process, each thread of it a thread.

    Times are microseconds since the epoch.
    """
    events = [event for number, trace in enumerate(traces, 1) for event in _events(number, trace)]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def write_chrome_trace(path: Path | str, traces: Iterable[Trace]) -> None:
    """Write the document to a file."""
    Path(path).write_bytes(msgspec.json.encode(chrome_trace(traces)))


def _events(number: int, trace: Trace) -> Iterator[dict[str, Any]]:
    begin = trace.began * _MICROSECONDS
    name = f"{trace.method} {trace.name}"
    said = {"status": trace.status, "route": trace.route, "error": trace.error}
    yield _named("process_name", number, 0, name)
    for thread in sorted({0, *(span.thread for span in trace.spans)}):
        lane = f"worker thread {thread}" if thread else "event loop"
        yield _named("thread_name", number, thread, lane)
    yield {
        "name": name,
        "cat": trace.kind,
        **_complete(number, 0, begin, trace.duration),
        "args": said,
    }
    for span in trace.spans:
        yield _event(number, begin, span)


def _event(number: int, begin: float, span: Span) -> dict[str, Any]:
    said = {"outcome": span.outcome, "scope": span.scope, "saw": span.saw, "raised": span.raised}
    if span.file is not None:
        said["place"] = f"{span.file}:{span.line}"
    shown = {key: value for key, value in said.items() if value is not None}
    at = begin + span.start / 1000
    complete = _complete(number, span.thread, at, span.duration)
    return {"name": span.label, "cat": span.kind, **complete, "args": shown}


def _complete(number: int, thread: int, at: float, duration: int) -> dict[str, Any]:
    return {"ph": "X", "ts": at, "dur": duration / 1000, "pid": number, "tid": thread}


def _named(what: str, number: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": number, "tid": thread, "args": {"name": name}}
