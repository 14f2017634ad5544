"""What endpoints return, to JSON."""

import dataclasses
import enum
import gc
import ipaddress
import json
import pathlib
import re
import weakref
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, KeysView, ValuesView
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import GenericAlias, MappingProxyType, SimpleNamespace
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import annotated_types
import attrs
import msgspec
import pydantic
import pytest
import sqlalchemy.orm
import typing_extensions

from microfw._models import ResultConverter, UnsupportedTypeError, encode_json
from microfw._models.converter import converter_of
from microfw.exceptions import ResponseValidationError

T = TypeVar("T")


class Struct(msgspec.Struct):
    name: str


class SecretStruct(Struct):
    password: str = "secret"


@dataclasses.dataclass
class Data:
    name: str


@dataclasses.dataclass
class SecretData(Data):
    password: str = "secret"


@attrs.define
class Attrs:
    name: str


@attrs.define
class SecretAttrs(Attrs):
    password: str = "secret"


@attrs.define(slots=False)
class LooseAttrs:
    name: str


@attrs.define(slots=False)
class SecretLooseAttrs(LooseAttrs):
    password: str = "secret"


class Typed(typing_extensions.TypedDict):
    name: str


class Model(pydantic.BaseModel):
    name: str


class SecretModel(Model):
    password: str = "secret"


