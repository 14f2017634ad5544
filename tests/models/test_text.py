"""What is sent as text: path, query string, headers, cookies."""

import enum
import math
from collections import deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Annotated, Any, Final, Literal, NewType, TypeVar
from uuid import UUID

import annotated_types
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microfw._models import (
    ConstraintError,
    Constraints,
    Invalid,
    UnsupportedTypeError,
    text_converter,
)

UNIQUE = UUID("12345678-1234-5678-1234-567812345678")


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Thing(pydantic.BaseModel):
    name: str


class Struct(msgspec.Struct):
    name: str


UserId = NewType("UserId", int)
Number = TypeVar("Number", bound=int)
Whatever = TypeVar("Whatever")


def converter(annotation: Any, **constraints: Any) -> Any:
    return text_converter(
        Annotated[annotation, Constraints(**constraints)] if constraints else annotation
    )


def convert(annotation: Any, text: Any, **constraints: Any) -> Any:
    return converter(annotation, **constraints)(text)


def errors(annotation: Any, text: Any, **constraints: Any) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as raised:
        convert(annotation, text, **constraints)
    return raised.value.errors


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, " é ", " é "),
        (int, " -3 ", -3),
        (float, "1.5", 1.5),
        (bytes, "é", b"\xc3\xa9"),
        (bool, "on", True),
        (Decimal, "1.50", Decimal("1.50")),
        (UUID, str(UNIQUE), UNIQUE),
        (datetime, "2020-01-02T03:04:05Z", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (date, "2020-01-02", date(2020, 1, 2)),
        (time, "12:00", time(12)),
        (timedelta, "PT1H", timedelta(hours=1)),
        (Color, "red", Color.RED),
        (Level, "2", Level.HIGH),
        (Literal["a", "b"], "a", "a"),
        (Path, "/a/b", Path("/a/b")),
        (IPv4Address, "10.0.0.1", IPv4Address("10.0.0.1")),
        (Any, "x", "x"),
        (object, "x", "x"),
        (UserId, "3", 3),
        (Number, "3", 3),
        (Whatever, "3", "3"),
        (Final[int], "3", 3),
        (int | None, "3", 3),
        (int | str, "3", "3"),
        (int | UUID | None, str(UNIQUE), UNIQUE),
        (list[int], ["1", "2"], [1, 2]),
        (list, ["1"], ["1"]),
        (set[int], ["1", "1"], {1}),
        (frozenset[str], ["a"], frozenset({"a"})),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple[int, str], ["1", "2"], (1, "2")),
        (deque[int], ["1"], deque([1])),
        (list[int] | None, ["1"], [1]),
        (list[int | None], ["1"], [1]),
        (dict[str, int], {"a": "1"}, {"a": 1}),
    ],
)
def test_text_becomes_a_value_of_the_declared_type(annotation, text, value):
    converted = convert(annotation, text)

    assert converted == value
    assert type(converted) is type(value)


def test_a_type_alias_stands_for_its_type():
    class TypeAliasType:  # what `type Alias = int` makes, from CPython 3.12
        __value__ = int

    assert convert(TypeAliasType(), "3") == 3


# ---------------------------------------------------------------------- as pydantic has it

ONES: list[Any] = [str, int, float, bool, bytes, datetime, date, time, timedelta, Decimal, UUID]
ONES += [Color, Level, Literal["1", "a"], Any, None]


def of(origin: Any, *arguments: Any) -> Any:
    return GenericAlias(origin, arguments)


