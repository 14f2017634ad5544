"""What is sent as text: path, query string, headers, cookies."""

import enum
from collections import deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address
from math import isnan
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NewType, TypeVar
from uuid import UUID

import annotated_types
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microfw._validation import (
    ConstraintError,
    Constraints,
    Invalid,
    UnsupportedTypeError,
    text_converter,
)

UNIQUE = UUID("12345678-1234-5678-1234-567812345678")
NOON = time(12, 0)


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Ratio(float, enum.Enum):
    HALF = 0.5


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"
    BOTH = frozenset({1})


class Flag(enum.IntFlag):
    READ = 1
    WRITE = 2


class Nothing(enum.Enum):
    pass


UserId = NewType("UserId", int)
Number = TypeVar("Number", bound=int)
Whatever = TypeVar("Whatever")


def convert(annotation: Any, text: Any, **constraints: Any) -> Any:
    return text_converter(annotation, Constraints(**constraints))(text)


def errors(annotation: Any, text: Any, **constraints: Any) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as raised:
        convert(annotation, text, **constraints)
    return raised.value.errors


def message(annotation: Any, text: Any, **constraints: Any) -> tuple[str, str]:
    (error,) = errors(annotation, text, **constraints)
    assert error["loc"] == ()
    assert error["input"] == text
    return error["type"], error["msg"]


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, " é ", " é "),
        (int, "3", 3),
        (int, " -3 ", -3),
        (int, "+1_000", 1000),
        (int, "3.00", 3),
        (float, "1.5", 1.5),
        (float, " 1e3\xa0", 1000.0),
        (float, "-Infinity", float("-inf")),
        (bytes, "é", b"\xc3\xa9"),
        (Decimal, "1.50", Decimal("1.50")),
        (UUID, "12345678-1234-5678-1234-567812345678", UNIQUE),
        (UUID, "12345678123456781234567812345678", UNIQUE),
        (UUID, "{12345678-1234-5678-1234-567812345678}", UNIQUE),
        (UUID, "urn:uuid:12345678-1234-5678-1234-567812345678", UNIQUE),
        (Color, "red", Color.RED),
        (Level, "2", Level.HIGH),
        (Ratio, "0.5", Ratio.HALF),
        (Mixed, "two", Mixed.TWO),
        (Flag, "3", Flag.READ | Flag.WRITE),
        (Literal["a", "b"], "a", "a"),
        (Literal[Color.RED, 3], "red", Color.RED),
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
        (int | float, "3", 3),
        (int | float, "3.5", 3.5),
        (int | UUID | None, "12345678-1234-5678-1234-567812345678", UNIQUE),
        (bool | int, "1", True),
        (list[int], ["1", "2"], [1, 2]),
        (list, ["1"], ["1"]),
        (set[int], ["1", "1"], {1}),
        (frozenset[str], ["a"], frozenset({"a"})),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple, ["1"], ("1",)),
        (tuple[int, str], ["1", "2"], (1, "2")),
        (tuple[()], [], ()),
        (deque[int], ["1"], deque([1])),
        (list[int] | None, ["1"], [1]),
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


@pytest.mark.parametrize("word", ["1", "true", "T", "yes", "Y", "ON"])
def test_words_of_consent_are_true(word):
    assert convert(bool, word) is True


