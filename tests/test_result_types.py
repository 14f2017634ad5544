"""Of which types results may be, and what is said of the others when the route is added."""

import collections
import dataclasses
import decimal
import enum
import fractions
import io
import numbers
import pathlib
import re
import types
import typing
import zoneinfo
from collections import abc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, NamedTuple, NewType, Protocol, TypeVar

import attrs
import fastapi
import msgspec
import pydantic
import pytest
import sqlalchemy.orm
from fastapi.exceptions import FastAPIError
from typing_extensions import TypedDict

from microfw import App
from microfw.exceptions import ResponseTypeError
from microfw.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from microfw.testclient import TestClient


class Base(sqlalchemy.orm.DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: sqlalchemy.orm.Mapped[int] = sqlalchemy.orm.mapped_column(primary_key=True)
    name: sqlalchemy.orm.Mapped[str]
    password_hash: sqlalchemy.orm.Mapped[str]


class Plain:
    def __init__(self, name: str) -> None:
        self.name = name


class Iterated:
    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from vars(self).items()


class Feed(Iterable[int]):
    pass


class Shaped(Protocol):
    name: str


@dataclasses.dataclass
class Data:
    name: str


@attrs.define
class Attrs:
    name: str


@attrs.define
class AttrsHolder:
    user: User


class Model(pydantic.BaseModel):
    name: str


class Root(pydantic.RootModel[list[Model]]):
    pass


class Typed(TypedDict):
    name: str


class Point(NamedTuple):
    x: int


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Holder:
    user: User


class Day(datetime):
    pass


class Struct(msgspec.Struct):
    name: str


class StructHolder(msgspec.Struct):
    user: User | None


class OwnSchema:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler.generate_schema(str)


T = TypeVar("T")
Name = NewType("Name", str)

REFUSED: list[Any] = [
    *(User, list[User], dict[str, User], User | None, tuple[User, int], Annotated[User, "a"]),
    *(Iterable[User], abc.Sequence[User], list[User | Model], dict[str, list[User]], Holder),
    *(Plain, Iterated, list[Iterated], Feed, Shaped, User | Model, Mapping[str, Plain]),
    *(Exception, io.StringIO, types.SimpleNamespace, types.ModuleType, slice, timezone),
    *(
        collections.UserDict,
        numbers.Number,
        re.Match,
        typing.SupportsInt,
        abc.Sized,
        abc.Container[int],
    ),
    *(list[Response], typing.BinaryIO, sqlalchemy.orm.Session),
]
ACCEPTED: list[Any] = [
    *(Data, Model, Root, Typed, Point, Color, OwnSchema, list[Model], Model | None, Data | Model),
    *(dict[str, Data], tuple[Model, ...], tuple[int, str], Iterable[Data], abc.Sequence[Model]),
    *(set[int], frozenset[str], collections.deque[int], collections.OrderedDict[str, int]),
    *(collections.Counter[str], collections.defaultdict[str, int], Mapping[str, Model]),
    *(str, bytes, int, float, bool, None, Any, object, Name, T, typing.Literal["a", 1]),
    *(datetime, decimal.Decimal, fractions.Fraction, complex, pathlib.Path, zoneinfo.ZoneInfo),
    *(re.Pattern, re.Pattern[str], typing.Hashable, Callable[[int], int], type[int], enum.Enum),
    *(Response, JSONResponse, RedirectResponse, StreamingResponse, pydantic.SecretStr),
    *(pydantic.HttpUrl, pydantic.Json, Annotated[str, "a"]),
]
OUR_OWN: list[Any] = [
    *(Struct, list[Struct], Struct | None, Attrs, Day, bytearray, memoryview),
    *(collections.UserString, abc.Collection[int], Iterator[int], Response | None),
    *(RedirectResponse | Model, abc.KeysView[str]),
]
"""What FastAPI refuses."""


def add(app: Any, annotation: Any) -> None:
    def read_value(): ...

    read_value.__annotations__["return"] = annotation
    app.get("/")(read_value)


@pytest.mark.parametrize("annotation", REFUSED, ids=str)
def test_a_class_that_is_no_type_of_values_is_refused_as_in_fastapi(annotation):
    with pytest.raises(FastAPIError):
        add(fastapi.FastAPI(), annotation)
    with pytest.raises(ResponseTypeError, match="is not a type of values"):
        add(App(), annotation)
    with pytest.raises(ResponseTypeError, match="is not a type of values"):
        App().get("/", response_model=annotation)(lambda: None)

    App().get("/", response_model=None)(lambda: None)


@pytest.mark.parametrize("annotation", [StructHolder, list[StructHolder], AttrsHolder])
def test_so_is_one_that_a_field_is_of(annotation):
    with pytest.raises(ResponseTypeError, match="User is not a type of values"):
        add(App(), annotation)


@pytest.mark.parametrize("annotation", ACCEPTED, ids=str)
def test_what_fastapi_accepts_is_accepted(annotation):
    add(fastapi.FastAPI(), annotation)
    add(App(), annotation)


@pytest.mark.parametrize("annotation", OUR_OWN, ids=str)
def test_some_that_fastapi_refuses_are_types_of_values_too(annotation):
    with pytest.raises(FastAPIError):
        add(fastapi.FastAPI(), annotation)
    add(App(), annotation)


@pytest.mark.parametrize("items", [AsyncIterator[User], AsyncIterator[User | Model]], ids=str)
def test_so_are_the_items_of_a_stream(items):
    async def read_users():
        yield None

    read_users.__annotations__["return"] = items

    with pytest.raises(ResponseTypeError, match="User is not a type of values"):
        App().get("/")(read_users)


def test_the_error_says_what_to_write(app):
    with pytest.raises(ResponseTypeError) as raised:

        @app.get("/users/{user_id}")
        async def read_user(user_id: int) -> User:
            return User(id=user_id, name="ada", password_hash="secret")

    line = raised.value.where.rpartition(":")[2].rstrip(")")
    assert str(raised.value) == (
        f"'read_user' returns {User!r}, which cannot be sent:"
        " User is not a type of values\n"
        f"  in:   test_the_error_says_what_to_write.<locals>.read_user ({__file__}:{line})\n"
        "  cure: annotate a type of values or a Response, or say response_model=None"
    )


def test_response_model_is_the_way_out(app):
    user = User(id=1, name="ada", password_hash="secret")

    @app.get("/whole", response_model=None)
    async def read_whole() -> User:
        return user

    @app.get("/public", response_model=Model)
    async def read_public() -> User:
        return user

    client = TestClient(app)
    assert client.get("/public").json() == {"name": "ada"}
    assert client.get("/whole").json() == {"id": 1, "name": "ada", "password_hash": "secret"}


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (complex, 1 + 2j, '"1+2j"'),
        (fractions.Fraction, fractions.Fraction(1, 2), '"1/2"'),
        (zoneinfo.ZoneInfo, zoneinfo.ZoneInfo("UTC"), '"UTC"'),
        (list[complex], [1j], '["1j"]'),
        (typing.Hashable, "a", '"a"'),
        (collections.Counter[str], collections.Counter("aa"), '{"a":2}'),
        (collections.Counter, collections.Counter("aa"), '{"a":2}'),
        (Day, Day(2020, 1, 2), '"2020-01-02T00:00:00"'),
        (collections.UserString, collections.UserString("a"), '"a"'),
        (OwnSchema, "a", '"a"'),
    ],
    ids=str,
)
def test_what_pydantic_knows_is_sent_as_it_writes_it(app, annotation, value, text):
    async def read_value():
        return value

    read_value.__annotations__["return"] = annotation
    app.get("/")(read_value)

    assert TestClient(app).get("/").text == text
