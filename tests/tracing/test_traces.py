"""A trace tells what ran: in which order, inside of what, in which thread, and how it ended."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import anyio
import pytest
from anyio import sleep_forever
from anyio.lowlevel import checkpoint
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import Scope

from microfw import App, BackgroundTasks, Depends, HTTPException, Request, Response, WebSocket
from microfw._answering.tasks import BackgroundTask
from microfw.dependencies import Subject, Tracer
from microfw.routing import Route, Router
from microfw.tracing import Sink, Span, Trace, trace_requests


class Oops(Exception):
    pass


async def get_session() -> AsyncIterator[str]:
    yield "session"
    await checkpoint()


def get_connection() -> Iterator[str]:
    yield "connection"


def get_cursor(connection: Annotated[str, Depends(get_connection)]) -> Iterator[str]:
    yield f"cursor of {connection}"


SessionDep = Annotated[str, Depends(get_session)]
WideSessionDep = Annotated[str, Depends(get_session, scope="request")]
ConnectionDep = Annotated[str, Depends(get_connection)]
CursorDep = Annotated[str, Depends(get_cursor)]


def traced(app: App, url: str = "/", method: str = "GET", **sent: Any) -> Trace:
    """The trace of one request."""
    with trace_requests(app) as traces:
        TestClient(app, raise_server_exceptions=False).request(method, url, **sent)
    (trace,) = traces
    return trace


def asked_for() -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}


async def receive_never() -> Any:
    await sleep_forever()


async def send_nowhere(message: Any) -> None: ...


def tree(trace: Trace) -> list[str]:
    """The spans, indented as they nest, with what is not usual about them."""
    return [f"{'  ' * span.depth}{told(span)}" for span in trace.spans]


def told(span: Span) -> str:
    parts = [span.label]
    if span.thread:
        parts.append("in a thread")
    if span.saw:
        parts.append(f"saw {span.saw}")
    if span.outcome != "ok":
        parts.append(span.outcome)
    if span.raised:
        parts.append(span.raised)
    return ", ".join(parts)


def test_the_order_is_that_of_setup_endpoint_exit_and_sending(app: App) -> None:
    @app.get("/")
    async def read_items(session: SessionDep, connection: ConnectionDep) -> str:
        return session

    assert traced(app).order == [
        *("setup get_session", "setup get_connection", "endpoint read_items"),
        *("exit get_connection", "exit get_session", "send"),
    ]


def test_spans_nest_as_the_with_blocks_do(app: App) -> None:
    @app.post("/{number}")
    async def create_item(
        number: int, body: dict[str, int], session: WideSessionDep, connection: ConnectionDep
    ) -> str:
        return session

    assert tree(traced(app, "/1", "POST", json={})) == [
        "receive",
        "open get_session",
        "  setup get_session",
        "  wait get_connection",
        "  open get_connection, in a thread",
        "    setup get_connection, in a thread",
        "    read create_item",
        "    endpoint create_item",
        "    response create_item",
        "    wait get_connection",
        "    exit get_connection, in a thread",
        "  send",
        "  exit get_session",
    ]


def test_neighbouring_sync_steps_wait_once_for_a_thread(app: App) -> None:
    @app.get("/")
    def read_items(cursor: CursorDep) -> str:
        return cursor

    assert tree(traced(app)) == [
        "wait get_connection_to_read_items",
        "open get_connection, in a thread",
        "  setup get_connection, in a thread",
        "  open get_cursor, in a thread",
        "    setup get_cursor, in a thread",
        "    endpoint read_items, in a thread",
        "    response read_items, in a thread",
        "    exit get_cursor, in a thread",
        "  exit get_connection, in a thread",
        "send",
    ]


def test_sync_steps_that_stay_open_for_async_ones_wait_again_for_their_exit(app: App) -> None:
    @app.get("/")
    async def read_items(cursor: CursorDep) -> str:
        return cursor

    trace = traced(app)
    assert [span.name for span in trace.spans if span.kind == "wait"] == [
        *("get_connection_to_get_cursor", "get_connection_to_get_cursor"),
    ]
    assert trace.order == [
        *("setup get_connection", "setup get_cursor", "endpoint read_items"),
        *("exit get_cursor", "exit get_connection", "send"),
    ]


def test_a_span_tells_the_function_its_place_its_scope_and_its_line_in_the_source(app: App) -> None:
    @app.get("/")
    async def read_items(session: WideSessionDep) -> str:
        return session

    trace = traced(app)
    setup = trace.find("setup", "get_session")
    assert setup.file == __file__
    assert setup.line == get_session.__code__.co_firstlineno
    assert setup.scope == "request"
    assert trace.source == app.explain("/")
    assert setup.at is not None
    assert "with shielded(get_session()" in trace.source.splitlines()[setup.at - 1]
    assert trace.inside(trace.find("open"))[0] == setup
    assert trace.find("endpoint").scope is None
    assert (trace.kind, trace.method, trace.name, trace.route) == ("request", "GET", "/", "/")
    assert trace.status == 200
    assert trace.error is None
    assert 0 <= setup.start <= setup.end <= trace.duration
    assert setup.duration == setup.end - setup.start


def test_the_line_of_a_function_is_one_that_calls_it_not_one_that_names_it(app: App) -> None:
    async def exchange(session: SessionDep) -> str:
        return session

    async def stock(exchange: str = Depends(exchange)) -> str:
        return exchange

    @app.get("/orders")
    async def orders(stock: str = Depends(stock)) -> str:
        return stock

    trace = traced(app, "/orders")
    lines = trace.source.splitlines()
    setups = [span for span in trace.spans if span.kind in ("setup", "endpoint")]
    assert [lines[(span.at or 0) - 1].strip() for span in setups] == [
        "async with shielded(get_session(), exchange) as session:",
        "exchange_3 = await exchange_2(session=session)",
        "stock_2 = await stock(exchange=exchange_3)",
        "returned = await orders(stock=stock_2)",
    ]


def test_what_is_not_there_is_not_found(app: App) -> None:
    trace = traced(app, "/nowhere")
    assert (trace.status, trace.route, trace.source) == (404, None, "")
    assert trace.order == ["send"]
    with pytest.raises(LookupError, match="there is no setup get_session"):
        trace.find("setup", "get_session")
    with pytest.raises(LookupError, match=r"there is no open$"):
        trace.find("open")


# ---------------------------------------------------------------------- exceptions


def reacting(reaction: str) -> Any:
    """A dependency that does something with what its exit code sees."""

    async def get_reaction() -> AsyncIterator[str]:
        try:
            yield reaction
        except Oops:
            await checkpoint()
            if reaction == "passes":
                raise
            if reaction == "replaces":
                raise HTTPException(409)
        await checkpoint()
        if reaction == "fails":
            raise Oops

    return Depends(get_reaction)


@pytest.mark.parametrize(
    ("reaction", "fails", "expected"),
    [
        ("passes", True, ("Oops", "passed", None)),
        ("replaces", True, ("Oops", "replaced", "HTTPException(409)")),
        ("swallows", True, ("Oops", "swallowed", None)),
        ("fails", False, (None, "raised", "Oops")),
        ("passes", False, (None, "ok", None)),
    ],
)
def test_an_exit_tells_what_it_saw_and_did(
    app: App, reaction: str, fails: bool, expected: tuple[str | None, str, str | None]
) -> None:
    @app.get("/", dependencies=[reacting(reaction)])
    async def read_items() -> str:
        if fails:
            raise Oops("secret")
        return "items"

    trace = traced(app)
    exit_code = trace.find("exit")
    assert (exit_code.saw, exit_code.outcome, exit_code.raised) == expected
    opened = trace.find("open")
    went_out = {"passes": "Oops" if fails else None, "replaces": "HTTPException(409)"}
    assert opened.raised == {**went_out, "fails": "Oops"}.get(reaction)
    assert "secret" not in repr(trace)


def test_an_exception_tells_where_it_was_raised_and_who_answered_it(app: App) -> None:
    @app.exception_handler(Oops)
    def answer(request: Request, error: Oops) -> Response:
        return PlainTextResponse("oops", 418)

    @app.get("/")
    async def read_items() -> str:
        raise Oops

    trace = traced(app)
    line = read_items.__code__.co_firstlineno + 2
    assert trace.find("endpoint").raised_at == f"{__file__}:{line}"
    assert tree(trace) == [
        "endpoint read_items, raised, Oops",
        "handler answer, in a thread, saw Oops",
        "  wait answer",
        "send",
    ]
    assert (trace.status, trace.error) == (418, None)


def test_where_an_exception_was_raised_is_the_authors_own_line_first(app: App) -> None:
    @app.get("/")
    async def read_items() -> Any:
        return json.loads("{")

    endpoint = traced(app).find("endpoint")
    assert endpoint.raised_at == f"{__file__}:{read_items.__code__.co_firstlineno + 2}"
    assert endpoint.raised_in is not None
    assert endpoint.raised_in.startswith(f"{json.decoder.__file__}:")


def test_what_nobody_answers_is_the_error_of_the_trace(app: App) -> None:
    @app.get("/")
    async def read_items() -> str:
        raise Oops

    trace = traced(app)
    assert (trace.status, trace.error, trace.order) == (
        500,
        "Oops",
        ["endpoint read_items", "send"],
    )


def test_exit_code_that_takes_too_long_is_cut_off() -> None:
    app = App(cleanup_timeout=0.01)

    async def get_slow() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await sleep_forever()

    @app.get("/{fails}", dependencies=[Depends(get_slow)])
    async def read_items(fails: bool) -> str:
        if fails:
            raise Oops
        return "items"

    calm, failing = traced(app, "/0").find("exit"), traced(app, "/1").find("exit")
    assert (calm.saw, calm.outcome, calm.raised) == (None, "cut off", "CleanupTimeoutError")
    assert (failing.saw, failing.outcome, failing.raised) == ("Oops", "cut off", None)


def test_a_setup_that_fails_has_no_exit(app: App) -> None:
    async def get_broken(connection: ConnectionDep) -> AsyncIterator[str]:
        if connection:
            raise Oops
        yield connection

    @app.get("/", dependencies=[Depends(get_broken)])
    async def read_items() -> str:
        return "items"

    assert tree(traced(app)) == [
        "wait get_connection",
        "open get_connection, in a thread, raised, Oops",
        "  setup get_connection, in a thread",
        "  open get_broken, raised, Oops",
        "    setup get_broken, raised, Oops",
        "  wait get_connection",
        "  exit get_connection, in a thread, saw Oops, passed",
        "send",
    ]


def test_a_value_that_is_not_valid_shows_and_what_needs_it_does_not_run(app: App) -> None:
    def get_page(page: int, size: int = 1) -> int:
        return page * size

    @app.get("/")
    async def read_items(page: Annotated[int, Depends(get_page)]) -> int:
        return page

    assert tree(traced(app, "/?page=x")) == [
        "wait get_page",
        "read get_page, in a thread, invalid",
        "handler request_validation_exception_handler, saw RequestValidationError",
        "send",
    ]


def test_a_coroutine_that_nobody_awaits_is_still_named(app: App) -> None:
    async def inner() -> None: ...

    def get_later() -> Any:
        return inner()

    @app.get("/", dependencies=[Depends(get_later)])
    def read_items() -> str:
        return "items"

    assert traced(app).error == "NotAwaitedError"


async def test_a_cancellation_shows_in_all_that_it_goes_through(anyio_backend: object) -> None:
    app = App()

    @app.get("/")
    async def read_items(session: SessionDep) -> None:
        scope.cancel()
        await checkpoint()

    async def receive() -> Any:
        await sleep_forever()

    async def send(message: Any) -> None: ...

    asked = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    with trace_requests(app) as traces, anyio.CancelScope() as scope:
        await app(asked, receive, send)
    (trace,) = traces
    name = trace.error or ""
    assert "Cancel" in name
    assert tree(trace) == [
        f"open get_session, cancelled, {name}",
        "  setup get_session",
        f"  endpoint read_items, cancelled, {name}",
        f"  exit get_session, saw {name}, passed",
    ]


@pytest.mark.parametrize("place", ["setup", "exit"])
def test_a_sync_dependency_that_fails_shows(app: App, place: str) -> None:
    def get_broken() -> Iterator[str]:
        if place == "setup":
            raise Oops
        yield place
        raise Oops

    @app.get("/", dependencies=[Depends(get_broken)])
    def read_items() -> str:
        return "items"

    trace = traced(app)
    assert told(trace.find("open")) == "open get_broken, in a thread, raised, Oops"
    assert told(trace.spans[-2]) == f"{place} get_broken, in a thread, raised, Oops"


async def test_exit_code_that_is_cancelled_shows(app: App) -> None:
    async def get_cancelled() -> AsyncIterator[None]:
        yield
        raise asyncio.CancelledError

    @app.get("/", dependencies=[Depends(get_cancelled)])
    async def read_items() -> str:
        return "items"

    with trace_requests(app) as traces, pytest.raises(asyncio.CancelledError):
        await app(asked_for(), receive_never, send_nowhere)
    assert told(traces[0].find("exit")) == "exit get_cancelled, cancelled, CancelledError"


async def test_waiting_for_a_place_shows(app: App, anyio_backend: object) -> None:
    started, released = anyio.Event(), anyio.Event()

    async def get_slot() -> AsyncIterator[None]:
        started.set()
        await released.wait()
        yield

    @app.get("/", dependencies=[Depends(get_slot, max_concurrency=1)])
    async def read_items() -> str:
        return "items"

    with trace_requests(app) as traces:
        async with anyio.create_task_group() as group:
            group.start_soon(app, asked_for(), receive_never, send_nowhere)
            await started.wait()
            group.start_soon(app, asked_for(), receive_never, send_nowhere)
            await anyio.wait_all_tasks_blocked()
            released.set()
    assert [trace.spans[0].label for trace in traces] == ["open get_slot", "wait get_slot"]


# ---------------------------------------------------------------------- what is sent


def test_a_stream_is_sent_while_its_endpoint_runs(app: App) -> None:
    @app.get("/")
    async def stream_items(session: SessionDep) -> AsyncIterator[int]:
        yield 1
        yield 2

    trace = traced(app)
    assert trace.order == [
        *("setup get_session", "endpoint stream_items", "send", "exit get_session"),
    ]
    assert trace.inside(trace.find("endpoint"))[0].kind == "send"


def test_a_client_that_leaves_shows(app: App) -> None:
    @app.get("/")
    async def stream_items(session: SessionDep) -> AsyncIterator[int]:
        yield 1
        await sleep_forever()

    async def leave() -> Trace:
        messages: list[Any] = [{"type": "http.request"}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None: ...

        asked = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        with trace_requests(app) as traces:
            await app(asked, receive, send)
        return traces[0]

    trace = anyio.run(leave)
    assert trace.order[-2:] == ["disconnect", "exit get_session"]
    assert trace.find("exit").saw == "ClientDisconnect"
    assert trace.find("send").outcome == "unfinished"


def test_sending_that_fails_shows(app: App) -> None:
    @app.get("/")
    async def read_items() -> str:
        return "items"

    async def fail() -> Trace:
        async def receive() -> Any:
            await sleep_forever()

        async def send(message: Any) -> None:
            raise ConnectionResetError

        asked = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        with trace_requests(app) as traces, pytest.raises(ConnectionResetError):
            await app(asked, receive, send)
        return traces[0]

    trace = anyio.run(fail)
    assert told(trace.find("send")) == "send, raised, ConnectionResetError"


def test_middleware_does_not_keep_spans_from_nesting(app: App) -> None:
    @app.middleware("http")
    async def pass_on(request: Request, call_next: Any) -> Response:
        await request.body()
        response: Response = await call_next(request)
        return response

    @app.post("/")
    async def create_item(body: dict[str, int], session: WideSessionDep) -> str:
        return session

    assert tree(traced(app, method="POST", json={})) == [
        "receive",
        "open get_session",
        "  setup get_session",
        "  read create_item",
        "  endpoint create_item",
        "  response create_item",
        "  send",
        "  exit get_session",
    ]


def test_a_body_that_comes_in_parts_is_one_span(app: App) -> None:
    @app.post("/")
    async def create_item(body: list[int]) -> int:
        return sum(body)

    trace = traced(app, method="POST", content=iter([b"[1,", b"2]"]))
    assert [span.kind for span in trace.spans].count("receive") == 1


async def test_parts_of_a_body_are_one_span(app: App) -> None:
    @app.post("/")
    async def create_item(body: list[int]) -> int:
        return sum(body)

    parts = [
        {"type": "http.request", "body": b"2]", "more_body": False},
        {"type": "http.request", "body": b"[1,", "more_body": True},
    ]

    async def receive() -> Any:
        return parts.pop()

    with trace_requests(app) as traces:
        await app({**asked_for(), "method": "POST"}, receive, send_nowhere)
    assert traces[0].status == 200
    assert [span.kind for span in traces[0].spans].count("receive") == 1


def test_a_response_that_fails_half_way_is_not_sent_to_its_end(app: App) -> None:
    def items() -> Iterator[bytes]:
        yield b"1"
        raise Oops

    @app.get("/")
    async def read_items(session: WideSessionDep) -> StreamingResponse:
        return StreamingResponse(items())

    trace = traced(app)
    assert trace.find("send").outcome == "unfinished"
    assert told(trace.find("exit")) == "exit get_session, saw Oops, passed"


async def test_a_response_without_a_head_has_no_span(app: App) -> None:
    class Headless(Response):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.body", "body": b""})

    @app.get("/")
    async def read_items() -> Headless:
        return Headless()

    with trace_requests(app) as traces:
        await app(asked_for(), receive_never, send_nowhere)
    assert traces[0].order == ["endpoint read_items"]


# ---------------------------------------------------------------------- tasks


def test_tasks_are_part_of_the_trace_of_their_request(app: App) -> None:
    def log_item() -> None: ...

    async def audit(session: SessionDep) -> None: ...

    async def fail() -> None:
        raise Oops

    class Own(BackgroundTask):
        """A task of the user's own kind."""

    @app.get("/")
    async def read_items(tasks: BackgroundTasks) -> str:
        tasks.add_task(log_item)
        tasks.add_task(audit)
        tasks.add_task(fail)
        tasks.tasks.append(Own(log_item))
        return "items"

    assert tree(traced(app)) == [
        "endpoint read_items",
        "response read_items",
        "send",
        "task log_item, in a thread",
        "  wait log_item",
        "background audit",
        "  open get_session",
        "    setup get_session",
        "    task audit",
        "    exit get_session",
        "task fail, raised, Oops",
        "task log_item",
    ]


