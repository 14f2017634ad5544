"""The lifecycle under other servers than uvicorn: what each tells, docs/servers.md has in a table."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import websockets.sync.client

from tests.servers import PATIENCE, Log, _wait_until_it_accepts, python_environment

SERVED = """
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

import anyio

from microfw import App, BackgroundTasks, Depends, HTTPException, WebSocket
from microfw.responses import StreamingResponse


def say(line):
    os.write(1, f"> {line}\\n".encode())


@contextmanager
def during(name):
    say(f"{name} opens")
    try:
        yield name
    except BaseException as error:
        say(f"{name} sees {type(error).__name__}")
        raise
    else:
        say(f"{name} exits")


@asynccontextmanager
async def lifespan(app):
    with during("lifespan"):
        yield


app = App(lifespan=lifespan)


async def wide():
    with during("wide"):
        yield


async def narrow():
    try:
        with during("narrow"):
            yield
    finally:
        await anyio.sleep(0.05)
        say("narrow has exited")


def sync():
    with during("sync"):
        yield


async def engine():
    with during("engine") as value:
        yield value


async def mailer():
    with during("mailer") as value:
        yield value


Request = Depends(wide, scope="request")
EngineDep = Annotated[str, Depends(engine, scope="app")]


async def send(mailer: Annotated[str, Depends(mailer, scope="app")]):
    say("mail")


@app.get("/ready")
async def ready() -> None: ...


@app.get("/answer", dependencies=[Request, Depends(narrow), Depends(sync)])
async def answer(tasks: BackgroundTasks) -> str:
    tasks.add_task(say, "task")
    return "answer"


@app.get("/error", dependencies=[Request, Depends(narrow), Depends(sync)])
async def fail() -> str:
    raise OSError("disk")


@app.get("/refused", dependencies=[Request, Depends(narrow), Depends(sync)])
async def refuse() -> str:
    raise HTTPException(409, "not now")


@app.get("/engine")
async def read_engine(engine: EngineDep, tasks: BackgroundTasks) -> str:
    tasks.add_task(send)
    return engine


@app.get("/stream", dependencies=[Request])
async def returned_stream() -> StreamingResponse:
    async def parts():
        while True:
            yield "part " * 1000
            await anyio.sleep(0.01)

    return StreamingResponse(parts())


@app.get("/lines", dependencies=[Depends(narrow)])
async def lines() -> AsyncIterator[str]:
    while True:
        yield "line " * 1000
        await anyio.sleep(0.01)


@app.websocket("/echo")
async def echo(websocket: WebSocket, _: Annotated[None, Depends(narrow)]) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())


@app.get("/wait", dependencies=[Depends(narrow)])
async def wait() -> str:
    say("waits")
    await anyio.sleep(0.5)
    return "answer"
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def command(name: str, port: int) -> list[str]:
    if name == "granian":
        options = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    elif name == "daphne":
        options = ["-b", "127.0.0.1", "-p", str(port)]
    else:
        options = ["-b", f"127.0.0.1:{port}", "-k", name.partition("-")[2]]
    return [sys.executable, "-m", name.partition("-")[0], *options, "served:app"]


