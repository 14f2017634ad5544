"""The timeline: what it keeps, what it serves, and to whom."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest
from starlette.testclient import TestClient

from microfw import App, Depends, Header, HTTPException, WebSocket
from microfw.timeline import Timeline, WithTimeline
from microfw.timeline._keeping import LogCollector, UnderWay

logger = logging.getLogger("shop")
LOCAL = ("127.0.0.1", 50000)


async def get_engine() -> AsyncIterator[str]:
    yield "engine"


async def get_session(
    engine: Annotated[str, Depends(get_engine, scope="app")],
) -> AsyncIterator[str]:
    try:
        yield "session"
    except KeyError:
        pass


def shop() -> App:
    app = App(title="Shop <1>")

    @app.get("/orders/{number}")
    async def read_order(number: int, session: Annotated[str, Depends(get_session)]) -> str:
        logger.warning("reads an order")
        if number == 2:
            raise KeyError
        return session

    @app.get("/sync")
    def read_sync() -> str:
        return "items"

    @app.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

    return app


@pytest.fixture
def served() -> Iterator[WithTimeline]:
    served = WithTimeline(shop())
    yield served
    served.timeline.stop()


@pytest.fixture
def client(served: WithTimeline) -> Iterator[TestClient]:
    asked: Any = {"base_url": "http://localhost", "client": LOCAL, "raise_server_exceptions": False}
    with TestClient(served, **asked) as client:
        yield client


def test_the_page_has_all_it_needs_of_its_own(client: TestClient) -> None:
    page = client.get("/_microfw")
    assert page.status_code == 200
    assert "Shop &lt;1&gt;" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in page.text
    for name in ("timeline.css", "timeline.js", "trace.js", "application.js", "html.js"):
        assert f"/_microfw/{name}" in page.text or name.endswith(".js")
        file = client.get(f"/_microfw/{name}")
        assert file.status_code == 200
        assert file.headers["content-type"].startswith("text/")
    assert client.get("/_microfw/other.js").status_code == 404
    assert client.get("/_microfw/").status_code == 200


def test_requests_are_kept_and_their_traces_can_be_read(client: TestClient) -> None:
    client.get("/orders/1")
    client.get("/orders/2")
    client.get("/nowhere")
    with client.websocket_connect("/talk"):
        pass
    start_up, first, second, third, fourth = client.get("/_microfw/traces").json()
    assert (start_up["kind"], start_up["path"]) == ("lifespan", "start-up")
    assert (first["number"], first["path"], first["status"]) == (2, "/orders/1", 200)
    assert first["slowest"].split()[0] in ("setup", "endpoint", "exit")
    assert (second["status"], second["swallowed"]) == (500, "get_session")
    assert (third["status"], third["slowest"]) == (404, None)
    assert fourth["kind"] == "websocket"
    trace = client.get("/_microfw/traces/2").json()
    assert [span["name"] for span in trace["spans"] if span["kind"] == "exit"] == ["get_session"]
    assert trace["source"].startswith("# GET /orders/{number}")
    assert [(line["level"], line["logger"], line["message"]) for line in trace["logs"]] == [
        ("WARNING", "shop", "reads an order")
    ]
    assert client.get("/_microfw/traces/9").status_code == 404


def test_the_page_is_not_traced_and_can_forget(client: TestClient) -> None:
    client.get("/sync")
    assert len(client.get("/_microfw/traces").json()) == 2
    assert client.delete("/_microfw/traces").status_code == 204
    assert client.get("/_microfw/traces").json() == []


def test_the_oldest_give_way(served: WithTimeline) -> None:
    app = shop()
    timeline = Timeline(app, kept=2)
    client = TestClient(app)
    for _ in range(3):
        client.get("/sync")
    assert [each.number for each in timeline.traces.after(0)] == [2, 3]
    timeline.stop()
    client.get("/sync")
    assert [each.number for each in timeline.traces.after(0)] == [2, 3]


def test_the_application_is_described(client: TestClient) -> None:
    described = client.get("/_microfw/application").json()
    assert described["title"] == "Shop <1>"
    assert [route["path"] for route in described["routes"]] == [
        "/orders/{number}",
        "/sync",
        "/talk",
    ]
    engine, session, endpoint = described["routes"][0]["nodes"]
    assert (engine["name"], engine["scope"], engine["uses"]) == ("get_engine", "app", [])
    assert (session["scope"], session["uses"]) == ("function", [0])
    assert (endpoint["name"], endpoint["scope"], endpoint["uses"]) == ("read_order", None, [1])
    assert described["routes"][1]["nodes"][0]["runs"] == "thread"
    assert [(held["name"], held["is_open"]) for held in described["app_scope"]] == [
        ("get_engine", True)
    ]
    assert described["under_way"] == []


# ---------------------------------------------------------------------- live


def request(path: str, query: bytes = b"") -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query,
        "headers": [(b"host", b"localhost")],
        "client": LOCAL,
        "server": ("localhost", 80),
        "scheme": "http",
        "root_path": "",
    }


async def test_new_requests_are_sent_as_they_end(anyio_backend: object) -> None:
    served = WithTimeline(shop())
    sent: list[bytes] = []
    seen = anyio.Event()

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if b"data" in sent[-1]:
            seen.set()

    async def ignore(message: Any) -> None: ...

    await served(request("/sync"), receive, ignore)
    async with anyio.create_task_group() as group:
        group.start_soon(served, request("/_microfw/events", b"after=1"), receive, send)
        while not sent:
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.01)
        await served(request("/nowhere"), receive, ignore)
        await seen.wait()
        group.cancel_scope.cancel()
    served.timeline.stop()
    (event,) = [each for each in sent if b"data" in each]
    data = next(line for line in event.decode().splitlines() if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["path"] == "/nowhere"
    assert b"id: 2" in event


async def test_what_is_under_way_shows(anyio_backend: object) -> None:
    app = App()
    timeline = Timeline(app)

    async def get_slow() -> AsyncIterator[None]:
        await wait_here()
        yield

    @app.get("/", dependencies=[Depends(get_slow)])
    async def read_items() -> str:
        return "items"

    started, ended = anyio.Event(), anyio.Event()
    seen: list[UnderWay] = []

    async def wait_here() -> None:
        started.set()
        await ended.wait()

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def ignore(message: Any) -> None: ...

    async with anyio.create_task_group() as group:
        group.start_soon(app, request("/"), receive, ignore)
        await started.wait()
        seen += timeline.traces.under_way()
        ended.set()
    assert [(each.method, each.path, each.now) for each in seen] == [("GET", "/", "setup get_slow")]
    assert timeline.traces.under_way() == []
    timeline.stop()


def test_what_only_middleware_holds_is_under_way_too() -> None:
    app = App()
    timeline = Timeline(app)
    seen: list[str] = []

    @app.middleware("http")
    async def look(request: Any, call_next: Any) -> Any:
        seen.extend(each.now for each in timeline.traces.under_way())
        return await call_next(request)

    TestClient(app).get("/")
    timeline.stop()
    assert seen == ["middleware"]


async def test_those_that_are_there_are_not_waited_for() -> None:
    served = WithTimeline(shop())

    async def receive() -> Any: ...

    async def ignore(message: Any) -> None: ...

    await served(request("/sync"), receive, ignore)
    assert [each.number for each in await served.timeline.traces.next_after(0)] == [1]
    served.timeline.stop()


async def test_a_page_is_sent_what_ends_later_too() -> None:
    served = WithTimeline(shop())

    async def receive() -> Any: ...

    async def ignore(message: Any) -> None: ...

    events: Any = served.timeline._follow()
    assert (await anext(events)).comment == "here"
    for number in ("1", "2"):
        await served(request("/sync"), receive, ignore)
        with anyio.fail_after(5):
            assert (await anext(events)).id == number
    await events.aclose()
    served.timeline.stop()


# ---------------------------------------------------------------------- to whom


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("127.0.0.1", "localhost", 200),
        ("127.0.0.1", "127.0.0.1:8000", 200),
        ("::1", "[::1]:8000", 200),
        ("127.0.0.1", "shop.localhost", 200),
        ("127.0.0.1", "evil.example", 403),
        ("192.0.2.1", "localhost", 403),
        ("testclient", "localhost", 403),
    ],
)
def test_it_is_for_the_machine_itself(
    served: WithTimeline, address: str, host: str, status: int
) -> None:
    client = TestClient(served, base_url=f"http://{host}", client=(address, 1))
    assert client.get("/_microfw/traces").status_code == status


async def test_nobody_without_an_address_gets_it(served: WithTimeline) -> None:
    sent: list[Any] = []

    async def receive() -> Any: ...

    async def send(message: Any) -> None:
        sent.append(message)

    await served({**request("/_microfw/traces"), "client": None}, receive, send)
    assert sent[0]["status"] == 403


def test_it_can_be_mounted_behind_a_dependency() -> None:
    app = shop()

    def require_admin(x_key: Annotated[str, Header()]) -> None:
        if x_key != "secret":
            raise HTTPException(403)

    timeline = Timeline(app, dependencies=[Depends(require_admin)])
    app.mount("/admin/timeline", timeline)
    with TestClient(app) as client:
        client.get("/sync")
        assert client.get("/admin/timeline/traces").status_code == 422
        key = {"x-key": "secret"}
        page = client.get("/admin/timeline/", headers=key)
        assert 'src="/admin/timeline/timeline.js"' in page.text
        traces = client.get("/admin/timeline/traces", headers=key).json()
    timeline.stop()
    assert [each["path"] for each in traces] == ["start-up", "/sync"]


def test_bodies_values_and_messages_are_not_kept(client: TestClient, served: WithTimeline) -> None:
    client.get("/orders/4711?token=hidden", headers={"authorization": "hidden"})
    assert "4711" not in client.get("/_microfw/traces/2").json()["values"]
    assert "hidden" not in client.get("/_microfw/traces/2").text


def test_values_are_kept_where_they_are_asked_for_but_no_secrets() -> None:
    served = WithTimeline(shop(), values=True)
    with TestClient(served, base_url="http://localhost", client=LOCAL) as client:
        client.get("/orders/4711?token=hidden", headers={"authorization": "hidden"})
        trace = client.get("/_microfw/traces/2")
    served.timeline.stop()
    assert [(each["name"], each["text"]) for each in trace.json()["values"]] == [("number", "4711")]
    assert "hidden" not in trace.text


def test_what_browsers_ask_for_on_their_own_is_left_out_unless_it_fails(
    client: TestClient, served: WithTimeline
) -> None:
    client.delete("/_microfw/traces")
    for path in ("/docs", "/redoc", "/openapi.json", "/favicon.ico", "/docs/favicon.ico"):
        client.get(path)
    served.app.openapi = fail  # type: ignore[method-assign]
    client.get("/openapi.json")
    assert [each["path"] for each in client.get("/_microfw/traces").json()] == [
        *("/docs/favicon.ico", "/openapi.json"),
    ]


def fail() -> dict[str, Any]:
    raise KeyError


# ---------------------------------------------------------------------- logging


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = [*root.handlers]
    yield root
    root.handlers[:] = before


def test_what_is_logged_is_still_printed_where_nobody_else_handles_it(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[str] = []

    class Last(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            printed.append(record.getMessage())

    monkeypatch.setattr(logging, "lastResort", Last(logging.WARNING))
    root.handlers.clear()
    root.addHandler(LogCollector())
    logger.warning("alone")
    logger.info("too little")
    other = logging.NullHandler()
    root.addHandler(other)
    logger.warning("not alone")
    root.removeHandler(other)
    monkeypatch.setattr(logging, "lastResort", None)
    logger.warning("to nobody")
    assert printed == ["alone"]


def test_what_is_logged_and_cannot_be_formatted_fails_no_request(root: logging.Logger) -> None:
    root.handlers.clear()
    app = App()

    @app.get("/")
    async def log_badly() -> str:
        logger.warning("%d ships", "two")
        return "done"

    timeline = Timeline(app)
    answer = TestClient(app).get("/")
    (kept,) = timeline.traces.after(0)
    timeline.stop()

    assert answer.json() == "done"
    (line,) = kept.trace.logs
    assert line.message.startswith(f"what cannot be formatted ({__file__}:")
