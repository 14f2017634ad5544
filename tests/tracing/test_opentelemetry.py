"""Spans and metrics of OpenTelemetry, with its SDK and the instrumentations of others."""

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from anyio.lowlevel import checkpoint
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext, SpanKind, StatusCode
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import Connection
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from microfw import App, BackgroundTasks, Depends, HTTPException, WebSocket
from microfw.exceptions import DeclarationError, MissingPackageError
from microfw.tracing._live_spans import _FROM_HEADERS
from microfw.tracing.opentelemetry import DEFAULT_KINDS, OpenTelemetry


class Oops(Exception):
    pass


class Telemetry:
    """An SDK that keeps what it is given."""

    def __init__(self, **sampling: Any) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(**sampling)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader])

    def sink(self, **options: Any) -> OpenTelemetry:
        given = {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider}
        return OpenTelemetry(**{**given, **options})

    @property
    def spans(self) -> list[ReadableSpan]:
        return [*self._exporter.get_finished_spans()]

    @property
    def tree(self) -> list[str]:
        """The spans in the order in which they began, indented below their parents."""
        spans = sorted(self.spans, key=lambda span: span.start_time or 0)
        depths: dict[int, int] = {}
        lines: list[str] = []
        for span in spans:
            parent = span.parent.span_id if span.parent else 0
            depths[ids(span).span_id] = depth = depths.get(parent, -1) + 1
            lines.append(f"{'  ' * depth}{span.name}")
        return lines

    def named(self, name: str) -> ReadableSpan:
        return next(span for span in self.spans if span.name == name)

    @property
    def metrics(self) -> dict[str, list[Any]]:
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {each.name: [*each.data.data_points] for scope in scopes for each in scope.metrics}


def ids(span: ReadableSpan) -> SpanContext:
    assert isinstance(span.context, SpanContext)
    return span.context


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def get_session() -> AsyncIterator[str]:
    try:
        yield "session"
    finally:
        await checkpoint()


def shop() -> App:
    app = App()

    def audit() -> None: ...

    async def notify(session: Annotated[str, Depends(get_session)]) -> None: ...

    @app.get("/items/{number}")
    async def read_item(
        number: int,
        tasks: BackgroundTasks,
        session: Annotated[str, Depends(get_session, scope="request")],
    ) -> str:
        if number == 404:
            raise HTTPException(404)
        if number == 500:
            raise Oops("of the item")
        tasks.add_task(audit)
        tasks.add_task(notify)
        return session

    @app.websocket("/talk")
    async def talk(websocket: WebSocket, fails: bool = False) -> None:
        await websocket.accept()
        if fails:
            raise Oops
        await websocket.close()

    return app


def get(app: App, url: str, **headers: str) -> int:
    client = TestClient(app, raise_server_exceptions=False)
    return client.get(url, headers=headers).status_code


def test_each_part_of_a_request_is_a_span_and_so_is_exit_code() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    assert get(app, "/items/1?q=1&sig=secret") == 200
    assert telemetry.tree == [
        "GET /items/{number}",
        "  setup get_session",
        "  endpoint read_item",
        "task audit",
        "background notify",
        "  setup get_session",
        "  task notify",
        "  exit get_session",
        "  exit get_session",
    ]
    server = telemetry.named("GET /items/{number}")
    assert server.kind is SpanKind.SERVER
    assert server.status.status_code is StatusCode.UNSET
    assert said(server) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/items/{number}",
        "network.protocol.version": "1.1",
        "server.address": "testserver",
        "server.port": 80,
        "client.address": "testclient",
        "url.path": "/items/1",
        "url.query": "q=1&sig=REDACTED",
        "url.scheme": "http",
        "user_agent.original": "testclient",
    }
    setup = telemetry.named("setup get_session")
    assert setup.kind is SpanKind.INTERNAL
    assert said(setup) == {
        "code.function.name": f"{__name__}.get_session",
        "code.file.path": __file__,
        "code.line.number": get_session.__code__.co_firstlineno,
        "microfw.scope": "request",
    }


