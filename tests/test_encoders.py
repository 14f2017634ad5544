"""Any value to plain data, as `jsonable_encoder` makes it; and the encoders of an application."""

import dataclasses
import enum
import ipaddress
import pathlib
import re
from collections import ChainMap, Counter, OrderedDict, deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import attrs
import msgspec
import pydantic
import pydantic_core
import pytest
import sqlalchemy.orm

from microfw import App, Router
from microfw.encoders import ENCODERS_BY_TYPE, decimal_encoder, isoformat, jsonable_encoder
from microfw.exceptions import DeclarationError
from microfw.routing import Route
from microfw.testclient import TestClient


class Owner(pydantic.BaseModel):
    name: Annotated[str, pydantic.Field(validation_alias="n", serialization_alias="ownerName")] = (
        "ada"
    )
    nick: str | None = None
    counts: dict[str, int | None] = {"a": None}


@dataclasses.dataclass
class Data:
    name: str
    when: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    inner: Any = None


class Struct(msgspec.Struct, rename="camel", tag=True):
    item_name: str
    note: str | msgspec.UnsetType | None = msgspec.UNSET
    inner: Any = None


@attrs.define
class Attrs:
    name: str
    when: date = date(2020, 1, 1)


class Base(sqlalchemy.orm.DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"
    name: sqlalchemy.orm.Mapped[str] = sqlalchemy.orm.mapped_column(primary_key=True)


class Color(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    __slots__ = ()


class Secret:
    def get_secret_value(self) -> str:
        return "secret"

    def __str__(self) -> str:
        return "***"


class Slots:
    __slots__ = ()

    def __repr__(self) -> str:
        return "Slots()"


WHEN = "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (1.5, 1.5),
        ("a", "a"),
        (Text("b"), "b"),
        (b"aa", "aa"),
        (bytearray(b"ac"), "ac"),
        (memoryview(b"ad"), "ad"),
        (Decimal("1.50"), 1.5),
        (Decimal("1E3"), 1000),
        (timedelta(minutes=1.5), 90.0),
        (datetime(2020, 1, 1, tzinfo=UTC), WHEN),
        (date(2020, 1, 1), "2020-01-01"),
        (time(1, 2), "01:02:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Color.RED, "red"),
        (Color.PAIR, (1, 2)),
        (pathlib.PurePosixPath("/a"), "/a"),
        (re.compile("^a"), "^a"),
        (ipaddress.ip_address("::1"), "::1"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        ([{1}, frozenset([2]), deque([3]), (4,), (n for n in (5,))], [[1], [2], [3], [4], [5]]),
        (Point(1, 2), [1, 2]),
        ({"a": {"b": date(2020, 1, 1)}, "_sa": 1}, {"a": {"b": "2020-01-01"}}),
        (
            {UUID(int=1): 1, Color.RED: 2, None: 3, 4: 5},
            {"00000000-0000-0000-0000-000000000001": 1, "red": 2, None: 3, 4: 5},
        ),
        ([OrderedDict(a=1), Counter("a"), ChainMap({"a": 1})], [{"a": 1}, {"a": 1}, {"a": 1}]),
        (
            Data("saw", inner=Data("axe")),
            {"name": "saw", "when": WHEN, "inner": {"name": "axe", "when": WHEN, "inner": None}},
        ),
        (Struct("saw"), {"type": "Struct", "itemName": "saw", "inner": None}),
        (Attrs("saw"), {"name": "saw", "when": "2020-01-01"}),
        (Owner(), {"ownerName": "ada", "nick": None, "counts": {"a": None}}),
        (Account(name="ada"), {"name": "ada"}),
        (SimpleNamespace(name="ada", when=date(2020, 1, 1)), {"name": "ada", "when": "2020-01-01"}),
        (
            [Secret(), pydantic.SecretStr("a"), pydantic.HttpUrl("http://a/")],
            ["***", "**********", "http://a/"],
        ),
        (pydantic_core.PydanticUndefined, None),
    ],
)
def test_values_become_plain_data(value: Any, expected: Any) -> None:
    assert jsonable_encoder(value) == expected


@pytest.mark.parametrize(
    ("value", "options", "expected"),
    [
        (Owner(), {"by_alias": False, "include": {"name"}}, {"name": "ada"}),
        (Owner(), {"exclude_none": True}, {"ownerName": "ada", "counts": {}}),
        (Owner(nick="a"), {"exclude_unset": True}, {"nick": "a"}),
        (Owner(nick="a"), {"exclude_defaults": True}, {"nick": "a"}),
        (Owner(), {"exclude": {"counts": {"a"}, "nick": True}}, {"ownerName": "ada", "counts": {}}),
        (
            [Owner(), {"name": 1, "a": 2}],
            {"include": ["name"]},
            [{"ownerName": "ada"}, {"name": 1}],
        ),
        ({"a": {"a": 1}, "b": 2}, {"exclude": {"a"}}, {"b": 2}),
        ({"a": None, "b": {"c": None}}, {"exclude_none": True}, {"b": {}}),
        (Data("saw"), {"exclude": ("when",), "exclude_none": True}, {"name": "saw"}),
        (Data("saw"), {"exclude_defaults": True}, {"name": "saw"}),
        (
            Struct("saw"),
            {"by_alias": False, "exclude": {"inner"}},
            {"type": "Struct", "item_name": "saw"},
        ),
        (
            Struct("saw", None, Attrs("axe")),
            {"include": {"inner": {"name"}, "note": True}},
            {"type": "Struct", "note": None, "inner": {"name": "axe"}},
        ),
        ({"_sa": 1, 2: 3}, {"sqlalchemy_safe": False}, {"_sa": 1, 2: 3}),
        (
            Data("saw"),
            {"custom_encoder": {datetime: lambda value: value.year}},
            {"name": "saw", "when": 2020, "inner": None},
        ),
        ({"a": [Text("b")]}, {"custom_encoder": {str: str.upper}}, {"A": ["B"]}),
        (
            [Data("saw"), 3],
            {"custom_encoder": {object: lambda value: "object", int: str}},
            "object",
        ),
        ((Color.RED, 3), {"custom_encoder": {Color: lambda value: value.name}}, ["RED", 3]),
        (Owner(), {"custom_encoder": {str: str.upper}, "include": {"name"}}, {"ownerName": "ada"}),
    ],
)
def test_options_say_what_is_left_out_and_how_the_rest_is_encoded(
    value: Any, options: Any, expected: Any
) -> None:
    assert jsonable_encoder(value, **options) == expected


@pytest.mark.parametrize("value", [Slots(), Slots, len, object()])
def test_what_has_nothing_to_be_seen_is_refused(value: Any) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole message is compared
        jsonable_encoder([value])

    assert str(raised.value) == f"nothing can be seen on {value!r}"
    assert isinstance(raised.value.__cause__, TypeError)


def test_the_functions_for_single_classes_can_be_used_and_added_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ENCODERS_BY_TYPE, Slots, lambda value: "slots")

    assert jsonable_encoder([Slots()]) == ["slots"]
    assert isoformat(date(2020, 1, 1)) == "2020-01-01"
    assert decimal_encoder(Decimal("NaN")) != decimal_encoder(Decimal("NaN"))


# ---------------------------------------------------------------------- App(encoders=)


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class Coins(Money):
    pass


def in_cents(value: Money) -> int:
    return value.cents


def in_words(value: Money) -> str:
    return f"{value.cents} cents"


def test_encoders_are_those_of_the_application_its_routers_and_the_route() -> None:
    app = App(encoders={Money: in_cents, date: lambda value: value.year})
    router = Router(encoders={Money: in_words})

    def price() -> Any:
        return [Coins(5), date(2020, 1, 1)]

    app.get("/app")(price)
    app.get("/own", encoders={Money: lambda value: value.cents + 1})(price)
    router.get("/router")(price)
    router.get("/both", encoders={date: lambda value: value.month})(price)
    app.include_router(router)
    app.routes.append(Route("/given", price, encoders={Money: in_words}))
    client = TestClient(app)

    assert client.get("/app").json() == [5, 2020]
    assert client.get("/own").json() == [6, 2020]
    assert client.get("/router").json() == ["5 cents", 2020]
    assert client.get("/both").json() == ["5 cents", 1]
    assert client.get("/given").json() == ["5 cents", "2020-01-01"]


@pytest.mark.parametrize("make", [App, Router])
def test_what_cannot_encode_is_refused_at_once(make: Any) -> None:
    with pytest.raises(DeclarationError) as raised:
        make(encoders={Money: "str"})

    assert str(raised.value) == (
        f"`encoders=` has 'str' for {Money!r}\n"
        f"  in:   {make.__name__}(encoders=...)\n"
        "  cure: write functions by class, as in encoders={Decimal: str}"
    )


def test_encoders_of_a_route_are_by_class() -> None:
    def endpoint() -> None: ...

    with pytest.raises(
        DeclarationError, match=re.escape("`encoders=` has <class 'str'> for 'Money'")
    ):
        App().get("/", encoders={"Money": str})(endpoint)  # type: ignore[dict-item]
