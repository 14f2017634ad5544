"""What the schema of a body accepts, its reader accepts; and the reverse, apart from conversions.

Pydantic converts where nothing is lost, `"1"` to a number, and a list with repetitions to a set. Only
that explains a value which the reader takes and the schema does not. A body that is `null` counts as
not sent.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic.alias_generators import to_camel

from microfw import App, Body, File, Form, UploadFile
from microfw.testclient import TestClient
from tests.asgi import Answer, request

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=3)
    price: float | None = Field(default=None, ge=0)
    tags: list[str] = Field(default=[], max_length=2)


class Crate(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    first_item: Item
    colour: Colour = Colour.BLUE
    net_weight: Annotated[int, Field(gt=0, lt=9)] | None
    labels: dict[str, int] = Field(default={"a": 1}, min_length=1)


class Box(BaseModel):
    width: int = 1
    depth: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.width * self.depth


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(gt=0)


class Dog(BaseModel):
    kind: Literal["dog"]


@dataclass
class Point:
    x: int
    y: int = 0


class Line(msgspec.Struct, forbid_unknown_fields=True):
    start: Annotated[int, msgspec.Meta(ge=1, le=9)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=2, pattern="^a")] = "a"
    rest: list[int] = []


class Track(msgspec.Struct, rename="camel"):
    first_line: Line
    net_length: Annotated[float, msgspec.Meta(gt=0, lt=9)] | None
    colour: Colour = Colour.RED
    max_speed: int = 3
    marks: Annotated[list[Literal["a", "b"]], msgspec.Meta(max_length=2)] = []


class Square(msgspec.Struct, tag="square"):
    side: float


class Circle(msgspec.Struct, tag="circle"):
    radius: int | None = None


ITEM = {"name": "a", "price": 1.5, "tags": ["b"]}
CRATE = {"firstItem": ITEM, "colour": "red", "netWeight": 3, "labels": {"a": 1}}
LINE = {"start": 2, "name": "ab", "rest": [1]}
TRACK = {"firstLine": LINE, "netLength": 3.5, "colour": "blue", "maxSpeed": 4, "marks": ["a"]}

KINDS: list[tuple[Any, Any]] = [  # and a value of each
    (bool, True),
    (int, 1),
    (float, 1.5),
    (str, "a"),
    (int | None, 1),
    (Annotated[int, Body(gt=1, le=7, multiple_of=2)], 4),
    (Annotated[float, Body(ge=1, lt=7)], 4.0),
    (Annotated[str, Body(min_length=1, max_length=2, pattern="^a?b*$")], "ab"),
    (Annotated[list[int], Body(min_length=1, max_length=2)], [1]),
    (list[bool], [True]),
    (dict[str, int], {"a": 1}),
    (Annotated[dict[str, int], Body(min_length=1, max_length=1)], {"a": 1}),
    (tuple[int, str], [1, "a"]),
    (set[int], [1]),
    (Literal["a", 1], "a"),
    (Colour, "red"),
    (Item, ITEM),
    (Item | None, ITEM),
    (list[Item], [ITEM]),
    (Crate, CRATE),
    (list[Crate | int], [CRATE, 1]),
    (Annotated[Cat | Dog, Body(discriminator="kind")], {"kind": "cat", "lives": 1}),
    (Box, {"width": 2, "depth": 3}),
    (Point, {"x": 1, "y": 2}),
    (Line, LINE),
    (Line | None, LINE),
    (Track, TRACK),
    (list[Track | None], [TRACK, None]),
    (Square | Circle, {"type": "square", "side": 1.5}),
    (Square | Circle | None, {"type": "circle", "radius": 1}),
    (dict[str, Line], {"a": LINE}),
    (Annotated[list[Line], Body(min_length=1, max_length=2)], [LINE]),
    (Annotated[Line, Body(embed=True)], {"it": LINE}),
    (Annotated[Item | None, Body(embed=True)], {"it": ITEM}),
    (Annotated[int, Body(embed=True, alias="no", gt=0)], {"no": 1}),
]

NAMES = ["name", "first_item", "netWeight", "net_weight", "first_line", "net_length", "it", "type"]
LEAVES = [
    *(None, True, -1, 0, 1, 2, 3, 6, 7, 8, 9, 10, 1.5, 6.5, 7.5, 0.0, 8.5, 9.5),
    *("", "a", "b", "ab", "aab", "xa", "red", "blue", "green", "cat", "dog", "square", "circle"),
    *("1", "true", [], [1], ["a", "b", "a"], [1, 2, 3], {}, {"a": 1}, {"kind": "dog"}),
    {"a": 1, "b": 2},
]


def changed(value: Any) -> Iterator[Any]:
    """A value with one change: a part replaced, left out, added, doubled or named otherwise."""
    yield from LEAVES
    if isinstance(value, dict):
        for key, inner in value.items():
            others = {name: each for name, each in value.items() if name != key}
            yield others
            yield from ({**others, key: each} for each in changed(inner))
            yield from ({**others, name: inner} for name in NAMES)
        yield {**value, "unknown": 1}
    if isinstance(value, list):
        yield value * 2
        yield value * 3
        for number, inner in enumerate(value):
            for each in changed(inner):
                yield [*value[:number], each, *value[number + 1 :]]


def is_conversion(errors: Any) -> bool:
    """Whether that a value is of another type than its schema says, or repeats itself, is all."""
    return all(map(_is_conversion, errors))


def _is_conversion(error: ValidationError) -> bool:
    allowed: Any = error.validator_value
    instance: Any = error.instance
    if error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for each in error.context:
            branches.setdefault(each.schema_path[0], []).append(each)
        return any(map(is_conversion, branches.values()))
    if error.validator == "type":
        return instance is not None
    if error.validator == "enum":
        return isinstance(instance, bool) and instance in [*allowed]
    return str(error.validator) == "uniqueItems"


class Route:
    """A route that answers what it has read, and what the document says of its body."""

    def __init__(self, annotation: Any, *default: Any) -> None:
        async def give(it):
            return it

        give.__annotations__ = {"it": annotation}
        give.__defaults__ = default or None
        self.app = App()
        self.app.post("/", response_model=None)(give)
        self.document = self.app.openapi()
        self.described = self.document["paths"]["/"]["post"]["requestBody"]
        ((self.media_type, content),) = self.described["content"].items()
        components = self.document["components"]
        self.schema: dict[str, Any] = {**content["schema"], "components": components}
        self.validator = Draft202012Validator(self.schema)

    def send(self, sent: Any) -> Answer:
        return request(self.app, "POST", "/", json.dumps(sent).encode())

    def check(self, sent: Any) -> None:
        answer = self.send(sent)
        errors = [*self.validator.iter_errors(sent)]
        if answer.status_code == 200:
            assert is_conversion(errors), (sent, errors)
            assert not errors or json.dumps(answer.json()) != json.dumps(sent), (sent, errors)
        else:
            assert answer.status_code == 422, answer.text
            assert errors, (sent, answer.text)


def test_bodies_of_one_type_have_their_own_limits_each() -> None:
    limits = [Body(gt=1), Body(gt=4), Body(le=4), Body()]
    kinds = [Annotated[int, each] for each in limits]
    kinds += [Annotated[list[int], Body(min_length=each)] for each in (1, 2)]
    kinds += [Annotated[list[Line], Body(min_length=each)] for each in (1, 2)]
    app = App()
    for number, kind in enumerate(kinds):

        async def give(it): ...

        give.__annotations__ = {"it": kind}
        app.post(f"/{number}")(give)
    for path, each in app.openapi()["paths"].items():
        schema = each["post"]["requestBody"]["content"]["application/json"]["schema"]
        accepts = Draft202012Validator({**schema, "components": app.openapi()["components"]})
        for sent in (1, 2, 4, 5, [], [1], [1, 2], [LINE], [LINE, LINE]):
            answer = request(app, "POST", path, json.dumps(sent).encode())
            assert accepts.is_valid(sent) == (answer.status_code == 200), (path, sent)


def as_body(kind: Any) -> Any:
    return kind if hasattr(kind, "__metadata__") else Annotated[kind, Body()]


@pytest.mark.parametrize(("kind", "example"), KINDS, ids=str)
def test_a_reader_takes_what_the_schema_does_and_what_it_takes_else_it_converts(
    kind: Any, example: Any
) -> None:
    route = Route(as_body(kind))
    assert route.validator.is_valid(example)
    assert route.send(example).status_code == 200
    seen: set[str] = set()
    for sent in changed(example):
        text = json.dumps(sent)
        if sent is not None and text not in seen:  # `null` is no body
            seen.add(text)
            route.check(sent)


@pytest.mark.parametrize(
    ("kind", "example"), [(Item, ITEM), (Crate, CRATE), (Line, LINE), (Track, TRACK)], ids=str
)
def test_the_default_of_a_field_is_what_is_read_where_it_is_not_sent(
    kind: Any, example: dict[str, Any]
) -> None:
    route = Route(as_body(kind))
    described = route.document["components"]["schemas"][kind.__name__]
    assert described["properties"].keys() == example.keys()
    for key, field in described["properties"].items():
        answer = route.send({name: each for name, each in example.items() if name != key})
        if key in described["required"]:
            assert (answer.status_code, field.get("default", ...)) == (422, ...)
        else:
            assert answer.json()[key] == field.get("default")  # `None` is left out


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (Annotated[int, Body()], 3),
        (Annotated[str | None, Body()], None),
        (Annotated[Colour, Body()], Colour.BLUE),
        (Annotated[Item | None, Body()], None),
        (Item, Item(name="b")),
        (Line, Line(start=3)),
        (Annotated[dict[str, int], Body(default_factory=dict)], ...),
        (Annotated[int, Body(gt=2)], ...),
        (Item, ...),
        (Track, ...),
    ],
    ids=str,
)
def test_a_body_is_required_unless_it_has_a_default_which_is_read_where_there_is_none(
    kind: Any, default: Any
) -> None:
    route = Route(kind) if default is ... else Route(kind, default)
    answer = request(route.app, "POST", "/")
    schema = route.schema
    if route.described.get("required", False):
        assert (answer.status_code, schema.get("default", ...)) == (422, ...)
    else:
        assert answer.status_code == 200
        if "default" in schema:
            assert answer.json() == schema["default"]
        else:
            assert answer.json() in (None, {})  # `None` says as much as nothing


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (Annotated[int, Body(embed=True, gt=0)], 5),
        (Annotated[Line | None, Body(embed=True)], None),
        (Annotated[Item, Body(embed=True)], Item(name="b")),
    ],
    ids=str,
)
def test_a_part_of_a_body_that_has_a_default_need_not_be_sent(kind: Any, default: Any) -> None:
    route = Route(kind, default)
    for part in ({}, {"it": 0}, {"it": 1}, {"it": LINE}, {"it": {"name": "a"}}):
        route.check(part)
    ((described,),) = (
        each["properties"].values()
        for name, each in route.document["components"]["schemas"].items()
        if name.startswith("Body_")
    )
    assert route.send({}).json() == described.get("default")


NOT_JSON = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("kind", "media_type", "sent", "read"),
    [
        (Annotated[int, Body()], "application/json", "1", 1),
        (Annotated[int, Body(media_type="text/vnd.number+json")], "text/vnd.number+json", "1", 1),
        (Annotated[str, Body(media_type="text/csv")], "text/csv", "a,b", "a,b"),
        (Annotated[bytes, Body(media_type="image/x")], "image/x", "a", "YQ=="),
        (Annotated[int, Form()], NOT_JSON, "it=1", 1),
        (Annotated[Point, Form()], NOT_JSON, "x=1&y=2", {"x": 1, "y": 2}),
        (
            Annotated[bytes, File()],
            "multipart/form-data",
            '--b\r\nContent-Disposition: form-data; name="it"; filename="f"\r\n\r\na\r\n--b--\r\n',
            "YQ==",
        ),
    ],
    ids=str,
)
def test_a_body_of_the_described_media_type_is_read(
    kind: Any, media_type: str, sent: str, read: Any
) -> None:
    route = Route(kind)
    assert route.media_type == media_type
    boundary = "; boundary=b" if "multipart" in media_type else ""
    answer = TestClient(route.app).post(
        "/", content=sent, headers={"content-type": media_type + boundary}
    )
    assert answer.json() == read


def test_a_body_of_several_parts_is_read_as_the_media_type_that_is_described() -> None:
    async def give(number: Annotated[int, Form()], other: Annotated[int, Body()]): ...

    async def keep(file: UploadFile): ...

    app = App()
    app.post("/form")(give)
    app.post("/file")(keep)
    paths = app.openapi()["paths"]
    types = [[*each["post"]["requestBody"]["content"]] for each in paths.values()]
    assert types == [[NOT_JSON], ["multipart/form-data"]]
    client = TestClient(app)
    assert client.post("/form", data={"number": 1, "other": 2}).status_code == 200
    assert client.post("/form", json={"number": 1, "other": 2}).status_code == 422
    assert client.post("/file", files={"file": b"a"}).status_code == 200
    assert client.post("/file", data={"file": "a"}).status_code == 422


def test_a_field_of_a_form_is_described_by_the_name_and_the_limits_by_which_it_is_read() -> None:
    class Order(BaseModel):
        model_config = ConfigDict(extra="forbid")
        number: int = Field(alias="no", gt=0)
        size: Literal["s", "m"] = "m"

    route = Route(Annotated[Order, Form()])
    client = TestClient(route.app)
    for no in ({}, {"no": 0}, {"no": 1}, {"number": 1}, {"no": 1, "number": 1}):
        for size in ({}, {"size": "s"}, {"size": "m"}, {"size": "l"}, {"Size": "s"}):
            sent: dict[str, Any] = {**no, **size}
            answer = client.post("/", data=sent)
            assert route.validator.is_valid(sent) == (answer.status_code == 200), sent
