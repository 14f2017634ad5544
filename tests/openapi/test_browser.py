"""The pages in a browser: they work, complain of nothing, and ask no other host for anything."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.servers import serve

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.unmeasured,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

OWN = """
from typing import Annotated

from microfw import App, Depends
from microfw.openapi.docs import get_swagger_ui_html

app = App(docs_url=None, redoc_url=None)

@app.get("/docs", include_in_schema=False)
async def docs():
    return get_swagger_ui_html(openapi_url="/openapi.json", title="Own")

@app.get("/one")
async def one() -> int:
    return 1

async def session():
    yield 1

def user(session: Annotated[int, Depends(session)]) -> int:
    return session

@app.get("/two")
async def two(user: Annotated[int, Depends(user)]) -> int:
    return user
"""

MOUNTED = """
from starlette.routing import Mount

from examples.oauth2_jwt import app as observatory
from microfw import App

app = App(routes=[Mount("/sky/observatory", observatory)], openapi_url=None)
"""
PROXY = """
import os

import httpx2
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

KEPT = ("content-type", "content-encoding", "content-security-policy", "etag")
client = httpx2.AsyncClient(base_url=os.environ["BEHIND"])

async def forward(request):
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    path, content = request.path_params["path"], await request.body()
    sent = client.build_request(request.method, path, headers=headers, content=content)
    answer = await client.send(sent, stream=True)
    body = b"".join([part async for part in answer.aiter_raw()])
    kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
    return Response(body, answer.status_code, kept)

app = Starlette(routes=[Route("/sky/observatory{path:path}", forward, methods=["GET", "POST"])])
"""


class Reader:
    """A page, and what has happened in it.

    Attributes:
        page: Playwright's.
        complaints: What the browser has said of errors, and of violations of the page's policy.
        hosts: What was asked for something.
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _listen(self, said: Any) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)
        self.page.wait_for_selector(".opblock")

    def execute(self, operation: str) -> tuple[str, str]:
        """Send an operation's request; return the status and the body of the answer."""
        block = self.page.locator(f'[id$="{operation}"]')
        block.locator(".opblock-summary-control").first.click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        answer = block.locator(".live-responses-table")
        answer.wait_for()
        status = answer.locator("tbody .response-col_status").inner_text()
        return status.split()[0], answer.locator("tbody code").first.inner_text()

    def check(self) -> None:
        assert self.complaints == []
        assert self.hosts == {urlsplit(self.url).netloc}


