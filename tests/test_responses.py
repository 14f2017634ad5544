import dataclasses
import http.client
import inspect
import json
import pathlib
import re
from collections.abc import AsyncIterator, Iterator
from datetime import date
from enum import Enum
from functools import partial
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from starlette.responses import JSONResponse as StarletteJSONResponse

from microfw import App, Depends, Router
from microfw.exceptions import DeclarationError, ResponseValidationError
from microfw.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
    allows_body,
    encode_json,
    responder,
)
from microfw.testclient import TestClient
from tests.lifecycle.programs import Log, lines, request
from tests.servers import serve


class Item(msgspec.Struct):
    name: str


class Secret(Item):
    password: str = "secret"


JSON = (b"content-type", b"application/json")


def test_a_value_becomes_compact_json_in_utf_8():
    response = responder()({"name": "säw", "n": [1, None]})

    assert isinstance(response, JSONResponse)
    assert response.body == '{"name":"säw","n":[1,null]}'.encode()
    assert response.status_code == 200
    assert response.background is None
    assert response.raw_headers == [(b"content-length", b"28"), JSON]


def test_a_built_response_is_what_the_constructor_would_have_made():
    built = responder(status_code=201)({"a": 1})
    made = JSONResponse({"a": 1}, 201)

    assert vars(built) == vars(made) == vars(StarletteJSONResponse({"a": 1}, 201))
    assert built.headers == made.headers


@pytest.mark.parametrize("response_class", [JSONResponse, HTMLResponse, RedirectResponse])
@pytest.mark.parametrize("status_code", [None, 201, 204])
def test_a_response_passes_as_it_is(response_class, status_code):
    response = PlainTextResponse("mine", 418)

    assert responder(response_class=response_class, status_code=status_code)(response) is response


def test_the_annotation_filters():
    assert responder(annotation=Item)(Secret("saw")).body == b'{"name":"saw"}'
    with pytest.raises(ResponseValidationError):
        responder(annotation=Item)({"title": "saw"})


@pytest.mark.parametrize(
    "annotation",
    [Response, JSONResponse, Response | None, Annotated[Response, "a"], None, Any],
)
def test_an_annotation_that_speaks_of_responses_is_no_model(annotation):
    assert (
        responder(annotation=annotation)(Secret("saw")).body
        == b'{"name":"saw","password":"secret"}'
    )


@pytest.mark.parametrize(
    "annotation",
    [RedirectResponse | Item, Response | Item | None],
    ids=["two", "three"],
)
def test_a_value_is_filtered_by_what_stands_beside_a_response(annotation):
    redirect = RedirectResponse("/")

    assert responder(annotation=annotation)(Secret("saw")).body == b'{"name":"saw"}'
    assert responder(annotation=annotation)(redirect) is redirect
    with pytest.raises(ResponseValidationError):
        responder(annotation=annotation)({"title": "saw"})


@pytest.mark.parametrize("status_code", [100, 204, 205, 304])
@pytest.mark.parametrize("response_class", [JSONResponse, HTMLResponse])
def test_an_answer_without_content_has_none(status_code, response_class):
    response = responder(status_code=status_code, response_class=response_class)("dropped")

    assert allows_body(status_code) is False
    assert response.body == b""
    assert response.status_code == status_code
    assert b"content-type" not in dict(response.raw_headers)


def test_a_result_that_is_not_sent_has_to_fit_anyway():
    with pytest.raises(ResponseValidationError):
        responder(annotation=Item, status_code=204)({})


def test_a_response_class_gets_the_value_as_its_content():
    html = responder(response_class=HTMLResponse)("<b>")
    text = responder(annotation=str, response_class=PlainTextResponse, status_code=201)("text")
    away = responder(response_class=RedirectResponse)("/there")
    away_for_good = responder(response_class=RedirectResponse, status_code=301)("/there")
    stream = responder(response_class=StreamingResponse)(iter(["a"]))
    file = responder(response_class=FileResponse)(__file__)

    assert (html.body, html.headers["content-type"]) == (b"<b>", "text/html; charset=utf-8")
    assert (text.body, text.status_code) == (b"text", 201)
    assert (away.status_code, away.headers["location"]) == (307, "/there")
    assert away_for_good.status_code == 301
    assert isinstance(stream, StreamingResponse)
    assert isinstance(file, FileResponse)


