"""Bodies: JSON to models and to everything else."""

import dataclasses
import enum
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import GenericAlias
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import annotated_types
import attrs
import msgspec
import pydantic
import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st

from microfw._validation import (
    Constraints,
    Invalid,
    JSONConverter,
    UnsupportedTypeError,
    parse_json,
)

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


class Typed(TypedDict):
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
    count: int = 1
    part: Part | None = None
    parts: list[Part] = dataclasses.field(default_factory=list)
    by_name: dict[str, tuple[Part, ...]] = dataclasses.field(default_factory=dict)
    wholes: list["Whole"] = dataclasses.field(default_factory=list)


class Tree(msgspec.Struct):
    branches: list["Tree"]


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str]


class Square(msgspec.Struct):
    side: int


class Rectangle(msgspec.Struct):
    side: int
    other: int


MODELS: list[Any] = [Struct, Data, Attrs, Typed, Model]
CLASSES = {
    Struct: "model_attributes_type",
    Data: "dataclass_type",
    Attrs: "dataclass_type",
    Typed: "dict_type",
    Row: "named_tuple_type",
    Model: "model_attributes_type",
}


def decode(annotation: Any, body: Any, **constraints: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return JSONConverter(annotation, Constraints(**constraints)).decode(data)


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
        {"a": [{"name": "saw", "price": 1, "parts": [{"name": "blade", "price": "0.5"}]}]},
    )

    blade = model(name="blade", price=0.5)
    assert value == {"a": [model(name="saw", price=1.0, parts=[blade])]}


@pytest.mark.parametrize("model", MODELS)
def test_every_mistake_in_a_model_is_told_with_its_place(model):
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
        (CLASSES[model], (3,)),
    ]


def test_an_error_shows_what_was_received():
    assert errors(Struct, {"name": "saw", "price": "much"}) == [
        {
            "type": "float_parsing",
            "loc": ("price",),
            "msg": "Input should be a valid number, unable to parse string as a number",
            "input": "much",
        }
    ]
    assert errors(Struct, {"name": "saw"}) == [
        {"type": "missing", "loc": ("price",), "msg": "Field required", "input": {"name": "saw"}}
    ]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Struct, "Input should be a valid dictionary or object to extract fields from"),
        (Data, "Input should be a dictionary or an instance of Data"),
        (Attrs, "Input should be a dictionary or an instance of Attrs"),
        (Typed, "Input should be a valid dictionary"),
        (Row, "Input should be a tuple, list, dictionary or an instance of Row"),
        (Model, "Input should be a valid dictionary or object to extract fields from"),
    ],
)
def test_what_is_no_object_is_refused_in_pydantics_words(model, message):
    (error,) = errors(model, "saw")

    assert (error["type"], error["msg"], error["input"]) == (CLASSES[model], message, "saw")
    assert error.get("ctx") == (
        {"class_name": model.__name__} if model in (Data, Attrs, Row) else None
    )


def test_a_named_tuple_is_an_array_or_an_object():
    assert decode(Row, ["saw", "1"]) == Row("saw", 1.0)
    assert decode(Row, {"name": "saw", "price": 1}) == Row("saw", 1.0)
    assert short(errors(Row, ["saw"])) == [("missing", (1,))]
    assert short(errors(Row, ["saw", 1, [], 4])) == [("too_long", ())]
    assert short(errors(Row, {"name": "saw", "price": 1, "other": 2})) == [
        ("extra_forbidden", ("other",))
    ]


def test_a_struct_may_be_an_array():
    class Point(msgspec.Struct, array_like=True):
        x: int
        y: int = 0

    class Tagged(msgspec.Struct, array_like=True, tag="t"):
        x: int

    assert decode(Point, ["1"]) == Point(1, 0)
    assert short(errors(Point, [])) == [("missing", (0,))]
    assert decode(Tagged, ["t", "3"]) == Tagged(3)


def test_a_struct_may_rename_its_fields_and_forbid_others():
    class Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
        unit_price: int

    assert decode(Strict, {"unitPrice": "3"}) == Strict(3)
    assert errors(Strict, {"unitPrice": 3, "other": 4}) == [
        {
            "type": "extra_forbidden",
            "loc": ("other",),
            "msg": "Extra inputs are not permitted",
            "input": 4,
        }
    ]


def test_a_field_that_may_be_unset_is_unset():
    class Change(msgspec.Struct):
        name: str | msgspec.UnsetType = msgspec.UNSET
        price: int | msgspec.UnsetType | None = msgspec.UNSET

    assert decode(Change, {"price": "3"}) == Change(price=3)
    assert decode(Change, {"price": None, "name": "a"}) == Change(name="a", price=None)