class Base(sqlalchemy.orm.DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"
    name: sqlalchemy.orm.Mapped[str] = sqlalchemy.orm.mapped_column(primary_key=True)
    password: sqlalchemy.orm.Mapped[str]


class Nested(msgspec.Struct):
    one: Struct
    some: list[Struct] = []
    named: dict[str, Struct | None] = {}
    nested: list["Nested"] = []


@dataclasses.dataclass
class NestedData:
    one: Data
    some: list[Data] = dataclasses.field(default_factory=list)


class Flat(msgspec.Struct):
    one: Struct
    some: list[Struct] = []


class SecretFlat(Flat):
    password: str = "secret"


class Deep(msgspec.Struct):
    flat: Flat


class NestedTyped(typing_extensions.TypedDict):
    one: Typed
    any: Any


class Cat(msgspec.Struct, tag=True):
    lives: int


class SecretCat(Cat):
    password: str = "secret"


class Dog(msgspec.Struct, tag=True):
    tricks: int


class Color(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


WRONG: Any = object()
DECLARED: list[Any] = [Struct, Data, Attrs, LooseAttrs, Typed, Model]
SECRETS: list[Any] = [
    SecretStruct("ada"),
    SecretData("ada"),
    SecretAttrs("ada"),
    SecretLooseAttrs("ada"),
    SecretModel(name="ada"),
    Account(name="ada", password="secret"),
    SimpleNamespace(name="ada", password="secret"),
    {"name": "ada", "password": "secret"},
    MappingProxyType({"name": "ada", "password": "secret"}),
]


def encode(annotation: Any, value: Any) -> Any:
    return json.loads(ResultConverter(annotation).encode(value))


def list_of(kind: Any) -> Any:
    return GenericAlias(list, (kind,))


def dict_of(kind: Any) -> Any:
    return GenericAlias(dict, (str, kind))


def errors(annotation: Any, value: Any) -> list[Any]:
    with pytest.raises(ResponseValidationError) as raised:
        encode(annotation, value)
    assert raised.value.body is value
    return [(error["type"], error["loc"]) for error in raised.value.errors()]


def shown(secret: Any) -> dict[str, Any]:
    if isinstance(secret, dict | MappingProxyType):
        return dict(secret)
    return {"name": secret.name, "password": secret.password}


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("secret", SECRETS)
def test_what_the_annotation_does_not_name_is_never_sent(declared, secret):
    if declared is Typed or (declared is Data and not isinstance(secret, Data)):
        secret = shown(secret)  # pydantic makes these of dictionaries alone
    if declared is Model and isinstance(secret, MappingProxyType):
        secret = dict(secret)
    assert encode(declared, secret) == {"name": "ada"}
    assert encode(list_of(declared), [secret, secret]) == [{"name": "ada"}, {"name": "ada"}]
    assert encode(dict_of(declared), {"a": secret}) == {"a": {"name": "ada"}}
    assert encode(declared | None, secret) == {"name": "ada"}
    assert encode(GenericAlias(tuple, (declared, int)), (secret, 1)) == [{"name": "ada"}, 1]


@pytest.mark.parametrize("secret", SECRETS)
def test_what_stands_in_a_model_is_filtered_too(secret):
    expected = {"one": {"name": "ada"}, "some": [{"name": "ada"}]}
    whole = {**expected, "named": {"a": {"name": "ada"}, "b": None}, "nested": []}

    assert encode(Nested, Nested(secret, [secret], {"a": secret, "b": None})) == whole
    assert encode(list[Nested], [Nested(secret, [secret], {"a": secret, "b": None})]) == [whole]
    secret_data = SecretData("ada")
    assert encode(NestedData, NestedData(secret_data, [secret_data])) == expected
    data = {"one": secret_data, "some": [shown(secret_data)], "other": 1}
    assert encode(NestedData, data) == expected
    inner = Nested(Struct("bob"), nested=[Nested(secret)])
    assert encode(Nested, inner)["nested"][0]["one"] == {"name": "ada"}


@pytest.mark.parametrize("secret", SECRETS)
def test_what_stands_in_a_model_is_filtered_whether_or_not_the_model_is_made_anew(secret):
    kept, made = Flat(secret, [secret]), SecretFlat(secret, [secret])
    flat = {"one": {"name": "ada"}, "some": [{"name": "ada"}]}

    assert encode(Flat, kept) == encode(Flat, made) == flat
    assert encode(list[Flat], [made, kept]) == encode(list[Flat], (made, kept)) == [flat, flat]
    assert encode(list[Flat], [Flat(Struct("bob")), made])[1] == flat
    assert encode(tuple[Flat, ...], [made, kept]) == [flat, flat]
    assert encode(dict[str, Flat], {"a": made, "b": kept}) == {"a": flat, "b": flat}
    assert encode(Flat | None, kept) == encode(Flat | None, made) == flat
    for value in (Deep(kept), SimpleNamespace(flat=kept), {"flat": made}):
        assert encode(Deep, value) == {"flat": flat}
        assert encode(list[Deep], [value]) == [{"flat": flat}]


def test_attributes_that_are_no_fields_are_not_sent():
    data: Any = Data("ada")
    loose: Any = LooseAttrs("ada")
    nested: Any = NestedData(Data("ada"))
    data.password = loose.password = nested.one.password = "secret"

    assert encode(Data, data) == {"name": "ada"}
    assert encode(LooseAttrs, loose) == {"name": "ada"}
    assert encode(NestedData, nested) == {"one": {"name": "ada"}, "some": []}


def test_a_union_shows_what_the_member_that_fits_names():
    assert encode(Cat | Dog, Cat(9)) == {"type": "Cat", "lives": 9}
    assert encode(Cat, SecretCat(9)) == {"type": "Cat", "lives": 9}
    assert errors(Cat | Dog, SecretCat(9)) == [("missing", ("response", "type"))]
    assert encode(Cat | Dog, {"type": "Dog", "tricks": 3, "password": "secret"}) == {
        "type": "Dog",
        "tricks": 3,
    }
    assert encode(Struct | int, SecretStruct("ada")) == {"name": "ada"}
    assert errors(Cat | Dog, Struct("ada")) == [("missing", ("response", "type"))]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (str, "é\u2028", "é\u2028"),
        (int, 3, 3),
        (int, "4", 4),
        (float, 1, 1.0),
        (Decimal, Decimal("1.50"), "1.50"),
        (bytes, b"ab", "ab"),
        (bytes, "a", "a"),
        (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime, datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01T00:00:00Z"),
        (datetime, date(2020, 1, 1), "2020-01-01T00:00:00"),
        (date, datetime(2020, 1, 1), "2020-01-01"),
        (time, time(1, 2), "01:02:00"),
        (timedelta, timedelta(seconds=90), "PT1M30S"),
        (list[bytes], [b"ab"], ["ab"]),
        (dict[str, timedelta | None], {"a": timedelta(seconds=90)}, {"a": "PT1M30S"}),
        (float, float("nan"), None),
        (list[Any], [float("nan"), 10**30], [None, 10**30]),
        (int, 10**30, 10**30),
        (Color, Color.RED, "red"),
        (Color, "red", "red"),
        (Literal["a"], "a", "a"),
        (list[int], (1, 2), [1, 2]),
        (list[int], deque([1]), [1]),
        (list[int], (number for number in (1, 2)), [1, 2]),
        (Iterable[int], range(2), [0, 1]),
        (list, [Struct("a")], [{"name": "a"}]),
        (list[Any], [1, "a"], [1, "a"]),
        (set[int], {1}, [1]),
        (set[int], [1], [1]),
        (frozenset[str], frozenset("a"), ["a"]),
        (deque[int], deque([1]), [1]),
        (tuple[int, ...], (1,), [1]),
        (dict, {"a": Struct("b")}, {"a": {"name": "b"}}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[str, int], {"a": "1"}, {"a": 1}),
        (dict[int, Any], {1: {}}, {"1": {}}),
        (int | None, None, None),
        (int | str, "a", "a"),
        (Point, Point(1, 2), [1, 2]),
        (Point, (1, 2), [1, 2]),
        (pathlib.Path, pathlib.Path("/a"), "/a"),
        (pathlib.PurePath, pathlib.PurePosixPath("/a"), "/a"),
        (Annotated[int, annotated_types.Gt(1)], 3, 3),
        (Annotated[Any, pydantic.PlainSerializer(lambda it: it.name)], Color.RED, "RED"),
        (
            NestedTyped,
            {"one": {"name": "a", "password": "secret"}, "any": 3},
            {"one": {"name": "a"}, "any": 3},
        ),
    ],
)
def test_results_are_written_as_their_annotation_says(annotation, value, expected):
    assert encode(annotation, value) == expected


@pytest.mark.parametrize("annotation", [Any, object, None, type(None), Annotated[Any, "note"]])
def test_where_the_annotation_says_nothing_everything_is_sent(annotation):
    assert encode(annotation, {"a": SecretStruct("ada")}) == {
        "a": {"name": "ada", "password": "secret"}
    }


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (int, "x", [("int_parsing", ("response",))]),
        (Struct, {"name": 3}, [("value_error", ("response", "name"))]),
        (Struct, Struct(WRONG), [("value_error", ("response", "name"))]),
        (list[Struct], [Struct(WRONG)], [("value_error", ("response", 0, "name"))]),
        (Struct, None, [("value_error", ("response",))]),
        (Struct, 3, [("value_error", ("response",))]),
        (Struct, [1], [("value_error", ("response",))]),
        (Struct, SimpleNamespace(), [("missing", ("response", "name"))]),
        (list[Struct], [{"name": "a"}, {}], [("missing", ("response", 1, "name"))]),
        (list[Struct], 3, [("value_error", ("response",))]),
        (Nested, SimpleNamespace(one=3), [("value_error", ("response", "one"))]),
        (Nested, Nested(WRONG), [("value_error", ("response", "one"))]),
        (Data, SimpleNamespace(name="a"), [("dataclass_type", ("response",))]),
        (Data, Data(WRONG), [("value_error", ("response",))]),
        (bytes, b"\xff", [("value_error", ("response",))]),
        (Model, {"name": 3}, [("string_type", ("response", "name"))]),
        (Annotated[int, annotated_types.Gt(1)], 1, [("greater_than", ("response",))]),
        (Annotated[int, msgspec.Meta(gt=1)], 1, [("value_error", ("response",))]),
        (pathlib.Path, 3, [("path_type", ("response",))]),
        (Point, ("x", 1), [("int_parsing", ("response", 0))]),
        (Callable[[int], int], 3, [("callable_type", ("response",))]),
    ],
)
def test_a_result_that_does_not_fit_is_an_error_with_its_place(annotation, value, expected):
    assert errors(annotation, value) == expected