def test_a_task_is_linked_to_its_request_and_no_part_of_it() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    get(app, "/items/1")
    server, task = telemetry.named("GET /items/{number}"), telemetry.named("background notify")
    assert task.parent is None
    assert [link.context.span_id for link in task.links] == [ids(server).span_id]
    assert ids(task).trace_id != ids(server).trace_id


def test_an_exception_that_answers_is_no_failure_and_others_are() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    assert (get(app, "/items/404"), get(app, "/items/500")) == (404, 500)
    calm, failed = [span for span in telemetry.spans if span.name == "endpoint read_item"]
    assert calm.status.status_code is StatusCode.UNSET
    assert said(calm)["microfw.outcome"] == "raised"
    assert failed.status.status_code is StatusCode.ERROR
    assert said(failed)["error.type"] == f"{__name__}.Oops"
    assert [event.name for event in failed.events] == ["exception"]
    exits = [said(span) for span in telemetry.spans if span.name == "exit get_session"]
    assert [(each["microfw.saw"], each["microfw.outcome"]) for each in exits] == [
        *(("HTTPException(404)", "passed"), ("Oops", "passed")),
    ]
    calm_server, failed_server = [span for span in telemetry.spans if span.kind is SpanKind.SERVER]
    assert "error.type" not in said(calm_server)
    assert said(failed_server)["error.type"] == "500"
    assert failed_server.status.status_code is StatusCode.ERROR


def test_what_a_dependency_does_in_a_database_hangs_below_it(app: App) -> None:
    telemetry = Telemetry()
    engine = create_engine("sqlite://", poolclass=NullPool)
    instrumentor = SQLAlchemyInstrumentor()
    instrumentor.instrument(
        engine=engine, tracer_provider=telemetry.tracer_provider, skip_dep_check=True
    )

    def get_connection() -> Iterator[Connection]:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            yield connection
            connection.execute(text("SELECT 3"))

    @app.get("/")
    def read_items(connection: Annotated[Connection, Depends(get_connection)]) -> str:
        connection.execute(text("SELECT 2"))
        return "items"

    app.tracing.listen(telemetry.sink())
    try:
        assert get(app, "/") == 200
    finally:
        instrumentor.uninstrument()
    tree = [line for line in telemetry.tree if "connect" not in line.split()]
    assert tree == [
        "GET /",
        "  setup get_connection",
        "    SELECT",
        "  endpoint read_items",
        "    SELECT",
        "  exit get_connection",
        "    SELECT",
    ]


