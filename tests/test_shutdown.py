"""An application is asked to stop while requests are under way: their exit code completes.

No dependency of scope "app" is declared here; those have their tests in test_server.py.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
import httpx2
import pytest
import websockets.sync.client
from anyio.from_thread import start_blocking_portal
from anyio.lowlevel import checkpoint

from microfw import App, Depends
from tests.lifecycle.programs import Log, lines, request
from tests.servers import PATIENCE, Server, ServerProcess, serve

# ---------------------------------------------------------------------- in this process


class Scene:
    """An application with one route whose exit code waits to be released."""

    def __init__(self) -> None:
        self.log = Log()
        self.reached = threading.Event()
        self.released = threading.Event()
        self.app = App(lifespan=self.lifespan)

        async def session() -> AsyncIterator[None]:
            with self.log.opened("session"):
                yield
            self.reached.set()
            while not self.released.is_set():
                await checkpoint()
            self.log("session has exited")

        @self.app.get("/")
        async def endpoint(session: Annotated[None, Depends(session)]) -> None: ...

    @asynccontextmanager
    async def lifespan(self, _: App) -> AsyncIterator[None]:
        with self.log.opened("lifespan"):
            yield

    def release_when_a_lifespan_waits(self) -> None:
        while not self.app.app_state.requests._waiting:
            time.sleep(0)
        self.released.set()


async def send_and_end(scene: Scene, app: App) -> None:
    """Send a request, and end the lifespan while its exit code runs."""

    async def release() -> None:
        while not scene.app.app_state.requests._waiting:
            await checkpoint()
        scene.released.set()

    async with anyio.create_task_group() as group:
        async with app.router.lifespan_context(app):
            group.start_soon(request, scene.app)
            while not scene.reached.is_set():
                await checkpoint()
            group.start_soon(release)


ALL = "lifespan opens, session opens, session exits, session has exited, lifespan exits"


async def test_the_lifespan_waits_for_exit_code_though_nothing_has_scope_app() -> None:
    scene = Scene()

    with anyio.fail_after(PATIENCE):
        await send_and_end(scene, scene.app)

    assert scene.log == lines(ALL)


async def test_the_lifespan_waits_for_the_requests_of_mounted_applications() -> None:
    scene = Scene()
    outer = App()
    outer.mount("/inner", scene.app)

    with anyio.fail_after(PATIENCE):
        await send_and_end(scene, outer)

    assert scene.log == lines(ALL)


async def test_lifespans_that_end_at_the_same_time_all_wait() -> None:
    scene = Scene()
    app = scene.app

    async def live(has_started: anyio.Event) -> None:
        async with app.router.lifespan_context(app):
            has_started.set()
            while not scene.reached.is_set():
                await checkpoint()

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for _ in range(2):
                has_started = anyio.Event()
                group.start_soon(live, has_started)
                await has_started.wait()
            group.start_soon(request, app)
            while len(app.app_state.requests._waiting) < 2:
                await checkpoint()
            scene.released.set()

    assert scene.log == lines(
        """lifespan opens, lifespan opens, session opens, session exits, session has exited,
        lifespan exits, lifespan exits"""
    )


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_lifespan_waits_for_requests_on_other_event_loops(backend: Any) -> None:
    scene = Scene()

    with start_blocking_portal(backend) as one, start_blocking_portal(backend) as other:
        lifespan = one.wrap_async_context_manager(scene.app.router.lifespan_context(scene.app))
        with lifespan:
            answer = other.start_task_soon(request, scene.app)
            assert scene.reached.wait(PATIENCE)
            release = threading.Thread(target=scene.release_when_a_lifespan_waits)
            release.start()
        release.join(PATIENCE)
        assert answer.result(PATIENCE).status == 200

    assert scene.log == lines(ALL)


# ---------------------------------------------------------------------- uvicorn in its own

SERVED = """
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio

from microfw import App, Depends, WebSocket
from microfw.responses import StreamingResponse


def say(line):
    os.write(1, f"{os.getpid()}: {line}\\n".encode())  # whole lines, also beside other workers


@asynccontextmanager
async def lifespan(app):
    say("lifespan opens")
    yield
    say("lifespan exits")


app = App(lifespan=lifespan)


async def suspending():
    say("opens")
    try:
        yield
    finally:
        say("exits")
        await anyio.sleep(0.3)
        say("has exited")


def sync():
    say("opens")
    try:
        yield
    finally:
        say("exits")
        time.sleep(0.3)
        say("has exited")