def test_the_error_of_a_result_reads_well():
    with pytest.raises(ResponseValidationError) as raised:
        encode(list[Struct], [{"name": 3}])

    assert str(raised.value) == (
        "1 validation error\n  response.0.name: Expected `str`, got `int` (value_error)"
    )


def test_a_row_with_named_columns_fits_a_model():
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        row = connection.execute(
            sqlalchemy.text("SELECT 'ada' AS name, 'secret' AS password")
        ).one()

    engine.dispose()

    assert encode(Struct, row) == {"name": "ada"}
    assert encode(list[Struct], [row]) == encode(list[Struct], (row,)) == [{"name": "ada"}]
    assert encode(Model, row) == {"name": "ada"}
    assert encode(list[Model], [row]) == [{"name": "ada"}]


def test_a_model_that_lacks_a_field_is_not_taken_as_it_is():
    partial = NestedData.__new__(NestedData)
    partial.some = []

    assert errors(NestedData, partial) == [("value_error", ("response",))]


def test_values_of_several_classes_are_told_apart():
    items: list[Any] = [Cat(9), Dog(3), None, [Struct("b")]]
    secrets: list[Any] = [
        {"type": "Cat", "lives": 9, "password": "secret"},
        {"type": "Dog", "tricks": 3},
        None,
        [SecretStruct("b")],
    ]
    either = list[Dog | Cat | list[Struct] | None]
    told = [{"type": "Cat", "lives": 9}, {"type": "Dog", "tricks": 3}, None, [{"name": "b"}]]

    assert encode(either, items) == told
    assert encode(either, secrets) == told
    assert encode(list[int] | list[str], ["a"]) == ["a"]
    assert encode(int | Any, SecretStruct("a")) == {"name": "a", "password": "secret"}


