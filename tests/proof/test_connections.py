"""Clients that behave badly on the wire: exit code runs all the same, and the next one is served."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, Any

import pytest

from microfw import App, Body, Request
from tests.proof.connections import (
    CLIENTS,
    ENDINGS,
    Served,
    connected,
    crowd,
    everything,
    head,
    reset,
)
from tests.servers import Server, serve


def declare(app: App, inner: Any) -> None:
    @app.get("/quick/{number}")
    def answer(inner: Annotated[None, inner], number: int) -> int:
        return number

    @app.post("/body")
    async def take_body(
        inner: Annotated[None, inner], body: Annotated[dict[str, int], Body()]
    ) -> int:
        return len(body)

    @app.post("/reading")
    async def read(inner: Annotated[None, inner], request: Request) -> int:
        return sum([len(part) async for part in request.stream()])

    @app.get("/stream")
    async def stream(inner: Annotated[None, inner]) -> Any:
        while True:
            yield "x" * 1000

    @app.get("/sync-stream")
    def stream_sync(inner: Annotated[None, inner]) -> Any:
        while True:
            yield "x" * 1000


CHUNKED = "transfer-encoding: chunked"
LENGTH = "content-length: 100"

BEGINNINGS = {
    "a body": head("POST /body", LENGTH) + b'{"a":',
    "a body that is read by the endpoint": head("POST /reading", LENGTH) + b"some",
    "a chunk": head("POST /body", CHUNKED) + b'20\r\n{"a"',
    "a chunk that is read by the endpoint": head("POST /reading", CHUNKED) + b"20\r\nsome",
    "a chunk's length": head("POST /reading", CHUNKED) + b"4\r\nsome\r\n2",
}


@pytest.fixture(scope="module", params=["h11-asyncio", "httptools-uvloop"])
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[Served, Server]]:
    http, _, loop = request.param.partition("-")
    served = Served(declare)
    with serve(served, http=http, loop=loop) as server:
        yield served, server


@pytest.fixture
def served(servers: tuple[Served, Server]) -> Iterator[Served]:
    """The application; after the test all is exited, and it answers as ever."""
    served, server = servers
    yield served
    served.check()
    with connected(server) as connection:
        connection.sendall(head("GET /quick/1", "connection: close"))
        assert everything(connection).endswith(b"\r\n1")
    # uvloop refuses to write to what it has closed, and uvicorn logs that.
    assert server.log.count("ERROR") == server.log.count("; the handler is closed")


@pytest.fixture
def server(servers: tuple[Served, Server]) -> Server:
    return servers[1]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_dependencies_exit_when_the_connection_ends_in_the_middle_of(
    served: Served, server: Server, beginning: str, ending: str
) -> None:
    counters = served.counters
    expected = counters.begun + CLIENTS
    with crowd(server, BEGINNINGS[beginning]) as connections:
        counters.wait_until(lambda: counters.begun == expected)
        for connection in connections:
            ENDINGS[ending](connection)
        counters.wait_until(lambda: counters.ended == expected)


@pytest.mark.parametrize("ending", ["reset", "closed"])
@pytest.mark.parametrize("path", ["/stream", "/sync-stream"])
def test_dependencies_exit_when_the_connection_ends_in_the_middle_of_a_stream(
    served: Served, server: Server, path: str, ending: str
) -> None:
    counters = served.counters
    expected = counters.begun + CLIENTS
    with crowd(server, head(f"GET {path}")) as connections:
        for connection in connections:
            assert connection.recv(1000)  # and then no more: the server has to wait
        for connection in connections:
            ENDINGS[ending](connection)
        counters.wait_until(lambda: counters.ended == expected)


def test_requests_that_come_at_once_are_answered_one_after_the_other(
    served: Served, server: Server
) -> None:
    numbers = range(1, 20)
    requests = [head(f"GET /quick/{number}") for number in numbers]
    with connected(server) as connection:
        connection.sendall(b"".join(requests) + head("GET /quick/20", "connection: close"))
        answers = everything(connection).split(b"HTTP/1.1 200 OK\r\n")[1:]
    bodies = [int(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert bodies == [*numbers, 20]


def test_dependencies_exit_when_the_connection_is_reset_behind_requests_that_came_at_once(
    served: Served, server: Server
) -> None:
    counters = served.counters
    begun = counters.begun
    for _ in range(CLIENTS):
        with connected(server) as connection:
            connection.sendall(head("GET /stream") + head("GET /quick/1") * 10)
            assert connection.recv(1000)
            reset(connection)
    counters.wait_until(lambda: counters.ended == counters.begun >= begun + CLIENTS)


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_dependencies_exit_when_the_server_stops_though_clients_stall(http: str) -> None:
    served = Served(declare)
    counters = served.counters
    opened = 3 * sum("/reading" in str(beginning) for beginning in BEGINNINGS.values())
    with ExitStack() as stack:
        with serve(served, http=http, loop="asyncio", timeout_graceful_shutdown=0) as server:
            for beginning in BEGINNINGS.values():
                connection = stack.enter_context(connected(server))
                connection.sendall(beginning)
            counters.wait_until(lambda: counters.begun == len(BEGINNINGS))
            counters.wait_until(lambda: counters.entered == opened)
        counters.wait_until(lambda: counters.ended == len(BEGINNINGS))
    served.check()
    assert counters.entered == opened
