"""What a router puts around its routes: middleware, exception handlers, a provider's overrides."""

import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount
from starlette.routing import Route as StarletteRoute

from microfw import (
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    Query,
    Request,
    Response,
    Route,
    Router,
    WebSocket,
)
from microfw.exceptions import RequestValidationError
from microfw.testclient import TestClient


class Noting:
    """Middleware that notes what passes."""

    made = 0

    def __init__(self, app: Any, name: str, log: list[str]) -> None:
        type(self).made += 1
        self._app, self._name, self._log = app, name, log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._log.append(f"{self._name} begins")
        try:
            await self._app(scope, receive, send)
        finally:
            self._log.append(f"{self._name} ends")


@pytest.fixture
def log() -> list[str]:
    return []


def noting(log: list[str], *names: str) -> list[Middleware]:
    return [Middleware(Noting, name, log) for name in names]


def opening(log: list[str], name: str) -> Any:
    """A dependency that notes when it opens and closes."""

    def dependency() -> Iterator[None]:
        log.append(f"{name} opens")
        try:
            yield
        except Exception as error:
            log.append(f"{name} sees {type(error).__name__}")
            raise
        finally:
            log.append(f"{name} closes")

    return Depends(dependency)


# ---------------------------------------------------------------------- middleware


def nested(log: list[str], *, late: bool) -> App:
    """A router in a router in an application, each with middleware of its own."""
    inner = Router(middleware=noting(log, "inner 1", "inner 2"), dependencies=[opening(log, "it")])
    outer = Router(middleware=noting(log, "outer"))
    app = App(middleware=noting(log, "app"))

    def declare() -> None:
        @inner.get("/items", middleware=noting(log, "route"))
        async def read() -> str:
            log.append("endpoint")
            return "read"

        @inner.websocket("/feed")
        async def feed(websocket: WebSocket) -> None:
            await websocket.accept()
            log.append("endpoint")

    def include() -> None:
        outer.include_router(inner, prefix="/in")
        app.include_router(outer, prefix="/out")
        outer.get("/outside")(lambda: "outside")

    for step in (include, declare) if late else (declare, include):
        step()
    app.get("/free")(lambda: "free")
    return app


def around(*names: str, inside: list[str]) -> list[str]:
    return [
        *(f"{name} begins" for name in names),
        *inside,
        *(f"{name} ends" for name in reversed(names)),
    ]


@pytest.mark.parametrize("late", [False, True])
def test_middleware_of_routers_is_around_their_routes_the_outer_around_the_inner(
    late: bool, log: list[str]
) -> None:
    client = TestClient(nested(log, late=late))
    inside = ["it opens", "endpoint", "it closes"]

    assert client.get("/out/in/items").json() == "read"
    assert log == around("app", "outer", "inner 1", "inner 2", "route", inside=inside)

    log.clear()
    with client.websocket_connect("/out/in/feed"):
        pass
    assert log == around("app", "outer", "inner 1", "inner 2", inside=inside)

    log.clear()
    assert client.get("/out/outside").json() == "outside"
    assert log == around("app", "outer", inside=[])

    log.clear()
    assert client.get("/free").json() == "free"
    assert client.get("/out/in/unknown").status_code == 404
    assert log == 2 * around("app", inside=[])


def test_middleware_of_a_router_is_made_once_for_all_of_its_routes(log: list[str]) -> None:
    router = Router(middleware=noting(log, "router"))
    for number in range(10):
        router.get(f"/{number}")(lambda: "read")
    one, other = App(), App()
    Noting.made = 0
    for app in (one, other):
        app.include_router(router, prefix="/1")
        app.include_router(router, prefix="/2")
        assert TestClient(app).get("/1/3").json() == "read"
    assert Noting.made <= 1
    assert log == 2 * around("router", inside=[])


def test_middleware_of_a_router_may_answer_itself_and_see_the_response(log: list[str]) -> None:
    async def dispatch(request: Request, call_next: Callable[[Request], Any]) -> Response:
        if "secret" not in request.headers:
            return PlainTextResponse("who are you?", 401)
        response: Response = await call_next(request)
        response.headers["x-seen"] = str(response.status_code)
        return response

    router = Router(middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)])

    @router.get("/items/{number}")
    def read(number: int, tasks: BackgroundTasks) -> int:
        tasks.add_task(log.append, "task")
        if not number:
            raise HTTPException(404)
        return number

    app = App()
    app.include_router(router)
    client = TestClient(app)
    assert (client.get("/items/1").status_code, log) == (401, [])
    for number, status in (("1", 200), ("0", 404), ("x", 422)):
        answer = client.get(f"/items/{number}", headers={"secret": "yes"})
        assert (answer.status_code, answer.headers["x-seen"]) == (status, str(status))
    assert log == ["task"]


