"""What the commands print."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import msgspec
import pytest

from microfw.cli._serving import application
from microfw.timeline import WithTimeline
from tests.cli.conftest import Folder
from tests.servers import PATIENCE, Log

APP = """
from enum import Enum
from fastapi_of_ours import *

class Tag(Enum):
    SHOP = "shop"

app = App()
inner = App()

async def get_engine():
    yield 1

def get_session(engine=Depends(get_engine, scope="app")):
    yield engine

def get_user(session=Depends(get_session)):
    return session

@app.get("/orders/{number}", tags=[Tag.SHOP, "orders"])
async def read(number: int, user=Depends(get_user)): ...

@app.post("/orders")
def create(session=Depends(get_session, scope="request")): ...

@inner.websocket("/feed")
async def feed(websocket: WebSocket): ...

app.mount("/inner", inner)
app.router.host("shop.example", Router(routes=[]))
app.add_route("/plain", len)
""".replace("fastapi_of_ours", "microfw")


@pytest.fixture
def shop(folder: Folder) -> Folder:
    folder.write("main.py", APP)
    return folder


def test_routes_are_listed_with_their_dependencies_in_order(shop: Folder) -> None:
    assert [re.split("  +", line) for line in shop.output("routes").splitlines()] == [
        ["methods", "path", "name", "endpoint", "dependencies", "tags"],
        [
            "GET",
            "/orders/{number}",
            "read",
            "read (main.py:20, loop)",
            "get_engine (app), get_session (function, thread), get_user (thread)",
            "shop, orders",
        ],
        [
            "POST",
            "/orders",
            "create",
            "create (main.py:23, thread)",
            "get_engine (app), get_session (request, thread)",
        ],
        ["WEBSOCKET", "/inner/feed", "feed", "feed (main.py:26, loop)"],
    ]


def test_routes_are_listed_as_json(shop: Folder) -> None:
    assert msgspec.json.decode(shop.output("routes", "--json", "--path", "{number}")) == [
        {
            "path": "/orders/{number}",
            "methods": ["GET"],
            "name": "read",
            "endpoint": "read",
            "where": "main.py:20",
            "runs": "loop",
            "dependencies": [
                {"name": "get_engine", "where": "main.py:11", "scope": "app", "runs": "loop"},
                {
                    "name": "get_session",
                    "where": "main.py:14",
                    "scope": "function",
                    "runs": "thread",
                },
                {"name": "get_user", "where": "main.py:17", "scope": None, "runs": "thread"},
            ],
            "tags": ["shop", "orders"],
        }
    ]


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        (["--method", "post"], ["/orders"]),
        (["--method", "websocket"], ["/inner/feed"]),
        (["--uses", "get_user"], ["/orders/{number}"]),
        (["--uses", "get_session", "--path", "/orders"], ["/orders/{number}", "/orders"]),
        (["--uses", "nobody"], []),
    ],
)
def test_routes_are_selected(shop: Folder, options: list[str], paths: list[str]) -> None:
    lines = msgspec.json.decode(shop.output("routes", "--json", *options))

    assert [line["path"] for line in lines] == paths


def test_the_source_of_a_route_is_printed(shop: Folder) -> None:
    source = shop.output("explain", "post", "/orders")

    assert source.startswith("# POST /orders\nasync def handle(exchange):\n")


def test_the_dependencies_of_a_route_are_printed_as_a_graph(shop: Folder) -> None:
    assert shop.output("explain", "GET", "/orders/{number}", "--graph", "mermaid") == (
        "flowchart TD\n"
        '    s0["get_engine (app)"]\n'
        '    s1["get_session (function)"]\n'
        '    s2["get_user"]\n'
        '    s3["read"]\n'
        "    s1 --> s0\n"
        "    s2 --> s1\n"
        "    s3 --> s2\n"
    )
    assert shop.output("explain", "WEBSOCKET", "/inner/feed", "--graph", "dot") == (
        'digraph {\n    s0 [label="feed"];\n}\n'
    )


def test_an_edge_is_drawn_between_dependencies_of_scope_app(folder: Folder) -> None:
    folder.write(
        "main.py",
        "from microfw import App, Depends\napp = App()\n"
        "def a(): yield\ndef b(a=Depends(a)): yield\n"
        "@app.get('/')\ndef read(b=Depends(b, scope='app')): ...\n",
    )

    assert folder.output("explain", "GET", "/", "--graph", "dot").splitlines()[4:] == [
        "    s1 -> s0;",
        "    s2 -> s1;",
        "}",
    ]


@pytest.mark.parametrize("options", [[], ["--graph", "dot"]])
def test_an_unknown_route_is_an_error(shop: Folder, options: list[str]) -> None:
    message = shop.error("explain", "GET", "/nowhere", *options)

    assert "GET /nowhere\n  cure: `microfw routes` lists what there is\n" in message


@pytest.mark.parametrize("command", [["routes"], ["check"], ["openapi"]])
def test_every_command_takes_the_application_by_its_place_and_by_an_option(
    folder: Folder, command: list[str]
) -> None:
    folder.write("shop.py", APP)
    by_place, by_option = folder.run(*command, "shop:app"), folder.run(*command, "--app", "shop")

    assert by_place.exit_code == by_option.exit_code == 0
    assert by_place.stdout == by_option.stdout != ""


@pytest.mark.parametrize("command", ["explain", "trace"])
def test_ahead_of_a_route_the_application_has_its_place_too(folder: Folder, command: str) -> None:
    folder.write("shop.py", APP)

    for named in (["shop:app"], ["--app", "shop.py"]):
        assert "POST /orders" in folder.output(command, *named, "POST", "/orders")


def test_one_application_is_named_at_most(folder: Folder) -> None:
    assert folder.error("routes", "shop", "--app", "main") == (
        "Error: several applications are named: shop, main\n  cure: name one\n"
    )


@pytest.mark.parametrize(
    "command", [["routes"], ["check"], ["openapi"], ["explain", "GET", "/"], ["trace", "GET", "/"]]
)
def test_every_command_can_answer_for_fastapi(folder: Folder, command: list[str]) -> None:
    folder.write(
        "main.py", "import fastapi\napp = fastapi.FastAPI()\n@app.get('/')\ndef show(): ..."
    )
    arguments = [sys.executable, "-m", "microfw", *command]
    done = subprocess.run([*arguments, "--as-fastapi"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("Error")) == (0, 0)


def test_routes_say_where_mistakes_are_looked_for(shop: Folder) -> None:
    assert shop.run("routes", "--method", "POST").stderr == (
        "1 route; `microfw check` looks for mistakes\n"
    )


def test_versions_are_shown(folder: Folder) -> None:
    names = [line.split()[0] for line in folder.output("--version").splitlines()]

    assert names == ["microfw", "starlette", "anyio", "uvicorn", "pydantic", "msgspec", "Python"]


def test_the_version_of_what_is_not_installed_is_not_shown(folder: Folder) -> None:
    code = (
        "import importlib.metadata as m, sys; real = m.version\n"
        "def version(name):\n"
        "    if name == 'msgspec': raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version\n"
        "from microfw.cli import main; main(['--version'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "msgspec is not installed\n" in done.stdout


@pytest.mark.parametrize(
    "command", ["", "dev", "run", "routes", "openapi", "explain", "trace", "worker", "migrate"]
)
def test_help_fits_a_screen(folder: Folder, command: str) -> None:
    shown = folder.output(*([command] if command else []), "--help").splitlines()

    assert len(shown) <= 24
    assert max(map(len, shown)) <= 80
    assert not [line for line in shown[1:] if line.endswith("...")]


def test_it_is_a_module_as_well(shop: Folder) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "microfw", "explain", "POST", "/orders"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("# POST /orders\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["explain", "POST", "/orders"], "async def handle"), (["routes"], "/orders/{number}")],
)
def test_a_terminal_gets_colour(shop: Folder, arguments: list[str], expected: str) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    subprocess.run(
        [sys.executable, "-m", "microfw", *arguments], stdout=slave, env=environment, check=True
    )
    os.close(slave)
    printed = b""
    while b"\x1b[0m\r\n\r\n" not in printed[-12:]:
        try:
            printed += os.read(master, 65536)
        except OSError:  # the other end is closed
            break
    os.close(master)

    assert b"\x1b[" in printed
    assert expected in re.sub(rb"\x1b\[[0-9;]*m", b"", printed).decode()


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    """One that tries again: a worker says that it has started a moment before it listens."""
    with httpx2.Client(timeout=PATIENCE, transport=httpx2.HTTPTransport(retries=6)) as client:
        yield client


class Served:
    """The command at work in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.log = Log()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.log.add(line)
        self.process.stdout.close()
        self.log.close()

    @property
    def url(self) -> str:
        text = self.log.wait_until(
            lambda log: "running on" in log and "startup complete" in log, "started"
        )
        found = re.search(r"running on (http://\S+)", text)
        assert found
        return found[1]


