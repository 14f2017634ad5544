"""Subclasses of `Route` put code of their own around the handling of a request."""

import gc
import gzip
import json
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Annotated, Any

import anyio
import pytest
from starlette.background import BackgroundTask

from microfw import (
    App,
    BackgroundTasks,
    Depends,
    Form,
    HTTPException,
    Request,
    RequestValidationError,
    Response,
    Route,
    Router,
)
from microfw.dependencies import DependencyScope
from microfw.exceptions import CustomHandlerError, SwallowedExceptionError
from microfw.responses import JSONResponse, PlainTextResponse, StreamingResponse
from tests.lifecycle.programs import Log, Oops, both, lines, opening, request

Handle = Callable[[Request], Coroutine[Any, Any, Response]]
Custom = Callable[[Request, Handle], Coroutine[Any, Any, Any]]


def routes_with(custom: Custom) -> type[Route]:
    """Make a class of routes whose handler is `custom(request, handle)`."""

    class CustomRoute(Route):
        def get_route_handler(self) -> Handle:
            handle = super().get_route_handler()

            async def handle_custom(request: Request) -> Response:
                response: Response = await custom(request, handle)
                return response

            return handle_custom

    return CustomRoute


def app_with(custom: Custom, **options: Any) -> App:
    app = App(**options)
    app.router.route_class = routes_with(custom)
    return app


async def marked(request: Request, handle: Handle) -> Response:
    response = await handle(request)
    response.headers["x-marked"] = response.headers.get("x-marked", "") + "yes"
    return response


# ---------------------------------------------------------------------- the response


@both
async def test_custom_code_changes_the_response_before_it_is_sent(is_async: bool) -> None:
    app = app_with(marked)

    async def endpoint_async() -> dict[str, str]:
        return {"made": "here"}

    def endpoint_sync() -> dict[str, str]:
        return {"made": "here"}

    app.get("/", status_code=201)(endpoint_async if is_async else endpoint_sync)

    answer = await request(app)

    assert (answer.status, answer.body) == (201, b'{"made":"here"}')
    assert answer.headers == [
        ("content-length", "15"),
        ("content-type", "application/json"),
        ("x-marked", "yes"),
    ]


async def test_custom_code_sees_what_dependencies_have_set() -> None:
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        response = await handle(request)
        log(f"{response.status_code} {response.headers['x-set']}")
        return response

    async def prepare(response: Response) -> AsyncIterator[None]:
        yield
        response.status_code = 202
        response.headers["x-set"] = "in exit code"

    app = app_with(custom, dependencies=[Depends(prepare)])

    @app.get("/")
    async def endpoint() -> str:
        return ""

    answer = await request(app)

    assert log == ["202 in exit code"]
    assert (answer.status, answer.headers.count(("x-set", "in exit code"))) == (202, 1)


async def test_a_response_that_the_endpoint_keeps_is_not_changed() -> None:
    kept = PlainTextResponse("kept")
    app = app_with(marked)

    @app.get("/")
    async def endpoint() -> Response:
        return kept

    answers = [await request(app) for _ in range(2)]

    assert [dict(answer.headers)["x-marked"] for answer in answers] == ["yes", "yes"]
    assert "x-marked" not in kept.headers


async def test_custom_code_answers_with_a_response_of_its_own() -> None:
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        response = await handle(request)
        return JSONResponse({"inside": json.loads(bytes(response.body))}, 203)

    app = app_with(custom)

    @app.get("/")
    async def endpoint(
        tasks: BackgroundTasks, opened: Annotated[str, Depends(opening(log, "it", is_async=True))]
    ) -> int:
        tasks.add_task(log, "task")
        return 1

    answer = await request(app, log=log)

    assert (answer.status, answer.body) == (203, b'{"inside":1}')
    assert log == lines("it opens, it exits, sends 203, task")


