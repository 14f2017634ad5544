"""What values of the standard library, and of subclasses of its types, become in a response."""

import builtins
import collections
import contextlib
import contextvars
import decimal
import fractions
import io
import ipaddress
import json
import logging
import pathlib
import queue
import random
import re
import sqlite3
import threading
import types
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from microfw import App
from microfw.encoders import jsonable_encoder
from microfw.exceptions import ResponseValidationError
from microfw.responses import JSONResponse
from microfw.testclient import TestClient

returned: Any = None
"""What every endpoint of `app` returns."""

app = App()


@app.get("/undeclared")
async def return_undeclared():
    return returned


@app.get("/none", response_model=None)
async def return_without_model() -> Any:
    return returned


@app.get("/any")
async def return_any() -> Any:
    return returned


@app.get("/list")
async def return_list() -> list[Any]:
    return [returned]


@app.get("/values")
async def return_values() -> dict[str, Any]:
    return {"value": returned}


@app.get("/keys")
async def return_keys() -> dict[Any, int]:
    return {returned: 1}


@app.get("/included", response_model_exclude_none=True)
async def return_selected() -> Any:
    return {"value": returned}


UNDECLARED = ("/undeclared", "/none")
DECLARED = ("/any", "/list", "/values", "/included")

client = TestClient(app)


def sent(path: str, value: Any) -> Any:
    """The text of the answer with which a value is sent."""
    global returned
    returned = value
    response = client.get(path)
    assert response.status_code == 200
    return response.text


class DateTime(datetime):
    pass


class Date(date):
    pass


class Time(time):
    pass


class Duration(timedelta):
    pass


class Price(Decimal):
    pass


class Id(uuid.UUID):
    pass


class Text(str):
    pass


class Whole(int):
    pass


class Number(float):
    pass


class Data(bytes):
    pass


class Address(ipaddress.IPv4Address):
    pass


def as_datetime(value: datetime) -> datetime:
    parts = (value.year, value.month, value.day, value.hour, value.minute, value.second)
    return DateTime(*parts, value.microsecond, value.tzinfo, fold=value.fold)


def as_time(value: time) -> time:
    parts = (value.hour, value.minute, value.second, value.microsecond, value.tzinfo)
    return Time(*parts, fold=value.fold)


ZONES = st.none() | st.just(UTC) | st.just(zoneinfo.ZoneInfo("Europe/Berlin"))
PAIRS: dict[type[Any], st.SearchStrategy[tuple[Any, Any]]] = {
    datetime: st.datetimes(timezones=ZONES).map(lambda v: (v, as_datetime(v))),
    date: st.dates().map(lambda v: (v, Date(v.year, v.month, v.day))),
    time: st.times(timezones=st.none() | st.just(UTC)).map(lambda v: (v, as_time(v))),
    timedelta: st.timedeltas().map(lambda v: (v, Duration(v.days, v.seconds, v.microseconds))),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False).map(lambda v: (v, Price(v))),
    uuid.UUID: st.uuids().map(lambda v: (v, Id(int=v.int))),
    str: st.text().map(lambda v: (v, Text(v))),
    int: st.integers(-(2**70), 2**70).map(lambda v: (v, Whole(v))),
    float: st.floats().map(lambda v: (v, Number(v))),
    bytes: st.binary().map(lambda v: (v, Data(v))),
    ipaddress.IPv4Address: st.ip_addresses(v=4).map(lambda v: (v, Address(v))),
}
"""Values, with the same value as an instance of a subclass."""


@pytest.mark.parametrize("path", [*UNDECLARED, *DECLARED, "/keys"])
@given(st.one_of(list(PAIRS.values())))
def test_an_instance_of_a_subclass_is_sent_as_the_value_that_it_is(path, pair):
    value, same = pair

    assert sent(path, same) == sent(path, value)


# Pydantic, as FastAPI with it, writes bytes as text, and durations of subclasses by a float.
DECLARED_PAIRS = {
    **PAIRS,
    bytes: st.text().map(str.encode).map(lambda v: (v, Data(v))),
    timedelta: st.timedeltas(timedelta(), timedelta(days=5000)).map(
        lambda v: (v, Duration(v.days, v.seconds, v.microseconds))
    ),
}


@pytest.mark.parametrize("kind", PAIRS, ids=lambda kind: kind.__name__)
def test_so_it_is_where_the_type_itself_is_declared(kind):
    app = App()
    pairs: list[Any] = []

    async def read_value():
        return pairs[0]

    read_value.__annotations__["return"] = kind
    app.get("/")(read_value)
    client = TestClient(app)

    @given(DECLARED_PAIRS[kind])
    def check(pair):
        value, same = pair
        pairs[:] = [value]
        expected = client.get("/").text
        pairs[:] = [same]
        assert client.get("/").text == expected

    check()


