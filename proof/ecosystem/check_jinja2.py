"""Jinja2, by `Jinja2Templates`: pages, addresses of routes, context processors, pages of errors."""

from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from fastapi.testclient import TestClient


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    page = "<a href=\"{{ url_for('read', number=number) }}\">{{ shop }}: {{ item }}</a>"
    (tmp_path / "item.html").write_text(page)
    (tmp_path / "error.html").write_text("{{ status }}")
    templates = Jinja2Templates(tmp_path, context_processors=[lambda request: {"shop": "Ada's"}])
    app, router = FastAPI(), APIRouter(prefix="/items")

    @router.get("/{number}", response_class=HTMLResponse)
    async def read(request: Request, number: int):
        if number > 9:
            raise HTTPException(404)
        return templates.TemplateResponse(request, "item.html", {"number": number, "item": "<b>"})

    @app.exception_handler(404)
    async def show(request: Request, error: Exception):
        return templates.TemplateResponse(request, "error.html", {"status": 404}, status_code=404)

    app.include_router(router)
    return TestClient(app)


def test_a_page_is_made(client: TestClient) -> None:
    answer = client.get("/items/3")
    assert answer.text == '<a href="http://testserver/items/3">Ada&#39;s: &lt;b&gt;</a>'
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_tests_see_the_template_and_its_values(client: TestClient) -> None:
    answer = client.get("/items/3")
    assert answer.template.name == "item.html"
    assert answer.context["item"] == "<b>"


def test_an_error_has_a_page(client: TestClient) -> None:
    answer = client.get("/items/30")
    assert (answer.status_code, answer.text) == (404, "404")


def test_the_document_says_that_it_is_html(client: TestClient) -> None:
    told = client.get("/openapi.json").json()["paths"]["/items/{number}"]["get"]["responses"]
    assert told["200"]["content"] == {"text/html": {"schema": {"type": "string"}}}
