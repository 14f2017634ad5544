"""X1, X2: dependencies replaced in tests."""

import copy
import gc
import linecache
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Annotated, Any
from weakref import WeakSet

import anyio
import pytest

from microfw import App, BackgroundTasks, Depends, Header, HTTPException
from microfw._routes.planned import KEPT_VARIANTS
from microfw.dependencies import PlanCache
from microfw.exceptions import OverrideError
from microfw.testclient import TestClient
from tests.lifecycle.programs import Log, both, lines, request


def connection(token: Annotated[str, Header()]) -> Iterator[str]:
    yield f"connection of {token}"


async def session(connection: Annotated[str, Depends(connection)]) -> AsyncIterator[str]:
    yield f"session on {connection}"


def repository(session: Annotated[str, Depends(session)]) -> str:
    return f"repository on {session}"


def make_app() -> App:
    app = App()

    @app.get("/")
    async def endpoint(
        repository: Annotated[str, Depends(repository)], session: Annotated[str, Depends(session)]
    ) -> list[str]:
        return [repository, session]

    return app


def fake_function() -> str:
    return "fake"


async def fake_async_function() -> str:
    return "fake"


def fake_generator() -> Iterator[str]:
    yield "fake"


async def fake_async_generator() -> AsyncIterator[str]:
    yield "fake"


FAKES = [fake_function, fake_async_function, fake_generator, fake_async_generator, lambda: "fake"]


@pytest.mark.parametrize("in_context", [True, False], ids=["in a context", "everywhere"])
@pytest.mark.parametrize("fake", FAKES, ids=lambda fake: fake.__name__)
async def test_a_dependency_is_replaced_with_all_that_is_below_it(
    fake: Any, in_context: bool
) -> None:
    """X1, X2: whatever kind either is of; what is below does not run, nor is its header missing."""
    app = make_app()

    async def both_values() -> Any:
        return (await request(app)).json()

    if in_context:
        with app.override({session: fake}):
            assert await both_values() == ["repository on fake", "fake"]
    else:
        app.dependency_overrides[session] = fake
        assert await both_values() == ["repository on fake", "fake"]
        del app.dependency_overrides[session]

    assert (await request(app)).status == 422
    answer = await request(app, headers={"token": "t"})
    real = "session on connection of t"
    assert answer.json() == [f"repository on {real}", real]


@pytest.mark.parametrize("depth", [connection, session, repository], ids=lambda d: d.__name__)
async def test_it_is_replaced_at_any_depth(depth: Any) -> None:
    """X1"""
    app = make_app()
    app.dependency_overrides[depth] = fake_function

    answer = await request(app, headers={"token": "t"})

    expected = {
        connection: ["repository on session on fake", "session on fake"],
        session: ["repository on fake", "fake"],
        repository: ["fake", "session on connection of t"],
    }
    assert answer.json() == expected[depth]


async def test_an_override_has_dependencies_and_values_of_its_own(log: Log) -> None:
    """X1"""

    async def settings() -> AsyncIterator[str]:
        with log.opened("settings"):
            yield "settings"

    def fake_session(
        settings: Annotated[str, Depends(settings)], tenant: str, page: int = 1
    ) -> Iterator[str]:
        with log.opened("fake"):
            yield f"{settings} of {tenant} page {page}"

    app = make_app()
    app.dependency_overrides[session] = fake_session

    answer = await request(app, query="tenant=a&page=2", log=log)

    assert log == lines("settings opens, fake opens, fake exits, settings exits, sends 200")
    assert answer.json() == ["repository on settings of a page 2", "settings of a page 2"]
    assert (await request(app)).status == 422


@pytest.mark.parametrize("nothing", [{}, None])
async def test_an_override_may_use_the_dependency_that_it_replaces_nowhere_else(
    nothing: Any,
) -> None:
    """X1: replacing is for the whole graph; several overrides go together."""
    app = make_app()
    app.dependency_overrides = {session: fake_function, connection: fake_generator}

    assert (await request(app)).json() == ["repository on fake", "fake"]

    app.dependency_overrides = nothing
    assert app.dependency_overrides == {}
    assert (await request(app)).status == 422