class OtherServer:
    """A server in a process of its own; what it prints is its log."""

    def __init__(self, name: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = Log()
        self.process = subprocess.Popen(
            command(name, self.port),
            cwd=folder,
            env=python_environment({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._log.add(line)
        self._log.close()

    @property
    def log(self) -> str:
        return self._log.text

    @property
    def said(self) -> list[str]:
        """What the application has said."""
        return [line[2:] for line in self.log.splitlines() if line.startswith("> ")]

    def wait_for_log(self, text: str) -> None:
        self._log.wait_until(lambda log: text in log, f"logged {text!r}")

    def wait_for(self, line: str) -> None:
        self._log.wait_until(lambda log: f"> {line}\n" in log, f"said {line!r}")

    def wait_until_said(self, number: int) -> None:
        """Wait until the application has said so many lines."""
        self._log.wait_until(lambda _: len(self.said) >= number, f"said {number} lines")

    def stop(self) -> None:
        """Ask it to stop, as a supervisor does, and wait until it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not stop; its log:\n{self.log}") from None
        finally:
            self._reader.join(PATIENCE)
            self.process.stdout.close()


NAMES = ["hypercorn-asyncio", "hypercorn-trio", "granian", "daphne"]
LIFESPAN = {"hypercorn-asyncio", "hypercorn-trio", "granian"}
"""Those that speak ASGI's lifespan protocol."""


@contextmanager
def serving(name: str, folder: Path) -> Iterator[OtherServer]:
    pytest.importorskip(name.partition("-")[0])
    (folder / "served.py").write_text(SERVED)
    server = OtherServer(name, folder)
    try:
        _wait_until_it_accepts("127.0.0.1", server.port)
        assert httpx2.get(f"{server.url}/ready").status_code == 200
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module", params=NAMES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OtherServer]:
    """A server that all tests of requests share, one after the other."""
    with serving(request.param, tmp_path_factory.mktemp("served")) as server:
        yield server


@contextmanager
def expecting(server: OtherServer, *lines: str) -> Iterator[None]:
    """Run a block in which the application says these lines, and no other."""
    before = len(server.said)
    yield
    server.wait_until_said(before + len(lines))
    assert server.said[before:] == [*lines]


def test_a_request_that_succeeds_has_the_order_of_execution(server: OtherServer) -> None:
    with expecting(
        server,
        *("wide opens", "narrow opens", "sync opens"),
        *("sync exits", "narrow exits", "narrow has exited", "task", "wide exits"),
    ):
        assert httpx2.get(f"{server.url}/answer").json() == "answer"


@pytest.mark.parametrize(
    ("path", "error", "status"), [("error", "OSError", 500), ("refused", "HTTPException", 409)]
)
def test_a_request_that_fails_has_the_order_of_execution(
    server: OtherServer, path: str, error: str, status: int
) -> None:
    with expecting(
        server,
        *("wide opens", "narrow opens", "sync opens"),
        *(f"sync sees {error}", f"narrow sees {error}", "narrow has exited", f"wide sees {error}"),
    ):
        assert httpx2.get(f"{server.url}/{path}").status_code == status
    if error == "OSError":
        server.wait_for_log("disk")


def leave(server: OtherServer, path: str) -> None:
    """Send a request, and leave in the middle of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(f"GET /{path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        assert b" 200 " in client.recv(64)


def test_a_client_that_leaves_ends_a_returned_stream(server: OtherServer) -> None:
    with expecting(server, "wide opens", "wide sees ClientDisconnect"):
        leave(server, "stream")


def test_a_client_that_leaves_ends_a_generator(server: OtherServer) -> None:
    with expecting(server, "narrow opens", "narrow sees ClientDisconnect", "narrow has exited"):
        leave(server, "lines")


def test_a_client_that_closes_its_websocket_ends_the_endpoint(server: OtherServer) -> None:
    url = f"ws://127.0.0.1:{server.port}/echo"
    with (
        expecting(server, "narrow opens", "narrow sees WebSocketDisconnect", "narrow has exited"),
        websockets.sync.client.connect(url) as client,
    ):
        client.send("hello")
        assert client.recv(PATIENCE) == "hello"


@pytest.mark.parametrize("name", NAMES)
def test_sigterm_ends_requests_then_scope_app_then_the_lifespan(name: str, tmp_path: Path) -> None:
    with serving(name, tmp_path) as server:
        answers = [httpx2.get(f"{server.url}/engine") for _ in range(2)]
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
            client.sendall(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for("waits")
            server.stop()
            answer = client.recv(1000)

    if name in LIFESPAN:
        assert [answer.json() for answer in answers] == ["engine", "engine"]
        assert b'"answer"' in answer
        assert server.said == [
            *("lifespan opens", "engine opens", "mailer opens", "mail", "mail"),
            *("narrow opens", "waits", "narrow exits", "narrow has exited"),
            *("mailer exits", "engine exits", "lifespan exits"),
        ]
    else:  # scope "app" is an error, and requests under way are cancelled
        assert [answer.status_code for answer in answers] == [500, 500]
        assert answer == b""
        assert server.said == [
            *("narrow opens", "waits", "narrow sees CancelledError", "narrow has exited")
        ]
