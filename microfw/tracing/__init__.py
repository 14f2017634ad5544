"""What ran: a trace of each request, WebSocket and background task, for whoever listens."""

from microfw.dependencies import Observer, OpenSpan, Outcome, Span, SpanKind
from microfw.tracing._listening import Listening, Tracing, trace_requests, without_layer
from microfw.tracing._ongoing import OngoingTrace, Sink
from microfw.tracing._trace import LogLine, Trace, TraceKind

__all__ = [
    "Listening",
    "LogLine",
    "Observer",
    "OngoingTrace",
    "OpenSpan",
    "Outcome",
    "Sink",
    "Span",
    "SpanKind",
    "Trace",
    "TraceKind",
    "Tracing",
    "trace_requests",
    "without_layer",
]
