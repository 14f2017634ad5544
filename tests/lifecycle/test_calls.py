"""K1: functions with dependencies, called outside of a request."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated

import anyio
import anyio.from_thread
import pytest

from microfw import App, BackgroundTasks, Depends, Header, HTTPException, Request
from microfw.exceptions import (
    AppScopeError,
    DeclarationError,
    NotCallableError,
    RequestValueError,
    SwallowedExceptionError,
)
from microfw.testclient import TestClient
from tests.lifecycle.programs import Log, Oops, lines

log = Log()


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


async def get_engine() -> AsyncIterator[str]:
    log("engine opens")
    yield "engine"
    log("engine closes")


EngineDep = Annotated[str, Depends(get_engine, scope="app")]


async def get_session(engine: EngineDep) -> AsyncIterator[str]:
    log("session opens")
    try:
        yield f"session of {engine}"
        log("commits")
    except BaseException as error:
        log(f"rolls back {type(error).__name__}")
        raise


def get_connection() -> Iterator[str]:
    log("connection opens")
    yield "connection"
    log("connection closes")


SessionDep = Annotated[str, Depends(get_session)]
ConnectionDep = Annotated[str, Depends(get_connection)]


async def nightly(day: int, session: SessionDep, connection: ConnectionDep) -> str:
    log(f"runs on {day}")
    return f"{session}, {connection}"


def nightly_sync(day: int, session: SessionDep, connection: ConnectionDep) -> str:
    log(f"runs on {day}")
    return f"{session}, {connection}"


both = pytest.mark.parametrize("function", [nightly, nightly_sync], ids=["async", "sync"])

CALLED = (
    "engine opens, session opens, connection opens, runs on 3, connection closes, commits,"
    " engine closes"
)


@both
async def test_a_call_opens_the_dependencies_and_closes_them_before_it_returns(
    app: App, function: Callable[..., Awaitable[str]]
) -> None:
    """K1"""

    async with app.running():
        result = await app.call(function, 3)
        log("returned")

    assert result == "session of engine, connection"
    assert log == lines(CALLED.replace("commits,", "commits, returned,"))


@both
def test_a_script_calls_without_an_event_loop_of_its_own(
    function: Callable[..., Awaitable[str]],
) -> None:
    """K1"""
    result = App().call_sync(function, day=3)

    assert result == "session of engine, connection"
    assert log == lines(CALLED)


async def test_scope_app_is_opened_once_for_all_calls(app: App) -> None:
    """K1"""

    async with app.running():
        await app.call(nightly, 1)
        await app.call(nightly, 2)

    assert log.count("engine opens") == log.count("engine closes") == 1
    assert log.count("session opens") == 2


async def test_a_call_fails_with_the_exception_that_the_dependencies_see(app: App) -> None:
    """K1, E2"""

    async def fail(session: SessionDep) -> None:
        raise HTTPException(404)

    async with app.running():
        with pytest.raises(HTTPException):
            await app.call(fail)

    assert log == lines("engine opens, session opens, rolls back HTTPException, engine closes")


async def test_a_call_fails_with_the_exception_of_exit_code() -> None:
    """K1, E3"""

    async def get_session() -> AsyncIterator[None]:
        yield
        raise Oops("commit")

    async def succeed(session: Annotated[None, Depends(get_session)]) -> str:
        return "result"

    with pytest.raises(Oops, match="commit"):
        await App().call(succeed)


async def test_a_call_whose_exception_a_dependency_swallows_has_no_result() -> None:
    """K1, E5"""

    async def swallow() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            pass

    async def fail(_: Annotated[None, Depends(swallow)]) -> None:
        raise Oops("lost")

    with pytest.raises(
        SwallowedExceptionError, match=r"swallow .* swallowed Oops\('lost'\)"
    ) as info:
        await App().call(fail)
    assert isinstance(info.value.__cause__, Oops)


async def test_none_is_a_result() -> None:
    """K1"""

    async def nothing() -> None: ...

    assert await App().call(nothing) is None  # type: ignore[func-returns-value]


async def test_a_function_without_dependencies_is_called_too(app: App) -> None:
    """K1"""
    assert await app.call(lambda value: value + 1, 2) == 3
    assert await app.call(int, "2") == 2


async def test_overrides_are_in_force_in_calls(app: App) -> None:
    """K1, X2"""
    with app.override({get_session: lambda: "other"}):
        assert await app.call(nightly, 3) == "other, connection"
    app.dependency_overrides[get_session] = lambda: "another"
    assert await app.call(nightly, 3) == "another, connection"


async def test_background_tasks_of_a_call_run_when_its_dependencies_have_closed() -> None:
    """K1, B2, B3"""

    async def get_session(tasks: BackgroundTasks) -> AsyncIterator[None]:
        yield
        tasks.add_task(log, "task of exit code")

    async def work(tasks: BackgroundTasks, session: Annotated[None, Depends(get_session)]) -> str:
        tasks.add_task(log, "task")
        log("works")
        return "done"

    assert await App().call(work) == "done"
    assert log == lines("works, task, task of exit code")


async def test_background_tasks_of_a_call_that_fails_do_not_run() -> None:
    """K1, B2"""

    async def work(tasks: BackgroundTasks) -> None:
        tasks.add_task(log, "task")
        raise Oops

    with pytest.raises(Oops):
        await App().call(work)
    assert log == []


async def test_a_background_task_that_fails_is_logged_and_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K1, B4"""

    async def fail() -> None:
        raise Oops

    async def work(tasks: BackgroundTasks) -> None:
        tasks.add_task(fail)

    with caplog.at_level(logging.ERROR), pytest.raises(Oops):
        await App().call(work)
    assert [each.getMessage().startswith("background task ") for each in caplog.records] == [True]