def test_the_trace_of_the_client_goes_on() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    get(app, "/items/1", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    server = telemetry.named("GET /items/{number}")
    assert server.parent is not None
    assert ids(server).trace_id == 0x0AF7651916CD43DD8448EB211C80319C


def test_propagators_can_read_all_headers() -> None:
    assert _FROM_HEADERS.keys(Headers({"x-one": "1"})) == ["x-one"]


def test_nothing_is_made_of_what_the_sampler_leaves_out() -> None:
    app, telemetry = shop(), Telemetry(sampler=ALWAYS_OFF)
    app.tracing.listen(telemetry.sink())
    get(app, "/items/1")
    assert telemetry.spans == []
    assert len(telemetry.metrics["http.server.request.duration"]) == 1


def test_nothing_happens_without_an_sdk_or_where_it_is_excluded() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(OpenTelemetry())
    app.tracing.listen(telemetry.sink(exclude=lambda scope: True))
    assert get(app, "/items/1") == 200
    assert telemetry.spans == []


def test_parts_can_be_left_out_and_added() -> None:
    app, telemetry = shop(), Telemetry()
    kinds = [*DEFAULT_KINDS, "read", "response", "send"]
    app.tracing.listen(telemetry.sink(metrics=False, kinds=kinds))
    get(app, "/items/1")
    assert telemetry.tree[:6] == [
        "GET /items/{number}",
        "  setup get_session",
        "  read read_item",
        "  endpoint read_item",
        "  response read_item",
        "  send",
    ]
    assert telemetry.metrics == {}
    app, none = shop(), Telemetry()
    app.tracing.listen(none.sink(tracing=False))
    get(app, "/items/1")
    assert none.spans == []
    assert len(none.metrics["http.server.request.duration"]) == 1


@pytest.mark.parametrize("inside", [True, False])
def test_there_is_one_server_span_beside_the_middleware_for_asgi(inside: bool) -> None:
    app, telemetry = shop(), Telemetry()
    providers: dict[str, Any] = {
        "tracer_provider": telemetry.tracer_provider,
        "meter_provider": telemetry.meter_provider,
        "exclude_spans": ["receive", "send"],
    }
    app.tracing.listen(telemetry.sink())
    served: Any = app
    if inside:
        app.add_middleware(OpenTelemetryMiddleware, **providers)
    else:
        served = OpenTelemetryMiddleware(app, **providers)
    TestClient(served).get("/items/1")
    servers = [span for span in telemetry.spans if span.kind is SpanKind.SERVER]
    assert len(servers) == 1
    setup = telemetry.named("setup get_session")
    assert setup.parent is not None
    assert setup.parent.span_id == ids(servers[0]).span_id


def test_the_instrumentor_of_an_application_is_known_by_its_mark() -> None:
    app, telemetry = shop(), Telemetry()
    app._is_instrumented_by_opentelemetry = True  # type: ignore[attr-defined]
    app.tracing.listen(telemetry.sink())
    get(app, "/items/1")
    assert telemetry.spans == []
    app.tracing.listen(telemetry.sink(server_span=True))
    get(app, "/items/1")
    assert telemetry.tree[0] == "GET /items/{number}"


def test_requests_are_measured() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    get(app, "/items/1")
    get(app, "/items/500")
    get(app, "/nowhere")
    metrics = telemetry.metrics
    durations = metrics["http.server.request.duration"]
    common = {"http.request.method": "GET", "network.protocol.version": "1.1", "url.scheme": "http"}
    by_status = {point.attributes["http.response.status_code"]: point for point in durations}
    assert {status: dict(point.attributes) for status, point in by_status.items()} == {
        200: {**common, "http.response.status_code": 200, "http.route": "/items/{number}"},
        404: {**common, "http.response.status_code": 404},
        500: {
            **common,
            "http.response.status_code": 500,
            "http.route": "/items/{number}",
            "error.type": "500",
        },
    }
    assert [point.value for point in metrics["http.server.active_requests"]] == [0]


def test_websockets_have_spans_and_are_not_measured() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    client = TestClient(app)
    with client.websocket_connect("/talk") as socket:
        socket.receive()
    with pytest.raises(Oops), client.websocket_connect("/talk?fails=1") as socket:
        socket.receive()
    calm, failed = [span for span in telemetry.spans if span.kind is SpanKind.SERVER]
    assert calm.name == "WEBSOCKET /talk"
    assert said(calm)["network.protocol.name"] == "websocket"
    assert said(failed)["error.type"] == f"{__name__}.Oops"
    assert telemetry.metrics == {}


def test_an_unknown_method_is_other() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    TestClient(app).request("BREW", "/nowhere")
    span = telemetry.named("HTTP")
    assert said(span)["http.request.method"] == "_OTHER"
    assert said(span)["http.request.method_original"] == "BREW"


async def test_a_call_outside_of_a_request_is_a_span() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())

    async def close_the_books(session: Annotated[str, Depends(get_session)]) -> None:
        if app.title == "fails":
            raise Oops

    await app.call(close_the_books)
    assert telemetry.tree == [
        "TASK close_the_books",
        "  setup get_session",
        "  task close_the_books",
        "  exit get_session",
    ]
    assert telemetry.named("TASK close_the_books").kind is SpanKind.INTERNAL
    assert telemetry.metrics == {}
    app.title = "fails"
    with pytest.raises(Oops):
        await app.call(close_the_books)
    failed = [span for span in telemetry.spans if span.name == "TASK close_the_books"][1]
    assert said(failed)["error.type"] == f"{__name__}.Oops"