@pytest.mark.parametrize("word", ["0", "False", "f", "NO", "n", "off"])
def test_words_of_refusal_are_false(word):
    assert convert(bool, word) is False


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (datetime, "2020-01-02T03:04:05", datetime(2020, 1, 2, 3, 4, 5)),
        (datetime, "2020-01-02T03:04:05.5Z", datetime(2020, 1, 2, 3, 4, 5, 500000, UTC)),
        (datetime, "2020-01-02", datetime(2020, 1, 2)),
        (datetime, "2020-01-02 03:04", datetime(2020, 1, 2, 3, 4)),
        (datetime, "2020-01-02_03:04z", datetime(2020, 1, 2, 3, 4, tzinfo=UTC)),
        (datetime, "2020-01-02T03:04:05,25", datetime(2020, 1, 2, 3, 4, 5, 250000)),
        (
            datetime,
            "2020-01-02T03:04-05:30",
            datetime(2020, 1, 2, 3, 4, tzinfo=timezone(-timedelta(hours=5, minutes=30))),
        ),
        (
            datetime,
            "2020-01-02T03:04+0530",
            datetime(2020, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        ),
        (datetime, "86400", datetime(1970, 1, 2, tzinfo=UTC)),
        (datetime, "-1.5", datetime(1969, 12, 31, 23, 59, 58, 500000, UTC)),
        (datetime, "1577836800000", datetime(2020, 1, 1, tzinfo=UTC)),
        (datetime, "1577836800001", datetime(2020, 1, 1, 0, 0, 0, 1000, UTC)),
        (datetime, ".5", datetime(1970, 1, 1, 0, 0, 0, 500000, UTC)),
        (datetime, "1.5E3", datetime(1970, 1, 1, 0, 25, tzinfo=UTC)),
        (date, "2020-01-02", date(2020, 1, 2)),
        (date, "2020-01-02T00:00:00", date(2020, 1, 2)),
        (date, "1577836800", date(2020, 1, 1)),
        (time, "12:00", NOON),
        (time, "03:04:05.1234567", time(3, 4, 5, 123456)),
        (time, "12:00:00Z", time(12, tzinfo=UTC)),
        (time, "12:00+01:00", time(12, tzinfo=timezone(timedelta(hours=1)))),
        (timedelta, "PT1H", timedelta(hours=1)),
        (timedelta, "-P1DT2M3.5S", -timedelta(days=1, minutes=2, seconds=3.5)),
        (timedelta, "P1Y2M3W", timedelta(days=365 + 60 + 21)),
        (timedelta, "25:30", timedelta(hours=25, minutes=30)),
        (timedelta, "1 day, 01:00:00.5", timedelta(days=1, hours=1, seconds=0.5)),
        (timedelta, "-3 days", -timedelta(days=3)),
    ],
)
def test_dates_times_and_durations_are_read_in_their_many_forms(annotation, text, value):
    converted = convert(annotation, text)

    assert converted == value
    assert getattr(converted, "tzinfo", None) == getattr(value, "tzinfo", None)