async def test_custom_code_answers_without_the_route() -> None:
    async def custom(request: Request, handle: Handle) -> Response:
        return PlainTextResponse("cached")

    log = Log()
    app = app_with(custom, dependencies=[Depends(opening(log, "it", is_async=True))])

    @app.get("/")
    async def endpoint() -> int:
        raise AssertionError

    answer = await request(app, log=log)

    assert (answer.status, answer.body, log) == (200, b"cached", ["sends 200"])


# ---------------------------------------------------------------------- the lifecycle


@both
async def test_scopes_end_before_and_after_the_response_is_sent(is_async: bool) -> None:
    """S1"""
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        log("before")
        response = await handle(request)
        log("after")
        await anyio.lowlevel.checkpoint()
        return response

    app = app_with(custom)

    @app.get("/")
    async def endpoint(
        wide: Annotated[str, Depends(opening(log, "wide", is_async=is_async), scope="request")],
        narrow: Annotated[str, Depends(opening(log, "narrow", is_async=is_async))],
        tasks: BackgroundTasks,
    ) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield f"row of {wide}"

        tasks.add_task(log, "task")
        return StreamingResponse(rows())

    await request(app, log=log)

    assert log == lines(
        "before, wide opens, narrow opens, narrow exits, after, sends 200, sends row of wide, ends,"
        " task, wide exits"
    )


@both
async def test_what_custom_code_raises_is_seen_by_what_is_open_and_answered(is_async: bool) -> None:
    """E2, E6"""
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        await handle(request)
        raise HTTPException(418, "no")

    app = app_with(custom)

    @app.get("/")
    async def endpoint(
        wide: Annotated[str, Depends(opening(log, "wide", is_async=is_async), scope="request")],
        narrow: Annotated[str, Depends(opening(log, "narrow", is_async=is_async))],
        tasks: BackgroundTasks,
    ) -> None:
        tasks.add_task(log, "task of a response that is dropped")

    answer = await request(app, log=log)

    assert (answer.status, answer.body) == (418, b'{"detail":"no"}')
    assert log == lines(
        "wide opens, narrow opens, narrow exits, wide sees HTTPException(418), sends 418"
    )


async def test_the_response_stands_where_a_dependency_swallows_what_custom_code_raises() -> None:
    """E3"""

    async def custom(request: Request, handle: Handle) -> Response:
        await handle(request)
        raise Oops

    async def swallow() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            pass

    app = app_with(custom)

    @app.get("/", dependencies=[Depends(swallow, scope="request")])
    async def endpoint() -> str:
        return "built"

    answer = await request(app)

    assert (answer.status, answer.body) == (200, b'"built"')


@pytest.mark.parametrize("scope", ["function", "request"])
@both
async def test_custom_code_catches_what_comes_out_of_the_dependencies(
    is_async: bool, scope: DependencyScope
) -> None:
    """E2"""
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        try:
            return await handle(request)
        except Oops as error:
            return PlainTextResponse(f"caught {error}", 502)

    app = app_with(custom)

    @app.get("/", dependencies=[Depends(opening(log, "it", is_async=is_async), scope=scope)])
    def endpoint() -> None:
        raise Oops("inside")

    answer = await request(app, log=log)

    assert (answer.status, answer.body) == (502, b"caught inside")
    assert log == lines("it opens, it sees Oops(inside), sends 502")


async def test_custom_code_tries_again_after_an_exception() -> None:
    log = Log()
    attempts: list[int] = []

    async def custom(request: Request, handle: Handle) -> Response:
        while True:
            try:
                return await handle(request)
            except Oops as error:
                log(f"again after {error}")

    async def prepare(response: Response, tasks: BackgroundTasks) -> None:
        response.headers.append("x-attempt", str(len(attempts)))
        tasks.add_task(log, f"task {len(attempts)}")

    app = app_with(custom)

    @app.post("/", dependencies=[Depends(prepare), Depends(opening(log, "it", is_async=False))])
    async def endpoint(number: Annotated[int, Form()]) -> int:
        attempts.append(number)
        if len(attempts) < 3:
            raise Oops(str(len(attempts)))
        return number

    answer = await request(
        app,
        method="POST",
        body=b"number=7",
        headers={"content-type": "application/x-www-form-urlencoded"},
        log=log,
    )

    assert (answer.body, attempts) == (b"7", [7, 7, 7])
    assert [value for name, value in answer.headers if name == "x-attempt"] == ["2"]
    assert log == lines(
        "it opens, it sees Oops(1), again after 1, it opens, it sees Oops(2), again after 2,"
        " it opens, it exits, sends 200, task 2"
    )


