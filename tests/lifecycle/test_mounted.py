"""X3 and S9: what an application and those that are mounted in it have in common, if they are asked."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import pytest

from microfw import App, BackgroundTasks, Depends
from microfw.exceptions import OverrideError
from tests.lifecycle.programs import Log, request


def get_user() -> str:
    return "user"


def get_other() -> str:
    return "other"


UserDep = Annotated[str, Depends(get_user)]


def nested() -> tuple[App, App, App]:
    """Make an application with one mounted in it, and one in that."""
    apps = App(), App(), App()
    for app in apps:

        @app.get("/user")
        async def read(user: UserDep) -> str:
            return user

    outer, inner, innermost = apps
    inner.mount("/innermost", innermost)
    outer.mount("/inner", inner)
    return apps


async def users(app: App) -> list[Any]:
    paths = ("/user", "/inner/user", "/inner/innermost/user")
    return [(await request(app, path)).json() for path in paths]


# ---------------------------------------------------------------------- overrides


async def test_an_override_reaches_mounted_applications_where_it_is_said() -> None:
    """X3"""
    outer, inner, _ = nested()

    with outer.override({get_user: get_other}):
        alone = await users(outer)
    with outer.override({get_user: get_other}, mounted=True):
        together = await users(outer)
        with inner.override({get_user: lambda: "inner"}):
            within = await users(outer)
    after = await users(outer)

    assert alone == ["other", "user", "user"]
    assert together == ["other"] * 3
    assert within == ["other", "inner", "other"]
    assert after == ["user"] * 3


async def test_an_override_that_one_of_them_needs_is_no_mistake(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """X3"""
    outer, inner = App(), App()
    outer.mount("/inner", inner)

    @outer.get("/")
    async def read_number(number: Annotated[int, Depends(lambda: 1)]) -> int:
        return number

    @inner.get("/")
    async def read(user: UserDep) -> str:
        return user

    def get_nothing() -> None: ...

    with outer.override({get_user: get_other, get_nothing: get_other}, mounted=True):
        await request(outer)
        await request(outer, "/inner/")

    reports = [record.getMessage().partition(" (")[0] for record in caplog.records]
    assert [report.rpartition(".")[2] for report in reports] == ["get_nothing"] * 2


# ---------------------------------------------------------------------- scope "app"


def engines(log: Log) -> Any:
    async def get_engine() -> AsyncIterator[str]:
        number = sum("opens" in line for line in log) + 1
        log(f"engine {number} opens")
        yield f"engine {number}"
        log(f"engine {number} closes")

    return Depends(get_engine, scope="app")


def with_engine(engine: Any, **choices: Any) -> App:
    app = App(**choices)

    @app.get("/engine")
    async def read(it: Annotated[str, engine]) -> str:
        return it

    return app


@pytest.mark.parametrize("shares", [True, False])
async def test_a_mounted_application_shares_scope_app_where_it_asks_for_it(shares: bool) -> None:
    """S9"""
    log = Log()
    engine = engines(log)
    outer, inner = with_engine(engine), with_engine(engine, share_app_scope=shares)
    outer.mount("/inner", inner)

    async with outer.router.lifespan_context(outer):
        found = [(await request(outer, path)).json() for path in ("/engine", "/inner/engine")]

    if shares:
        assert found == ["engine 1", "engine 1"]
        assert log == ["engine 1 opens", "engine 1 closes"]
    else:
        assert found == ["engine 1", "engine 2"]
        assert log == ["engine 1 opens", "engine 2 opens", "engine 2 closes", "engine 1 closes"]


async def test_what_only_the_mounted_one_needs_is_open_in_both(log: Log) -> None:
    """S9"""
    engine = engines(log)
    outer, inner = App(), with_engine(engine, share_app_scope=True)
    outer.mount("/inner", inner)

    def task(it: Annotated[str, engine]) -> None:
        log(f"task with {it}")

    @outer.get("/")
    async def add(tasks: BackgroundTasks) -> None:
        tasks.add_task(task)

    async with outer.router.lifespan_context(outer):
        await request(outer)

    assert log == ["engine 1 opens", "task with engine 1", "engine 1 closes"]


async def test_what_opens_late_closes_before_what_the_mounted_one_has_opened(log: Log) -> None:
    """S9, S2"""
    engine = engines(log)
    outer, inner = App(), with_engine(engine, share_app_scope=True)
    outer.mount("/inner", inner)

    async def get_pool(it: Annotated[str, engine]) -> AsyncIterator[None]:
        log(f"pool on {it} opens")
        yield
        log(f"pool on {it} closes")

    def task(_: Annotated[None, Depends(get_pool, scope="app")]) -> None: ...

    @inner.get("/")
    async def add(tasks: BackgroundTasks) -> None:
        tasks.add_task(task)

    async with outer.router.lifespan_context(outer):
        await request(outer, "/inner/")

    assert log == [
        "engine 1 opens",
        "pool on engine 1 opens",
        "pool on engine 1 closes",
        "engine 1 closes",
    ]


async def test_what_is_shared_closes_when_the_requests_of_all_have_ended(log: Log) -> None:
    """S9, C1"""
    engine = engines(log)
    outer, inner = App(), with_engine(engine, share_app_scope=True)
    outer.mount("/inner", inner)
    is_under_way, is_closing = anyio.Event(), anyio.Event()

    async def task(it: Annotated[str, engine]) -> None:
        is_under_way.set()
        await is_closing.wait()
        await anyio.wait_all_tasks_blocked()
        log(f"task still has {it}")

    @outer.get("/")
    async def add(tasks: BackgroundTasks) -> None:
        tasks.add_task(task)

    async with anyio.create_task_group() as group:
        async with outer.router.lifespan_context(outer):
            group.start_soon(request, outer)
            await is_under_way.wait()
            is_closing.set()

    assert log == ["engine 1 opens", "task still has engine 1", "engine 1 closes"]


async def test_it_is_shared_with_the_application_that_it_is_mounted_in_and_no_other(
    log: Log,
) -> None:
    """S9"""
    engine = engines(log)
    outer, middle = with_engine(engine), with_engine(engine)
    inner = with_engine(engine, share_app_scope=True)
    middle.mount("/inner", inner)
    outer.mount("/middle", middle)
    outer.mount("/again", middle)

    paths = ("/engine", "/middle/engine", "/middle/inner/engine")
    async with outer.router.lifespan_context(outer):
        found = [(await request(outer, path)).json() for path in paths]

    assert found == ["engine 1", "engine 2", "engine 2"]
    assert log == ["engine 1 opens", "engine 2 opens", "engine 2 closes", "engine 1 closes"]
    assert "get_engine" in middle.explain_lifespan()


async def test_alone_it_has_its_own(log: Log) -> None:
    """S9"""
    inner = with_engine(engines(log), share_app_scope=True)
    outer = App()
    outer.mount("/inner", inner)

    async with outer.router.lifespan_context(outer):
        pass
    async with inner.router.lifespan_context(inner):
        assert (await request(inner, "/engine")).json() == "engine 2"

    opens_and_closes = [f"engine {n} {does}" for n in (1, 2) for does in ("opens", "closes")]
    assert log == opens_and_closes


def test_a_mounted_override_checks_as_any_other() -> None:
    app: Any = App()
    with (
        pytest.raises(OverrideError, match="'get_user' is overridden with 3"),
        app.override({get_user: 3}, mounted=True),
    ):
        pass
