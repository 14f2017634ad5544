"""An application with a route for each place that values come from, with dependencies to exit.

Its routes send back what they were given, so that whatever was accepted has to be encoded again.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import pydantic
from starlette.datastructures import FormData
from typing_extensions import TypedDict

from microfw import (
    App,
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    HTTPException,
    Path,
    Query,
    Request,
    UploadFile,
    WebSocket,
)
from microfw.exceptions import RequestValidationError
from microfw.responses import JSONResponse

app = App(form_limits={"max_part_size": 50_000})
opened: list[str] = []
"""The dependencies that have been set up and have not exited."""


async def get_session(session: Annotated[int, Header()] = 0) -> AsyncIterator[int]:
    opened.append("session")
    try:
        yield session
    finally:
        opened.remove("session")


async def get_unit(
    session: Annotated[int, Depends(get_session)], unit: Annotated[int, Cookie(ge=0)] = 1
) -> AsyncIterator[int]:
    opened.append("unit")
    try:
        yield session + unit
    finally:
        opened.remove("unit")


def get_connection() -> Iterator[str]:
    opened.append("connection")
    try:
        yield "connection"
    finally:
        opened.remove("connection")


WITH_UNIT = [Depends(get_session, scope="request"), Depends(get_unit)]


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: float
    y: float


class Struct(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    size: Annotated[int, msgspec.Meta(ge=0)] = 0
    tags: set[str] = set()
    when: datetime | None = None


@dataclass
class Plain:
    number: int
    price: Decimal = Decimal(1)
    color: Color = Color.RED
    length: timedelta = timedelta()
    path: FilePath = FilePath()
    parts: list["Plain"] = field(default_factory=list["Plain"])


class Typed(TypedDict, total=False):
    day: date
    hour: time
    guide: UUID
    raw: bytes
    point: Point


class Model(pydantic.BaseModel):
    name: Annotated[str, pydantic.Field(pattern="^[a-z]+$")]
    number: int | float | None = None
    children: list["Model"] = []
    secret: pydantic.SecretStr | None = None
    url: pydantic.HttpUrl | None = None


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str] = []


class Filters(msgspec.Struct):
    limit: Annotated[int, msgspec.Meta(ge=1)] = 1
    since: date | None = None
    tag: list[int] = []


class StrictFilters(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    limit: int = 1
    tag: list[Decimal] = []


@dataclass
class Fields:
    limit: int
    word: str = ""
    files: list[UploadFile] = field(default_factory=list[UploadFile])


BODIES: dict[str, Any] = {
    "struct": Struct,
    "dataclass": Plain,
    "typed": Typed,
    "model": Model,
    "models": dict[str, Model] | list[Model],
    "tagged": Cat | Dog,
    "union": Plain | list[int] | dict[str, Point] | None,
    "mapping": dict[int, tuple[Decimal, float]],
    "points": Annotated[set[tuple[int, ...]], Body(max_length=3)],
    "any": Annotated[Any, Body()],
    "integer": Annotated[int, Body(ge=0)],
    "float": Annotated[float, Body(multiple_of=0.5)],
    "decimal": Annotated[Decimal, Body(max_digits=20)],
    "text": Annotated[str, Body(pattern=r"^\w+$")],
    "bytes": Annotated[bytes, Body()],
    "moment": Annotated[datetime | timedelta | time, Body()],
    "literal": Annotated[Literal["a", 1, None], Body()],
}


def add_body_route(name: str, annotation: Any) -> None:
    async def endpoint(value: Any = None) -> Any:
        return value

    endpoint.__annotations__["value"] = annotation
    endpoint.__annotations__["return"] = Any
    endpoint.__defaults__ = None
    app.add_api_route(f"/body/{name}", endpoint, methods=["POST"], dependencies=WITH_UNIT)


for _name, _annotation in BODIES.items():
    add_body_route(_name, _annotation)


@app.post("/body/several", dependencies=WITH_UNIT)
async def take_several(
    struct: Struct, plain: Plain | None = None, number: Annotated[int, Body()] = 0
) -> Any:
    return [struct, plain, number]


@app.post("/body/raw", dependencies=WITH_UNIT)
async def take_raw(request: Request) -> Any:
    try:
        return type(await request.json()).__name__
    except (ValueError, RecursionError):
        raise HTTPException(400, "no JSON that can be read") from None


@app.post("/body/sync")
def take_in_thread(model: Model, connection: Annotated[str, Depends(get_connection)]) -> Model:
    return model


@app.get("/path/{text}/{number}/{moment}", dependencies=WITH_UNIT)
async def read_path(
    text: Annotated[str, Path(max_length=10)], number: int, moment: datetime | timedelta
) -> Any:
    return [text, number, moment]


@app.get("/rest/{rest:path}", dependencies=WITH_UNIT)
async def read_rest(rest: FilePath) -> Any:
    return rest


@app.get("/converted/{whole:int}/{part:float}/{guide:uuid}/", dependencies=WITH_UNIT)
async def read_converted(whole: int, part: float, guide: UUID) -> Any:
    return [whole, part, guide]


@app.get("/query", dependencies=WITH_UNIT)
async def read_query(
    number: Annotated[int | None, Query(alias="limit", ge=0)] = None,
    word: Annotated[str, Query(pattern="^[^x]*$", max_length=9)] = "",
    price: Annotated[Decimal | None, Query(decimal_places=2)] = None,
    ratio: Annotated[float, Query(le=1, allow_inf_nan=False)] = 0,
    moment: datetime | None = None,
    hour: time | None = None,
    length: timedelta | None = None,
    guide: UUID | None = None,
    color: Color | None = None,
    yes: bool | None = None,
    tag: Annotated[list[int] | None, Query()] = None,
    raw: bytes = b"",
    url: pydantic.HttpUrl | None = None,
) -> Any:
    return [number, word, price, ratio, moment, hour, length, guide, color, yes, tag, raw, url]


@app.get("/query/group", dependencies=WITH_UNIT)
async def read_query_group(filters: Annotated[Filters, Query()]) -> Any:
    return filters


@app.get("/query/strict", dependencies=WITH_UNIT)
async def read_strict_query(filters: Annotated[StrictFilters, Query()]) -> Any:
    return filters


@app.get("/headers", dependencies=WITH_UNIT)
async def read_headers(
    limit: Annotated[int, Header()] = 0,
    word: Annotated[str, Header()] = "",
    tag: Annotated[list[Decimal], Header()] = [],  # noqa: B006
    host: Annotated[str | None, Header()] = None,
    cookie: Annotated[bytes, Header()] = b"",
) -> Any:
    return [limit, word, tag, host, cookie]


@app.get("/headers/group", dependencies=WITH_UNIT)
async def read_header_group(
    filters: Annotated[Filters, Header()], strict: Annotated[StrictFilters, Header()]
) -> Any:
    return [filters, strict]


@app.get("/cookies", dependencies=WITH_UNIT)
async def read_cookies(
    limit: Annotated[int, Cookie()] = 0,
    word: Annotated[str, Cookie(max_length=9)] = "",
    moment: Annotated[datetime | None, Cookie()] = None,
) -> Any:
    return [limit, word, moment]


@app.get("/cookies/group", dependencies=WITH_UNIT)
async def read_cookie_group(filters: Annotated[StrictFilters, Cookie()]) -> Any:
    return filters


@app.post("/form", dependencies=WITH_UNIT)
async def read_form(
    limit: Annotated[int, Form(ge=0)],
    word: Annotated[str, Form(max_length=9)] = "",
    tag: Annotated[list[float] | None, Form()] = None,
) -> Any:
    return [limit, word, tag]


@app.post("/form/group", dependencies=WITH_UNIT)
async def read_form_group(fields: Annotated[Fields, Form()]) -> Any:
    return [fields.limit, fields.word, [file.filename for file in fields.files]]


@app.post("/form/strict", dependencies=WITH_UNIT)
async def read_strict_form(filters: Annotated[StrictFilters, Form()]) -> Any:
    return filters


@app.post("/files", dependencies=WITH_UNIT)
async def read_files(
    file: UploadFile | None = None,
    files: list[UploadFile] = [],  # noqa: B006
    content: Annotated[bytes, File(max_length=100)] = b"",
    word: Annotated[str, Form()] = "",
) -> Any:
    received = [*files, *([file] if file else [])]
    return [
        [[each.filename, each.size, each.content_type, dict(each.headers)] for each in received],
        [len(await each.read()) for each in received],
        content,
        word,
    ]


@app.websocket("/socket/{number}")
async def talk(
    websocket: WebSocket,
    number: int,
    connection: Annotated[str, Depends(get_connection)],
    unit: Annotated[int, Depends(get_unit, scope="request")],
    filters: Annotated[Filters, Query()],
    word: Annotated[str, Header(max_length=9)] = "",
    moment: Annotated[datetime | None, Cookie()] = None,
) -> None:
    """Say everything again."""
    if number == 401:
        raise HTTPException(401)
    await websocket.accept(next(iter(websocket.scope["subprotocols"]), None))
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if message.get("text") is not None:
            await websocket.send_text(message["text"])
        else:
            await websocket.send_bytes(message["bytes"])


@app.get("/broken/{how}")
async def break_promises(how: Literal["500", "logged", "forged", "leaky", "open"]) -> str | None:
    if how == "500":
        raise HTTPException(500)
    if how == "logged":
        logging.getLogger("application").error("broken")
    if how == "forged":
        logging.getLogger("application").warning("a line\nand another")
    if how == "open":
        opened.append(how)
    return __file__ if how == "leaky" else None


@app.websocket("/broken")
async def break_off(websocket: WebSocket) -> None:
    raise LookupError


@app.exception_handler(RequestValidationError)
async def show_all(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer with the errors, and with all that was received."""
    body = error.body
    shown = sorted(map(str, body)) if isinstance(body, FormData) else repr(body)
    return JSONResponse({"detail": error.errors(), "received": shown}, 422)