@pytest.mark.parametrize("streams", [False, True])
@both
async def test_custom_code_tries_again_after_a_success(is_async: bool, streams: bool) -> None:
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        first = await handle(request)
        log(f"again after {first.status_code}")
        return await handle(request)

    app = app_with(custom)
    wide = Depends(opening(log, "wide", is_async=is_async), scope="request")
    narrow = Depends(opening(log, "narrow", is_async=is_async))

    async def endpoint(tasks: BackgroundTasks) -> int:
        tasks.add_task(log, "task")
        return 1

    async def stream(tasks: BackgroundTasks) -> AsyncIterator[int]:
        tasks.add_task(log, "task")
        yield 1

    app.get("/", dependencies=[wide, narrow])(stream if streams else endpoint)

    answer = await request(app, log=log)

    assert answer.body.strip() == b"1"
    if streams:
        assert log == lines(
            "wide opens, narrow opens, again after 200, narrow exits, wide exits,"
            " wide opens, narrow opens, sends 200, sends 1, ends, narrow exits, task, wide exits"
        )
    else:
        assert log == lines(
            "wide opens, narrow opens, narrow exits, again after 200, wide exits,"
            " wide opens, narrow opens, narrow exits, sends 200, task, wide exits"
        )


async def test_a_swallowed_exception_is_told_to_custom_code() -> None:
    """E5"""
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        try:
            return await handle(request)
        except SwallowedExceptionError as error:
            return PlainTextResponse(repr(error.__cause__), 500)

    async def swallow() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            pass

    app = app_with(custom, dependencies=[Depends(swallow)])

    @app.get("/")
    async def endpoint() -> None:
        raise Oops("gone")

    answer = await request(app, log=log)

    assert (answer.status, answer.body) == (500, b"Oops('gone')")


async def test_the_response_stands_where_a_wide_dependency_swallows_an_error_of_exit_code() -> None:
    """E3"""

    async def swallow() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            pass

    async def fail() -> AsyncIterator[None]:
        yield
        raise Oops

    app = app_with(marked)

    @app.get("/", dependencies=[Depends(swallow, scope="request"), Depends(fail)])
    async def endpoint() -> str:
        return "built"

    answer = await request(app)

    assert (answer.body, dict(answer.headers)["x-marked"]) == (b'"built"', "yes")


async def test_a_cancellation_of_custom_code_is_seen_by_what_is_open() -> None:
    """C1"""
    log = Log()
    waiting = anyio.Event()

    async def custom(request: Request, handle: Handle) -> Response:
        response = await handle(request)
        waiting.set()
        await anyio.sleep_forever()
        return response

    async def open_it() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            log("cancelled" if isinstance(error, anyio.get_cancelled_exc_class()) else repr(error))
            await anyio.lowlevel.checkpoint()
            log("exits")
            raise

    app = app_with(custom)

    @app.get("/", dependencies=[Depends(open_it, scope="request")])
    async def endpoint() -> None: ...

    async with anyio.create_task_group() as group:
        group.start_soon(request, app)
        with anyio.fail_after(5):
            await waiting.wait()
        group.cancel_scope.cancel()

    assert log == lines("cancelled, exits")


