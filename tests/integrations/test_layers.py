"""Code of others around requests: in Starlette's layers, in its classes, in routes."""

import sys
from collections.abc import Callable
from types import MethodType
from typing import Any, cast

import pytest
import starlette.routing
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from microfw import App, HTTPException, Router, WebSocket
from microfw.routing import Route, WebSocketRoute
from microfw.testclient import TestClient
from tests.asgi import get


class Passing:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Teapot(Exception):
    pass


def has_passed(layer: type) -> bool:
    """Whether a layer is among the callers of the caller."""
    frame = sys._getframe()
    while frame.f_back:
        frame = frame.f_back
        if frame.f_code is cast("Any", layer).__call__.__code__:
            return True
    return False


def app_of(*middleware: Middleware) -> App:
    """An application that says whether a request has passed Starlette's innermost layer."""
    app = App(middleware=middleware)

    @app.get("/")
    async def read() -> bool:
        return has_passed(ExceptionMiddleware)

    @app.get("/teapot")
    async def read_teapot() -> None:
        raise Teapot

    @app.get("/503")
    async def read_503() -> None:
        raise HTTPException(503)

    return app


MIDDLEWARE = pytest.mark.parametrize(
    "middleware", [(), (Middleware(Passing),)], ids=["alone", "middleware"]
)


def innermost(app: App) -> Any:
    """Walk from the stack to the layer around the router, as tools do."""
    if app.middleware_stack is None:
        app.middleware_stack = app.build_middleware_stack()
    layer: Any = app.middleware_stack
    while layer.app is not app.router:
        layer = layer.app
    return layer


@MIDDLEWARE
def test_starlettes_layers_stand_where_starlette_has_them(middleware: tuple[Any, ...]) -> None:
    app = app_of(*middleware)
    stack = app.build_middleware_stack()
    assert isinstance(stack, ServerErrorMiddleware)
    assert isinstance(innermost(app), ExceptionMiddleware)


