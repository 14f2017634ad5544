"""Which parts of a result are sent, and what encodes them."""

import abc
import dataclasses
import enum
import json
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from types import GenericAlias, SimpleNamespace
from typing import Annotated, Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest
import typing_extensions

from microfw._models import (
    ResultConverter,
    Selection,
    SelectionError,
    UnsupportedTypeError,
    parts_of,
)
from microfw.exceptions import ResponseValidationError


class Owner(msgspec.Struct):
    name: str
    password: str = "secret"


class Item(msgspec.Struct, rename="camel"):
    item_name: str
    price: float = 1.5
    owner: Owner | None = None
    tags: list[str] = []


class TaggedItem(Item, tag="tagged"):
    pass


class Sparse(msgspec.Struct, omit_defaults=True):
    name: str = ""
    others: list[int] = []
    change: str | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True):
    name: str
    when: Any = None


@dataclasses.dataclass
class Data:
    name: str
    price: float = 1.5
    tags: list[str] = dataclasses.field(default_factory=list)
    inner: Any = None


@attrs.define
class Attrs:
    name: str
    price: float = 1.5
    tags: list[str] = attrs.Factory(list)
    _hidden: int = 3


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(serialization_alias="modelName")
    price: float = 1.5
    password: str = "secret"
    note: str | None = None


class SecretModel(Model):
    salt: str = "salt"


class Outer(msgspec.Struct):
    model: Model
    models: list[Model] = []


@dataclasses.dataclass
class OuterData:
    model: Model

    def __post_init__(self) -> None:
        self.seen = type(self.model).__name__


class Point(NamedTuple):
    x: int
    y: int | None


class Typed(typing_extensions.TypedDict):
    name: str
    price: int | None


def chosen(annotation: Any, value: Any, encoders: Any = None, **options: Any) -> Any:
    for name in ("include", "exclude"):
        options[name] = parts_of(options.get(name))
    converter = ResultConverter(annotation, Selection(**options), encoders or {})
    return json.loads(converter.encode(value))


SAW = Item("saw", 2, Owner("ada"), ["sharp", "old"])
WHOLE = {
    "itemName": "saw",
    "price": 2,
    "owner": {"name": "ada", "password": "secret"},
    "tags": ["sharp", "old"],
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": {"item_name"}}, {"itemName": "saw"}),
        ({"include": ["item_name", "price"]}, {"itemName": "saw", "price": 2}),
        ({"include": set()}, {}),
        ({"include": {"itemName"}}, {}),
        ({"include": {"owner": {"name"}}}, {"owner": {"name": "ada"}}),
        (
            {"include": {"owner": {"name": True}, "price": ...}},
            {"owner": {"name": "ada"}, "price": 2},
        ),
        ({"include": {"owner": {}}}, {"owner": {}}),
        ({"include": {"tags": {0}}}, {"tags": ["sharp"]}),
        ({"include": {"tags": {-1: True}}}, {"tags": ["old"]}),
        ({"include": {"__all__": True}}, WHOLE),
        ({"exclude": {"owner", "tags"}}, {"itemName": "saw", "price": 2}),
        (
            {"exclude": {"owner": {"password"}, "tags": {0}, "price": True}},
            {"itemName": "saw", "owner": {"name": "ada"}, "tags": ["old"]},
        ),
        ({"exclude": {"owner": {}}}, WHOLE),
        ({"exclude": {"__all__": True}}, {}),
        ({"exclude": set()}, WHOLE),
        (
            {"include": {"owner", "price"}, "exclude": {"price": True, "owner": {"name"}}},
            {"owner": {"password": "secret"}},
        ),
        ({"by_alias": False, "include": {"item_name"}}, {"item_name": "saw"}),
    ],
)
@pytest.mark.parametrize("annotation", [Item, Any, Item | None], ids=str)
def test_parts_are_included_and_excluded_by_name(
    annotation: Any, options: Any, expected: Any
) -> None:
    assert chosen(annotation, SAW, **options) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": {"__all__": {"name"}}}, [{"name": "a"}, {"name": "b"}]),
        ({"include": {0: {"name"}}}, [{"name": "a"}]),
        ({"include": {"name"}}, []),
        ({"exclude": {"__all__": {"password"}}}, [{"name": "a"}, {"name": "b"}]),
        ({"exclude": {"__all__": {"password"}, 0: {"name"}}}, [{}, {"name": "b"}]),
        ({"exclude": {"__all__": {"password"}, -1: True}}, [{"name": "a"}]),
        (
            {"include": {"__all__": {"name"}, 1: {"password"}}},
            [{"name": "a"}, {"name": "b", "password": "secret"}],
        ),
        (
            {"exclude": {"name"}},
            [{"name": "a", "password": "secret"}, {"name": "b", "password": "secret"}],
        ),
    ],
)
@pytest.mark.parametrize("make", [list, tuple, deque])
def test_items_are_included_and_excluded_by_place(
    make: Callable[[Any], Any], options: Any, expected: Any
) -> None:
    owners = [Owner("a"), Owner("b")]

    assert chosen(list[Owner], owners, **options) == expected
    assert chosen(Any, make(owners), **options) == expected