def test_an_unset_field_is_not_sent():
    class Change(msgspec.Struct):
        name: str | msgspec.UnsetType = msgspec.UNSET

    assert encode(Change, Change()) == {}


def test_a_dataclass_made_from_another_object_has_its_defaults():
    @dataclasses.dataclass
    class Item:
        name: str
        price: int | None = None

    assert encode(list[Item], [{"name": "a"}]) == [{"name": "a", "price": None}]


def test_pydantic_writes_its_models_by_alias():
    class Order(pydantic.BaseModel):
        number: int = pydantic.Field(serialization_alias="no")

    assert encode(Order, Order(number=1)) == {"no": 1}
    assert encode(list[Order], [SimpleNamespace(number=1)]) == [{"no": 1}]
    assert encode(Any, {"a": Order(number=1)}) == {"a": {"no": 1}}


def test_a_result_type_that_is_no_type_is_refused_at_once():
    with pytest.raises(UnsupportedTypeError, match=r"\[\] is not a type of values"):
        ResultConverter([])


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Loose:
    def __init__(self) -> None:
        self.name = "ada"
        self._sa_instance_state = object()


class Secret:
    def get_secret_value(self) -> str:
        return "secret"

    def __str__(self) -> str:
        return "***"


class Slots:
    __slots__ = ()

    def __repr__(self) -> str:
        return "Slots()"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {1: 2, None: 3, False: 4, date(2020, 1, 1): 5, Color.RED: 6},
            b'{"1":2,"null":3,"false":4,"2020-01-01":5,"red":6}',
        ),
        (
            [Text("a"), Whole(3), bytearray(b"a"), OrderedDict(a=1), Counter("aa")],
            b'["a",3,"YQ==",{"a":1},{"a":2}]',
        ),
        ([deque([1]), range(2), (x for x in "a"), {"a"}], b'[[1],[0,1],["a"],["a"]]'),
        ([pathlib.Path("/a"), re.compile("^a"), ipaddress.ip_address("::1")], b'["/a","^a","::1"]'),
        (
            [Decimal("1.50"), float("nan"), float("inf"), 10**30],
            b"[1.50,null,null,1000000000000000000000000000000]",
        ),
        (
            [SecretStruct("a"), SecretData("a"), Loose(), ValueError("a")],
            b'[{"name":"a","password":"secret"},{"name":"a","password":"secret"},{"name":"ada"},{}]',
        ),
        (
            [Secret(), pydantic.SecretStr("a"), pydantic.HttpUrl("http://a/")],
            b'["***","**********","http://a/"]',
        ),
        (Account(name="a", password="b"), b'{"name":"a","password":"b"}'),
        (SecretModel(name="a"), b'{"name":"a","password":"secret"}'),
        ("é", '"é"'.encode()),
    ],
)
def test_whatever_has_a_meaning_in_json_is_written(value, expected):
    written = encode_json(value)

    assert json.loads(written) == json.loads(expected)
    assert written == expected or isinstance(value, Account)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Slots(), "a test_results.Slots is no JSON value: Slots()"),
        (Slots, "a builtins.type is no JSON value: "),
        (len, "a builtins.builtin_function_or_method is no JSON value: <built-in function len>"),
        ({(1, 2): 3}, "(1, 2) cannot be a key in JSON"),
    ],
)
def test_what_has_none_is_refused(value, message):
    with pytest.raises(TypeError) as raised:
        encode_json(value)

    assert message.rpartition(".")[2] in str(raised.value)