def test_starlettes_class_for_json_is_ours():
    assert responder(response_class=StarletteJSONResponse)({1, 2}).body == b"[1,2]"


def test_a_class_that_renders_json_its_own_way_gets_plain_data():
    class Pretty(JSONResponse):
        media_type = "application/vnd.api+json"

        def render(self, content: Any) -> bytes:
            return msgspec.json.format(msgspec.json.encode({"data": content}), indent=1)

    response = responder(annotation=Item, response_class=Pretty)(Secret("saw"))

    assert response.body == b'{\n "data": {\n  "name": "saw"\n }\n}'
    assert response.headers["content-type"] == "application/vnd.api+json"


def test_json_responses_take_any_value():
    @dataclasses.dataclass
    class Point:
        x: int

    assert JSONResponse([Point(1), {2}, float("nan")]).body == b'[{"x":1},[2],null]'
    assert encode_json(Point(1)) == b'{"x":1}'


def test_what_is_public_is_named():
    import microfw.responses

    assert all(hasattr(microfw.responses, name) for name in microfw.responses.__all__)


# ---------------------------------------------------------------------- classes that render


class Rendered(Response):
    media_type = "application/x-rendered"

    def render(self, content: Any) -> bytes:
        return repr(content).encode()


def test_a_class_that_renders_values_its_own_way_gets_plain_data():
    assert responder(annotation=Item, response_class=Rendered)(Secret("saw")).body == (
        b"{'name': 'saw'}"
    )
    plain = responder(response_class=Rendered)
    assert plain([Secret("saw"), date(2020, 1, 1)]).body == (
        b"[{'name': 'saw', 'password': 'secret'}, '2020-01-01']"
    )
    assert plain("text").body == b"'text'"
    assert plain(b"bytes").body == b"b'bytes'"
    assert responder(annotation=bytes, response_class=Rendered)(b"\xff").body == b"b'\\xff'"


@pytest.mark.parametrize("response_class", [Response, HTMLResponse, PlainTextResponse, Rendered])
def test_text_is_checked_against_the_annotation_too(response_class):
    with pytest.raises(ResponseValidationError):
        responder(annotation=str, response_class=response_class)(3)


def test_text_and_bytes_are_sent_as_they_are():
    assert responder(annotation=bytes, response_class=Response)(b"\xff").body == b"\xff"
    assert responder(response_class=Response)(memoryview(b"a")).body == b"a"
    assert responder(response_class=Response)(None).body == b""


def test_paths_addresses_and_iterators_are_not_looked_into():
    file = responder(annotation=str, response_class=FileResponse)(pathlib.Path(__file__))
    away = responder(annotation=int, response_class=RedirectResponse)("/there")
    stream = responder(annotation=Iterator[str], response_class=StreamingResponse)(iter("ab"))

    assert isinstance(file, FileResponse)
    assert away.headers["location"] == "/there"
    assert isinstance(stream, StreamingResponse)


# ---------------------------------------------------------------------- functions


def as_lines(content: Any, status_code: int = 203, **_: Any) -> PlainTextResponse:
    return PlainTextResponse("\n".join(map(str, content)), status_code)


def unsaid(content, status_code=200):
    return Rendered(content, status_code)


def unknown(content: Any) -> "Unknown":  # type: ignore[name-defined]  # noqa: F821
    return Rendered(content)


@pytest.mark.parametrize(
    ("response_class", "sent", "status", "media_type"),
    [
        (as_lines, b"1\n2020-01-01", 203, "text/plain; charset=utf-8"),
        (unsaid, b"[1, '2020-01-01']", 200, "application/x-rendered"),
        (unknown, b"[1, '2020-01-01']", 200, "application/x-rendered"),
        (
            partial(JSONResponse, media_type="application/problem+json", status_code=418),
            b'[1,"2020-01-01"]',
            418,
            "application/problem+json",
        ),
    ],
)
def test_a_function_makes_responses_of_plain_data(response_class, sent, status, media_type):
    app = App()
    app.add_api_route("/", lambda: [1, date(2020, 1, 1)], response_class=response_class)
    app.include_router(router := Router(default_response_class=response_class))
    router.get("/of-router")(lambda: [1, date(2020, 1, 1)])

    for path in ("/", "/of-router"):
        answer = TestClient(app).get(path)
        assert (answer.content, answer.status_code) == (sent, status)
        assert answer.headers["content-type"] == media_type