def test_entries_are_included_and_excluded_by_key() -> None:
    owners = {"a": Owner("ada"), "b": Owner("bob")}

    assert chosen(dict[str, Owner], owners, exclude={"a": {"password"}, "b": True}) == {
        "a": {"name": "ada"}
    }
    assert chosen(dict[str, Owner], owners, include={"__all__": {"name"}}) == {
        "a": {"name": "ada"},
        "b": {"name": "bob"},
    }
    assert chosen(Typed, {"name": "saw", "price": 1}, exclude={"price"}) == {"name": "saw"}
    assert chosen(Any, OrderedDict(a=1, b=2), exclude={"a"}) == {"b": 2}


def test_sets_and_named_tuples_have_no_parts() -> None:
    assert chosen(set[int], {1}, exclude={0}) == [1]
    assert chosen(Point, Point(1, None), exclude={"x"}, exclude_none=True) == [1, None]
    assert chosen(Any, [Point(1, None)], exclude={0: {"x"}}) == [[1, None]]
    assert chosen(list[Row], [Row("a")], exclude_defaults=True) == [["a", None]]


def test_fields_that_equal_their_defaults_are_left_out() -> None:
    assert chosen(Item, Item("saw", tags=[]), exclude_defaults=True) == {"itemName": "saw"}
    assert chosen(Item, SAW, exclude_defaults=True) == {**WHOLE, "owner": {"name": "ada"}}
    assert chosen(Data, Data("saw", tags=["a"]), exclude_defaults=True) == {
        "name": "saw",
        "tags": ["a"],
    }
    assert chosen(Attrs, Attrs("saw"), exclude_defaults=True) == {"name": "saw"}
    assert chosen(Item | int, Item("saw"), exclude_defaults=True) == {"itemName": "saw"}
    assert chosen(TaggedItem, TaggedItem("saw"), exclude_defaults=True) == {
        "type": "tagged",
        "itemName": "saw",
    }


def test_fields_that_are_none_are_left_out_and_none_elsewhere_is_not() -> None:
    value = {"a": Item("saw"), "b": None}

    assert chosen(dict[str, Item | None], value, exclude_none=True) == {
        "a": {"itemName": "saw", "price": 1.5, "tags": []},
        "b": None,
    }
    assert chosen(list[int | None], [None], exclude_none=True) == [None]


def test_what_was_set_is_known_of_pydantics_models_alone() -> None:
    assert chosen(Model, {"name": "saw"}, exclude_unset=True) == {"modelName": "saw"}
    assert chosen(Any, {"a": None}, exclude_unset=True) == {"a": None}
    for annotation in (Item, list[Item]):
        with pytest.raises(
            UnsupportedTypeError, match="does not keep track of what was set"
        ) as raised:
            chosen(annotation, [], exclude_unset=True)
        assert raised.value.cure == (
            "give the Struct `omit_defaults=True`, or return a model of pydantic's"
        )


