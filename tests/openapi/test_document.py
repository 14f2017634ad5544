"""What the document says of an application, where no comparison with FastAPI tells it."""

from collections.abc import AsyncIterator
from functools import partial
from threading import get_ident
from typing import Annotated, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, ConfigDict
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from microfw import (
    App,
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Route,
    Router,
    Security,
    UploadFile,
)
from microfw.openapi._with_pydantic import pydantic_schemas
from microfw.openapi.utils import get_openapi
from microfw.responses import (
    EventSourceResponse,
    FileResponse,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from microfw.security import APIKeyCookie, APIKeyHeader, HTTPBearer, OAuth2PasswordBearer
from microfw.security.base import SecurityBase
from microfw.sse import ServerSentEvent
from microfw.testclient import TestClient

JSON = "application/json"
ERROR = {"$ref": "#/components/schemas/HTTPError"}


def described(app: App) -> dict[str, Any]:
    document = app.openapi()
    OpenAPIV31SpecValidator(document).validate()
    return document


def operation(app: App, path: str = "/", method: str = "get") -> dict[str, Any]:
    found: dict[str, Any] = described(app)["paths"][path][method]
    return found


# ---------------------------------------------------------------------- when, and where


def test_the_document_is_made_when_it_is_first_asked_for_and_kept() -> None:
    app = App()
    app.get("/")(lambda: None)

    assert app.openapi_schema is None
    document = app.openapi()
    assert app.openapi_schema is document is app.openapi()


def test_the_document_is_made_in_a_thread_so_that_nobody_waits_for_it() -> None:
    app, threads = App(), list[int]()

    @app.get("/thread")
    async def thread() -> int:
        return get_ident()

    make = app.openapi

    def make_noted() -> dict[str, Any]:
        threads.append(get_ident())
        return make()

    app.openapi = make_noted  # type: ignore[method-assign] # as FastAPI's documentation does
    with TestClient(app) as client:
        loop = client.get("/thread").json()
        answers = [client.get("/openapi.json").content for _ in range(2)]

    assert answers[0] == answers[1]
    assert [each == loop for each in threads] == [False, True]


def test_routes_that_are_added_later_are_in_the_next_document() -> None:
    app = App()
    before = app.openapi()
    app.get("/late")(lambda: None)

    assert before["paths"] == {}
    assert [*app.openapi()["paths"]] == ["/late"]


def test_webhooks_that_are_added_later_are_in_the_next_document() -> None:
    app = App()
    before = app.openapi()

    @app.webhooks.post("new-order")
    async def announce(number: Annotated[int, Body(embed=True)]) -> None: ...

    assert "webhooks" not in before
    told = described(app)["webhooks"]["new-order"]["post"]
    assert told["operationId"] == "announcenew_order_post"
    assert [*told["responses"]] == ["200", "422"]  # what else may go wrong, others know


@pytest.mark.parametrize("as_router", [True, False])
def test_webhooks_can_be_given(as_router: bool) -> None:
    async def announce() -> None: ...

    route = Route("/new-order", announce, methods=["POST"])
    app = App(webhooks=Router([route]) if as_router else [route])

    assert [*app.openapi()["webhooks"]] == ["/new-order"]
    app.webhooks = Router()
    assert "webhooks" not in app.openapi()


def test_a_document_of_the_users_own_is_served() -> None:
    app = App()
    app.openapi_schema = {"openapi": "3.1.0", "info": {}, "paths": {"/mine": {}}}

    assert app.openapi() is app.openapi_schema
    assert TestClient(app).get("/openapi.json").json() == app.openapi_schema


def test_a_function_of_the_users_own_makes_the_document() -> None:
    app = App(title="Shop", version="2")

    def make() -> dict[str, Any]:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["info"]["x-logo"] = {"url": "/logo.png"}
        return document

    app.openapi = make  # type: ignore[method-assign] # as FastAPI's documentation does

    served = TestClient(app).get("/openapi.json").json()
    assert served["info"] == {"title": "Shop", "version": "2", "x-logo": {"url": "/logo.png"}}


def test_the_document_is_served_below_the_prefix_that_a_proxy_strips() -> None:
    app = App(servers=[{"url": "https://shop.example"}])
    client = TestClient(app, root_path="/api")

    first, second = client.get("/openapi.json"), client.get("/openapi.json")

    assert first.json()["servers"] == [{"url": "/api"}, {"url": "https://shop.example"}]
    assert second.content == first.content
    assert app.openapi()["servers"] == [{"url": "https://shop.example"}]


def test_a_prefix_among_the_servers_is_not_added_again_nor_where_that_is_switched_off() -> None:
    listed = App(servers=[{"url": "/api"}])
    off = App(root_path_in_servers=False)

    assert TestClient(listed, root_path="/api").get("/openapi.json").json()["servers"] == [
        {"url": "/api"}
    ]
    assert "servers" not in TestClient(off, root_path="/api").get("/openapi.json").json()


def test_documents_are_kept_for_some_prefixes_only() -> None:
    app = App()
    outer = App(openapi_url=None, routes=[Mount("/{tenant}", app)])
    client = TestClient(outer)

    for number in range(20):
        served = client.get(f"/{number}/openapi.json").json()
        assert served["servers"] == [{"url": f"/{number}"}]
    assert len(app._bytes[1]) == 16


def test_the_document_is_answered_as_directly_as_a_route() -> None:
    app = App()

    def is_direct() -> bool:
        scope = {"type": "http", "method": "GET", "path": "/openapi.json"}
        return app.router.direct_route(scope) is not None

    assert is_direct()
    (route,) = (each for each in app.routes if getattr(each, "name", "") == "openapi")
    own: Any = route
    inner, paths = own.app, list[str]()

    async def note(scope: Any, receive: Any, send: Any) -> None:
        paths.append(scope["path"])
        await inner(scope, receive, send)

    own.app = note
    assert not is_direct()
    assert TestClient(app).get("/openapi.json").json() == app.openapi()
    assert paths == ["/openapi.json"]


@pytest.mark.parametrize("middleware", [[], [Middleware(GZipMiddleware)]])
def test_what_a_function_of_the_users_own_raises_is_answered_as_that_of_a_route(
    middleware: Any,
) -> None:
    app = App(middleware=middleware)
    errors = [HTTPException(404, "none for you"), KeyError("x"), ValueError("broken")]

    @app.exception_handler(KeyError)
    async def handle(request: Request, error: KeyError) -> JSONResponse:
        return JSONResponse({"path": request.url.path}, 409)

    def make() -> dict[str, Any]:
        raise errors.pop(0)

    app.openapi = make  # type: ignore[method-assign] # as FastAPI's documentation does
    client = TestClient(app, raise_server_exceptions=False)

    answers = [client.get("/openapi.json") for _ in range(3)]
    assert [(each.status_code, each.text) for each in answers] == [
        (404, '{"detail":"none for you"}'),
        (409, '{"path":"/openapi.json"}'),
        (500, "Internal Server Error"),
    ]


def test_the_url_of_the_document_can_be_another_or_none() -> None:
    other, none = App(openapi_url="/api/schema"), App(openapi_url=None)

    assert TestClient(other).get("/api/schema").status_code == 200
    assert other.url_path_for("openapi") == "/api/schema"
    assert none.routes == []
    assert TestClient(none).get("/openapi.json").status_code == 404
    assert none.openapi()["paths"] == {}


def test_everything_that_is_said_of_an_application_is_reported() -> None:
    info: dict[str, Any] = {
        "title": "Shop",
        "version": "3",
        "summary": "Sells",
        "description": "All sorts",
        "contact": {"name": "Anna"},
    }
    app = App(
        **info,
        terms_of_service="https://shop.example/terms",
        license_info={"name": "MIT"},
        openapi_tags=[{"name": "items"}],
        openapi_external_docs={"url": "https://shop.example/docs"},
        openapi_version="3.1.1",
    )

    assert described(app) == {
        "openapi": "3.1.1",
        "info": {
            **info,
            "termsOfService": "https://shop.example/terms",
            "license": {"name": "MIT"},
        },
        "paths": {},
        "tags": [{"name": "items"}],
        "externalDocs": {"url": "https://shop.example/docs"},
    }


# ---------------------------------------------------------------------- operations


def test_each_method_has_an_id_of_its_own() -> None:
    def name(route: Any) -> str:
        return f"my-{route.name}"

    app = App()

    @app.api_route("/", methods=["PUT", "POST"])
    @app.api_route("/named", methods=["PUT", "POST"], generate_unique_id_function=name)
    @app.api_route("/own", methods=["PUT", "POST"], operation_id="save")
    @app.post("/one", operation_id="save-one")
    async def keep() -> None: ...

    ids = {
        path: {method: each["operationId"] for method, each in methods.items()}
        for path, methods in described(app)["paths"].items()
    }
    assert ids == {
        "/": {"post": "keep__post", "put": "keep__put"},
        "/named": {"post": "my-keep_post", "put": "my-keep_put"},
        "/own": {"post": "save_post", "put": "save_put"},
        "/one": {"post": "save-one"},
    }


def test_methods_for_which_a_document_has_no_word_are_left_out() -> None:
    app = App()
    app.api_route("/", methods=["CONNECT", "GET", "QUERY"])(lambda: None)
    app.api_route("/connect", methods=["CONNECT"])(lambda: None)
    newer = App(openapi_version="3.2.0")
    newer.api_route("/", methods=["CONNECT", "QUERY"])(lambda: None)

    assert {path: [*each] for path, each in described(app)["paths"].items()} == {"/": ["get"]}
    assert [*newer.openapi()["paths"]["/"]] == ["query"]


def test_routes_can_be_named_before_the_document_is_made() -> None:
    app = App()

    @app.get("/", tags=["items"], responses={404: {}}, deprecated=True)
    async def read() -> None: ...

    (route,) = (each for each in app.routes if isinstance(each, Route))
    assert (route.tags, route.responses) == (["items"], {404: {}})
    assert route.operation_id is route.summary is None
    assert route.deprecated
    route.operation_id = f"{route.tags[0]}-{route.name}"
    route.tags, route.deprecated = [], False
    route.summary, route.description = "Look", "At one"

    told = operation(app)
    assert {name: told[name] for name in told.keys() - {"responses"}} == {
        "operationId": "items-read",
        "summary": "Look",
        "description": "At one",
    }


def test_ids_that_are_not_unique_are_warned_of() -> None:
    app = App()
    app.get("/a", operation_id="same")(lambda: None)
    app.get("/b", operation_id="same")(lambda: None)

    with pytest.warns(UserWarning, match="2 operations have the id 'same'"):
        app.openapi()


def test_of_two_routes_for_the_same_requests_the_one_is_described_that_is_called() -> None:
    app = App()
    app.get("/", summary="first")(lambda: None)
    app.get("/", summary="second")(lambda: None)

    assert operation(app)["summary"] == "first"


def test_callbacks_that_are_not_microfws_are_left_out() -> None:
    async def paid() -> None: ...

    callback = Route("{$request.body#/url}", paid, methods=["POST"])
    app = App()
    app.post("/", callbacks=[callback, Mount("/x", App())])(lambda: None)

    assert [*operation(app, method="post")["callbacks"]] == ["paid"]


def test_what_an_operation_has_besides_is_merged() -> None:
    extra = {"tags": ["b"], "x-mine": 1, "responses": {"200": {"description": "Here"}}}
    app = App()
    app.get("/", tags=["a"], openapi_extra=extra)(lambda: None)

    told = operation(app)

    assert (told["tags"], told["x-mine"]) == (["a", "b"], 1)
    assert told["responses"]["200"] == {"description": "Here", "content": {JSON: {"schema": {}}}}


@pytest.mark.parametrize("is_listed", [True, False, None])
def test_descriptions_list_dependencies_in_order_where_that_is_wanted(
    is_listed: bool | None,
) -> None:
    async def engine() -> AsyncIterator[int]:
        yield 1

    async def session(engine: Annotated[int, Depends(engine, scope="app")]) -> AsyncIterator[int]:
        yield 1

    def user(session: Annotated[int, Depends(session, scope="request")]) -> int:
        return session

    async def transaction() -> AsyncIterator[int]:
        yield 1

    app = App(document_lifecycle=is_listed)

    @app.get("/")
    async def read(
        user: Annotated[int, Depends(user)], own: Annotated[int, Depends(transaction)]
    ) -> None:
        """Read it."""

    @app.get("/none")
    async def read_none() -> None: ...

    told = operation(app)["description"].splitlines()
    assert (
        told
        == [
            "Read it.",
            *(
                "",
                "**Dependencies**, in the order of their setup; they exit in reverse:",
                "",
                "1. `engine`, open from start-up to shutdown",
                "1. `session`, open until the response is sent",
                "1. `user`, in a thread",
                "1. `transaction`, open until the response is created",
            ),
        ][: None if is_listed else 1]
    )
    assert "description" not in operation(app, "/none")


# ---------------------------------------------------------------------- security

bearer = OAuth2PasswordBearer("token", scopes={"read": "Read", "write": "Write"})
key = APIKeyHeader(name="X-Key")
optional_cookie = APIKeyCookie(name="session", auto_error=False)
optional_key = APIKeyHeader(name="X-Other", scheme_name="Other", auto_error=False)


def secured(*schemes: Any) -> dict[str, Any]:
    app = App()
    app.get("/", dependencies=[Depends(each) for each in schemes])(lambda: None)
    return operation(app)


def test_credentials_that_are_all_required_are_required_together() -> None:
    told = secured(bearer, key)

    assert told["security"] == [{"OAuth2PasswordBearer": [], "APIKeyHeader": []}]


def test_credentials_that_are_not_required_are_alternatives() -> None:
    assert secured(optional_cookie, optional_key)["security"] == [
        {"APIKeyCookie": []},
        {"Other": []},
        {},
    ]
    assert secured(key, optional_cookie)["security"] == [
        {"APIKeyHeader": [], "APIKeyCookie": []},
        {"APIKeyHeader": []},
    ]


def test_a_scheme_answers_401_with_its_challenge() -> None:
    assert secured(key)["responses"]["401"] == {
        "description": "Unauthorized",
        "content": {JSON: {"schema": ERROR}},
        "headers": {
            "WWW-Authenticate": {
                "description": "What would be accepted",
                "schema": {"type": "string"},
            }
        },
    }


def test_a_scheme_that_answers_otherwise_is_reported_of_as_it_answers() -> None:
    class Forbidding(HTTPBearer):
        def make_not_authenticated_error(self) -> HTTPException:
            return HTTPException(403, "Not authenticated")

    told = secured(Forbidding())["responses"]

    assert [*told] == ["200", "401", "403"]
    assert "headers" in told["401"]
    assert told["403"] == {"description": "Forbidden", "content": {JSON: {"schema": ERROR}}}


def test_scopes_are_those_of_all_declarations_above_the_scheme() -> None:
    app = App()

    def user(token: Annotated[str, Depends(bearer)]) -> str:
        return token

    @app.get("/", dependencies=[Security(user, scopes=["write", "read"])])
    async def read(user: Annotated[str, Security(user, scopes=["read", "list"])]) -> None: ...

    (told,) = operation(app)["security"]
    assert sorted(told["OAuth2PasswordBearer"]) == ["list", "read", "write"]


def test_a_scheme_of_the_users_own_is_listed_and_answers_what_it_wants() -> None:
    class Badge(SecurityBase):
        def __init__(self) -> None:
            self.scheme_name = "Badge"
            self.openapi = {"type": "http", "scheme": "badge", "description": None}

        def __call__(self, request: Request) -> str:
            return request.headers["x-badge"]

    app = App()
    app.get("/", dependencies=[Depends(Badge())])(lambda: None)

    assert operation(app)["security"] == [{"Badge": []}]
    assert [*operation(app)["responses"]] == ["200"]
    assert described(app)["components"]["securitySchemes"] == {
        "Badge": {"type": "http", "scheme": "badge"}
    }


def test_what_the_author_says_of_a_status_counts() -> None:
    app = App(responses={"4XX": {"description": "Refused"}})
    app.post("/", dependencies=[Depends(HTTPBearer())])(_takes_number)

    assert [*operation(app, method="post")["responses"]] == ["200", "4XX"]


def _takes_number(number: Annotated[int, Body()]) -> None: ...


# ---------------------------------------------------------------------- what can go wrong


@pytest.mark.parametrize(
    ("annotation", "default", "is_told"),
    [
        (str, "", False),
        (str | None, None, False),
        (Any, None, False),
        (str, ..., True),
        (int, 1, True),
        (Annotated[str, Query(max_length=3)], "", True),
        (list[str], [], True),
    ],
)
def test_422_is_reported_of_where_something_can_be_invalid(
    annotation: Any, default: Any, is_told: bool
) -> None:
    async def read(q=default if default is not ... else Query()) -> None: ...

    read.__annotations__["q"] = annotation
    app = App()
    app.get("/")(read)

    assert ("422" in operation(app)["responses"]) is is_told


def test_text_in_the_path_is_never_invalid() -> None:
    app = App()

    @app.get("/{name}")
    async def read(name: str) -> None: ...

    assert [*operation(app, "/{name}")["responses"]] == ["200"]


def test_bodies_may_be_too_large_and_forms_malformed() -> None:
    app = App()

    @app.post("/form")
    async def take_form(a: Annotated[str, Form()]) -> None: ...

    @app.post("/json")
    @app.post("/without-limit", max_body_size=None)
    async def take_json(a: Annotated[int, Body()]) -> None: ...

    answers = {path: [*each["post"]["responses"]] for path, each in described(app)["paths"].items()}
    assert answers == {
        "/form": ["200", "400", "413", "422"],
        "/json": ["200", "413", "422"],
        "/without-limit": ["200", "422"],
    }


def test_an_application_without_a_limit_for_bodies_answers_no_413() -> None:
    app = App(max_body_size=None)
    app.post("/")(_takes_number)
    app.post("/limited", max_body_size=10)(_takes_number)

    assert "413" not in operation(app, method="post")["responses"]
    assert "413" in operation(app, "/limited", "post")["responses"]


# ---------------------------------------------------------------------- answers


def answer(response: Any, **options: Any) -> dict[str, Any]:
    async def read(): ...

    read.__annotations__["return"] = response
    app = App(openapi_version=options.pop("openapi_version", "3.1.0"))
    app.get("/", **options)(read)
    told: dict[str, Any] = app.openapi()["paths"]["/"]["get"]["responses"]
    return told


def test_a_response_has_the_media_type_and_the_status_of_its_class() -> None:
    success = {"description": "Successful Response"}
    text = {"schema": {"type": "string"}}

    anything = {**success, "content": {"*/*": {}}}
    assert answer(FileResponse) == answer(Annotated[FileResponse, "a report"]) == {"200": anything}
    assert answer(StreamingResponse) == answer(Response) == {"200": success}
    assert answer(RedirectResponse) == {"307": success}
    assert answer(HTMLResponse) == {"200": {**success, "content": {"text/html": text}}}
    assert answer(str, response_class=HTMLResponse) == answer(HTMLResponse)
    assert answer(None, status_code=204) == {"204": success}


def test_each_response_that_may_be_returned_has_its_media_type_and_its_status() -> None:
    success = {"description": "Successful Response"}
    value = {JSON: {"schema": {"type": "integer", "title": "Response Read  Get"}}}

    assert answer(int | FileResponse | RedirectResponse) == {
        "200": {**success, "content": {**value, "*/*": {}}},
        "307": success,
    }
    assert answer(int | JSONResponse) == answer(int)
    assert answer(Response, response_model=int) == answer(int)
    assert answer(int | Response, response_model=None) == {
        "200": {**success, "content": {JSON: {"schema": {}}}}
    }


def test_what_is_annotated_counts_before_the_class_of_all_routes_unless_that_is_narrower() -> None:
    html = answer(HTMLResponse)

    assert answer(FileResponse, response_class=HTMLResponse) == answer(FileResponse)
    assert answer(Response, response_class=HTMLResponse) == html
    assert answer(int | Response, response_class=HTMLResponse) == html


def test_a_function_that_makes_responses_is_described_as_far_as_it_shows() -> None:
    def page(content: str, status_code: int = 203) -> HTMLResponse:
        return HTMLResponse(content, status_code)

    def anything(content: str):
        return HTMLResponse(content)

    success = {"description": "Successful Response"}
    problem = partial(JSONResponse, media_type="application/problem+json", status_code=400)

    assert answer(str, response_class=page) == {"203": answer(HTMLResponse)["200"]}
    assert answer(str, response_class=anything) == {"200": success}
    assert answer(int, response_class=problem) == {
        "400": {
            **success,
            "content": {"application/problem+json": answer(int)["200"]["content"][JSON]},
        }
    }
    assert streamed(chunks, response_class=anything) == success


def test_a_head_is_answered_without_content() -> None:
    app = App(responses={404: {"model": int}})

    @app.api_route("/", methods=["GET", "HEAD", "OPTIONS"])
    async def read(number: Annotated[int, Body()]) -> int:
        return number

    told = {
        method: [status for status, answer in each["responses"].items() if "content" in answer]
        for method, each in described(app)["paths"]["/"].items()
    }
    assert told == {
        "get": ["200", "404", "413", "422"],
        "head": [],
        "options": ["200", "404", "413", "422"],
    }


def test_a_response_of_the_users_own_may_have_no_status() -> None:
    class Teapot(HTMLResponse):
        def __init__(self, content: str) -> None:
            super().__init__(content, 418)

    assert [*answer(Teapot)] == ["200"]


def test_a_response_model_stands_in_for_what_is_annotated() -> None:
    told = answer(str, response_model=int)

    assert told["200"]["content"][JSON]["schema"]["type"] == "integer"
    assert answer(str, response_model=None)["200"]["content"][JSON]["schema"] == {}


def test_further_answers_have_models_and_descriptions() -> None:
    told = answer(
        int,
        responses={
            404: {"model": str},
            "default": {"description": "Else"},
            499: {},
            "custom": {"model": None},
            "5xx": {},
        },
    )

    assert told["404"] == {
        "description": "Not Found",
        "content": {JSON: {"schema": {"type": "string", "title": "Response 404 Read  Get"}}},
    }
    assert told["default"] == {"description": "Else"}
    assert told["499"] == told["CUSTOM"] == {"description": "Additional Response"}
    assert told["5XX"] == {"description": "Server Error"}


def test_what_dependencies_answer_is_reported_of_each_route_that_uses_them() -> None:
    class NotFound(BaseModel):
        what: str

    def session() -> None: ...
    def find(it: Annotated[None, Depends(session, responses={503: {}})]) -> None: ...
    def check() -> None: ...

    missing: dict[int | str, Any] = {404: {"model": NotFound}, 409: {"description": "Gone"}}
    app = App()

    @app.get(
        "/",
        dependencies=[Security(check, responses={403: {}, 409: {"description": "Busy"}})],
        responses={404: {"description": "No such thing"}},
    )
    async def read(it: Annotated[None, Depends(find, responses=missing)]) -> None: ...

    @app.get("/other")
    async def read_other(it: Annotated[None, Depends(find, responses=missing)]) -> None: ...

    told = {key: each["description"] for key, each in operation(app)["responses"].items()}
    assert told == {
        "200": "Successful Response",
        "403": "Forbidden",
        "404": "No such thing",
        "409": "Gone\n\nBusy",
        "503": "Service Unavailable",
    }
    other = operation(app, "/other")["responses"]
    assert other["404"]["content"][JSON]["schema"] == {"$ref": "#/components/schemas/NotFound"}


def test_what_several_dependencies_answer_with_one_status_is_documented_together() -> None:
    class NoBook(BaseModel):
        book: str

    class NoMember(BaseModel):
        member: str

    def find_book() -> None: ...
    def find_member() -> None: ...
    def look_up() -> None: ...

    no_book: dict[int | str, Any] = {404: {"model": NoBook, "description": "No such book"}}
    no_member: dict[int | str, Any] = {404: {"model": NoMember, "description": "No such member"}}
    after = {"Retry-After": {"schema": {"type": "string"}}}
    retry: dict[int | str, Any] = {404: {"description": "No such book", "headers": after}}
    app = App()

    @app.get("/")
    async def lend(
        book: Annotated[None, Depends(find_book, responses=no_book)],
        member: Annotated[None, Depends(find_member, responses=no_member)],
        again: Annotated[None, Depends(look_up, responses=retry)],
    ) -> None: ...

    answer = operation(app)["responses"]["404"]
    assert sorted(answer["description"].split("\n\n")) == ["No such book", "No such member"]
    assert answer["headers"] == after
    schemas = answer["content"][JSON]["schema"]["anyOf"]
    assert {each["$ref"] for each in schemas} == {
        "#/components/schemas/NoBook",
        "#/components/schemas/NoMember",
    }


async def lines() -> AsyncIterator[int]:
    yield 1


async def events() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(data=1)


async def some_events() -> AsyncIterator[ServerSentEvent | int]:
    yield 1


async def chunks() -> AsyncIterator[bytes]:
    yield b""


def streamed(endpoint: Any, version: str = "3.1.0", **options: Any) -> dict[str, Any]:
    app = App(openapi_version=version)
    app.get("/", **options)(endpoint)
    told: dict[str, Any] = app.openapi()["paths"]["/"]["get"]["responses"]["200"]
    return told


@pytest.mark.parametrize(("version", "word"), [("3.1.0", "schema"), ("3.2.0", "itemSchema")])
def test_streams_tell_of_their_items_in_the_words_of_the_documents_version(
    version: str, word: str
) -> None:
    item = {"type": "integer", "title": "Streamitem Lines  Get"}

    assert streamed(lines, version)["content"] == {"application/jsonl": {word: item}}


def test_events_tell_of_their_data() -> None:
    event = streamed(some_events, response_class=EventSourceResponse)["content"]
    of_any = streamed(events, response_class=EventSourceResponse)["content"]

    data = event["text/event-stream"]["schema"]["properties"]["data"]
    assert data["contentSchema"]["type"] == "integer"
    assert event["text/event-stream"]["schema"]["required"] == ["data"]
    assert of_any["text/event-stream"]["schema"]["properties"]["data"] == {"type": "string"}


def test_a_stream_of_bytes_tells_of_no_items() -> None:
    assert "content" not in streamed(chunks, response_class=StreamingResponse)


# ---------------------------------------------------------------------- values


def test_parameters_may_have_examples_be_deprecated_or_hidden() -> None:
    app = App()

    @app.get("/")
    async def read(
        a: Annotated[str, Query(openapi_examples={"one": {"value": "1"}})] = "",
        b: Annotated[str, Header(deprecated=True, description="Old")] = "",
        c: Annotated[str, Cookie(include_in_schema=False)] = "",
    ) -> None: ...

    first, second = operation(app)["parameters"]
    assert first["examples"] == {"one": {"value": "1"}}
    assert (second["deprecated"], second["description"]) == (True, "Old")


def test_what_several_dependencies_share_is_described_once() -> None:
    def shared(q: int) -> int:
        return q

    def one(it: Annotated[int, Depends(shared)], a: int) -> None: ...
    def other(it: Annotated[int, Depends(shared)], b: int) -> None: ...

    app = App()

    @app.get("/")
    async def read(
        first: Annotated[None, Depends(one)], second: Annotated[None, Depends(other)], c: int
    ) -> None: ...

    assert [each["name"] for each in operation(app)["parameters"]] == ["c", "a", "q", "b"]


def test_a_parameter_of_a_dependency_that_is_required_counts_before_one_that_is_not() -> None:
    def inner(q: int) -> int:
        return q

    app = App()

    @app.get("/")
    async def read(twice: Annotated[int, Depends(inner)], q: str = "") -> None: ...

    (told,) = operation(app)["parameters"]
    assert (told["required"], told["schema"]["type"]) == (True, "integer")


def test_parts_of_a_body_become_an_object() -> None:
    app = App()

    @app.post("/")
    async def take(
        a: Annotated[int, Body(deprecated=True)], b: Annotated[str, Body()] = "x"
    ) -> None: ...

    document = described(app)
    assert document["components"]["schemas"]["Body_take__post"] == {
        "title": "Body_take__post",
        "type": "object",
        "properties": {
            "a": {"type": "integer", "title": "A", "deprecated": True},
            "b": {"type": "string", "title": "B", "default": "x"},
        },
        "required": ["a"],
    }
    assert document["paths"]["/"]["post"]["requestBody"]["required"]


def test_a_body_none_of_whose_parts_is_required_is_not_required() -> None:
    app = App()

    @app.post("/")
    async def take(a: Annotated[int, Body()] = 1, b: Annotated[int, Body()] = 2) -> None: ...

    assert "required" not in operation(app, method="post")["requestBody"]
    assert "required" not in app.openapi()["components"]["schemas"]["Body_take__post"]


def test_a_body_has_the_media_type_that_is_declared() -> None:
    app = App()

    @app.post("/json")
    async def take_json(a: Annotated[int, Body(media_type="application/x+json")]) -> None: ...

    @app.post("/file")
    async def take_file(f: UploadFile, a: Annotated[str, Form()]) -> None: ...

    @app.post("/bytes")
    async def take_bytes(f: Annotated[bytes, File()]) -> None: ...

    @app.post("/both")
    async def take_both(
        a: Annotated[int, Body(media_type="application/x+json")], b: Annotated[int, Body()]
    ) -> None: ...

    types = {
        path: [*each["post"]["requestBody"]["content"]]
        for path, each in described(app)["paths"].items()
    }
    assert types == {
        "/json": ["application/x+json"],
        "/file": ["multipart/form-data"],
        "/bytes": ["multipart/form-data"],
        "/both": [JSON],
    }


def test_a_body_has_examples() -> None:
    app = App()

    @app.post("/")
    async def take(a: Annotated[int, Body(openapi_examples={"one": {"value": 1}})]) -> None: ...

    content = operation(app, method="post")["requestBody"]["content"]
    assert content[JSON]["examples"] == {"one": {"value": 1}}


def test_all_methods_but_trace_describe_the_body_that_the_route_reads() -> None:
    app = App(openapi_version="3.2.0")
    app.api_route("/", methods=["GET", "OPTIONS", "QUERY", "TRACE"])(_takes_number)

    told = app.openapi()["paths"]["/"]
    assert [method for method in told if "requestBody" in told[method]] == [
        "get",
        "options",
        "query",
    ]


# ---------------------------------------------------------------------- mistakes


class Odd:
    pass


class Strange(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    odd: Odd


def test_a_type_without_a_schema_is_logged_with_its_route_and_the_others_are_described(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def inner(strange: Annotated[Strange, Body()]) -> None: ...

    app = App()

    @app.get("/fine")
    async def fine() -> int:
        return 1

    @app.post("/")
    async def take(it: Annotated[None, Depends(inner)], q: int = 1) -> None: ...

    @app.get("/odd")
    async def give() -> Strange:
        return Strange(odd=Odd())

    paths = TestClient(app).get("/openapi.json").json()["paths"]
    first, second = (record.getMessage().splitlines() for record in caplog.records)

    what, where, path, cure = first
    assert what == (
        "POST /: 'strange', which 'inner' reads, has no schema, so that the OpenAPI document"
        " allows anything: Cannot generate a JsonSchema for core_schema.IsInstanceSchema"
        f" ({Odd})"
    )
    assert where.startswith("  in:   test_a_type_without_a_schema")
    assert path == "  path: take -> inner"
    assert cure == (
        "  cure: use a type that has a JSON schema, or leave the route out of the document:"
        " include_in_schema=False"
    )
    assert second[0].startswith("GET /odd: what 'give' answers has no schema")
    assert {record.levelname for record in caplog.records} == {"ERROR"}
    assert paths["/"]["post"]["requestBody"]["content"] == {
        "application/json": {"schema": {"title": "Strange"}}
    }
    answered = [
        paths[each]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        for each in ("/fine", "/odd")
    ]
    assert answered == [
        {"type": "integer", "title": "Response Fine Fine Get"},
        {"title": "Response Give Odd Get"},
    ]
    assert TestClient(app).get("/fine").json() == 1


def test_types_that_have_schemas_alone_but_not_together_are_logged_and_the_others_described(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.get("/{path}")
    async def take(path: int, first: bytes, second: float, last: bool) -> None: ...

    made = pydantic_schemas

    def fail(wants: Any, refer: Any, *, separate: bool) -> dict[str, Any]:
        if {bytes, float} <= {want.annotation for want in wants}:
            raise ValueError("not together")
        return made(wants, refer, separate=separate)

    monkeypatch.setattr("microfw.openapi._with_pydantic.pydantic_schemas", fail)
    parameters = operation(app, "/{path}")["parameters"]

    (message,) = [record.getMessage().splitlines() for record in caplog.records]
    assert message[0] == (
        "GET /{path}: 'second', which 'take' reads, has no schema beside those of the others, so"
        " that the OpenAPI document allows anything: not together"
    )
    assert message[-1].startswith("  cure: use a type that has a JSON schema")
    assert {each["name"]: each["schema"].get("type") for each in parameters} == {
        "path": "integer",
        "first": "string",
        "second": None,
        "last": "boolean",
    }
