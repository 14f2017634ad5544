"""Bodies: JSON to models and to everything else."""

import collections
import dataclasses
import ipaddress
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import GenericAlias
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import annotated_types
import attrs
import msgspec
import pydantic
import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st
from pydantic.dataclasses import dataclass as pydantic_dataclass

from microfw._models import (
    ConstraintError,
    Constraints,
    Invalid,
    JSONConverter,
    UnsupportedTypeError,
    parse_json,
)
from microfw._models.parsing import with_whole_numbers

T = TypeVar("T")


class Struct(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []
    parts: list["Struct"] = []


@dataclasses.dataclass
class Data:
    name: str
    price: float
    tags: list[str] = dataclasses.field(default_factory=list)
    parts: list["Data"] = dataclasses.field(default_factory=list)


@attrs.define
class Attrs:
    name: str
    price: float
    tags: list[str] = attrs.field(factory=list)
    parts: list["Attrs"] = attrs.field(factory=list)


class Typed(typing_extensions.TypedDict):
    name: str
    price: float
    tags: NotRequired[list[str]]
    parts: NotRequired[list["Typed"]]


class Row(NamedTuple):
    name: str
    price: float
    tags: Sequence[str] = ()


class Model(pydantic.BaseModel):
    name: str
    price: float
    tags: list[str] = []
    parts: list["Model"] = []


@dataclasses.dataclass
class Part:
    name: str
    price: int | None = None


@dataclasses.dataclass(frozen=True)
class Whole:
    count: Annotated[int, msgspec.Meta(ge=0)] = 1
    part: Part | None = None
    parts: list[Part] = dataclasses.field(default_factory=list)
    by_name: dict[str, tuple[Part, ...]] = dataclasses.field(default_factory=dict)
    wholes: list["Whole"] = dataclasses.field(default_factory=list)


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str]


class Tree(msgspec.Struct):
    branches: list["Tree"]


class Change(msgspec.Struct):
    name: str | msgspec.UnsetType = msgspec.UNSET
    price: int | msgspec.UnsetType | None = msgspec.UNSET


OF_PYDANTIC: dict[Any, str] = {
    Data: "dataclass_type",
    Typed: "dict_type",
    Model: "model_attributes_type",
}
MODELS: list[Any] = [Struct, Attrs, *OF_PYDANTIC]