class Shout(enum.StrEnum):
    LOUD = "loud"


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (str, Text("a"), "a"),
        (str, Shout.LOUD, "loud"),
        (str, b"b", "b"),
        (int, Whole(3), 3),
        (int, Decimal(3), 3),
        (float, Decimal("1.5"), 1.5),
        (float, b"1.5", 1.5),
        (bool, b"on", True),
        (bytes, bytearray(b"a"), "a"),
        (Decimal, Decimal(1), "1"),
        (timedelta, 1.5, "PT1.5S"),
        (timedelta, True, "PT1S"),
        (time, 1.5, "00:00:01.500000Z"),
        (time, time(1), "01:00:00"),
        (date, 0.0, "1970-01-01"),
        (
            tuple[deque[str], float, Color, datetime],
            ([Text("a"), Shout.LOUD], 1.5, Color.RED, datetime(2020, 1, 1)),
            [["a", "loud"], 1.5, "red", "2020-01-01T00:00:00"],
        ),
        (
            tuple[deque[int], time, timedelta, date, Decimal, None],
            ([1], time(1), timedelta(1), date(1970, 1, 1), Decimal(1), None),
            [[1], "01:00:00", "P1D", "1970-01-01", "1", None],
        ),
    ],
)
def test_python_values_of_other_types_become_the_declared_one(annotation, value, expected):
    assert encode(annotation, value) == expected


@pytest.mark.parametrize(
    ("annotation", "value", "kind", "message"),
    [
        (
            str,
            b"\xff",
            "string_unicode",
            "Input should be a valid string, unable to parse raw data as a unicode string",
        ),
        (int, float("nan"), "finite_number", "Input should be a finite number"),
        (
            int,
            b"\xff",
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            datetime,
            float("nan"),
            "datetime_parsing",
            "Input should be a valid datetime, NaN values not permitted",
        ),
        (
            time,
            -1,
            "time_parsing",
            "Input should be in a valid time format, time in seconds should be positive",
        ),
        (
            time,
            86400,
            "time_parsing",
            "Input should be in a valid time format, numeric times may not exceed 86,399 seconds",
        ),
        (time, True, "time_type", "Input should be a valid time"),
        (
            timedelta,
            float("inf"),
            "time_delta_parsing",
            "Input should be a valid timedelta, durations may not exceed 999,999,999 days",
        ),
        (timedelta, [], "time_delta_type", "Input should be a valid timedelta"),
        (tuple[int, int], 3, "tuple_type", "Input should be a valid tuple"),
    ],
)
def test_python_values_that_cannot_become_it_are_errors(annotation, value, kind, message):
    with pytest.raises(ResponseValidationError) as raised:
        encode(annotation, value)

    (error,) = raised.value.errors()
    assert (error["type"], error["msg"]) == (kind, message)