async def test_a_copy_of_an_application_has_overrides_of_its_own() -> None:
    """X1, X2"""
    app = make_app()
    app.dependency_overrides[connection] = lambda: "fake connection"
    copied = copy.copy(app)
    copied.dependency_overrides[session] = fake_function

    async def answers() -> list[Any]:
        return [(await request(each)).json() for each in (app, copied)]

    ours = "session on fake connection"
    of_app, of_copy = [f"repository on {ours}", ours], ["repository on fake", "fake"]
    assert await answers() == [of_app, of_copy]
    with app.override({session: lambda: "new"}):
        assert await answers() == [["repository on new", "new"], of_copy]
    with copied.override({session: lambda: "new"}):
        assert await answers() == [of_app, ["repository on new", "new"]]
    app.dependency_overrides.clear()
    assert (await request(app)).status == 422
    assert (await request(copied)).json() == of_copy


@both
async def test_dependencies_declared_beside_parameters_are_replaced(is_async: bool) -> None:
    """X1"""
    log = Log()

    def guard() -> None:
        raise HTTPException(401)

    async def open_async() -> AsyncIterator[None]:
        with log.opened("open"):
            yield

    def open_sync() -> Iterator[None]:
        with log.opened("open"):
            yield

    app = App(dependencies=[Depends(guard)])

    @app.get("/")
    async def endpoint() -> None:
        log("endpoint")

    await request(app, log=log)
    with app.override({guard: open_async if is_async else open_sync}):
        await request(app, log=log)

    assert log == lines("sends 401, open opens, endpoint, open exits, sends 200")


@both
async def test_app_scope_is_overridden_before_start_up(log: Log, app: App, is_async: bool) -> None:
    """X1, S2"""

    async def engine() -> AsyncIterator[str]:
        with log.opened("engine"):
            yield "engine"

    async def fake_async() -> AsyncIterator[str]:
        with log.opened("fake"):
            yield "fake"

    def fake_sync() -> Iterator[str]:
        with log.opened("fake"):
            yield "fake"

    def audit(engine: Annotated[str, Depends(engine, scope="app")]) -> None:
        log(f"audit with {engine}")

    @app.get("/")
    async def endpoint(
        tasks: BackgroundTasks, engine: Annotated[str, Depends(engine, scope="app")]
    ) -> str:
        tasks.add_task(audit)
        return engine

    with app.override({engine: fake_async if is_async else fake_sync}):
        async with app.router.lifespan_context(app):
            answer = await request(app, log=log)

    assert log == lines("fake opens, sends 200, audit with fake, fake exits")
    assert answer.json() == "fake"


async def test_a_plan_is_made_once_for_each_set_of_overrides() -> None:
    """X1: the source is the very same object."""
    app = make_app()
    plain = app.explain("/")
    app.dependency_overrides[session] = fake_function
    first = app.explain("/")
    await request(app)
    second = app.explain("/")
    app.dependency_overrides[connection] = fake_function
    third = app.explain("/")
    del app.dependency_overrides[connection]

    assert first is second
    assert first is app.explain("/")
    assert third is not first
    assert plain is not first
    app.dependency_overrides.clear()
    assert app.explain("/") is plain


async def test_a_context_uses_the_plan_of_the_same_overrides_again() -> None:
    """X1, X2"""
    app = make_app()

    with app.override({session: fake_function}):
        first = app.explain("/")
    with app.override({session: fake_function}):
        second = app.explain("/")
    with app.override({session: fake_generator}):
        other = app.explain("/")

    assert first is second
    assert other is not first


async def test_many_different_overrides_do_not_pile_up() -> None:
    """X1"""
    app = make_app()
    route: Any = app.routes[-1]

    for number in range(100):
        with app.override({session: lambda number=number: f"fake {number}"}):
            assert (await request(app)).json() == [f"repository on fake {number}", f"fake {number}"]

    assert len(route.plans._by_overrides._made) == 16


class Made:
    """What takes two threads at once to be made."""

    def __init__(self, both: threading.Barrier) -> None:
        both.wait(5)


def test_what_threads_make_at_once_does_not_pile_up_either() -> None:
    """X1"""
    variants: PlanCache[Made] = PlanCache(limit=1)
    variants.get("first", None, lambda: Made(threading.Barrier(1)))
    both = threading.Barrier(2)
    kept: WeakSet[Made] = WeakSet()

    def keep(key: str) -> None:
        kept.add(variants.get(key, None, lambda: Made(both)))

    with ThreadPoolExecutor() as threads:
        list(threads.map(keep, "ab"))

    assert len(kept) == 1


