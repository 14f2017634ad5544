"""Traces as a file in the format of Chrome's trace events, which Perfetto and speedscope open."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from microfw.dependencies import Span
from microfw.tracing._trace import Trace

_NANOSECONDS = 1_000_000_000


def chrome_trace(traces: Iterable[Trace]) -> dict[str, Any]:
    """Make the document: each trace is a process, each thread of it a thread.

    Times are microseconds since the first of them began, which `otherData` tells: as many as there
    are since the epoch would be rounded, and spans would no longer nest.
    """
    kept = [*traces]
    origin = min((trace.began for trace in kept), default=0.0)
    events = [e for number, trace in enumerate(kept, 1) for e in _events(number, trace, origin)]
    began = datetime.fromtimestamp(origin, UTC).isoformat()
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"began": began}}


def write_chrome_trace(path: Path | str, traces: Iterable[Trace]) -> None:
    """Write the document to a file."""
    Path(path).write_bytes(msgspec.json.encode(chrome_trace(traces)))


def _events(number: int, trace: Trace, origin: float) -> Iterator[dict[str, Any]]:
    begin = round((trace.began - origin) * _NANOSECONDS)
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


def _event(number: int, begin: int, span: Span) -> dict[str, Any]:
    said = {"outcome": span.outcome, "scope": span.scope, "saw": span.saw, "raised": span.raised}
    if span.file is not None:
        said["place"] = f"{span.file}:{span.line}"
    shown = {key: value for key, value in said.items() if value is not None}
    complete = _complete(number, span.thread, begin + span.start, span.duration)
    return {"name": span.label, "cat": span.kind, **complete, "args": shown}


def _complete(number: int, thread: int, at: int, duration: int) -> dict[str, Any]:
    return {"ph": "X", "ts": at / 1000, "dur": duration / 1000, "pid": number, "tid": thread}


def _named(what: str, number: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": number, "tid": thread, "args": {"name": name}}