def test_a_function_that_makes_responses_gets_the_routes_status():
    make = responder(response_class=as_lines, status_code=201)

    assert (make([1]).status_code, make([1]).body) == (201, b"1")
    assert make(response := Response()) is response


def test_a_partial_of_a_class_that_sends_what_it_is_given_gets_it():
    file = responder(response_class=partial(FileResponse, filename="it"))(pathlib.Path(__file__))
    text = responder(annotation=bytes, response_class=partial(Response, media_type="a/b"))(b"\xff")

    assert file.headers["content-disposition"] == 'attachment; filename="it"'
    assert (text.body, text.headers["content-type"]) == (b"\xff", "a/b")


def test_what_a_function_makes_is_a_response(app):
    app.get("/", response_class=repr)(lambda: 3)

    with pytest.raises(TypeError) as raised:
        TestClient(app).get("/")

    assert str(raised.value) == f"response_class={repr!r} returned '3', which is no Response"


# ---------------------------------------------------------------------- what is sent of a model


class Owner(pydantic.BaseModel):
    name: str = pydantic.Field(serialization_alias="ownerName")
    password: str = "secret"


@dataclasses.dataclass
class Tool:
    name: str
    owner: Any = None
    price: float = 1.5


OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"response_model_include": {"name"}}, {"name": "saw"}),
    (
        {"response_model_exclude": {"owner": {"password"}, "price": True}},
        {"name": "saw", "owner": {"ownerName": "ada"}},
    ),
    (
        {"response_model_by_alias": False, "response_model_include": {"owner"}},
        {"owner": {"name": "ada", "password": "secret"}},
    ),
    (
        {"response_model_exclude_unset": True},
        {"name": "saw", "owner": {"ownerName": "ada"}, "price": 1.5},
    ),
    (
        {"response_model_exclude_defaults": True},
        {"name": "saw", "owner": {"ownerName": "ada"}},
    ),
]


@pytest.mark.parametrize(("options", "expected"), OPTIONS)
@pytest.mark.parametrize("response_class", [JSONResponse, Rendered])
def test_the_options_of_a_route_say_what_is_sent(app, options, expected, response_class):
    router = Router(prefix="/tools")

    @router.get("/one", response_class=response_class, **options)
    def one() -> Tool:
        return Tool("saw", Owner(name="ada"))

    @router.get("/two", response_model=Tool, response_class=response_class, **options)
    async def two():
        return Tool("saw", Owner(name="ada"))

    @router.get("/three", response_class=response_class, **options)
    def three():
        return Tool("saw", Owner(name="ada"))

    app.include_router(router)
    client = TestClient(app)
    for path in ("/tools/one", "/tools/two", "/tools/three"):
        text = client.get(path).text
        assert (json.loads(text) if response_class is JSONResponse else eval(text)) == expected  # noqa: S307


def test_fields_that_are_none_are_left_out_where_the_route_says_so(app):
    @app.get("/", response_model_exclude_none=True)
    def endpoint() -> list[Tool | None]:
        return [Tool("saw"), None]

    assert TestClient(app).get("/").json() == [{"name": "saw", "price": 1.5}, None]


def test_no_model_stands_in_for_the_annotation(app):
    @app.get("/", response_model=None)
    def endpoint() -> Item:
        return Secret("saw")

    assert TestClient(app).get("/").json() == {"name": "saw", "password": "secret"}


@pytest.mark.parametrize("option", ["response_model_include", "response_model_exclude"])
def test_what_names_no_fields_is_refused_at_once(option):
    def endpoint(): ...

    options: Any = {option: "name"}
    with pytest.raises(DeclarationError) as raised:
        App().get("/", **options)(endpoint)

    assert str(raised.value) == (
        f"{option}='name': 'name' is neither a set of names nor a dict\n"
        f"  in:   {endpoint.__qualname__} ({__file__}:{endpoint.__code__.co_firstlineno})\n"
        '  cure: write a set, {"name", "price"}, or a dict, {"owner": {"name"}}'
    )


# ---------------------------------------------------------------------- results that do not fit