def test_a_sync_task_of_a_request_that_holds_a_thread_waits_for_no_other(app: App) -> None:
    def log_item() -> None: ...

    def get_wide() -> Iterator[None]:
        yield

    @app.get("/", dependencies=[Depends(get_wide, scope="request")])
    async def read_items(tasks: BackgroundTasks) -> str:
        tasks.add_task(log_item)
        return "items"

    assert traced(app).order == [
        *("setup get_wide", "endpoint read_items", "send", "task log_item", "exit get_wide"),
    ]


def test_lines_of_a_tasks_own_source_are_not_those_of_the_routes(app: App) -> None:
    async def audit(session: SessionDep) -> None: ...

    @app.get("/")
    async def read_items(tasks: BackgroundTasks) -> str:
        tasks.add_task(audit)
        return "items"

    trace = traced(app)
    assert trace.find("endpoint", "read_items").at is not None
    assert trace.find("task", "audit").at is None


def test_the_order_names_the_function_of_a_task_once_between_its_dependencies(app: App) -> None:
    async def audit(session: SessionDep) -> None: ...

    def notify() -> None: ...

    @app.get("/")
    async def read_items(tasks: BackgroundTasks) -> str:
        tasks.add_task(audit)
        tasks.add_task(notify)
        return "items"

    assert traced(app).order == [
        *("endpoint read_items", "send"),
        *("setup get_session", "task audit", "exit get_session", "task notify"),
    ]


