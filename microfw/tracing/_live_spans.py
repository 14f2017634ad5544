"""Spans of OpenTelemetry, made while what they are about runs."""

import time
from time import perf_counter_ns
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Link, StatusCode
from opentelemetry.trace import SpanKind as Role
from starlette.datastructures import Headers
from starlette.types import Message

from microfw.dependencies import OpenSpan, SpanKind
from microfw.tracing._ongoing import OngoingTrace
from microfw.tracing._server_spans import (
    common_attributes,
    is_of_client,
    known_method,
    server_attributes,
)
from microfw.tracing._sinks import Observer

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
DEFAULT_KINDS: tuple[SpanKind, ...] = (
    *("setup", "endpoint", "exit", "handler", "background", "task"),
)

_LIVE: frozenset[SpanKind] = frozenset({*DEFAULT_KINDS, "response"})
"""What is current while it runs, since it runs code that may make spans of its own."""
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_SERVER_ERROR = 500
_FAILURES = ("raised", "replaced", "cut off")

_Made = tuple[trace.Span, Any]


class Instruments:
    """What measures an application's requests."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter("microfw", schema_url=SCHEMA)
        self.duration = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self.active = meter.create_up_down_counter(
            "http.server.active_requests",
            unit="{request}",
            description="Number of active HTTP server requests.",
        )


class LiveSpans(Observer):
    """Makes the spans of one request or WebSocket, and measures it.

    Args:
        request: What is traced.
        tracer: Makes the spans; there are none without it.
        instruments: Measure the request, if given.
        kinds: What becomes a span.
        makes_server_span: Whether the request itself becomes one.
    """

    def __init__(
        self,
        request: OngoingTrace,
        tracer: trace.Tracer | None,
        instruments: Instruments | None,
        kinds: frozenset[SpanKind],
        *,
        makes_server_span: bool,
    ) -> None:
        self._request = request
        self._tracer = tracer
        self._instruments = instruments
        self._kinds = kinds
        self._offset = time.time_ns() - perf_counter_ns()
        self._made: dict[OpenSpan, _Made] = {}
        self._has_ended = False
        self._recorded: bool | None = None
        self._server: trace.Span | None = None
        self._token: Any = None
        if tracer is not None and makes_server_span:
            self._start_server_span(tracer)
        if instruments is not None:
            instruments.active.add(1, self._of_active())

    def _start_server_span(self, tracer: trace.Tracer) -> None:
        scope = self._request.scope
        parent, role = context.get_current(), Role.INTERNAL
        if is_of_client(scope):
            parent, role = (
                propagate.extract(Headers(scope=scope), getter=_FROM_HEADERS),
                Role.SERVER,
            )
        said = server_attributes(scope)
        self._server = tracer.start_span(self._server_name(), parent, role, said)
        self._token = context.attach(trace.set_span_in_context(self._server, parent))

    def _server_name(self) -> str:
        scope, route = self._request.scope, self._request.route
        if not is_of_client(scope):
            return f"{self._request.method} {scope['path']}"
        method = "WEBSOCKET"
        if scope["type"] == "http":
            method = known_method(scope).replace("_OTHER", "HTTP")
        return method if route is None else f"{method} {route}"

    def _of_active(self) -> dict[str, Any]:
        attributes = common_attributes(self._request.scope)
        return {k: v for k, v in attributes.items() if k != "network.protocol.version"}

    # -- what runs

    @property
    def _is_recorded(self) -> bool:
        """Whether the sampler has kept the span that the request's others hang below."""
        if self._recorded is None:
            self._recorded = trace.get_current_span().is_recording()
        return self._recorded

    def began(self, span: OpenSpan) -> None:
        if span.kind not in _LIVE & self._kinds or self._tracer is None or not self._is_recorded:
            return
        links: list[Link] = []
        parent: Context | None = None
        if _starts_background_task(span):
            links, parent = [Link(trace.get_current_span().get_span_context())], Context()
        made = self._tracer.start_span(span.label, parent, attributes=_said(span), links=links)
        self._made[span] = made, context.attach(trace.set_span_in_context(made))

    def ended(self, span: OpenSpan, error: BaseException | None) -> None:
        made = self._made.pop(span, None)
        if made is not None:
            context.detach(made[1])
            _end(made[0], span, error)
        elif span.kind in self._kinds - _LIVE and self._tracer is not None and self._is_recorded:
            start, end = span.start + self._offset, span.end + self._offset
            late = self._tracer.start_span(span.label, attributes=_said(span), start_time=start)
            _end(late, span, error, end)

    # -- the request as a whole

    def sent(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._end(None)

    def finished(self, error: BaseException | None) -> None:
        self._end(error)
        if self._token is not None:
            context.detach(self._token)

    def _end(self, error: BaseException | None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        said = {**common_attributes(self._request.scope), **self._result(error)}
        if self._instruments is not None:
            seconds = (perf_counter_ns() - self._request.tracer.origin) / 1e9
            self._instruments.duration.record(seconds, said)
            self._instruments.active.add(-1, self._of_active())
        if self._server is not None:
            self._server.update_name(self._server_name())
            self._server.set_attributes(said)
            if "error.type" in said:
                self._server.set_status(StatusCode.ERROR)
            self._server.end()

    def _result(self, error: BaseException | None) -> dict[str, Any]:
        """What is known of a request when it has been answered."""
        found: dict[str, Any] = {}
        status, route = self._request.status, self._request.route
        if route is not None:
            found["http.route"] = route
        if self._request.kind != "request":
            return found if error is None else {**found, "error.type": _class_of(error)}
        if status is not None:
            found["http.response.status_code"] = status
        if error is not None:
            found["error.type"] = _class_of(error)
        elif status is None or status >= _SERVER_ERROR:
            found["error.type"] = str(status or "incomplete_response")
        return found


class _FromHeaders(Getter[Headers]):
    """Reads the headers that name the trace of a request."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        return carrier.getlist(key) or None

    def keys(self, carrier: Headers) -> list[str]:
        return carrier.keys()


_FROM_HEADERS = _FromHeaders()


def _starts_background_task(span: OpenSpan) -> bool:
    """Whether this is all of a background task: no function that a plan calls."""
    return span.kind == "background" or (span.kind == "task" and span.subject.at is None)


def _said(span: OpenSpan) -> dict[str, Any]:
    subject = span.subject
    found = {
        "code.function.name": subject.function,
        "code.file.path": subject.file,
        "code.line.number": subject.line,
        "microfw.scope": subject.scope,
        "microfw.saw": span.saw,
    }
    return {name: value for name, value in found.items() if value is not None}


def _end(
    made: trace.Span, span: OpenSpan, error: BaseException | None, at: int | None = None
) -> None:
    if span.saw is not None:
        made.set_attribute("microfw.saw", span.saw)
    if span.outcome != "ok":
        made.set_attribute("microfw.outcome", span.outcome)
    if error is not None and span.outcome in _FAILURES and not _is_answer(error):
        made.set_attribute("error.type", _class_of(error))
        made.record_exception(error)
        made.set_status(StatusCode.ERROR)
    made.end(at)


def _is_answer(error: BaseException) -> bool:
    """Whether an exception is an answer to the client, and no failure."""
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and status < _SERVER_ERROR


def _class_of(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
