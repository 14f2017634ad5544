"""App: its options, middleware, exception handlers, lifespan, scope "app", and `explain`."""

import gc
import math
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Host, Mount
from starlette.templating import Jinja2Templates

from microfw import (
    App,
    Depends,
    HTTPException,
    Request,
    RequestValidationError,
    Response,
    Route,
    Router,
    Security,
    SecurityScopes,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
    WebSocketRequestValidationError,
)
from microfw.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
    websocket_exception_handler,
    websocket_request_validation_exception_handler,
)
from microfw.exceptions import AppScopeError, DeclarationError
from microfw.testclient import TestClient
from tests.asgi import get, request

# ---------------------------------------------------------------------- an application


def test_an_application_is_one_of_starlettes(app: App) -> None:
    assert isinstance(app, Starlette)
    app.state.name = "shop"

    @app.get("/")
    def read(request: Request) -> list[Any]:
        return [request.app is app, request.app.state.name]

    assert get(app, "/").json() == [True, "shop"]


def test_a_subclass_may_extend_what_an_application_does() -> None:
    class Noted(App):
        def __init__(self) -> None:
            self.paths: list[str] = []
            super().__init__()

        def add_api_route(self, path: str, endpoint: Any, **options: Any) -> None:
            self.paths.append(path)
            super().add_api_route(path, endpoint, **options)

        def include_router(self, router: Router, **options: Any) -> None:
            self.paths.append("router")
            super().include_router(router, **options)

    app = Noted()
    app.get("/")(lambda: "served")
    app.include_router(Router())
    assert app.paths == ["/", "router"]
    assert get(app, "/").json() == "served"


def test_routes_can_be_given_when_it_is_made() -> None:
    app = App(routes=[Route("/", lambda: "given", methods=["PUT"])])
    assert request(app, "PUT", "/").json() == "given"


def test_debug_shows_tracebacks() -> None:
    app = App(debug=True)

    @app.get("/")
    def fail() -> None:
        raise LookupError("no such thing")

    client = TestClient(app, raise_server_exceptions=False)
    answer = client.get("/", headers={"accept": "text/plain"})
    assert answer.status_code == 500
    assert answer.text.endswith('raise LookupError("no such thing")\nLookupError: no such thing\n')
    assert "\n    returned = fail()\n" in answer.text  # a line of the generated source


def test_a_body_beyond_the_limit_is_refused() -> None:
    app = App(max_body_size=10)

    @app.post("/")
    def read(body: list[int]) -> int:
        return len(body)

    assert request(app, "POST", "/", b"[1,2]").json() == 2
    assert request(app, "POST", "/", b"[1,2,3,4,5]").status_code == 413


@pytest.mark.parametrize("seconds", [math.nan, -1, -0.5, -math.inf, "30", True])
def test_what_is_no_time_for_exit_code_is_refused(seconds: Any) -> None:
    with pytest.raises(DeclarationError) as raised:
        App(cleanup_timeout=seconds)
    assert str(raised.value) == (
        f"cleanup_timeout={seconds!r} is no time\n"
        "  in:   App(...)\n"
        "  cure: write a number of seconds, or None, from 0 on"
    )


def test_templates_of_starlettes_work(app: App, tmp_path: Path) -> None:
    (tmp_path / "item.html").write_text(
        "<a href=\"{{ url_for('read_item', item=item + 1) }}\">{{ item }}</a>"
    )
    templates = Jinja2Templates(tmp_path)

    @app.get("/items/{item}", response_class=HTMLResponse)
    def read_item(request: Request, item: int) -> Response:
        return templates.TemplateResponse(request, "item.html", {"item": item})

    assert get(app, "/items/1").text == '<a href="http://test/items/2">1</a>'


# ---------------------------------------------------------------------- middleware