# ---------------------------------------------------------------------- other ways to run


async def test_a_call_outside_of_a_request_has_a_trace_of_its_own(anyio_backend: object) -> None:
    app = App()

    async def close_the_books(day: int, session: SessionDep) -> int:
        return day

    async def fail() -> None:
        raise Oops

    with trace_requests(app) as traces:
        assert await app.call(close_the_books, 1) == 1
        with pytest.raises(Oops):
            await app.call(fail)
    with app.tracing.listen(traces.append, when=lambda scope: scope["type"] == "http"):
        await app.call(close_the_books, 2)
    await app.call(close_the_books, 3)
    first, second = traces
    assert (first.kind, first.method, first.name, first.status) == (
        *("task", "TASK", "close_the_books", None),
    )
    assert first.order == ["setup get_session", "task close_the_books", "exit get_session"]
    assert second.error == "Oops"


def test_a_websocket_has_a_trace(app: App) -> None:
    @app.websocket("/")
    async def talk(websocket: WebSocket, session: SessionDep) -> None:
        await websocket.accept()
        await websocket.send_text(session)

    with trace_requests(app) as traces, TestClient(app).websocket_connect("/") as client:
        client.receive_text()
        client.receive()
    (trace,) = traces
    assert (trace.kind, trace.method, trace.status) == ("websocket", "WEBSOCKET", 1000)
    assert trace.order == [
        *("setup get_session", "endpoint talk", "accept", "exit get_session", "close"),
    ]


