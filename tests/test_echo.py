"""What a 422 shows of what was received: all of it, nothing (`echo_input=False`), and no secrets."""

import dataclasses
from typing import Annotated, Any, NamedTuple

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, Field, RootModel, SecretBytes, SecretStr
from typing_extensions import TypedDict

from microfw import App, Body, Cookie, Form, Header, Path, Query, Router
from microfw.exceptions import RequestValidationError
from microfw.responses import JSONResponse
from microfw.routing import Route
from microfw.testclient import TestClient

MARK = "hunter2"
HIDDEN = "**********"


def detail_of(app: App, method: str = "GET", url: str = "/", **request: Any) -> Any:
    response = TestClient(app).request(method, url, **request)
    assert response.status_code == 422
    assert MARK not in response.text
    return response.json()["detail"]


# ---------------------------------------------------------------------- echo_input

WITH_INPUT = [
    {
        "type": "int_parsing",
        "loc": ["query", "number"],
        "msg": "Input should be a valid integer, unable to parse string as an integer",
        "input": "x",
    }
]
WITHOUT_INPUT = [{key: each[key] for key in ("type", "loc", "msg")} for each in WITH_INPUT]


def read_number(number: int) -> int:
    return number


def echoes(app: App, path: str = "/") -> bool:
    """Whether a 422 of the application shows what was received."""
    detail = detail_of(app, url=f"{path}?number=x")
    assert detail in (WITH_INPUT, WITHOUT_INPUT)
    return bool(detail == WITH_INPUT)


@pytest.mark.parametrize("of_app", [True, False])
@pytest.mark.parametrize("of_include", [None, True, False])
@pytest.mark.parametrize("of_router", [None, True, False])
@pytest.mark.parametrize("of_route", [None, True, False])
def test_the_innermost_that_says_so_decides(of_app, of_include, of_router, of_route):
    app = App(echo_input=of_app)
    router = Router(echo_input=of_router)
    router.get("/", echo_input=of_route)(read_number)
    app.include_router(router, echo_input=of_include)
    said = [each for each in (of_route, of_router, of_include, of_app) if each is not None]

    assert echoes(app) is said[0]


def test_input_is_shown_where_nothing_is_said(app):
    app.get("/")(read_number)

    assert echoes(app)


def test_what_the_application_says_counts_for_routes_that_it_is_given():
    assert not echoes(App(routes=[Route("/", read_number)], echo_input=False))


