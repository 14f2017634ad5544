"""OpenTelemetry: live spans of what runs in a request, and the metrics of HTTP servers.

It needs the extra `opentelemetry`, which is its API only. Exporters and samplers are those of the
SDK that an application configures; without one nothing is traced.

```python
app.tracing.listen(OpenTelemetry())
```

The names are those of the semantic conventions that are stable: HTTP, `code.*`, `error.type`.
"""

from collections.abc import Callable, Collection

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider
from starlette.types import Scope

from microfw.dependencies import SpanKind
from microfw.tracing._live_spans import DEFAULT_KINDS, SCHEMA, Instruments, LiveSpans
from microfw.tracing._ongoing import OngoingTrace
from microfw.tracing._server_spans import is_of_client, makes_server_spans
from microfw.tracing._sinks import Observer, Predicate, Sink

__all__ = ["DEFAULT_KINDS", "OpenTelemetry"]

_API = ("opentelemetry.trace", "opentelemetry.metrics")


class OpenTelemetry(Sink):
    """Makes spans and metrics of requests and WebSockets.

    Each setup, endpoint, exit, exception handler and task is a span that is current while its code
    runs: spans of a database's instrumentation hang below the dependency that has caused them. A
    task is no part of the request's trace, but linked to it. Nothing is made of a request that the
    sampler leaves out.

    Args:
        tracer_provider: In place of the global one.
        meter_provider: In place of the global one.
        server_span: Whether each request gets a span of kind SERVER. Where nothing is said, unless
            an instrumentation of OpenTelemetry's makes them: around the application, or as one of
            its middleware. The metrics are made where the span is.
        metrics: Whether there are metrics.
        kinds: What becomes a span; `"read"`, `"wait"`, `"response"`, `"receive"` and others can be
            added.
        exclude: Chooses by the ASGI scope what is left out.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        server_span: bool | None = None,
        tracing: bool = True,
        metrics: bool = True,
        kinds: Collection[SpanKind] = DEFAULT_KINDS,
        exclude: Predicate | None = None,
    ) -> None:
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._server_span = server_span
        self._tracing = tracing
        self._metrics = metrics
        self._instruments: tuple[MeterProvider, Instruments] | None = None
        self._kinds = frozenset(kinds)
        self._exclude = exclude

    def wants(self, scope: Scope) -> bool:
        if self._exclude is not None and self._exclude(scope):
            return False
        return self._traces or self._measures

    @property
    def _traces(self) -> bool:
        return self._tracing and _is_configured(self._tracer_provider, trace.get_tracer_provider)

    @property
    def _measures(self) -> bool:
        return self._metrics and _is_configured(self._meter_provider, metrics.get_meter_provider)

    def observer(self, trace: OngoingTrace) -> Observer:
        makes_span = self._server_span
        if makes_span is None:
            makes_span = not (is_of_client(trace.scope) and makes_server_spans(trace.scope))
        is_measured = makes_span and self._measures and trace.kind == "request"
        return LiveSpans(
            trace,
            self._tracer() if self._traces else None,
            self._instruments_in_use() if is_measured else None,
            self._kinds,
            makes_server_span=makes_span,
        )

    def _tracer(self) -> trace.Tracer:
        provider = self._tracer_provider or trace.get_tracer_provider()
        return provider.get_tracer("microfw", schema_url=SCHEMA)

    def _instruments_in_use(self) -> Instruments:
        provider = self._meter_provider or metrics.get_meter_provider()
        if self._instruments is None or self._instruments[0] is not provider:
            self._instruments = provider, Instruments(provider)
        return self._instruments[1]


def _is_configured(given: object, find: Callable[[], object]) -> bool:
    """Whether there is a provider other than what the API has for want of one."""
    return given is not None or not type(find()).__module__.startswith(_API)