def test_what_a_struct_itself_leaves_out_stays_out() -> None:
    assert chosen(Sparse, Sparse(), exclude_none=True) == {}
    assert chosen(Sparse, Sparse("a", [1], "b"), exclude_none=True) == {
        "name": "a",
        "others": [1],
        "change": "b",
    }


def test_pydantics_models_are_left_to_pydantic() -> None:
    model = SecretModel(name="saw", price=2)

    assert chosen(Model, model, exclude={"password"}) == {
        "modelName": "saw",
        "price": 2,
        "note": None,
    }
    assert chosen(Model, model, exclude_unset=True) == {"modelName": "saw", "price": 2}
    assert chosen(Model, model, exclude_defaults=True, by_alias=False) == {
        "name": "saw",
        "price": 2,
    }
    assert chosen(list[Model], [model], include={"__all__": {"name"}}) == [{"modelName": "saw"}]
    assert chosen(Any, {"a": model}, include={"a": {"name"}}) == {"a": {"modelName": "saw"}}
    assert chosen(
        Outer, Outer(Model(name="a")), exclude={"models": True, "model": {"password"}}
    ) == {"model": {"modelName": "a", "price": 1.5, "note": None}}


def test_a_model_of_pydantics_inside_of_another_class_shows_no_more_than_is_declared() -> None:
    whole = {"modelName": "a", "price": 1.5, "password": "secret", "note": None}
    encode = ResultConverter(Outer).encode
    secret, exact = SecretModel(name="a"), Model(name="a")

    assert json.loads(encode(Outer(secret, [secret, exact]))) == {
        "model": whole,
        "models": [whole, whole],
    }
    assert json.loads(encode({"model": secret, "models": [exact]})) == {
        "model": whole,
        "models": [whole],
    }
    assert json.loads(ResultConverter(OuterData).encode(OuterData(exact))) == {"model": whole}
    assert json.loads(ResultConverter(OuterData).encode({"model": {"name": "a"}})) == {
        "model": whole
    }
    assert json.loads(ResultConverter(OuterData).encode(OuterData(secret))) == {"model": whole}


@pytest.mark.parametrize("declared", [3, "name", {"a": 3}, {"a": False}, {"a": {"b": "c"}}])
def test_what_names_no_parts_is_refused(declared: Any) -> None:
    with pytest.raises(SelectionError, match="is neither a set of names nor a dict"):
        parts_of(declared)


# ---------------------------------------------------------------------- encoders


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class Coins(Money):
    pass


class Shouted(abc.ABC):  # noqa: B024 - classes are registered with it
    pass


class Word(str):
    __slots__ = ()


class Color(enum.Enum):
    RED = "red"


Shouted.register(Word)
Shouted.register(Color)

ENCODERS: dict[Any, Any] = {
    Money: lambda value: f"{value.cents / 100:.2f}",
    datetime: lambda value: value.strftime("%d.%m.%Y"),
    Decimal: str,
    Shouted: lambda value: getattr(value, "value", str(value)).upper(),
}


