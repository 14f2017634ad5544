"""Updates: PUT replaces, PATCH changes what was sent."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from microfw import App, HTTPException
from microfw.encoders import jsonable_encoder
from tests.tutorial.twins import Twins, error, twin_of

app = App()


class Boat(BaseModel):
    name: str | None = None
    note: str | None = None
    length: float | None = None
    berth: int = 1
    tags: list[str] = []


AT_FIRST = {
    "aurora": {"name": "Aurora", "length": 7.5},
    "borealis": {"name": "Borealis", "note": "leaks", "length": 9.0, "berth": 4},
}
boats = dict(AT_FIRST)
EMPTY: dict[str, object] = {"name": None, "note": None, "length": None, "berth": 1, "tags": []}


@app.get("/boats/{boat}", response_model=Boat)
async def read_boat(boat: str):
    if boat not in boats:
        raise HTTPException(status_code=404, detail="No such boat")
    return boats[boat]


@app.put("/boats/{boat}", response_model=Boat)
async def replace_boat(boat: str, changed: Boat):
    boats[boat] = jsonable_encoder(changed)
    return boats[boat]


@app.patch("/boats/{boat}")
async def change_boat(boat: str, changes: Boat) -> Boat:
    kept = Boat(**boats[boat])  # type: ignore[arg-type]
    changed = kept.model_copy(update=changes.model_dump(exclude_unset=True))
    boats[boat] = jsonable_encoder(changed)
    return changed


@pytest.fixture(autouse=True)
def boats_as_at_first() -> Iterator[None]:
    yield
    for kept in (boats, twin_of(__name__).boats):
        kept.clear()
        kept.update(AT_FIRST)


def test_put_replaces_the_whole(client: Twins) -> None:
    answer = client.put("/boats/borealis", json={"name": "Borealis", "length": 8})

    expected = {**EMPTY, "name": "Borealis", "length": 8.0}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert client.get("/boats/borealis").json() == expected


def test_patch_changes_only_what_was_sent(client: Twins) -> None:
    answer = client.patch("/boats/borealis", json={"note": None, "tags": ["dry"]})

    expected = {"name": "Borealis", "note": None, "length": 9.0, "berth": 4, "tags": ["dry"]}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert client.get("/boats/borealis").json() == expected


def test_a_change_that_does_not_fit_changes_nothing(client: Twins) -> None:
    answer = client.patch("/boats/borealis", json={"berth": "last"})

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert answer.json() == {"detail": [error("int_parsing", ["body", "berth"], message, "last")]}
    assert client.get("/boats/borealis").json()["berth"] == 4


def test_what_is_not_there_is_not_found(client: Twins) -> None:
    answer = client.get("/boats/dart")

    assert (answer.status_code, answer.json()) == (404, {"detail": "No such boat"})