def test_start_up_and_shutdown_are_spans_apart_from_all_requests() -> None:
    app, telemetry = App(), Telemetry()

    async def get_engine() -> AsyncIterator[str]:
        yield "engine"

    @app.get("/", dependencies=[Depends(get_engine, scope="app")])
    async def read_items() -> str:
        return "items"

    app.tracing.listen(telemetry.sink(kinds=["setup", "exit"]))
    with TestClient(app) as client:
        client.get("/")
    assert telemetry.tree == [
        *("LIFESPAN start-up", "  setup get_engine", "GET /", "LIFESPAN shutdown"),
        "  exit get_engine",
    ]
    assert telemetry.named("LIFESPAN start-up").kind is SpanKind.INTERNAL
    assert len(telemetry.metrics["http.server.request.duration"]) == 1


async def test_a_server_may_tell_little() -> None:
    app, telemetry = shop(), Telemetry()
    app.tracing.listen(telemetry.sink())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/items/1",
        "headers": [],
        "server": ("/s", None),
    }

    async def receive() -> Any: ...

    async def send(message: Any) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await app(scope, receive, send)
    server = said(telemetry.named("GET /items/{number}"))
    assert (server["server.address"], server["error.type"]) == ("/s", "KeyError")
    assert "server.port" not in server


async def test_an_answer_that_does_not_come_is_a_failure() -> None:
    app, telemetry = App(), Telemetry()

    async def end(scope: Any, receive: Any, send: Any) -> None: ...

    app.mount("/", end)
    app.tracing.listen(telemetry.sink())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await app(scope, end, end)  # type: ignore[arg-type]
    assert said(telemetry.spans[0])["error.type"] == "incomplete_response"


async def test_the_spans_of_the_worker_thread_are_current_there() -> None:
    app, telemetry = App(), Telemetry()

    def get_name() -> str:
        return str(getattr(trace.get_current_span(), "name", None))

    @app.get("/")
    def read_name(name: Annotated[str, Depends(get_name)]) -> list[str]:
        return [name, get_name()]

    app.tracing.listen(telemetry.sink())
    assert TestClient(app).get("/").json() == ["setup get_name", "endpoint read_name"]


# ---------------------------------------------------------------------- FastAPI's parameter


def told_by(telemetry: Telemetry, **settings: Any) -> App:
    given = {"tracer_provider": telemetry.tracer_provider, "meter_provider": None, **settings}
    app = App(telemetry=given)

    @app.get("/")
    async def read_items(session: Annotated[str, Depends(get_session)]) -> str:
        return session

    return app


def test_an_application_can_be_told_as_fastapi_is() -> None:
    telemetry = Telemetry()
    get(told_by(telemetry), "/")
    assert telemetry.tree[0] == "GET /"
    assert "  exit get_session" in telemetry.tree
    alone = Telemetry()
    get(told_by(alone, operation_spans=False), "/")
    assert alone.tree == ["GET /"]


def test_a_setting_that_nobody_knows_is_refused_and_one_without_meaning_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(DeclarationError, match="telemetry has no setting 'trace'"):
        App(telemetry={"trace": True})
    told_by(Telemetry(), logs=True)
    assert "telemetry['logs'] has no meaning here" in caplog.text


def test_telemetry_without_the_api_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "microfw.tracing.opentelemetry", None)
    with pytest.raises(MissingPackageError, match=r"install microfw-asgi\[opentelemetry\]"):
        App(telemetry={})