@pytest.mark.parametrize("key", [500, Exception])
def test_the_outermost_layer_has_what_it_answers_with(key: Any) -> None:
    async def answer(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("failed", 500)

    app = App(debug=True, exception_handlers={key: answer})
    stack = cast("Any", app.build_middleware_stack())
    assert (stack.handler, stack.debug) == (answer, True)


def test_a_stack_that_others_have_made_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    build = Starlette.build_middleware_stack

    def wrapped(self: Starlette) -> ASGIApp:
        stack = build(self)

        async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
            await stack(scope, receive, send)

        return outermost

    monkeypatch.setattr(Starlette, "build_middleware_stack", wrapped)
    app = App(middleware=[Middleware(Passing)])
    app.get("/")(lambda: "well")

    assert cast("Any", app.build_middleware_stack()).__name__ == "outermost"
    assert TestClient(app).get("/").json() == "well"


def test_a_root_path_is_no_layer() -> None:
    app = App(root_path="/api")
    assert isinstance(app.build_middleware_stack(), ServerErrorMiddleware)


@MIDDLEWARE
def test_a_request_goes_straight_to_its_route_where_nobody_has_touched_anything(
    middleware: tuple[Any, ...],
) -> None:
    assert get(app_of(*middleware), "/").json() is False


@MIDDLEWARE
def test_handlers_that_others_add_to_the_innermost_layer_answer(
    middleware: tuple[Any, ...],
) -> None:
    app = app_of(*middleware)

    async def answer(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"{type(exc).__name__} at {request.url.path}", 418)

    layer = innermost(app)
    layer.add_exception_handler(Teapot, answer)
    layer.add_exception_handler(503, answer)
    assert [get(app, path).text for path in ("/teapot", "/503")] == [
        "Teapot at /teapot",
        "HTTPException at /503",
    ]
    layer.add_exception_handler(Exception, lambda request, exc: PlainTextResponse("any", 418))
    layer.add_exception_handler(HTTPException, answer)
    assert get(app, "/teapot").text == "Teapot at /teapot"


def test_a_handler_for_all_exceptions_in_the_innermost_layer_answers_there() -> None:
    app = app_of()

    async def answer(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(repr(exc), 418)

    innermost(app).add_exception_handler(Exception, answer)
    assert get(app, "/teapot").text == "Teapot()"  # and nothing is raised to the server


def test_a_handler_that_the_application_gets_after_its_first_request_answers() -> None:
    app = app_of()
    assert get(app, "/").json() is False
    app.add_exception_handler(Teapot, lambda request, exc: PlainTextResponse("late", 418))
    assert get(app, "/teapot").text == "late"


@MIDDLEWARE
def test_handlers_that_others_wrap_in_the_innermost_layer_are_called(
    middleware: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    make = ExceptionMiddleware.__init__

    def wrapped(handler: Callable[..., Any]) -> Callable[..., Any]:
        async def handle(request: Request, exc: Exception) -> Any:
            seen.append(repr(exc))
            return await handler(request, exc)

        return handle

    def make_wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        for key, handler in list(self._exception_handlers.items()):
            self._exception_handlers[key] = wrapped(handler)

    monkeypatch.setattr(ExceptionMiddleware, "__init__", make_wrapped)
    assert get(app_of(*middleware), "/503").json() == {"detail": "Service Unavailable"}
    assert seen == ["HTTPException(status_code=503, detail='Service Unavailable')"]


def test_in_an_application_of_starlettes_its_default_handlers_give_way() -> None:
    router = Router()

    @router.get("/404")
    async def read() -> None:
        raise HTTPException(404, {"reason": "none"})

    app = Starlette(routes=router.routes)
    assert get(app, "/404").json() == {"detail": {"reason": "none"}}


@MIDDLEWARE
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (ServerErrorMiddleware, "__call__"),
        (ExceptionMiddleware, "__call__"),
        (starlette.routing.Router, "__call__"),
        (starlette.routing.Route, "handle"),
        (Route, "handle"),
        (Router, "app"),
    ],
    ids=["errors", "exceptions", "router", "route", "own route", "own router"],
)
def test_a_method_that_others_have_replaced_is_called(
    owner: Any, name: str, middleware: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    original = getattr(owner, name)

    async def replaced(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(name)
        await original(self, scope, receive, send)

    monkeypatch.setattr(owner, name, replaced)
    assert get(app_of(*middleware), "/").status_code == 200
    assert calls == [name]


class Posing:
    """A wrapper that looks like what it wraps, but for its type."""

    def __init__(self, wrapped: Any, calls: list[str]) -> None:
        self.wrapped = wrapped
        self.calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def __get__(self, instance: object, owner: type) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any) -> Any:
        self.calls.append(self.wrapped.__name__)
        return self.wrapped(*args)


def test_a_method_is_replaced_also_by_what_poses_as_the_original(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(
        starlette.routing.Route, "handle", Posing(starlette.routing.Route.handle, calls)
    )
    assert get(app_of(), "/").json() is True
    assert calls == ["handle"]


def test_the_call_of_starlettes_applications_may_be_replaced_at_any_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, calls = app_of(), list[str]()
    call = Starlette.__call__

    async def replaced(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["path"])
        await call(self, scope, receive, send)

    assert get(app, "/").status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(Starlette, "__call__", replaced)
        assert get(app, "/").status_code == 200
    assert get(app, "/").status_code == 200
    assert calls == ["/"]


def test_a_stack_that_others_make_of_an_applications_parts_serves_it() -> None:
    app, calls = app_of(), list[str]()
    build = app.build_middleware_stack

    class Watching(Passing):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            calls.append(scope["path"])
            await super().__call__(scope, receive, send)

    def build_watched(self: App) -> ASGIApp:
        inner = cast("ServerErrorMiddleware", build())
        return ServerErrorMiddleware(Watching(inner.app), inner.handler, inner.debug)

    cast("Any", app).build_middleware_stack = MethodType(build_watched, app)
    assert get(app, "/").json() is True
    with pytest.raises(Teapot):
        get(app, "/teapot")
    assert calls == ["/", "/teapot"]


@MIDDLEWARE
@pytest.mark.parametrize("between", ["layers", "layer and router"])
def test_what_others_put_between_the_layers_is_called(
    between: str, middleware: tuple[Any, ...]
) -> None:
    app, calls = app_of(*middleware), list[str]()

    class Watching(Passing):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            calls.append(scope["path"])
            await super().__call__(scope, receive, send)

    layer: Any = innermost(app)
    if between == "layers":
        inner, layer = layer, app.middleware_stack
        while layer.app is not inner:
            layer = layer.app
    layer.app = Watching(layer.app)
    assert get(app, "/").json() is True
    assert calls == ["/"]


@MIDDLEWARE
@pytest.mark.parametrize("name", ["app", "handle"])
def test_what_others_put_in_place_of_a_routes_entries_is_called(
    name: str, middleware: tuple[Any, ...]
) -> None:
    app, calls = app_of(*middleware), list[str]()
    route = next(each for each in cast("list[Any]", app.routes) if each.path == "/")
    original = getattr(route, name)

    async def replaced(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["path"])
        await original(scope, receive, send)

    setattr(route, name, replaced)
    assert get(app, "/").json() is True
    assert calls == ["/"]


def test_what_others_put_in_place_of_a_websocket_routes_app_is_called() -> None:
    app, calls = App(), list[str]()

    @app.websocket("/")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

    route = cast("WebSocketRoute", app.routes[-1])
    original = route.app

    async def replaced(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["path"])
        await original(scope, receive, send)

    route.app = replaced
    with TestClient(app).websocket_connect("/"):
        pass
    assert calls == ["/"]


def test_a_router_of_ones_own_is_called() -> None:
    calls: list[str] = []

    class OwnRouter(Router):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            calls.append(scope["path"])
            await super().__call__(scope, receive, send)

    app = app_of()
    app.router = OwnRouter(app.routes)
    assert get(app, "/").json() is True
    assert calls == ["/"]


def test_what_others_put_around_the_routers_routes_is_called() -> None:
    app, calls = app_of(), list[str]()
    inner = app.router.middleware_stack

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["path"])
        await inner(scope, receive, send)

    assert get(app, "/").json() is False
    app.router.middleware_stack = around
    assert get(app, "/").json() is True
    assert calls == ["/"]