def decode(annotation: Any, body: Any, **constraints: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if constraints:
        annotation = Annotated[annotation, Constraints(**constraints)]
    return JSONConverter(annotation).decode(data)


def errors(annotation: Any, body: Any, **constraints: Any) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as raised:
        decode(annotation, body, **constraints)
    return raised.value.errors


def list_of(kind: Any) -> Any:
    return GenericAlias(list, (kind,))


def dict_of(kind: Any) -> Any:
    return GenericAlias(dict, (str, kind))


def short(found: list[dict[str, Any]]) -> list[tuple[str, tuple[Any, ...]]]:
    return [(error["type"], error["loc"]) for error in found]


@pytest.mark.parametrize("model", [*MODELS, Row])
def test_an_object_becomes_a_model(model):
    expected = model(name="saw", price=1.5, tags=["tool"])

    assert (
        decode(
            model,
            {"name": "saw", "price": 1.5, "tags": ["tool"], "other": 1}
            if model is not Row
            else ["saw", 1.5, ["tool"]],
        )
        == expected
    )


@pytest.mark.parametrize("model", MODELS)
def test_models_stand_in_models_and_in_containers(model):
    value = decode(
        dict_of(list_of(model)),
        {"a": [{"name": "saw", "price": 1, "parts": [{"name": "blade", "price": 0.5}]}]},
    )

    blade = model(name="blade", price=0.5)
    assert value == {"a": [model(name="saw", price=1.0, parts=[blade])]}


@pytest.mark.parametrize("model", OF_PYDANTIC)
def test_every_mistake_in_a_model_is_reported_with_its_place(model):
    body = [
        {"name": 1, "price": "much", "tags": ["a", 2], "parts": [{"price": None}]},
        {"name": "saw", "price": 1},
        {},
        "saw",
    ]

    assert short(errors(list_of(model), body)) == [
        ("string_type", (0, "name")),
        ("float_parsing", (0, "price")),
        ("string_type", (0, "tags", 1)),
        ("missing", (0, "parts", 0, "name")),
        ("float_type", (0, "parts", 0, "price")),
        ("missing", (2, "name")),
        ("missing", (2, "price")),
        (OF_PYDANTIC[model], (3,)),
    ]


def test_pydantics_errors_are_its_own():
    class Order(pydantic.BaseModel):
        number: int = pydantic.Field(gt=0, alias="no")

        @pydantic.field_validator("number")
        @classmethod
        def is_even(cls, number: int) -> int:
            if number % 2:
                raise ValueError("odd")
            return number

    with pytest.raises(pydantic.ValidationError) as raised:
        Order.model_validate({"no": 0})

    assert errors(Order, {"no": 0}) == raised.value.errors(include_url=False)
    assert errors(list[Order], [{"no": 2}, {"no": 3}])[0]["loc"] == (1, "no")
    assert str(errors(Order, {"no": 3})[0]["ctx"]["error"]) == "odd"


# ---------------------------------------------------------------------- msgspec


@pytest.mark.parametrize(
    ("annotation", "body", "loc", "message", "shown"),
    [
        (Struct, {"name": 3}, ("name",), "Expected `str`, got `int`", 3),
        (Struct, {"name": "a", "price": "3"}, ("price",), "Expected `float`, got `str`", "3"),
        (Attrs, {"name": 3}, ("name",), "Expected `str`, got `int`", 3),
        (Struct, "saw", (), "Expected `object`, got `str`", "saw"),
        (
            list_of(Struct),
            [{"name": "a", "price": 1, "parts": [{"name": "b", "price": 1, "tags": ["x", 2]}]}],
            (0, "parts", 0, "tags", 1),
            "Expected `str`, got `int`",
            2,
        ),
        (
            dict_of(Struct),
            {"a": {"name": 1}},
            ("[...]", "name"),
            "Expected `str`, got `int`",
            {"a": {"name": 1}},
        ),
        (
            GenericAlias(dict, (Annotated[str, msgspec.Meta(max_length=1)], int)),
            {"ab": 1},
            ("[key]",),
            "Expected `str` of length <= 1",
            {"ab": 1},
        ),
        (Cat | Dog, {"type": "cow"}, ("type",), "Invalid value 'cow'", "cow"),
        (Cat, {"type": "dog", "lives": 9}, ("type",), "Invalid value 'dog'", "dog"),
    ],
)
def test_of_a_struct_the_first_error_is_reported_with_its_place_and_what_was_received(
    annotation, body, loc, message, shown
):
    assert errors(annotation, body) == [
        {"type": "value_error", "loc": loc, "msg": message, "input": shown}
    ]


def test_a_field_that_a_struct_lacks_or_forbids_is_reported_as_pydantic_does():
    class Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
        unit_price: int
        inner: Struct | None = None

    assert decode(Strict, {"unitPrice": 3}) == Strict(3)
    assert errors(Strict, {}) == [
        {"type": "missing", "loc": ("unitPrice",), "msg": "Field required", "input": {}}
    ]
    assert errors(Strict, {"unitPrice": 3, "inner": {"price": 1}}) == [
        {
            "type": "missing",
            "loc": ("inner", "name"),
            "msg": "Field required",
            "input": {"price": 1},
        }
    ]
    assert errors(list_of(Strict), [{"unitPrice": 3, "other": 4}]) == [
        {
            "type": "extra_forbidden",
            "loc": (0, "other"),
            "msg": "Extra inputs are not permitted",
            "input": 4,
        }
    ]


def test_structs_may_be_arrays_unset_generic_and_tagged():
    class Point(msgspec.Struct, array_like=True):
        x: int
        y: int = 0

    class Page(msgspec.Struct, Generic[T]):
        items: list[T]

    assert decode(Point, [1]) == Point(1, 0)
    assert short(errors(Point, [])) == [("value_error", ())]
    assert decode(Change, {"price": 3}) == Change(price=3)
    assert decode(Change, {"price": None, "name": "a"}) == Change(name="a", price=None)
    assert decode(Page[int], {"items": [1]}) == Page([1])
    assert errors(Page[int], {"items": ["a"]})[0]["loc"] == ("items", 0)
    assert decode(Cat | Dog, {"type": "Cat", "lives": 9}) == Cat(9)


def test_what_annotates_a_part_holds_by_msgspec():
    @dataclasses.dataclass
    class Meeting:
        when: Annotated[datetime, msgspec.Meta(tz=True)]

    aware: Any = Annotated[datetime, msgspec.Meta(tz=True)]
    moment = "2020-01-01T00:00:00"
    assert decode(aware, f"{moment}Z") == datetime(2020, 1, 1, tzinfo=UTC)
    for annotation in (aware, Annotated[aware, msgspec.Meta(title="when")]):
        assert errors(annotation, moment)[0]["type"] == "value_error"
    assert decode(Meeting, {"when": f"{moment}Z"}) == Meeting(datetime(2020, 1, 1, tzinfo=UTC))
    assert errors(Meeting, {"when": moment})[0]["msg"] == (
        "Expected `datetime` with a timezone component"
    )
    assert errors(Struct, {}, strict=None)[0]["loc"] == ("name",)
    assert decode(Annotated[int, msgspec.Meta(ge=1)], 3, le=5) == 3
    assert errors(Annotated[int, msgspec.Meta(ge=1)], 9, le=5)[0]["msg"] == "Expected `int` <= 5"


class StructRange(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


@dataclasses.dataclass
class DataRange:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


@pytest.mark.parametrize("kind", [StructRange, DataRange])
def test_what_a_models_own_check_raises_is_an_error_of_the_whole(kind):
    (error,) = errors(list_of(kind), [{"low": 2, "high": 1}])

    assert str(error.pop("ctx")["error"]) == "low is above high"
    assert error == {
        "type": "value_error",
        "loc": (0,),
        "msg": "Value error, low is above high",
        "input": {"low": 2, "high": 1},
    }


def test_a_dataclass_has_its_defaults_in_every_place():
    part = {"name": "a"}
    whole = decode(Whole, {"part": part, "parts": [part], "by_name": {"a": [part]}, "wholes": [{}]})

    assert msgspec.to_builtins(whole) == {
        "count": 1,
        "part": {"name": "a", "price": None},
        "parts": [{"name": "a", "price": None}],
        "by_name": {"a": ({"name": "a", "price": None},)},
        "wholes": [{"count": 1, "part": None, "parts": [], "by_name": {}, "wholes": []}],
    }
    assert decode(Whole, {"count": 2}) == Whole(2)
    assert JSONConverter(Whole).convert({"count": 2}, 0).__dict__["part"] is None


def test_a_dataclass_in_a_struct_has_its_defaults_too():
    @dataclasses.dataclass(slots=True)
    class Slotted:
        price: int | None = None

    class Holder(msgspec.Struct):
        parts: set[int]
        part: Part
        slotted: Slotted

    made = decode(Holder, {"part": {"name": "a"}, "slotted": {}, "parts": []})
    assert msgspec.to_builtins(made) == {
        "parts": [],
        "part": {"name": "a", "price": None},
        "slotted": {"price": None},
    }


# ---------------------------------------------------------------------- what stands in a Struct


class Order(pydantic.BaseModel):
    number: int = pydantic.Field(gt=0, alias="no")
    note: pydantic.SecretStr | None = None


class Cart(msgspec.Struct):
    orders: list[Order]
    path: pathlib.Path = pathlib.Path()
    address: ipaddress.IPv4Address | None = None


def test_what_msgspec_does_not_know_is_validated_by_pydantic_inside_of_a_struct():
    body = {"orders": [{"no": 2}], "path": "/a", "address": "10.0.0.1"}

    assert decode(Cart, body) == Cart(
        [Order(no=2)], pathlib.Path("/a"), ipaddress.IPv4Address("10.0.0.1")
    )
    assert errors(Cart, {"orders": [{"no": 2}, {"no": 0}]}) == [
        {
            "type": "greater_than",
            "loc": ("orders", 1, "no"),
            "msg": "Input should be greater than 0",
            "input": 0,
            "ctx": {"gt": 0},
        }
    ]
    assert short(errors(Cart, {"orders": [{}], "address": "x"})) == [
        ("missing", ("orders", 0, "no"))
    ]
    assert short(errors(Cart, {"orders": [], "address": "x"})) == [("ip_v4_address", ("address",))]


def test_a_model_of_pydantics_in_a_struct_may_have_several_errors():
    class Pair(pydantic.BaseModel):
        one: int
        two: int

    class Holder(msgspec.Struct):
        pair: Pair

    assert short(errors(Holder, {"pair": {"one": "x"}})) == [
        ("int_parsing", ("pair", "one")),
        ("missing", ("pair", "two")),
    ]


class Mailer:
    pass


@pydantic_dataclass
class Checked:
    count: pydantic.PositiveInt


class Uncountable(msgspec.Struct):
    count: Annotated[int, annotated_types.Gt(0)]


class Nested(msgspec.Struct):
    checked: Checked


class Mailing(msgspec.Struct):
    mailer: Mailer


class Untagged(msgspec.Struct):
    side: int


@attrs.define
class SelfMade:
    name: str
    label: str = attrs.Factory(lambda self: self.name, takes_self=True)


@pytest.mark.parametrize(
    ("annotation", "problem", "cure"),
    [
        (complex | Mailer, "Mailer is not a type of values", ""),
        (list[Mailing], "Mailer is not a type of values", ""),
        (
            Uncountable,
            "Gt(gt=0) says nothing to msgspec, which validates Uncountable",
            "write msgspec.Meta(...) in its place, or make the class a model of pydantic's",
        ),
        (
            dict[str, Nested],
            (
                "Checked is a dataclass of pydantic's, which msgspec would not validate in"
                f" dict[str, {__name__}.Nested]"
            ),
            "make it a model of pydantic's",
        ),
        (
            Struct | Untagged,
            (
                "If a type union contains multiple Struct types, all Struct types must be tagged"
                " (via `tag` or `tag_field` kwarg)"
            ),
            "tell the Structs apart by tags, `class Item(Struct, tag=True)`",
        ),
        (
            Struct | dict[str, int],
            (
                "Type unions may not contain more than one dict-like type (`Struct`, `dict`,"
                " `TypedDict`, `dataclass`)"
            ),
            "tell the Structs apart by tags, `class Item(Struct, tag=True)`",
        ),
        (
            SelfMade,
            (
                "Support for default factories with `takes_self=True` is not implemented. File a"
                " GitHub issue if you need this feature!"
            ),
            "",
        ),
    ],
)
def test_what_cannot_be_made_is_refused_at_once_with_the_cure(annotation, problem, cure):
    with pytest.raises(UnsupportedTypeError) as raised:
        JSONConverter(annotation)

    assert (str(raised.value), raised.value.cure) == (problem, cure)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes it from CPython 3.12 on")
def test_a_typed_dict_of_the_standard_library_is_refused_where_pydantic_refuses_it():
    class Loose(TypedDict):
        name: str

    with pytest.raises(UnsupportedTypeError) as raised:
        JSONConverter(Loose)

    assert raised.value.cure == "import TypedDict from typing_extensions, or use Python 3.12"


class Small(pydantic.BaseModel):
    kind: Literal["small"]


class Big(pydantic.BaseModel):
    kind: Literal["big"]


def test_limits_on_models_that_a_field_tells_apart_make_no_sense():
    annotation: Any = Small | Big
    assert decode(annotation, {"kind": "big"}, discriminator="kind") == Big(kind="big")
    assert short(errors(annotation, {}, discriminator="kind")) == [("union_tag_not_found", ())]
    with pytest.raises(ConstraintError, match="gt says nothing about such values"):
        decode(annotation, {}, discriminator="kind", gt=3)


def test_what_pydantic_cannot_make_is_refused_in_its_words_where_ours_say_less():
    with pytest.raises(UnsupportedTypeError, match="Unable to infer a default factory"):
        JSONConverter(collections.defaultdict)


def test_limits_on_structs_make_no_sense():
    with pytest.raises(ConstraintError, match="gt says nothing about such values"):
        decode(Struct, {}, gt=3)


# ---------------------------------------------------------------------- everything else


@pytest.mark.parametrize(
    ("annotation", "body", "value"),
    [
        (int, "3", 3),
        (float, True, 1.0),
        (bool, "yes", True),
        (Decimal, 1.1, Decimal("1.1")),
        (bytes, "YWI=", b"YWI="),
        (datetime, 0, datetime(1970, 1, 1, tzinfo=UTC)),
        (timedelta, "PT1M30S", timedelta(seconds=90)),
        (int | None, None, None),
        (list[int] | dict[str, int], {"a": "1"}, {"a": 1}),
        (dict[int, bool], {"1": "on"}, {1: True}),
        (Any, {"a": [None]}, {"a": [None]}),
        (Literal[1, "a"], 1, 1),
        (int, 10**30, 10**30),
    ],
)
def test_values_are_read_as_pydantic_reads_them(annotation, body, value):
    converted = decode(annotation, body)

    assert converted == value
    assert type(converted) is type(value)


def test_constraints_hold_for_bodies_too():
    assert short(errors(int, 3, ge=4)) == [("greater_than_equal", ())]
    assert decode(int, 4, ge=4) == 4
    assert short(errors(dict[str, int], {"a": 1, "b": 2}, max_length=1)) == [("too_long", ())]


@pytest.mark.parametrize(
    ("body", "position", "reason"),
    [
        (b"{", 1, "Expecting property name enclosed in double quotes"),
        (b'{"a": ', 6, "Expecting value"),
        (b'{"a": 1} x', 9, "Extra data"),
        ('{"é": x}'.encode(), 6, "Expecting value"),
        (b'"\xff"', 1, "Invalid UTF-8: invalid start byte"),
        (b'{"a": "\xed\xa0\x80"}', 7, "Invalid UTF-8: invalid continuation byte"),
        ('{"a": 1}'.encode("utf-16"), 0, "Invalid UTF-8: invalid start byte"),
        (b"NaN", 0, "JSON is malformed: invalid character"),
        (b"[1, Infinity]", 4, "JSON is malformed: invalid character"),
        (b"1e999", 0, "Number out of range"),
        (b"1" * 5000, 0, "Integer value out of range"),
        (b'"\\ud800"', 0, "Input data was truncated"),
        (b'["\\ud800 and more", 1]', 0, "JSON is malformed: invalid character"),
        (b"[" * 100_000, 0, "Nested too deeply"),
    ],
)
def test_what_is_no_json_is_reported_with_its_place_in_characters(body, position, reason):
    with pytest.raises(Invalid) as raised:
        parse_json(body)

    (error,) = raised.value.errors
    if "surrogate" not in reason and b"ud800" not in body:
        assert error["ctx"] == {"error": reason}
        assert error["loc"] == (position,)
    assert (error["type"], error["msg"], error["input"]) == (
        "json_invalid",
        "JSON decode error",
        {},
    )


@pytest.mark.parametrize("annotation", [Struct, list[int], Annotated[int, annotated_types.Gt(0)]])
def test_a_broken_body_is_reported_whatever_the_type(annotation):
    assert errors(annotation, b'{"a"') == [
        {
            "type": "json_invalid",
            "loc": (4,),
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": "Expecting ':' delimiter"},
        }
    ]


def test_data_too_deep_to_look_into_is_an_error():
    deep: Any = []
    for _ in range(sys.getrecursionlimit()):
        deep = [deep]
    tree: dict[str, Any] = {"branches": "none"}
    for _ in range(100_000):  # from CPython 3.14 on the stack is the limit
        tree = {"branches": [tree]}

    assert JSONConverter(list[Any]).convert(deep, 0) == deep
    with pytest.raises(Invalid) as raised:
        JSONConverter(Tree).convert(tree, 0)
    assert raised.value.errors == [
        {"type": "json_invalid", "loc": (), "msg": "JSON is nested too deeply", "input": {}}
    ]


def test_pydantic_is_not_imported_where_routes_take_structs_and_plain_values():
    program = (
        "import sys, types, msgspec, microfw._models as m\n"
        "class S(msgspec.Struct): a: int\n"
        "assert m.JSONConverter(S).decode(b'{\"a\": 1}') == S(1)\n"
        "assert m.ResultConverter(S).encode(S(1)) == b'{\"a\":1}'\n"
        "m.encode_json(types.SimpleNamespace(a=1))\n"
        "assert 'pydantic_core' not in sys.modules\n"
        "assert m.text_converter(int | None)('1') == 1\n"
        "assert m.ResultConverter(dict[str, list[int]]).encode({'a': [1]}) == b'{\"a\":[1]}'\n"
        "print('pydantic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("False\n", "")


# ---------------------------------------------------------------------- whatever is sent

ANNOTATIONS: list[Any] = [int, float, bool, str, Decimal, datetime, UUID, Literal["a", 1]]
ANNOTATIONS += [int | None, int | str, list[int], dict[str, int], tuple[int, str], Data, Model]
ANNOTATIONS += [list[Data], dict[str, Data | None], set[int], Data | int | list[str], Typed, Row]
ADAPTERS: dict[Any, Any] = {
    annotation: pydantic.TypeAdapter(annotation) for annotation in ANNOTATIONS
}
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(
        ["", "a", "x", "1", "1.5", "true", "red", "2020-01-01", "2020-01-01T10:00:00Z"]
    ),
)
KEYS = st.sampled_from(["name", "price", "tags", "parts", "other"])
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(annotation=st.sampled_from(ANNOTATIONS), body=BODIES)
def test_json_is_taken_or_refused_as_pydantic_does(annotation, body):
    try:
        expected = ADAPTERS[annotation].validate_python(body, from_attributes=True)
    except pydantic.ValidationError as error:
        told = error.errors(include_url=False)
    else:
        assert decode(annotation, body) == expected
        return
    assert repr(errors(annotation, body)) == repr(told)


@given(annotation=st.sampled_from(ANNOTATIONS), body=BODIES)
def test_large_bodies_are_taken_or_refused_as_small_ones_are(annotation, body):
    convert = JSONConverter(annotation).convert

    def outcome(size: int) -> Any:
        try:
            return convert(body, size)
        except Invalid as problem:
            return problem.errors[0]

    assert repr(outcome(0)) == repr(outcome(1_000_000))


OF_MSGSPEC: list[Any] = [Struct, Attrs, Cat | Dog, Change, list[Struct], dict[str, Struct | None]]


@given(annotation=st.sampled_from(OF_MSGSPEC), body=BODIES)
def test_json_is_taken_or_refused_as_msgspec_does(annotation, body):
    try:
        expected = msgspec.convert(body, annotation)
    except msgspec.ValidationError:
        assert len(errors(annotation, body)) == 1
        assert len(errors(annotation, json.dumps(body).encode())) == 1
    else:
        assert decode(annotation, body) == JSONConverter(annotation).convert(body, 0) == expected


@given(
    data=st.binary(max_size=40)
    | st.text(alphabet='{}[]":,0123456789truefalsn\\u ', max_size=30).map(str.encode)
)
def test_any_bytes_at_all_are_data_or_an_error(data):
    for annotation in (Struct, list[int], Any, Annotated[int, annotated_types.Gt(0)]):
        told = None
        try:
            decode(annotation, data)
        except Invalid as invalid:
            told = invalid.errors
        assert told is None or told[0]["msg"]


def test_a_whole_number_of_json_s_is_an_integer_of_a_struct():
    class Count(msgspec.Struct):
        n: int
        x: float = 0.0
        parts: list["int"] = []

    assert decode(Count, {"n": 126.0, "x": 2.0, "parts": [1.0, 2]}) == Count(126, 2.0, [1, 2])
    assert errors(Count, {"n": 1.5})
    assert errors(Count, {"n": 1.0, "x": "a"})


def test_what_is_nested_too_deeply_keeps_its_numbers():
    nested: list[object] = [1.0]
    for _ in range(100_000):
        nested = [nested]

    assert with_whole_numbers(nested) is nested