@both
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_custom_code_limits_the_time_that_a_route_takes(
    is_async: bool, scope: DependencyScope
) -> None:
    """C1"""
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        limit = float(request.query_params["limit"])
        try:
            with anyio.fail_after(limit):
                return await handle(request)
        except TimeoutError:
            log("too late")
            return PlainTextResponse("", 504)

    async def open_it() -> AsyncIterator[None]:
        log("opens")
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()
            log("exits")

    app = app_with(custom)
    wide = Depends(open_it, scope=scope)
    beside = Depends(opening(Log(), "beside", is_async=is_async), scope=scope)

    @app.get("/", dependencies=[wide, beside])
    async def endpoint(seconds: float) -> None:
        await anyio.sleep(seconds)

    await request(app, query="limit=5&seconds=0", log=log)
    await request(app, query="limit=0.01&seconds=5", log=log)

    in_time = "opens, exits, sends 200" if scope == "function" else "opens, sends 200, exits"
    assert log == lines(f"{in_time}, opens, exits, too late, sends 504")


async def test_a_route_that_is_given_up_at_once_exits() -> None:
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        with anyio.CancelScope() as limit:
            limit.cancel()
            return await handle(request)
        return PlainTextResponse("", 504)

    async def open_it() -> AsyncIterator[None]:
        log("opens")
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()
            log("exits")

    app = app_with(custom)

    @app.get("/", dependencies=[Depends(open_it, scope="request")])
    async def endpoint() -> None:
        await anyio.sleep_forever()

    await request(app, log=log)

    assert log == ["opens", "exits", "sends 504"]


async def test_a_time_limit_of_custom_code_does_not_hold_for_a_stream() -> None:
    limit = anyio.CancelScope()

    async def custom(request: Request, handle: Handle) -> Response:
        with limit:
            return await handle(request)
        raise TimeoutError

    async def open_it() -> AsyncIterator[None]:
        yield
        await anyio.lowlevel.checkpoint()

    app = app_with(custom)

    @app.get("/", dependencies=[Depends(open_it)])
    async def stream() -> AsyncIterator[int]:
        limit.cancel()  # as when its time has run out
        await anyio.lowlevel.checkpoint()
        yield 1

    assert (await request(app)).body == b"1\n"


async def test_what_exit_code_raises_after_the_response_goes_to_the_server() -> None:
    """E7"""
    log = Log()

    async def fail() -> AsyncIterator[None]:
        yield
        raise Oops("late")

    app = app_with(marked)

    @app.get("/", dependencies=[Depends(fail, scope="request")])
    async def endpoint() -> None: ...

    answer = await request(app, log=log)

    assert (answer.status, log, repr(answer.raised)) == (200, ["sends 200"], "Oops('late')")


@both
async def test_a_stream_begins_when_custom_code_has_ended(is_async: bool) -> None:
    """S6"""
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        response = await marked(request, handle)
        log("custom code ends")
        return response

    app = app_with(custom)
    narrow = Depends(opening(log, "narrow", is_async=is_async))

    async def stream_async(narrow: Annotated[str, narrow]) -> AsyncIterator[int]:
        log("stream begins")
        yield 1
        yield 2

    def stream_sync(narrow: Annotated[str, narrow]) -> Iterator[int]:
        log("stream begins")
        yield 1
        yield 2

    app.get("/")(stream_async if is_async else stream_sync)

    answer = await request(app, log=log)

    assert dict(answer.headers) == {"content-type": "application/jsonl", "x-marked": "yes"}
    assert log == lines(
        "narrow opens, custom code ends, stream begins, sends 200, sends 1, sends 2, ends, narrow exits"
    )


async def test_a_stream_never_begins_where_custom_code_answers_otherwise() -> None:
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        await handle(request)
        return PlainTextResponse("other")

    app = app_with(custom, dependencies=[Depends(opening(log, "narrow", is_async=True))])

    @app.get("/")
    async def stream() -> AsyncIterator[int]:
        log("stream begins")
        yield 1

    answer = await request(app, log=log)

    assert answer.body == b"other"
    assert log == lines("narrow opens, narrow exits, sends 200")


