"""What ran: a trace of each request, WebSocket and background task, for listeners."""

from microfw.dependencies import LogLine, OpenSpan, Outcome, ShownValue, Span, SpanKind
from microfw.tracing._chrome import chrome_trace, write_chrome_trace
from microfw.tracing._listening import Listening, Tracing, trace_requests, without_layer
from microfw.tracing._ongoing import OngoingTrace
from microfw.tracing._server_timing import ServerTiming
from microfw.tracing._sinks import Observer, Sink
from microfw.tracing._telemetry import listen_by_telemetry
from microfw.tracing._terminal import render
from microfw.tracing._trace import Trace, TraceKind

__all__ = [
    "Listening",
    "LogLine",
    "Observer",
    "OngoingTrace",
    "OpenSpan",
    "Outcome",
    "ServerTiming",
    "ShownValue",
    "Sink",
    "Span",
    "SpanKind",
    "Trace",
    "TraceKind",
    "Tracing",
    "chrome_trace",
    "listen_by_telemetry",
    "render",
    "trace_requests",
    "without_layer",
    "write_chrome_trace",
]