class Fault(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class Bill(msgspec.Struct):
    total: Any
    due: datetime
    tax: Decimal = Decimal("0.10")


def test_values_are_encoded_by_the_function_of_their_class_or_its_nearest_base() -> None:
    due = datetime(2020, 1, 2)

    assert chosen(Any, [Money(150), Coins(5), due, date(2020, 1, 2)], ENCODERS) == [
        "1.50",
        "0.05",
        "02.01.2020",
        "2020-01-02",
    ]
    assert chosen(Any, Coins(5), {**ENCODERS, Coins: lambda value: value.cents}) == 5
    assert chosen(Any, [Word("a"), Color.RED, "a"], ENCODERS) == ["A", "RED", "a"]
    assert chosen(Any, {Word("k"): {due: 1}, 3: None}, ENCODERS) == {
        "K": {"02.01.2020": 1},
        "3": None,
    }
    assert chosen(Any, {Word("k"): 1, Color.RED: 2}, {Money: str}) == {"k": 1, "red": 2}


def test_values_are_encoded_wherever_they_stand() -> None:
    due = datetime(2020, 1, 2)
    bill = {"total": "1.50", "due": "02.01.2020", "tax": "0.10"}

    assert chosen(Bill, Bill(Money(150), due), ENCODERS) == bill
    assert chosen(list[Bill], [Bill(Money(150), due)], ENCODERS) == [bill]
    assert chosen(Bill, {"total": Money(150), "due": due}, ENCODERS) == bill
    assert chosen(Any, (Data("a", inner={due}) for _ in "a"), ENCODERS) == [
        {"name": "a", "price": 1.5, "tags": [], "inner": ["02.01.2020"]}
    ]
    assert chosen(Any, SimpleNamespace(due=due, inner=Point(1, None)), ENCODERS) == {
        "due": "02.01.2020",
        "inner": [1, None],
    }
    assert chosen(Any, {"a": Fault(3)}, ENCODERS) == {"a": {"code": 3}}
    with pytest.raises(ResponseValidationError, match=r"a builtins\.Exception is no JSON value"):
        chosen(Any, Exception("a"), ENCODERS)


def test_what_a_function_returns_is_encoded_in_the_usual_way() -> None:
    assert chosen(Any, Money(5), {Money: vars}) == {"cents": 5}
    assert chosen(Any, 3, {int: lambda value: [value, date(2020, 1, 2)]}) == [3, "2020-01-02"]
    assert chosen(Any, date(2020, 1, 2), {date: lambda value: value}) == "2020-01-02"


def test_pydantic_asks_for_what_it_does_not_know() -> None:
    class Priced(pydantic.BaseModel, arbitrary_types_allowed=True):
        price: Money
        other: Any = None
        due: datetime = datetime(2020, 1, 2)

    priced = Priced(price=Money(150), other=SimpleNamespace(a=1))
    expected = {"price": "1.50", "other": {"a": 1}, "due": "2020-01-02T00:00:00"}

    assert chosen(Priced, priced, ENCODERS) == expected
    assert chosen(Any, [priced], ENCODERS) == [expected]
    assert chosen(Any, [priced], ENCODERS, exclude_unset=True) == [
        {"price": "1.50", "other": {"a": 1}}
    ]


def test_encoders_see_what_stands_in_plain_types_and_in_dataclasses() -> None:
    due = datetime(2020, 1, 2)

    assert chosen(dict[str, datetime], {"a": due}, ENCODERS) == {"a": "02.01.2020"}
    assert chosen(list[bytes | datetime], [due, b"a"], ENCODERS) == ["02.01.2020", "a"]
    either: Any = Annotated[datetime, pydantic.Tag("a")] | Annotated[str, pydantic.Tag("b")]
    assert chosen(GenericAlias(list, either), [due, "a"], ENCODERS) == ["02.01.2020", "a"]
    assert chosen(Data, Data("a", inner=[due, Money(5)]), ENCODERS, include={"inner"}) == {
        "inner": ["02.01.2020", "0.05"]
    }
    assert chosen(Typed, {"name": "saw", "price": None}, {str: str.upper}) == {
        "NAME": "SAW",
        "PRICE": None,
    }
    with pytest.raises(ResponseValidationError, match="is no JSON value"):
        chosen(Data, Data("a", inner=object()), ENCODERS)


def test_selection_and_encoders_go_together() -> None:
    bill = Bill(Money(150), datetime(2020, 1, 2))

    assert chosen(Bill, bill, ENCODERS, exclude={"tax"}) == {"total": "1.50", "due": "02.01.2020"}