async def test_custom_code_adds_to_the_background_tasks() -> None:
    """B2"""
    log = Log()

    async def custom(request: Request, handle: Handle) -> Response:
        response = await handle(request)
        tasks = response.background
        if isinstance(tasks, BackgroundTasks):
            tasks.add_task(log, "added")
        else:
            response.background = BackgroundTask(log, "only one")
        return response

    app = app_with(custom)

    @app.get("/with")
    async def with_tasks(tasks: BackgroundTasks) -> None:
        tasks.add_task(log, "first")

    @app.get("/own")
    async def with_own(tasks: BackgroundTasks) -> Response:
        own = BackgroundTasks()
        own.add_task(log, "own")
        tasks.add_task(log, "listed")
        return PlainTextResponse("", background=own)

    @app.get("/without")
    async def without_tasks() -> None: ...

    for path in ("/with", "/own", "/without"):
        await request(app, path, log=log)

    assert log == lines(
        "sends 200, first, added, sends 200, own, added, listed, sends 200, only one"
    )


# ---------------------------------------------------------------------- the request


class GzipRequest(Request):
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            body = await super().body()
            if "gzip" in self.headers.getlist("content-encoding"):
                body = gzip.decompress(body)
            self._body = body
        return self._body


async def unzipped(request: Request, handle: Handle) -> Response:
    return await handle(GzipRequest(request.scope, request.receive))


@both
async def test_a_request_of_another_class_reads_the_body(is_async: bool) -> None:
    app = app_with(unzipped)

    async def add_async(numbers: list[int], request: Request) -> list[Any]:
        return [sum(numbers), type(request).__name__]

    def add_sync(numbers: list[int], request: Request) -> list[Any]:
        return [sum(numbers), type(request).__name__]

    app.post("/")(add_async if is_async else add_sync)
    body = json.dumps([1] * 1000).encode()

    plain = await request(app, method="POST", body=body)
    zipped = await request(
        app, method="POST", body=gzip.compress(body), headers={"content-encoding": "gzip"}
    )

    assert (plain.body, zipped.body) == (b'[1000,"GzipRequest"]', b'[1000,"GzipRequest"]')


async def test_a_request_of_another_class_is_held_to_the_limit() -> None:
    app = app_with(unzipped, max_body_size=100)

    @app.post("/")
    async def echo(body: list[int]) -> list[int]:
        return body

    answer = await request(app, "/", "POST", body=b"[1" + b",1" * 50 + b"]")

    assert (answer.status, answer.body) == (413, b'{"detail":"Content Too Large"}')


async def test_custom_code_reads_the_body_of_an_invalid_request() -> None:
    async def custom(request: Request, handle: Handle) -> Response:
        try:
            return await handle(request)
        except RequestValidationError as error:
            body = (await request.body()).decode()
            raise HTTPException(422, {"errors": error.errors(), "body": body}) from error

    app = app_with(custom)

    @app.post("/")
    async def add(numbers: list[int]) -> int:
        return sum(numbers)

    valid = await request(app, method="POST", body=b"[1,2]")
    invalid = await request(app, method="POST", body=b'[1,"x"]')

    assert valid.body == b"3"
    assert (invalid.status, json.loads(invalid.body)) == (
        422,
        {
            "detail": {
                "errors": [
                    {
                        "type": "int_parsing",
                        "loc": ["body", 1],
                        "msg": "Input should be a valid integer, unable to parse string as an integer",
                        "input": "x",
                    }
                ],
                "body": '[1,"x"]',
            }
        },
    )


# ---------------------------------------------------------------------- where routes come from


async def test_a_router_makes_routes_of_its_class(app: App) -> None:
    router = Router(prefix="/in", route_class=routes_with(marked))

    @app.get("/out")
    async def outside() -> None: ...

    @router.get("/default")
    async def of_the_routers_class() -> None: ...

    router.route_class = Route

    @router.get("/other")
    async def of_another_class() -> None: ...

    app.include_router(router, prefix="/v1")

    answers = {p: await request(app, p) for p in ("/out", "/v1/in/default", "/v1/in/other")}

    assert {path: "x-marked" in dict(answer.headers) for path, answer in answers.items()} == {
        "/out": False,
        "/v1/in/default": True,
        "/v1/in/other": False,
    }


