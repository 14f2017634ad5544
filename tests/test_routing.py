"""From a path and a method to a function: decorators, routers, and Starlette's routes beside ours."""

import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Host, Mount, NoMatchFound
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router as StarletteRouter
from starlette.routing import WebSocketRoute as StarletteWebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket as StarletteWebSocket

from microfw import (
    APIRouter,
    App,
    Depends,
    HTTPException,
    Request,
    Response,
    Route,
    Router,
    WebSocket,
    WebSocketDisconnect,
    WebSocketRoute,
)
from microfw.routing import RouteOptions
from microfw.testclient import TestClient
from tests.asgi import get, request
from tests.security.requests import get as get_bytes

METHODS = ["get", "put", "post", "delete", "patch", "head", "options", "trace"]


# ---------------------------------------------------------------------- decorators


@pytest.mark.parametrize("make", [App, Router])
@pytest.mark.parametrize("method", METHODS)
def test_a_decorator_maps_its_method_alone(method: str, make: Callable[[], Any]) -> None:
    app = make()

    @getattr(app, method)("/")
    def serve() -> str:
        return "served"

    assert serve() == "served"  # the function is left as it is
    for other in METHODS:
        answer = request(app, other.upper(), "/")
        if other == method:
            assert (answer.status_code, answer.json()) == (200, "served")
        else:
            assert (answer.status_code, answer.headers["allow"]) == (405, method.upper())


def test_one_function_may_serve_several_methods_and_paths(app: App) -> None:
    @app.api_route("/one", methods=["get", "PUT"])
    @app.post("/other")
    def serve(request: Request) -> str:
        return f"{request.method} {request.url.path}"

    lines = [("GET", "/one"), ("PUT", "/one"), ("POST", "/other")]
    answers = [request(app, method, path) for method, path in lines]
    assert [answer.json() for answer in answers] == ["GET /one", "PUT /one", "POST /other"]


def test_a_route_without_methods_is_for_get(app: App) -> None:
    app.add_api_route("/", lambda: "got")
    assert get(app, "/").json() == "got"
    assert request(app, "POST", "/").status_code == 405


def test_head_is_answered_only_where_it_is_asked_for(app: App) -> None:
    app.get("/get")(lambda: "text")
    app.api_route("/both", methods=["GET", "HEAD"])(lambda: "text")
    assert request(app, "HEAD", "/get").status_code == 405
    assert request(app, "HEAD", "/both").status_code == 200


def test_options_of_a_route_decide_how_it_answers(app: App) -> None:
    @app.post("/", status_code=201, response_class=PlainTextResponse, name="make", tags=["a"])
    def create() -> str:
        return "made"

    answer = request(app, "POST", "/")
    assert (answer.status_code, answer.text) == (201, "made")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert app.url_path_for("make") == "/"


def test_a_websocket_is_mapped_to_an_async_function(app: App) -> None:
    @app.websocket("/feeds/{name}", name="feed")
    async def feed(websocket: WebSocket, name: str) -> None:
        await websocket.accept()
        await websocket.send_json(name)

    app.add_api_websocket_route("/other", feed_of_nothing)
    with TestClient(app).websocket_connect("/feeds/news") as connection:
        assert connection.receive_json() == "news"
    with TestClient(app).websocket_connect("/other") as connection:
        assert connection.receive_json() == "nothing"
    assert app.url_path_for("feed", name="news") == "/feeds/news"


