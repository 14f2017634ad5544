"""B6 and B7: what is kept where an exception decides the response."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Annotated, Any

import pytest
from anyio.lowlevel import checkpoint

from microfw import (
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    Request,
    Response,
    Route,
    Router,
    WebSocket,
)
from microfw.exceptions import UnfillableParameterError
from microfw.responses import FinalHeaders, JSONResponse
from tests.lifecycle.programs import Log, Oops, lines, request
from tests.lifecycle.test_outcome import Left, leave
from tests.lifecycle.test_websockets import converse

# ---------------------------------------------------------------------- B6


def adding(log: Log, tasks: BackgroundTasks, where: str) -> None:
    tasks.add_task(log, f"task of {where}")
    tasks.always.add_task(log, f"task of {where} for always")


def application(log: Log) -> App:
    async def open_and_add(tasks: BackgroundTasks) -> AsyncIterator[None]:
        adding(log, tasks, "setup")
        try:
            yield
        finally:
            adding(log, tasks, "exit")

    return App(dependencies=[Depends(open_and_add)])


ALWAYS = [f"task of {where} for always" for where in ("setup", "endpoint", "exit")]
ALL = [line for each in ALWAYS for line in (each.removesuffix(" for always"), each)]


@pytest.mark.parametrize(
    ("error", "status"), [(HTTPException(409), 409), (Oops("x"), 500), (None, 200)]
)
async def test_a_task_for_always_runs_after_an_exception(
    log: Log, error: Exception | None, status: int
) -> None:
    """B6"""
    app = application(log)

    @app.get("/")
    def read(tasks: BackgroundTasks) -> None:
        adding(log, tasks, "endpoint")
        if error is not None:
            raise error

    await request(app, log=log)

    sends = f"sends {status}"
    assert log == {200: [sends, *ALL], 409: [sends, *ALWAYS], 500: [*ALWAYS, sends]}[status]


async def test_it_runs_once_when_handlers_fail_or_answer_twice(log: Log) -> None:
    """B6, E6"""
    app = application(log)

    @app.get("/")
    def read(tasks: BackgroundTasks, kind: int) -> None:
        adding(log, tasks, "endpoint")
        raise (Oops if kind else ValueError)("endpoint")

    @app.exception_handler(Oops)
    def replace(request: Request, error: Exception) -> Response:
        raise HTTPException(404)

    @app.exception_handler(ValueError)
    def fail(request: Request, error: Exception) -> Response:
        raise ZeroDivisionError

    await request(app, query="kind=1", log=log)
    await request(app, query="kind=0", log=log)

    assert log == ["sends 404", *ALWAYS, *ALWAYS, "sends 500"]


async def test_it_runs_once_where_the_response_was_sent_before_the_exception(log: Log) -> None:
    """B6, E7"""
    app = application(log)

    async def fail() -> AsyncIterator[None]:
        yield
        raise Oops("late")

    @app.get("/", dependencies=[Depends(fail, scope="request")])
    def read(tasks: BackgroundTasks) -> None:
        adding(log, tasks, "endpoint")

    await request(app, log=log)

    assert log == ["sends 200", *ALL]


async def test_it_runs_after_a_stream_that_fails_or_whose_client_leaves(log: Log) -> None:
    """B6, S6"""
    app = application(log)

    @app.get("/failing")
    async def stream_and_fail() -> AsyncIterator[int]:
        yield 1
        raise Oops("stream")

    @app.get("/")
    async def stream() -> AsyncIterator[int]:
        for number in range(100):
            yield number
            await checkpoint()

    await request(app, "/failing")
    await leave(app, Left(3))

    of_dependency = [ALWAYS[0], ALWAYS[2]]
    assert log == of_dependency * 2


async def test_a_failing_task_for_always_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """B4, B6"""
    log = Log()
    app = App()

    def fail() -> None:
        raise Oops("task")

    def work(it: Annotated[str, Depends(lambda: "value")]) -> None:
        log(f"works with {it}")

    @app.get("/")
    def read(tasks: BackgroundTasks) -> None:
        tasks.always.add_task(fail)
        tasks.always.add_task(work)
        raise HTTPException(404)

    with caplog.at_level(logging.ERROR):
        answer = await request(app)

    assert answer.status == 404
    assert isinstance(answer.raised, Oops)
    assert log == ["works with value"]
    assert [record.message for record in caplog.records] == ["background task fail failed"]


@pytest.mark.parametrize("is_answered", [False, True])
async def test_the_error_of_a_task_is_not_chained_to_that_which_decided_the_response(
    app: App, is_answered: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """B4, B6"""

    def fail() -> None:
        raise Oops("sync")

    async def fail_twice() -> None:
        await checkpoint()
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            raise Oops("async")

    @app.get("/")
    def read(tasks: BackgroundTasks) -> None:
        tasks.always.add_task(fail)
        tasks.always.add_task(fail_twice)
        raise HTTPException(404) if is_answered else KeyError

    await request(app)

    chains: list[list[str]] = []
    for record in caplog.records:
        link = record.exc_info and record.exc_info[1]
        chains.append([])
        while link:
            chains[-1].append(type(link).__name__)
            link = link.__context__
    assert chains == [["Oops"], ["Oops", "ZeroDivisionError"]]


async def test_in_a_websocket_and_in_a_call_it_runs_too(log: Log) -> None:
    """B6, W1"""
    app = application(log)

    @app.websocket("/")
    async def talk(websocket: WebSocket, tasks: BackgroundTasks, kind: str) -> None:
        adding(log, tasks, "endpoint")
        if kind == "refused":
            raise HTTPException(403)
        await websocket.accept()
        raise Oops("endpoint")

    def call(tasks: BackgroundTasks) -> None:
        adding(log, tasks, "endpoint")
        raise Oops("call")

    await converse(app, query="kind=refused")
    await converse(app, query="kind=fails")
    async with app.running():
        with pytest.raises(Oops):
            await app.call(call)

    assert log == [*ALWAYS, *ALWAYS, ALWAYS[1]]


# ---------------------------------------------------------------------- B7


async def test_final_headers_are_on_the_response_of_an_exception_handler() -> None:
    """B7"""

    async def count(response: Response, final: FinalHeaders) -> AsyncIterator[None]:
        response.headers["x-dropped"] = "setup"
        final.headers["x-kept"] = "setup"
        final.headers["x-own"] = "setup"
        final.set_cookie("seen", "1")
        yield
        final.headers["x-exit"] = "exit"

    router = Router(exception_handlers={Oops: lambda request, error: JSONResponse("router", 418)})

    @router.get("/")
    async def read(kind: str) -> str:
        match kind:
            case "409":
                raise HTTPException(409, headers={"x-own": "exception"})
            case "Oops":
                raise Oops("endpoint")
        return "done"

    app = App(dependencies=[Depends(count)])
    app.include_router(router)
    seen: dict[str, list[str]] = {}
    for kind in ("none", "409", "Oops", ""):
        answer = await request(app, query=f"kind={kind}" if kind else "")
        seen[f"{kind} {answer.status}"] = [
            f"{name}: {value.partition(';')[0]}"
            for name, value in answer.headers
            if name.startswith("x-") or name == "set-cookie"
        ]

    kept = ["x-kept: setup", "x-own: setup", "set-cookie: seen=1"]
    assert seen == {
        "none 200": ["x-dropped: setup", *kept, "x-exit: exit"],
        "409 409": ["x-own: exception", "x-kept: setup", "set-cookie: seen=1"],
        "Oops 418": kept,
        " 422": kept,
    }


async def test_a_response_that_was_built_is_dropped_with_all_but_the_final_headers() -> None:
    """B7, E3"""

    def fail(final: FinalHeaders) -> Iterator[None]:
        yield
        final.headers["x-final"] = "exit"
        raise HTTPException(409, headers={"x-final": "exception"})

    app = App(dependencies=[Depends(fail)])

    @app.get("/", status_code=201)
    def read(response: Response) -> str:
        response.status_code = 202
        return "done"

    answer = await request(app)

    assert answer.status == 409
    assert answer.header("x-final") == ["exception"]


async def test_a_custom_handler_starts_over_without_them(app: App) -> None:
    """B7"""

    class Retrying(Route):
        def get_route_handler(self) -> Any:
            handle = super().get_route_handler()

            async def handle_twice(request: Request) -> Response:
                await handle(request)
                return await handle(request)

            return handle_twice

    def read(final: FinalHeaders) -> str:
        final.set_cookie("seen", "1")
        return "done"

    app.router.routes.append(Retrying("/", read))

    assert len((await request(app)).header("set-cookie")) == 1


class Answering(Route):
    """Answers an `Oops` of its function, or whatever that returns, with a response of its own."""

    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            with suppress(Oops):
                await handle(request)
            return JSONResponse("own", headers={"x-own": "1"})

        return answer


class TryingAgain(Route):
    """Calls its function once more after an `Oops`."""

    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def try_again(request: Request) -> Response:
            try:
                return await handle(request)
            except Oops:
                return await handle(request)

        return try_again


async def stay_open() -> AsyncIterator[None]:
    yield


of_scope = pytest.mark.parametrize("scope", ["function", "request"])


@of_scope
@pytest.mark.parametrize("fails", [False, True])
async def test_a_custom_handler_s_own_response_has_the_final_headers(
    app: App, scope: Any, fails: bool
) -> None:
    """B7, B1: and those of a response that an exception has taken the place of are dropped."""

    def read(final: FinalHeaders, response: Response) -> str:
        final.headers["x-final"] = response.headers["x-prepared"] = "1"
        final.headers["x-own"] = "2"
        if fails:
            raise Oops
        return "done"

    open_to_the_end = Depends(stay_open, scope=scope)
    app.router.routes.append(Answering("/", read, dependencies=[open_to_the_end]))
    answer = await request(app)

    assert (answer.body, answer.status) == (b'"own"', 200)
    assert answer.header("x-final") == answer.header("x-own") == ["1"]
    assert answer.header("x-prepared") == []


@of_scope
@pytest.mark.parametrize("route", [Answering, TryingAgain])
async def test_of_an_attempt_that_fails_in_a_custom_handler_the_tasks_for_always_run(
    log: Log, app: App, scope: Any, route: type[Route]
) -> None:
    """B6, B2"""
    attempts = iter([1, 2])

    def read(tasks: BackgroundTasks) -> str:
        attempt = next(attempts)
        tasks.add_task(log, f"task {attempt}")
        tasks.always.add_task(log, f"task {attempt} for always")
        if attempt == 1:
            raise Oops
        return "done"

    open_to_the_end = Depends(stay_open, scope=scope)
    app.router.routes.append(route("/", read, dependencies=[open_to_the_end]))
    await request(app)

    second = lines("task 2, task 2 for always") if route is TryingAgain else []
    assert log == ["task 1 for always", *second]


async def test_final_headers_are_the_same_for_all_who_take_them() -> None:
    """B7"""

    def first(final: FinalHeaders) -> None:
        final.headers["x-first"] = "1"

    def second(final: FinalHeaders) -> None:
        final.headers["x-second"] = final.headers["x-first"]

    app = App(dependencies=[Depends(first), Depends(second)])
    app.get("/")(lambda: "it")

    headers = dict((await request(app)).headers)

    assert (headers["x-first"], headers["x-second"]) == ("1", "1")


def test_final_headers_have_no_status() -> None:
    with pytest.raises(AttributeError, match="who decides the response decides it"):
        FinalHeaders().status_code = 201


def test_a_websocket_has_no_final_headers(app: App) -> None:
    with pytest.raises(UnfillableParameterError, match=r"websocket\.accept"):

        @app.websocket("/")
        async def talk(websocket: WebSocket, final: FinalHeaders) -> None: ...