def test_threads_that_make_the_same_at_once_share_one() -> None:
    """X1"""
    variants: PlanCache[Made] = PlanCache(limit=1)
    both = threading.Barrier(2)

    with ThreadPoolExecutor() as threads:
        one, other = threads.map(lambda key: variants.get(key, None, lambda: Made(both)), "aa")

    assert one is other


async def test_contexts_that_run_in_parallel_do_not_see_each_others() -> None:
    """X2"""
    app = make_app()
    inside = {name: anyio.Event() for name in "ab"}
    seen: dict[str, Any] = {}

    async def one(name: str, other: str) -> None:
        with app.override({session: lambda: f"fake {name}"}):
            inside[name].set()
            await inside[other].wait()
            seen[name] = (await request(app)).json()

    async def none() -> None:
        for event in inside.values():
            await event.wait()
        seen["none"] = (await request(app)).status

    async with anyio.create_task_group() as group:
        group.start_soon(one, "a", "b")
        group.start_soon(one, "b", "a")
        group.start_soon(none)

    assert seen == {
        "a": ["repository on fake a", "fake a"],
        "b": ["repository on fake b", "fake b"],
        "none": 422,
    }


async def test_contexts_nest_and_the_inner_one_goes_first() -> None:
    """X2"""
    app = make_app()
    seen: list[str] = []

    async def look() -> None:
        seen.append((await request(app, headers={"token": "t"})).json()[1])

    app.dependency_overrides[session] = lambda: "global"
    await look()
    with app.override({session: lambda: "outer"}):
        await look()
        with app.override({session: lambda: "inner"}):
            await look()
        with app.override({connection: lambda: "unseen"}):
            await look()
        await look()
    await look()

    assert seen == ["global", "outer", "inner", "outer", "outer", "global"]


def test_contexts_that_were_copied_in_a_block_see_it_end() -> None:
    """X2: the source tells which overrides are seen; those of other blocks make no difference."""
    app = make_app()
    plain = app.explain("/")
    with app.override({session: fake_function}):
        in_outer, outer = copy_context(), app.explain("/")
        with app.override({repository: fake_function}):
            in_inner, inner = copy_context(), app.explain("/")
        with app.override({connection: fake_function}):
            seen_after_inner = in_inner.run(app.explain, "/")
    with app.override({connection: fake_function}):
        seen_after_outer = [context.run(app.explain, "/") for context in [in_outer, in_inner]]

    assert len({plain, outer, inner}) == 3
    assert seen_after_inner == outer
    assert seen_after_outer == [plain, plain]


async def test_a_context_ends_with_an_error_as_well() -> None:
    """X2"""
    app = make_app()

    with pytest.raises(HTTPException):
        with app.override({session: fake_function}):
            raise HTTPException(404)

    assert (await request(app)).status == 422


def message(dependency: Any, other: str) -> str:
    code = dependency.__code__
    return (
        f"{dependency.__name__!r} is overridden with {other}, which cannot be called\n"
        f"  in:   {code.co_qualname} ({__file__}:{code.co_firstlineno})\n"
        "  cure: override a dependency with a callable: a function, `lambda: value`, a generator"
    )


def test_an_override_that_cannot_be_called_is_refused() -> None:
    """X1, X2: at once where several are given, else where a plan is made with it."""
    app = make_app()
    fake: Any = "fake"

    with pytest.raises(OverrideError) as raised:
        app.dependency_overrides = {session: fake_function, connection: fake}
    assert str(raised.value) == message(connection, "'fake'")

    with pytest.raises(OverrideError) as raised:
        with app.override({session: fake}):
            raise AssertionError
    assert str(raised.value) == message(session, "'fake'")

    app.dependency_overrides[connection] = fake
    with pytest.raises(OverrideError) as raised:
        TestClient(app).get("/")
    assert str(raised.value) == message(connection, "'fake'")


def test_the_lines_of_a_handler_are_forgotten_with_it() -> None:
    """X1: a test suite makes many plans, and keeps few."""
    app = make_app()
    before = len(linecache.cache)

    for number in range(50):
        with app.override({session: lambda number=number: f"fake {number}"}):
            app.explain("/")
    gc.collect()

    assert len(linecache.cache) - before <= KEPT_VARIANTS
