"""`strict_content_type=`: whether a body without a content type is JSON; the same under FastAPI."""

from typing import Annotated, Any

import fastapi
import pytest
from pydantic import BaseModel

import microfw
from microfw import App, Body, Router
from microfw.testclient import TestClient


class Item(BaseModel):
    name: str


def read_model(item: Item) -> Any:
    return item


def read_text(text: Annotated[str, Body()]) -> Any:
    return text


def read_parts_of(framework: Any) -> Any:
    def read_parts(
        item: Annotated[Item, framework.Body()], more: Annotated[Item, framework.Body()]
    ) -> Any:
        return [item, more]

    return read_parts


def read_text_of(framework: Any) -> Any:
    def read(text: Annotated[str, framework.Body()]) -> Any:
        return text

    return read


READERS = [lambda _: read_model, read_parts_of, read_text_of]


def answers(framework: Any, make: Any, endpoint: Any, on_app: Any, on_router: Any) -> list[Any]:
    """What a route answers to bodies with and without a content type."""
    app = make(**on_app)
    router = framework.APIRouter(**on_router)
    router.post("/")(endpoint)
    app.include_router(router, prefix="/in")
    client = TestClient(app)
    bodies = [
        b'{"name": "saw"}',
        b'{"item": {"name": "saw"}, "more": {"name": ""}}',
        b'"text"',
        b"",
    ]
    types: list[dict[str, str]] = [{}, {"content-type": ""}, {"content-type": "application/json"}]
    found: list[Any] = []
    for body in bodies:
        for headers in types:
            answer = client.post("/in/", content=body, headers=headers)
            errors = answer.json()["detail"] if answer.status_code == 422 else []
            told = [(error["type"], error["loc"]) for error in errors]
            found.append((answer.status_code, told or answer.json()))
    return found


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("on_app", "on_router", "is_strict"),
    [
        ({}, {}, False),
        ({"strict_content_type": False}, {}, False),
        ({"strict_content_type": True}, {}, True),
        ({}, {"strict_content_type": True}, True),
        ({"strict_content_type": False}, {"strict_content_type": True}, True),
        ({"strict_content_type": True}, {"strict_content_type": False}, False),
    ],
)
def test_a_body_without_a_content_type_is_json_unless_that_is_strict(
    reader: Any, on_app: dict[str, bool], on_router: dict[str, bool], is_strict: bool
) -> None:
    ours = answers(microfw, App, reader(microfw), on_app, on_router)
    same: Any = {"strict_content_type": is_strict}
    theirs = answers(fastapi, fastapi.FastAPI, reader(fastapi), same, same)
    assert ours == theirs


def test_a_route_may_say_it_for_itself() -> None:
    app = App(strict_content_type=True)
    app.post("/strict")(read_text)
    app.post("/lenient", strict_content_type=False)(read_text)
    client = TestClient(app)
    assert client.post("/strict", content=b'"text"').json() == '"text"'
    assert client.post("/lenient", content=b'"text"').json() == "text"


def test_the_inner_router_says_it(app: App) -> None:
    inner, outer = Router(strict_content_type=False), Router(strict_content_type=True)
    inner.post("/inner")(read_text)
    outer.post("/outer")(read_text)
    outer.include_router(inner)
    app.include_router(outer)
    client = TestClient(app)
    assert client.post("/inner", content=b'"text"').json() == "text"
    assert client.post("/outer", content=b'"text"').json() == '"text"'