def test_generic_models_take_their_arguments():
    class Page(msgspec.Struct, Generic[T]):
        items: list[T]

    @dataclasses.dataclass
    class Box(Generic[T]):
        item: T
        count: int = dataclasses.field(default=0, kw_only=True)
        more: dict[str, T] | None = None
        limited: Annotated[T, annotated_types.Gt(0)] | None = None

    assert decode(Page[int], {"items": ["1"]}) == Page([1])
    assert decode(Box[int], {"item": "1", "more": {"a": "2"}, "limited": "3"}) == Box(
        1, {"a": 2}, 3
    )
    assert decode(Box, {"item": "1"}) == Box("1")
    assert short(errors(Box[int], {"item": "a", "more": {"a": "b"}, "limited": 0})) == [
        ("int_parsing", ("item",)),
        ("int_parsing", ("more", "a")),
        ("greater_than", ("limited",)),
    ]


def test_a_typed_dict_tells_required_keys_from_others():
    class Loose(TypedDict, total=False):
        name: Required[str]
        price: int

    class Backported(typing_extensions.TypedDict):
        name: str

    assert decode(Loose, {"name": "a"}) == {"name": "a"}
    assert short(errors(Loose, {"price": "x"})) == [
        ("missing", ("name",)),
        ("int_parsing", ("price",)),
    ]
    assert short(errors(Backported, {})) == [("missing", ("name",))]


def test_attrs_classes_have_private_fields_and_fields_of_their_own():
    @attrs.define
    class Secret:
        _name: str
        made: int = attrs.field(init=False, default=3)

    @attrs.define(auto_attribs=False)
    class Untyped:
        value = attrs.field(default=1)  # pyright: ignore[reportGeneralTypeIssues]

    assert decode(Secret, {"_name": "a", "made": 4}) == Secret("a")
    assert short(errors(Secret, {"_name": 3})) == [("string_type", ("_name",))]
    assert decode(Untyped, {"value": "x"}) == Untyped(value="x")  # pyright: ignore[reportCallIssue]


def test_fields_that_the_constructor_does_not_take_are_not_read():
    @dataclasses.dataclass
    class Area:
        width: int
        square: int = dataclasses.field(init=False)

        def __post_init__(self) -> None:
            self.square = self.width**2

    assert decode(Area, {"width": "3", "square": 4}).square == 9


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
    assert errors(list_of(kind), [{"low": 2, "high": 1}]) == [
        {
            "type": "value_error",
            "loc": (0,),
            "msg": "Value error, low is above high",
            "input": {"low": 2, "high": 1},
            "ctx": {"error": "low is above high"},
        }
    ]


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
    assert decode(Whole, {"count": "2"}) == Whole(2)


def test_a_dataclass_with_slots_has_its_defaults_anyway():
    @dataclasses.dataclass(slots=True)
    class Part:
        price: int | None = None

    assert msgspec.to_builtins(decode(Part, {})) == {"price": None}


