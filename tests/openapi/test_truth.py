"""What the schema of a body accepts, its reader accepts; and the reverse, apart from conversions.

Pydantic converts where nothing is lost, `"1"` to a number: what is answered is then another value than
what was sent. A body that is `null` counts as not sent.
"""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import hypothesis
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field

from microfw import App, Body
from microfw.testclient import TestClient

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=3)
    price: float | None = Field(None, ge=0)
    tags: list[str] = Field([], max_length=2)


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
    name: Annotated[str, msgspec.Meta(max_length=2)] = ""
    rest: list[int] = []


class Square(msgspec.Struct, tag="square"):
    side: float


class Circle(msgspec.Struct, tag="circle"):
    radius: int | None = None


KINDS: list[tuple[Any, Any]] = [  # and a value of each
    (bool, True),
    (int, 1),
    (str, "a"),
    (int | None, 1),
    (Annotated[int, Body(gt=1, le=7, multiple_of=2)], 4),
    (Annotated[str, Body(min_length=1, max_length=2, pattern="^a?b*$")], "ab"),
    (Annotated[list[int], Body(min_length=1, max_length=2)], [1]),
    (list[bool], [True]),
    (dict[str, int], {"a": 1}),
    (tuple[int, str], [1, "a"]),
    (set[int], [1]),
    (Literal["a", 1], "a"),
    (Colour, "red"),
    (Item, {"name": "a"}),
    (list[Item], [{"name": "a", "price": 1.5, "tags": ["b"]}]),
    (Annotated[Cat | Dog, Body(discriminator="kind")], {"kind": "cat", "lives": 1}),
    (Point, {"x": 1}),
    (Line, {"start": 1}),
    (Square | Circle, {"type": "square", "side": 1.5}),
    (dict[str, Line], {"a": {"start": 2, "rest": [1]}}),
]

words = st.sampled_from(
    ["", "a", "b", "ab", "red", "cat", "dog", "square", "circle", "1", "true", "x" * 5]
)
names = st.sampled_from(
    ["name", "price", "tags", "kind", "lives", "x", "y", "start", "rest", "type", "side", "radius"]
)
plain = st.none() | st.booleans() | st.integers(-3, 12) | st.floats(-2, 9, width=16) | words
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names | words, inner, max_size=3)
        | st.fixed_dictionaries(
            {}, optional={"name": words, "price": plain, "tags": st.lists(words, max_size=3)}
        )
        | st.fixed_dictionaries({"kind": words}, optional={"lives": plain})
        | st.fixed_dictionaries({"type": words}, optional={"side": plain, "radius": plain})
        | st.fixed_dictionaries({"start": plain}, optional={"name": words, "rest": inner})
        | st.fixed_dictionaries({"x": plain}, optional={"y": plain})
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(("kind", "example"), KINDS, ids=str)
def test_a_reader_takes_what_the_schema_does_and_what_it_takes_else_it_converts(
    kind: Any, example: Any
) -> None:
    app = App()

    async def give(it):
        return it

    give.__annotations__ = {
        "it": kind if hasattr(kind, "__metadata__") else Annotated[kind, Body()]
    }
    app.post("/", response_model=None)(give)
    document = app.openapi()
    described = document["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]
    schema = {**described["schema"], "components": document["components"]}
    accepts = Draft202012Validator(schema).is_valid
    client = TestClient(app)

    assert accepts(example)

    @settings(max_examples=60)
    @given(values.filter(lambda sent: sent is not None))  # which is no body
    @hypothesis.example(example)
    def agree(sent: Any) -> None:
        answer = client.post("/", json=sent)
        is_taken = answer.status_code == 200
        if accepts(sent):
            assert is_taken, (sent, answer.text)
        elif is_taken:
            assert json.dumps(answer.json(), sort_keys=True) != json.dumps(sent, sort_keys=True)

    agree()