ANNOTATIONS = st.recursive(
    st.sampled_from(ONES),
    lambda inner: st.one_of(
        inner.map(lambda kind: kind | None if isinstance(kind, type | UnionType) else kind),
        inner.map(lambda kind: of(list, kind)),
        inner.map(lambda kind: of(set, kind) if kind in ONES else of(tuple, kind, int)),
        inner.map(lambda kind: of(frozenset, kind) if kind in ONES else of(list, kind)),
        st.tuples(st.sampled_from(ONES), inner).map(lambda pair: of(dict, *pair)),
        st.just(list),
        st.just(dict),
    ),
    max_leaves=3,
)
LIMITS: list[tuple[Any, dict[str, Any]]] = [
    (int, {"gt": 1, "le": 50, "multiple_of": 2}),
    (int, {"strict": True}),
    (int | None, {"ge": 10}),
    (float, {"lt": 3.5, "allow_inf_nan": False}),
    (Decimal, {"ge": 1.5, "max_digits": 3, "decimal_places": 1}),
    (str, {"min_length": 2, "max_length": 3}),
    (str, {"pattern": r"^[a1]+$"}),
    (bytes, {"max_length": 2}),
    (date, {"ge": date(2010, 1, 1)}),
    (datetime, {"lt": datetime(2010, 1, 1)}),
    (timedelta, {"gt": timedelta(seconds=1)}),
    (list[int], {"min_length": 1, "max_length": 2}),
    (set[str], {"max_length": 1}),
    (list[int], {"fail_fast": True}),
    (UUID, {"strict": True}),
    (int | str, {"union_mode": "left_to_right"}),
]
WORDS = st.one_of(
    st.text(max_size=6),
    st.text(alphabet="0123456789+-_.eE ", max_size=8),
    st.text(alphabet="0123456789-T:Z+ .", max_size=20),
    st.sampled_from(["true", "Off", "nan", "inf", "red", "a", "1", "2", "1e400", "9" * 5000]),
    st.datetimes().map(str),
    st.dates().map(str),
    st.times().map(str),
    st.uuids().map(str),
    st.integers().map(str),
    st.floats(-1e6, 1e6).map("{:.3f}".format),
)
SENT = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)


def outcome(function: Any, value: Any) -> Any:
    """What a converter makes of a value: a text that tells types and values apart."""
    try:
        return repr(function(value))
    except pydantic.ValidationError as error:
        return repr(error.errors(include_url=False))
    except Invalid as error:
        return repr(error.errors)


@given(annotation=ANNOTATIONS, sent=SENT)
def test_text_becomes_what_pydantic_makes_of_it_with_its_very_errors(annotation, sent):
    expected = outcome(pydantic.TypeAdapter(annotation).validate_python, sent)

    assert outcome(converter(annotation), sent) == expected


@given(case=st.sampled_from(LIMITS), sent=SENT)
def test_limits_hold_as_pydantic_has_them(case, sent):
    annotation, limits = case
    declared: Any = Annotated[annotation, pydantic.Field(**limits)]
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(declared)

    assert outcome(converter(annotation, **limits), sent) == outcome(adapter.validate_python, sent)


def test_what_annotates_a_type_holds_with_what_is_declared():
    assert errors(Annotated[int, annotated_types.Ge(3)], "2")[0]["type"] == "greater_than_equal"
    assert errors(Annotated[str, annotated_types.Len(2, 3)], "a")[0]["type"] == "string_too_short"
    assert errors(Annotated[int, Constraints(lt=1), "a note"], "3")[0]["type"] == "less_than"
    assert errors(list[Annotated[int, annotated_types.Ge(3)]], ["3", "2"])[0]["loc"] == (1,)
    both = Annotated[int, Constraints(le=5), pydantic.AfterValidator(lambda value: value * 2)]
    assert convert(both, "4") == 8
    assert errors(both, "6")[0]["type"] == "less_than_equal"


def test_what_msgspecs_meta_annotates_is_validated_by_msgspec():
    annotation: Any = Annotated[int, msgspec.Meta(multiple_of=2)]

    assert convert(annotation, "4") == 4
    assert convert(annotation | None, "4") == 4
    assert errors(annotation, "3") == [
        {
            "type": "value_error",
            "loc": (),
            "msg": "Expected `int` that's a multiple of 2",
            "input": "3",
        }
    ]
    assert errors(list[annotation], ["2", "x"])[0]["loc"] == (1,)


# ---------------------------------------------------------------------- what makes no sense


