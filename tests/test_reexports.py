"""What FastAPI's programs import, is found at the same path."""

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import starlette.status
from starlette.exceptions import StarletteDeprecationWarning

from microfw import App, Request, WebSocket, WebSocketDisconnect, status
from microfw.concurrency import (
    contextmanager_in_threadpool,
    iterate_in_threadpool,
    run_in_threadpool,
)
from microfw.middleware import Middleware
from microfw.middleware.cors import CORSMiddleware
from microfw.middleware.gzip import GZipMiddleware
from microfw.middleware.httpsredirect import HTTPSRedirectMiddleware
from microfw.middleware.sessions import SessionMiddleware
from microfw.middleware.trustedhost import TrustedHostMiddleware
from microfw.staticfiles import StaticFiles
from microfw.testclient import TestClient

PATHS = """
    background.BackgroundTasks
    concurrency.contextmanager_in_threadpool concurrency.iterate_in_threadpool
    concurrency.run_in_threadpool concurrency.run_until_first_complete
    datastructures.UploadFile datastructures.State datastructures.URL datastructures.FormData
    encoders.jsonable_encoder encoders.ENCODERS_BY_TYPE
    exception_handlers.http_exception_handler
    exception_handlers.request_validation_exception_handler
    exception_handlers.websocket_request_validation_exception_handler
    exceptions.HTTPException exceptions.RequestValidationError exceptions.ResponseValidationError
    exceptions.WebSocketException exceptions.WebSocketRequestValidationError
    middleware.Middleware middleware.cors.CORSMiddleware middleware.gzip.GZipMiddleware
    middleware.httpsredirect.HTTPSRedirectMiddleware middleware.sessions.SessionMiddleware
    middleware.trustedhost.TrustedHostMiddleware middleware.wsgi.WSGIMiddleware
    params.Query requests.HTTPConnection requests.Request
    responses.EventSourceResponse responses.FileResponse responses.HTMLResponse
    responses.JSONResponse responses.PlainTextResponse responses.RedirectResponse
    responses.Response responses.StreamingResponse
    security.OAuth2PasswordBearer sse.EventSourceResponse sse.ServerSentEvent sse.format_sse_event
    sse.KEEPALIVE_COMMENT staticfiles.StaticFiles templating.Jinja2Templates testclient.TestClient
    websockets.WebSocket websockets.WebSocketDisconnect websockets.WebSocketState
"""


@pytest.mark.parametrize("path", PATHS.split())
def test_a_name_is_found_where_fastapi_has_it(path: str) -> None:
    module, _, name = path.rpartition(".")

    assert name in importlib.import_module(f"microfw.{module}").__all__


@pytest.mark.parametrize(
    "module", ["requests", "staticfiles", "templating", "websockets", "middleware.sessions"]
)
def test_what_is_starlettes_is_the_very_same(module: str) -> None:
    ours = importlib.import_module(f"microfw.{module}")
    theirs = importlib.import_module(f"starlette.{module}")

    assert ours.__all__
    for name in ours.__all__:
        assert getattr(ours, name) is getattr(theirs, name)


def test_status_codes_have_names() -> None:
    assert status.__all__ == starlette.status.__all__
    assert [getattr(status, name) for name in status.__all__] == [
        int(name.split("_")[1]) for name in status.__all__
    ]


def test_deprecated_names_of_status_codes_warn() -> None:
    with pytest.warns(StarletteDeprecationWarning) as caught:
        assert getattr(status, "HTTP_422_UNPROCESSABLE_ENTITY") == 422  # noqa: B009 - no type checker's business

    assert caught[0].filename == __file__
    with pytest.raises(AttributeError, match="has no attribute 'HTTP_299_NOTHING'"):
        getattr(status, "HTTP_299_NOTHING")  # noqa: B009


# ---------------------------------------------------------------------- they work


