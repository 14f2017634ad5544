"""What readers make of a request."""

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

import annotated_types
import msgspec
import pydantic
import pytest
from starlette.requests import Request

from microfw import Body, Cookie, Header, Path, Query
from microfw._reading.binding import RequestBinder
from microfw._reading.values import BrokenJSON
from microfw.dependencies import Reader, Site, describe

INVALID = object()
ONE_TAG = ["x"]


class Item(msgspec.Struct):
    name: str
    price: float = 1.0


SAW = Item("saw")


class Model(pydantic.BaseModel):
    name: str


class Color(enum.Enum):
    RED = "red"


@dataclass
class Exchange:
    connection: Request
    body: bytes = b""
    decoded_body: Any = None
    query_values: Any = None
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def scope(self):
        return self.connection.scope

    def invalid(self, errors):
        self.errors.extend(errors)
        return INVALID


def read(
    endpoint: Any,
    *,
    query: str = "",
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    path: Mapping[str, Any] = MappingProxyType({}),
    body: Any = b"",
) -> tuple[list[Any], Exchange]:
    """Read all parameters of a function from one request."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
        "path_params": path,
    }
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = Exchange(Request(scope), data)
    signature = describe(endpoint)
    site = Site(signature, (signature.name,))
    binder = RequestBinder(path)
    sources = [binder(parameter, site) for parameter in signature.parameters]
    binder.finish(signature)
    return [source.read(exchange) for source in sources if isinstance(source, Reader)], exchange


def values(endpoint: Any, **request: Any) -> list[Any]:
    found, exchange = read(endpoint, **request)
    assert exchange.errors == []
    return found


def errors(endpoint: Any, **request: Any) -> list[dict[str, Any]]:
    found, exchange = read(endpoint, **request)
    assert INVALID in found
    return exchange.errors


def places(endpoint: Any, **request: Any) -> list[tuple[str, tuple[Any, ...]]]:
    return [(error["type"], error["loc"]) for error in errors(endpoint, **request)]


def test_each_source_is_read_under_the_name_that_it_has_there():
    def endpoint(
        item_id: int,
        q: str,
        user_agent: Annotated[str, Header()],
        session: Annotated[UUID, Cookie()],
        color: Annotated[Color, Query(alias="item-color")],
        kept_name: Annotated[str, Header(convert_underscores=False)],
        x: Annotated[int, Header(alias="X-Number")],
    ): ...

    assert values(
        endpoint,
        path={"item_id": "3"},
        query="q=a+b&item-color=red",
        headers={
            "user-agent": "curl",
            "cookie": f"session={UUID(int=1)}",
            "kept_name": "kept",
            "x-number": "4",
        },
    ) == [3, "a b", "curl", UUID(int=1), Color.RED, "kept", 4]


def test_values_that_the_router_has_converted_are_taken_as_they_are():
    def endpoint(number: int, rest: str, unique: UUID = Path()): ...

    path = {"number": 3, "rest": "a/b/c", "unique": UUID(int=1)}
    assert values(endpoint, path=path) == [3, "a/b/c", UUID(int=1)]


def test_repeated_keys_are_read_as_one_collection():
    def endpoint(
        numbers: list[int] = Query(),
        words: Annotated[set[str] | None, Query()] = None,
        x_tag: Annotated[list[str], Header()] = ONE_TAG,
    ): ...

    headers = [("x-tag", "a"), ("x-tag", "b")]
    assert values(endpoint, query="numbers=1&numbers=2", headers=headers) == [
        [1, 2],
        None,
        ["a", "b"],
    ]


def test_what_is_not_sent_has_its_default():
    def endpoint(
        a: int = 3,
        b: int | None = None,
        c: str = Query("x"),
        d: list[int] = Query([1]),
        e: str = Header("h"),
        f: list[str] = Header(default_factory=lambda: ["made"]),
        g: Item = Body(default=SAW),
    ): ...

    assert values(endpoint) == [3, None, "x", [1], "h", ["made"], SAW]


def test_a_default_is_not_checked():
    def endpoint(a: int = Query("many", ge=3)): ...

    assert values(endpoint) == ["many"]


def test_a_default_that_one_request_changes_is_whole_in_the_next():
    default = {"a": [1]}

    def endpoint(d: dict[str, list[int]] = Body(default)): ...

    (first,) = values(endpoint)
    first["a"].append(2)

    assert default == {"a": [1]}


def test_what_is_required_and_not_sent_is_reported_for_each_source():
    def endpoint(
        a: int,
        b: Annotated[list[int], Query()],
        c: Annotated[int, Header()],
        d: Annotated[list[str], Header()],
        x_e: Annotated[int, Cookie(alias="e-e")],
        f: Item,
        g: int = Query(...),
    ): ...

    assert places(endpoint) == [
        ("missing", ("query", "a")),
        ("missing", ("query", "b")),
        ("missing", ("header", "c")),
        ("missing", ("header", "d")),
        ("missing", ("cookie", "e-e")),
        ("missing", ("body",)),
        ("missing", ("query", "g")),
    ]
    assert errors(endpoint)[0] == {
        "type": "missing",
        "loc": ("query", "a"),
        "msg": "Field required",
        "input": None,
    }


def test_all_that_is_wrong_is_reported_with_its_place():
    def endpoint(
        n: int,
        a: Annotated[int, Query(ge=3)],
        b: Annotated[list[int], Query()],
        x_c: Annotated[date, Header()],
        d: Annotated[bool, Cookie()],
    ): ...

    assert places(
        endpoint,
        path={"n": "x"},
        query="a=2&b=1&b=x",
        headers={"x-c": "soon!!!!!!", "cookie": "d=maybe"},
    ) == [
        ("int_parsing", ("path", "n")),
        ("greater_than_equal", ("query", "a")),
        ("int_parsing", ("query", "b", 1)),
        ("date_from_datetime_parsing", ("header", "x-c")),
        ("bool_parsing", ("cookie", "d")),
    ]


def test_a_parameter_without_annotation_takes_the_text():
    def endpoint(a, b=3): ...

    assert values(endpoint, query="a=1") == ["1", 3]


def test_one_of_some_given_words_is_a_value_of_the_query_string():
    def endpoint(a: Literal["x", "y"]): ...

    assert values(endpoint, query="a=x") == ["x"]


def test_constraints_of_annotation_and_declaration_hold_together():
    def endpoint(a: Annotated[int, annotated_types.Interval(ge=1, le=9), Query(le=5)]): ...

    assert places(endpoint, query="a=0") == [("greater_than_equal", ("query", "a"))]
    assert places(endpoint, query="a=6") == [("less_than_equal", ("query", "a"))]


def test_so_do_those_of_msgspecs_meta_the_stricter_of_two():
    def endpoint(a: Annotated[int, msgspec.Meta(ge=1, le=9), Query(ge=0, le=5)]): ...

    def other(a: Annotated[int, msgspec.Meta(gt=1, le=9), Query(gt=2, le=10)]): ...

    def text(a: Annotated[str, msgspec.Meta(min_length=2, pattern="b"), Query(pattern="b")]): ...

    assert [told(endpoint, a) for a in "016"] == ["Expected `int` >= 1", 1, "Expected `int` <= 5"]
    assert [told(other, a) for a in "23"] == ["Expected `int` >= 3", 3]
    assert told(other, "10") == "Expected `int` <= 9"
    assert [told(text, "b"), told(text, "bb")] == ["Expected `str` of length >= 2", "bb"]


def told(endpoint, a):
    found, exchange = read(endpoint, query=f"a={a}")
    return exchange.errors[0]["msg"] if exchange.errors else found[0]


class TestBody:
    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "",
            None,
        ],
    )
    def test_json_is_decoded_under_every_name_that_it_has(self, content_type):
        def endpoint(item: Item): ...

        headers = {} if content_type is None else {"accept": "*/*", "content-type": content_type}

        assert values(endpoint, body={"name": "saw"}, headers=headers) == [Item("saw")]

    def test_what_is_said_not_to_be_json_is_bytes(self):
        def endpoint(item: Item): ...

        def raw(data: bytes = Body()): ...

        def text(words: str = Body()): ...

        headers = {"content-type": "text/plain"}
        body = '{"name": "säw"}'.encode()

        assert values(raw, body=body, headers=headers) == [body]
        assert values(text, body=body, headers=headers) == ['{"name": "säw"}']
        assert errors(endpoint, body=body, headers=headers) == [
            {
                "type": "value_error",
                "loc": ("body",),
                "msg": "Expected `object`, got `bytes`",
                "input": '{"name": "säw"}',
            }
        ]

    def test_a_broken_body_is_reported_once_for_all_that_read_it(self):
        def endpoint(item: Item, other: Item): ...

        def whole(item: Item): ...

        broken = {
            "type": "json_invalid",
            "loc": ("body", 1),
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": "Expecting property name enclosed in double quotes"},
        }
        found, exchange = read(endpoint, body=b"{")

        assert found == [INVALID, INVALID]
        assert exchange.errors == [broken]
        assert exchange.decoded_body == "{"
        assert isinstance(exchange.decoded_body, BrokenJSON)
        assert errors(whole, body=b"{") == [broken]

    def test_what_was_received_is_kept_beside_the_errors(self):
        def endpoint(item: Item): ...

        _, exchange = read(endpoint, body={"name": 3})

        assert exchange.decoded_body == {"name": 3}

    def test_null_is_a_value_where_one_is_required_and_the_type_allows_it(self):
        for kind in (Item | None, Annotated[Any, Body()], Annotated[Literal["a", None], Body()]):

            def whole(item): ...

            def parts(item, other: Item | None): ...

            whole.__annotations__["item"] = parts.__annotations__["item"] = kind
            assert values(whole, body=b"null") == [None]
            assert values(parts, body={"item": None, "other": None}) == [None, None]
            assert places(whole, body=b"") == [("missing", ("body",))]
            assert places(parts, body={"item": None}) == [("missing", ("body", "other"))]

    def test_elsewhere_null_is_as_good_as_no_body(self):
        def required(item: Item): ...

        def optional(item: Item | None = None): ...

        def defaulted(item: Item = SAW): ...

        for body in (b"", b"null"):
            assert places(required, body=body) == [("missing", ("body",))]
            assert values(optional, body=body) == [None]
            assert values(defaulted, body=body) == [Item("saw")]

    def test_two_functions_may_read_one_body(self):
        exchange_body = {"name": "saw"}

        def one(item: Item): ...

        signature = describe(one)
        binder = RequestBinder()
        site = Site(signature, ("one",))
        sources: list[Any] = [binder(signature.parameters[0], site) for _ in range(2)]
        _, exchange = read(one, body=exchange_body)

        assert [source.read(exchange) for source in sources] == [Item("saw"), Item("saw")]

    def test_several_bodies_are_parts_of_one_object(self):
        def endpoint(
            item: Item, model: Model, count: Annotated[int, Body(gt=2, alias="n")] = 3
        ): ...

        body = {"item": {"name": "saw"}, "model": {"name": "m"}, "n": 4}

        assert values(endpoint, body=body) == [Item("saw"), Model(name="m"), 4]
        assert values(endpoint, body={**body, "n": None}) == [Item("saw"), Model(name="m"), 3]
        assert places(endpoint, body={"item": {}, "n": 2}) == [
            ("missing", ("body", "item", "name")),
            ("missing", ("body", "model")),
            ("greater_than", ("body", "n")),
        ]
        assert places(endpoint, body=[1]) == [
            ("missing", ("body", "item")),
            ("missing", ("body", "model")),
            ("missing", ("body", "n")),
        ]
        assert places(endpoint) == [("missing", ("body", "item")), ("missing", ("body", "model"))]

    def test_a_single_body_is_embedded_where_that_is_asked_for(self):
        def endpoint(item: Annotated[Item, Body(embed=True)]): ...

        assert values(endpoint, body={"item": {"name": "saw"}}) == [Item("saw")]
        assert places(endpoint, body={"name": "saw"}) == [("missing", ("body", "item"))]

    def test_single_values_and_lists_are_bodies_too(self):
        def number(n: Annotated[int, Body()]): ...

        def dates(days: list[date]): ...

        def moment(at: Annotated[datetime, Body()]): ...

        assert values(number, body="3") == [3]
        assert values(dates, body=["2020-01-01"]) == [[date(2020, 1, 1)]]
        assert values(moment, body=b'"2020-01-01T00:00:00Z"') == [datetime(2020, 1, 1, tzinfo=UTC)]
        assert places(dates, body=["soon"]) == [("date_from_datetime_parsing", ("body", 0))]

    def test_an_input_too_deep_to_be_sent_back_is_left_out(self):
        def endpoint(number: int = Body()): ...

        def several(a: int = Body(), b: int = Body(3)): ...

        deep = b"[" * 300 + b"]" * 300

        assert errors(endpoint, body=deep)[0]["input"] == "..."
        assert errors(several, body=b'{"a": {"a": %s}}' % deep)[0]["input"] == "..."
        assert errors(endpoint, body=b'[{"a": [1]}]')[0]["input"] == [{"a": [1]}]
        assert places(endpoint, body=b"[" * 100_000) == [("json_invalid", ("body", 0))]


def test_the_query_string_is_parsed_once():
    def endpoint(a: int, b: str, c: list[str] = Query()): ...

    found, exchange = read(endpoint, query="a=1&b=x&c=y&c=z")

    assert found == [1, "x", ["y", "z"]]
    assert exchange.query_values == {"a": "1", "b": "x", "c": "z"}
