"""A real uvicorn with real sockets: clients that go, errors on kept connections, shutdown."""

import asyncio
import http.client
import json
import os
import queue
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
import httpx2
import pytest
import websockets.sync.client
from anyio.lowlevel import checkpoint
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from microfw import App, Depends, HTTPException, Request, Response, WebSocket, WebSocketException
from microfw.responses import StreamingResponse
from tests.servers import PATIENCE, Server, ServerProcess, serve

both_loops = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


class Events(list[str]):
    """What has happened in the server, in order; other threads wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def __call__(self, event: str) -> None:
        with self._changed:
            self.append(event)
            self._changed.notify_all()

    def wait_for(self, event: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: event in self, PATIENCE), [*self]

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        self(f"{name} opens")
        try:
            yield
        except BaseException as error:
            self(f"{name} sees {type(error).__name__}")
            raise
        else:
            self(f"{name} exits")

    def resource(self, name: str, *, sync: bool = False, scope: Any = None) -> Any:
        async def async_dependency() -> AsyncIterator[str]:
            with self.during(name):
                yield name

        def sync_dependency() -> Iterator[str]:
            with self.during(name):
                yield name

        return Depends(sync_dependency if sync else async_dependency, scope=scope)

    def done_with(self, app: App) -> Any:
        """Have an event for the end of each request."""

        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            finally:
                if scope["type"] != "lifespan":
                    self("done")

        return wrapped


@pytest.fixture
def events() -> Events:
    return Events()


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection((server.host, server.port), PATIENCE) as client:
        yield client


def get(client: socket.socket, path: str = "/") -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())


def read_until(client: socket.socket, text: bytes) -> bytes:
    read = b""
    while text not in read:
        part = client.recv(65536)
        assert part, read
        read += part
    return read


def assert_nothing_ugly(log: str) -> None:
    for word in ("Traceback", "ERROR", "WARNING", "never retrieved", "was destroyed"):
        assert word not in log, log


# ---------------------------------------------------------------------- clients that go


@both_loops
def test_a_client_that_goes_while_it_uploads_opens_nothing(events: Events, loop: str) -> None:
    app = App()

    @app.post("/")
    async def endpoint(
        body: dict[str, int], resource: Annotated[str, events.resource("resource")]
    ) -> None:
        events("never")

    with serve(events.done_with(app), loop=loop) as server:
        with connected(server) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n{")
        events.wait_for("done")
    assert events == ["done"]
    assert_nothing_ugly(server.log)


async def pass_on(request: Request, call_next: Any) -> Any:
    return await call_next(request)


@both_loops
@pytest.mark.parametrize("middleware", [0, 1, 2])
@pytest.mark.parametrize("sync", [True, False])
def test_an_endpoint_that_waits_for_a_client_that_has_gone_ends_as_it_likes(
    app: App, events: Events, loop: str, sync: bool, middleware: int
) -> None:
    for _ in range(middleware):
        app.middleware("http")(pass_on)
    resource = events.resource("resource", sync=sync)

    @app.get("/")
    async def endpoint(request: Request, resource: Annotated[str, resource]) -> None:
        events("waits")
        while not await request.is_disconnected():
            await checkpoint()
        events("notices")

    with serve(events.done_with(app), loop=loop) as server:
        with connected(server) as client:
            get(client)
            events.wait_for("waits")
        events.wait_for("done")
    assert events == ["resource opens", "waits", "notices", "resource exits", "done"]
    assert_nothing_ugly(server.log)


@both_loops
def test_an_endpoint_in_a_thread_runs_to_its_end_for_a_client_that_has_gone(
    app: App, events: Events, loop: str
) -> None:
    gone = threading.Event()
    resource = events.resource("resource", sync=True)

    @app.get("/")
    def endpoint(resource: Annotated[str, resource]) -> str:
        events("waits")
        assert gone.wait(PATIENCE)
        return "to nobody"

    with serve(events.done_with(app), loop=loop) as server:
        with connected(server) as client:
            get(client)
            events.wait_for("waits")
        gone.set()
        events.wait_for("done")
    assert events == ["resource opens", "waits", "resource exits", "done"]
    assert_nothing_ugly(server.log)


@both_loops
@pytest.mark.parametrize("sync", [True, False])
def test_a_stream_ends_when_its_client_has_gone(events: Events, loop: str, sync: bool) -> None:
    app = App()
    resource = events.resource("resource", sync=sync)

    async def numbers(resource: Annotated[str, resource]) -> AsyncIterator[str]:
        with events.during("stream"):
            while True:
                yield "number\n"
                await anyio.sleep(0.001)

    def numbers_from_thread(resource: Annotated[str, resource]) -> Iterator[str]:
        with events.during("stream"):
            while True:
                yield "number\n"

    app.add_api_route(
        "/", numbers_from_thread if sync else numbers, response_class=StreamingResponse
    )
    with serve(events.done_with(app), loop=loop) as server:
        with connected(server) as client:
            get(client)
            read_until(client, b"number")
        events.wait_for("done")
    assert events[:2] == ["resource opens", "stream opens"]
    assert events[2] in ("stream sees GeneratorExit", "stream sees CancelledError")
    assert events[3:] == ["resource sees ClientDisconnect", "done"]
    assert_nothing_ugly(server.log)


@both_loops
def test_a_stream_that_waits_ends_when_its_client_has_gone(events: Events, loop: str) -> None:
    app = App()

    @app.get("/", response_class=StreamingResponse)
    async def endpoint(
        resource: Annotated[str, events.resource("resource")],
    ) -> AsyncIterator[str]:
        with events.during("stream"):
            yield "number\n"
            await anyio.sleep_forever()

    with serve(events.done_with(app), loop=loop) as server:
        with connected(server) as client:
            get(client)
            read_until(client, b"number")
        events.wait_for("done")
    assert events == [
        "resource opens",
        "stream opens",
        "stream sees CancelledError",
        "resource sees ClientDisconnect",
        "done",
    ]
    assert_nothing_ugly(server.log)


@both_loops
def test_a_returned_stream_ends_when_its_client_has_gone(events: Events, loop: str) -> None:
    app = App()
    resource = events.resource("resource", scope="request")

    async def numbers() -> AsyncIterator[str]:
        with events.during("stream"):
            while True:
                yield "number\n"
                await anyio.sleep(0.001)

    @app.get("/")
    async def endpoint(resource: Annotated[str, resource]) -> Response:
        return StreamingResponse(numbers())

    with serve(events.done_with(app), loop=loop) as server:
        with connected(server) as client:
            get(client)
            read_until(client, b"number")
        events.wait_for("done")
    assert events[:2] == ["resource opens", "stream opens"]
    assert [event for event in events[2:] if not event.startswith("stream ")] == [
        "resource sees ClientDisconnect",
        "done",
    ]
    assert_nothing_ugly(server.log)


# ---------------------------------------------------------------------- kept connections


@both_loops
def test_a_kept_connection_can_be_used_after_errors(app: App, events: Events, loop: str) -> None:
    resource = events.resource("resource")

    @app.get("/items/{number}")
    async def endpoint(number: int, resource: Annotated[str, resource]) -> int:
        if number >= 400:
            raise HTTPException(number, "as you like")
        return number

    @app.post("/items")
    async def create(body: dict[str, int], resource: Annotated[str, resource]) -> None:
        events("never")

    with serve(app, loop=loop) as server:
        client = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        used: list[Any] = []

        def send(method: str, path: str, body: str | None = None) -> tuple[int, Any]:
            client.request(method, path, body, {"Content-Type": "application/json"})
            used.append(client.sock)
            answer = client.getresponse()
            return answer.status, json.loads(answer.read())

        try:
            assert send("GET", "/items/1") == (200, 1)
            assert send("GET", "/nowhere")[0] == 404
            assert send("GET", "/items/404") == (404, {"detail": "as you like"})
            assert send("GET", "/items/x")[0] == 422
            assert send("POST", "/items", "{")[0] == 422
            assert send("DELETE", "/items/1")[0] == 405
            assert send("GET", "/items/500") == (500, {"detail": "as you like"})
            assert send("GET", "/items/2") == (200, 2)
        finally:
            client.close()
    assert used == [used[0]] * 8
    assert used[0] is not None
    assert_nothing_ugly(server.log)


@both_loops
def test_an_unhandled_exception_is_answered_with_500_and_logged_once(
    app: App, events: Events, loop: str
) -> None:
    @app.get("/")
    async def endpoint(resource: Annotated[str, events.resource("resource")]) -> None:
        raise OSError("disk")

    with serve(app, loop=loop) as server:
        for _ in range(3):  # the server closes the connection each time
            assert httpx2.get(server.url).status_code == 500
    assert events == ["resource opens", "resource sees OSError"] * 3
    assert server.log.count("Exception in ASGI application") == 3
    assert server.log.count("OSError: disk\n") == 3


# ---------------------------------------------------------------------- shutdown


@both_loops
@pytest.mark.parametrize("sync", [True, False])
def test_a_request_under_way_is_answered_before_the_server_stops(
    app: App, events: Events, loop: str, sync: bool
) -> None:
    stopping = threading.Event()
    engine = events.resource("engine", scope="app")
    resource = events.resource("resource", sync=sync)

    def act() -> None:
        events("waits")
        assert stopping.wait(PATIENCE)

    async def endpoint(engine: Annotated[str, engine], resource: Annotated[str, resource]) -> str:
        await anyio.to_thread.run_sync(act)
        return "answer"

    def sync_endpoint(engine: Annotated[str, engine], resource: Annotated[str, resource]) -> str:
        act()
        return "answer"

    app.add_api_route("/", sync_endpoint if sync else endpoint)
    with serve(app, loop=loop) as server:
        with connected(server) as client:
            get(client)
            events.wait_for("waits")
            server.interrupt()
            server.wait_for("Waiting for connections to close.")
            stopping.set()
            assert b'"answer"' in read_until(client, b"answer")
        server.stop()
    assert events == [
        "engine opens",
        "resource opens",
        "waits",
        "resource exits",
        "engine exits",
    ]
    assert_nothing_ugly(server.log)


@both_loops
def test_exit_code_completes_when_the_server_has_no_patience(events: Events, loop: str) -> None:
    app = App()
    engine = events.resource("engine", scope="app")

    async def get_resource(engine: Annotated[str, engine]) -> AsyncIterator[None]:
        try:
            with events.during("resource"):
                yield
        finally:
            await anyio.sleep(0.1)
            events("resource ends")

    @app.get("/")
    async def endpoint(resource: Annotated[None, Depends(get_resource)]) -> None:
        events("waits")
        await anyio.sleep_forever()

    with (
        serve(app, loop=loop, timeout_graceful_shutdown=0.05) as server,
        connected(server) as client,
    ):
        get(client)
        events.wait_for("waits")
        server.stop()
    assert events == [
        "engine opens",
        "resource opens",
        "waits",
        "resource sees CancelledError",
        "resource ends",
        "engine exits",
    ]
    assert "timeout graceful shutdown exceeded" in server.log


@both_loops
def test_exit_code_that_runs_already_completes_when_the_server_has_no_patience(
    app: App, events: Events, loop: str
) -> None:
    engine = events.resource("engine", scope="app")

    async def get_resource(engine: Annotated[str, engine]) -> AsyncIterator[None]:
        with events.during("resource"):
            yield
        events("waits")
        await anyio.sleep(0.3)
        events("resource ends")

    @app.get("/")
    async def endpoint(resource: Annotated[None, Depends(get_resource)]) -> None: ...

    with (
        serve(app, loop=loop, timeout_graceful_shutdown=0.05) as server,
        connected(server) as client,
    ):
        get(client)
        events.wait_for("waits")
        server.stop()
    assert events == [
        "engine opens",
        "resource opens",
        "resource exits",
        "waits",
        "resource ends",
        "engine exits",
    ]
    assert "timeout graceful shutdown exceeded" in server.log


SERVED = """
import os

