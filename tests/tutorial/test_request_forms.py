"""Forms: fields one by one, or as one model."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from microfw import App, Form
from tests.tutorial.twins import Twins, error

app = App()


class Booking(BaseModel):
    guest: str = Field(min_length=2)
    beds: int = 1
    wishes: list[str] = []


class StrictBooking(BaseModel):
    model_config = {"extra": "forbid"}

    guest: str
    beds: int


@app.post("/login")
async def log_in(username: Annotated[str, Form()], password: Annotated[str, Form(min_length=4)]):
    return {"username": username, "length": len(password)}


@app.post("/guests")
async def add_guest(
    name: str = Form(),
    nickname: str | None = Form(default=None, alias="nick"),
    age: int = Form(default=18, ge=0),
    rooms: list[int] = Form(default=[]),
):
    return {"name": name, "nickname": nickname, "age": age, "rooms": rooms}


@app.post("/bookings")
async def book(booking: Annotated[Booking, Form()]):
    return booking


@app.post("/bookings/strict")
async def book_strictly(booking: Annotated[StrictBooking, Form()]):
    return booking


def test_the_fields_of_a_form_are_arguments(client: Twins) -> None:
    answer = client.post("/login", data={"username": "ada", "password": "sw ördfish&="})

    assert (answer.status_code, answer.json()) == (200, {"username": "ada", "length": 12})


def test_a_form_may_come_in_parts(client: Twins) -> None:
    answer = client.post(
        "/login", files={"username": (None, "ada"), "password": (None, "swordfish")}
    )

    assert answer.json() == {"username": "ada", "length": 9}


def test_fields_that_are_missing_or_do_not_fit_are_reported(client: Twins) -> None:
    empty = client.post("/login")
    short = client.post("/login", data={"username": "", "password": "abc"})

    message = "String should have at least 4 characters"
    assert (empty.status_code, short.status_code) == (422, 422)
    assert empty.json() == {
        "detail": [
            error("missing", ["body", "username"], "Field required", None),
            error("missing", ["body", "password"], "Field required", None),
        ]
    }
    assert short.json() == {
        "detail": [
            error("missing", ["body", "username"], "Field required", None),
            error("string_too_short", ["body", "password"], message, "abc", min_length=4),
        ]
    }


def test_json_is_no_form(client: Twins) -> None:
    answer = client.post("/login", json={"username": "ada", "password": "swordfish"})

    assert answer.status_code == 422
    assert [each["type"] for each in answer.json()["detail"]] == ["missing", "missing"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"name": "Mo"}, {"name": "Mo", "nickname": None, "age": 18, "rooms": []}),
        (
            {"name": "Mo", "nick": "M", "age": "30", "rooms": ["1", "2"]},
            {"name": "Mo", "nickname": "M", "age": 30, "rooms": [1, 2]},
        ),
        (
            {"name": "Mo", "nick": "", "age": ""},
            {"name": "Mo", "nickname": None, "age": 18, "rooms": []},
        ),
    ],
)
def test_fields_that_are_left_out_or_empty_have_their_defaults(
    client: Twins, data: dict[str, object], expected: object
) -> None:
    assert client.post("/guests", data=data).json() == expected


def test_a_model_takes_the_fields_of_a_form(client: Twins) -> None:
    answer = client.post("/bookings", data={"guest": "Mo", "beds": "2", "wishes": ["sea", "quiet"]})

    assert answer.json() == {"guest": "Mo", "beds": 2, "wishes": ["sea", "quiet"]}


def test_the_errors_of_a_model_are_reported_like_those_of_fields(client: Twins) -> None:
    answer = client.post("/bookings", data={"guest": "M", "beds": "many"})

    short = "String should have at least 2 characters"
    integer = "Input should be a valid integer, unable to parse string as an integer"
    assert answer.json() == {
        "detail": [
            error("string_too_short", ["body", "guest"], short, "M", min_length=2),
            error("int_parsing", ["body", "beds"], integer, "many"),
        ]
    }


def test_a_model_may_forbid_other_fields(client: Twins) -> None:
    answer = client.post("/bookings/strict", data={"guest": "Mo", "beds": "2", "price": "0"})

    message = "Extra inputs are not permitted"
    assert answer.status_code == 422
    assert answer.json() == {"detail": [error("extra_forbidden", ["body", "price"], message, "0")]}