class Endpoint:
    def __call__(self) -> list[Item]:
        return [Item("saw"), {"name": 3}]  # type: ignore[list-item]


def read_items() -> list[Item]:
    return Endpoint()()


async def test_a_result_that_does_not_fit_is_reported_with_its_route_and_field(app):
    """E4"""
    log = Log()
    router = Router(prefix="/shop")

    async def get_session() -> AsyncIterator[None]:
        with log.opened("session"):
            yield

    router.api_route("/items", methods=["GET", "POST"], dependencies=[Depends(get_session)])(
        read_items
    )
    app.include_router(router)

    answer = await request(app, "/shop/items", log=log)

    assert log == lines("session opens, session sees ResponseValidationError, sends 500")
    assert isinstance(answer.raised, ResponseValidationError)
    error = answer.raised
    assert str(error) == (
        "1 validation error\n"
        "  response.1.name: Expected `str`, got `int` (value_error)\n"
        f"  in: GET POST /shop/items, read_items ({__file__}:{error.endpoint_line})"
    )
    assert error.endpoint_line == inspect.getsourcelines(read_items)[1]
    assert error.endpoint_file == __file__
    assert error.endpoint_function == "read_items"
    assert error.endpoint_path == "GET POST /shop/items"
    assert error.body == [Item("saw"), {"name": 3}]


def test_the_error_names_what_is_known_of_the_endpoint():
    def made(**context: Any) -> str:
        errors = [{"type": "missing", "loc": ("response", 0), "msg": "Field required"}]
        return str(ResponseValidationError(errors, endpoint_ctx=context))

    first = "1 validation error\n  response.0: Field required (missing)"
    assert made() == first
    assert made(path="GET /", function="len") == f"{first}\n  in: GET /, len"
    assert made(path="GET /", function="f", file="a.py", line=3) == (
        f"{first}\n  in: GET /, f (a.py:3)"
    )


def test_an_endpoint_without_a_file_of_its_own_has_a_route(app):
    app.get("/", response_model=int)(dict)

    with pytest.raises(ResponseValidationError, match=re.escape("in: GET /, dict")) as raised:
        TestClient(app).get("/")

    assert raised.value.endpoint_file is None


def test_a_servers_log_has_the_route_and_the_field(app):
    app.get("/items")(read_items)

    with serve(app) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/items")
        assert connection.getresponse().status == 500
        connection.close()
        server.wait_for("in: GET /items, read_items (")
    assert "response.1.name: Expected `str`, got `int` (value_error)" in server.log


# ---------------------------------------------------------------------- HEAD and OPTIONS


@pytest.mark.parametrize("implementation", ["h11", "httptools"])
def test_what_answers_head_and_options_sends_no_body_too_many(app, implementation):
    @app.api_route("/value", methods=["GET", "HEAD", "OPTIONS"])
    def value() -> dict[str, int]:
        return {"a": 1}

    @app.head("/file", response_class=FileResponse)
    def file() -> Any:
        return __file__

    @app.head("/stream")
    def stream() -> Any:
        return StreamingResponse(iter(["a", "b"]))

    @app.options("/nothing", status_code=204)
    def nothing() -> None: ...

    with serve(app, http=implementation) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        for method, path, expected in [
            ("HEAD", "/value", (200, "7", b"")),
            ("OPTIONS", "/value", (200, "7", b'{"a":1}')),
            ("HEAD", "/file", (200, str(pathlib.Path(__file__).stat().st_size), b"")),
            ("HEAD", "/stream", (200, None, b"")),
            ("OPTIONS", "/nothing", (204, None, b"")),
            ("GET", "/value", (200, "7", b'{"a":1}')),
        ]:
            connection.request(method, path)  # on one connection: what is too much would be seen
            answer = connection.getresponse()
            found = (answer.status, answer.headers["content-length"], answer.read())
            assert found == expected, (method, path)
        connection.close()
    assert "Traceback" not in server.log


def test_an_enum_of_which_parts_are_left_out_is_whole(app: App) -> None:
    class Size(Enum):
        SMALL = "small"

    @app.get("/", response_model_exclude={"size": {"name"}})
    async def item() -> dict[str, Any]:
        return {"size": Size.SMALL}

    assert TestClient(app).get("/").json() == {"size": "small"}
