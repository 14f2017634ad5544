"""However much is wrong, what it costs to say so is bounded."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest

from microfw import App, Query
from microfw._validation import Invalid, JSONConverter, showable
from tests.asgi import request

MOST = 1000


class Struct(msgspec.Struct):
    number: int


class Other(msgspec.Struct):
    word: str


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    number: int = 0


@dataclass
class Plain:
    number: int


class Typed(TypedDict):
    number: int


class Model(pydantic.BaseModel):
    number: Annotated[int, pydantic.Field(gt=0)]


made: list[str] = []


@dataclass
class Left:
    child: "Left | Right | int"

    def __post_init__(self) -> None:
        made.append("left")


@dataclass
class Right:
    child: "Left | Right | int"

    def __post_init__(self) -> None:
        made.append("right")


def errors(annotation: Any, value: Any) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as caught:
        JSONConverter(annotation).decode(json.dumps(value).encode())
    return caught.value.errors


@pytest.mark.parametrize(
    "annotation", [list[Struct], list[Plain], list[Typed], list[list[int]]], ids=str
)
def test_of_many_errors_in_an_array_the_first_are_told(annotation):
    found = errors(annotation, [None] * (MOST + 1))

    assert [error["loc"] for error in found] == [(index,) for index in range(MOST)]


def test_of_many_errors_in_an_object_the_first_are_told():
    found = errors(dict[str, Struct], {f"k{number}": {} for number in range(MOST + 1)})

    assert [error["loc"] for error in found] == [(f"k{index}", "number") for index in range(MOST)]


def test_errors_of_parts_count_together():
    found = errors(list[list[int]], [[None] * 600, [None] * 300, [None] * 300, [None]])

    assert len(found) == MOST
    assert found[-1]["loc"] == (2, 99)


def test_each_member_of_a_union_counts():
    found = errors(list[Struct | Other], [None] * MOST)

    assert [error["loc"] for error in found[-2:]] == [(499, "Struct"), (499, "Other")]
    assert len(found) == MOST


def test_items_of_sets_that_cannot_be_in_one_count_too():
    assert len(errors(set[Any], [[]] * (MOST + 1))) == MOST


def test_of_many_keys_that_are_not_permitted_the_first_are_told():
    found = errors(Closed, {f"k{number}": 1 for number in range(MOST + 1)})

    assert [error["loc"] for error in found] == [(f"k{index}",) for index in range(MOST)]


def test_of_many_errors_of_pydantics_the_first_are_told_without_what_was_received():
    few = errors(list[Model], [{"number": -1}] * MOST)
    more = errors(list[Model], [{"number": -1}] * (MOST + 1))

    assert more == [{**error, "input": "..."} for error in few]
    assert more[-1] == {
        "type": "greater_than",
        "loc": (MOST - 1, "number"),
        "msg": "Input should be greater than 0",
        "input": "...",
        "ctx": {"gt": 0},
    }


def test_of_many_values_in_the_query_string_the_first_errors_are_told():
    app = App()

    @app.get("/")
    async def endpoint(tag: Annotated[list[int], Query()]) -> None: ...

    answer = request(app, "GET", "/?" + "tag=x&" * (MOST + 1))

    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["query", "tag", index] for index in range(MOST)
    ]


def test_errors_end_where_their_places_alone_are_too_much():
    key = "k" * 400_000
    found = errors(dict[str, list[int]], {key: [None] * 5})

    shown = showable(found, received=len(key))

    assert [error["loc"] for error in shown] == [(key, 0), (key, 1), (key, 2)]


def test_of_places_the_first_is_told_however_long_it_is():
    key = "k" * 2_000_000
    found = errors(dict[str, list[int]], {key: [None] * 5})

    assert [error["loc"] for error in showable(found)] == [(key, 0)]


@pytest.mark.unmeasured
def test_what_is_too_much_to_show_is_not_counted_again_for_every_error():
    large = [["x"]] * 1_000_000
    entries: list[dict[str, Any]] = [
        {"type": "a", "loc": (), "msg": "", "input": value} for value in [large] * 20 + ["x", 1]
    ]

    shown = [error["input"] for error in showable(entries)]

    assert shown == ["..."] * 21 + [1]


@pytest.mark.parametrize("innermost", [1, None])
def test_a_union_that_holds_itself_looks_at_each_part_once(innermost):
    levels = 20
    value: Any = innermost
    for _ in range(levels):
        value = {"child": value}
    made.clear()
    convert = JSONConverter(Left | Right).convert

    if innermost is None:
        with pytest.raises(Invalid):
            convert(value)
        assert made == []
    else:
        convert(value)
        assert len(made) < 5 * levels