def test_the_client_of_a_websocket_leaves(app: App) -> None:
    @app.websocket("/")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()

    with trace_requests(app) as traces, TestClient(app).websocket_connect("/") as client:
        client.close()
    assert traces[0].order == ["endpoint talk", "accept", "disconnect"]


def custom(route_class: Any) -> App:
    app = App()
    router = Router(route_class=route_class)

    @router.get("/")
    async def read_items(session: WideSessionDep) -> str:
        return session

    @router.get("/narrow")
    async def read_narrow(session: SessionDep) -> str:
        return session

    app.include_router(router)
    return app


class TimedRoute(Route):
    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def handle_timed(request: Request) -> Response:
            if "refuse" in request.query_params:
                raise HTTPException(403)
            response = await handle(request)
            if "replace" in request.query_params:
                return PlainTextResponse("other")
            return response

        return handle_timed


def test_a_custom_handler_shows_before_and_after_the_routes_own() -> None:
    assert tree(traced(custom(TimedRoute))) == [
        "around handle_timed",
        "open get_session",
        "  setup get_session",
        "  endpoint read_items",
        "  response read_items",
        "  around handle_timed",
        "  send",
        "  exit get_session",
    ]
    assert traced(custom(TimedRoute), "/narrow").order == [
        *("around handle_timed", "setup get_session", "endpoint read_narrow", "exit get_session"),
        *("around handle_timed", "send"),
    ]
    assert traced(custom(TimedRoute), "/narrow?replace=1").order[-2:] == [
        *("around handle_timed", "send"),
    ]


