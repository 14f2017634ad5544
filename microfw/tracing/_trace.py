"""A trace: what one request, WebSocket, task or start-up has run through."""

from typing import Literal

from msgspec import Struct

from microfw.dependencies import LogLine, ShownValue, Span, SpanKind

TraceKind = Literal["request", "websocket", "task", "lifespan"]

_ORDER: frozenset[SpanKind] = frozenset(
    {
        *("setup", "endpoint", "exit", "around", "handler", "send", "task"),
        *("accept", "close", "disconnect"),
    }
)


class Trace(Struct, frozen=True):
    """What one request, WebSocket, task, start-up or shutdown has run through.

    Attributes:
        kind: What it was.
        name: The path that was asked for; of a task, its function's name; of a lifespan,
            `"start-up"` or `"shutdown"`.
        method: The HTTP method; `"WEBSOCKET"`, `"TASK"` and `"LIFESPAN"` for the others.
        route: The path of the route as it was declared; `None` where none matched.
        status: Of the response that was sent; of a WebSocket, the code with which it was closed.
        began: When it began, in seconds since the epoch.
        duration: Nanoseconds from its begin to the end of its last task.
        error: The class of the exception that nothing has answered.
        spans: All that happened, in the order in which it began.
        source: The generated source that ran, which spans refer to by their `at`.
        logs: What was logged meanwhile, where that is collected.
        values: What was read, for a sink that wants values.
    """

    kind: TraceKind
    name: str
    method: str
    route: str | None
    status: int | None
    began: float
    duration: int
    error: str | None
    spans: tuple[Span, ...]
    source: str
    logs: tuple[LogLine, ...] = ()
    values: tuple[ShownValue, ...] = ()

    @property
    def order(self) -> list[str]:
        """In which order the author's code ran, for tests.

        Setup, endpoint, exit code, exception handlers, tasks, and what is sent meanwhile:
        `["setup get_session", "endpoint create_order", "exit get_session", "send"]`.
        """
        return [span.label for span in self.spans if span.kind in _ORDER]

    def find(self, kind: SpanKind, name: str | None = None) -> Span:
        """The first span of a kind, and of a function.

        Raises:
            LookupError: There is none.
        """
        for span in self.spans:
            if span.kind == kind and name in (None, span.name):
                return span
        raise LookupError(f"there is no {kind} {name or ''}".rstrip())

    def inside(self, outer: Span) -> list[Span]:
        """The spans right inside of another one."""
        number = self.spans.index(outer)
        return [span for span in self.spans if span.parent == number]