# ---------------------------------------------------------------------- many routes of one type


def make_struct(name: str) -> Any:
    return msgspec.defstruct("Made", [(name, int)])


def test_what_is_made_of_a_type_is_shared_by_the_routes_that_return_it() -> None:
    first, second = make_struct("first"), make_struct("second")
    for make_type in (
        lambda made: made,
        lambda made: made | None,
        lambda made: GenericAlias(list, made),
        lambda made: GenericAlias(dict, (str, GenericAlias(list, made))),
        lambda made: GenericAlias(tuple, (made, Model)),
    ):
        kept = converter_of(make_type(first))
        assert converter_of(make_type(first)) is kept
        assert converter_of(make_type(second)) is not kept
    kept = converter_of(GenericAlias(list, Model))
    assert converter_of(GenericAlias(list, Model)) is kept


def test_types_of_the_same_name_are_not_mixed_up() -> None:
    names = ("first", "second")
    kinds = [GenericAlias(dict, (str, make_struct(name))) for name in names]
    encoders = [ResultConverter(kind).encode for kind in kinds]
    for name, encode in zip(names, encoders, strict=True):
        assert encode({"it": {name: 1}}) == b'{"it":{"%s":1}}' % name.encode()
        with pytest.raises(ResponseValidationError, match=rf"response.\[...\].{name}"):
            encode({"it": {"other": 1}})


def test_a_type_of_pydantics_is_forgotten_too() -> None:
    class Made(pydantic.BaseModel):
        name: str

    encode = ResultConverter(GenericAlias(list, Made)).encode
    assert encode([{"name": "a"}]) == b'[{"name":"a"}]'
    gone = weakref.ref(Made)
    del Made, encode
    gc.collect()
    assert gone() is None


def test_a_type_is_forgotten_with_the_last_route_that_returns_it() -> None:
    made = make_struct("name")
    encode = ResultConverter(GenericAlias(list, made)).encode
    assert encode([{"name": 1}]) == b'[{"name":1}]'
    gone = weakref.ref(made)
    del made, encode
    gc.collect()
    assert gone() is None


def test_a_class_that_only_says_that_it_is_built_in_is_looked_into() -> None:
    names: dict[str, Any] = {"dataclass": dataclasses.dataclass}
    exec("@dataclass\nclass Item:\n    name: str\n", names)
    item = names["Item"]
    assert item.__module__ == "builtins"
    encode = ResultConverter(item).encode
    assert encode({"name": "a", "secret": "b"}) == b'{"name":"a"}'


# ---------------------------------------------------------------------- Structs


class Anything(msgspec.Struct):
    value: Any
    more: dict[str, Any] = {}


class Line(msgspec.Struct):
    when: datetime
    price: Decimal
    ids: set[UUID] = set()
    note: str | None = None
    size: float = 0.0
    count: int = 0


class LongLine(Line):
    secret: str = "secret"


class Holder(msgspec.Struct):
    model: Model
    path: pathlib.PurePath = pathlib.PurePath()
    inner: "Holder | None" = None


class Moment(datetime):
    pass


@pytest.mark.parametrize("kind", [Line, LongLine])
def test_a_struct_is_written_with_all_that_it_names(kind):
    line = kind(Moment(2020, 1, 1), Decimal("1.50"), {UUID(int=1)}, size=1.5, count=5)
    expected = {
        "when": "2020-01-01T00:00:00",
        "price": "1.50",
        "ids": ["00000000-0000-0000-0000-000000000001"],
        "note": None,
        "size": 1.5,
        "count": 5,
    }

    assert encode(Line, line) == encode(list[Line], [line])[0] == expected
    line.size = float("nan")
    last = {**expected, "size": None}
    assert encode(Line, line) == encode(list[Line], [line])[0] == last