@app.get("/process")
async def process() -> int:
    return os.getpid()


@app.get("/async", dependencies=[Depends(suspending)])
@app.get("/sync", dependencies=[Depends(sync)])
@app.get("/request", dependencies=[Depends(suspending, scope="request")])
async def endpoint() -> None:
    say("waits")
    await anyio.sleep_forever()


@app.get("/stream", dependencies=[Depends(suspending, scope="request")])
@app.get("/stream/sync", dependencies=[Depends(sync, scope="request")])
async def returned_stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        say("waits")
        yield "part"
        await anyio.sleep_forever()

    return StreamingResponse(parts())


@app.get("/lines", dependencies=[Depends(suspending)])
async def stream() -> AsyncIterator[str]:
    say("waits")
    yield "part"
    await anyio.sleep_forever()


@app.websocket("/socket")
async def conversation(
    websocket: WebSocket,
    function: Annotated[None, Depends(suspending)],
    request: Annotated[None, Depends(sync, scope="request")],
) -> None:
    await websocket.accept()
    say("waits")
    await anyio.sleep_forever()


@app.get("/task", dependencies=[Depends(suspending)])
async def exiting() -> None:
    say("waits")
"""

HTTP = ["async", "sync", "request", "stream", "stream/sync", "lines"]
ONE = ["opens", "waits", "exits", "has exited"]
BOTH = ["opens", "opens", "waits", "exits", "has exited", "exits", "has exited"]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served.py").write_text(SERVED)
    return tmp_path


@contextmanager
def asking(server: Server, path: str) -> Iterator[None]:
    """Send a request, or open a WebSocket, and wait until its endpoint is reached."""
    with ExitStack() as stack:
        if path == "socket":
            stack.enter_context(websockets.sync.client.connect(f"{server.websocket_url}/socket"))
        else:
            client = socket.create_connection((server.host, server.port), PATIENCE)
            stack.enter_context(client)
            client.sendall(f"GET /{path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        server.wait_for("waits")
        yield


def stopped(server: Server, process: int, number: signal.Signals) -> list[str]:
    """Ask a process of the server to stop; return what the application in it has said."""
    assert isinstance(server, ServerProcess)
    os.kill(process, number)
    server.wait_for(f"{process}: lifespan exits")
    return said_by(process, server.log)


def said_by(process: int, log: str) -> list[str]:
    mark = f"{process}: "
    return [line.removeprefix(mark) for line in log.splitlines() if line.startswith(mark)]


def process_of(server: Server) -> int:
    process: int = httpx2.get(f"{server.url}/process").json()
    return process


@SIGNALS
@pytest.mark.parametrize("path", [*HTTP, "socket"])
def test_exit_code_completes_before_the_lifespan_ends_when_the_server_has_no_patience(
    folder: Path, path: str, number: signal.Signals
) -> None:
    with serve("served:app", cwd=folder, timeout_graceful_shutdown=0) as server:
        process = process_of(server)
        with asking(server, path):
            said = stopped(server, process, number)

    middle = BOTH if path == "socket" else ONE
    assert said == ["lifespan opens", *middle, "lifespan exits"]
    assert "timeout graceful shutdown exceeded" in server.log


@SIGNALS
def test_exit_code_that_runs_already_completes_under_a_patient_server(
    folder: Path, number: signal.Signals
) -> None:
    with serve("served:app", cwd=folder) as server:
        process = process_of(server)
        with asking(server, "task"):
            server.wait_for(f"{process}: exits")
            said = stopped(server, process, number)

    assert said == ["lifespan opens", "opens", "waits", "exits", "has exited", "lifespan exits"]


@SIGNALS
@pytest.mark.parametrize("path", ["async", "sync", "stream", "socket"])
def test_exit_code_completes_in_each_of_several_workers(
    folder: Path, path: str, number: signal.Signals
) -> None:
    with serve("served:app", cwd=folder, workers=2, timeout_graceful_shutdown=0) as server:
        assert isinstance(server, ServerProcess)
        processes: set[int] = set()
        while len(processes) < 2:
            processes.add(process_of(server))
        with asking(server, path):
            server.process.send_signal(number)
            server.wait_for("lifespan exits", 2)

    middle = BOTH if path == "socket" else ONE
    said = sorted(said_by(process, server.log) for process in processes)
    assert said == [
        ["lifespan opens", "lifespan exits"],
        ["lifespan opens", *middle, "lifespan exits"],
    ]