async def test_a_route_can_be_made_by_hand() -> None:
    async def endpoint() -> None: ...

    app = App(routes=[routes_with(marked)("/", endpoint)])

    assert dict((await request(app)).headers)["x-marked"] == "yes"


async def test_one_class_goes_around_another(app: App) -> None:
    outer = routes_with(marked)

    class Both(outer):  # type: ignore[valid-type, misc]
        def get_route_handler(self) -> Handle:
            handle: Handle = super().get_route_handler()

            async def handle_both(request: Request) -> Response:
                return await marked(request, handle)

            return handle_both

    app.router.route_class = Both

    @app.get("/")
    async def endpoint() -> None: ...

    assert dict((await request(app)).headers)["x-marked"] == "yesyes"


async def test_dependencies_are_overridden_and_scope_app_is_open() -> None:
    async def settings() -> AsyncIterator[str]:
        yield "settings"

    def name() -> str:
        raise AssertionError

    app = app_with(marked)

    @app.get("/")
    async def endpoint(
        settings: Annotated[str, Depends(settings, scope="app")],
        name: Annotated[str, Depends(name)],
    ) -> list[str]:
        return [settings, name]

    with app.override({name: lambda: "other"}):
        async with app.router.lifespan_context(app):
            answer = await request(app)

    assert answer.body == b'["settings","other"]'


def test_a_route_with_custom_code_is_explained_as_any_other() -> None:
    def explained(app: App) -> str:
        @app.get("/")
        async def endpoint() -> None: ...

        return app.explain("/")

    assert explained(app_with(marked)) == explained(App())


# ---------------------------------------------------------------------- mistakes


async def test_custom_code_has_to_return_a_response() -> None:
    log = Log()

    async def custom(request: Request, handle: Handle) -> Any:
        await handle(request)

    app = app_with(custom)

    @app.get("/", dependencies=[Depends(opening(log, "wide", is_async=True), scope="request")])
    async def endpoint() -> None: ...

    answer = await request(app)

    place = f"{__file__}:{routes_with.__code__.co_firstlineno + 7}"
    told = (
        f"routes_with.<locals>.CustomRoute.get_route_handler.<locals>.handle_custom ({place})"
        " returned None, and no response"
    )
    assert (answer.status, str(answer.raised)) == (500, told)
    assert isinstance(answer.raised, CustomHandlerError)
    assert log == ["wide opens", f"wide sees CustomHandlerError({told})"]


async def test_the_handler_works_within_custom_code_alone() -> None:
    async def endpoint() -> None: ...

    handle = Route("/", endpoint).get_route_handler()

    with pytest.raises(CustomHandlerError) as caught:
        await handle(Request({"type": "http"}))
    assert str(caught.value) == "a route's handler was called outside of its custom handler"


# ---------------------------------------------------------------------- leaks


@pytest.mark.parametrize("fails", ["", "endpoint", "custom code"])
async def test_nothing_of_a_request_is_kept_alive(fails: str) -> None:
    """E8"""
    references: list[weakref.ref[Any]] = []

    async def custom(request: Request, handle: Handle) -> Response:
        references.append(weakref.ref(request))
        response = await handle(request)
        references.append(weakref.ref(response))
        if fails == "custom code":
            raise HTTPException(400)
        return response

    async def open_it() -> AsyncIterator[None]:
        yield

    app = app_with(custom)

    @app.get("/", dependencies=[Depends(open_it, scope="request")])
    async def endpoint() -> int:
        if fails == "endpoint":
            raise HTTPException(400)
        return 1

    await request(app)
    gc.disable()
    try:
        references.clear()
        answer = await request(app)
        assert answer.status == (400 if fails else 200)
        assert [reference() for reference in references] == [None] * len(references)
    finally:
        gc.enable()