def test_integers_of_more_than_64_bits_are_sent():
    class Large(msgspec.Struct):
        number: int

    class SecretLarge(Large):
        password: str = "secret"

    class LargeOfAll(msgspec.Struct):
        model: Model
        number: int

    large = Large(2**70)
    assert encode(Large, large) == encode(list[Large], [large])[0] == {"number": 2**70}
    assert encode(list[Large], [SecretLarge(2**70)]) == [{"number": 2**70}]
    assert encode(Large, SimpleNamespace(number=2**70)) == {"number": 2**70}
    assert encode(LargeOfAll, LargeOfAll(Model(name="a"), 2**70)) == {
        "model": {"name": "a"},
        "number": 2**70,
    }


def test_what_is_declared_as_anything_is_sent_with_all_that_it_has():
    secret = SecretStruct("a")
    value = Anything(SimpleNamespace(a=secret), {"b": SecretModel(name="c"), "d": Text("e")})

    assert encode(Anything, value) == {
        "value": {"a": {"name": "a", "password": "secret"}},
        "more": {"b": {"name": "c", "password": "secret"}, "d": "e"},
    }


def test_what_pydantic_validates_in_a_struct_is_filtered_by_its_class():
    secret = SecretModel(name="ada")
    holder = Holder(secret, pathlib.PurePosixPath("/a"), Holder(secret))
    whole = {
        "model": {"name": "ada"},
        "path": "/a",
        "inner": {"model": {"name": "ada"}, "path": ".", "inner": None},
    }

    assert encode(Holder, holder) == encode(list[Holder], [holder])[0] == whole
    assert encode(Holder, {"model": {"name": "ada", "password": "x"}})["model"] == {"name": "ada"}
    assert encode(Holder, SimpleNamespace(model=secret))["model"] == {"name": "ada"}
    assert errors(Holder, Holder(WRONG)) == [("model_attributes_type", ("response", "model"))]
    assert errors(Holder, {"model": {}}) == [("missing", ("response", "model", "name"))]


@dataclasses.dataclass
class Box(Generic[T]):
    item: T
    more: dict[str, list[T]] = dataclasses.field(default_factory=dict)
    limited: Annotated[T, "a note"] | None = None
    name: str = "box"


def test_a_generic_dataclass_of_structs_is_filtered_by_its_arguments():
    box = Box(SecretStruct("a"), {"b": [SecretStruct("c")]}, SecretStruct("d"))
    struct = {"name": "a"}

    assert encode(Box[Struct], box) == {
        "item": struct,
        "more": {"b": [{"name": "c"}]},
        "limited": {"name": "d"},
        "name": "box",
    }
    assert encode(Box[Struct], {"item": struct})["name"] == "box"
    assert errors(Box[Struct], {"item": 3}) == [("value_error", ("response", "item"))]
    assert encode(Box[Any], box)["item"] == {"name": "a", "password": "secret"}


def test_what_does_not_fit_a_struct_that_holds_anything_is_an_error():
    assert errors(Anything, 3) == [("value_error", ("response",))]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Moment, Moment(2020, 1, 1), "2020-01-01T00:00:00"),
        (bytearray, bytearray(b"a"), "YQ=="),
        (Collection[int], {1}, [1]),
        (Iterator[int], iter(["1"]), [1]),
        (KeysView[str], {"a": 1}.keys(), ["a"]),
        (ValuesView[Data], {"a": SecretData("b")}.values(), [{"name": "b"}]),
    ],
)
def test_values_of_classes_that_no_library_knows_are_sent(annotation, value, expected):
    assert encode(annotation, value) == expected
    (found, _) = errors(annotation, 3)[0]
    assert found in ("is_instance_of", "list_type")


def test_what_can_be_iterated_fits_a_list_of_structs():
    names = ("a", "b")

    assert encode(list[Struct], (Struct(name) for name in names)) == [{"name": "a"}, {"name": "b"}]
    assert encode(list[Struct], {1: Struct("a")}.values()) == [{"name": "a"}]
    assert encode(list[Struct], deque([SecretStruct("a")])) == [{"name": "a"}]
    assert errors(list[Struct], "ab") == [("value_error", ("response",))]
    assert encode(list[Struct], []) == []
