"""What goes straight to the encoder: values that are exactly of their type."""

from collections import OrderedDict
from enum import StrEnum
from typing import Annotated, Any

import pytest
from msgspec import Meta

from microfw._validation._exactness import exactness_of, predicate_of


class Colour(StrEnum):
    RED = "red"


class Name(str):
    __slots__ = ()


EXACT: list[Any] = [{}, {"a": 1}, {"a": 1, "b": 2}]
INEXACT: list[Any] = [
    *(None, [], "a", OrderedDict(a=1)),
    *({1: 1}, {Colour.RED: 1}, {Name("a"): 1}, {"a": 1, 2: 3}),
    *({"a": "1"}, {"a": True}, {"a": None}, {"a": 1, "b": 2.0}, {"a": {"b": 1}}),
]


@pytest.mark.parametrize(
    ("value", "expected"),
    [*((value, True) for value in EXACT), *((value, False) for value in INEXACT)],
)
def test_dictionaries_of_plain_values_are_looked_at_in_a_way_of_their_own(
    value: Any, expected: bool
) -> None:
    holds = predicate_of(dict[str, int])
    assert holds != exactness_of(dict[str, int]).holds
    assert holds(value) is exactness_of(dict[str, int]).holds(value) is expected


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (dict[str, list[int]], {"a": [1]}, True),
        (dict[str, list[int]], {"a": [True]}, False),
        (dict[str, Any], {"a": object()}, True),
        (Annotated[dict[str, int], Meta(max_length=1)], {"a": 1}, False),
        (dict, {1: object()}, True),
    ],
)
def test_other_dictionaries_are_looked_at_as_everything_is(
    annotation: Any, value: Any, expected: bool
) -> None:
    assert predicate_of(annotation)(value) is expected