from typing import Annotated

from microfw import App, Depends


def say(line):
    os.write(1, f"{line}\\n".encode())  # whole lines, also beside other workers


async def get_engine():
    say(f"engine of {os.getpid()} opens")
    yield "engine"
    say(f"engine of {os.getpid()} exits")


def get_pool():
    say(f"pool of {os.getpid()} opens")
    yield "pool"
    say(f"pool of {os.getpid()} exits")


app = App()


@app.get("/")
def endpoint(
    engine: Annotated[str, Depends(get_engine, scope="app")],
    pool: Annotated[str, Depends(get_pool, scope="app")],
) -> int:
    return os.getpid()
"""


def lines_about(process: int, log: str) -> list[str]:
    ending = f" of {process} "
    return [line.replace(ending, " ") for line in log.splitlines() if ending in line]


WHOLE_LIFE = ["engine opens", "pool opens", "pool exits", "engine exits"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_app_scope_exits_when_the_process_is_asked_to_stop(
    tmp_path: Path, loop: str, signal_number: signal.Signals
) -> None:
    (tmp_path / "served.py").write_text(SERVED)
    with serve("served:app", cwd=tmp_path, loop=loop) as server:
        assert isinstance(server, ServerProcess)
        process = httpx2.get(server.url).json()
        os.kill(process, signal_number)
        server.process.wait(PATIENCE)
    assert lines_about(process, server.log) == WHOLE_LIFE
    assert_nothing_ugly(server.log)


def test_several_workers_have_an_app_scope_each(tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text(SERVED)
    with serve("served:app", cwd=tmp_path, workers=2) as server:
        processes: set[int] = set()
        while len(processes) < 2:
            processes.add(httpx2.get(server.url).json())
    for process in processes:
        assert lines_about(process, server.log) == WHOLE_LIFE
    assert_nothing_ugly(server.log)


# ---------------------------------------------------------------------- many at a time


@both_loops
@pytest.mark.parametrize("sync", [True, False])
def test_many_connections_for_few_resources_are_all_answered(loop: str, sync: bool) -> None:
    app = App()
    free: queue.Queue[int] = queue.Queue()
    for number in range(10):
        free.put(number)

    def get_resource() -> Iterator[int]:
        resource = free.get(timeout=5)
        try:
            yield resource
        finally:
            free.put(resource)

    def sync_endpoint(resource: Annotated[int, Depends(get_resource)]) -> None: ...

    async def async_endpoint(resource: Annotated[int, Depends(get_resource)]) -> None:
        await anyio.sleep(0.001)

    app.add_api_route("/", sync_endpoint if sync else async_endpoint)

    async def send(server: Server) -> bytes:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.partition(b"\r\n")[0]

    async def send_all(server: Server) -> list[bytes]:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*(send(server) for _ in range(200)))

    with serve(app, loop=loop, backlog=1024) as server:
        assert asyncio.run(send_all(server)) == [b"HTTP/1.1 200 OK"] * 200
    assert_nothing_ugly(server.log)


# ---------------------------------------------------------------------- WebSockets

DEPRECATED = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore:The `websockets` implementation is deprecated"
)
IMPLEMENTATIONS = [pytest.param("websockets", marks=DEPRECATED), "websockets-sansio", "wsproto"]


@pytest.mark.parametrize("place", ["setup", "endpoint"])
@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda: WebSocketException(4000), 403),
        (lambda: OSError("disk"), 500),
        (lambda: HTTPException(401, "who are you"), 401),
    ],
    ids=["WebSocketException", "OSError", "HTTPException"],
)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_websocket_is_refused_with_a_status(
    events: Events, implementation: str, place: str, make: Callable[[], Exception], status: int
) -> None:
    app = App()

    def fail(wanted: str) -> None:
        if place == wanted:
            raise make()

    async def check(resource: Annotated[str, events.resource("resource")]) -> None:
        fail("setup")

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, checked: Annotated[None, Depends(check)]) -> None:
        fail("endpoint")

    with serve(events.done_with(app), ws=implementation) as server:
        with pytest.raises(InvalidStatus) as refused:
            websockets.sync.client.connect(server.websocket_url)
        events.wait_for("done")
    assert refused.value.response.status_code == status
    assert events == ["resource opens", f"resource sees {type(make()).__name__}", "done"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: WebSocketException(4000, "no"), 4000),
        (lambda: WebSocketException(4001, "\u20ac" * 50), 4001),
        (OSError, 1011),
    ],
    ids=["WebSocketException", "WebSocketException with a long reason", "OSError"],
)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_an_accepted_websocket_is_closed_with_a_code(
    app: App, events: Events, implementation: str, make: Callable[[], Exception], code: int
) -> None:
    @app.websocket("/")
    async def endpoint(
        websocket: WebSocket, resource: Annotated[str, events.resource("resource")]
    ) -> None:
        await websocket.accept()
        await websocket.receive_text()
        raise make()

    with serve(events.done_with(app), ws=implementation) as server:
        with websockets.sync.client.connect(server.websocket_url) as client:
            client.send("hello")
            with pytest.raises(ConnectionClosedError) as closed:
                client.recv(PATIENCE)
        events.wait_for("done")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    assert events == ["resource opens", f"resource sees {type(make()).__name__}", "done"]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_exit_code_that_closes_what_the_endpoint_has_closed_leaves_nothing_in_the_log(
    app: App, events: Events, implementation: str
) -> None:
    async def refuse() -> AsyncIterator[None]:
        yield
        raise WebSocketException(4001)

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, refused: Annotated[None, Depends(refuse)]) -> None:
        await websocket.accept()
        await websocket.close(4000)

    with serve(events.done_with(app), ws=implementation) as server:
        with websockets.sync.client.connect(server.websocket_url) as client:
            with pytest.raises(ConnectionClosedError) as closed:
                client.recv(PATIENCE)
        events.wait_for("done")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000
    assert_nothing_ugly(server.log)


def test_a_client_that_closes_its_websocket_leaves_nothing_in_the_log(events: Events) -> None:
    app = App()

    @app.websocket("/")
    async def endpoint(
        websocket: WebSocket, resource: Annotated[str, events.resource("resource")]
    ) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    with serve(events.done_with(app)) as server:
        with websockets.sync.client.connect(server.websocket_url) as client:
            client.send("hello")
            assert client.recv(PATIENCE) == "hello"
        events.wait_for("done")
    assert events == ["resource opens", "resource sees WebSocketDisconnect", "done"]
    assert_nothing_ugly(server.log)


def test_a_server_without_an_access_log_leaves_that_of_the_next_alone():
    with serve(App(), access_log=False) as silent:
        httpx2.get(f"{silent.url}/silent")
    with serve(App()) as server:
        httpx2.get(f"{server.url}/told")
        assert '"GET /told HTTP/1.1" 404' in server.wait_for("/told")

    assert "/silent" not in silent.log
