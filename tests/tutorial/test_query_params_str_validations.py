"""Query parameters and what strings may be: limits, patterns, aliases, lists, own checks."""

import random
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Field

from microfw import App, Query
from tests.tutorial.twins import Twins, error

app = App()

SHIPS = {"imo-7": "Aurora", "imo-9": "Borealis", "mmsi-2": "Corona"}


def check_register(number: str):
    if not number.startswith(("imo-", "mmsi-")):
        raise ValueError("a number begins with imo- or mmsi-")
    return number


@app.get("/search")
async def search(words: Annotated[str | None, Query(min_length=3, max_length=12)] = None):
    return {"words": words}


@app.get("/search/old")
async def search_the_old_way(words: str | None = Query(default=None, max_length=5)):
    return {"words": words}


@app.get("/berths")
async def read_berth(
    berth: Annotated[
        str,
        Query(
            alias="berth-code",
            title="The berth",
            description="A letter for the quay, and a number",
            pattern="^[A-F][0-9]{2}$",
            deprecated=True,
            examples=["A07"],
        ),
    ] = "A01",
):
    return {"berth": berth}


@app.get("/required")
async def require(flag: Annotated[str, Query(min_length=2)]):
    return {"flag": flag}


@app.get("/required/none")
async def require_even_if_none(flag: str | None = Query(default=..., min_length=2)):
    return {"flag": flag}


@app.get("/cargo")
async def list_cargo(kind: Annotated[list[str] | None, Query()] = None):
    return {"kind": kind}


@app.get("/cargo/usual")
async def list_usual_cargo(kind: Annotated[list[str], Query()] = ["tea", "tin"]):  # noqa: B006
    return {"kind": kind}


@app.get("/cargo/plain")
async def list_plain_cargo(kind: Annotated[list[Any], Query()] = []):  # noqa: B006
    return {"kind": kind}


@app.get("/weights")
async def add_weights(weight: Annotated[set[int], Query(max_length=3)]):
    return {"sum": sum(weight)}


@app.get("/hidden")
async def read_hidden(secret: Annotated[str | None, Query(include_in_schema=False)] = None):
    return {"secret": secret or "none was given"}


@app.get("/decks")
async def read_deck(deck: Annotated[int, Field(gt=0, le=9), Query(alias="deck-number")]):
    return {"deck": deck}


@app.get("/ships")
async def read_ship(number: Annotated[str | None, AfterValidator(check_register)] = None):
    if number is None:
        number = random.Random(1).choice(sorted(SHIPS))
    return {"number": number, "name": SHIPS.get(number)}


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", None), ("?words=tea", "tea"), ("?words=twelve+chars", "twelve chars")],
)
def test_a_text_within_the_limits_is_taken(client: Twins, query: str, expected: str | None) -> None:
    assert client.get(f"/search{query}").json() == {"words": expected}


def test_a_text_that_is_too_short_is_refused(client: Twins) -> None:
    answer = client.get("/search?words=te")

    message = "String should have at least 3 characters"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("string_too_short", ["query", "words"], message, "te", min_length=3)]
    }


@pytest.mark.parametrize(("path", "limit"), [("/search", 12), ("/search/old", 5)])
def test_a_text_that_is_too_long_is_refused(client: Twins, path: str, limit: int) -> None:
    answer = client.get(f"{path}?words=thirteen_long")

    message = f"String should have at most {limit} characters"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("string_too_long", ["query", "words"], message, "thirteen_long", max_length=limit)
        ]
    }


def test_an_alias_is_the_name_in_the_query(client: Twins) -> None:
    assert client.get("/berths?berth-code=B12").json() == {"berth": "B12"}
    assert client.get("/berths?berth=B12").json() == {"berth": "A01"}


def test_a_text_that_does_not_match_the_pattern_is_refused(client: Twins) -> None:
    answer = client.get("/berths?berth-code=B123")

    pattern = "^[A-F][0-9]{2}$"
    message = f"String should match pattern '{pattern}'"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error(
                "string_pattern_mismatch", ["query", "berth-code"], message, "B123", pattern=pattern
            )
        ]
    }


@pytest.mark.parametrize("path", ["/required", "/required/none"])
def test_what_has_no_default_or_dots_in_its_place_is_required(client: Twins, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("missing", ["query", "flag"], "Field required", None)]
    }
    assert client.get(f"{path}?flag=NL").json() == {"flag": "NL"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("/cargo", None),
        ("/cargo?kind=tea&kind=tin", ["tea", "tin"]),
        ("/cargo?kind=tea", ["tea"]),
        ("/cargo/usual", ["tea", "tin"]),
        ("/cargo/usual?kind=rum", ["rum"]),
        ("/cargo/plain", []),
        ("/cargo/plain?kind=1&kind=", ["1", ""]),
    ],
)
def test_a_list_takes_every_value_of_a_repeated_key(
    client: Twins, query: str, expected: list[str] | None
) -> None:
    assert client.get(query).json() == {"kind": expected}


def test_the_items_of_a_collection_are_checked_and_so_is_their_number(client: Twins) -> None:
    assert client.get("/weights?weight=3&weight=4&weight=3").json() == {"sum": 7}

    wrong = client.get("/weights?weight=3&weight=heavy")
    many = client.get("/weights?weight=1&weight=2&weight=3&weight=4")

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert wrong.json() == {
        "detail": [error("int_parsing", ["query", "weight", 1], message, "heavy")]
    }
    assert many.status_code == 422
    assert [each["type"] for each in many.json()["detail"]] == ["too_long"]


def test_a_parameter_that_is_hidden_from_the_schema_is_read_all_the_same(client: Twins) -> None:
    assert client.get("/hidden").json() == {"secret": "none was given"}
    assert client.get("/hidden?secret=door").json() == {"secret": "door"}


def test_a_field_of_pydantics_may_hold_the_limits(client: Twins) -> None:
    answer = client.get("/decks?deck-number=0")

    message = "Input should be greater than 0"
    assert client.get("/decks?deck-number=9").json() == {"deck": 9}
    assert answer.json() == {
        "detail": [error("greater_than", ["query", "deck-number"], message, "0", gt=0)]
    }


def test_a_check_of_ones_own_sees_the_value_that_was_sent_and_not_the_default(
    client: Twins,
) -> None:
    answer = client.get("/ships?number=yacht-1")

    message = "Value error, a number begins with imo- or mmsi-"
    assert client.get("/ships?number=imo-9").json() == {"number": "imo-9", "name": "Borealis"}
    assert client.get("/ships").json() == {"number": "imo-7", "name": "Aurora"}
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("value_error", ["query", "number"], message, "yacht-1", error={})]
    }
