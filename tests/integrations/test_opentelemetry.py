"""What OpenTelemetry's instrumentations record, beside FastAPI's applications."""

import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

import fastapi
import fastapi.testclient
import pytest
from starlette.background import BackgroundTasks
from starlette.requests import Request

import microfw
import microfw.routing
from microfw.testclient import TestClient

pytest.importorskip("opentelemetry.instrumentation.fastapi")
pytest.importorskip("opentelemetry.instrumentation.starlette")

from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PATHS = ("/items/3", "/boom/4", "/503", "/422/x", "/pre/1/sub/2", "/task", "/nowhere")


def app_of(fw: Any, spans: list[Any], **options: Any) -> Any:
    """An application of a framework's; its handler of exceptions notes the current span."""
    app = (fw.App if fw is microfw else fw.FastAPI)(**options)

    @app.get("/items/{number}")
    def read_item(number: int) -> int:
        return number

    @app.get("/boom/{number}")
    def fail(number: int) -> None:
        raise ValueError("boom")

    @app.get("/503")
    def read_503() -> None:
        raise fw.HTTPException(503)

    @app.get("/422/{number}")
    async def read_422(number: int) -> None: ...

    @app.get("/task")
    async def add_task(tasks: BackgroundTasks) -> None:
        tasks.add_task(print, end="")

    router = fw.APIRouter()

    @router.get("/sub/{name}")
    async def read_sub(name: str, outer: str) -> str:
        return outer + name

    app.include_router(router, prefix="/pre/{outer}")

    @app.exception_handler(Exception)
    async def answer(request: Request, exc: Exception) -> Any:
        spans.append(trace.get_current_span())
        return fw.Response("failed", 500)

    return app


class Recorder:
    """Keeps the spans and metrics of one application."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    @property
    def providers(self) -> dict[str, Any]:
        return {"tracer_provider": self.tracers, "meter_provider": self.meters}

    def requests(self) -> Iterator[tuple[Any, ...]]:
        """The spans of requests: name, template, status, whether it failed, events."""
        for span in self.exporter.get_finished_spans():
            if span.kind is trace.SpanKind.SERVER:
                attributes = span.attributes or {}
                route, status = attributes.get("http.route"), attributes.get("http.status_code")
                events = [event.name for event in span.events]
                yield span.name, route, status, span.status.status_code.name, events

    def names(self) -> list[str]:
        return sorted(span.name for span in self.exporter.get_finished_spans())

    def targets(self) -> set[Any]:
        """The routes' templates, by which the requests' durations are counted."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            cast("str | None", (point.attributes or {}).get("http.target"))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == "http.server.duration"
            for point in metric.data.data_points
        }


def instrumented(how: str, app: Any, recorder: Recorder, **options: Any) -> Any:
    options |= recorder.providers
    if how == "fastapi":
        FastAPIInstrumentor.instrument_app(app, **options)
    elif how == "starlette":
        StarletteInstrumentor.instrument_app(app, **options)
    elif how == "middleware":
        app.add_middleware(OpenTelemetryMiddleware, **options)
    else:
        return OpenTelemetryMiddleware(app, **options)
    return app


