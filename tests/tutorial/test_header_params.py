"""Headers: hyphens stand for underscores, several lines for a list; and as one model."""

from typing import Annotated

import pytest
from pydantic import BaseModel

from microfw import App, Header
from tests.tutorial.twins import Twins, error

app = App()


class Traits(BaseModel):
    host: str
    save_data: bool
    if_modified_since: str | None = None
    x_tag: list[str] = []


class Plain(BaseModel):
    save_data: bool = False


@app.get("/agent")
async def read_agent(user_agent: Annotated[str | None, Header()] = None):
    return {"agent": user_agent}


@app.get("/strange")
async def read_strange(strange_name: str | None = Header(default=None, convert_underscores=False)):
    return {"strange": strange_name}


@app.get("/tokens")
async def read_tokens(x_token: Annotated[list[str] | None, Header()] = None):
    return {"tokens": x_token}


@app.get("/level")
async def read_level(x_level: Annotated[int, Header(ge=1)]):
    return {"level": x_level}


@app.get("/traits")
async def read_traits(traits: Annotated[Traits, Header()]):
    return traits


@app.get("/plain")
async def read_plain(plain: Annotated[Plain, Header(convert_underscores=False)]):
    return plain


def test_hyphens_stand_for_underscores_and_case_does_not_matter(client: Twins) -> None:
    assert client.get("/agent", headers={"USER-AGENT": "quill"}).json() == {"agent": "quill"}


def test_underscores_may_be_kept(client: Twins) -> None:
    sent = {"strange_name": "a", "strange-name": "b"}

    assert client.get("/strange", headers=sent).json() == {"strange": "a"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [([], None), ([("x-token", "a")], ["a"]), ([("x-token", "a"), ("X-Token", "b")], ["a", "b"])],
)
def test_a_list_takes_every_line_of_a_header(client: Twins, headers, expected) -> None:
    assert client.get("/tokens", headers=headers).json() == {"tokens": expected}


def test_a_header_that_is_missing_or_does_not_fit_is_reported_by_its_name(client: Twins) -> None:
    missing = client.get("/level")
    wrong = client.get("/level", headers={"x-level": "0"})

    message = "Input should be greater than or equal to 1"
    assert missing.json() == {
        "detail": [error("missing", ["header", "x-level"], "Field required", None)]
    }
    assert wrong.json() == {
        "detail": [error("greater_than_equal", ["header", "x-level"], message, "0", ge=1)]
    }


def test_a_model_takes_several_headers(client: Twins) -> None:
    headers = [("save-data", "on"), ("x-tag", "a"), ("x-tag", "b")]

    assert client.get("/traits", headers=headers).json() == {
        "host": "testserver",
        "save_data": True,
        "if_modified_since": None,
        "x_tag": ["a", "b"],
    }


def test_a_model_may_keep_underscores_too(client: Twins) -> None:
    assert client.get("/plain", headers={"save-data": "yes"}).json() == {"save_data": False}
    assert client.get("/plain", headers={"save_data": "yes"}).json() == {"save_data": True}
