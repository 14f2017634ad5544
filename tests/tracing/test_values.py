"""Values are in a trace where somebody asks for them, and secrets never are."""

from collections import namedtuple
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, field
from pydantic import BaseModel, Field, SecretStr
from starlette.testclient import TestClient

from microfw import App, Cookie, Depends, File, Form, Header, Path, UploadFile
from microfw.dependencies import ReadValue
from microfw.tracing import Sink, Trace
from microfw.tracing._values import shown_value

MARK = "hunter2"


class Kept(Sink):
    def __init__(self, *, wants_values: bool = True) -> None:
        self.wants_values = wants_values
        self.traces: list[Trace] = []

    def ended(self, trace: Trace, scope: Any) -> None:
        self.traces.append(trace)


def values_of(app: App, method: str, url: str, **sent: Any) -> list[tuple[str, str, str]]:
    """What the trace of a request shows: the function, the parameter, the value."""
    kept = Kept()
    with app.tracing.listen(kept):
        TestClient(app).request(method, url, **sent)
    (trace,) = kept.traces
    return [(trace.spans[each.span].name, each.name, each.text) for each in trace.values]


class Colour(Enum):
    RED = 1


class Line(BaseModel):
    item: str
    door: int = Field(1, alias="pin")


class Log(Struct):
    door: int = field(name="pin")


class Order(BaseModel):
    lines: list[Line]
    note: SecretStr = SecretStr("")
    word: str = Field("", alias="password")


def test_what_each_function_reads_is_shown(app: App) -> None:
    def get_page(page: int = 1, colour: Annotated[int | None, Header()] = None) -> int:
        return page

    @app.post("/{day}")
    async def order(
        day: date, order: Order, page: Annotated[int, Depends(get_page)], q: str | None = None
    ) -> None: ...

    sent = {"lines": [{"item": "tea", "pin": 4711}], "note": MARK, "password": MARK}
    shown = values_of(app, "POST", "/2026-12-01?q=x", json=sent)
    assert shown == [
        ("get_page", "page", "1"),
        ("get_page", "colour", "None"),
        ("order", "day", "2026-12-01"),
        ("order", "q", "'x'"),
        (
            "order",
            "order",
            "Order(lines=[Line(item='tea', door=**********)], note=**********, word=**********)",
        ),
    ]


def test_what_is_not_valid_is_not_shown(app: App) -> None:
    @app.get("/")
    async def read(size: int) -> None: ...

    assert values_of(app, "GET", "/?size=large") == [("read", "size", "not valid")]


def test_secrets_are_not_shown_wherever_they_come_from(app: App) -> None:
    @app.post("/{reset_token}")
    async def read(
        reset_token: Annotated[str, Path()],
        authorization: Annotated[str, Header()],
        theme: Annotated[str, Cookie()],
        password: Annotated[str, Form()],
        file: Annotated[UploadFile, File()],
        api_key: str = "",
    ) -> None: ...

    shown = values_of(
        *(app, "POST", f"/{MARK}?api_key={MARK}"),
        headers={"authorization": MARK, "cookie": f"theme={MARK}"},
        data={"password": MARK},
        files={"file": ("plan.txt", MARK.encode())},
    )
    assert [(name, text) for _, name, text in shown] == [
        ("reset_token", "**********"),
        ("api_key", "**********"),
        ("authorization", "**********"),
        ("theme", "**********"),
        ("password", "**********"),
        ("file", "<file 'plan.txt', 7 bytes>"),
    ]


def test_only_those_who_ask_get_values() -> None:
    app, asking, other = App(), Kept(), Kept(wants_values=False)

    @app.get("/")
    async def read(size: int) -> None: ...

    with app.tracing.listen(asking), app.tracing.listen(other):
        TestClient(app).get("/?size=1")
    with app.tracing.listen(other):
        TestClient(app).get("/?size=2")
    assert [len(trace.values) for trace in asking.traces] == [1]
    assert [trace.values for trace in other.traces] == [(), ()]


@dataclass
class Berth:
    number: int
    secret_door: str


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Colour.RED, "Colour.RED"),
        (b"abc", "<3 bytes>"),
        ({"a": {1}, "token": 1, 2: 1.5}, "{'a': [1], 'token': **********, 2: 1.5}"),
        (Berth(1, MARK), "Berth(number=1, secret_door=**********)"),
        (object(), "object(…)"),
        (Log(4711), "Log(door=**********)"),
        (Point(1, 2), "[1, 2]"),
        ("x" * 201, f"'{'x' * 200}…'"),
        ([0] * 21, f"[{'0, ' * 20}…]"),
        ([[[[[[1]]]]]], "[[[[[…]]]]]"),
        ("redis://me:pw@host/1", "'redis://**********@host/1'"),
        ("Bearer eyJhbGciOi.eyJzdWIi.c2ln", "'Bearer **********'"),
        ("eyJhbGciOi and eyJa.b", "'eyJhbGciOi and eyJa.b'"),
        ("redis://eyJpw@host/1", "'redis://**********@host/1'"),
        ({"redis://me:pw@host/1": 1}, "{'redis://**********@host/1': 1}"),
        ({"x" * 201: 1}, f"{{'{'x' * 200}…': **********}}"),
        ({"monkey": 1, "author": 2, "passing": 3}, "{'monkey': 1, 'author': 2, 'passing': 3}"),
    ],
)
def test_values_of_any_kind_are_written_short(value: Any, expected: str) -> None:
    assert shown_value(ReadValue("body", Any, ...), value) == expected


NAMES = st.sampled_from(
    ["password", "userPassword", "new_password", "X-Api-Key", "api_key", "ACCESS_TOKEN", "jwt"]
)
PLAIN = st.none() | st.integers() | st.just("tea")
MASKED = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["item", "lines"]), inner)
        | st.dictionaries(NAMES, st.just(MARK) | st.lists(st.just(MARK)) | st.just({"a": MARK}))
    ),
)


@given(MASKED)
def test_no_secret_is_shown_however_deep_it_is(value: Any) -> None:
    assert MARK not in shown_value(ReadValue("body", Any, ...), value)


def test_text_is_written_in_a_time_that_grows_no_faster_than_it() -> None:
    """Each of these could begin a token: looking for its end from each took minutes."""
    text = "-eyJ" * 100_000
    assert shown_value(ReadValue("body", Any, ...), text) == f"'{text[:200]}…'"