# ---------------------------------------------------------------------- where to send what

JSON_PATHS = [f"/body/{name}" for name in [*BODIES, "several", "raw", "sync"]]
FORM_PATHS = ["/form", "/form/group", "/form/strict", "/files"]
TEXT_PATHS = ["/query", "/query/group", "/query/strict", "/headers", "/headers/group"]
TEXT_PATHS += ["/cookies", "/cookies/group"]

VALID: dict[str, Any] = {
    "struct": {"name": "a", "size": 1, "tags": ["b"], "when": "2020-01-01T00:00:00Z"},
    "dataclass": {
        "number": 1,
        "price": "9.90",
        "color": "red",
        "length": "PT1H",
        "path": "a/b",
        "parts": [{"number": 2, "length": 60}],
    },
    "typed": {
        "day": "2020-01-01",
        "hour": "10:30",
        "guide": "7b1c3a52-4c0d-4f6e-9a7d-2f1e5c8b9a00",
        "raw": "AAAA",
        "point": [1, 2.5],
    },
    "model": {
        "name": "a",
        "number": 1.5,
        "children": [{"name": "b", "children": []}],
        "secret": "s",
        "url": "http://a.example/b",
    },
    "tagged": {"type": "cat", "lives": 9},
    "mapping": {"1": ["1.5", 2]},
    "points": [[1, 2], [3]],
    "several": {"struct": {"name": "a"}, "plain": {"number": 1}, "number": 1},
    "integer": 1,
    "float": 1.5,
    "decimal": "1.5",
    "moment": "2020-01-01T00:00:00+01:00",
}
"""A body for each of these routes that fits."""

# ---------------------------------------------------------------------- under which names

KEYS = ["type", "struct", "plain", "1"]
"""The keys that JSON may have."""
for _model in (Struct, Plain, Typed, Point, Model, Cat, Dog):
    KEYS += _model.__annotations__

NAMES = ["limit", "session", "unit"]
"""The names that other values may have."""
for _endpoint in (read_query, read_files, Filters):
    NAMES += _endpoint.__annotations__
