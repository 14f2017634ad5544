"""One application with dishka, fastapi-users, sqlmodel and Sentry, served before and after moving.

A real server serves it; Sentry sends its events to another one. The answers are compared with what
is written here: on FastAPI by `uvicorn`, on microfw by `microfw run --as-fastapi`, as it is and
after `microfw migrate --write`.
"""

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fastapi
import httpx

APPLICATION = Path(__file__).with_name("application.py")
ON_MICROFW = fastapi.FastAPI.__module__.startswith("microfw")
HERO = {"name": "Ada", "age": 36}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def sentry() -> Iterator[tuple[str, list[dict]]]:
    """Receive events as Sentry does; yield the DSN, and what has been received."""
    events: list[dict] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            lines = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
            events.extend(line for line in lines if "exception" in line)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://key@127.0.0.1:{server.server_port}/1", events
    finally:
        server.shutdown()


@contextmanager
def served(folder: Path, dsn: str) -> Iterator[httpx.Client]:
    port = free_port()
    command = (
        ["microfw", "run", "--as-fastapi", "application:app", "--port", str(port)]
        if ON_MICROFW
        else ["uvicorn", "application:app", "--port", str(port)]
    )
    database = f"sqlite+aiosqlite:///{folder}/heroes.db"
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "SENTRY_DSN": dsn, "DATABASE": database},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until_it_answers(client, process)
            yield client
    finally:
        process.terminate()
        log = process.communicate(timeout=30)[0]
        print(log)
    assert process.returncode in (0, -15)


def wait_until_it_answers(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        try:
            client.get("/openapi.json")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def played(client: httpx.Client) -> list[tuple[int, object]]:
    """Register, log in, add heroes and look for them, err."""
    account = {"email": "ada@example.org", "password": "secret"}
    login = {"username": account["email"], "password": "secret"}
    answers = [
        client.get("/heroes"),
        client.post("/auth/register", json=account),
        client.post("/auth/register", json=account),
        client.post("/auth/login", data={**login, "password": "wrong"}),
    ]
    token = client.post("/auth/login", data=login).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    answers += [
        client.post("/heroes", json=HERO),
        client.post("/heroes", json={"name": "A"}),
        client.get("/heroes"),
        client.get("/heroes/Ada"),
        client.get("/heroes/Bob"),
        client.get("/broken/3"),
    ]
    return [(answer.status_code, seen(answer)) for answer in answers]


def seen(answer: httpx.Response) -> object:
    body = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
    return {**body, "id": "..."} if isinstance(body, dict) and "id" in body else body


ADA = {"name": "Ada", "age": 36, "id": "...", "owner": "ada@example.org"}
EXPECTED = [
    (401, {"detail": "Unauthorized"}),
    (
        201,
        {
            "id": "...",
            "email": "ada@example.org",
            "is_active": True,
            "is_superuser": False,
            "is_verified": False,
        },
    ),
    (400, {"detail": "REGISTER_USER_ALREADY_EXISTS"}),
    (400, {"detail": "LOGIN_BAD_CREDENTIALS"}),
    (201, ADA),
    (
        422,
        {
            "detail": [
                {
                    "type": "string_too_short",
                    "loc": ["body", "name"],
                    "msg": "String should have at least 2 characters",
                    "input": "A",
                    "ctx": {"min_length": 2},
                }
            ]
        },
    ),
    (200, [{**ADA, "id": 1}]),
    (200, ADA),
    (404, {"detail": "no such hero"}),
    (500, "Internal Server Error"),
]


def check(folder: Path) -> None:
    with sentry() as (dsn, events):
        with served(folder, dsn) as client:
            assert played(client) == EXPECTED
        (event,) = events
    (raised,) = event["exception"]["values"]
    assert (raised["type"], raised["value"]) == ("RuntimeError", "broken 3")
    assert event["transaction"] in ("/broken/{number}", "application.broken")
    assert event["request"]["url"].endswith("/broken/3")


def test_it_answers_and_sentry_sees_its_error(tmp_path: Path) -> None:
    shutil.copy(APPLICATION, tmp_path)
    check(tmp_path)


def test_it_does_so_after_migrate(tmp_path: Path) -> None:
    shutil.copy(APPLICATION, tmp_path)
    if ON_MICROFW:
        migrate = [sys.executable, "-m", "microfw", "migrate", "--write", str(tmp_path)]
        done = subprocess.run(migrate, capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr)
        source = (tmp_path / "application.py").read_text()
        assert "from microfw import " in source
        assert "from fastapi import" not in source
    check(tmp_path)