def test_a_custom_handler_that_raises_shows() -> None:
    trace = traced(custom(TimedRoute), "/?refuse=1")
    assert tree(trace) == [
        "around handle_timed, raised, HTTPException(403)",
        "handler http_exception_handler, saw HTTPException(403)",
        "send",
    ]


def test_mounted_applications_are_traced_and_their_own_listeners_get_the_same_trace() -> None:
    app, inner = App(), App()
    app.mount("/inner", inner)
    of_inner: list[Trace] = []
    inner.tracing.listen(of_inner.append)

    @inner.get("/")
    async def read_items(session: SessionDep) -> str:
        return session

    trace = traced(app, "/inner/")
    assert trace.order == ["setup get_session", "endpoint read_items", "exit get_session", "send"]
    assert of_inner == [trace]


def test_routes_inside_of_another_application_run_as_ever_and_unseen(app: App) -> None:
    router = Router()

    @router.get("/")
    async def read_items(session: SessionDep) -> str:
        return session

    outer = Starlette(routes=[Mount("/inside", routes=[*router.routes])])
    app.mount("/outer", outer)
    assert traced(app, "/outer/inside/").status == 200


def test_overridden_dependencies_show_as_what_they_are(app: App) -> None:
    async def get_fake() -> AsyncIterator[str]:
        yield "fake"

    @app.get("/")
    async def read_items(session: SessionDep) -> str:
        return session

    with app.override({get_session: get_fake}):
        assert traced(app).order == [
            "setup get_fake",
            "endpoint read_items",
            "exit get_fake",
            "send",
        ]
    app.dependency_overrides[get_session] = get_fake
    assert "setup get_fake" in traced(app).order
    app.dependency_overrides.clear()
    assert "setup get_session" in traced(app).order


