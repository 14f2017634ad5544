"""Nested models: lists, sets, dicts and models inside of models."""

from typing import Any

import pytest
from pydantic import BaseModel, HttpUrl

from microfw import App
from tests.tutorial.twins import Twins, error

app = App()


class Picture(BaseModel):
    url: HttpUrl
    name: str


class Room(BaseModel):
    name: str
    tags: set[str] = set()
    keywords: list[Any] = []
    picture: Picture | None = None
    more: list[Picture] | None = None


class House(BaseModel):
    street: str
    rooms: list[Room]


@app.put("/rooms/{number}")
async def change_room(number: int, room: Room):
    return {"number": number, "room": room}


@app.post("/houses")
async def add_house(house: House):
    return house


@app.post("/pictures")
async def add_pictures(pictures: list[Picture]):
    return [picture.url for picture in pictures]


@app.post("/areas")
async def add_areas(areas: dict[int, float]):
    return areas


SEA = {"url": "https://museum.example/sea.png", "name": "The sea"}


def test_models_are_found_at_any_depth(client: Twins) -> None:
    room = {
        "name": "hall",
        "picture": SEA,
        "more": [SEA],
        "keywords": [1, "two"],
        "tags": ["x", "x"],
    }

    answer = client.post("/houses", json={"street": "Quay", "rooms": [room, {"name": "attic"}]})

    assert answer.status_code == 200
    assert answer.json() == {
        "street": "Quay",
        "rooms": [
            {"name": "hall", "tags": ["x"], "keywords": [1, "two"], "picture": SEA, "more": [SEA]},
            {"name": "attic", "tags": [], "keywords": [], "picture": None, "more": None},
        ],
    }


def test_an_error_is_reported_with_the_way_to_it(client: Twins) -> None:
    rooms = [{"name": "hall"}, {"name": "attic", "more": [SEA, {"url": "sea.png", "name": 7}]}]

    answer = client.post("/houses", json={"street": "Quay", "rooms": rooms})

    place: list[str | int] = ["body", "rooms", 1, "more", 1]
    message = "Input should be a valid URL, relative URL without a base"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error(
                "url_parsing",
                [*place, "url"],
                message,
                "sea.png",
                error="relative URL without a base",
            ),
            error("string_type", [*place, "name"], "Input should be a valid string", 7),
        ]
    }


def test_a_body_may_be_a_list_of_models(client: Twins) -> None:
    missing = client.post("/pictures", json=[SEA, {"url": SEA["url"]}])

    assert client.post("/pictures", json=[SEA, SEA]).json() == [SEA["url"], SEA["url"]]
    assert missing.json() == {
        "detail": [error("missing", ["body", 1, "name"], "Field required", {"url": SEA["url"]})]
    }


@pytest.mark.parametrize("areas", [{"1": 20.5, "2": 14}, {}])
def test_the_keys_of_a_dict_are_converted_too(client: Twins, areas: dict[str, float]) -> None:
    assert client.post("/areas", json=areas).json() == areas


def test_a_key_of_a_dict_that_does_not_fit_is_refused(client: Twins) -> None:
    answer = client.post("/areas", json={"hall": 20})

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("int_parsing", ["body", "hall", "[key]"], message, "hall")]
    }