def test_middleware_wraps_an_application() -> None:
    app = App(
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]),
            Middleware(CORSMiddleware, allow_origins=["http://page"], allow_methods=["PUT"]),
            Middleware(GZipMiddleware, minimum_size=100),
        ]
    )
    app.add_middleware(SessionMiddleware, secret_key="key")

    @app.get("/visits")
    def count(request: Request) -> dict[str, int]:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return {"visits": request.session["visits"]}

    @app.get("/long")
    def long() -> str:
        return "a" * 200

    client = TestClient(app)
    assert [client.get("/visits").json()["visits"] for _ in range(3)] == [1, 2, 3]
    assert client.get("/long").headers["content-encoding"] == "gzip"
    assert client.get("/long", headers={"Host": "other"}).status_code == 400
    answer = client.options(
        "/long", headers={"Origin": "http://page", "Access-Control-Request-Method": "PUT"}
    )
    assert answer.headers["access-control-allow-origin"] == "http://page"


def test_requests_are_redirected_to_https(app: App) -> None:
    app.add_middleware(HTTPSRedirectMiddleware)

    answer = TestClient(app).get("/", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (307, "https://testserver/")


def test_files_are_served(app: App, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    app.mount("/static", StaticFiles(directory=tmp_path))

    assert TestClient(app).get("/static/a.txt").text == "text"


# ---------------------------------------------------------------------- threads


class Resource:
    """A sync context manager that writes down what happens in which thread."""

    def __init__(self, *, swallows: bool = False) -> None:
        self.events: list[Any] = []
        self.swallows = swallows
        self.threads: set[int] = set()

    def __enter__(self) -> str:
        self.events.append("enters")
        self.threads.add(threading.get_ident())
        return "value"

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        self.events.append(error)
        self.threads.add(threading.get_ident())
        return self.swallows


async def test_a_context_manager_opens_and_closes_in_threads() -> None:
    resource = Resource()

    async with contextmanager_in_threadpool(resource) as value:
        assert value == "value"

    assert resource.events == ["enters", None]
    assert threading.get_ident() not in resource.threads


@pytest.mark.parametrize("swallows", [True, False])
async def test_a_context_manager_in_a_thread_sees_errors(swallows: bool) -> None:
    resource = Resource(swallows=swallows)
    error = ValueError("oops")
    raised: Any = None

    try:
        async with contextmanager_in_threadpool(resource):
            raise error
    except ValueError as caught:
        raised = caught

    assert resource.events == ["enters", error]
    assert raised is (None if swallows else error)


async def test_a_context_manager_in_a_thread_closes_when_it_is_cancelled() -> None:
    """C1, T4"""
    resource = Resource()
    limiter = anyio.to_thread.current_default_thread_limiter()
    total = limiter.total_tokens
    taken = object()

    with anyio.fail_after(5), anyio.CancelScope() as scope:
        async with contextmanager_in_threadpool(resource):
            limiter.total_tokens = 1  # and that one is taken
            await limiter.acquire_on_behalf_of(taken)
            scope.cancel()
            await anyio.sleep_forever()

    limiter.release_on_behalf_of(taken)
    limiter.total_tokens = total
    assert scope.cancelled_caught
    assert isinstance(resource.events[1], anyio.get_cancelled_exc_class())


async def test_functions_and_iterators_run_in_threads() -> None:
    threads: set[int] = set()

    def number() -> int:
        threads.add(threading.get_ident())
        return 3

    def numbers() -> Iterator[int]:
        yield number()

    assert await run_in_threadpool(number) == 3
    assert [each async for each in iterate_in_threadpool(numbers())] == [3]
    assert threading.get_ident() not in threads


def test_a_websocket_is_starlettes(app: App) -> None:
    @app.websocket("/")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect as gone:
            codes.append(gone.code)

    codes: list[int] = []
    with TestClient(app).websocket_connect("/") as websocket:
        websocket.send_text("text")
        assert websocket.receive_text() == "text"
        websocket.close(status.WS_1001_GOING_AWAY)
    assert codes == [1001]