@pytest.mark.parametrize(
    ("annotation", "constraints", "message"),
    [
        (str, {"ge": 1}, "ge says nothing about str values"),
        (int, {"min_length": 1}, "min_length says nothing about int values"),
        (int, {"pattern": "a"}, "pattern says nothing about int values"),
        (int, {"allow_inf_nan": False}, "allow_inf_nan says nothing about int values"),
        (str, {"multiple_of": 2}, "multiple_of says nothing about str values"),
        (float, {"max_digits": 2}, "max_digits says nothing about float values"),
        (list[str], {"pattern": "a"}, "pattern says nothing about list values"),
        (list[Color], {"pattern": "a"}, "pattern says nothing about list values"),
        (UUID, {"min_length": 1}, "min_length says nothing about uuid values"),
        (bool, {"pattern": "1"}, "pattern says nothing about bool values"),
        (int | None, {"pattern": "1"}, "pattern says nothing about int values"),
        (int | UUID, {"max_length": 3}, "max_length says nothing about int or uuid values"),
        (Thing, {"gt": 3}, "gt says nothing about such values"),
        (Thing | None, {"strict": True}, "strict says nothing about such values"),
        (Struct, {"gt": 3}, "gt says nothing about such values"),
        (Struct, {"strict": True}, "strict says nothing about such values"),
        (Struct | None, {"max_length": 3}, "max_length says nothing about such values"),
        (
            int,
            {"multiple_of": 0},
            "multiple_of=0: 'multiple_of' must be a finite number greater than 0",
        ),
        (
            Annotated[int, msgspec.Meta(gt=1)],
            {"multiple_of": 0},
            "`multiple_of` must be > 0",
        ),
        (
            Annotated[int, msgspec.Meta(multiple_of=2)],
            {"multiple_of": 3},
            "multiple_of is both 2 and 3",
        ),
        (int, {"gt": "a"}, "gt='a': 'gt' must be coercible to an integer"),
        (date, {"le": 2020}, "le=2020: 'le' must be coercible to a date instance"),
        (
            str,
            {"min_length": "a"},
            "min_length='a': 'str' object cannot be interpreted as an integer",
        ),
        (str, {"pattern": "*"}, "pattern='*': repetition operator missing expression"),
        (
            Color | str,
            {"pattern": "*"},
            "pattern='*': repetition operator missing expression",
        ),
        (
            int,
            {"discriminator": "kind"},
            (
                "discriminator='kind': The core schema type 'int' is not a valid"
                " discriminated union variant."
            ),
        ),
        (
            Annotated[int, pydantic.Field(gt="a")],
            {},
            "'gt' must be coercible to an integer",
        ),
    ],
)
def test_a_constraint_that_makes_no_sense_is_refused_at_once(annotation, constraints, message):
    with pytest.raises(ConstraintError) as raised:
        converter(annotation, **constraints)

    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("annotation", "constraints"),
    [
        (int | str, {"max_length": 3}),
        (UUID | Literal["x"], {"pattern": "x"}),
        (Annotated[int, pydantic.BeforeValidator(str)], {"max_length": 3}),
        (Annotated[str, pydantic.AfterValidator(len)], {"pattern": "a"}),
    ],
)
def test_a_limit_that_says_something_about_one_of_several_types_is_taken(annotation, constraints):
    converter(annotation, **constraints)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (converter, f"{converter} is not a type of values"),
        (bytearray, "bytearray is not a type of values"),
        (list[bytearray], "bytearray is not a type of values"),
        ([], "[] is not a type of values"),
    ],
    ids=["a function", "a class", "a part", "a list"],
)
def test_a_type_that_text_cannot_become_is_refused_at_once(annotation, message):
    with pytest.raises(UnsupportedTypeError) as raised:
        converter(annotation)

    assert str(raised.value) == message


def test_a_limit_on_anything_holds_for_the_values_that_it_can_be_applied_to():
    assert convert(Any, "abc", max_length=3) == "abc"
    assert errors(Any, "abcd", max_length=3)[0]["type"] == "too_long"
    assert errors(Any, "abcd", gt=3) == [
        {
            "type": "value_error",
            "loc": (),
            "msg": "Value error, Unable to apply constraint 'gt' to supplied value abcd",
            "input": "abcd",
            "ctx": {"error": "Unable to apply constraint 'gt' to supplied value abcd"},
        }
    ]


def test_what_a_validator_of_the_authors_raises_is_not_an_invalid_value():
    def fail(value: str) -> str:
        raise TypeError("no such thing")

    with pytest.raises(TypeError, match="no such thing"):
        convert(Annotated[str, pydantic.AfterValidator(fail)], "a")


def test_a_number_that_is_none_is_told_apart():
    assert math.isnan(convert(float, "nan"))
    assert errors(Decimal, "NaN")[0]["type"] == "finite_number"