INTEGER = ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
NUMBER = ("float_parsing", "Input should be a valid number, unable to parse string as a number")
BOOLEAN = ("bool_parsing", "Input should be a valid boolean, unable to interpret input")


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (int, "x", INTEGER),
        (int, "", INTEGER),
        (int, "3.5", INTEGER),
        (int, "٣", INTEGER),
        (int, "1__0", INTEGER),
        (
            int,
            "1" * 5000,
            (
                "int_parsing_size",
                "Unable to parse input string as an integer, exceeded maximum size",
            ),
        ),
        (float, "x", NUMBER),
        (float, "٣", NUMBER),
        (bool, "maybe", BOOLEAN),
        (bool, " true ", BOOLEAN),
        (Decimal, "x", ("decimal_parsing", "Input should be a valid decimal")),
        (Decimal, "NaN", ("finite_number", "Input should be a finite number")),
        (Decimal, "sNaN", ("finite_number", "Input should be a finite number")),
        (type(None), "x", ("none_required", "Input should be None")),
        (Color, "green", ("enum", "Input should be 'red' or 'blue'")),
        (Level, "3", ("enum", "Input should be 1 or 2")),
        (Level, "x", ("enum", "Input should be 1 or 2")),
        (Mixed, "1", ("enum", "Input should be 1, 'two' or frozenset({1})")),
        (Nothing, "x", ("enum", "Input should be nothing")),
        (Literal["a", "b", "c"], "d", ("literal_error", "Input should be 'a', 'b' or 'c'")),
        (Literal[1], "1", ("literal_error", "Input should be 1")),
        (IPv4Address, "x", ("ip_v4_address", "Input is not a valid IPv4 address")),
        (list[int], "3", ("list_type", "Input should be a valid list")),
        (set[int], "3", ("set_type", "Input should be a valid set")),
        (frozenset[int], "3", ("frozen_set_type", "Input should be a valid frozenset")),
        (tuple[int, ...], "3", ("tuple_type", "Input should be a valid tuple")),
        (tuple[int, str], "3", ("tuple_type", "Input should be a valid tuple")),
        (deque[int], "3", ("deque_type", "Input should be a valid deque")),
        (int | None, "x", INTEGER),
    ],
)
def test_text_that_does_not_fit_is_told_in_pydantics_words(annotation, text, expected):
    assert message(annotation, text) == expected


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (datetime, "soon", "Input should be a valid datetime or date, input is too short"),
        (
            datetime,
            "1.5e400",
            "Input should be a valid datetime or date, input is too short",
        ),
        (
            datetime,
            "next tuesday",
            "Input should be a valid datetime or date, invalid character in year",
        ),
        (
            datetime,
            "2020-x1-01",
            "Input should be a valid datetime or date, invalid character in month",
        ),
        (
            datetime,
            "2020-01-0x",
            "Input should be a valid datetime or date, invalid character in day",
        ),
        (
            datetime,
            "2020/01/01",
            "Input should be a valid datetime or date, invalid date separator, expected `-`",
        ),
        (
            datetime,
            "2020-13-01",
            "Input should be a valid datetime or date, month value is outside expected range of 1-12",
        ),
        (
            datetime,
            "2020-02-30",
            "Input should be a valid datetime or date, day value is outside expected range",
        ),
        (
            datetime,
            "0000-01-01",
            "Input should be a valid datetime or date, year 0 is out of range",
        ),
        (
            datetime,
            "2020-01-01T25:00",
            "Input should be a valid datetime or date, unexpected extra characters at the end of the input",
        ),
        (
            datetime,
            "2020-01-01x00:00",
            "Input should be a valid datetime or date, unexpected extra characters at the end of the input",
        ),
        (
            datetime,
            "999999999999999",
            "Input should be a valid datetime or date, dates after 9999 are not supported as unix timestamps",
        ),
        (
            datetime,
            "-999999999999999",
            "Input should be a valid datetime or date, dates before 0000 are not supported as unix timestamps",
        ),
        (
            datetime,
            "10000000000000000000",
            "Input should be a valid datetime or date, invalid date separator, expected `-`",
        ),
        (date, "soon", "Input should be a valid date or datetime, input is too short"),
        (
            date,
            "2020-01-01x",
            "Input should be a valid date or datetime, invalid datetime separator, expected `T`, `t`, `_` or space",
        ),
        (
            date,
            "2020-01-01T00:0",
            "Input should be a valid date or datetime, unexpected extra characters at the end of the input",
        ),
        (
            date,
            "2020-01-01T10:00",
            "Datetimes provided to dates should have zero time - e.g. be exact dates",
        ),
        (time, "noon", "Input should be in a valid time format, input is too short"),
        (time, "ab:cd", "Input should be in a valid time format, invalid character in hour"),
        (
            time,
            "10-20",
            "Input should be in a valid time format, invalid time separator, expected `:`",
        ),
        (
            time,
            "24:00",
            "Input should be in a valid time format, hour value is outside expected range of 0-23",
        ),
        (
            time,
            "10:60",
            "Input should be in a valid time format, minute value is outside expected range of 0-59",
        ),
        (
            time,
            "10:20:60",
            "Input should be in a valid time format, second value is outside expected range of 0-59",
        ),
        (time, "10:20x", "Input should be in a valid time format, invalid timezone sign"),
        (
            time,
            "10:20:3",
            "Input should be in a valid time format, unexpected extra characters at the end of the input",
        ),
        (
            time,
            "10:20+99:00",
            "Input should be in a valid time format, timezone offset must be less than 24 hours",
        ),
        (timedelta, "", "Input should be a valid timedelta, input is too short"),
        (timedelta, "P", "Input should be a valid timedelta, input is too short"),
        (
            timedelta,
            "90",
            'Input should be a valid timedelta, "day" identifier in duration not correctly formatted',
        ),
        (timedelta, "long", "Input should be a valid timedelta, invalid digit in duration"),
        (
            timedelta,
            "00:61:00",
            "Input should be a valid timedelta, minute value is outside expected range of 0-59",
        ),
        (
            timedelta,
            "00:01:61",
            "Input should be a valid timedelta, second value is outside expected range of 0-59",
        ),
        (
            timedelta,
            "9999999999 days",
            "Input should be a valid timedelta, durations may not exceed 999,999,999 days",
        ),
    ],
)
def test_a_wrong_date_time_or_duration_is_told_with_its_mistake(annotation, text, expected):
    (error,) = errors(annotation, text)

    assert error["msg"] == expected
    assert error.get("ctx", {"error": ""})["error"] in error["msg"]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "invalid length: found 0"),
        ("abc", "invalid length: found 3"),
        ("not-hex", "invalid character: found `n` at 0"),
        ("12-34", "invalid group count: expected 5, found 2"),
        (
            "12345678-1234-5678-12345-6781234567ab",
            "invalid group length in group 3: expected 4, found 5",
        ),
    ],
)
def test_a_wrong_uuid_is_told_with_its_mistake(text, mistake):
    assert errors(UUID, text) == [
        {
            "type": "uuid_parsing",
            "loc": (),
            "msg": f"Input should be a valid UUID, {mistake}",
            "input": text,
            "ctx": {"error": mistake},
        }
    ]


