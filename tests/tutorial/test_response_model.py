"""Response model: what is sent of a result, by return annotation or `response_model=`."""

from typing import Any

import pytest
from pydantic import BaseModel

from microfw import App, Response
from microfw.exceptions import ResponseValidationError
from microfw.responses import JSONResponse, RedirectResponse
from microfw.testclient import TestClient
from tests.tutorial.twins import Twins

app = App()


class Member(BaseModel):
    name: str
    email: str | None = None


class NewMember(Member):
    password: str


class Boat(BaseModel):
    name: str
    note: str | None = None
    length: float
    flag: str = "NL"
    tags: list[str] = []


BOATS: dict[str, dict[str, Any]] = {
    "aurora": {"name": "Aurora", "length": 7.5},
    "borealis": {"name": "Borealis", "note": "leaks", "length": 9, "flag": "DK"},
    "corona": {"name": "Corona", "note": None, "length": 12.0, "flag": "NL", "tags": []},
}


@app.post("/members")
async def join(member: NewMember) -> Member:
    return member


@app.post("/members/listed")
async def join_many(members: list[NewMember]) -> list[Member]:
    return members  # type: ignore[return-value]


@app.post("/members/by-name", response_model=dict[str, Member])
async def join_by_name(members: list[NewMember]) -> Any:
    return {member.name: member for member in members}


@app.get("/door", response_model=None)
async def open_door(to: str | None = None) -> Response | dict[str, str]:
    if to is None:
        return {"door": "open"}
    return RedirectResponse(url=f"/{to}")


@app.get("/teleport")
async def teleport(away: bool = False) -> Response:
    if away:
        return RedirectResponse(url="/away")
    return JSONResponse(content={"here": True})


@app.get("/boats/{boat}", response_model=Boat, response_model_exclude_unset=True)
async def read_boat(boat: str):
    return BOATS[boat]


@app.get("/boats/{boat}/defaults", response_model=Boat, response_model_exclude_defaults=True)
async def read_boat_without_defaults(boat: str):
    return BOATS[boat]


@app.get("/boats/{boat}/none", response_model=Boat, response_model_exclude_none=True)
async def read_boat_without_none(boat: str):
    return BOATS[boat]


@app.get("/boats/{boat}/name", response_model=Boat, response_model_include={"name", "note"})
async def read_name(boat: str):
    return BOATS[boat]


@app.get("/boats/{boat}/public", response_model=Boat, response_model_exclude=["note", "tags"])
async def read_public(boat: str):
    return BOATS[boat]


@app.get("/broken")
async def read_broken() -> Boat:
    return {"name": "Dart", "length": "long"}  # type: ignore[return-value]


ADA = {"name": "Ada", "email": "ada@harbour.example", "password": "swordfish"}
SHOWN = {"name": "Ada", "email": "ada@harbour.example"}


def test_what_the_annotation_does_not_have_is_not_sent(client: Twins) -> None:
    answer = client.post("/members", json=ADA)

    assert (answer.status_code, answer.json()) == (200, SHOWN)


def test_neither_is_it_from_inside_of_lists_and_dicts(client: Twins) -> None:
    assert client.post("/members/listed", json=[ADA, ADA]).json() == [SHOWN, SHOWN]
    assert client.post("/members/by-name", json=[ADA]).json() == {"Ada": SHOWN}


def test_a_response_may_be_returned_where_the_annotation_says_so(client: Twins) -> None:
    away = client.get("/teleport?away=yes", follow_redirects=False)

    assert client.get("/teleport").json() == {"here": True}
    assert (away.status_code, away.headers["location"]) == (307, "/away")


def test_without_a_model_anything_may_be_returned(client: Twins) -> None:
    away = client.get("/door?to=cellar", follow_redirects=False)

    assert client.get("/door").json() == {"door": "open"}
    assert (away.status_code, away.headers["location"]) == (307, "/cellar")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("aurora", {"name": "Aurora", "length": 7.5}),
        ("borealis", {"name": "Borealis", "note": "leaks", "length": 9, "flag": "DK"}),
        ("corona", {"name": "Corona", "note": None, "length": 12, "flag": "NL", "tags": []}),
        ("corona/defaults", {"name": "Corona", "length": 12}),
        ("borealis/defaults", {"name": "Borealis", "note": "leaks", "length": 9, "flag": "DK"}),
        ("corona/none", {"name": "Corona", "length": 12, "flag": "NL", "tags": []}),
        ("aurora/name", {"name": "Aurora", "note": None}),
        ("borealis/public", {"name": "Borealis", "length": 9, "flag": "DK"}),
    ],
)
def test_a_part_of_the_model_is_sent(client: Twins, path: str, expected: object) -> None:
    answer = client.get(f"/boats/{path}")

    assert (answer.status_code, answer.json()) == (200, expected)


def test_a_result_that_does_not_fit_is_the_servers_mistake(client: Twins) -> None:
    with pytest.raises(ResponseValidationError) as caught:
        client.microfw.get("/broken")

    message = "Input should be a valid number, unable to parse string as a number"
    assert caught.value.errors() == [
        {"type": "float_parsing", "loc": ("response", "length"), "msg": message, "input": "long"}
    ]


def test_the_client_is_not_told_what_the_mistake_was() -> None:
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/broken")

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
