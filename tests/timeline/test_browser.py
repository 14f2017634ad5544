"""The timeline in a browser: the shop is driven, and what has happened can be seen."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.servers import serve

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.unmeasured,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

SHOP = """
from typing import Annotated
import anyio, logging, time
from microfw import App, BackgroundTasks, Depends, Request, WebSocket
from microfw.responses import JSONResponse
from microfw.timeline import WithTimeline

logger = logging.getLogger("shop")

class OutOfStock(Exception): ...

async def get_engine():
    yield "engine"

async def get_session(engine: Annotated[str, Depends(get_engine, scope="app")]):
    try:
        yield "session"
    except OutOfStock:
        logger.warning("rolled back")
        raise

async def get_lenient():
    try:
        yield
    except KeyError:
        pass

def get_connection():
    yield "connection"

async def get_slow():
    await anyio.sleep(0.2)

def audit(): ...

shop = App(title="Shop")

@shop.post("/orders/{number}")
async def place_order(number: int, tasks: BackgroundTasks, session=Depends(get_session, scope="request")):
    if number == 13:
        raise OutOfStock
    tasks.add_task(audit)
    return number

@shop.get("/swallowed", dependencies=[Depends(get_lenient)])
async def look_up():
    raise KeyError

@shop.get("/slow")
async def wait(slow=Depends(get_slow), connection=Depends(get_connection)):
    return "done"

async def close_the_books(session=Depends(get_session)): ...

@shop.post("/books")
async def close():
    await shop.call(close_the_books)

@shop.websocket("/talk")
async def talk(websocket: WebSocket, session=Depends(get_session)):
    await websocket.accept()
    await websocket.send_text("welcome")

@shop.exception_handler(OutOfStock)
async def out_of_stock(request, error):
    return JSONResponse({}, 409)

app = WithTimeline(shop, values=True)
"""


class Timeline:
    """The page, and what the browser has said of it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.client = httpx2.Client(base_url=url)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{url}/_microfw")
        page.wait_for_selector("#live.on")
        self.host = urlsplit(url).netloc

    def _listen(self, said: Any) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def select(self, text: str) -> None:
        """Open the request whose line has this text."""
        self.page.locator("#rows li").filter(has_text=text).first.click()
        self.page.locator(".title h2").filter(has_text=text).wait_for()

    def row(self, *texts: str) -> Any:
        """The row of a span."""
        found = self.page.locator(".row")
        for text in texts:
            found = found.filter(has_text=text)
        return found.first


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP)
    with serve("shop:app", cwd=folder) as server:
        yield server.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def timeline(url: str, browser: Any) -> Iterator[Timeline]:
    page = browser.new_page()
    timeline = Timeline(page, url)
    timeline.client.delete("/_microfw/traces")
    page.reload()
    page.wait_for_selector("#live.on")
    yield timeline
    page.close()
    timeline.client.close()
    assert timeline.complaints == []
    assert timeline.hosts == {timeline.host}


def test_a_request_appears_as_it_ends(timeline: Timeline) -> None:
    assert timeline.page.locator("#rows li").count() == 0
    timeline.client.post("/orders/1")
    timeline.page.locator("#rows li").filter(has_text="/orders/1").wait_for()
    timeline.row("exit", "get_session").wait_for()
    assert timeline.page.locator(".blocks i").count() == 1
    assert timeline.row("task", "audit").is_visible()
    assert "worker thread 1" in timeline.page.locator(".lanes").inner_text()


def test_a_failing_order_shows_its_way_to_the_rollback(timeline: Timeline) -> None:
    timeline.client.post("/orders/13")
    timeline.page.locator("#rows li").filter(has_text="/orders/13").wait_for()
    timeline.select("/orders/13")
    assert "saw OutOfStock, passed on" in timeline.row("exit", "get_session").inner_text()
    way = timeline.page.locator(".way").inner_text()
    assert "OutOfStock left endpoint place_order" in way
    assert "exit get_session saw OutOfStock, passed on" in way
    assert "handler out_of_stock saw OutOfStock, answered it" in way
    assert "shop: rolled back" in timeline.page.locator(".log").inner_text()


def test_who_swallowed_an_exception_is_named(timeline: Timeline) -> None:
    timeline.client.get("/swallowed")
    line = timeline.page.locator("#rows li").filter(has_text="/swallowed")
    line.wait_for()
    assert "SwallowedExceptionError" in line.inner_text()
    timeline.select("/swallowed")
    assert "swallowed" in timeline.row("exit", "get_lenient").inner_text()
    assert "exit get_lenient saw KeyError, swallowed" in timeline.page.locator(".way").inner_text()
    assert timeline.page.locator("dd.bad").first.inner_text() == "swallowed"


def test_what_is_slow_stands_out(timeline: Timeline) -> None:
    timeline.client.get("/slow")
    timeline.page.locator("#rows li").filter(has_text="slowest: setup get_slow").wait_for()
    timeline.select("/slow")
    slow = timeline.page.locator(".row.slow")
    assert "get_slow" in slow.inner_text()
    assert slow.get_attribute("aria-selected") == "true"