def test_every_wrong_item_of_a_list_is_told_with_its_index():
    found = errors(list[int], ["x", "1", "y"])

    assert [(error["type"], error["loc"], error["input"]) for error in found] == [
        ("int_parsing", (0,), "x"),
        ("int_parsing", (2,), "y"),
    ]


def test_a_tuple_wants_as_many_items_as_it_declares():
    assert errors(tuple[int, int], ["1"]) == [
        {"type": "missing", "loc": (1,), "msg": "Field required", "input": ["1"]}
    ]
    assert errors(tuple[int, int], ["1", "2", "3"]) == [
        {
            "type": "too_long",
            "loc": (),
            "msg": "Tuple should have at most 2 items after validation, not 3",
            "input": ["1", "2", "3"],
            "ctx": {"field_type": "Tuple", "max_length": 2, "actual_length": 3},
        }
    ]


def test_a_value_that_is_no_member_of_a_union_is_told_for_each_member():
    assert [(error["type"], error["loc"]) for error in errors(int | UUID, "x")] == [
        ("int_parsing", ("int",)),
        ("uuid_parsing", ("uuid",)),
    ]
    assert [
        error["loc"]
        for error in errors(
            Annotated[int, msgspec.Meta(ge=3)] | Color | Mixed | Literal["a"] | list[int], "2"
        )
    ] == [
        ("constrained-int",),
        ("str-enum[Color]",),
        ("enum[Mixed]",),
        ("literal['a']",),
        ("list[int]",),
    ]