def test_opening_scope_app_late_is_waited_for(app: App) -> None:
    async def get_engine() -> AsyncIterator[str]:
        yield "engine"

    with TestClient(app) as client:

        @app.get("/")
        async def read_items(engine: Annotated[str, Depends(get_engine, scope="app")]) -> str:
            return engine

        with trace_requests(app) as traces:
            client.get("/")
    assert told(traces[0].spans[0]) == 'wait scope "app"'


# ---------------------------------------------------------------------- who listens


def test_nothing_is_left_of_tracing_when_nobody_listens(app: App) -> None:
    @app.get("/")
    async def read_items() -> str:
        return "items"

    client = TestClient(app)
    client.get("/")
    plain = app.middleware_stack
    first, second = app.tracing.listen(print), app.tracing.listen(print)
    assert app.middleware_stack is not plain
    first.stop()
    is_on = [app.tracing.is_on]
    second.stop()
    assert [*is_on, app.tracing.is_on] == [True, False]
    assert app.middleware_stack is plain
    assert not app.app_state.overrides._blocks
    with trace_requests(app) as traces:
        client.get("/")
    client.get("/")
    assert len(traces) == 1


def test_the_plain_plan_and_the_watched_one_have_one_source(app: App) -> None:
    @app.get("/")
    async def read_items(session: SessionDep) -> str:
        return session

    plain = app.explain("/")
    assert traced(app).source == plain == app.explain("/")


