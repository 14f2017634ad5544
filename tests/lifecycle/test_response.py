"""B1: the injected response, and what of it reaches the client."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from microfw import App, BackgroundTask, Depends, HTTPException, Request, Response
from microfw.responses import StreamingResponse
from tests.lifecycle.programs import Answer, Oops, both, request


def marking(*, is_async: bool) -> Callable[..., Any]:
    """Make a dependency that adds a header and a cookie in setup and in exit code."""

    async def mark_async(response: Response) -> AsyncIterator[None]:
        response.headers["x-setup"] = "setup"
        response.set_cookie("setup", "1")
        yield
        response.headers["x-exit"] = "exit"
        response.set_cookie("exit", "2")

    def mark_sync(response: Response) -> Iterator[None]:
        response.headers["x-setup"] = "setup"
        response.set_cookie("setup", "1")
        yield
        response.headers["x-exit"] = "exit"
        response.set_cookie("exit", "2")

    return mark_async if is_async else mark_sync


def marks(answer: Answer) -> list[str]:
    """What `marking` and endpoints have added, as it was sent."""
    return [
        f"{name}: {value.partition(';')[0]}"
        for name, value in answer.headers
        if name.startswith("x-") or name == "set-cookie"
    ]


MARKS = ["x-setup: setup", "set-cookie: setup=1", "x-exit: exit", "set-cookie: exit=2"]


@both
@pytest.mark.parametrize("endpoint_is_async", [True, False], ids=["async", "sync"])
async def test_headers_and_cookies_of_setup_endpoint_and_exit_are_sent(
    is_async: bool, endpoint_is_async: bool
) -> None:
    """B1"""
    app = App(dependencies=[Depends(marking(is_async=is_async))])

    async def endpoint_async(response: Response) -> str:
        response.headers["x-endpoint"] = "endpoint"
        return "done"

    def endpoint_sync(response: Response) -> str:
        response.headers["x-endpoint"] = "endpoint"
        return "done"

    app.get("/")(endpoint_async if endpoint_is_async else endpoint_sync)

    answer = await request(app)

    assert answer.json() == "done"
    assert answer.headers == [
        ("content-length", "6"),
        ("content-type", "application/json"),
        ("x-setup", "setup"),
        ("set-cookie", "setup=1; Path=/; SameSite=lax"),
        ("x-endpoint", "endpoint"),
        ("x-exit", "exit"),
        ("set-cookie", "exit=2; Path=/; SameSite=lax"),
    ]


@both
@pytest.mark.parametrize("where", ["setup", "endpoint", "exit"])
async def test_the_status_that_was_set_last_is_sent(where: str, is_async: bool) -> None:
    """B1"""

    async def dependency_async(response: Response) -> AsyncIterator[None]:
        response.status_code = 201
        yield
        if where == "exit":
            response.status_code = 203

    def dependency_sync(response: Response) -> Iterator[None]:
        response.status_code = 201
        yield
        if where == "exit":
            response.status_code = 203

    app = App(dependencies=[Depends(dependency_async if is_async else dependency_sync)])

    @app.get("/", status_code=207)
    def endpoint(response: Response) -> str:
        if where != "setup":
            response.status_code = 202
        return "done"

    answer = await request(app)

    assert answer.status == {"setup": 201, "endpoint": 202, "exit": 203}[where]
    assert answer.json() == "done"


async def test_the_routes_status_is_sent_where_none_is_set() -> None:
    """B1"""
    app = App(dependencies=[Depends(marking(is_async=True))])

    @app.post("/", status_code=201)
    async def endpoint() -> str:
        return "done"

    answer = await request(app, method="POST")

    assert (answer.status, marks(answer)) == (201, MARKS)


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_status_without_content_drops_the_body(status: int) -> None:
    """B1, RFC 9110 section 6.4.1"""
    app = App(dependencies=[Depends(marking(is_async=True))])

    @app.get("/")
    async def endpoint(response: Response) -> str:
        response.status_code = status
        return "done"

    answer = await request(app)

    assert (answer.status, answer.body) == (status, b"")
    assert answer.header("content-length") == answer.header("content-type") == []
    assert marks(answer) == MARKS


@both
async def test_a_header_that_a_built_response_has_is_replaced(is_async: bool) -> None:
    """B1"""

    async def dependency_async(response: Response) -> AsyncIterator[None]:
        yield
        response.headers["content-type"] = "application/problem+json"

    def dependency_sync(response: Response) -> Iterator[None]:
        yield
        response.headers["content-type"] = "application/problem+json"

    app = App(dependencies=[Depends(dependency_async if is_async else dependency_sync)])

    @app.get("/")
    async def endpoint() -> str:
        return "done"

    answer = await request(app)

    assert answer.header("content-type") == ["application/problem+json"]


@both
async def test_a_returned_response_keeps_its_status_and_headers_and_gets_the_others(
    is_async: bool,
) -> None:
    """B1"""
    app = App(dependencies=[Depends(marking(is_async=is_async))])

    @app.get("/", status_code=207)
    def endpoint(response: Response) -> Response:
        response.status_code = 203
        response.headers["x-own"] = "injected"
        response.headers["content-type"] = "text/injected"
        own = PlainTextResponse("own", status_code=202, headers={"x-own": "own"})
        own.set_cookie("own", "0")
        return own

    answer = await request(app)

    assert (answer.status, answer.body) == (202, b"own")
    assert answer.header("content-type") == ["text/plain; charset=utf-8"]
    assert marks(answer) == ["x-own: own", "set-cookie: own=0", *MARKS]


@both
async def test_a_streaming_response_gets_what_exit_code_has_set(is_async: bool) -> None:
    """B1"""
    app = App(dependencies=[Depends(marking(is_async=is_async))])

    async def items() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        return StreamingResponse(items())

    answer = await request(app)

    assert (answer.status, answer.body, marks(answer)) == (200, b"ab", MARKS)


@both
async def test_what_a_generator_streams_has_what_was_set_before_it(is_async: bool) -> None:
    """B1, S6: exit code comes too late, the response has started."""
    app = App(dependencies=[Depends(marking(is_async=is_async))])

    async def endpoint_async(response: Response) -> AsyncIterator[int]:
        response.headers["x-endpoint"] = "endpoint"
        response.status_code = 203
        yield 1

    def endpoint_sync(response: Response) -> Iterator[int]:
        response.headers["x-endpoint"] = "endpoint"
        response.status_code = 203
        yield 1

    app.get("/")(endpoint_async if is_async else endpoint_sync)

    answer = await request(app)

    assert (answer.status, answer.body) == (203, b"1\n")
    assert marks(answer) == ["x-setup: setup", "set-cookie: setup=1", "x-endpoint: endpoint"]


@both
@pytest.mark.parametrize("fails", ["endpoint", "exit"])
@pytest.mark.parametrize("error", [HTTPException(404), Oops("x")], ids=["HTTPException", "error"])
async def test_it_is_dropped_when_an_exception_decides_the_response(
    error: Exception, fails: str, is_async: bool
) -> None:
    """B1"""

    def outer(response: Response) -> Iterator[None]:
        response.headers["x-outer"] = "1"
        yield
        if fails == "exit":
            raise error

    app = App(dependencies=[Depends(outer), Depends(marking(is_async=is_async))])

    @app.exception_handler(Oops)
    async def tell(request: Request, error: Oops) -> JSONResponse:
        return JSONResponse("sorry", 418, headers={"x-handler": "1"})

    @app.get("/")
    async def endpoint(response: Response) -> None:
        response.status_code = 201
        if fails == "endpoint":
            raise error

    answer = await request(app)

    if isinstance(error, Oops):
        assert (answer.status, marks(answer)) == (418, ["x-handler: 1"])
    else:
        assert (answer.status, marks(answer)) == (404, [])


@both
async def test_a_response_that_requests_share_is_left_as_it_is(is_async: bool) -> None:
    """B1"""
    runs: list[str] = []
    shared = PlainTextResponse("shared", background=BackgroundTask(runs.append, "own"))
    before = (list(shared.raw_headers), shared.status_code, shared.background)
    app = App(dependencies=[Depends(marking(is_async=is_async))])

    async def endpoint_async() -> Response:
        return shared

    def endpoint_sync() -> Response:
        return shared

    app.get("/")(endpoint_async if is_async else endpoint_sync)

    first, second = await request(app), await request(app)

    assert marks(first) == marks(second) == MARKS
    assert first.body == second.body == b"shared"
    assert (list(shared.raw_headers), shared.status_code, shared.background) == before
    assert runs == ["own", "own"]


async def test_a_response_that_a_handler_returns_is_left_as_it_is_too() -> None:
    """B1, E6"""
    shared = PlainTextResponse("sorry", 409)
    before = list(shared.raw_headers)
    app = App(dependencies=[Depends(marking(is_async=True))])

    @app.exception_handler(Oops)
    def tell(request: Request, error: Oops) -> Response:
        return shared

    @app.get("/")
    async def endpoint() -> None:
        raise Oops("x")

    assert [(await request(app)).headers for _ in range(2)] == [
        [(name.decode(), value.decode()) for name, value in before]
    ] * 2
    assert shared.raw_headers == before


async def test_it_is_one_object_for_all_steps_and_another_for_each_request() -> None:
    """B1"""
    seen: list[Response] = []

    def first(response: Response) -> None:
        seen.append(response)

    async def second(response: Response) -> AsyncIterator[None]:
        seen.append(response)
        yield

    app = App(dependencies=[Depends(first), Depends(second)])

    @app.get("/")
    async def endpoint(response: Response) -> None:
        seen.append(response)

    await request(app)
    await request(app)

    assert [seen.index(response) for response in seen] == [0, 0, 0, 3, 3, 3]


@both
async def test_request_scope_exit_code_comes_too_late(is_async: bool) -> None:
    """B1: only function-scope exit code runs before the response is sent."""
    dependency = marking(is_async=is_async)
    app = App(dependencies=[Depends(dependency, scope="request")])

    @app.get("/")
    async def endpoint() -> str:
        return "done"

    assert marks(await request(app)) == ["x-setup: setup", "set-cookie: setup=1"]


async def test_a_header_set_twice_is_sent_once_and_cookies_are_sent_each(app: App) -> None:
    """B1"""

    def first(response: Response) -> None:
        response.headers["x-page"] = "1"
        response.set_cookie("a", "1")

    def second(response: Response) -> None:
        response.headers["x-page"] = "2"
        response.set_cookie("a", "2")

    @app.get("/")
    async def endpoint(
        a: Annotated[None, Depends(first)], b: Annotated[None, Depends(second)]
    ) -> Any:
        return "done"

    assert marks(await request(app)) == ["x-page: 2", "set-cookie: a=1", "set-cookie: a=2"]


async def test_a_cookie_of_the_response_class_is_kept_beside_the_others() -> None:
    """B1"""

    class Tracked(JSONResponse):
        def __init__(self, content: Any) -> None:
            super().__init__(content)
            self.set_cookie("tracked", "0")

    app = App(dependencies=[Depends(marking(is_async=True))])

    @app.get("/", response_class=Tracked)
    async def endpoint() -> str:
        return "done"

    assert marks(await request(app)) == ["set-cookie: tracked=0", *MARKS]