@contextmanager
def served(*arguments: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "microfw", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Served(process)
    try:
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


SERVED = """
import gc
from microfw import App, Depends
from microfw.responses import StreamingResponse
app = App()

@app.get("/frozen", dependencies=[Depends(gc.isenabled)])
async def frozen() -> bool:
    return gc.get_freeze_count() > 10_000  # CPython 3.12 has a few hundred there from the start

@app.get("/endless")
async def endless():
    async def items():
        import anyio
        while True:
            yield b"x"
            await anyio.sleep(0.01)
    return StreamingResponse(items())
"""


def test_dev_serves_what_has_changed_though_a_stream_is_open(
    folder: Folder, client: httpx2.Client
) -> None:
    folder.write("main.py", SERVED)

    with served("dev", "--port", "0", "--values") as server:
        assert client.get(f"{server.url}/frozen").json() is False
        with client.stream("GET", f"{server.url}/endless") as answer:
            next(answer.iter_raw())
            folder.write(
                "main.py", SERVED.replace("return gc.get_freeze_count() > 10_000", "return True")
            )
            server.log.wait_until(
                lambda log: log.count("Application startup complete.") == 2, "started again"
            )
        assert client.get(f"{server.url}/frozen").json() is True
        assert client.get(f"{server.url}/_microfw").status_code == 200
        document = client.get(f"{server.url}/openapi.json").json()
        assert "**Dependencies**" in document["paths"]["/frozen"]["get"]["description"]

    assert server.log.text.startswith(
        "main:app, found in main.py\n"
        "  2 routes; `microfw check` looks for mistakes\n"
        "  timeline at /_microfw\n"
        "  documented at /docs\n"
    )
    assert server.process.returncode == 0


def test_dev_explains_a_mistake(folder: Folder) -> None:
    folder.write("main.py", "from microfw import App\napp = App(\n")

    assert folder.error("dev") == (
        "Error: 'main' could not be imported\n"
        "  main.py:2: SyntaxError: '(' was never closed\n"
        "  cure: correct it; --traceback shows the whole traceback\n"
    )


def test_dev_tells_all_mistakes_at_once_with_their_cures(folder: Folder) -> None:
    folder.write("main.py", MISTAKEN)

    result = folder.run("dev")

    assert result.exit_code == 1
    assert result.stdout.count("mistake: ") == result.stdout.count("cure: ") == 2
    assert result.stderr == (
        "Error: main:app has 2 mistakes\n"
        "  cure: correct what is listed above; `microfw check` looks for more\n"
    )


MISTAKEN = """
from microfw import *
app = App()
@app.get("/a/{number}")
async def read(numbr: int): ...
@app.get("no-slash")
async def read_other(): ...
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_run_freezes_what_start_up_has_made_in_each_worker(
    folder: Folder, client: httpx2.Client, workers: str
) -> None:
    folder.write("main.py", SERVED)

    with served("run", "--port", "0", "--workers", workers, "--", "--no-access-log") as server:
        assert client.get(f"{server.url}/frozen").json() is True
    assert server.process.returncode == 0


def test_run_passes_on_what_is_uvicorns(folder: Folder, client: httpx2.Client) -> None:
    folder.write("shop.py", SERVED)
    formatters = '"formatters": {"f": {"format": "LOGGED %(message)s"}}'
    handlers = '"handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}}'
    loggers = '"loggers": {"uvicorn": {"handlers": ["h"], "level": "INFO"}}'
    folder.write("log.json", f'{{"version": 1, {formatters}, {handlers}, {loggers}}}')
    options = ("--no-gc-freeze", "--no-proxy-headers", "--root-path", "/below")
    log = ("--log-config", "log.json")

    with served(
        "run", "shop:app", "--port", "0", *options, *log, "--", "--header", "x-shop: open"
    ) as server:
        answer = client.get(f"{server.url}/frozen")

    assert (answer.json(), answer.headers["x-shop"]) == (False, "open")
    assert "LOGGED 127.0.0.1" in server.log.text
    assert '"GET /below/frozen HTTP/1.1" 200' in server.log.text


def test_what_is_no_application_of_ours_is_served_as_well(
    folder: Folder, client: httpx2.Client
) -> None:
    folder.write(
        "main.py",
        """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
""",
    )

    with served("run", "main:app", "--port", "0", "--", "--lifespan", "off") as server:
        log = server.log.wait_until(lambda log: "running on" in log, "ran")
        url = re.findall(r"http://\S+", log)[0]
        assert client.get(url).status_code == 204


def test_dev_serves_what_is_no_application_of_ours_as_well(
    folder: Folder, client: httpx2.Client
) -> None:
    folder.write("main.py", "from starlette.applications import Starlette\napp = Starlette()\n")

    with served("dev", "main:app", "--port", "0") as server:
        assert client.get(server.url).status_code == 404

    assert server.log.text.startswith("main:app, named on the command line\n")


def test_a_worker_that_cannot_import_the_application_says_why(folder: Folder) -> None:
    folder.write("main.py", "import os\nif 'MICROFW_SERVED' in os.environ: 1 / 0\n" + SERVED)

    with served("run", "--port", "0", "--", "--reload") as server:
        server.log.wait_until(lambda log: "ZeroDivisionError" in log, "failed")
        server.log.wait_until(lambda log: "cure: " in log, "explained")

    assert "main.py:2: ZeroDivisionError: division by zero\n" in server.log.text


def test_a_process_that_cannot_import_the_application_ends(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write("broken_shop.py", "1 / 0\n")
    monkeypatch.setenv("MICROFW_SERVED", "broken_shop:app")
    monkeypatch.setenv("MICROFW_SERVED_FROM", str(folder.path))

    with pytest.raises(SystemExit) as raised:
        application()

    assert raised.value.code == 1
    assert "broken_shop.py:1: ZeroDivisionError: division by zero\n" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--values"]])
def test_dev_has_its_process_serve_a_timeline(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    folder.write("main.py", SERVED)
    monkeypatch.setattr(os, "environ", os.environ.copy())

    shown = folder.output("dev", *options, "--", "--help")
    served = application()

    assert "Usage: uvicorn" in shown
    assert isinstance(served, WithTimeline)
    assert served.timeline.traces.wants_values is bool(options)
    served.timeline.stop()


def test_run_answers_for_fastapi_in_each_worker(folder: Folder, client: httpx2.Client) -> None:
    folder.write(
        "main.py",
        """
import fastapi
app = fastapi.FastAPI()
@app.get("/")
def show() -> str: return type(app).__module__
""",
    )

    with served("run", "--as-fastapi", "--port", "0", "--workers", "2") as server:
        assert client.get(server.url).json() == "microfw.applications"
    assert server.process.returncode == 0


def test_fastapi_itself_may_not_be_imported_before_the_command(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fastapi

    monkeypatch.setenv("MICROFW_AS_FASTAPI", "1")

    assert fastapi.__name__
    assert "fastapi is imported already, by" in folder.error("routes", "main:app")
