"""`jsonable_encoder`: what JSON can hold, of anything."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from microfw import App
from microfw.encoders import jsonable_encoder
from tests.tutorial.twins import Twins, twin_of

app = App()
shelf: dict[str, object] = {}


class Colour(Enum):
    red = "#f00"


class Book(BaseModel):
    title: str
    printed: datetime
    note: str | None = None
    pages: int = Field(0, alias="leaves")


@dataclass
class Place:
    room: str
    shelf: int


@app.put("/books/{number}")
def put_book(number: str, book: Book):
    shelf[number] = jsonable_encoder(book)
    return shelf


VALUES = [
    Book(title="Maps", printed=datetime(1890, 5, 1, tzinfo=UTC), leaves=12),
    Place("north", 3),
    {"when": date(1890, 5, 1), Colour.red: Colour.red, "set": {1}, "none": None},
    [timedelta(minutes=1.5), Decimal("1.5"), Decimal(12), UUID(int=7), PurePosixPath("/a/b")],
    (1, 2.5, True, "text", b"bytes"),
]


def test_a_model_becomes_a_dict_of_what_json_can_hold(client: Twins) -> None:
    answer = client.put("/books/7", json={"title": "Maps", "printed": "1890-05-01T12:00:00"})

    assert answer.json() == {
        "7": {"title": "Maps", "printed": "1890-05-01T12:00:00", "note": None, "leaves": 0}
    }


@pytest.mark.parametrize("number", range(len(VALUES)))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"by_alias": False},
        {"exclude_none": True},
        {"exclude_unset": True},
        {"exclude_defaults": True},
        {"include": {"title", "room", "when"}},
        {"exclude": {"title", "room", "when"}},
    ],
    ids=lambda options: next(iter(options), "no options"),
)
def test_any_value_is_encoded_as_fastapi_does(number: int, options: dict[str, Any]) -> None:
    twin = twin_of(__name__)

    encoded = jsonable_encoder(VALUES[number], **options)

    assert encoded == twin.jsonable_encoder(twin.VALUES[number], **options)


def test_other_encoders_may_be_given_by_class() -> None:
    encoders = {
        datetime: lambda value: value.year,
        Place: lambda place: f"{place.room}-{place.shelf}",
    }

    encoded = jsonable_encoder(
        {"place": Place("north", 3), "when": datetime(1890, 5, 1)}, custom_encoder=encoders
    )

    assert encoded == {"place": "north-3", "when": 1890}