@pytest.mark.parametrize(
    ("annotation", "text", "constraints", "expected"),
    [
        (int, "0", {"gt": 0}, ("greater_than", "Input should be greater than 0")),
        (int, "0", {"ge": 1}, ("greater_than_equal", "Input should be greater than or equal to 1")),
        (int, "1", {"lt": 1}, ("less_than", "Input should be less than 1")),
        (int, "2", {"le": 1}, ("less_than_equal", "Input should be less than or equal to 1")),
        (int, "3", {"multiple_of": 2}, ("multiple_of", "Input should be a multiple of 2")),
        (int, "3", {"le": 1, "multiple_of": 2}, ("multiple_of", "Input should be a multiple of 2")),
        (
            float,
            "0.3",
            {"ge": 1},
            ("greater_than_equal", "Input should be greater than or equal to 1"),
        ),
        (
            float,
            "0.3",
            {"ge": 0.5},
            ("greater_than_equal", "Input should be greater than or equal to 0.5"),
        ),
        (float, "0.3", {"multiple_of": 0.5}, ("multiple_of", "Input should be a multiple of 0.5")),
        (
            float,
            "nan",
            {"allow_inf_nan": False},
            ("finite_number", "Input should be a finite number"),
        ),
        (
            float,
            "nan",
            {"ge": 0},
            ("greater_than_equal", "Input should be greater than or equal to 0"),
        ),
        *(
            (
                Decimal,
                text,
                {"allow_inf_nan": True, "ge": 0},
                ("greater_than_equal", "Input should be greater than or equal to 0"),
            )
            for text in ("NaN", "sNaN")
        ),
        (
            Decimal,
            "1",
            {"ge": 1.5},
            ("greater_than_equal", "Input should be greater than or equal to 1.5"),
        ),
        (
            Decimal,
            "123",
            {"max_digits": 2},
            ("decimal_max_digits", "Decimal input should have no more than 2 digits in total"),
        ),
        (
            Decimal,
            "1E+3",
            {"max_digits": 2},
            ("decimal_max_digits", "Decimal input should have no more than 2 digits in total"),
        ),
        (
            Decimal,
            "1.25",
            {"decimal_places": 1},
            ("decimal_max_places", "Decimal input should have no more than 1 decimal place"),
        ),
        (
            date,
            "2020-01-01",
            {"ge": date(2021, 1, 1)},
            ("greater_than_equal", "Input should be greater than or equal to 2021-01-01"),
        ),
        (
            datetime,
            "2020-01-01T00:00:00Z",
            {"lt": datetime(2019, 1, 1, tzinfo=UTC)},
            ("less_than", "Input should be less than 2019-01-01T00:00:00Z"),
        ),
        (
            datetime,
            "2020-01-01T00:00:00",
            {"gt": datetime(2019, 1, 1, tzinfo=UTC)},
            ("greater_than", "Input should be greater than 2019-01-01T00:00:00Z"),
        ),
        (
            timedelta,
            "PT1S",
            {"ge": timedelta(seconds=2)},
            ("greater_than_equal", "Input should be greater than or equal to 0:00:02"),
        ),
        (
            str,
            "",
            {"min_length": 1},
            ("string_too_short", "String should have at least 1 character"),
        ),
        (
            str,
            "abc",
            {"max_length": 2},
            ("string_too_long", "String should have at most 2 characters"),
        ),
        (
            str,
            "abc",
            {"pattern": "^b"},
            ("string_pattern_mismatch", "String should match pattern '^b'"),
        ),
        (bytes, "a", {"min_length": 2}, ("bytes_too_short", "Data should have at least 2 bytes")),
        (bytes, "ab", {"max_length": 1}, ("bytes_too_long", "Data should have at most 1 byte")),
        (
            list[int],
            ["1"],
            {"min_length": 2},
            ("too_short", "List should have at least 2 items after validation, not 1"),
        ),
        (
            list[int],
            ["1", "x"],
            {"max_length": 1},
            ("too_long", "List should have at most 1 item after validation, not 2"),
        ),
        (
            tuple[int, ...],
            ["1"],
            {"min_length": 2},
            ("too_short", "Tuple should have at least 2 items after validation, not 1"),
        ),
        (
            set[int],
            ["1", "2"],
            {"max_length": 1},
            ("too_long", "Set should have at most 1 item after validation, not more"),
        ),
        (int, "3", {"strict": True}, ("int_type", "Input should be a valid integer")),
        (
            UUID,
            str(UNIQUE),
            {"strict": True},
            ("is_instance_of", "Input should be an instance of UUID"),
        ),
        (
            int | None,
            "0",
            {"ge": 1},
            ("greater_than_equal", "Input should be greater than or equal to 1"),
        ),
        (
            int | float,
            "0",
            {"ge": 1},
            ("greater_than_equal", "Input should be greater than or equal to 1"),
        ),
        (
            int | str,
            "x",
            {"ge": 1},
            ("greater_than_equal", "Input should be greater than or equal to 1"),
        ),
        (
            int | UUID,
            str(UNIQUE),
            {"multiple_of": 2},
            ("multiple_of", "Input should be a multiple of 2"),
        ),
        (
            UUID | Literal["x"],
            str(UNIQUE),
            {"pattern": "x"},
            ("string_pattern_mismatch", "String should match pattern 'x'"),
        ),
    ],
)
def test_a_broken_constraint_is_told_in_pydantics_words(annotation, text, constraints, expected):
    assert message(annotation, text, **constraints) == expected


