"""Applications below a path that a proxy strips, or leaves in the path."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from microfw import App, Request, Router
from microfw.testclient import TestClient


def app_below(root_path: str) -> App:
    app = App(root_path=root_path)

    @app.get("/items/")
    def read_items(request: Request) -> str:
        return str(request.url_for("read_items"))

    inner = App()

    @inner.get("/items/{number}")
    def read_item(number: int, request: Request) -> list[str]:
        return [f"{number}", request.scope["root_path"], request.url.path]

    @inner.get("/slash/")
    def read_slash() -> None: ...

    app.mount("/inner", inner)
    inner.mount("/deep", Starlette(routes=[Route("/x", lambda _: PlainTextResponse("deep"))]))
    return app


@pytest.mark.parametrize("sent", ["", "/api"], ids=["stripped", "left"])
def test_redirects_and_mounts_work_below_a_root_path(sent: str) -> None:
    client = TestClient(app_below("/api"), follow_redirects=False)
    redirect = client.get(f"{sent}/items?a=1")
    location = "http://testserver/api/items/?a=1"
    assert (redirect.status_code, redirect.headers["location"]) == (307, location)
    assert client.get(f"{sent}/items/").json() == "http://testserver/api/items/"
    path = "/api/inner/items/3"
    assert client.get(f"{sent}/inner/items/3").json() == ["3", "/api/inner", path]
    assert client.get(f"{sent}/inner/deep/x").text == "deep"
    inner = client.get(f"{sent}/inner/slash")
    assert inner.headers["location"] == "http://testserver/api/inner/slash/"
    assert client.get(f"{sent}/inner/nowhere").status_code == 404


def test_a_path_that_only_begins_like_the_root_path_is_below_it_all_the_same() -> None:
    app = App(root_path="/api")
    app.mount("/apis", App(routes=[Route("/x", lambda _: PlainTextResponse("x"))]))
    assert TestClient(app).get("/apis/x").text == "x"


def test_middleware_sees_the_path_as_it_was_sent() -> None:
    app, seen = app_below("/api"), list[str]()

    @app.middleware("http")
    async def note(request: Request, call_next: Any) -> Any:
        seen.append(request.url.path)
        return await call_next(request)

    TestClient(app).get("/inner/items/3")
    assert seen == ["/inner/items/3"]


@pytest.mark.parametrize("including", [False, True])
def test_on_405_the_scope_has_the_route_of_the_path(including: bool) -> None:
    app, router, seen = App(), Router(), list[Any]()

    @router.get("/items/{number}")
    def read(number: int) -> None: ...

    @app.exception_handler(405)
    def answer(request: Request, exc: Exception) -> PlainTextResponse:
        seen.append((request.scope["route"].path, request.path_params))
        return PlainTextResponse("no", 405)

    app.include_router(router, prefix="/a" if including else "")
    prefix = "/a" if including else ""
    assert TestClient(app).post(f"{prefix}/items/3").status_code == 405
    assert seen == [(f"{prefix}/items/{{number}}", {"number": "3"})]
