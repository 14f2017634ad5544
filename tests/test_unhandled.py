"""The response to what nothing handles, and the middleware around it."""

from contextvars import ContextVar
from typing import Any

import anyio
import httpx2
import pytest
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import microfw._answering.passage
from microfw import App, Request, Response, WebSocket
from microfw.middleware.cors import CORSMiddleware
from microfw.responses import StreamingResponse
from microfw.testclient import TestClient
from tests.servers import serve

ORIGIN = {"origin": "https://shop.example"}
CORS = Middleware(CORSMiddleware, allow_origins=["https://shop.example"])


async def passing(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


FUNCTION = Middleware(BaseHTTPMiddleware, dispatch=passing)
GZIP = Middleware(GZipMiddleware, minimum_size=1)


class Stuck:
    """Sends what nobody takes any more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def wait(message: Message) -> None:
            await anyio.sleep_forever()

        await self.app(scope, receive, wait)


name: ContextVar[str] = ContextVar("name", default="none")


class Naming:
    """Binds a context variable for a request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = name.set("request-1")
        try:
            await self.app(scope, receive, send)
        finally:
            name.reset(token)


def failing(*middleware: Middleware, **options: Any) -> App:
    app = App(middleware=middleware, **options)

    @app.get("/")
    def fail() -> None:
        raise ValueError("boom")

    return app


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "middleware",
    [(CORS,), (CORS, FUNCTION), (FUNCTION, CORS), (CORS, GZIP), (CORS, FUNCTION, GZIP)],
    ids=["alone", "around", "within", "gzip", "all"],
)
def test_middleware_adds_its_headers_to_the_response_to_what_nothing_handles(
    middleware: Any, backend: Any
) -> None:
    app, seen = failing(*middleware), list[str]()

    @app.exception_handler(Exception)
    async def answer(request: Request, exc: Exception) -> Response:
        seen.append(repr(exc))
        return Response("failed", 500)

    client = TestClient(app, backend=backend, raise_server_exceptions=False)
    answer_ = client.get("/", headers=ORIGIN)
    assert (answer_.status_code, answer_.text) == (500, "failed")
    if middleware[0] is CORS:
        assert answer_.headers["access-control-allow-origin"] == "https://shop.example"
    with pytest.raises(ValueError, match="boom"):
        TestClient(app, backend=backend).get("/", headers=ORIGIN)
    assert seen == ["ValueError('boom')"] * 2  # once for each request


@pytest.mark.parametrize(
    "middleware",
    [(CORS,), (FUNCTION, CORS), (FUNCTION, CORS, GZIP), (CORS, FUNCTION, CORS, GZIP)],
    ids=["alone", "within", "within, gzip", "twice"],
)
def test_each_middleware_adds_its_headers_once(middleware: Any) -> None:
    app = failing(*middleware)
    app.get("/answered")(lambda: "answered")
    client = TestClient(app, raise_server_exceptions=False)

    failed, answered = client.get("/"), client.get("/answered")

    assert failed.status_code == 500
    failed_vary = failed.headers["vary"].split(", ")
    assert failed_vary.count("Origin") <= answered.headers["vary"].split(", ").count("Origin")
    assert "Origin" in failed_vary


def test_it_adds_them_also_where_others_watch_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    call = ExceptionMiddleware.__call__

    async def watched(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        await call(self, scope, receive, send)

    monkeypatch.setattr(ExceptionMiddleware, "__call__", watched)
    app = failing(CORS, Middleware(Naming))
    app.add_exception_handler(500, lambda request, exc: Response(name.get(), 500))

    @app.websocket("/ws")
    async def fail(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("boom")

    client = TestClient(app, raise_server_exceptions=False)
    answer = client.get("/", headers=ORIGIN)
    assert answer.text == "request-1"
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    with pytest.raises(ValueError, match="boom"), client.websocket_connect("/ws"):
        pass


@pytest.mark.parametrize("debug", [False, True])
def test_it_adds_them_also_where_the_application_has_no_handler(debug: bool) -> None:
    client = TestClient(failing(CORS, debug=debug), raise_server_exceptions=False)
    answer = client.get("/", headers=ORIGIN)
    assert answer.status_code == 500
    assert ("ValueError" in answer.text) is debug
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


@pytest.mark.parametrize("outer", [(), (CORS,)], ids=["alone", "cors"])
def test_middleware_that_handles_an_exception_is_asked_first(outer: Any) -> None:
    async def handle(request: Request, call_next: Any) -> Response:
        try:
            response: Response = await call_next(request)
        except ValueError as error:
            return Response(f"handled {error}", 409)
        return response

    app = failing(*outer, Middleware(BaseHTTPMiddleware, dispatch=handle))

    @app.exception_handler(Exception)
    def answer(request: Request, exc: Exception) -> Response:
        raise AssertionError("is not called")

    answer_ = TestClient(app).get("/", headers=ORIGIN)
    assert (answer_.status_code, answer_.text) == (409, "handled boom")


def test_an_exception_of_a_middleware_itself_is_answered_through_those_around_it() -> None:
    async def fail(request: Request, call_next: Any) -> Response:
        raise ValueError("middleware")

    app = failing(CORS, Middleware(BaseHTTPMiddleware, dispatch=fail))
    answer = TestClient(app, raise_server_exceptions=False).get("/", headers=ORIGIN)
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


def test_a_middleware_that_lets_nothing_through_is_passed_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(microfw._answering.passage, "PATIENCE", 0)
    app = failing(CORS, Middleware(Stuck))
    answer = TestClient(app, raise_server_exceptions=False).get("/", headers=ORIGIN)
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("is_async", [True, False])
def test_the_handler_sees_the_context_variables_of_middleware_and_dependencies(
    is_async: bool, backend: Any
) -> None:
    app = failing(CORS, FUNCTION, Middleware(Naming))

    async def answer_async(request: Request, exc: Exception) -> Response:
        with anyio.move_on_after(0):
            await anyio.sleep_forever()
        return Response(f"{name.get()}", 500)

    def answer_sync(request: Request, exc: Exception) -> Response:
        return Response(f"{name.get()}", 500)

    app.add_exception_handler(Exception, answer_async if is_async else answer_sync)
    client = TestClient(app, backend=backend, raise_server_exceptions=False)
    assert client.get("/").text == "request-1"


def test_a_handler_may_stream() -> None:
    app = failing(CORS)

    @app.exception_handler(500)
    def answer(request: Request, exc: Exception) -> Response:
        return StreamingResponse(iter(["a", "b", "c"]), 500)

    answer_ = TestClient(app, raise_server_exceptions=False).get("/", headers=ORIGIN)
    assert (answer_.status_code, answer_.text) == (500, "abc")
    assert answer_.headers["access-control-allow-origin"] == "https://shop.example"


def test_of_an_application_within_another_the_inner_one_answers_through_both() -> None:
    app = App(middleware=[CORS])
    app.mount("/inner", failing(GZIP))
    answer = TestClient(app, raise_server_exceptions=False).get("/inner/", headers=ORIGIN)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


def test_websockets_pass_through_middleware_as_before() -> None:
    app = failing(CORS)

    @app.websocket("/ws")
    async def fail(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("boom")

    client = TestClient(app)
    with pytest.raises(ValueError, match="boom"), client.websocket_connect("/ws"):
        pass


def test_uvicorn_logs_the_exception_once_and_the_client_sees_the_headers() -> None:
    with serve(failing(CORS, FUNCTION)) as server:
        answer = httpx2.get(server.url, headers=ORIGIN)
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert server.log.count("ValueError: boom") == 1
    assert server.log.count("Exception in ASGI application") == 1
