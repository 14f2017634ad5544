"""uvicorn, hypercorn, granian and daphne: requests, files, streams, WebSockets, the lifespan."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fastapi
import httpx
import pytest
import websockets.sync.client

ON_MICROFW = fastapi.FastAPI.__module__.startswith("microfw")
COMMANDS = {
    "uvicorn": ("uvicorn", "served:app", "--host", "127.0.0.1", "--port"),
    "hypercorn": ("hypercorn", "served:app", "--bind"),
    "granian": ("granian", "--interface", "asgi", "--host", "127.0.0.1", "served:app", "--port"),
    "daphne": ("daphne", "-b", "127.0.0.1", "served:app", "-p"),
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_until_it_answers(client: httpx.Client, process: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        try:
            client.get("/framework")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("it does not answer")


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    port = free_port()
    command = COMMANDS[request.param]
    address = f"127.0.0.1:{port}" if command[-1] == "--bind" else str(port)
    environment = {**os.environ, "ON_MICROFW": "yes" if ON_MICROFW else ""}
    process = subprocess.Popen(
        [sys.executable, "-m", *command, address], cwd=Path(__file__).parent, env=environment
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            client.headers["x-server"] = request.param
            wait_until_it_answers(client, process)
            yield client
    finally:
        process.terminate()
        process.wait(60)


def log_after(server: httpx.Client, *, ends_with: str = "closes") -> list[str]:
    """What was logged, once exit code has run, which may be after the answer."""
    said: list[str] = []
    end = time.monotonic() + 30
    while ends_with not in said[-1:] and time.monotonic() < end:
        said += server.get("/log").json()
    return said


def test_the_lifespan_runs_where_the_server_has_one(server: httpx.Client) -> None:
    has_one = server.headers["x-server"] != "daphne"
    assert server.get("/log").json() == ["lifespan"] * has_one
    assert server.get("/framework").json() == ("microfw" if ON_MICROFW else "fastapi")


def test_a_request_is_answered(server: httpx.Client) -> None:
    order = {"item": "saw", "quantity": 3}
    answer = server.post("/orders/7", json=order, headers={"x-who": "ada"})
    assert (answer.status_code, answer.json()) == (201, {"shop": 7, "who": "ada", **order})
    assert log_after(server) == ["opens", "endpoint", "closes"]


def test_a_request_that_is_invalid_is_answered(server: httpx.Client) -> None:
    answer = server.post("/orders/seven", json={"item": "saw"})
    assert answer.status_code == 422
    assert [each["loc"] for each in answer.json()["detail"]] == [
        ["path", "shop"],
        ["header", "x-who"],
        ["body", "quantity"],
    ]
    log_after(server)


def test_a_request_that_is_refused_is_seen_by_dependencies(server: httpx.Client) -> None:
    answer = server.post(
        "/orders/7", json={"item": "saw", "quantity": 30}, headers={"x-who": "ada"}
    )
    assert (answer.status_code, answer.json()) == (409, {"detail": "not in stock"})
    assert log_after(server) == ["opens", "endpoint", "sees it", "closes"]


def test_a_file_is_received(server: httpx.Client) -> None:
    assert server.post("/files", files={"file": b"x" * 3_000_000}).json() == 3_000_000


def test_a_stream_is_sent(server: httpx.Client) -> None:
    with server.stream("GET", "/lines") as answer:
        assert "".join(answer.iter_text()) == "0\n1\n2\n"


def test_a_websocket_is_served(server: httpx.Client) -> None:
    url = f"ws://127.0.0.1:{server.base_url.port}/echo"
    with websockets.sync.client.connect(url) as websocket:
        websocket.send("hello")
        assert websocket.recv() == "got hello"
        with pytest.raises(websockets.ConnectionClosed) as closed:
            websocket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000
    assert log_after(server) == ["opens", "endpoint", "closes"]
