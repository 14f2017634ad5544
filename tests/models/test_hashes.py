"""Values that were chosen to have one hash take no longer than others."""

import json
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pydantic
import pytest

from microfw import App, Query
from microfw._models import Invalid, JSONConverter
from tests.asgi import request

MODULUS = 2**61 - 1
"""Python's hash of each of its multiples is 0."""
MANY = 3_000


def multiples(number: int) -> list[int]:
    return [each * MODULUS for each in range(number)]


class Holder(msgspec.Struct):
    numbers: frozenset[int]


def uuids(number: int) -> list[str]:
    return [str(UUID(int=each)) for each in multiples(number)]


def keys(values: list[Any]) -> dict[str, int]:
    return {str(each): 1 for each in values}


CHOSEN: list[tuple[Any, Any]] = [
    (set[int], multiples(MANY)),
    (set[UUID], uuids(MANY)),
    (frozenset[Decimal], [*map(str, multiples(MANY))]),
    (set[tuple[int, str]], [[each, ""] for each in multiples(MANY)]),
    (dict[int, int], keys(multiples(MANY))),
    (dict[UUID, int], keys(uuids(MANY))),
    (set[Any], multiples(MANY)),
]


@pytest.mark.parametrize(("annotation", "values"), CHOSEN)
def test_many_values_of_one_hash_are_refused(annotation: Any, values: Any) -> None:
    data = json.dumps(values).encode()

    with pytest.raises(Invalid) as caught:
        JSONConverter(annotation).decode(data)

    assert caught.value.errors == [
        {
            "type": "hash_collision",
            "loc": (),
            "msg": "Input should hold at most 50 different values of one hash",
            "input": values,
            "ctx": {"max_length": 50},
        }
    ]


def test_it_is_said_where_they_are() -> None:
    with pytest.raises(Invalid) as caught:
        JSONConverter(Holder).decode(json.dumps({"numbers": multiples(MANY)}).encode())
    assert [(each["type"], each["loc"]) for each in caught.value.errors] == [
        ("hash_collision", ("numbers",))
    ]


def test_some_values_of_one_hash_are_taken() -> None:
    others = [*range(20_000)]
    some = [*others, *multiples(50)]
    decode = JSONConverter(set[int]).decode
    assert decode(json.dumps(some).encode()) == {*some}
    with pytest.raises(Invalid):
        decode(json.dumps([*others, *multiples(52)]).encode())


def test_many_values_of_many_hashes_are_taken() -> None:
    many = [*range(20_000)]
    assert JSONConverter(set[int]).decode(json.dumps(many).encode()) == {*many}


def test_equal_values_are_one() -> None:
    assert JSONConverter(set[int]).decode(b"[" + b"7," * 50_000 + b"7]") == {7}
    numbers = json.dumps(multiples(40) * 100).encode()
    assert JSONConverter(set[int]).decode(numbers) == {*multiples(40)}


@pytest.mark.parametrize(
    "annotation", [dict, dict[Any, Any], dict[str, int], list[int], set[str]], ids=str
)
def test_what_cannot_be_chosen_is_decoded_at_once(annotation: Any) -> None:
    assert JSONConverter(annotation).decode.__name__ == "decode"


def test_what_has_no_hash_is_reported_as_such() -> None:
    with pytest.raises(Invalid) as caught:
        JSONConverter(set[Any]).decode(json.dumps([["a" * 1000]] * 100).encode())
    assert caught.value.errors[0]["type"] == "set_item_not_hashable"


def test_a_large_body_that_is_no_collection_is_reported_as_such() -> None:
    with pytest.raises(Invalid) as caught:
        JSONConverter(set[int]).decode(json.dumps("a" * 100_000).encode())
    assert [each["type"] for each in caught.value.errors] == ["set_type"]


def test_values_in_a_part_of_a_body_are_looked_at_too() -> None:
    data = {"held": {"numbers": multiples(MANY)}, "else": ["a", {"b": None}]}
    with pytest.raises(Invalid) as caught:
        JSONConverter(dict[str, Any] | set[int]).decode(json.dumps(data).encode())
    assert caught.value.errors[0]["loc"] == ("held", "numbers")


class Model(pydantic.BaseModel):
    numbers: dict[int, str] = {}
    inner: "Model | None" = None


def test_models_of_pydantics_are_looked_into() -> None:
    data = {"inner": {"numbers": dict.fromkeys(map(str, multiples(MANY)), "a")}}
    with pytest.raises(Invalid) as caught:
        JSONConverter(Model).decode(json.dumps(data).encode())
    assert [(each["type"], each["loc"]) for each in caught.value.errors] == [
        ("hash_collision", ("inner", "numbers"))
    ]


def test_few_values_are_decoded_at_once_too() -> None:
    decode = JSONConverter(set[int]).decode
    assert decode(json.dumps(multiples(1_000)).encode()) == {*multiples(1_000)}


def test_values_of_a_query_are_looked_at_as_well() -> None:
    app = App()

    @app.get("/")
    async def read(number: Annotated[set[int], Query()]) -> int:
        return len(number)

    query = "&".join(f"number={each}" for each in multiples(60))
    answer = request(app, "GET", f"/?{query}")
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "hash_collision")


def test_results_may_have_any_values() -> None:
    app = App()

    @app.get("/")
    async def read() -> dict[int, int]:
        return dict.fromkeys(multiples(60), 1)

    assert len(request(app, "GET", "/").json()) == 60