def test_an_exception_handler_sees_no_input_either():
    app = App(echo_input=False)

    @app.exception_handler(RequestValidationError)
    async def answer(request: Any, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": error.errors()}, 422)

    app.get("/")(read_number)
    assert not echoes(app)


def test_no_kind_of_error_shows_input():
    app = App(echo_input=False)

    @app.post("/{number}")
    async def create(
        number: int,
        login: Annotated["Login", Body(embed=True)],
        limit: Annotated[int, Query()],
        x_token: Annotated[int, Header()],
        session: Annotated[int, Cookie()],
    ) -> None: ...

    detail = detail_of(
        app,
        "POST",
        f"/{MARK}?limit={MARK}",
        json={"login": {"password": MARK}},
        headers={"x-token": MARK, "cookie": f"session={MARK}"},
    )

    assert [error["loc"] for error in detail] == [
        ["path", "number"],
        ["query", "limit"],
        ["header", "x-token"],
        ["cookie", "session"],
        ["body", "login", "user"],
    ]
    assert all("input" not in error for error in detail)


# ---------------------------------------------------------------------- secrets


class Login(BaseModel):
    user: str
    password: SecretStr
    pin: int = 0


class Account(BaseModel):
    name: str
    login: Login
    others: list[Login] = []
    by_name: dict[str, Login] = {}
    free: Any = None


class Aliased(BaseModel):
    user: str
    password: Annotated[SecretStr, Field(alias="passWord")]
    token: Annotated[SecretStr, Field(validation_alias=AliasChoices("tok", AliasPath("t", 0)))]


class Several(BaseModel):
    user: str
    passwords: list[SecretStr]
    by_site: dict[str, SecretBytes] | None = None
    key: pydantic.Secret[int] | None = None


class Password(RootModel[SecretStr]):
    pass


class Tree(RootModel[list["Tree"] | int]):
    pass


class Wrapped(BaseModel):
    user: str
    password: Password
    tree: Tree | None = None


class Node(BaseModel):
    user: str
    password: SecretStr
    child: "Node | None" = None


class Data(BaseModel):
    user: str
    text: Annotated[Login | None, pydantic.Json] = None
    password: SecretStr


@dataclasses.dataclass
class DataLogin:
    user: str
    password: SecretStr


class StructLogin(msgspec.Struct):
    user: str
    login: DataLogin
    password: SecretStr = SecretStr("")


class TypedLogin(TypedDict):
    user: str
    password: SecretStr


class TupleLogin(NamedTuple):
    user: str
    password: SecretStr


SECRET_BODIES: list[tuple[Any, Any]] = [
    (Login, {"password": MARK}),
    (Login, {"user": 3, "password": MARK, "pin": "x"}),
    (Login, {"user": "ada", "password": [MARK]}),
    (Login, {"user": "ada", "password": {"a": MARK}}),
    (Login, MARK),
    (list[Login], [{"password": MARK}, MARK, {"user": 1, "password": [MARK]}]),
    (dict[str, Login], {"a": {"password": MARK}, "b": MARK}),
    (Login | None, {"password": MARK}),
    (Login | DataLogin, {"password": MARK}),
    (tuple[int, Login], ["x", {"password": MARK}]),
    (Account, {"login": {"password": MARK}}),
    (Account, {"login": MARK, "others": [MARK]}),
    (Account, {"login": {"user": "a", "password": MARK}, "free": {"password": MARK}}),
    (Account, {"name": "a", "login": {"user": 1, "password": MARK}, "others": 3}),
    (Login, {"passwrod": MARK}),
    (Account, {"others": [{"password": MARK}], "by_name": {"x": {"password": MARK}, "y": MARK}}),
    (Aliased, {"passWord": MARK, "password": MARK, "tok": MARK}),
    (Aliased, {"t": [MARK]}),
    (Several, {"passwords": [MARK, 3]}),
    (Several, {"user": "a", "passwords": MARK}),
    (Several, {"passwords": [], "by_site": {"a": MARK}, "key": MARK}),
    (Wrapped, {"password": MARK, "tree": "x"}),
    (Node, {"user": "a", "password": MARK, "child": {"password": MARK, "child": MARK}}),
    (Data, {"password": MARK, "text": f'{{"password": "{MARK}"}}'}),
    (DataLogin, {"password": MARK}),
    (StructLogin, {"password": MARK, "login": {"password": MARK}}),
    (StructLogin, {"user": "a", "login": MARK}),
    (TypedLogin, {"password": MARK}),
    (TupleLogin, {"password": MARK}),
    (SecretStr, [MARK]),
    (list[SecretStr], [{"a": MARK}]),
    (Password, {"a": MARK}),
]


@pytest.mark.parametrize("embed", [False, True])
@pytest.mark.parametrize(("annotation", "body"), SECRET_BODIES, ids=str)
def test_what_is_declared_as_a_secret_is_never_shown(app, annotation, body, embed):
    async def log_in(value: Any = Body(embed=embed)) -> None: ...

    log_in.__annotations__["value"] = annotation
    app.post("/")(log_in)
    body = {"value": body} if embed else body

    assert detail_of(app, "POST", json=body)


def test_all_else_is_shown(app):
    @app.post("/")
    async def create(account: Account) -> None: ...

    body = {"login": {"password": MARK, "pin": "x"}, "others": [], "free": [{"a": "b"}, None]}

    assert detail_of(app, "POST", json=body) == [
        {
            "type": "missing",
            "loc": ["body", "name"],
            "msg": "Field required",
            "input": {**body, "login": {"password": HIDDEN, "pin": "x"}},
        },
        {
            "type": "missing",
            "loc": ["body", "login", "user"],
            "msg": "Field required",
            "input": {"password": HIDDEN, "pin": "x"},
        },
        {
            "type": "int_parsing",
            "loc": ["body", "login", "pin"],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "input": "x",
        },
    ]


def test_an_object_that_lacks_the_secret_is_shown(app):
    @app.post("/")
    async def log_in(login: Login) -> None: ...

    assert [each["input"] for each in detail_of(app, "POST", json={"pin": 1, "user": "ada"})] == [
        {"pin": 1, "user": "ada"}
    ]


def test_a_body_that_is_no_json_may_hold_the_secret(app):
    @app.post("/")
    async def log_in(login: Login) -> None: ...

    (error,) = detail_of(
        app, "POST", content=f"password={MARK}", headers={"content-type": "text/plain"}
    )

    assert error["input"] == HIDDEN


Short = Annotated[SecretStr, Field(max_length=3)]


@pytest.mark.parametrize("source", [Query, Header, Cookie, Form, Path])
def test_a_secret_from_anywhere_is_hidden(app, source):
    path = "/{token}" if source is Path else "/"

    async def log_in(token: Annotated[Short, source()]) -> None: ...

    app.post(path)(log_in)
    (error,) = detail_of(
        app,
        "POST",
        f"/{MARK}" if source is Path else f"/?token={MARK}",
        headers={"token": MARK, "cookie": f"token={MARK}"},
        data={"token": MARK},
    )

    assert (error["type"], error["input"]) == ("too_long", HIDDEN)


@pytest.mark.parametrize("source", [Query, Form])
def test_a_secret_in_a_group_of_values_is_hidden(app, source):
    async def log_in(login: Annotated[Login, source()]) -> None: ...

    app.post("/")(log_in)
    (error,) = detail_of(app, "POST", f"/?password={MARK}", data={"password": MARK})

    assert (error["loc"][-1], error["input"]["password"]) == ("user", HIDDEN)


def test_what_is_nested_too_deeply_is_not_shown(app):
    @app.post("/")
    async def create(account: Account) -> None: ...

    deep: Any = MARK
    for _ in range(300):
        deep = [deep]

    first, *_ = detail_of(app, "POST", json={"free": deep, "login": {}})

    assert first["input"] == "..."


def test_no_body_of_any_shape_shows_a_secret(app):
    @app.post("/")
    async def create(account: Account) -> None: ...

    client = TestClient(app)
    logins = st.fixed_dictionaries(
        {"password": st.just(MARK) | st.lists(st.just(MARK), min_size=1)},
        optional={"user": st.integers() | st.just("a"), "pin": st.sampled_from([1, "x"])},
    )
    bodies = st.fixed_dictionaries(
        {},
        optional={
            "name": st.integers(),
            "login": logins | st.just(MARK),
            "others": st.lists(logins | st.just(MARK), max_size=2),
            "by_name": st.dictionaries(st.sampled_from(["a", "b"]), logins, max_size=2),
            "free": logins | st.none(),
        },
    )

    @given(bodies | logins | st.lists(logins))
    def check(body):
        assert MARK not in client.post("/", json=body).text

    check()