def test_middleware_given_first_or_added_last_is_outermost() -> None:
    class Noted:
        def __init__(self, app: Any, name: str) -> None:
            self._app = app
            self._name = name

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope.setdefault("log", []).append(self._name)
            await self._app(scope, receive, send)

    app = App(middleware=[Middleware(Noted, "given first"), Middleware(Noted, name="given second")])
    app.add_middleware(Noted, "added")

    @app.middleware("http")
    async def decorated(request: Request, call_next: Any) -> Response:
        request.scope.setdefault("log", []).append("decorated")
        response: Response = await call_next(request)
        response.headers["x-decorated"] = "yes"
        return response

    @app.get("/")
    def read(request: Request) -> Any:
        return request.scope["log"]

    answer = get(app, "/")
    assert answer.json() == ["decorated", "added", "given first", "given second"]
    assert answer.headers["x-decorated"] == "yes"
    assert callable(decorated)


def test_middleware_of_starlettes_works() -> None:
    app = App(
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]),
            Middleware(CORSMiddleware, allow_origins=["http://elsewhere"]),
        ]
    )
    app.get("/")(lambda: "served")
    client = TestClient(app)
    answer = client.get("/", headers={"origin": "http://elsewhere"})
    assert answer.json() == "served"
    assert answer.headers["access-control-allow-origin"] == "http://elsewhere"
    assert client.get("/", headers={"host": "elsewhere"}).status_code == 400


# ---------------------------------------------------------------------- exception handlers


class Missing(Exception):
    pass


class MissingItem(Missing):
    pass


def answering(text: str, status_code: int = 400) -> Callable[..., Response]:
    return lambda request, exc: PlainTextResponse(f"{text}: {exc!r}", status_code)


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def app_that_raises(error: Exception, **options: Any) -> App:
    app = App(**options)
    app.get("/")(raising(error))
    return app


@pytest.mark.parametrize(
    ("handlers", "error", "expected"),
    [
        ([Missing], MissingItem(1), "Missing: MissingItem(1)"),
        ([Missing, MissingItem], MissingItem(1), "MissingItem: MissingItem(1)"),
        ([MissingItem, Missing], Missing(), "Missing: Missing()"),
        ([404], HTTPException(404), "404: HTTPException(status_code=404, detail='Not Found')"),
        (
            [HTTPException, 404],
            HTTPException(404),
            "404: HTTPException(status_code=404, detail='Not Found')",
        ),
        (
            [HTTPException, 404],
            HTTPException(410),
            "HTTPException: HTTPException(status_code=410, detail='Gone')",
        ),
    ],
)
def test_a_handler_is_found_by_status_and_then_by_class(
    handlers: list[Any], error: Exception, expected: str
) -> None:
    for made_with in (False, True):
        texts = {key: answering(getattr(key, "__name__", str(key))) for key in handlers}
        app = app_that_raises(error, exception_handlers=texts if made_with else None)
        if not made_with:
            for key, handler in texts.items():
                assert app.exception_handler(key)(handler) is handler
        answer = get(app, "/")
        assert (answer.status_code, answer.text) == (400, expected)


@pytest.mark.parametrize("is_async", [True, False])
def test_a_handler_may_be_sync_or_async(is_async: bool) -> None:
    app = app_that_raises(Missing())
    if is_async:

        @app.exception_handler(Missing)
        async def handle_async(request: Request, exc: Missing) -> Response:
            return PlainTextResponse(f"missing at {request.url.path}", 404)

    else:

        @app.exception_handler(Missing)
        def handle(request: Request, exc: Missing) -> Response:
            return PlainTextResponse(f"missing at {request.url.path}", 404)

    assert get(app, "/").text == "missing at /"


@pytest.mark.parametrize("key", [500, Exception])
def test_handlers_of_last_resort_answer_and_the_server_sees_the_exception(key: Any) -> None:
    app = app_that_raises(error := ZeroDivisionError("no"))
    app.exception_handler(key)(answering("sorry", 500))
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.text) == (500, "sorry: ZeroDivisionError('no')")
    with pytest.raises(ZeroDivisionError) as raised:
        get(app, "/")
    assert raised.value is error


