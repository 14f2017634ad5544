"""The header `Server-Timing`, which browsers show beside a request."""

from collections.abc import Iterator

from starlette.types import Message, Scope

from microfw.dependencies import OpenSpan, SpanKind
from microfw.tracing._ongoing import OngoingTrace
from microfw.tracing._sinks import Observer, Predicate, Sink

_SHOWN: frozenset[SpanKind] = frozenset(
    {
        *("receive", "read", "setup", "wait", "endpoint", "response", "exit", "handler"),
    }
)


class ServerTiming(Sink):
    """Adds the header to responses, with what had run when they started.

    It shows every client how the application is made, and how long it takes; so it is for
    development, or for those whom `when` lets see it.

    Args:
        when: Chooses by the ASGI scope whose responses get it.
    """

    def __init__(self, when: Predicate | None = None) -> None:
        self._when = when

    def wants(self, scope: Scope) -> bool:
        return scope["type"] == "http" and (self._when is None or self._when(scope))

    def observer(self, trace: OngoingTrace) -> Observer:
        return _Timings()


class _Timings(Observer):
    def __init__(self) -> None:
        self._ended: list[OpenSpan] = []

    def ended(self, span: OpenSpan, error: BaseException | None) -> None:
        if span.kind in _SHOWN:
            self._ended.append(span)

    def sends(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._ended:
            header = b"server-timing", ", ".join(self._metrics()).encode("ascii", "replace")
            message["headers"] = [*message.get("headers", ()), header]

    def _metrics(self) -> Iterator[str]:
        for number, span in enumerate(self._ended, 1):
            milliseconds = (span.end - span.start) / 1e6
            yield f's{number};desc="{_quoted(span.label)}";dur={milliseconds:.3f}'


def _quoted(text: str) -> str:
    """The inside of a quoted string (RFC 9110, section 5.6.4)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
