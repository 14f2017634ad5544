"""Structs of msgspec's in place of pydantic's models, which FastAPI does not know."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field, structs

from microfw import App, Form, HTTPException, Query
from microfw.testclient import TestClient
from tests.tutorial.twins import error

app = App()
client = TestClient(app)


class Berth(Struct):
    quay: Annotated[str, Meta(min_length=1, max_length=3)]
    number: Annotated[int, Meta(ge=1, lt=100)] = 1


class Ferry(Struct, tag="ferry", tag_field="kind"):
    name: str
    cars: int


class Tug(Struct, tag="tug", tag_field="kind"):
    name: str


class Ship(Struct):
    name: str
    berth: Berth | None = None
    crew: list[str] = field(default_factory=list)
    secret: str = "none"


class ShownShip(Struct):
    name: str
    berth: Berth | None = None


class Changes(Struct):
    name: str | UnsetType = UNSET
    crew: list[str] | UnsetType = UNSET


class Filters(Struct, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(gt=0, le=100)] = 100
    tags: list[str] = field(default_factory=list)


class Booking(Struct):
    guest: str
    beds: int = 1


ships = {"aurora": Ship("Aurora", Berth("A", 7), ["Ada"], "leaks")}


@app.post("/ships")
async def register(ship: Ship) -> ShownShip:
    return ship  # type: ignore[return-value]


@app.patch("/ships/{name}")
async def change(name: str, changes: Changes) -> Ship:
    if name not in ships:
        raise HTTPException(404, "No such ship")
    sent = {key: value for key, value in structs.asdict(changes).items() if value is not UNSET}
    return structs.replace(ships[name], **sent)


@app.post("/fleet")
async def describe(vessels: list[Ferry | Tug]) -> list[str]:
    return [f"{type(vessel).__name__} {vessel.name}" for vessel in vessels]


@app.get("/ships")
async def list_ships(filters: Annotated[Filters, Query()]) -> Filters:
    return filters


@app.post("/bookings", response_model_exclude_defaults=True)
async def book(booking: Annotated[Booking, Form()]) -> Booking:
    return booking


def test_a_struct_is_read_from_the_body_and_another_filters_the_answer() -> None:
    body = {"name": "Aurora", "berth": {"quay": "A"}, "crew": ["Ada"], "secret": "leaks"}

    answer = client.post("/ships", json=body)

    assert answer.status_code == 200
    assert answer.text == '{"name":"Aurora","berth":{"quay":"A","number":1}}'


def test_the_first_error_is_reported_in_the_words_of_msgspec() -> None:
    body = {"berth": {"quay": "ABCD", "number": 0}, "crew": "Ada"}

    answer = client.post("/ships", json=body)

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("value_error", ["body", "berth", "quay"], "Expected `str` of length <= 3", "ABCD")
        ]
    }
    assert client.post("/ships", json={}).json() == {
        "detail": [error("missing", ["body", "name"], "Field required", {})]
    }


def test_a_struct_tells_what_was_not_sent() -> None:
    answer = client.patch("/ships/aurora", json={"crew": ["Mo"]})

    assert answer.json() == {
        "name": "Aurora",
        "berth": {"quay": "A", "number": 7},
        "crew": ["Mo"],
        "secret": "leaks",
    }
    assert client.patch("/ships/dart", json={}).status_code == 404


def test_a_tag_tells_structs_apart() -> None:
    vessels = [{"kind": "tug", "name": "Max"}, {"kind": "ferry", "name": "Ida", "cars": 40}]

    assert client.post("/fleet", json=vessels).json() == ["Tug Max", "Ferry Ida"]


def test_a_struct_groups_parameters_and_may_forbid_others() -> None:
    refused = client.get("/ships?limit=5&colour=red")

    assert client.get("/ships?limit=5&tags=a&tags=b").json() == {"limit": 5, "tags": ["a", "b"]}
    assert refused.status_code == 422
    assert refused.json() == {
        "detail": [
            error("extra_forbidden", ["query", "colour"], "Extra inputs are not permitted", "red")
        ]
    }


def test_a_struct_takes_the_fields_of_a_form() -> None:
    assert client.post("/bookings", data={"guest": "Mo", "beds": "2"}).json() == {
        "guest": "Mo",
        "beds": 2,
    }
    assert client.post("/bookings", data={"guest": "Mo"}).json() == {"guest": "Mo"}
