"""What the schema of a parameter accepts, its reader accepts; and the reverse, apart from conversions.

A parameter is text. What that is in JSON, its schema says: `1` may be a number and a text. Pydantic
converts further text, `yes` to `true`: what is answered is then no reading of what was sent.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

import hypothesis
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from microfw import App, Cookie, Header, Path, Query
from microfw.testclient import TestClient
from tests.openapi.test_truth import Colour

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


class Paging(BaseModel):
    page: int = Field(ge=1, le=3)
    sort: Literal["a", "b"] = "a"
    size: float | None = Field(None, gt=1)


class Span(msgspec.Struct):
    start: Annotated[int, msgspec.Meta(ge=1, le=9)]
    name: Annotated[str, msgspec.Meta(max_length=2)] = ""
    rest: bool = False


Small = Annotated[int, msgspec.Meta(ge=1, le=9)]

SCALARS: dict[str, tuple[Any, dict[str, Any], Any]] = {  # type, limits, and a value
    "bool": (bool, {}, True),
    "int": (int, {}, 1),
    "float": (float, {}, 1.5),
    "str": (str, {}, "a"),
    "int | None": (int | None, {}, 1),
    "int | bool": (int | bool, {}, 1),
    "number": (int, {"gt": 1, "le": 7, "multiple_of": 2}, 4),
    "text": (str, {"min_length": 1, "max_length": 2, "pattern": "^a?b*$"}, "ab"),
    "literal": (Literal["a", "red"], {}, "a"),
    "enum": (Colour, {}, "red"),
    "number of msgspec's": (Small, {}, 2),
    "number of msgspec's with a limit": (Annotated[int, msgspec.Meta(ge=1)], {"lt": 5}, 2),
    "text of msgspec's": (Annotated[str, msgspec.Meta(min_length=2, max_length=2)], {}, "ab"),
}
LISTS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "list": (list[int], {}, [1]),
    "short list": (list[str], {"min_length": 2, "max_length": 2}, ["a", "b"]),
    "set": (set[bool], {}, [True]),
    "list of msgspec's": (list[Small], {"max_length": 2}, [1, 9]),
}
GROUPS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "model": (Paging, {}, {"page": 1, "sort": "b", "size": 2}),
    "struct": (Span, {}, {"start": 1, "name": "ab", "rest": True}),
}
CASES = [
    (source, name, kind)
    for source, kinds in (
        (Path, SCALARS),
        (Query, SCALARS | LISTS | GROUPS),
        (Header, SCALARS | LISTS | GROUPS),
        (Cookie, SCALARS | GROUPS),
    )
    for name, kind in kinds.items()
]

words = st.sampled_from(["", "a", "b", "ab", "abb", "red", "blue", "1", "1.5", "true", "yes"])
plain = st.booleans() | st.integers(-3, 12) | st.floats(-2, 9, width=16) | words
values = plain | st.lists(plain, min_size=1, max_size=3)


def near(value: Any) -> st.SearchStrategy[Any]:
    """Values like one that is accepted, among them many that are."""
    if isinstance(value, list):
        return st.lists(st.sampled_from(value), min_size=1, max_size=4)
    if isinstance(value, str):
        return st.sampled_from([value, value[:1], value * 2])
    return st.just(value)


def text_of(value: Any) -> str:
    """A value as clients write it: whole numbers without a point."""
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def texts_of(value: Any) -> list[str]:
    return [text_of(each) for each in (value if isinstance(value, list) else [value])]


def readings(texts: Sequence[str], *, is_list: bool) -> Iterator[Any]:
    """What texts may be in JSON."""
    for combined in itertools.product(*map(_readings_of_one, texts)):
        yield [*combined] if is_list else combined[-1]


def _readings_of_one(text: str) -> list[Any]:
    try:
        return [text, json.loads(text)]
    except ValueError:
        return [text]


def request(client: TestClient, place: str, sent: dict[str, list[str]]) -> Any:
    pairs = [(name, text) for name, texts in sent.items() for text in texts]
    if place == "path":
        return client.get(f"/{quote(pairs[0][1], safe='')}")
    if place == "query":
        return client.get("/", params=sent)
    if place == "header":
        return client.get("/", headers=pairs)
    return client.get("/", headers={"cookie": "; ".join(f"{n}={t}" for n, t in pairs)})


def dumped(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(
    ("source", "name", "kind"), CASES, ids=[f"{case[0].__name__} {case[1]}" for case in CASES]
)
def test_a_reader_takes_what_the_schema_does_and_what_it_takes_else_it_converts(
    source: Any, name: str, kind: tuple[Any, dict[str, Any], Any]
) -> None:
    annotation, limits, value = kind
    is_group = name in GROUPS
    app = App()

    async def give(it: Any) -> Any:
        return it if is_group else {"it": it}

    give.__annotations__ = {"it": Annotated[annotation, source(**limits)]}
    app.get("/{it}" if source is Path else "/", response_model=None)(give)
    client = TestClient(app)
    (operations,) = app.openapi()["paths"].values()
    components = app.openapi().get("components", {})
    parameters = {each["name"]: each for each in operations["get"]["parameters"]}
    place = operations["get"]["parameters"][0]["in"]
    accepts = {
        key: Draft202012Validator({**each["schema"], "components": components}).is_valid
        for key, each in parameters.items()
    }
    example = value if is_group else {"it": value}
    assert all(accepts[key](each) for key, each in example.items())
    usual = plain if place in ("path", "cookie") else values
    each_value = {key: usual | near(example[key]) for key in parameters}
    always, optional = (each_value, {}) if place == "path" else ({}, each_value)

    @settings(max_examples=40)
    @given(st.fixed_dictionaries(always, optional=optional))
    @hypothesis.example(example)
    def agree(sent: dict[str, Any]) -> None:
        texts = {key: texts_of(each) for key, each in sent.items()}
        if place == "path" and texts["it"] == [""]:
            return  # which is another path
        answer = request(client, place, texts)
        is_taken = answer.status_code == 200
        is_whole = all(key in sent for key, each in parameters.items() if each["required"])
        if is_whole and all(accepts[key](each) for key, each in sent.items()):
            assert is_taken, (sent, answer.text)
        elif is_taken:
            assert is_whole
            for key, each in texts.items():
                is_list = isinstance(answer.json()[key], list)
                read = [*readings(each, is_list=is_list)]
                is_converted = dumped(answer.json()[key]) not in map(dumped, read)
                assert is_converted or any(map(accepts[key], read)), (sent, answer.text)

    agree()