@pytest.mark.parametrize(
    ("annotation", "body", "value"),
    [
        (int, 3.0, 3),
        (int, True, 1),
        (int, "3", 3),
        (float, True, 1.0),
        (float, 3, 3.0),
        (bool, 1, True),
        (bool, 0.0, False),
        (bool, "yes", True),
        (list[bool], [True, "no"], [True, False]),
        (str, "a", "a"),
        (Decimal, 1.1, Decimal("1.1")),
        (bytes, "YWI=", b"ab"),
        (datetime, 0, datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime, 1.5, datetime(1970, 1, 1, 0, 0, 1, 500000, UTC)),
        (date, 86400, date(1970, 1, 2)),
        (UUID | int, 3, 3),
        (int | None, None, None),
        (int | str | None, None, None),
        (list[int] | dict[str, int], {"a": "1"}, {"a": 1}),
        (dict, {"a": 1}, {"a": 1}),
        (dict[int, bool], {"1": "on"}, {1: True}),
        (Mapping[str, int], {"a": "1"}, {"a": 1}),
        (Iterable[int], ["1"], [1]),
        (Any, {"a": [None]}, {"a": [None]}),
        (Literal[1, "a"], 1, 1),
    ],
)
def test_more_is_taken_than_the_strictest_reading_of_json(annotation, body, value):
    converted = decode(annotation, body)

    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("annotation", "body", "kind", "message"),
    [
        (str, 3, "string_type", "Input should be a valid string"),
        (int, None, "int_type", "Input should be a valid integer"),
        (
            int,
            3.5,
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
        ),
        (
            int,
            1e20,
            "int_parsing_size",
            "Unable to parse input string as an integer, exceeded maximum size",
        ),
        (float, [], "float_type", "Input should be a valid number"),
        (float, 10**400, "finite_number", "Input should be a finite number"),
        (bool, 2, "bool_parsing", "Input should be a valid boolean, unable to interpret input"),
        (dict, 3, "dict_type", "Input should be a valid dictionary"),
        (bool, 0.5, "bool_type", "Input should be a valid boolean"),
        (bool, None, "bool_type", "Input should be a valid boolean"),
        (
            bytes,
            "a",
            "bytes_invalid_encoding",
            "Data should be valid base64: Invalid base64 encoded string",
        ),
        (bytes, 3, "bytes_type", "Input should be a valid bytes"),
        (
            Decimal,
            True,
            "decimal_type",
            "Decimal input should be an integer, float, string or Decimal object",
        ),
        (UUID, 3, "uuid_type", "UUID input should be a string, bytes or UUID object"),
        (datetime, True, "datetime_type", "Input should be a valid datetime"),
        *(
            (
                datetime,
                number,
                "datetime_parsing",
                f"Input should be a valid datetime, dates {bound} are not supported as unix timestamps",
            )
            for bound, numbers in {
                "before 0000": (-1e20, -(10**400)),
                "after 9999": (1e20, 10**400),
            }.items()
            for number in numbers
        ),
        (date, None, "date_type", "Input should be a valid date"),
        (dict[str, int], [], "dict_type", "Input should be a valid dictionary"),
        (list[int], {"a": 1}, "list_type", "Input should be a valid list"),
        (set, [[1]], "set_item_not_hashable", "Set items should be hashable"),
        (Literal["a"], {}, "literal_error", "Input should be 'a'"),
    ],
)
def test_json_that_does_not_fit_is_told_in_pydantics_words(annotation, body, kind, message):
    (error,) = errors(annotation, body)

    assert (error["type"], error["msg"]) == (kind, message)


def test_wrong_keys_and_values_of_a_dictionary_are_told_apart():
    assert short(errors(dict[int, int], {"a": "b", "1": "c"})) == [
        ("int_parsing", ("a", "[key]")),
        ("int_parsing", ("a",)),
        ("int_parsing", ("1",)),
    ]


def test_constraints_hold_for_bodies_too():
    class Item(msgspec.Struct):
        price: Annotated[int, msgspec.Meta(gt=0)]
        count: Annotated[int, annotated_types.Gt(0)] = 1

    assert short(errors(int, 3, ge=4)) == [("greater_than_equal", ())]
    assert decode(int, 4, ge=4) == 4
    assert short(errors(Item, {"price": 0, "count": 0})) == [
        ("greater_than", ("price",)),
        ("greater_than", ("count",)),
    ]
    assert short(errors(dict[str, int], {"a": 1, "b": "x"}, max_length=1)) == [("too_long", ())]


class TestUnions:
    def test_tagged_structs_are_told_apart_by_the_tag(self):
        pets = Cat | Dog

        assert decode(pets, {"type": "Cat", "lives": "9"}) == Cat(9)
        assert errors(pets, {"type": "cow"}) == [
            {
                "type": "union_tag_invalid",
                "loc": (),
                "msg": "Input tag 'cow' found using 'type' does not match any of the expected tags:"
                " 'Cat', 'dog'",
                "input": {"type": "cow"},
                "ctx": {"discriminator": "'type'", "tag": "cow", "expected_tags": "'Cat', 'dog'"},
            }
        ]
        assert errors(pets, {"lives": 9}) == [
            {
                "type": "union_tag_not_found",
                "loc": (),
                "msg": "Unable to extract tag using discriminator 'type'",
                "input": {"lives": 9},
                "ctx": {"discriminator": "'type'"},
            }
        ]
        assert short(errors(pets, {"type": []})) == [("union_tag_invalid", ())]
        assert short(errors(pets, 3)) == [("union_tag_not_found", ())]
        assert short(errors(pets, {"type": "Cat", "lives": "x"})) == [
            ("int_parsing", ("Cat", "lives"))
        ]

    def test_a_struct_with_a_tag_wants_that_tag(self):
        assert decode(Cat, {"lives": "9"}) == Cat(9)
        assert errors(Cat, {"type": "dog", "lives": 9}) == [
            {
                "type": "literal_error",
                "loc": ("type",),
                "msg": "Input should be 'Cat'",
                "input": "dog",
                "ctx": {"expected": "'Cat'"},
            }
        ]

    def test_models_without_tags_are_told_apart_by_their_keys(self):
        either = Square | Rectangle

        assert decode(either, {"side": 1}) == Square(1)
        assert decode(either, {"side": 1, "other": 2}) == Rectangle(1, 2)
        assert short(errors(either, {})) == [
            ("missing", ("Square", "side")),
            ("missing", ("Rectangle", "side")),
            ("missing", ("Rectangle", "other")),
        ]

    def test_a_value_of_a_members_type_that_breaks_its_limits_may_fit_another(self):
        either = Annotated[int, annotated_types.Gt(5)] | str | float

        assert decode(either, 3) == 3.0
        assert decode(either, 7) == 7