@pytest.mark.parametrize(
    ("annotation", "text", "constraints"),
    [
        (int, "4", {"gt": 3, "lt": 5, "ge": 4, "le": 4, "multiple_of": 2}),
        (float, "0.3", {"multiple_of": 0.1}),
        (float, "1.5", {"allow_inf_nan": False}),
        (Decimal, "1.0", {"max_digits": 1, "decimal_places": 0}),
        (Decimal, "NaN", {"allow_inf_nan": True, "max_digits": 1}),
        (str, "abc", {"min_length": 3, "max_length": 3, "pattern": "b"}),
        (list[int], ["1"], {"min_length": 1, "max_length": 1}),
        (int | None, "4", {"ge": 4}),
        (int | bytes, "4", {"max_length": 3}),
        (str, "a", {"strict": True}),
    ],
)
def test_a_value_within_its_constraints_passes(annotation, text, constraints):
    assert convert(annotation, text, **constraints) is not None


def test_an_error_about_a_bound_has_the_bound_beside_it():
    (error,) = errors(float, "3", ge=4)
    (of_date,) = errors(date, "2020-01-01", gt=date(2021, 1, 1))
    (of_list,) = errors(list[int], [], min_length=1)

    assert error["ctx"] == {"ge": 4.0}
    assert of_date["ctx"] == {"gt": "2021-01-01"}
    assert of_list["ctx"] == {"field_type": "List", "min_length": 1, "actual_length": 0}


def test_constraints_stand_in_annotations_too():
    assert message(Annotated[int, annotated_types.Ge(3)], "2")[0] == "greater_than_equal"
    assert message(Annotated[str, annotated_types.Len(2, 3)], "a")[0] == "string_too_short"
    assert (
        message(Annotated[int, annotated_types.Interval(gt=1, le=3)], "4")[0] == "less_than_equal"
    )
    assert message(Annotated[int, msgspec.Meta(multiple_of=2)], "3")[0] == "multiple_of"
    assert message(Annotated[int, Constraints(lt=1), "a note"], "3")[0] == "less_than"
    assert errors(list[Annotated[int, annotated_types.Ge(3)]], ["3", "2"])[0]["loc"] == (1,)


def test_of_several_constraints_of_one_kind_the_later_holds():
    both = Annotated[int, annotated_types.Ge(3), msgspec.Meta(ge=1, le=5)]

    assert convert(both, "1") == 1
    assert errors(both, "6")[0]["type"] == "less_than_equal"


