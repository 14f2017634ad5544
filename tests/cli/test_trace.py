"""`microfw trace` sends one request and shows what it runs through."""

import json

import pytest

from tests.cli.conftest import Folder

SHOP = """
from contextlib import asynccontextmanager
from microfw import *

started = []

@asynccontextmanager
async def lifespan(app):
    started.append("yes")
    yield {"name": "shop"}

app = App(lifespan=lifespan)

async def get_session():
    yield "session"

@app.post("/orders")
async def create(
    request: Request, order: dict[str, int], x_user: str = Header(), session=Depends(get_session)
):
    if not order:
        raise HTTPException(409)
    assert request.state.name == "shop" and started
    await request.is_disconnected()
    return x_user

@app.get("/fail")
async def fail():
    raise KeyError
"""


def test_a_request_is_sent_and_shown(folder: Folder) -> None:
    folder.write("main.py", SHOP)
    lines = folder.output(
        *("trace", "POST", "/orders?page=1", "--json", '{"tea": 2}', "-H", "X-User: me")
    ).splitlines()
    assert lines[0].startswith("POST /orders  200  ")
    names = [line.strip().partition("  ")[0] for line in lines]
    assert [name for name in names if name.startswith(("setup", "endpoint", "exit"))] == [
        *("setup get_session", "endpoint create", "exit get_session"),
    ]


def test_what_the_request_sends_to_a_queue_is_shown_behind_it(folder: Folder) -> None:
    pytest.importorskip("taskiq")
    folder.write(
        "main.py",
        """
from taskiq import InMemoryBroker
from microfw import *
from microfw.tasks import TaskQueue

app = App()
queue = TaskQueue(app, InMemoryBroker(await_inplace=True))

@queue.task
async def audit(line: str): ...

@app.post("/orders")
async def create(tasks: BackgroundTasks):
    tasks.enqueue(audit, "ordered")
""",
    )
    lines = folder.output("trace", "POST", "/orders").splitlines()
    shown = [line.partition("  ")[0] for line in lines]
    assert [line for line in shown if line.startswith(("POST", "TASK"))] == [
        *("POST /orders", "TASK main:audit"),
    ]


def test_a_trace_is_written_to_a_file(folder: Folder) -> None:
    folder.write("main.py", SHOP)
    folder.output("trace", "POST", "/orders", "--chrome", "trace.json")
    events = json.loads((folder.path / "trace.json").read_bytes())["traceEvents"]
    assert "POST /orders" in {event["name"] for event in events}


def test_an_exception_that_nobody_answers_is_shown(folder: Folder) -> None:
    folder.write("main.py", SHOP)
    result = folder.run("trace", "get", "/fail")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].endswith("KeyError")


def test_what_is_no_header_is_refused(folder: Folder) -> None:
    folder.write("main.py", SHOP)
    assert folder.error("trace", "GET", "/fail", "-H", "x") == (
        "Error: 'x' is no header\n  cure: write -H 'name: value'\n"
    )
