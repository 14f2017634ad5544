"""How much of a request its errors show."""

from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from microfw import App, Form
from microfw._models import below, missing, showable
from microfw.testclient import TestClient
from tests.asgi import request

MEBIBYTE = 1024 * 1024


def shown(*values: Any, received: int = 0) -> list[Any]:
    errors = below([missing(value) for value in values])
    return [error["input"] for error in showable(errors, received)]


def nested(levels: int, innermost: Any = 1) -> Any:
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [None, 5, "text", [], {"a": [1, {"b": None}]}, nested(198)])
def test_what_was_received_is_shown(value):
    assert shown(value) == [value]


def test_bytes_are_shown_as_text():
    assert shown(b"caf\xc3\xa9", b"\xff") == ["café", "\ufffd"]


def test_what_is_nested_too_deeply_is_not_shown():
    assert shown(nested(200), 1, {"a": nested(199)}) == ["...", 1, "..."]


def test_no_more_than_a_mebibyte_is_shown_beside_as_much_as_was_received():
    half = "x" * (MEBIBYTE // 2)

    assert shown(half, half, "y", "") == [half, half, "...", ""]
    assert shown([half], {"a": half}) == [[half], "..."]
    assert shown({half: 1}, [1] * MEBIBYTE, received=2) == [{half: 1}, "..."]
    assert shown(half, half, half, received=MEBIBYTE) == [half] * 3
    assert shown(b"x" * 2 * MEBIBYTE, 1) == ["...", 1]


class Struct(msgspec.Struct):
    name: str
    children: "list[Struct]" = []


class Model(pydantic.BaseModel):
    name: str
    children: "list[Model]" = []


@pytest.mark.parametrize(("model", "told"), [(Struct, 1), (Model, 91)])
def test_what_is_nested_is_not_shown_once_more_for_each_level(model, told):
    app = App()

    @app.post("/")
    async def endpoint(tree) -> None: ...

    endpoint.__annotations__["tree"] = model
    app.post("/tree")(endpoint)
    levels = 90
    body = b'{"children":[' * levels + b'{"a":"' + b"x" * 100_000 + b'"}' + b"]}" * levels

    answer = request(app, "POST", "/tree", body)

    assert answer.status_code == 422
    assert len(answer.json()["detail"]) == told
    assert len(answer.content) < 15 * len(body)


def test_a_form_is_not_shown_for_each_field_that_it_lacks():
    class Fields(pydantic.BaseModel):
        a: str
        b: str
        c: str

    app = App()

    @app.post("/")
    async def endpoint(fields: Annotated[Fields, Form()]) -> None: ...

    answer = TestClient(app).post("/", data={"x": "x" * 400_000})

    assert [error["input"] for error in answer.json()["detail"]] == [
        {"x": "x" * 400_000},
        {"x": "x" * 400_000},
        "...",
    ]