async def feed_of_nothing(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json("nothing")


# ---------------------------------------------------------------------- which route


def test_the_first_route_that_matches_serves(app: App) -> None:
    app.get("/items/new")(lambda: "new")
    app.get("/items/{item}")(lambda item: item)
    app.get("/items/old")(lambda: "never")
    assert [get(app, f"/items/{name}").json() for name in ("new", "old")] == ["new", "old"]


@pytest.mark.parametrize(
    ("path", "url", "value"),
    [
        ("/{value}", "/a b", "a b"),
        ("/{value:int}", "/12", 12),
        ("/{value:float}", "/1.5", 1.5),
        ("/files/{value:path}", "/files/a/b.txt", "a/b.txt"),
        ("/{value}.json", "/a.json", "a"),
        ("/ä/{value}", "/ä/ö", "ö"),
    ],
)
def test_path_parameters_are_what_stands_in_the_path(path: str, url: str, value: Any) -> None:
    app = App()

    @app.get(path)
    def serve(request: Request, value: Any) -> Any:
        return [value, request.path_params["value"]]

    assert get(app, url).json() == [value, value]


def test_an_integer_in_the_path_that_is_too_long_to_be_one_is_refused(app: App) -> None:
    @app.get("/converted/{value:int}")
    @app.get("/plain/{value}")
    async def endpoint(value: int) -> int:
        return value

    @app.websocket("/socket/{value:int}")
    async def talk(websocket: WebSocket, value: int) -> None: ...

    too_long = "9" * 5000
    converted, plain = get(app, f"/converted/{too_long}"), get(app, f"/plain/{too_long}")

    assert (converted.status_code, plain.status_code) == (422, 422)
    assert converted.json() == plain.json()
    assert converted.json()["detail"][0]["type"] == "int_parsing_size"
    with pytest.raises(WebSocketDisconnect) as refused:
        with TestClient(app).websocket_connect(f"/socket/{too_long}"):
            pass
    assert refused.value.code == 1008


def test_a_path_that_nothing_matches_is_answered_with_404(app: App) -> None:
    app.get("/items/{item:int}")(lambda item: item)
    for path in ("/", "/items/x"):
        answer = get(app, path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    with pytest.raises(WebSocketDisconnect), TestClient(app).websocket_connect("/items/1"):
        pass


def test_a_method_that_nothing_serves_is_answered_with_405_and_all_that_are_served() -> None:
    app = App()
    app.get("/items")(lambda: None)
    app.post("/items")(lambda: None)
    app.router.routes.append(StarletteRoute("/items", lambda _: None, methods=["DELETE"]))
    answer = request(app, "PATCH", "/items")
    assert answer.status_code == 405
    assert answer.json() == {"detail": "Method Not Allowed"}
    assert answer.headers["allow"] == "DELETE, GET, POST"


def test_a_later_route_serves_a_method_that_an_earlier_one_does_not(app: App) -> None:
    app.get("/items")(lambda: "got")
    app.post("/{name}")(lambda name: f"posted {name}")
    assert request(app, "POST", "/items").json() == "posted items"


def test_the_404_and_405_handlers_of_the_application_answer(app: App) -> None:
    app.get("/")(lambda: None)

    @app.exception_handler(404)
    def not_found(request: Request, exc: HTTPException) -> Response:
        return PlainTextResponse(f"no {request.url.path}", 404)

    @app.exception_handler(405)
    async def not_allowed(request: Request, exc: HTTPException) -> Response:
        return PlainTextResponse(f"not {request.method}", 405, headers=exc.headers)

    assert get(app, "/x").text == "no /x"
    answer = request(app, "POST", "/")
    assert (answer.text, answer.headers["allow"]) == ("not POST", "GET")


def test_slashes_at_the_end_are_redirected(app: App) -> None:
    app.get("/items")(lambda: "items")
    app.get("/users/")(lambda: "users")
    for path, other in (("/items/", "/items"), ("/users", "/users/")):
        answer = get(app, f"{path}?page=2")
        assert (answer.status_code, answer.headers["location"]) == (
            307,
            f"http://test{other}?page=2",
        )
    assert TestClient(app).get("/items/").json() == "items"


def test_a_redirect_keeps_a_query_string_that_is_no_text(app: App) -> None:
    @app.get("/items")
    async def endpoint() -> None: ...

    answer = get_bytes(app, "/items/", [(b"host", b"test")], b"a=\xff&b=%20c")

    assert answer.status == 307
    assert answer.headers["location"] == "http://test/items?a=%FF&b=%20c"


def test_slashes_at_the_end_are_left_alone_where_that_is_asked_for() -> None:
    app = App(redirect_slashes=False)
    app.get("/items")(lambda: "items")
    assert get(app, "/items/").status_code == 404


def test_an_empty_path_is_the_prefix_itself(app: App) -> None:
    router = Router(prefix="/items")
    router.get("")(lambda: "items")
    app.include_router(router)
    app.get("")(lambda: "root")
    assert [get(app, path).json() for path in ("/", "/items")] == ["root", "items"]
    assert app.explain("/").startswith("# GET \n")


def test_a_router_is_an_application_of_its_own() -> None:
    """Without an application around it there are no exception handlers."""
    router = Router()
    router.get("/")(lambda: "served")
    router.post("/")(lambda: "posted")
    assert get(router, "/").json() == "served"
    missing, wrong = get(router, "/missing"), request(router, "PUT", "/")
    assert (missing.status_code, missing.text) == (404, "Not Found")
    assert (wrong.status_code, wrong.text) == (405, "Method Not Allowed")
    assert wrong.headers["allow"] == "GET, POST"


def test_a_router_may_have_something_else_for_paths_that_nothing_matches() -> None:
    router = Router(default=PlainTextResponse("something else"))
    router.get("/")(lambda: "served")
    app = App(routes=[Mount("/api", router)])
    assert [get(app, path).text for path in ("/api/", "/api/x")] == ['"served"', "something else"]


def test_a_route_is_an_application_of_its_own() -> None:
    route = Route("/items/{item}", lambda item: item)
    assert get(route, "/items/a").json() == "a"
    assert get(route, "/other").status_code == 404


def test_the_route_and_the_router_can_be_found_in_the_scope(app: App) -> None:
    @app.get("/items/{item}")
    def read(request: Request, item: str) -> list[Any]:
        scope = request.scope
        return [scope["route"].path, scope["router"] is app.router, scope["endpoint"] is read]

    assert get(app, "/items/1").json() == ["/items/{item}", True, True]


# ---------------------------------------------------------------------- include_router


def note(line: str) -> Any:
    """A dependency that writes a line into the request's log."""

    def get_note(request: Request) -> None:
        request.state.log = [*getattr(request.state, "log", []), line]

    return Depends(get_note)


def read_log(request: Request, _: Annotated[None, note("parameter")]) -> list[str]:
    log: list[str] = request.state.log
    return log


def test_dependencies_run_from_the_outermost_router_to_the_endpoint() -> None:
    inner = Router(prefix="/inner", dependencies=[note("inner router")])
    inner.get("/log", dependencies=[note("decorator"), note("decorator, second")])(read_log)
    outer = APIRouter(prefix="/outer", dependencies=[note("outer router")])
    outer.include_router(inner, prefix="/in", dependencies=[note("include in outer")])
    app = App(dependencies=[note("app")])
    app.include_router(outer, dependencies=[note("include in app")])
    assert get(app, "/outer/in/inner/log").json() == [
        "app",
        "include in app",
        "outer router",
        "include in outer",
        "inner router",
        "decorator",
        "decorator, second",
        "parameter",
    ]
    assert get(inner, "/inner/log").json() == [
        "inner router",
        "decorator",
        "decorator, second",
        "parameter",
    ]


def test_a_websocket_at_the_path_of_an_http_route_is_refused(app: App) -> None:
    @app.get("/prices")
    async def prices() -> list[int]:
        return [1, 2]

    with (
        pytest.raises(WebSocketDisconnect) as refused,
        TestClient(app).websocket_connect("/prices"),
    ):
        pass
    assert refused.value.code == 1000
    assert TestClient(app).get("/prices").json() == [1, 2]


def test_dependencies_of_routers_run_for_websockets_too() -> None:
    inner = Router(prefix="/inner", dependencies=[note("router")])

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(websocket.state.log)

    def note_websocket(line: str) -> Any:
        def get_note(websocket: WebSocket) -> None:
            websocket.state.log = [*getattr(websocket.state, "log", []), line]

        return Depends(get_note)

    inner = Router(prefix="/inner", dependencies=[note_websocket("router")])
    inner.websocket("/feed", "feed", dependencies=[note_websocket("decorator")])(feed)
    app = App(dependencies=[note_websocket("app")])
    app.include_router(inner, prefix="/in", dependencies=[note_websocket("include")])
    assert app.url_path_for("feed") == "/in/inner/feed"
    with TestClient(app).websocket_connect("/in/inner/feed") as connection:
        assert connection.receive_json() == ["app", "include", "router", "decorator"]


def test_options_of_routers_are_merged_into_those_of_the_routes() -> None:
    inner = Router(tags=["inner"], responses={404: {"description": "inner"}}, deprecated=True)
    inner.get("/", tags=["route"], responses={418: {"description": "route"}})(lambda: None)
    outer = Router(responses={404: {"description": "outer"}, 410: {"description": "outer"}})
    outer.include_router(inner, prefix="/in", tags=["include"], include_in_schema=False)
    (route,) = outer.routes
    assert isinstance(route, Route)
    assert route.options == {
        "callbacks": [],
        "dependencies": [],
        "encoders": {},
        "middleware": [],
        "tags": ["include", "inner", "route"],
        "responses": {
            404: {"description": "inner"},
            410: {"description": "outer"},
            418: {"description": "route"},
        },
        "deprecated": True,
        "include_in_schema": False,
    }


def test_an_option_that_is_none_is_inherited_but_for_the_limit_of_a_body() -> None:
    router = Router(deprecated=True, strict_content_type=True, max_body_size=8)
    options: RouteOptions = {"deprecated": None, "max_body_size": None}

    router.add_api_route("/", lambda: None, **options)

    (route,) = router.routes
    assert isinstance(route, Route)
    inherited = {name: route.options.get(name) for name in (*options, "strict_content_type")}
    assert inherited == {"deprecated": True, "max_body_size": None, "strict_content_type": True}


@pytest.mark.parametrize(
    ("on_route", "on_router", "on_include", "on_app", "expected"),
    [
        (PlainTextResponse, JSONResponse, JSONResponse, JSONResponse, "text/plain; charset=utf-8"),
        (None, PlainTextResponse, JSONResponse, JSONResponse, "text/plain; charset=utf-8"),
        (None, None, PlainTextResponse, JSONResponse, "text/plain; charset=utf-8"),
        (None, None, None, PlainTextResponse, "text/plain; charset=utf-8"),
        (None, None, None, None, "application/json"),
    ],
)
def test_the_response_class_named_nearest_to_the_route_counts(
    on_route: Any, on_router: Any, on_include: Any, on_app: Any, expected: str
) -> None:
    router = Router(default_response_class=on_router)
    router.get("/", **({"response_class": on_route} if on_route else {}))(lambda: "text")
    app = App(default_response_class=on_app)
    app.include_router(router, default_response_class=on_include)
    assert get(app, "/").headers["content-type"] == expected


@pytest.mark.parametrize(
    ("on_router", "on_app", "expected"),
    [
        ("request", "function", ["response", "close"]),
        ("function", "request", ["close", "response"]),
        (None, "request", ["response", "close"]),
        (None, "function", ["close", "response"]),
    ],
)
def test_the_default_scope_named_nearest_to_the_route_counts(
    on_router: Any, on_app: Any, expected: list[str]
) -> None:
    log: list[str] = []

    class NotedResponse(JSONResponse):
        async def __call__(self, *args: Any) -> None:
            log.append("response")
            await super().__call__(*args)

    async def get_session() -> AsyncIterator[None]:
        yield
        log.append("close")

    router = Router(default_scope=on_router)

    @router.get("/")
    async def serve(session: Annotated[None, Depends(get_session)]) -> Response:
        return NotedResponse(None)

    @router.websocket("/")
    async def serve_websocket(websocket: WebSocket) -> None: ...

    app = App(default_scope=on_app)
    app.include_router(router)
    get(app, "/")
    assert log == expected


def test_routes_that_are_added_after_the_inclusion_are_included_too() -> None:
    inner, outer, app = Router(prefix="/inner"), Router(prefix="/outer"), App()
    outer.include_router(inner, prefix="/a", dependencies=[note("include")])
    app.include_router(outer)
    app.include_router(outer, prefix="/again")

    inner.get("/items")(read_log)
    inner.mount("/files", PlainTextResponse("files"))

    assert [route.path for route in app.routes if isinstance(route, Route | Mount)] == [
        "/outer/a/inner/items",
        "/again/outer/a/inner/items",
        "/outer/a/files",
        "/again/outer/a/files",
    ]
    assert get(app, "/again/outer/a/inner/items").json() == ["include", "parameter"]
    assert get(app, "/outer/a/files/").text == "files"


def test_an_included_router_does_not_keep_those_alive_that_include_it() -> None:
    router, app = Router(), App()
    app.include_router(router)
    reference = weakref.ref(app)
    del app
    gc.collect()
    assert reference() is None
    router.get("/")(lambda: None)


def test_one_router_can_be_included_below_several_prefixes(app: App) -> None:
    router = Router()
    router.get("/items/{item}")(lambda item: item)
    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2")
    assert [get(app, f"/{version}/items/1").json() for version in ("v1", "v2")] == ["1", "1"]


def test_a_prefix_may_have_parameters(app: App) -> None:
    router = Router(prefix="/users/{user}")
    router.get("/items/{item}")(lambda tenant, user, item: [tenant, user, item])

    def get_tenant(tenant: str) -> str:
        return tenant

    app.include_router(router, prefix="/{tenant}")
    app.include_router(users_router(), prefix="/of/{tenant}", dependencies=[Depends(get_tenant)])
    app.include_router(users_router(), prefix="/by/{nobody}/read")
    assert get(app, "/a/users/b/items/c").json() == ["a", "b", "c"]
    assert get(app, "/of/a/users/b").json() == "b"
    assert get(app, "/by/a/read/users/b").json() == "b"


def users_router() -> Router:
    router = Router()
    router.get("/users/{user}")(lambda user: user)
    return router


# ---------------------------------------------------------------------- Starlette's routes


async def hello(request: StarletteRequest) -> Response:
    return PlainTextResponse(f"hello {request.path_params.get('name', '')}")


def sync_hello(request: StarletteRequest) -> Response:
    return PlainTextResponse("sync hello")


async def starlette_feed(websocket: StarletteWebSocket) -> None:
    await websocket.accept()
    await websocket.send_json("starlette")


class Hello(HTTPEndpoint):
    async def put(self, request: StarletteRequest) -> Response:
        return PlainTextResponse("put")


class Tagged:
    """Middleware that adds a header."""

    def __init__(self, app: Any, tag: str) -> None:
        self._app = app
        self._tag = tag

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tagged(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-tag", self._tag.encode())]
            await send(message)

        await self._app(scope, receive, tagged)


def starlette_routes() -> list[Any]:
    return [
        StarletteRoute("/hello/{name}", hello, name="hello"),
        StarletteRoute("/class", Hello),
        StarletteRoute("/tagged", sync_hello, middleware=[Middleware(Tagged, "one")]),
        StarletteWebSocketRoute("/feed", starlette_feed),
        Mount(
            "/mounted",
            routes=[StarletteRoute("/hello/{name}", hello, name="hello")],
            name="mounted",
            middleware=[Middleware(Tagged, "mounted")],
        ),
        Mount("/asgi", PlainTextResponse("asgi")),
        Host("example.org", StarletteRouter([StarletteRoute("/", sync_hello)])),
    ]


def app_with_starlette_routes() -> App:
    app = App(routes=starlette_routes())
    app.get("/ours")(lambda: "ours")
    return app


def app_that_includes_starlette_routes() -> App:
    router = Router(starlette_routes(), prefix="/unused")
    app = App()
    app.include_router(router)
    app.get("/ours")(lambda: "ours")
    return app


def app_that_includes_a_starlette_router() -> App:
    app = App()
    app.include_router(StarletteRouter(starlette_routes()))  # type: ignore[arg-type]
    app.get("/ours")(lambda: "ours")
    return app


@pytest.mark.parametrize(
    "make",
    [
        app_with_starlette_routes,
        app_that_includes_starlette_routes,
        app_that_includes_a_starlette_router,
    ],
)
def test_routes_of_starlette_stand_beside_ours(make: Callable[[], App]) -> None:
    app = make()
    assert get(app, "/ours").json() == "ours"
    assert get(app, "/hello/you").text == "hello you"
    assert request(app, "HEAD", "/hello/you").status_code == 200  # Starlette adds HEAD to its own
    assert request(app, "PUT", "/class").text == "put"
    tagged = get(app, "/tagged")
    assert (tagged.text, tagged.headers["x-tag"]) == ("sync hello", "one")
    mounted = get(app, "/mounted/hello/you")
    assert (mounted.text, mounted.headers["x-tag"]) == ("hello you", "mounted")
    assert get(app, "/asgi/anything").text == "asgi"
    assert TestClient(app, "http://example.org").get("/").text == "sync hello"
    assert app.url_path_for("hello", name="you") == "/hello/you"
    assert app.url_path_for("mounted:hello", name="you") == "/mounted/hello/you"
    with TestClient(app).websocket_connect("/feed") as connection:
        assert connection.receive_json() == "starlette"


def test_routes_of_starlette_are_included_below_a_prefix(app: App) -> None:
    router = Router(starlette_routes())
    app.include_router(router, prefix="/in/{tenant}")
    assert get(app, "/in/a/hello/you").text == "hello you"
    tagged = get(app, "/in/a/tagged")
    assert (tagged.text, tagged.headers["x-tag"]) == ("sync hello", "one")
    mounted = get(app, "/in/a/mounted/hello/you")
    assert (mounted.text, mounted.headers["x-tag"]) == ("hello you", "mounted")
    assert app.url_path_for("hello", tenant="a", name="you") == "/in/a/hello/you"
    path = app.url_path_for("mounted:hello", tenant="a", name="you")
    assert path == "/in/a/mounted/hello/you"
    with TestClient(app).websocket_connect("/in/a/feed") as connection:
        assert connection.receive_json() == "starlette"
    # What is included is a copy.
    assert get(router, "/hello/you").text == "hello you"
    assert router.url_path_for("hello", name="you") == "/hello/you"


def test_routes_of_ours_stand_in_an_application_of_starlettes() -> None:
    def get_name() -> Iterator[str]:
        yield "ours"

    def serve(name: Annotated[str, Depends(get_name)]) -> str:
        return name

    async def feed(websocket: WebSocket, name: Annotated[str, Depends(get_name)]) -> None:
        await websocket.accept()
        await websocket.send_json(name)

    router = Router()
    router.get("/router")(serve)
    routes = [Route("/", serve), WebSocketRoute("/feed", feed), Mount("/in", router)]
    app = Starlette(routes=routes)
    assert [get(app, path).json() for path in ("/", "/in/router")] == ["ours", "ours"]
    assert get(app, "/in/x").status_code == 404
    with TestClient(app).websocket_connect("/feed") as connection:
        assert connection.receive_json() == "ours"


def test_files_are_served_beside_our_routes(app: App, tmp_path: Path) -> None:
    (tmp_path / "style.css").write_text("body {}")
    (tmp_path / "index.html").write_text("<p>")
    app.get("/files/new")(lambda: "new")
    app.mount("/files", StaticFiles(directory=tmp_path, html=True), name="files")
    client = TestClient(app)
    assert client.get("/files/new").json() == "new"
    assert client.get("/files/style.css").text == "body {}"
    assert client.get("/files/").text == "<p>"
    assert client.get("/files/missing").json() == {"detail": "Not Found"}
    assert app.url_path_for("files", path="style.css") == "/files/style.css"


def test_a_mounted_application_keeps_its_own_handlers_and_overrides() -> None:
    def get_name() -> str:
        return "real"

    def serve(name: Annotated[str, Depends(get_name)]) -> str:
        if name == "bad":
            raise HTTPException(418)
        return name

    inner = App()
    inner.get("/")(serve)
    inner.exception_handler(418)(lambda request, exc: PlainTextResponse("inner", 418))
    outer = App()
    outer.get("/")(serve)
    outer.mount("/inner", inner)
    inner.dependency_overrides[get_name] = lambda: "bad"
    assert get(outer, "/").json() == "real"
    assert get(outer, "/inner/").text == "inner"
    outer.dependency_overrides[get_name] = lambda: "bad"
    assert get(outer, "/").json() == {"detail": "I'm a Teapot"}


# ---------------------------------------------------------------------- urls


def test_urls_are_made_from_names(app: App) -> None:
    inner = App()
    inner.get("/items/{item}", name="item")(lambda item: item)
    router = Router(prefix="/v1")

    @router.get("/items/{item}")
    def read_item(item: int, request: Request) -> list[str]:
        return [
            str(request.url_for("read_item", item=item + 1)),
            str(request.url_for("inner:item", item="x")),
            str(request.url_for("feed", name="news")),
        ]

    app.include_router(router)
    app.mount("/inner", inner, name="inner")
    app.websocket("/feeds/{name}")(feed)
    assert get(app, "/v1/items/1").json() == [
        "http://test/v1/items/2",
        "http://test/inner/items/x",
        "ws://test/feeds/news",
    ]
    assert app.url_path_for("read_item", item=5) == "/v1/items/5"
    with pytest.raises(NoMatchFound):
        app.url_path_for("read_item")
    with pytest.raises(NoMatchFound):
        app.url_path_for("missing")


async def feed(websocket: WebSocket, name: str) -> None: ...


# ---------------------------------------------------------------------- middleware of a route


def test_middleware_of_a_route_wraps_that_route(app: App) -> None:
    router = Router()
    tags = [Middleware(Tagged, "outer"), Middleware(GZipMiddleware, minimum_size=1)]

    @router.get("/tagged", middleware=tags)
    def tagged() -> str:
        return "text" * 100

    @router.get("/failing", middleware=[Middleware(Tagged, "failing")])
    def failing() -> None:
        raise HTTPException(418)

    router.get("/bare")(lambda: "bare")
    app.include_router(router)
    client = TestClient(app)
    answer = client.get("/tagged")
    assert answer.json() == "text" * 100
    assert (answer.headers["x-tag"], answer.headers["content-encoding"]) == ("outer", "gzip")
    answer = client.get("/failing")
    assert (answer.status_code, answer.headers["x-tag"]) == (418, "failing")
    assert "x-tag" not in client.get("/bare").headers


def test_what_middleware_of_a_route_raises_is_answered_by_the_handlers(app: App) -> None:
    class Refusing:
        def __init__(self, app: Any) -> None: ...

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise HTTPException(403, {"why": "refused"})

    app.get("/", middleware=[Middleware(Refusing)])(lambda: None)
    answer = get(app, "/")
    assert (answer.status_code, answer.json()) == (403, {"detail": {"why": "refused"}})


def test_a_websocket_route_of_starlettes_is_added_by_its_path(app: App) -> None:
    async def greet(websocket: StarletteWebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    app.add_websocket_route("/greeting", greet, "greeting")
    with TestClient(app).websocket_connect(app.url_path_for("greeting")) as websocket:
        assert websocket.receive_text() == "hello"


def test_middleware_of_a_websocket_route_wraps_it_and_stays_when_it_is_included() -> None:
    log: list[str] = []

    class Noted:
        def __init__(self, app: Any) -> None:
            self._app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            log.append(scope["path"])
            await self._app(scope, receive, send)

    route = WebSocketRoute("/feed", feed_of_nothing, middleware=[Middleware(Noted)])
    app = App()
    app.include_router(Router([route]), prefix="/in")
    with TestClient(app).websocket_connect("/in/feed") as connection:
        assert connection.receive_json() == "nothing"
    assert log == ["/in/feed"]


# ---------------------------------------------------------------------- lifespans


class Lifespans:
    """Lifespans that write down what happens, and give away a state."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def of(self, name: str, **state: Any) -> Any:
        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
            self.log.append(f"{name} starts in {type(app).__name__}")
            try:
                yield state
            finally:
                self.log.append(f"{name} stops")

        return lifespan


def test_lifespans_of_included_routers_run_inside_of_the_applications() -> None:
    lifespans = Lifespans()
    innermost = Router(lifespan=lifespans.of("innermost", innermost=1, shared="innermost"))
    inner = Router(lifespan=lifespans.of("inner", inner=2, shared="inner"))
    inner.include_router(innermost, prefix="/innermost")
    app = App(lifespan=lifespans.of("app", app=3, shared="app"))
    app.include_router(inner, prefix="/v1")
    app.include_router(inner, prefix="/v2")
    app.get("/")(read_state)
    with TestClient(app) as client:
        assert client.get("/").json() == {
            "app": 3,
            "inner": 2,
            "innermost": 1,
            "shared": "app",
        }
    assert lifespans.log == [
        "app starts in App",
        "inner starts in App",
        "innermost starts in App",
        "innermost stops",
        "inner stops",
        "app stops",
    ]


def read_state(request: Request) -> dict[str, Any]:
    return dict(request.state._state)


def test_a_router_of_starlettes_brings_its_lifespan_too(app: App) -> None:
    lifespans = Lifespans()
    app.include_router(StarletteRouter(lifespan=lifespans.of("starlette")))  # type: ignore[arg-type]
    with TestClient(app):
        pass
    assert lifespans.log == ["starlette starts in App", "starlette stops"]


def test_events_are_called_in_order_at_start_up_and_shutdown() -> None:
    log: list[str] = []
    app = App(on_startup=[lambda: log.append("given")], on_shutdown=[lambda: log.append("given")])
    router = Router(on_startup=[lambda: log.append("router")])

    @app.on_event("startup")
    async def start() -> None:
        log.append("start")

    @app.on_event("shutdown")
    def stop() -> None:
        log.append("stop")

    @router.on_event("shutdown")
    async def stop_router() -> None:
        log.append("stop router")

    app.include_router(router)
    with TestClient(app):
        log.append("running")
    assert log == ["given", "start", "router", "running", "stop router", "given", "stop"]
    stop()
    assert log[-1] == "stop"


def test_a_start_up_that_fails_stops_what_has_started() -> None:
    lifespans = Lifespans()

    @asynccontextmanager
    async def failing(app: Any) -> AsyncIterator[None]:
        if app is not None:
            raise RuntimeError("no database")
        yield

    app = App(lifespan=lifespans.of("app"))
    app.include_router(Router(lifespan=failing))
    with pytest.raises(RuntimeError, match="no database"), TestClient(app):
        pass
    assert lifespans.log == ["app starts in App", "app stops"]
