"""However much is wrong, what it costs to say so is bounded."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
import typing_extensions

from microfw import App, Query
from microfw._models import Invalid, JSONConverter, below, showable
from tests.asgi import request

MOST = 1000


class Struct(msgspec.Struct):
    number: int


class Other(pydantic.BaseModel):
    word: str


class Closed(pydantic.BaseModel, extra="forbid"):
    number: int = 0


@dataclass
class Plain:
    number: int


class Typed(typing_extensions.TypedDict):
    number: int


class Model(pydantic.BaseModel):
    number: Annotated[int, pydantic.Field(gt=0)]


def errors(annotation: Any, value: Any) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as caught:
        JSONConverter(annotation).decode(json.dumps(value).encode())
    return caught.value.errors


@pytest.mark.parametrize(
    "annotation", [list[Model], list[Plain], list[Typed], list[list[int]]], ids=str
)
def test_of_many_errors_in_an_array_the_first_are_reported(annotation):
    found = errors(annotation, [None] * (MOST + 1))

    assert [error["loc"] for error in found] == [(index,) for index in range(MOST)]


def test_of_many_errors_in_an_object_the_first_are_reported():
    found = errors(dict[str, Model], {f"k{number}": {} for number in range(MOST + 1)})

    assert [error["loc"] for error in found] == [(f"k{index}", "number") for index in range(MOST)]


def test_errors_of_parts_count_together():
    found = errors(list[list[int]], [[None] * 600, [None] * 300, [None] * 300, [None]])

    assert len(found) == MOST
    assert found[-1]["loc"] == (2, 99)


def test_each_member_of_a_union_counts():
    found = errors(list[Model | Other], [None] * MOST)

    assert [error["loc"] for error in found[-2:]] == [(499, "Model"), (499, "Other")]
    assert len(found) == MOST


def test_items_of_sets_that_cannot_be_in_one_count_too():
    assert len(errors(set[Any], [[]] * (MOST + 1))) == MOST


def test_of_many_keys_that_are_not_permitted_the_first_are_reported():
    found = errors(Closed, {f"k{number}": 1 for number in range(MOST + 1)})

    assert [error["loc"] for error in found] == [(f"k{index}",) for index in range(MOST)]


def test_of_many_errors_of_pydantics_the_first_are_reported_without_what_was_received():
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


def test_of_many_values_in_the_query_string_the_first_errors_are_reported():
    app = App()

    @app.get("/")
    async def endpoint(tag: Annotated[list[int], Query()]) -> None: ...

    answer = request(app, "GET", "/?" + "tag=x&" * (MOST + 1))

    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["query", "tag", index] for index in range(MOST)
    ]


def test_errors_end_where_their_places_alone_are_too_much():
    key = "k" * 400_000
    found = below(errors(list[int], [None] * 5), key)

    shown = showable(found, received=len(key))

    assert [error["loc"] for error in shown] == [(key, 0), (key, 1), (key, 2)]


def test_of_places_the_first_is_told_however_long_it_is():
    key = "k" * 2_000_000
    found = below(errors(list[int], [None] * 5), key)

    assert [error["loc"] for error in showable(found)] == [(key, 0)]


@pytest.mark.unmeasured
def test_what_is_too_much_to_show_is_not_counted_again_for_every_error():
    large = [["x"]] * 1_000_000
    entries: list[dict[str, Any]] = [
        {"type": "a", "loc": (), "msg": "", "input": value} for value in [large] * 20 + ["x", 1]
    ]

    shown = [error["input"] for error in showable(entries)]

    assert shown == ["..."] * 21 + [1]


# ---------------------------------------------------------------------- large bodies


LARGE = 20_000
"""Of so many items the body is larger than 64 KiB."""


class Holder(pydantic.BaseModel):
    numbers: list[int] = []
    others: "dict[str, Holder]" = {}
    words: set[str] = set()
    name: str = ""


class Bag(pydantic.BaseModel, extra="forbid"):
    number: int = 0
    type: list[int] = []


@pydantic.dataclasses.dataclass(config=pydantic.ConfigDict(extra="forbid"))
class ClosedData:
    number: int = 0


@pytest.mark.parametrize(
    ("annotation", "body", "told"),
    [
        (list[int], ["x"] * LARGE, [(0,)]),
        (list[Model], [{}] * LARGE * 2, [(0, "number")]),
        (list[Plain], [{}] * LARGE * 2, [(0, "number")]),
        (dict[str, int], {f"k{n}": "x" for n in range(LARGE)}, [("k0",)]),
        (tuple[int, ...], ["x"] * LARGE, [(0,)]),
        (set[int], ["x"] * LARGE, [(0,)]),
        (frozenset[int], ["x"] * LARGE, [(0,)]),
        (list[list[int]], [[1, "x", "y"], ["z"] * LARGE], [(0, 1)]),
        (list[int] | None, ["x"] * LARGE, [(0,)]),
        (
            Holder,
            {"numbers": ["x"] * LARGE, "words": [1, 2], "name": 3},
            [("numbers", 0), ("words", 0), ("name",)],
        ),
        (
            Holder,
            {"others": {"a": {"numbers": ["x"] * LARGE, "others": {"b": 1, "c": 2}}, "d": 1}},
            [("others", "a", "numbers", 0), ("others", "a", "others", "b")],
        ),
        (
            list[int] | dict[str, int],
            ["x"] * LARGE,
            [("list[int]", 0), ("dict[str,int]",)],
        ),
        (Bag, {"number": "x", "type": ["x"] * LARGE}, [("number",), ("type", 0)]),
    ],
)
def test_of_a_large_body_the_first_wrong_item_of_each_collection_is_reported(
    annotation, body, told
):
    assert [error["loc"] for error in errors(annotation, body)] == told


@pytest.mark.parametrize("annotation", [Bag, ClosedData, list[Bag], Bag | None])
def test_of_a_large_body_with_keys_that_are_not_permitted_the_first_are_reported(annotation):
    bag = {f"k{number}": 1 for number in range(LARGE)}
    found = errors(annotation, [bag] if annotation == list[Bag] else bag)

    assert len(found) == MOST
    assert {error["type"] for error in found} == {
        "extra_forbidden",
        "unexpected_keyword_argument",
    } & {found[0]["type"]}
    assert found[0]["loc"][-1] == "k0"


def test_large_bodies_in_which_nothing_is_wrong_are_taken():
    convert = JSONConverter(Holder).decode
    body = {"numbers": [*range(LARGE)], "others": {"a": {"name": "b"}}, "words": ["a"]}

    holder = convert(json.dumps(body).encode())

    assert holder.model_dump() == {
        "name": "",
        "numbers": [*range(LARGE)],
        "words": {"a"},
        "others": {"a": {"name": "b", "numbers": [], "others": {}, "words": set()}},
    }


def test_of_a_struct_the_first_error_is_reported_whatever_the_size():
    assert [error["loc"] for error in errors(list[Struct], [{}] * LARGE)] == [(0, "number")]


def test_of_very_many_values_in_the_query_string_the_first_wrong_one_is_reported():
    app = App()

    @app.get("/")
    async def endpoint(tag: Annotated[list[int], Query()]) -> None: ...

    answer = request(app, "GET", "/?" + "tag=x&" * LARGE)

    assert [error["loc"] for error in answer.json()["detail"]] == [["query", "tag", 0]]


@pytest.mark.slow
@pytest.mark.parametrize("annotation", ["list[int]", "list[Model]", "dict[str, list[int]]"])
def test_what_errors_of_a_large_body_take_beside_its_data_is_less_than_8_times_its_size(annotation):
    program = (
        "import resource, sys, pydantic\n"
        "from microfw._models import Invalid, JSONConverter, parse_json\n"
        "class Model(pydantic.BaseModel):\n    number: int\n"
        f"decode = JSONConverter({annotation}).decode\n"
        "items = b'[' + b'\"x\",' * (4 * 1024 * 1024) + b'1]'\n"
        f"body = b'{{\"a\":' + items + b'}}' if {annotation.startswith('dict')} else items\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "parse_json(body)\n"
        "before = peak()\n"
        "try:\n    decode(body)\n"
        "except Invalid as problem:\n    assert len(problem.errors) == 1\n"
        "print((peak() - before) / len(body))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert float(done.stdout) < 8
