# ruff: noqa: B008 - declared as FastAPI's documentation does
"""What FastAPI accepts where a route is declared is accepted, and answers the same."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Annotated, Any, NamedTuple

import fastapi
import pytest
from fastapi.routing import APIRoute
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    Field,
    field_validator,
    model_validator,
)
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

import microfw
import microfw.routing
import microfw.security

Sent = tuple[str, str, Mapping[str, Any]]
EITHER = AliasChoices("a", "b")
NESTED = AliasChoices("a", AliasPath("b", 0))


def get(path: str = "/", **options: Any) -> Sent:
    return "GET", path, options


def post(**options: Any) -> Sent:
    return "POST", "/", options


QUERIES = tuple(map(get, ("/", "/?q=1", "/?a=1", "/?b=2", "/?a=1&b=2", "/?a=x", "/?b=x", "/?a=")))
HEADERS = (get(), *(get(headers={name: "1"}) for name in ("a", "b", "q", "x-a", "x_a")))
BODIES = (post(), *(post(json={name: 1, "z": 2}) for name in ("a", "b", "q")), post(json=3))
FORMS = (post(), *(post(data={name: "1", "z": "2"}) for name in ("a", "b", "q")), post(json=3))


class Pair(NamedTuple):
    first: int
    second: int


class Words(BaseModel):
    """Fields that no text can hold by itself."""

    words: dict[str, str] = {}
    limit: int = fastapi.Query(3, gt=0)

    @field_validator("words", mode="before")
    @classmethod
    def read(cls, sent: Any) -> Any:
        return {"all": sent}


class Order(BaseModel):
    amount: int = 1

    @model_validator(mode="before")
    @classmethod
    def read(cls, sent: Any) -> Any:
        return json.loads(sent) if isinstance(sent, str) else sent


Shape = tuple[str, Callable[..., Any], tuple[Sent, ...]]


def shape(name: str, annotation: Any, *default: Any, sent: tuple[Sent, ...] = QUERIES) -> Any:
    def endpoint(q: Any, z: Any = None) -> Any:
        return {"q": q}

    endpoint.__annotations__ = {"q": annotation}
    endpoint.__defaults__ = (*default, None) if default else (None,)
    return name, endpoint, sent


def aliases(it: Any) -> Iterator[Shape]:
    """Parameters with several names, by the declarations of either framework."""
    Query, Header, Body, Form = it.Query, it.Header, it.Body, it.Form
    named: Mapping[str, Any] = {"choices": EITHER, "path": NESTED, "name": "a"}
    for name, alias in named.items():
        yield shape(f"query {name}", int, Query(3, validation_alias=alias))
        yield shape(f"required query {name}", int, Query(validation_alias=alias))
        yield shape(f"list {name}", list[int], Query([], validation_alias=alias))
        yield shape(f"header {name}", int, Header(3, validation_alias=alias), sent=HEADERS)
        yield shape(f"body {name}", int, Body(3, validation_alias=alias, embed=True), sent=BODIES)
        yield shape(f"form {name}", int, Form(3, validation_alias=alias), sent=FORMS)
        yield shape(f"field {name}", Annotated[int, Field(validation_alias=alias)], 3)
    yield shape("field", Annotated[int, Field(alias="a")])
    yield shape("field and query", Annotated[int, Field(alias="a", gt=0), Query()], 3)
    yield shape("field and header", Annotated[int, Header(), Field(alias="x_a")], 3, sent=HEADERS)


def defaults(it: Any) -> Iterator[Shape]:
    """Parameters whose defaults are validated, or not."""
    Query, Body, Form = it.Query, it.Body, it.Form
    for default in ("5", "x"):
        yield shape(f"query {default}", int, Query(default, validate_default=True))
        yield shape(f"not {default}", int, Query(default, validate_default=False))
        yield shape(f"body {default}", int, Body(default, validate_default=True), sent=BODIES)
        yield shape(f"form {default}", int, Form(default, validate_default=True), sent=FORMS)
        yield shape(f"field {default}", Annotated[int, Field(validate_default=True)], default)
    yield shape("factory", int, Query(default_factory=lambda: "7", validate_default=True))


def others(it: Any) -> Iterator[Shape]:
    """Parameters that are unusual in other ways."""
    Query, Body, Form, File = it.Query, it.Body, it.Form, it.File
    yield shape("named tuple", Pair, Query(), sent=(get("/?q=1&q=2"), get("/?q=1")))
    yield shape("group", Annotated[Words, Query()], sent=(get(), get("/?words=x&limit=0")))
    yield shape("not called", Annotated[int, Query], 3)
    yield shape("flag", bool, Query(True, gt=0), sent=(get(), get("/?q=1"), get("/?q=0")))
    yield shape("order of text", str, Query("c", gt="b"), sent=(get(), get("/?q=a")))
    yield shape("pattern of bytes", bytes, Query(b"", pattern="1"), sent=(get("/?q=1"),))

    def beside_form(q: list[int] = Body([]), z: str = Form("")) -> Any:
        return {"q": q, "z": z}

    def beside_file(file: Any = File(), q: Order = Body()) -> Any:
        return {"q": q, "file": file.filename}

    def default_beside_form(q: Order = Body(Order()), z: str = Form("")) -> Any:
        return {"q": q, "z": z}

    def read_beside_form(
        q: Annotated[Order, AfterValidator(lambda order: order)] = Body(), z: str = Form("")
    ) -> Any:
        return {"q": q, "z": z}

    beside_file.__annotations__["file"] = it.UploadFile
    parts = (*FORMS, post(data={"q": ["1", "2"]}), post(data={"q": "x", "z": ""}))
    yield "body beside form", beside_form, parts
    upload = post(files={"file": b"x"}, data={"q": '{"amount": 3}'})
    yield "body beside file", beside_file, (upload, post(files={"file": b"x"}))
    yield "default beside form", default_beside_form, (post(data={"z": "1"}), post(data={"q": "1"}))
    yield "validated beside form", read_beside_form, (post(data={"q": '{"amount": 3}'}),)

    def in_path(q: str = it.Path(default_factory=list)) -> Any:
        return q

    yield "factory in path", in_path, (get("/x"),)

    def of_no_place(q: int = it.params.Param(3)) -> Any:
        return q

    yield "no place", of_no_place, QUERIES


def of_any_name(it: Any) -> Iterator[Shape]:
    """Functions that take `**kwargs`, which are a parameter of that name."""

    def any_name(number: int = 1, *rest: str, **others: int) -> Any:
        return {"number": number, "rest": rest, "others": others}

    def dependent(q: Any = it.Depends(any_name)) -> Any:
        return q

    class OfAnyName:
        def __init__(self, **others: Any) -> None:
            self.others = others

    def of_class(q: Any = it.Depends(OfAnyName)) -> Any:
        return q.others

    def depending(**it: Any) -> Any:
        return it

    depending.__annotations__["it"] = Annotated[int, it.Depends(lambda: 3)]
    both = (get(), get("/?others=1"), get("/?rest=a&others=1"), get("/?rest=a&others=b"))
    yield "any name", any_name, both
    yield "dependency of any name", dependent, both
    yield "class of any name", of_class, both
    yield "any name that depends", depending, (get(),)


def shapes(it: Any) -> list[Shape]:
    return [*aliases(it), *defaults(it), *others(it), *of_any_name(it)]


def answers(app: Any, sent: tuple[Sent, ...]) -> list[tuple[int, Any]]:
    client = TestClient(app)
    found = [client.request(method, path, **options) for method, path, options in sent]
    return [(answer.status_code, answer.json()) for answer in found]


def served(app: Any, endpoint: Any, sent: tuple[Sent, ...]) -> Any:
    path = "/{q}" if sent[0][1] == "/x" else "/"
    app.add_api_route(path, endpoint, methods=[sent[0][0]])
    return app


SHAPES = {name: (endpoint, sent) for name, endpoint, sent in shapes(microfw)}
THEIRS = {name: endpoint for name, endpoint, _ in shapes(fastapi)}


@pytest.mark.parametrize("name", SHAPES)
def test_a_parameter_that_fastapi_accepts_is_read_the_same(name: str) -> None:
    endpoint, sent = SHAPES[name]

    theirs = answers(served(fastapi.FastAPI(), THEIRS[name], sent), sent)
    ours = answers(served(microfw.App(), endpoint, sent), sent)

    assert ours == theirs


def test_a_body_beside_a_form_is_documented_as_a_part_of_it() -> None:
    endpoint, sent = SHAPES["body beside form"]
    document = served(microfw.App(), endpoint, sent).openapi()

    (content,) = document["paths"]["/"]["post"]["requestBody"]["content"].items()
    (part,) = [name for name in document["components"]["schemas"] if name.startswith("Body_")]
    assert content[0] == "application/x-www-form-urlencoded"
    assert set(document["components"]["schemas"][part]["properties"]) == {"q", "z"}


@pytest.mark.parametrize("it", [fastapi, microfw])
def test_a_default_of_a_body_stands_in_on_a_websocket(it: Any) -> None:
    app = (it.App if it is microfw else it.FastAPI)()

    @app.websocket("/")
    async def greet(
        websocket: WebSocket,
        word: str = it.Body("hello"),
        words: list[str] = it.Body(default_factory=list),
    ) -> None:
        await websocket.accept()
        words.append(word)
        await websocket.send_json(words)
        await websocket.close()

    for _ in range(2):
        with TestClient(app).websocket_connect("/") as websocket:
            assert websocket.receive_json() == ["hello"]


@pytest.mark.parametrize("it", [fastapi, microfw])
def test_a_response_on_a_websocket_is_one_that_is_not_sent(it: Any) -> None:
    app = (it.App if it is microfw else it.FastAPI)()

    def set_header(response: Response) -> None:
        response.headers["x-seen"] = "yes"

    @app.websocket("/", dependencies=[it.Depends(set_header)])
    async def greet(
        websocket: WebSocket,
        response: Response = None,  # type: ignore[assignment]
    ) -> None:
        await websocket.accept()
        await websocket.send_json([dict(response.headers), response.status_code])
        await websocket.close()

    with TestClient(app).websocket_connect("/") as websocket:
        assert websocket.receive_json() == [{"x-seen": "yes"}, None]
        sent: Any = websocket.extra_headers
        assert "x-seen" not in dict(sent or ())


@pytest.mark.parametrize("where", ["annotation", "default"])
@pytest.mark.parametrize("name", ["Header", "Body", "Depends", "Security"])
def test_a_declaration_that_is_not_called_says_nothing(name: str, where: str) -> None:
    found = []
    for it in (fastapi, microfw):
        app = (it.App if it is microfw else it.FastAPI)()
        declare: Any = getattr(it, name)

        def read(q: Any) -> Any:
            return q if isinstance(q, str) else q.__name__

        if where == "annotation":
            read.__annotations__["q"] = Annotated[str, declare]
        else:
            read.__defaults__ = (declare,)
            read.__annotations__["q"] = str
        warning = pytest.warns(RuntimeWarning) if it is microfw else nullcontext()
        with warning:
            app.get("/")(read)
        found.append(answers(app, (get(), get("/?q=1"), get(headers={"q": "2"}))))

    assert found[0] == found[1]


def test_a_status_has_any_three_digits() -> None:
    for it, make in ((fastapi, fastapi.FastAPI), (microfw, microfw.App)):
        app = make()
        app.get("/", status_code=799)(lambda: 1)
        assert TestClient(app).get("/").status_code == 799, it


def test_security_scopes_may_be_one_string() -> None:
    """FastAPI takes its letters."""
    app = microfw.App()

    def scopes_of(scopes: microfw.security.SecurityScopes) -> Any:
        return [scopes.scopes, scopes.scope_str]

    @app.get("/")
    def read(scopes: Any = microfw.Security(scopes_of, scopes="users items")) -> Any:
        return scopes

    assert TestClient(app).get("/").json() == [["users", "items"], "users items"]


def test_a_route_may_have_a_class_that_is_not_its_routers() -> None:
    for it, base in ((fastapi, APIRoute), (microfw, microfw.routing.Route)):

        class Marked(base):  # type: ignore[misc,valid-type]
            def get_route_handler(self) -> Any:
                handle = super().get_route_handler()

                async def mark(request: Any) -> Any:
                    response = await handle(request)
                    response.headers["x-marked"] = "yes"
                    return response

                return mark

        app, router = (microfw.App if it is microfw else fastapi.FastAPI)(), it.APIRouter()
        router.add_api_route("/", lambda: 1, route_class_override=Marked)
        app.include_router(router, prefix="/below")

        assert TestClient(app).get("/below/").headers["x-marked"] == "yes"


def test_any_type_of_middleware_is_that_of_http() -> None:
    app = microfw.App()

    @app.middleware("https")
    async def mark(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-marked"] = "yes"
        return response

    assert TestClient(app).get("/").headers["x-marked"] == "yes"


def test_a_response_model_that_is_empty_is_none() -> None:
    found = []
    for it in (fastapi, microfw):
        app = (it.App if it is microfw else it.FastAPI)()

        @app.get("/", response_model={})
        def read() -> int:
            return "text"  # type: ignore[return-value]

        answer = TestClient(app).get("/")
        found.append((answer.status_code, answer.json()))

    assert found == [(200, "text"), (200, "text")]
