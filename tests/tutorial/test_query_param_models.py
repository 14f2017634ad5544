"""Query parameter models: parameters that belong together are one class."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from microfw import App, Query
from tests.tutorial.twins import Twins, error

app = App()


class Filters(BaseModel):
    limit: int = Field(100, gt=0, le=100)
    offset: int = Field(0, ge=0)
    sort: Literal["title", "year"] = "title"
    tags: list[str] = []


class StrictFilters(BaseModel):
    model_config = {"extra": "forbid"}

    limit: int = Field(100, gt=0, le=100)
    author: str | None = None


@app.get("/books")
async def list_books(filters: Annotated[Filters, Query()]):
    return filters


@app.get("/strict")
async def list_books_strictly(filters: Annotated[StrictFilters, Query()]):
    return filters


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"limit": 100, "offset": 0, "sort": "title", "tags": []}),
        (
            "?limit=5&offset=10&sort=year&tags=old&tags=rare",
            {"limit": 5, "offset": 10, "sort": "year", "tags": ["old", "rare"]},
        ),
    ],
)
def test_each_field_is_a_parameter(client: Twins, query: str, expected: object) -> None:
    answer = client.get(f"/books{query}")

    assert (answer.status_code, answer.json()) == (200, expected)


def test_all_fields_that_do_not_fit_are_reported(client: Twins) -> None:
    answer = client.get("/books?limit=0&offset=-1&sort=colour&tags=old")

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("greater_than", ["query", "limit"], "Input should be greater than 0", "0", gt=0),
            error(
                "greater_than_equal",
                ["query", "offset"],
                "Input should be greater than or equal to 0",
                "-1",
                ge=0,
            ),
            error(
                "literal_error",
                ["query", "sort"],
                "Input should be 'title' or 'year'",
                "colour",
                expected="'title' or 'year'",
            ),
        ]
    }


def test_parameters_that_are_no_fields_are_ignored_unless_the_model_forbids_them(
    client: Twins,
) -> None:
    assert client.get("/books?colour=red").status_code == 200
    assert client.get("/strict?author=Ada").json() == {"limit": 100, "author": "Ada"}

    answer = client.get("/strict?colour=red")

    message = "Extra inputs are not permitted"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("extra_forbidden", ["query", "colour"], message, "red")]
    }