@pytest.mark.parametrize(
    ("annotation", "constraints", "message"),
    [
        (str, {"ge": 1}, "ge says nothing about string values"),
        (int, {"min_length": 1}, "min_length says nothing about int values"),
        (int, {"pattern": "a"}, "pattern says nothing about int values"),
        (str, {"multiple_of": 2}, "multiple_of says nothing about string values"),
        (str, {"allow_inf_nan": False}, "allow_inf_nan says nothing about string values"),
        (float, {"max_digits": 2}, "max_digits or decimal_places says nothing about float values"),
        (list[str], {"pattern": "a"}, "pattern says nothing about list values"),
        (UUID, {"min_length": 1}, "min_length says nothing about unsized values"),
        (bool, {"pattern": "1"}, "pattern says nothing about unsized values"),
        (IPv4Address, {"multiple_of": 2}, "multiple_of says nothing about unsized values"),
        (int | UUID, {"max_length": 3}, "max_length says nothing about int values"),
        (int | float, {"max_length": 3, "ge": 1}, "max_length says nothing about int values"),
        (int, {"multiple_of": 0}, "multiple_of=0 is no finite number greater than 0"),
        (float, {"multiple_of": -0.5}, "multiple_of=-0.5 is no finite number greater than 0"),
        (Any, {"multiple_of": "2"}, "multiple_of='2' is no finite number greater than 0"),
        (int, {"gt": "2"}, "gt='2' cannot be compared with int values"),
        (date, {"le": 2020}, "le=2020 cannot be compared with date values"),
        (str, {"min_length": "2"}, "min_length='2' is no number of anything: an int counts"),
        (Decimal, {"max_digits": 2.5}, "max_digits=2.5 is no number of anything: an int counts"),
        (
            str,
            {"pattern": "*"},
            "pattern='*' is no regular expression: nothing to repeat at position 0",
        ),
        (Any, {"strict": True}, "strict says nothing about such values"),
    ],
)
def test_a_constraint_that_makes_no_sense_is_refused_at_once(annotation, constraints, message):
    with pytest.raises(ConstraintError) as raised:
        text_converter(annotation, Constraints(**constraints))

    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        pytest.param(text_converter, f"{text_converter} is not a type of values", id="a function"),
        (complex, "complex is not a type of values"),
        (list[complex], "complex is not a type of values"),
        (bytearray, "bytearray is not a type of values"),
        ([], "[] is not a type of values"),
    ],
)
def test_a_type_that_text_cannot_become_is_refused_at_once(annotation, message):
    with pytest.raises(UnsupportedTypeError) as raised:
        text_converter(annotation, Constraints())

    assert str(raised.value) == message


def test_pydantics_types_are_read_by_pydantic():
    short = Annotated[str, pydantic.StringConstraints(to_upper=True, max_length=2)]

    assert convert(short, "ab") == "AB"
    assert convert(pydantic.HttpUrl, "http://a/") == pydantic.HttpUrl("http://a/")
    assert message(short, "abc") == ("string_too_long", "String should have at most 2 characters")
    assert message(short, "a", min_length=2)[1] == "String should have at least 2 characters"
    assert message(Annotated[int, pydantic.Field(ge=3)], "2")[0] == "greater_than_equal"


SCALARS: list[Any] = [
    str,
    int,
    float,
    bool,
    bytes,
    datetime,
    date,
    time,
    Decimal,
    Color,
    Level,
    Mixed,
]
SCALARS += [Literal["1", "a"], int | None, int | str, int | float, bool | int, list[int]]
WORDS = st.one_of(
    st.text(max_size=6),
    st.text(alphabet="0123456789+-_.eE ", max_size=8),
    st.text(alphabet="0123456789-T:Z+ .", max_size=20),
    st.sampled_from(["true", "Off", "nan", "inf", "red", "two", "a", "1", "2"]),
    st.datetimes().map(str),
    st.dates().map(str),
    st.times().map(str),
    st.integers().map(str),
    st.floats(-1e6, 1e6).map("{:.3f}".format),
)
ADAPTERS: dict[Any, Any] = {annotation: pydantic.TypeAdapter(annotation) for annotation in SCALARS}


@given(annotation=st.sampled_from(SCALARS), text=WORDS)
def test_text_is_taken_or_refused_as_pydantic_does(annotation, text):
    try:
        expected = ADAPTERS[annotation].validate_python(text)
    except pydantic.ValidationError as error:
        told = [(entry["type"], entry["loc"]) for entry in error.errors()]
        if annotation is Level and told == [("int_parsing_size", ())]:
            told = [("enum", ())]  # pydantic looks for no member above 64 bits
        found = errors(annotation, text)
        assert [(entry["type"], entry["loc"]) for entry in found] == told
    else:
        value = convert(annotation, text)
        assert type(value) is type(expected)
        assert value == expected or isnan(value)


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        (r"^a$", "a", "a\n"),
        (r"^a\$$", "a$", "a$\n"),
        (r"^a[$\]]$", "a]", "a$\n"),
        (r"(?m)^a$", "a\n", "b"),
    ],
)
def test_the_end_of_a_pattern_is_the_end_of_the_text(
    pattern: str, accepted: str, refused: str
) -> None:
    convert = text_converter(str, Constraints(pattern=pattern))

    assert convert(accepted) == accepted
    with pytest.raises(Invalid):
        convert(refused)