@given(st.one_of(list(PAIRS.values())))
def test_jsonable_encoder_knows_instances_of_subclasses(pair):
    value, same = pair
    if not isinstance(value, bytes):  # which may be no text
        assert str(jsonable_encoder({same: same})) == str(jsonable_encoder({value: value}))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_text_where_a_type_is_declared_and_numbers_otherwise(value):
    assert [sent(path, value) for path in DECLARED] == [
        f'"{value}"',
        f'["{value}"]',
        f'{{"value":"{value}"}}',
        f'{{"value":"{value}"}}',
    ]
    assert [sent(path, value) for path in UNDECLARED] == [f"{value}", f"{value}"]


# ---------------------------------------------------------------------- what is no value


class Empty:
    pass


class Slotted:
    __slots__ = ("secret",)

    secret: int


class WithDict(Slotted):
    """Has a `__dict__`, in which nothing stands of what it holds."""


class Ratio(fractions.Fraction):
    pass


class Zone(zoneinfo.ZoneInfo):
    pass


class Posing:
    """Says that it is a date, and is none."""

    def __getattribute__(self, name: str) -> Any:
        return date if name == "__class__" else super().__getattribute__(name)


class Broken:
    __slots__ = ()

    def __repr__(self) -> str:
        raise RuntimeError


class NotATime(datetime):
    """As pandas' NaT, which has no year."""

    @property
    def year(self) -> Any:
        return float("nan")


class Iterated:
    def __iter__(self):
        raise TypeError("not today")


def holding_slots() -> WithDict:
    value = WithDict()
    value.secret = 1
    return value


NO_VALUES: dict[str, Callable[[], Any]] = {
    "an object without attributes": Empty,
    "an object with slots": Slotted,
    "an object whose data are in slots": holding_slots,
    "a plain object": object,
    "an exception": lambda: ValueError("a"),
    "a complex number": lambda: 1j,
    "a subclass of Fraction": lambda: Ratio(1, 2),
    "a subclass of ZoneInfo": lambda: Zone("UTC"),
    "a lock": threading.Lock,
    "values of a thread": threading.local,
    "a context variable": lambda: contextvars.ContextVar("a"),
    "a class": lambda: int,
    "a model's class": lambda: Public,
    "a function": lambda: len,
    "what poses as a date": Posing,
    "a mock of a date": lambda: Mock(spec=date),
    "a time that is none": lambda: NotATime(2020, 1, 1),
    "what cannot be iterated": Iterated,
    "what cannot be shown": Broken,
}


class Public(BaseModel):
    name: Any


@pytest.mark.parametrize("path", [*UNDECLARED, *DECLARED, "/keys"])
@pytest.mark.parametrize("make", NO_VALUES.values(), ids=list(NO_VALUES))
def test_what_is_no_value_is_an_error_that_names_it(make, path):
    global returned
    returned = value = make()

    with pytest.raises(ResponseValidationError) as raised:
        client.get(path)

    (error,) = raised.value.errors()
    kind = type(value)
    assert error["type"] == "value_error"
    assert error["loc"] == ("response",)
    assert error["msg"].startswith(
        f"Value error, a {kind.__module__}.{kind.__qualname__} is no JSON value: "
    )
    assert error["ctx"]["error"] == error["msg"].removeprefix("Value error, ")
    assert raised.value.endpoint_path == f"GET {path}"


def test_the_error_of_a_model_names_what_it_holds():
    app = App()

    @app.get("/")
    async def read_public() -> Public:
        return Public(name=Empty())

    with pytest.raises(ResponseValidationError, match="Empty"):
        TestClient(app).get("/")


@pytest.mark.parametrize("make", [Empty, Slotted, holding_slots, object, lambda: Public])
def test_jsonable_encoder_sees_nothing_on_such_values_either(make):
    with pytest.raises(ValueError, match="nothing can be seen on"):
        jsonable_encoder(make())


def made_without_arguments() -> list[Any]:
    """Instances of all classes in some modules that can be made so."""
    made: list[Any] = []
    for module in (builtins, collections, contextvars, decimal, io, logging, queue, random, types):
        for kind in vars(module).values():
            if isinstance(kind, type):
                with contextlib.suppress(Exception):
                    made.append(kind())
    return made


def test_nothing_that_is_no_mapping_becomes_an_empty_object():
    global returned
    patient = TestClient(app, raise_server_exceptions=False)
    values = made_without_arguments()

    assert len(values) > 100
    for returned in values:
        is_empty = isinstance(returned, Mapping | contextvars.Context | types.SimpleNamespace)
        assert (patient.get("/undeclared").text == "{}") == is_empty, returned


# ---------------------------------------------------------------------- what FastAPI encodes


def test_a_row_of_a_database_is_an_object():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row

    row = connection.execute("select 1 as id, 'ada' as name").fetchone()

    assert sent("/undeclared", row) == '{"id":1,"name":"ada"}'
    connection.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (collections.UserString("a"), '"a"'),
        (collections.UserDict(a=1), '{"a":1}'),
        (collections.UserList([1]), "[1]"),
        (types.SimpleNamespace(), "{}"),
        (re.compile("a"), '"a"'),
        (pathlib.PurePosixPath("/a"), '"/a"'),
        ({memoryview(b"a"): 1}, '{"YQ==":1}'),
    ],
)
def test_what_has_a_meaning_is_sent(value, text):
    assert sent("/undeclared", value) == text


