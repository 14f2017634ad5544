"""A trace as text: a tree, and beside each span when it ran."""

from microfw.dependencies import LogLine, Span
from microfw.tracing._trace import Trace

LEAST_WIDTH = 72
_COLOURS = {None: "36", "use": "32", "function": "34", "request": "35", "app": "33"}
"""ANSI's, by scope: cyan, green, blue, magenta, yellow."""
_BAD = frozenset({"raised", "replaced", "swallowed", "cut off", "cancelled", "invalid"})
_ANSWERED = ("request", "websocket")
_RED, _DIM = "31", "2"
_NANOSECONDS = 1_000_000
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def render(trace: Trace, *, width: int = 100, colour: bool = False) -> str:
    """Show a trace: each span below what it is inside of, with a bar for its time.

    Args:
        trace: What to show.
        width: Columns of the terminal.
        colour: Whether it shows colours: of scopes, and red for what went wrong.
    """
    return _Text(trace, max(width, LEAST_WIDTH), colour=colour).text()


def duration(nanoseconds: int) -> str:
    """A time, in milliseconds."""
    return f"{nanoseconds / _NANOSECONDS:.2f} ms"


def noted(span: Span) -> str:
    """The rest of a span's line: all but its name and its time."""
    parts = [f"({span.scope})"] if span.kind == "open" and span.scope else []
    if span.thread:
        parts.append(f"thread {span.thread}")
    if span.saw:
        parts.append(f"saw {span.saw}")
    if span.outcome != "ok":
        parts.append(span.outcome)
    if span.raised and span.raised != span.saw:
        parts.append(span.raised)
    return " ".join(parts)


class _Text:
    def __init__(self, trace: Trace, width: int, *, colour: bool) -> None:
        self._trace = trace
        self._colour = colour
        self._labels = [f"{'  ' * span.depth}{span.label}" for span in trace.spans]
        self._column = max(map(len, self._labels), default=0) + 2
        notes = max((len(noted(span)) for span in trace.spans), default=0)
        self._bars = max(width - self._column - notes - 14, 16)

    def text(self) -> str:
        trace = self._trace
        found = f"{trace.method} {trace.name}"
        answered = [str(trace.status or "no answer")] if trace.kind in _ANSWERED else []
        parts = [found, *answered, duration(trace.duration)]
        if trace.error is not None:
            parts.append(self._painted(trace.error, _RED))
        lines = ["  ".join(parts)]
        lines += [self._line(*each) for each in zip(trace.spans, self._labels, strict=True)]
        lines += [self._logged(line) for line in trace.logs]
        return "\n".join(lines)

    def _line(self, span: Span, label: str) -> str:
        code = _RED if span.outcome in _BAD else _COLOURS[span.scope]
        took = duration(span.duration).rjust(11)
        bar = self._painted(self._bar(span), code)
        notes = self._painted(noted(span), _RED if span.outcome in _BAD else _DIM)
        return f"{label.ljust(self._column)}{bar} {took}  {notes}".rstrip()

    def _bar(self, span: Span) -> str:
        """When a span ran; of what is open, a thin line."""
        each = max(self._trace.duration, 1) / self._bars
        first = min(int(span.start / each), self._bars - 1)
        eighths = max(round(span.duration / each * 8), 1)
        full, rest = divmod(eighths, 8)
        filled = "─" * max(full, 1) if span.kind == "open" else "█" * full + _EIGHTHS[rest].strip()
        return f"{' ' * first}{filled}"[: self._bars].ljust(self._bars)

    def _logged(self, line: LogLine) -> str:
        return self._painted(
            f"{duration(line.at)} {line.level} {line.logger}: {line.message}", _DIM
        )

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text.strip() else text
