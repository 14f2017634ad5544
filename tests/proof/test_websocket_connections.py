"""WebSockets whose clients behave badly on the wire: exit code runs, and the next one is served."""

import socket
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Annotated, Any

import pytest
from anyio.lowlevel import checkpoint
from websockets.sync.client import connect

from microfw import App, HTTPException, WebSocket
from tests.proof.connections import CLIENTS, ENDINGS, Served, connected, crowd, head
from tests.servers import Server, serve


def declare(app: App, inner: Any) -> None:
    @app.websocket("/echo")
    async def echo(inner: Annotated[None, inner], websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    @app.websocket("/feed")
    async def feed(inner: Annotated[None, inner], websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text("x" * 1000)
            await checkpoint()  # as sending alone does not: nobody would notice the client's going

    async def see_leave(websocket: WebSocket) -> None:
        """Wait until the client has gone, unanswered."""
        assert (await websocket.receive())["type"] == "websocket.connect"
        assert (await websocket.receive())["type"] == "websocket.disconnect"

    @app.websocket("/accepting")
    async def accept(inner: Annotated[None, inner], websocket: WebSocket) -> None:
        await see_leave(websocket)
        await websocket.accept()

    @app.websocket("/denying")
    async def deny(inner: Annotated[None, inner], websocket: WebSocket) -> None:
        await see_leave(websocket)
        raise HTTPException(403)

    @app.websocket("/refusing")
    async def refuse(inner: Annotated[None, inner], websocket: WebSocket) -> None:
        await see_leave(websocket)


def handshake(path: str) -> bytes:
    return head(
        f"GET {path}",
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-version: 13",
        "sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==",
    )


def frame(kind: int, content: bytes) -> bytes:
    """Make a frame as RFC 6455 has it, in section 5.2, with a mask of zeros."""
    return bytes([kind, 0x80 | len(content), 0, 0, 0, 0]) + content


BEGINNING_OF_TEXT, MIDDLE, TEXT = 0x01, 0x00, 0x81

UNANSWERED = ["/accepting", "/denying", "/refusing"]

BEGINNINGS = {
    "a wait": b"",
    "a frame's head": frame(TEXT, b"some")[:3],
    "a frame": frame(TEXT, b"some")[:-2],
    "a message's frames": frame(BEGINNING_OF_TEXT, b"some") + frame(MIDDLE, b"more"),
    "a frame of several": frame(BEGINNING_OF_TEXT, b"some") + frame(MIDDLE, b"more")[:-2],
}

LIBRARIES = ["websockets-sansio", *(["wsproto"] if find_spec("wsproto") else [])]
"""What uvicorn speaks WebSocket by, of those that are installed."""

SERVERS = [(ws, loop) for ws in LIBRARIES for loop in ("asyncio", "uvloop")]


@pytest.fixture(scope="module", params=SERVERS, ids="-".join)
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[Served, Server]]:
    ws, loop = request.param
    served = Served(declare)
    with serve(served, ws=ws, loop=loop) as server:
        yield served, server


@pytest.fixture
def served(servers: tuple[Served, Server]) -> Iterator[Served]:
    """The application; after the test all is exited, and it answers as ever."""
    served, server = servers
    yield served
    served.check()
    check_that_it_answers(server)
    served.check()
    assert unexpected_lines(server) == []


@pytest.fixture
def server(servers: tuple[Served, Server]) -> Server:
    return servers[1]


def check_that_it_answers(server: Server) -> None:
    with connect(f"{server.websocket_url}/echo") as client:
        client.send("hello")
        assert client.recv() == "hello"


def unexpected_lines(server: Server) -> list[str]:
    return [line for line in server.log.splitlines() if not line.startswith("INFO: ")]


def receive_acceptance(connection: socket.socket) -> None:
    """Read what has come so far, and then no more."""
    assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_connection_ends_in_the_middle_of_the_handshake(
    served: Served, server: Server, ending: str
) -> None:
    begun = served.counters.begun
    with crowd(server, handshake("/echo")[:-20]) as connections:
        for connection in connections:
            ENDINGS[ending](connection)
    check_that_it_answers(server)
    assert served.counters.begun == begun + 1


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("path", UNANSWERED)
def test_dependencies_exit_when_the_connection_ends_before_it_is_answered(
    served: Served, server: Server, path: str, ending: str
) -> None:
    counters = served.counters
    expected = counters.begun + CLIENTS
    with crowd(server, handshake(path)) as connections:
        counters.wait_until(lambda: counters.begun == expected)
        for connection in connections:
            ENDINGS[ending](connection)
        counters.wait_until(lambda: counters.ended == expected)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_dependencies_exit_when_the_connection_ends_in_the_middle_of(
    served: Served, server: Server, beginning: str, ending: str
) -> None:
    counters = served.counters
    expected = counters.begun + CLIENTS
    with crowd(server, handshake("/echo")) as connections:
        for connection in connections:
            receive_acceptance(connection)
            connection.sendall(BEGINNINGS[beginning])
        for connection in connections:
            ENDINGS[ending](connection)
        counters.wait_until(lambda: counters.ended == expected)


@pytest.mark.parametrize("ending", ENDINGS)
def test_dependencies_exit_when_the_connection_ends_while_the_server_sends(
    served: Served, server: Server, ending: str
) -> None:
    counters = served.counters
    expected = counters.begun + CLIENTS
    with crowd(server, handshake("/feed")) as connections:
        for connection in connections:
            receive_acceptance(connection)
        for connection in connections:
            ENDINGS[ending](connection)
        counters.wait_until(lambda: counters.ended == expected)


@pytest.mark.parametrize("ws", LIBRARIES)
@pytest.mark.parametrize("path", ["/echo", "/feed"])
def test_dependencies_exit_when_clients_stall_for_too_long(ws: str, path: str) -> None:
    served = Served(declare)
    counters = served.counters
    with serve(
        served, ws=ws, loop="asyncio", ws_ping_interval=0.05, ws_ping_timeout=0.05
    ) as server:
        with crowd(server, handshake(path)) as connections:
            for connection in connections:
                receive_acceptance(connection)
            counters.wait_until(lambda: counters.ended == CLIENTS)
        with connected(server) as connection:
            connection.sendall(handshake("/echo"))
            receive_acceptance(connection)
    served.check()
    assert counters.entered == 3 * (CLIENTS + 1)
    # To uvicorn it is a mistake to go on sending once it has given up on the client.
    mistakes = server.log.count("RuntimeError: Unexpected ASGI message 'websocket.send', after")
    assert server.log.count("ERROR: ") == mistakes