async def test_arguments_that_do_not_fit_are_refused_before_anything_opens(app: App) -> None:
    """K1"""
    with pytest.raises(TypeError, match=r"^call nightly .* missing a required argument: 'day'$"):
        await app.call(nightly)
    with pytest.raises(TypeError, match="unexpected keyword argument 'session', a dependency"):
        await app.call(nightly, 3, session="mine")
    assert log == []


async def test_values_of_a_request_are_refused(app: App) -> None:
    """K1"""

    async def get_token(token: Annotated[str, Header()]) -> str:
        return token

    async def work(token: Annotated[str, Depends(get_token)]) -> None: ...

    async def respond(request: Request) -> None: ...

    with pytest.raises(RequestValueError) as info:
        await app.call(work)
    assert "there is none in a call outside of a request" in str(info.value)
    assert "pass the value: app.call(f, value)" in str(info.value)
    with pytest.raises(RequestValueError):
        await app.call(respond, None)
    with pytest.raises(NotCallableError, match="the call is None, which cannot be called"):
        await app.call(None)  # type: ignore[call-overload]


async def test_scope_app_needs_a_running_application() -> None:
    """K1, S2"""
    with pytest.raises(AppScopeError):
        await App().call(nightly, 3)


async def test_a_shutdown_waits_for_calls(app: App) -> None:
    """K1"""
    started = anyio.Event()
    go_on = anyio.Event()

    async def wait(session: SessionDep) -> None:
        started.set()
        await go_on.wait()

    async with anyio.create_task_group() as group:
        async with app.running():
            group.start_soon(app.call, wait)
            await started.wait()
            go_on.set()

    assert log == lines("engine opens, session opens, commits, engine closes")


async def test_a_cancelled_call_rolls_back(app: App) -> None:
    """K1, C1"""
    started = anyio.Event()

    async def wait(session: SessionDep) -> None:
        started.set()
        await anyio.sleep_forever()

    async with app.running(), anyio.create_task_group() as group:
        group.start_soon(app.call, wait)
        await started.wait()
        group.cancel_scope.cancel()

    assert log[2].startswith("rolls back Cancelled")


def test_call_sync_is_refused_where_the_application_runs(app: App) -> None:
    """K1"""

    @app.get("/")
    def endpoint() -> str:
        with pytest.raises(RuntimeError, match="and it runs already") as info:
            app.call_sync(nightly, 3)
        assert "anyio.from_thread.run" in str(info.value)
        result: str = anyio.from_thread.run(app.call, nightly, 3)
        return result

    with TestClient(app) as client:
        assert client.get("/").json() == "session of engine, connection"


def test_call_sync_is_refused_in_a_request_also_where_no_lifespan_runs(app: App) -> None:
    """K1: at its end it would wait for that request, which waits for it."""

    @app.get("/")
    def endpoint() -> None:
        with pytest.raises(RuntimeError, match="and it runs already"):
            app.call_sync(print)

    assert TestClient(app).get("/").status_code == 200


async def test_the_application_can_be_called_from_a_shell_more_than_once(app: App) -> None:
    """K1"""
    for _ in range(2):
        async with app.running():
            await app.call(nightly, 3)
    assert log == lines(CALLED) * 2


async def all_days() -> AsyncIterator[int]:
    yield 1


def all_days_sync() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("function", [all_days, all_days_sync], ids=["async", "sync"])
def test_a_generator_function_of_which_nothing_would_run_is_refused(
    function: Callable[..., object],
) -> None:
    """K1"""
    with pytest.raises(DeclarationError, match="is a generator function: calling it runs nothing"):
        App().call_sync(function)
    with pytest.raises(DeclarationError, match="the background task is a generator function"):
        BackgroundTasks().add_task(function)