@contextmanager
def reading(
    app: str, folder: Path, env: Mapping[str, str] | None = None, **options: Any
) -> Iterator[Reader]:
    with (
        serve(app, cwd=folder, env=env) as server,
        sync_api.sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield Reader(browser.new_page(**options), server.url)
        finally:
            browser.close()


@contextmanager
def reading_below(prefix: str, way: str, folder: Path) -> Iterator[Reader]:
    """Read the pages of the observatory below a prefix: that of a mount, or one a proxy strips."""
    (folder / "outer.py").write_text({"mounted": MOUNTED, "behind a proxy": PROXY}[way])
    if way == "mounted":
        with reading("outer:app", folder) as reader:
            yield reader
    else:
        with (
            serve("examples.oauth2_jwt:app", root_path=prefix) as behind,
            reading("outer:app", folder, {"BEHIND": behind.url}) as reader,
        ):
            yield reader


def test_an_operation_of_the_shop_is_tried_out(tmp_path: Path) -> None:
    with reading("examples.shop.main:app", tmp_path) as reader:
        reader.open("/docs")
        status, body = reader.execute("health_health_get")
        reader.check()

    assert status == "200"
    assert re.sub(r"\s", "", body) == '{"status":"ok"}'


def test_a_customer_of_the_shop_authorises_with_a_token_and_orders(tmp_path: Path) -> None:
    with reading("examples.shop.main:app", tmp_path) as reader:
        reader.open("/docs")
        status, body = reader.execute("create_user_users_post")
        reader.page.get_by_role("button", name="Authorize").first.click()
        dialog = reader.page.locator(".dialog-ux")
        dialog.locator("input").fill(json.loads(body)["token"])
        dialog.get_by_role("button", name="Apply credentials").click()
        dialog.get_by_role("button", name="Close").last.click()
        ordered, order = reader.execute("place_order_orders_post")
        reader.check()

    assert (status, ordered) == ("201", "201")
    assert [line["item"] for line in json.loads(order)["lines"]] == ["book"]


def test_the_pages_are_dark_for_those_who_like_that_and_one_is_for_reading(tmp_path: Path) -> None:
    with reading("examples.shop.main:app", tmp_path, color_scheme="dark") as reader:
        reader.open("/redoc")
        dark = reader.page.evaluate("document.documentElement.className")
        background = "getComputedStyle(document.documentElement).backgroundColor"
        colours = [reader.page.evaluate(background)]
        reader.page.emulate_media(color_scheme="light")
        reader.page.locator("html:not(.dark-mode)").wait_for()
        colours.append(reader.page.evaluate(background))
        buttons = reader.page.get_by_role("button", name="Try it out").count()
        opened = reader.page.locator(".opblock.is-open").count()
        authorize = reader.page.get_by_role("button", name="Authorize", exact=True)
        buttons += authorize.count()
        reader.page.locator(".authorization__btn").first.click()
        dialog = reader.page.locator(".dialog-ux .modal-ux")
        dialog.get_by_text("The token that POST /users has answered").wait_for()
        controls = dialog.get_by_role("button").all_inner_texts()
        controls += dialog.get_by_role("textbox").all_inner_texts()
        reader.check()

    assert dark == "dark-mode"
    assert colours[0] != colours[1]
    assert (buttons, opened > 5) == (0, True)
    assert controls == ["", "Close"]


def authorise(reader: Reader) -> None:
    reader.page.get_by_role("button", name="Authorize").first.click()
    dialog = reader.page.locator(".dialog-ux")
    dialog.locator("#oauth_username").fill("caroline")
    dialog.locator("#oauth_password").fill("eight comets")
    dialog.get_by_text("select all").click()
    dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    dialog.get_by_role("button", name="Remove authorization").wait_for()
    dialog.get_by_role("button", name="Close").last.click()


def test_a_user_authorises_with_a_password(tmp_path: Path) -> None:
    with reading("examples.oauth2_jwt:app", tmp_path) as reader:
        reader.open("/docs")
        authorise(reader)
        status, _ = reader.execute("read_plan_plan_get")
        reader.check()

    assert status == "200"


@pytest.mark.parametrize("way", ["mounted", "behind a proxy"])
def test_a_user_authorises_below_any_prefix(way: str, tmp_path: Path) -> None:
    with reading_below("/sky/observatory", way, tmp_path) as reader:
        reader.open("/sky/observatory/docs")
        authorise(reader)
        status, _ = reader.execute("read_plan_plan_get")
        reader.open("/sky/observatory/redoc")
        reader.check()

    assert status == "200"


def test_a_page_shows_the_dependencies_of_an_operation(tmp_path: Path) -> None:
    (tmp_path / "listing.py").write_text(OWN.replace("App(", "App(document_lifecycle=True, "))
    with reading("listing:app", tmp_path) as reader:
        reader.open("/docs")
        reader.page.locator('[id$="two_two_get"] .opblock-summary-control').first.click()
        listed = reader.page.locator(".opblock-description li").all_inner_texts()
        reader.check()

    assert listed == ["session, open until the response is created", "user, in a thread"]


def test_a_page_of_the_users_own_has_everything_in_it(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    with reading("own:app", tmp_path) as reader:
        reader.open("/docs")
        answer = reader.execute("one_one_get")
        reader.check()

    assert answer == ("200", "1")