def test_a_span_and_its_line_of_the_source_are_shown_together(timeline: Timeline) -> None:
    timeline.client.post("/orders/1")
    timeline.row("setup", "get_session").click()
    here = timeline.page.locator(".source .here")
    assert "get_session(" in here.inner_text()
    timeline.page.locator(".source .called").filter(has_text="place_order(").click()
    assert timeline.row("endpoint", "place_order").get_attribute("aria-selected") == "true"


def test_an_empty_line_of_the_source_and_each_key_have_their_place(timeline: Timeline) -> None:
    timeline.client.get("/slow")
    timeline.select("/slow")
    line = timeline.page.locator(".source div").first
    height = "line => { line.textContent = ''; return line.clientHeight }"
    assert line.evaluate("line => line.clientHeight") - 1 <= line.evaluate(height)
    keys = timeline.page.locator("#keys")
    assert keys.evaluate("keys => keys.scrollWidth <= keys.clientWidth")


def test_the_keyboard_is_enough(timeline: Timeline) -> None:
    page = timeline.page
    for number in (1, 2, 3):
        timeline.client.post(f"/orders/{number}")
        page.locator("#rows li").filter(has_text=f"/orders/{number}").wait_for()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.locator(".title h2").filter(has_text="/orders/3").wait_for()
    page.keyboard.press("ArrowDown")
    page.locator(".title h2").filter(has_text="/orders/2").wait_for()
    page.keyboard.press("ArrowRight")
    assert page.locator('.row[aria-selected="true"]').count() == 1
    page.keyboard.press("/")
    page.keyboard.type("orders/1")
    assert page.locator("#rows li").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    timeline.client.post("/orders/1")
    page.get_by_text("Resume (1)").wait_for()
    page.keyboard.press("p")
    page.keyboard.press("2")
    page.locator("#application").wait_for()
    page.keyboard.press("1")
    page.locator("#requests").wait_for()


def test_the_application_shows_its_graph(timeline: Timeline) -> None:
    timeline.page.get_by_role("tab", name="Application").click()
    timeline.page.locator(".routes tr").filter(has_text="/orders").click()
    graph = timeline.page.locator(".graph")
    assert [*graph.locator("text:not(.sub)").all_text_contents()] == [
        *("get_engine", "get_session", "place_order"),
    ]
    assert graph.locator("path").count() == 2
    text = timeline.page.locator("#application").inner_text()
    assert "get_engine" in text
    assert "open" in text


def test_what_was_read_is_shown_where_that_is_asked_for(timeline: Timeline) -> None:
    timeline.client.post("/orders/1?token=hidden")
    timeline.row("exit", "get_session").wait_for()
    assert timeline.page.locator(".values").inner_text().split() == ["number", "1", "place_order"]


def test_tasks_are_listed_when_asked_for(timeline: Timeline) -> None:
    page, rows = timeline.page, timeline.page.locator("#rows li")
    timeline.client.post("/books")
    page.get_by_text("Tasks (1)").wait_for()
    rows.filter(has_text="/books").wait_for()
    assert rows.count() == 1
    page.keyboard.press("t")
    timeline.select("close_the_books")
    timeline.row("task", "close_the_books").click()
    assert "await close_the_books(session=session" in page.locator(".source .here").inner_text()
    page.reload()
    page.locator(".title h2").filter(has_text="TASK close_the_books").wait_for()
    assert rows.count() == 2


def test_a_websocket_is_shown_from_its_acceptance_to_its_end(
    timeline: Timeline, browser: Any
) -> None:
    other = browser.new_page()
    other.goto(f"http://{timeline.host}/slow")
    hears = "url => new Promise(hear => { new WebSocket(url).onmessage = e => hear(e.data) })"
    assert other.evaluate(hears, f"ws://{timeline.host}/talk") == "welcome"
    other.close()
    timeline.select("WEBSOCKET /talk")
    kinds = timeline.page.locator(".row .label small").all_text_contents()
    assert kinds == ["with", "setup", "endpoint", "accept", "exit", "close"]


def test_start_up_is_shown_with_what_it_opened(tmp_path: Path, browser: Any) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    with serve("shop:app", cwd=tmp_path) as server:
        page = browser.new_page()
        page.goto(f"{server.url}/_microfw")
        page.locator(".title h2").filter(has_text="LIFESPAN start-up").wait_for()
        labels = page.locator(".row .label").all_inner_texts()
        assert labels == ["with get_engine app", "setup get_engine"]
        page.close()


def test_a_thousand_requests_are_no_burden(timeline: Timeline) -> None:
    for _ in range(1010):
        timeline.client.get("/nowhere")
    timeline.page.wait_for_function("document.getElementById('rows').children.length === 1010")
    timeline.page.reload()
    timeline.page.wait_for_selector("#live.on")
    assert timeline.page.locator("#rows li").count() == 1000
    began = time.perf_counter()
    timeline.client.post("/orders/1")
    timeline.page.locator("#rows li").filter(has_text="/orders/1").wait_for()
    timeline.select("/orders/1")
    assert time.perf_counter() - began < 5
    assert timeline.page.locator("#rows li").count() == 1001


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_light_and_dark(url: str, browser: Any, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(f"{url}/_microfw")
    find = "(e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])(document.body)"
    ink, ground = page.evaluate(find)
    page.close()
    assert contrast(ink, ground) > 7  # WCAG 2.2, level AAA


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2.2 defines it."""
    lighter, darker = sorted(map(luminance, (one, other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