class Proxy:
    """Stands for another object, whose class it shows, as those of wrapt and werkzeug do."""

    def __init__(self, wrapped: Any) -> None:
        object.__setattr__(self, "_wrapped", wrapped)

    def __getattribute__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_wrapped"), name)

    def __eq__(self, other: object) -> bool:
        return bool(object.__getattribute__(self, "_wrapped") == other)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(object.__getattribute__(self, "_wrapped"))


@pytest.mark.parametrize(
    "value",
    [
        datetime(2020, 1, 2, 3, tzinfo=UTC),
        date(2020, 1, 2),
        time(3, 4),
        timedelta(1, 2),
        uuid.UUID(int=1),
        Public(name="ada"),
    ],
)
def test_a_proxy_is_sent_as_that_for_which_it_stands(value):
    assert sent("/undeclared", Proxy(value)) == sent("/undeclared", value)
    assert jsonable_encoder(Proxy(value)) == jsonable_encoder(value)


class Timestamp(datetime):
    """Has nanoseconds, as pandas' timestamps."""

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        return f"{super().isoformat(sep, timespec)}.000000001"

    def __eq__(self, _: object) -> bool:
        return False

    __hash__ = datetime.__hash__


def test_a_time_of_day_loses_no_nanoseconds():
    assert sent("/any", Timestamp(2020, 1, 2)) == '"2020-01-02T00:00:00.000000001"'


def test_what_asyncpg_returns_as_uuid_is_sent_as_one():
    asyncpg = pytest.importorskip("asyncpg")
    value = asyncpg.pgproto.pgproto.UUID(str(uuid.UUID(int=1)))

    assert [sent(path, value) for path in ("/any", "/keys")] == [
        '"00000000-0000-0000-0000-000000000001"',
        '{"00000000-0000-0000-0000-000000000001":1}',
    ]


def test_what_freezegun_makes_of_the_current_time_is_sent():
    freezegun = pytest.importorskip("freezegun")
    with freezegun.freeze_time("2020-01-02"):
        values = [datetime.now(UTC), date.today()]

    assert sent("/any", values) == '["2020-01-02T00:00:00Z","2020-01-02"]'
    assert json.loads(sent("/keys", values[1])) == {"2020-01-02": 1}


def test_times_are_sent_while_freezegun_has_replaced_their_classes_everywhere():
    freezegun = pytest.importorskip("freezegun")
    with freezegun.freeze_time("2020-01-02"):
        values = [datetime.now(UTC), date.today()]
        answers = [sent("/any", values), sent("/keys", values[1]), sent("/keys", values[0])]
        encoded = jsonable_encoder({"values": values})

    assert answers == [
        '["2020-01-02T00:00:00Z","2020-01-02"]',
        '{"2020-01-02":1}',
        '{"2020-01-02T00:00:00Z":1}',
    ]
    assert encoded == {"values": ["2020-01-02T00:00:00+00:00", "2020-01-02"]}


def test_what_pendulum_makes_is_sent():
    pendulum = pytest.importorskip("pendulum")
    values = [
        pendulum.datetime(2020, 1, 2, tz="Europe/Paris"),
        pendulum.date(2020, 1, 2),
        pendulum.time(3, 4),
        pendulum.duration(days=1, seconds=2),
        pendulum.date(2020, 1, 2) - pendulum.date(2020, 1, 1),
    ]

    texts = ["2020-01-02T00:00:00+01:00", "2020-01-02", "03:04:00", "P1DT2S", "P1D"]
    assert json.loads(sent("/any", values)) == texts
    assert [json.loads(sent("/keys", value)) for value in values] == [{text: 1} for text in texts]


# ---------------------------------------------------------------------- jsonable_encoder


def test_an_exception_in_an_error_is_what_it_is_in_fastapi():
    assert jsonable_encoder({"ctx": {"error": ValueError("a")}}) == {"ctx": {"error": {}}}
    assert JSONResponse({"error": ValueError("a")}).body == b'{"error":{}}'


class Failing:
    def __init__(self) -> None:
        self.name = "ada"

    def __iter__(self):
        raise RuntimeError("not today")


class Closed(Failing):
    __slots__ = ()

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("closed")


def test_jsonable_encoder_sees_the_attributes_of_what_cannot_be_iterated():
    assert jsonable_encoder(Failing()) == {"name": "ada"}


def test_jsonable_encoder_refuses_what_lets_nothing_be_seen():
    with pytest.raises(ValueError, match=r"nothing can be seen on <.*Closed") as raised:
        jsonable_encoder(Closed())

    assert str(raised.value.__cause__) == "not today"