@pytest.fixture(autouse=True)
def untouched_tasks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take back what `FastAPIInstrumentor` does to all background tasks."""
    yield
    FastAPIInstrumentor.uninstrument_app(fastapi.FastAPI())


def recorded(fw: Any, how: str, **options: Any) -> tuple[Recorder, list[int], list[Any]]:
    """Send requests; return what was recorded, their statuses, and the spans in the handler."""
    recorder, spans = Recorder(), list[Any]()
    app = instrumented(how, app_of(fw, spans, **options), recorder)
    make: Callable[..., Any] = TestClient if fw is microfw else fastapi.testclient.TestClient
    with make(app, raise_server_exceptions=False) as client:
        statuses = [client.get(path).status_code for path in PATHS]
    return recorder, statuses, spans


def test_the_instrumentation_of_fastapi_names_requests_by_route_and_records_errors() -> None:
    recorder, statuses, spans = recorded(microfw, "fastapi")
    assert statuses == [200, 500, 503, 422, 200, 200, 404]
    assert list(recorder.requests()) == [
        ("GET /items/{number}", "/items/{number}", 200, "UNSET", []),
        ("GET /boom/{number}", "/boom/{number}", 500, "ERROR", ["exception"]),
        ("GET /503", "/503", 503, "ERROR", []),
        ("GET /422/{number}", "/422/{number}", 422, "UNSET", []),
        ("GET /pre/{outer}/sub/{name}", "/pre/{outer}/sub/{name}", 200, "UNSET", []),
        ("GET /task", "/task", 200, "UNSET", []),
        ("GET", None, 404, "UNSET", []),
    ]
    assert [span.name for span in spans] == ["GET /boom/{number}"]
    assert "BackgroundTask print" in recorder.names()


@pytest.mark.parametrize("how", ["starlette", "middleware"])
def test_a_handler_of_exceptions_has_the_requests_span(how: str) -> None:
    recorder, _, spans = recorded(microfw, how)
    (failed,) = [
        span
        for span in recorder.exporter.get_finished_spans()
        if span.kind is trace.SpanKind.SERVER and "boom" in span.name
    ]
    assert [span.get_span_context() for span in spans] == [failed.get_span_context()]
    sent = [span for span in recorder.exporter.get_finished_spans() if span.parent is None]
    assert len(sent) == len(PATHS)  # what is sent belongs to its request


@pytest.mark.parametrize("how", ["fastapi", "around"])
def test_the_instrumentations_record_what_they_record_of_fastapi(how: str) -> None:
    ours, own_statuses, own_spans = recorded(microfw, how)
    theirs, statuses, spans = recorded(fastapi, how)
    named = slice(0 if how == "fastapi" else 2, None)  # around FastAPI the names are the paths
    assert [each[named] for each in ours.requests()] == [each[named] for each in theirs.requests()]
    assert own_statuses == statuses
    if how == "fastapi":
        assert [getattr(span, "name", None) for span in own_spans] == [
            getattr(span, "name", None) for span in spans
        ]
    assert len(own_spans) == len(spans)
    # FastAPI counts the requests of an included route by its path without the prefix.
    assert ours.targets() - {"/pre/{outer}/sub/{name}"} == theirs.targets() - {"/sub/{name}"}


def test_the_instrumentation_of_starlette_names_requests_by_route_and_records_errors() -> None:
    recorder, statuses, _ = recorded(microfw, "starlette")
    assert statuses == [200, 500, 503, 422, 200, 200, 404]
    assert [(name, route, *rest) for name, route, _, *rest in recorder.requests()] == [
        ("GET /items/{number}", "/items/{number}", "UNSET", []),
        ("GET /boom/{number}", "/boom/{number}", "ERROR", ["exception"]),
        ("GET /503", "/503", "ERROR", []),
        ("GET /422/{number}", "/422/{number}", "UNSET", []),
        ("GET /pre/{outer}/sub/{name}", "/pre/{outer}/sub/{name}", "UNSET", []),
        ("GET /task", "/task", "UNSET", []),
        ("GET", None, "UNSET", []),
    ]


@pytest.mark.parametrize("how", ["around", "middleware"])
def test_the_asgi_middleware_names_requests_by_route(how: str) -> None:
    recorder, *_ = recorded(microfw, how)
    templates = [
        "/items/{number}",
        "/boom/{number}",
        "/503",
        "/422/{number}",
        "/pre/{outer}/sub/{name}",
        "/task",
    ]
    assert [(name, route) for name, route, *_ in recorder.requests()] == [
        *((f"GET {template}", template) for template in templates),
        ("GET /nowhere", None),
    ]


@pytest.mark.parametrize("how", ["fastapi", "starlette", "middleware"])
def test_the_name_that_a_hook_gives_a_span_stays(how: str) -> None:
    def rename(span: Any, scope: Any) -> None:
        span.update_name("mine")

    recorder = Recorder()
    app = instrumented(how, app_of(microfw, []), recorder, server_request_hook=rename)
    TestClient(app).get("/items/3")
    assert [(name, route) for name, route, *_ in recorder.requests()] == [
        ("mine", "/items/{number}")
    ]


def test_the_name_that_an_instrumentation_gives_a_mount_stays() -> None:
    recorder = Recorder()
    app = microfw.App()
    app.mount("/below", app_of(microfw, []))
    TestClient(instrumented("fastapi", app, recorder)).get("/below/items/3")
    assert [(name, route) for name, route, *_ in recorder.requests()] == [("GET /below", "/below")]


def test_the_instrumentation_of_fastapi_leaves_a_function_of_a_route_class_to_the_request() -> None:
    places = list[str]()

    class Late(microfw.Route):
        def matches(self, scope: Any) -> Any:
            places.append(scope.get("place", "ahead of the middleware"))
            return super().matches(scope)

    class Placing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["place"] = "inside of the middleware"
            await self.app(scope, receive, send)

    recorder, router = Recorder(), microfw.Router(route_class=Late)
    router.get("/items/{number}")(lambda number: number)
    app = microfw.App()
    app.include_router(router)
    app.add_middleware(Placing)
    with pytest.MonkeyPatch.context() as patched:
        module = sys.modules[FastAPIInstrumentor.__module__]
        patched.setattr(module, "iter_route_contexts", microfw.routing.iter_route_contexts)
        TestClient(instrumented("fastapi", app, recorder)).get("/items/3")
    assert places == ["inside of the middleware"]
    assert [name for name, *_ in recorder.requests()] == ["GET /items/{number}"]


def test_the_asgi_middleware_counts_requests_by_route() -> None:
    recorder, *_ = recorded(microfw, "around")
    templates = {"/items/{number}", "/boom/{number}", "/503", "/422/{number}", "/task"}
    assert recorder.targets() == {*templates, "/pre/{outer}/sub/{name}", None}


def test_a_route_is_found_where_a_proxy_leaves_the_applications_root_path_in_the_path() -> None:
    recorder = Recorder()
    app = instrumented("fastapi", app_of(microfw, [], root_path="/api"), recorder)
    client = TestClient(app)
    assert client.get("/api/items/3").json() == client.get("/items/3").json() == 3
    assert [route for _, route, *_ in recorder.requests()] == ["/items/{number}"] * 2


def test_an_application_is_as_before_when_the_instrumentation_is_taken_back() -> None:
    recorder, spans = Recorder(), list[Any]()
    app = instrumented("fastapi", app_of(microfw, spans), recorder)
    with TestClient(app) as client:
        assert client.get("/items/1").json() == 1
        FastAPIInstrumentor.uninstrument_app(app)
        assert client.get("/items/2").json() == 2
    assert [name for name, *_ in recorder.requests()] == ["GET /items/{number}"]


@pytest.mark.parametrize("kind", [FastAPIInstrumentor, StarletteInstrumentor])
@pytest.mark.parametrize("given", [False, True])
def test_the_log_says_so_where_an_instrumentor_does_not_see_an_application(
    kind: Any, given: bool, caplog: pytest.LogCaptureFixture
) -> None:
    instrumentor = kind()
    app = microfw.App()
    instrumentor.instrument()
    try:
        if given:
            kind.instrument_app(app)
        with TestClient(app):
            pass
    finally:
        instrumentor.uninstrument()

    place, name = {
        FastAPIInstrumentor: ("opentelemetry.instrumentation.fastapi", "fastapi.FastAPI"),
        StarletteInstrumentor: (
            "opentelemetry.instrumentation.starlette",
            "starlette.applications.Starlette",
        ),
    }[kind]
    told = (
        f"{place} has replaced {name}, which App is not made of: it records nothing of this"
        " application. Call its `instrument_app(app)`"
    )
    assert [each for each in caplog.messages if "has replaced" in each] == [told] * (not given)