class Order(pydantic.BaseModel):
    number: int = pydantic.Field(gt=0, alias="no")
    note: pydantic.SecretStr | None = None

    @pydantic.field_validator("number")
    @classmethod
    def is_even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("odd")
        return number


class TestPydantic:
    def test_its_errors_are_pydantics_own(self):
        with pytest.raises(pydantic.ValidationError) as raised:
            Order.model_validate({"no": 0})

        assert errors(Order, {"no": 0}) == raised.value.errors(include_url=False)
        assert errors(list[Order], [{"no": 2}, {"no": 3}])[0]["loc"] == (1, "no")
        assert str(errors(Order, {"no": 3})[0]["ctx"]["error"]) == "odd"

    def test_its_models_stand_in_other_models(self):
        class Cart(msgspec.Struct):
            orders: list[Order]

        assert decode(Cart, {"orders": [{"no": 2}]}) == Cart([Order(no=2)])
        assert short(errors(Cart, {"orders": [{"no": 0}]})) == [
            ("greater_than", ("orders", 0, "no"))
        ]

    def test_its_dataclasses_and_constrained_types_are_its_own_too(self):
        @pydantic.dataclasses.dataclass
        class Data:
            count: pydantic.PositiveInt

        assert decode(Data, {"count": "1"}) == Data(1)
        assert short(errors(dict[str, Data], {"a": {"count": 0}})) == [
            ("greater_than", ("a", "count"))
        ]

    def test_it_is_not_imported_unless_the_user_has_done_so(self):
        program = (
            "import sys, types, msgspec, microfw._validation as v\n"
            "class S(msgspec.Struct): a: int\n"
            'assert v.JSONConverter(S, v.Constraints()).decode(b\'{"a": "1"}\') == S(1)\n'
            "assert v.result_encoder(S)(S(1)) == b'{\"a\":1}'\n"
            "v.encode_json(types.SimpleNamespace(a=1))\n"
            "print('pydantic' in sys.modules)"
        )

        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )

        assert (done.stdout, done.stderr) == ("False\n", "")


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
def test_what_is_no_json_is_told_with_its_place_in_characters(body, position, reason):
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
def test_a_broken_body_is_told_whatever_the_type(annotation):
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
    nested = JSONConverter(list[Any], Constraints())
    tree: dict[str, Any] = {"branches": "none"}
    for _ in range(sys.getrecursionlimit()):
        tree = {"branches": [tree]}

    assert nested.convert(deep) == deep
    with pytest.raises(Invalid) as raised:
        JSONConverter(Tree, Constraints()).convert(tree)
    assert raised.value.errors == [
        {"type": "json_invalid", "loc": (), "msg": "JSON is nested too deeply", "input": {}}
    ]


def test_a_type_that_json_cannot_become_is_refused_at_once():
    with pytest.raises(UnsupportedTypeError, match="complex is not a type of values"):
        JSONConverter(complex, Constraints())


class Color(enum.Enum):
    RED = "red"


ANNOTATIONS: list[Any] = [
    int,
    float,
    bool,
    str,
    Decimal,
    datetime,
    date,
    UUID,
    Color,
    Literal["a", 1],
]
ANNOTATIONS += [int | None, int | str, list[int], dict[str, int], tuple[int, str], Data]
ANNOTATIONS += [list[Data], dict[str, Data | None], set[int], Data | int | list[str]]
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
        expected = ADAPTERS[annotation].validate_python(body)
    except pydantic.ValidationError as error:
        told = [(entry["type"], entry["loc"]) for entry in error.errors()]
        assert short(errors(annotation, body)) == told
    else:
        assert decode(annotation, body) == expected


@given(body=BODIES)
def test_what_msgspec_takes_the_slow_path_takes_too(body):
    for annotation in ANNOTATIONS:
        converter = JSONConverter(annotation, Constraints())
        try:
            expected = msgspec.convert(body, annotation)
        except msgspec.ValidationError:
            continue
        assert converter.convert(body) == expected


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
