"""Path parameters and what numbers may be."""

from typing import Annotated

import pytest

from microfw import App, Path, Query
from tests.tutorial.twins import Twins, error

app = App()


@app.get("/piers/{pier}")
async def read_pier(
    pier: Annotated[int, Path(title="The pier's number", ge=1, le=40)],
    words: Annotated[str | None, Query(alias="search")] = None,
):
    return {"pier": pier, "words": words}


@app.get("/piers/{pier}/tide")
async def read_tide(
    *,
    pier: int = Path(gt=0, lt=41),
    words: str,
    height: float = Query(gt=0, lt=10.5),
):
    return {"pier": pier, "words": words, "height": height}


@app.get("/crates/{crate}")
async def read_crate(crate: Annotated[int, Path(multiple_of=5)]):
    return {"crate": crate}


def test_a_number_within_the_limits_is_taken(client: Twins) -> None:
    assert client.get("/piers/1").json() == {"pier": 1, "words": None}
    assert client.get("/piers/40?search=north").json() == {"pier": 40, "words": "north"}


@pytest.mark.parametrize(
    ("path", "kind", "loc", "message", "value", "context"),
    [
        (
            "/piers/0",
            "greater_than_equal",
            ["path", "pier"],
            "Input should be greater than or equal to 1",
            "0",
            {"ge": 1},
        ),
        (
            "/piers/41",
            "less_than_equal",
            ["path", "pier"],
            "Input should be less than or equal to 40",
            "41",
            {"le": 40},
        ),
        (
            "/piers/0/tide?words=low&height=2",
            "greater_than",
            ["path", "pier"],
            "Input should be greater than 0",
            "0",
            {"gt": 0},
        ),
        (
            "/piers/41/tide?words=low&height=2",
            "less_than",
            ["path", "pier"],
            "Input should be less than 41",
            "41",
            {"lt": 41},
        ),
        (
            "/piers/4/tide?words=low&height=10.5",
            "less_than",
            ["query", "height"],
            "Input should be less than 10.5",
            "10.5",
            {"lt": 10.5},
        ),
        (
            "/crates/12",
            "multiple_of",
            ["path", "crate"],
            "Input should be a multiple of 5",
            "12",
            {"multiple_of": 5},
        ),
    ],
)
def test_a_number_outside_of_a_limit_is_refused_with_the_limit(
    client: Twins, path, kind, loc, message, value, context
) -> None:
    answer = client.get(path)

    assert answer.status_code == 422
    assert answer.json() == {"detail": [error(kind, loc, message, value, **context)]}


def test_required_parameters_may_stand_behind_those_with_a_declaration(client: Twins) -> None:
    answer = client.get("/piers/4/tide?words=low&height=2.25")

    assert answer.json() == {"pier": 4, "words": "low", "height": 2.25}


def test_limits_hold_for_what_was_converted(client: Twins) -> None:
    assert client.get("/crates/-15").json() == {"crate": -15}
    assert client.get("/crates/15.0").json() == {"crate": 15}