@pytest.mark.parametrize("key", [500, Exception])
def test_a_raised_500_is_an_answer_like_any_other(key: Any) -> None:
    app = app_that_raises(HTTPException(500, "broken"))
    app.exception_handler(key)(answering("never", 500))
    answer = get(app, "/")
    assert (answer.status_code, answer.json()) == (500, {"detail": "broken"})


def test_without_a_handler_the_answer_is_500_and_the_server_sees_the_exception() -> None:
    app = app_that_raises(Missing("it"))
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    with pytest.raises(Missing):
        get(app, "/")


def test_an_exception_that_a_handler_raises_goes_to_the_server() -> None:
    app = app_that_raises(Missing())

    @app.exception_handler(Missing)
    def handle(request: Request, exc: Missing) -> Response:
        raise LookupError("while handling") from exc

    with pytest.raises(LookupError, match="while handling"):
        get(app, "/")
    assert TestClient(app, raise_server_exceptions=False).get("/").status_code == 500


@pytest.mark.parametrize(
    ("error", "status_code", "content", "headers"),
    [
        (HTTPException(404), 404, b'{"detail":"Not Found"}', {}),
        (HTTPException(418, {"why": [1]}), 418, b'{"detail":{"why":[1]}}', {}),
        (HTTPException(401, "who?", {"X-A": "b"}), 401, b'{"detail":"who?"}', {"x-a": "b"}),
        (HTTPException(304, headers={"etag": "x"}), 304, b"", {"etag": "x"}),
        (HTTPException(204), 204, b"", {}),
    ],
)
def test_http_exceptions_are_answered_with_their_detail(
    error: Exception, status_code: int, content: bytes, headers: dict[str, str]
) -> None:
    answer = get(app_that_raises(error), "/")
    assert (answer.status_code, answer.content) == (status_code, content)
    assert {name: answer.headers.get(name) for name in headers} == headers


def test_default_handlers_can_be_called_from_handlers_of_ones_own(app: App) -> None:
    log: list[str] = []

    @app.exception_handler(HTTPException)
    async def note_http(request: Request, exc: HTTPException) -> Response:
        log.append(f"{exc.status_code} {exc.detail}")
        return await http_exception_handler(request, exc)

    @app.exception_handler(RequestValidationError)
    async def note_validation(request: Request, exc: RequestValidationError) -> Response:
        log.append(str(exc))
        return await request_validation_exception_handler(request, exc)

    app.get("/missing")(raising(HTTPException(404, "no item")))
    app.get("/items")(lambda page=1: page)

    @app.get("/typed")
    def typed(page: int) -> int:
        return page

    assert get(app, "/missing").json() == {"detail": "no item"}
    answer = get(app, "/typed?page=x")
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [["query", "page"]]
    assert log[0] == "404 no item"
    assert re.fullmatch(r"1 validation error\n  query\.page: .* \(int_parsing\)", log[1])


def test_default_handlers_for_websockets_can_be_called_too(app: App) -> None:
    log: list[str] = []

    @app.exception_handler(WebSocketException)
    async def note(websocket: WebSocket, exc: WebSocketException) -> None:
        log.append(f"{exc.code} {exc.reason}")
        await websocket_exception_handler(websocket, exc)

    @app.exception_handler(WebSocketRequestValidationError)
    async def note_validation(websocket: WebSocket, exc: WebSocketRequestValidationError) -> None:
        log.append(str(exc).splitlines()[0])
        await websocket_request_validation_exception_handler(websocket, exc)

    @app.websocket("/")
    async def feed(websocket: WebSocket, page: int) -> None:
        await websocket.accept()
        raise WebSocketException(4000, "enough")

    client = TestClient(app)
    with pytest.raises(WebSocketDisconnect) as raised, client.websocket_connect("/?page=1") as ws:
        ws.receive_text()
    assert (raised.value.code, raised.value.reason) == (4000, "enough")
    with pytest.raises(WebSocketDisconnect) as raised, client.websocket_connect("/?page=x"):
        pass
    assert raised.value.code == 1008
    assert log == ["4000 enough", "1 validation error"]


# ---------------------------------------------------------------------- lifespan and scope "app"