def test_requests_can_be_chosen(app: App) -> None:
    @app.get("/{name}")
    async def read_item(name: str) -> str:
        return name

    traces: list[Trace] = []
    client = TestClient(app)
    with app.tracing.listen(traces.append, when=lambda scope: scope["path"] == "/a"):
        client.get("/a")
        client.get("/b")
    assert [trace.name for trace in traces] == ["/a"]


def test_a_listener_that_fails_is_logged_and_disturbs_nobody(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    traces: list[Trace] = []

    def fail(trace: Trace) -> None:
        raise Oops

    with app.tracing.listen(fail), app.tracing.listen(traces.append):
        assert TestClient(app).get("/").status_code == 404
    assert len(traces) == 1
    assert [record.message for record in caplog.records] == ["a listener to traces failed"]


async def test_a_choice_that_fails_is_logged_and_disturbs_nobody(
    app: App, anyio_backend: object, caplog: pytest.LogCaptureFixture
) -> None:
    traces: list[Trace] = []

    async def close_the_books(day: int) -> int:
        return day

    def is_local(scope: Scope) -> bool:
        return bool(scope["client"][0] == "127.0.0.1")  # a task has no client

    with app.tracing.listen(traces.append, when=is_local), app.tracing.listen(traces.append):
        assert await app.call(close_the_books, 1) == 1
    assert len(traces) == 1
    assert [record.message for record in caplog.records] == [
        "a listener to traces failed to choose, and does not get this one"
    ]


def test_a_sink_has_nothing_to_do_unless_it_wants_to(app: App) -> None:
    with app.tracing.listen(Sink()):
        assert TestClient(app).get("/").status_code == 404


def test_a_sink_of_a_mounted_application_too_gets_a_trace_once() -> None:
    app, inner = App(), App()
    app.mount("/inner", inner)
    traces: list[Trace] = []

    class Keeping(Sink):
        def ended(self, trace: Trace, scope: Any) -> None:
            traces.append(trace)

    sink = Keeping()
    with app.tracing.listen(sink), inner.tracing.listen(sink):
        TestClient(app).get("/inner/")
    assert len(traces) == 1


def test_what_has_not_ended_is_reported_and_what_has_ended_stays_as_it_is() -> None:
    tracer = Tracer()
    ended, left = tracer.begin("setup", Subject("one")), tracer.begin("setup", Subject("two"))
    tracer.end(left, "ok")
    tracer.end(left, "raised", Oops())
    tracer.end(ended, "raised", Oops())
    tracer.begin("endpoint", Subject("three"))
    outcomes = [(span.outcome, span.raised, span.raised_at) for span in tracer.finish()[0]]
    assert outcomes == [("raised", "Oops", None), ("ok", None, None), ("unfinished", None, None)]


def test_a_copy_of_an_application_has_listeners_of_its_own(app: App) -> None:
    import copy

    @app.get("/")
    async def read_items(session: SessionDep) -> str:
        return session

    with trace_requests(app) as traces:
        TestClient(app).get("/")
        copied = copy.copy(app)
        TestClient(copied).get("/")
        assert "setup get_session" in traced(copied).order
    assert len(traces) == 1


@pytest.mark.parametrize("name", ["status", "spans"])
def test_a_trace_cannot_be_changed(name: str) -> None:
    trace = traced(App())
    with pytest.raises(AttributeError):
        setattr(trace, name, None)
