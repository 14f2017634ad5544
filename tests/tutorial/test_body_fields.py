"""Body fields: what the fields of a model may be."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from microfw import App, Body
from tests.tutorial.twins import Twins, error

app = App()


class Recipe(BaseModel):
    title: str = Field(min_length=1, max_length=20, examples=["Rye bread"])
    note: str | None = Field(default=None, title="A note", max_length=10)
    minutes: int = Field(gt=0, description="How long it is in the oven")
    grams: float | None = Field(default=None, ge=0.5, alias="flour")


@app.put("/recipes/{number}")
async def change_recipe(number: int, recipe: Annotated[Recipe, Body(embed=True)]):
    return {"number": number, "recipe": recipe}


RYE = {"title": "Rye bread", "note": None, "minutes": 50, "flour": 500.0}


def test_fields_within_their_limits_are_taken(client: Twins) -> None:
    answer = client.put("/recipes/1", json={"recipe": RYE})

    assert (answer.status_code, answer.json()) == (200, {"number": 1, "recipe": RYE})


@pytest.mark.parametrize(
    ("field", "value", "kind", "message", "context"),
    [
        (
            "title",
            "",
            "string_too_short",
            "String should have at least 1 character",
            {"min_length": 1},
        ),
        (
            "note",
            "eleven chars",
            "string_too_long",
            "String should have at most 10 characters",
            {"max_length": 10},
        ),
        ("minutes", 0, "greater_than", "Input should be greater than 0", {"gt": 0}),
        (
            "flour",
            0.4,
            "greater_than_equal",
            "Input should be greater than or equal to 0.5",
            {"ge": 0.5},
        ),
    ],
)
def test_a_field_outside_of_its_limits_is_refused(
    client: Twins, field, value, kind, message, context
) -> None:
    answer = client.put("/recipes/1", json={"recipe": {**RYE, field: value}})

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error(kind, ["body", "recipe", field], message, value, **context)]
    }