class Program:
    """Dependencies of scope "app" that write down when they open and close."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def lifespan(self, name: str = "lifespan", **state: Any) -> Any:
        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
            self.log.append(f"{name} starts")
            yield state
            self.log.append(f"{name} stops")

        return lifespan

    def sync(self, name: str) -> Callable[[], Iterator[str]]:
        def get_it() -> Iterator[str]:
            self.log.append(f"{name} opens")
            yield name
            self.log.append(f"{name} closes")

        return get_it

    def asynchronous(self, name: str) -> Callable[[], AsyncIterator[str]]:
        async def get_it() -> AsyncIterator[str]:
            self.log.append(f"{name} opens")
            yield name
            self.log.append(f"{name} closes")

        return get_it


KINDS = ["sync", "asynchronous"]


@pytest.mark.parametrize("kind", KINDS)
def test_scope_app_opens_once_inside_of_the_lifespan_in_order_of_dependence(kind: str) -> None:
    program = Program()
    get_settings = getattr(program, kind)("settings")

    def get_engine(
        settings: Annotated[str, Depends(get_settings, scope="app")],
    ) -> Iterator[str]:
        program.log.append(f"engine opens with {settings}")
        yield f"engine of {settings}"
        program.log.append("engine closes")

    app = App(lifespan=program.lifespan())

    @app.get("/engine")
    def read_engine(engine: Annotated[str, Depends(get_engine, scope="app")]) -> str:
        return engine

    @app.get("/both")
    async def read_both(
        settings: Annotated[str, Depends(get_settings, scope="app")],
        engine: Annotated[str, Depends(get_engine, scope="app")],
    ) -> list[str]:
        return [settings, engine]

    with TestClient(app) as client:
        program.log.append("running")
        assert client.get("/engine").json() == "engine of settings"
        assert client.get("/both").json() == ["settings", "engine of settings"]
    assert program.log == [
        "lifespan starts",
        "settings opens",
        "engine opens with settings",
        "running",
        "engine closes",
        "settings closes",
        "lifespan stops",
    ]


def test_scope_app_of_mounted_applications_opens_with_the_outermost_lifespan() -> None:
    program = Program()
    get_engine = program.asynchronous("engine")

    def read(engine: Annotated[str, Depends(get_engine, scope="app")]) -> str:
        return engine

    innermost = App(lifespan=program.lifespan("innermost"))
    innermost.get("/")(read)
    inner = App(lifespan=program.lifespan("inner"))
    inner.router.routes.append(Host("example.org", innermost))
    outer = App(lifespan=program.lifespan("outer"))
    outer.get("/")(read)
    outer.router.routes.append(Mount("/plain", routes=[Mount("/inner", inner)]))
    with TestClient(outer) as client:
        assert client.get("/").json() == "engine"
        inside = TestClient(outer, "http://example.org")
        assert inside.get("/plain/inner/").json() == "engine"
    assert program.log == [
        "outer starts",
        "inner starts",
        "innermost starts",
        "engine opens",
        "engine opens",
        "engine closes",
        "engine closes",
        "innermost stops",
        "inner stops",
        "outer stops",
    ]


def test_the_lifespans_state_reaches_the_requests() -> None:
    program = Program()
    inner = App(lifespan=program.lifespan("inner", inner=1, both="inner"))
    inner.get("/")(read_state)
    app = App(lifespan=program.lifespan("outer", outer=2, both="outer"))
    app.mount("/inner", inner)
    with TestClient(app) as client:
        assert client.get("/inner/").json() == {"inner": 1, "outer": 2, "both": "inner"}


def read_state(request: Request) -> dict[str, Any]:
    return dict(request.state._state)


def test_what_there_is_after_start_up_is_frozen_for_the_garbage_collector_if_asked() -> None:
    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        frozen.append(gc.get_freeze_count())
        yield
        frozen.append(gc.get_freeze_count())

    gc.unfreeze()
    frozen: list[int] = []
    app = App(lifespan=lifespan, gc_freeze=True)
    app.get("/frozen")(gc.get_freeze_count)
    with TestClient(app) as client:
        served = client.get("/frozen").json()

    before, after = frozen
    assert served > before + 10_000
    assert after < before + 10_000


def test_what_is_frozen_stays_so_until_the_last_application_ends() -> None:
    gc.unfreeze()
    with TestClient(App(gc_freeze=True)):
        with TestClient(App(gc_freeze=True)):
            pass
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() < 10_000


def test_scope_app_opens_again_with_the_next_lifespan(app: App) -> None:
    program = Program()

    @app.get("/")
    def read(engine: Annotated[str, Depends(program.sync("engine"), scope="app")]) -> str:
        return engine

    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/").json() == "engine"
    assert program.log == ["engine opens", "engine closes"] * 2


def test_scope_app_without_a_lifespan_says_what_to_do(app: App) -> None:
    program = Program()

    @app.get("/")
    def read(engine: Annotated[str, Depends(program.sync("engine"), scope="app")]) -> str:
        return engine

    for client in (TestClient(app), TestClient(app)):
        with pytest.raises(AppScopeError) as raised:
            client.get("/")
        assert str(raised.value) == (
            "'get_it' has scope 'app', and the application's lifespan is not running. A server has to"
            " speak ASGI's lifespan protocol: daphne and some adapters do not, and neither does"
            " `uvicorn --lifespan off`. A test enters it with `with TestClient(app)`, or with"
            " `async with app.router.lifespan_context(app)` where the client is httpx's. An application"
            " that is mounted in one of another framework needs the lifespan of that one to do the same"
        )
        with client:
            assert client.get("/").json() == "engine"


def test_a_start_up_that_fails_half_way_closes_what_is_open() -> None:
    program = Program()

    def get_broken(first: Annotated[str, Depends(program.sync("first"))]) -> Iterator[None]:
        if first:
            raise LookupError("no database")
        yield

    app = App(lifespan=program.lifespan())
    app.get("/", dependencies=[Depends(get_broken, scope="app")])(lambda: None)
    with pytest.raises(LookupError, match="no database"), TestClient(app):
        pass
    assert program.log == ["lifespan starts", "first opens"]


def test_what_is_overridden_before_start_up_is_not_opened(app: App) -> None:
    program = Program()
    get_engine = program.sync("engine")

    @app.get("/")
    def read(engine: Annotated[str, Depends(get_engine, scope="app")]) -> str:
        return engine

    app.dependency_overrides[get_engine] = program.asynchronous("fake")
    with TestClient(app) as client:
        assert client.get("/").json() == "fake"
    assert program.log == ["fake opens", "fake closes"]


@pytest.mark.parametrize("sync_to_thread", [True, False])
def test_dependencies_of_scope_app_that_return_are_called_once_too(sync_to_thread: bool) -> None:
    calls: list[str] = []

    def get_settings(name: str = "shop", /, *, debug: bool = False) -> dict[str, Any]:
        calls.append("settings")
        return {"name": name, "debug": debug}

    async def get_engine(
        settings: Annotated[
            dict[str, Any], Depends(get_settings, scope="app", sync_to_thread=sync_to_thread)
        ],
    ) -> list[Any]:
        calls.append("engine")
        return [settings]

    def get_pool(
        engine: Annotated[list[Any], Depends(get_engine)], settings=Depends(get_settings)
    ) -> Iterator[list[Any]]:
        calls.append("pool")
        yield [*engine, settings["name"]]

    app = App()

    @app.get("/")
    def read(
        pool: Annotated[list[Any], Depends(get_pool, scope="app", sync_to_thread=sync_to_thread)],
    ) -> list[Any]:
        return pool

    with TestClient(app) as client:
        for _ in range(2):
            assert client.get("/").json() == [{"name": "shop", "debug": False}, "shop"]
    assert calls == ["settings", "engine", "pool"]


def test_security_scopes_reach_dependencies_of_scope_app(app: App) -> None:
    def get_checker(scopes: SecurityScopes) -> Iterator[str]:
        yield f"checks {scopes.scope_str}"

    @app.get("/")
    def read(
        one: Annotated[str, Security(get_checker, scopes=["read"], scope="app")],
        other: Annotated[str, Security(get_checker, scopes=["write"], scope="app")],
    ) -> list[str]:
        return [one, other]

    with TestClient(app) as client:
        assert client.get("/").json() == ["checks read", "checks write"]


# ---------------------------------------------------------------------- explain


def get_user(name: str) -> str:
    return name


def app_to_explain() -> App:
    inner = App()
    inner.get("/items/{item}")(lambda item: item)
    router = Router(prefix="/users")

    @router.get("/{user}")
    async def read_user(user: str) -> str:
        return user

    @router.get("/me")
    def never() -> None: ...

    @router.websocket("/feed")
    async def feed(websocket: WebSocket) -> None: ...

    app = App()
    app.include_router(router)
    app.api_route("/", methods=["PUT", "post"])(lambda: None)
    app.mount("/inner", inner)
    app.router.routes.append(Mount("/plain", routes=[Route("/x", get_user)]))
    app.add_route("/starlettes", lambda request: PlainTextResponse())
    return app


@pytest.mark.parametrize(
    ("path", "method", "first_line"),
    [
        ("/users/{user}", "GET", "# GET /users/{user}"),
        ("/users/me", "get", "# GET /users/me"),
        ("/users/you", "GET", "# GET /users/{user}"),
        ("/", "POST", "# POST PUT /"),
        ("/users/feed", "WEBSOCKET", "# WEBSOCKET /users/feed"),
        ("/inner/items/{item}", "GET", "# GET /items/{item}"),
        ("/inner/items/5", "GET", "# GET /items/{item}"),
        ("/plain/x", "GET", "# GET /x"),
    ],
)
def test_explain_returns_the_source_of_a_routes_handler(
    path: str, method: str, first_line: str
) -> None:
    assert app_to_explain().explain(path, method).splitlines()[0] == first_line


def test_explain_shows_what_is_executed(app: App) -> None:
    def get_session() -> Iterator[str]:
        yield "session"

    @app.get("/users/{user}")
    async def read_user(user: str, session: Annotated[str, Depends(get_session)]) -> str:
        raise LookupError(user)

    source = app.explain("/users/{user}")
    with pytest.raises(LookupError) as raised:
        get(app, "/users/me")
    entry = next(each for each in raised.traceback if "<microfw" in str(each.path))
    line = source.splitlines()[entry.lineno]
    assert line.strip() == str(entry.statement).strip()
    assert "await read_user(user=user, session=session)" in line


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/missing", "GET"),
        ("/users/me", "POST"),
        ("/starlettes", "GET"),
        ("/users/feed", "PUT"),
        ("/inner", "GET"),
    ],
)
def test_explain_tells_when_there_is_nothing_to_explain(path: str, method: str) -> None:
    with pytest.raises(LookupError) as raised:
        app_to_explain().explain(path, method)
    assert str(raised.value) == f"no route of microfw's handles {method} {path}"


def test_explain_shows_the_overrides_in_force(app: App) -> None:
    @app.get("/")
    def read(user: Annotated[str, Depends(get_user)]) -> str:
        return user

    def get_fake_user() -> str:
        return "fake"

    before = app.explain("/")
    with app.override({get_user: get_fake_user}):
        assert "get_fake_user()" in app.explain("/")
    assert app.explain("/") == before
    assert "get_fake_user" not in before


def test_pydantic_is_not_imported_for_declarations_of_plain_values_and_structs() -> None:
    program = """
import sys
from typing import Annotated
from msgspec import Struct
from microfw import App, Body, Depends, Header, Path, Query

app = App()

class Item(Struct):
    name: str

def page(limit: Annotated[int, Query(ge=1)], size: int = Query(10), q: str | None = None):
    return limit

@app.put("/items/{number}")
def put(
    number: Annotated[int, Path(gt=0)],
    item: Annotated[Item, Body()],
    page: Annotated[int, Depends(page)],
    token: Annotated[str, Header(alias="x-token")],
) -> list[Item]:
    return [item]

print("pydantic" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("False\n", "")