class Anything(BaseRoute):
    """A route of a kind of its own."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        return (Match.FULL if "anything" in scope["path"] else Match.NONE), {}

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("anything")(scope, receive, send)


@pytest.mark.parametrize("is_included", [True, False])
def test_middleware_of_a_router_is_around_starlettes_routes_too(
    app: App, is_included: bool, log: list[str]
) -> None:
    async def hello(_: Any) -> Response:
        return PlainTextResponse("hello")

    starlettes = Starlette(routes=[StarletteRoute("/hello", hello)])
    router = Router(middleware=noting(log, "router 1", "router 2"))
    router.add_route("/hello", hello)
    router.mount("/mounted", starlettes)
    router.routes.append(Host("hosted.org", starlettes))
    router.routes.append(Anything())
    if is_included:
        app.include_router(router, prefix="/in")
        prefix = "/in"
    else:
        app.mount("/in", router)
        prefix = ""
    client = TestClient(app)
    for url in ("/in/hello", "/in/mounted/hello", "/in/anything"):
        log.clear()
        assert client.get(url).status_code == 200
        assert log == around("router 1", "router 2", inside=[])
    log.clear()
    target: Any = app if is_included else router
    hosted = TestClient(target, base_url="http://hosted.org")
    assert hosted.get("/hello" if is_included else f"{prefix}/hello").text == "hello"
    assert log == around("router 1", "router 2", inside=[])


def test_the_routes_of_an_outer_routers_starlettes_are_inside_of_both(log: list[str]) -> None:
    async def hello(_: Any) -> Response:
        return PlainTextResponse("hello")

    inner, outer = (Router(middleware=noting(log, name)) for name in ("inner", "outer"))
    inner.add_route("/hello", hello)
    outer.include_router(inner)
    app = App()
    app.include_router(outer)
    for served in (outer, app):
        log.clear()
        assert TestClient(served).get("/hello").text == "hello"
        assert log == around("outer", "inner", inside=[])


# ---------------------------------------------------------------------- exception handlers


class Missing(Exception):
    pass


class VeryMissing(Missing):
    pass


def answering(log: list[str], name: str, status: int = 400) -> Any:
    async def answer(_: Request, error: Exception) -> Response:
        log.append(f"{name} answers {type(error).__name__}")
        return JSONResponse(name, status)

    return answer


def raising(error: Exception, log: list[str], *, is_async: bool) -> Any:
    async def read_async() -> None:
        raise error

    def read() -> None:
        raise error

    return read_async if is_async else read


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("is_mounted", [False, True])
@pytest.mark.parametrize(
    ("inner", "outer", "own", "error", "expected"),
    [
        ([Missing], [Missing], [Missing], Missing(), "inner"),
        ([], [Missing], [Missing], Missing(), "outer"),
        ([], [], [Missing], Missing(), "app"),
        ([Missing], [VeryMissing], [VeryMissing], VeryMissing(), "inner"),
        ([KeyError], [Missing], [VeryMissing], VeryMissing(), "outer"),
        ([404], [HTTPException], [404], HTTPException(404), "inner"),
        ([HTTPException], [404], [404], HTTPException(404), "inner"),
        ([HTTPException, 404], [], [], HTTPException(404), "inner"),
        ([403], [HTTPException], [404], HTTPException(404), "outer"),
        ([403], [], [404], HTTPException(404), "app"),
        ([Exception], [500], [404], HTTPException(404), "app"),
        ([Exception], [Missing], [], Missing(), "outer"),
        ([Exception, 500], [], [Missing], Missing(), "app"),
    ],
)
def test_the_innermost_router_that_has_a_handler_answers(
    inner: list[Any],
    outer: list[Any],
    own: list[Any],
    error: Exception,
    expected: str,
    is_async: bool,
    is_mounted: bool,
    log: list[str],
) -> None:
    """E6"""
    inner_router = Router(exception_handlers={key: answering(log, "inner") for key in inner})
    outer_router = Router()
    for key in outer:
        outer_router.exception_handler(key)(answering(log, "outer"))
    inner_router.get("/items", dependencies=[opening(log, "it")])(
        raising(error, log, is_async=is_async)
    )
    outer_router.include_router(inner_router)
    app = App(exception_handlers={key: answering(log, "app") for key in own})
    if is_mounted:
        app.mount("", outer_router)
    else:
        app.include_router(outer_router)

    answer = TestClient(app).get("/items")

    assert (answer.status_code, answer.json()) == (400, expected)
    kind = type(error).__name__
    assert log == ["it opens", f"it sees {kind}", "it closes", f"{expected} answers {kind}"]


def test_handlers_that_a_router_gets_later_answer_too(log: list[str]) -> None:
    router, app = Router(), App()
    router.get("/items")(raising(Missing(), log, is_async=True))
    app.include_router(router)
    router.get("/late")(raising(Missing(), log, is_async=True))

    @router.exception_handler(Missing)
    def answer(request: Request, error: Missing) -> Response:
        return PlainTextResponse(request.url.path, 418)

    client = TestClient(app)
    for path in ("/items", "/late"):
        answered = client.get(path)
        assert (answered.status_code, answered.text) == (418, path)


def test_handlers_of_a_router_are_for_its_routes_alone(log: list[str]) -> None:
    router, app = Router(exception_handlers={Missing: answering(log, "router")}), App()
    app.get("/items")(raising(Missing(), log, is_async=True))
    app.include_router(router)
    with pytest.raises(Missing):
        TestClient(app).get("/items")
    assert log == []


def test_invalid_values_are_answered_by_a_router_too(log: list[str]) -> None:
    router, app = (
        Router(exception_handlers={RequestValidationError: answering(log, "router")}),
        App(),
    )
    router.get("/items")(lambda it=Query(gt=1): it)

    @router.get("/numbers/{number}")
    def read(number: int) -> int:
        return number

    app.include_router(router)
    assert TestClient(app).get("/numbers/x").json() == "router"


@pytest.mark.parametrize("key", [500, Exception])
@pytest.mark.parametrize("has_middleware", [False, True])
@pytest.mark.parametrize("which", ["inner", "outer"])
def test_what_nothing_else_handles_is_answered_by_a_router_and_raised_all_the_same(
    key: Any, has_middleware: bool, which: str, log: list[str]
) -> None:
    """E6"""
    handlers = {key: answering(log, which, 500)}
    inner = Router(exception_handlers=handlers if which == "inner" else None)
    outer = Router(exception_handlers=handlers)
    inner.get("/items", dependencies=[opening(log, "it")])(raising(Missing(), log, is_async=False))
    outer.include_router(inner)
    middleware = noting([], "app") if has_middleware else None
    app = App(exception_handlers={500: answering(log, "app", 500)}, middleware=middleware)
    app.include_router(outer)

    answer = TestClient(app, raise_server_exceptions=False).get("/items")
    assert (answer.status_code, answer.json()) == (500, which)
    answers = [line for line in log if "answers" in line]
    assert (log[:3], answers[0]) == (
        ["it opens", "it sees Missing", "it closes"],
        f"{which} answers Missing",
    )
    with pytest.raises(Missing):
        TestClient(app).get("/items")


def test_while_debugging_the_page_with_the_traceback_answers(log: list[str]) -> None:
    router = Router(exception_handlers={Exception: answering(log, "router")})
    router.get("/items")(raising(Missing(), log, is_async=True))
    app = App(debug=True)
    app.include_router(router)
    answer = TestClient(app, raise_server_exceptions=False).get("/items")
    assert (answer.status_code, log) == (500, [])
    assert "Traceback" in answer.text


@pytest.mark.parametrize(
    ("outer", "own", "expected"),
    [([404], [404], "outer"), ([], [404], "app"), ([], [], "Not Found")],
)
def test_what_a_routers_handler_raises_is_answered_further_out(
    outer: list[Any], own: list[Any], expected: str, log: list[str]
) -> None:
    inner_router, outer_router = Router(), Router()

    @inner_router.exception_handler(404)
    @inner_router.exception_handler(Missing)
    async def turn(request: Request, error: Missing) -> Response:
        raise HTTPException(404)

    for key in outer:
        outer_router.exception_handler(key)(answering(log, "outer", 404))
    inner_router.get("/items")(raising(Missing(), log, is_async=True))
    outer_router.include_router(inner_router)
    app = App(exception_handlers={key: answering(log, "app", 404) for key in own})
    app.include_router(outer_router)

    answer = TestClient(app).get("/items")
    assert answer.status_code == 404
    assert answer.json() in (expected, {"detail": expected})


def test_a_websocket_is_closed_by_a_routers_handler_and_never_answered_as_a_request_is(
    app: App, log: list[str]
) -> None:
    router = Router()

    @router.exception_handler(Missing)
    async def close(websocket: WebSocket, error: Missing) -> None:
        log.append("closes")
        await websocket.close(4004)

    @router.exception_handler(Exception)
    async def answer(request: Request, error: Exception) -> Response:
        raise NotImplementedError

    @router.websocket("/missing")
    async def missing(websocket: WebSocket) -> None:
        await websocket.accept()
        raise Missing

    @router.websocket("/broken")
    async def broken(websocket: WebSocket) -> None:
        await websocket.accept()
        raise KeyError("broken")

    app.include_router(router)
    client = TestClient(app)
    with client.websocket_connect("/missing") as websocket:
        assert websocket.receive() == {"type": "websocket.close", "code": 4004, "reason": ""}
    assert log == ["closes"]
    with pytest.raises(KeyError), client.websocket_connect("/broken") as websocket:
        websocket.receive()


@pytest.mark.parametrize("key", ["404", dict, None, KeyboardInterrupt])
def test_a_routers_handler_is_for_a_status_or_a_class_of_exceptions(key: Any) -> None:
    expected = f"exceptions are handled by status code or by class, not by {key!r}"
    with pytest.raises(TypeError) as declared:
        Router().exception_handler(key)
    with pytest.raises(TypeError) as given:
        Router(exception_handlers={key: lambda: None})
    assert [str(declared.value), str(given.value)] == [expected, expected]


# ---------------------------------------------------------------------- a provider's overrides


def get_it() -> str:
    return "it"


def get_other() -> str:
    return "other"


def read_it(it: Annotated[str, Depends(get_it)]) -> str:
    return it


@pytest.mark.parametrize("how", ["served", "included", "mounted"])
def test_a_provider_has_the_overrides_of_a_routers_routes(app: App, how: str) -> None:
    provider = SimpleNamespace(dependency_overrides={})
    router = Router(dependency_overrides_provider=provider)
    router.get("/items")(read_it)

    @router.websocket("/feed")
    async def feed(websocket: WebSocket, it: Annotated[str, Depends(get_it)]) -> None:
        await websocket.accept()
        await websocket.send_text(it)

    app.get("/free")(read_it)
    served: Any = app
    if how == "served":
        served = router
    elif how == "included":
        app.include_router(router)
    else:
        app.mount("", router)
    client = TestClient(served)
    for overrides, expected in (({}, "it"), ({get_it: get_other}, "other"), (None, "it")):
        provider.dependency_overrides = overrides
        assert client.get("/items").json() == expected
        with client.websocket_connect("/feed") as websocket:
            assert websocket.receive_text() == expected
        assert TestClient(app).get("/free").json() == "it"


# ---------------------------------------------------------------------- overrides of nothing


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def unused(function: Any) -> str:
    place = f"{function.__qualname__} ({__file__}:{function.__code__.co_firstlineno})"
    return f"{place} is overridden, but no route depends on it; only a task may"


def get_unused() -> str:
    raise NotImplementedError


def get_below() -> str:
    return "below"


def get_replacing(below: Annotated[str, Depends(get_below)]) -> str:
    return f"replaced, on {below}"


def application() -> App:
    app, router = App(), Router()
    router.get("/late")(read_it)
    app.get("/items")(lambda: "items")
    app.include_router(router)
    router.get("/broken/{nobody}")(lambda: "broken")
    return app


def test_an_override_of_what_no_route_depends_on_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = application()
    app.dependency_overrides[get_unused] = get_other
    app.dependency_overrides[get_it] = get_other
    for path in ("/items", "/late", "/items"):
        assert TestClient(app).get(path).status_code == 200
    with app.override({get_below: get_other}):
        assert TestClient(app).get("/late").json() == "other"
        assert TestClient(app).get("/items").json() == "items"
    assert warnings_in(caplog) == [unused(get_unused), unused(get_below)]


def test_an_override_of_what_another_override_depends_on_is_none_of_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = application()
    app.dependency_overrides = {get_it: get_replacing, get_below: lambda: "other"}
    assert TestClient(app).get("/late").json() == "replaced, on other"
    assert warnings_in(caplog) == []


def test_an_override_in_another_application_is_logged_there_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, mounted = App(), application()
    app.mount("/in", mounted)
    app.get("/outside")(lambda: "outside")
    mounted.dependency_overrides[get_it] = get_other
    assert TestClient(app).get("/in/late").json() == "other"
    assert warnings_in(caplog) == []
    app.dependency_overrides[get_it] = get_other
    assert TestClient(app).get("/outside").json() == "outside"
    assert warnings_in(caplog) == [unused(get_it)]


def test_overrides_of_a_router_without_an_application_are_not_looked_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = SimpleNamespace(dependency_overrides={get_unused: get_other})
    router = Router(dependency_overrides_provider=provider)
    router.get("/items")(read_it)
    assert TestClient(router).get("/items").json() == "it"
    assert warnings_in(caplog) == []


def test_a_mount_of_routes_is_looked_through_too(caplog: pytest.LogCaptureFixture) -> None:
    app = App(routes=[Mount("/in", routes=[Route("/items", read_it)])])
    app.dependency_overrides[get_it] = get_other
    assert TestClient(app).get("/in/items").json() == "other"
    assert warnings_in(caplog) == []
