"""Rules S2 and B3: what start-up did not know of opens in scope "app" when it is first needed.

That are dependencies which only tasks use, routes that are added later, and later overrides.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Annotated, Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from anyio.lowlevel import checkpoint
from starlette.testclient import TestClient

from microfw import App, BackgroundTasks, Depends, HTTPException, WebSocket
from microfw.dependencies import Signal
from microfw.exceptions import AppScopeError, SwallowedExceptionError, YieldError
from tests.lifecycle.programs import Log, Oops, both, lines, opening, place, request, told
from tests.servers import PATIENCE


def serve(app: App, path: str, dependency: Any, log: Log) -> None:
    """Add a route whose endpoint writes down what the dependency gives."""

    @app.get(path)
    async def endpoint(value: Annotated[str, Depends(dependency, scope="app")]) -> str:
        log(f"endpoint with {value}")
        return value


def serve_nothing(app: App) -> None:
    @app.get("/")
    async def endpoint() -> None: ...


# ---------------------------------------------------------------------- at any depth

DEPTH = 40


def chain_of(log: Log, length: int, *, broken: int = -1, swallowing: int = -1) -> Any:
    """Dependencies of scope "app", each of which needs the one before."""

    def link(number: int, before: Any) -> Any:
        async def dependency(value: Annotated[int, Depends(before, scope="app")]) -> Any:
            if number == broken:
                raise Oops(f"setup of {number}")
            log(f"{number} opens")
            try:
                yield value + 1
            except Oops as error:
                log(f"{number} sees {error}")
                if number != swallowing:
                    raise
            else:
                log(f"{number} exits")

        return dependency

    made: Any = int
    for number in range(length):
        made = link(number, made)
    return made


def opened(numbers: range) -> list[str]:
    return [f"{number} opens" for number in numbers]


async def run_until(app: App, error: Exception) -> None:
    async with app.router.lifespan_context(app):
        raise error


async def test_scope_app_has_no_limit_of_depth(app: App, log: Log) -> None:
    serve(app, "/", chain_of(log, DEPTH), log)

    async with app.router.lifespan_context(app):
        await request(app, "/")

    exits = [f"{number} exits" for number in reversed(range(DEPTH))]
    assert log == [*opened(range(DEPTH)), f"endpoint with {DEPTH}", *exits]


async def test_an_error_of_setup_goes_out_from_any_depth(app: App, log: Log) -> None:
    serve(app, "/", chain_of(log, DEPTH, broken=DEPTH - 1), log)

    with pytest.raises(Oops, match=f"setup of {DEPTH - 1}"):
        async with app.router.lifespan_context(app):
            raise AssertionError

    seen = [f"{number} sees setup of {DEPTH - 1}" for number in reversed(range(DEPTH - 1))]
    assert log == [*opened(range(DEPTH - 1)), *seen]


@pytest.mark.parametrize("swallowing", [3, DEPTH - 2])
async def test_an_error_of_setup_that_is_swallowed_at_any_depth_is_an_error_of_start_up(
    app: App, log: Log, swallowing: int
) -> None:
    serve(app, "/", chain_of(log, DEPTH, broken=DEPTH - 1, swallowing=swallowing), log)

    with pytest.raises(SwallowedExceptionError, match="swallowed Oops"):
        async with app.router.lifespan_context(app):
            raise AssertionError

    seen = [
        f"{number} sees setup of {DEPTH - 1}" for number in range(DEPTH - 2, swallowing - 1, -1)
    ]
    exits = [f"{number} exits" for number in reversed(range(swallowing))]
    assert log == [*opened(range(DEPTH - 1)), *seen, *exits]


@pytest.mark.parametrize("swallowing", [3, DEPTH - 2])
async def test_an_error_of_the_lifespan_is_swallowed_at_any_depth(
    app: App, log: Log, swallowing: int
) -> None:
    serve(app, "/", chain_of(log, DEPTH, swallowing=swallowing), log)

    await run_until(app, Oops("body"))

    seen = [f"{number} sees body" for number in range(DEPTH - 1, swallowing - 1, -1)]
    exits = [f"{number} exits" for number in reversed(range(swallowing))]
    assert log == [*opened(range(DEPTH)), *seen, *exits]


# ---------------------------------------------------------------------- what opens late


@both
async def test_what_only_a_task_uses_opens_with_the_first_task_and_closes_at_shutdown(
    log: Log, app: App, is_async: bool
) -> None:
    engine = opening(log, "engine")
    mailer = opening(log, "mailer", Depends(engine), is_async=is_async)

    async def send(to: str, mailer: Annotated[str, Depends(mailer, scope="app")]) -> None:
        log(f"mail to {to}")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(send, "ada")

    async with app.router.lifespan_context(app):
        log("started")
        await request(app, log=log)
        await request(app, log=log)

    assert log == lines(
        """started, sends 200, engine opens, mailer opens, mail to ada, sends 200, mail to ada,
        mailer exits, engine exits"""
    )


@both
async def test_routes_that_are_added_later_open_what_they_need(log: Log, is_async: bool) -> None:
    engine = opening(log, "engine", is_async=is_async)
    cache = opening(log, "cache", Depends(engine), is_async=is_async)
    app = App(dependencies=[Depends(engine, scope="app")])
    serve_nothing(app)

    async with app.router.lifespan_context(app):
        serve(app, "/cache", cache, log)
        for _ in range(2):
            assert (await request(app, "/cache")).json() == "cache"

    assert log == lines(
        """engine opens, cache opens, endpoint with cache, endpoint with cache, cache exits,
        engine exits"""
    )


async def test_what_opened_late_exits_last_entered_first_before_what_start_up_opened() -> None:
    log = Log()
    app = App(dependencies=[Depends(opening(log, "first"), scope="app")])
    serve_nothing(app)

    async with app.router.lifespan_context(app):
        for name in ("second", "third"):
            serve(app, f"/{name}", opening(log, name), log)
            await request(app, f"/{name}")

    assert log == lines(
        """first opens, second opens, endpoint with second, third opens, endpoint with third,
        third exits, second exits, first exits"""
    )


@both
@pytest.mark.parametrize("in_context", [True, False])
async def test_a_later_override_opens_its_replacement_and_the_other_stays_open(
    log: Log, app: App, is_async: bool, in_context: bool
) -> None:
    """X1, X2"""
    engine = opening(log, "engine")
    fake = opening(log, "fake", is_async=is_async)
    serve(app, "/", engine, log)

    async with app.router.lifespan_context(app):
        for _ in range(2):
            if in_context:
                with app.override({engine: fake}):
                    await request(app)
            else:
                app.dependency_overrides[engine] = fake
                await request(app)
                app.dependency_overrides.clear()
            await request(app)

    assert log == lines(
        """engine opens, fake opens, endpoint with fake, endpoint with engine, endpoint with fake,
        endpoint with engine, fake exits, engine exits"""
    )


async def test_what_uses_a_dependency_that_is_overridden_later_opens_with_the_replacement(
    log: Log, app: App
) -> None:
    """X1: it is replaced at any depth, and in tasks."""

    async def settings() -> str:
        return "settings"

    async def engine(
        settings: Annotated[str, Depends(settings)], more: Annotated[str, Depends()] = ""
    ) -> AsyncIterator[str]:
        with log.opened(f"engine of {settings}"):
            yield f"engine of {settings}"

    async def audit(engine: Annotated[str, Depends(engine, scope="app")]) -> None:
        log(f"audit with {engine}")

    @app.get("/")
    async def endpoint(
        tasks: BackgroundTasks, engine: Annotated[str, Depends(engine, scope="app")]
    ) -> str:
        tasks.add_task(audit)
        return engine

    async with app.router.lifespan_context(app):
        assert (await request(app)).json() == "engine of settings"
        with app.override({settings: lambda: "fakes"}):
            assert (await request(app)).json() == "engine of fakes"
        with app.override({audit: settings}):
            assert (await request(app)).json() == "engine of settings"

    assert log == lines(
        """engine of settings opens, audit with engine of settings,
        engine of fakes opens, audit with engine of fakes, audit with engine of settings,
        engine of fakes exits, engine of settings exits"""
    )


def test_a_websocket_opens_what_start_up_did_not_know_of(log: Log, app: App) -> None:
    with TestClient(app) as client:

        @app.websocket("/")
        async def endpoint(
            websocket: WebSocket,
            engine: Annotated[str, Depends(opening(log, "engine"), scope="app")],
        ) -> None:
            await websocket.accept()
            await websocket.send_text(engine)

        for _ in range(2):
            with client.websocket_connect("/") as connection:
                assert connection.receive_text() == "engine"

    assert log == lines("engine opens, engine exits")


# ---------------------------------------------------------------------- many at once


class Gate:
    """A dependency whose setup waits to be released."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.reached = anyio.Event()
        self.released = anyio.Event()

    async def __call__(self) -> AsyncIterator[str]:
        self.log("gate is reached")
        self.reached.set()
        try:
            await self.released.wait()
        except BaseException:
            self.log("gate is cancelled")
            raise
        with self.log.opened("gate"):
            yield "gate"


async def end_of_openings(app: App) -> None:
    """Wait until nothing is being opened."""
    (opener,) = app.app_state.app_values.openers
    while opener._openings:  # type: ignore[attr-defined]
        await checkpoint()


async def several_turns() -> None:
    for _ in range(20):
        await checkpoint()


async def test_first_uses_at_the_same_time_wait_for_one_opening(app: App, log: Log) -> None:
    gate = Gate(log)

    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/", gate, log)
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(request, app)
                await gate.reached.wait()
                group.start_soon(request, app)
                await several_turns()
                gate.released.set()

    assert log == ["gate is reached", "gate opens", *["endpoint with gate"] * 4, "gate exits"]


async def test_openings_wait_for_each_other(app: App, log: Log) -> None:
    gate = Gate(log)

    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/gate", gate, log)
            serve(app, "/cache", opening(log, "cache"), log)
            serve(app, "/both", opening(log, "both", Depends(gate)), log)
            async with anyio.create_task_group() as group:
                group.start_soon(request, app, "/gate")
                await gate.reached.wait()
                for path in ("/cache", "/both"):
                    group.start_soon(request, app, path)
                    await several_turns()
                gate.released.set()
                await several_turns()

    assert [line for line in log if "endpoint" not in line] == lines(
        """gate is reached, gate opens, cache opens, both opens, both exits, cache exits,
        gate exits"""
    )


async def test_the_first_use_that_is_cancelled_leaves_nothing_half_open(app: App, log: Log) -> None:
    """C1"""
    gate = Gate(log)
    first = opening(log, "first")

    @app.get("/", dependencies=[Depends(first, scope="app")])
    async def known() -> None: ...

    async with app.router.lifespan_context(app):
        below = opening(log, "below")

        @app.get("/late", dependencies=[Depends(below, scope="app")])
        async def late(gate: Annotated[str, Depends(gate, scope="app")]) -> None:
            log(f"endpoint with {gate}")

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(request, app, "/late")
                await gate.reached.wait()
                group.cancel_scope.cancel()
            await end_of_openings(app)
            gate.released.set()
            await request(app, "/late")

    told_at_first = log[4]
    assert told_at_first.startswith("below sees Cancelled"), log
    log.remove(told_at_first)
    assert log == lines(
        """first opens, below opens, gate is reached, gate is cancelled,
        below opens, gate is reached, gate opens, endpoint with gate,
        gate exits, below exits, first exits"""
    )


async def test_an_opening_goes_on_while_somebody_waits_for_it(app: App, log: Log) -> None:
    gate = Gate(log)

    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/", gate, log)
            async with anyio.create_task_group() as group:
                scope = anyio.CancelScope()

                async def give_up() -> None:
                    with scope:
                        await request(app)

                group.start_soon(give_up)
                await gate.reached.wait()
                group.start_soon(request, app)
                await several_turns()
                scope.cancel()
                await several_turns()
                gate.released.set()

    assert log == lines("gate is reached, gate opens, endpoint with gate, gate exits")


async def test_an_opening_that_nobody_waits_for_any_more_does_not_begin(app: App, log: Log) -> None:
    gate = Gate(log)

    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/gate", gate, log)
            serve(app, "/cache", opening(log, "cache"), log)
            async with anyio.create_task_group() as group:
                group.start_soon(request, app, "/gate")
                await gate.reached.wait()
                async with anyio.create_task_group() as others:
                    others.start_soon(request, app, "/cache")
                    await several_turns()
                    others.cancel_scope.cancel()
                await several_turns()
                gate.released.set()

    assert log == lines("gate is reached, gate opens, endpoint with gate, gate exits")


async def test_setup_that_takes_no_notice_of_being_cancelled_is_undone(app: App, log: Log) -> None:
    reached = anyio.Event()

    async def stubborn() -> AsyncIterator[str]:
        reached.set()
        with suppress(anyio.get_cancelled_exc_class()):
            await anyio.sleep_forever()
        with log.opened("stubborn"):
            yield "stubborn"

    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/", stubborn, log)
            async with anyio.create_task_group() as group:
                group.start_soon(request, app)
                await reached.wait()
                group.cancel_scope.cancel()
            await end_of_openings(app)
            log("ends")

    opened, seen, ended = log
    assert (opened, ended) == ("stubborn opens", "ends")
    assert seen.startswith("stubborn sees Cancelled")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_request_on_another_event_loop_has_the_lifespans_open_it(log: Log, backend: Any) -> None:
    app = App()
    with start_blocking_portal(backend) as one, start_blocking_portal(backend) as other:
        with one.wrap_async_context_manager(app.router.lifespan_context(app)):
            serve(app, "/", opening(log, "engine"), log)
            assert other.call(request, app).json() == "engine"
            assert one.call(request, app).json() == "engine"

    assert log == lines("engine opens, endpoint with engine, endpoint with engine, engine exits")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_signal_to_an_event_loop_that_has_ended_does_nothing(backend: Any) -> None:
    async def make() -> Signal:
        return Signal()

    anyio.run(make, backend=backend).set()


# ---------------------------------------------------------------------- setup that fails


@both
async def test_a_first_use_whose_setup_fails_closes_what_it_had_opened_and_the_next_tries_again(
    app: App, log: Log, is_async: bool
) -> None:
    """E1, S2"""
    below = opening(log, "below", is_async=is_async)
    failures = [Oops("setup"), Oops("setup")]

    async def engine(below: Annotated[str, Depends(below)]) -> AsyncIterator[str]:
        if failures:
            raise failures.pop()
        with log.opened("engine"):
            yield "engine"

    async with app.router.lifespan_context(app):
        serve(app, "/", engine, log)
        for _ in range(2):
            answer = await request(app)
            assert told(answer.raised or Exception()) == "Oops(setup)"
        assert (await request(app)).json() == "engine"

    assert log == lines(
        """below opens, below sees Oops(setup), below opens, below sees Oops(setup),
        below opens, engine opens, endpoint with engine, engine exits, below exits"""
    )


async def test_all_who_wait_for_an_opening_that_fails_raise_its_error(app: App, log: Log) -> None:
    gate = Gate(log)

    async def engine(gate: Annotated[str, Depends(gate)]) -> str:
        raise HTTPException(503, "no database")

    statuses: list[int | None] = []

    async def send() -> None:
        statuses.append((await request(app)).status)

    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/", engine, log)
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(send)
                await gate.reached.wait()
                await several_turns()
                gate.released.set()

    assert statuses == [503, 503, 503]
    assert log == lines("gate is reached, gate opens, gate sees HTTPException(503)")


@both
async def test_an_error_of_setup_that_a_dependency_swallows_is_reported_with_the_dependency(
    app: App, log: Log, is_async: bool
) -> None:
    """E5"""

    async def swallows_async() -> AsyncIterator[None]:
        with suppress(Oops):
            yield

    def swallows_sync() -> Iterator[None]:
        with suppress(Oops):
            yield

    swallows = swallows_async if is_async else swallows_sync

    async def broken(below: Annotated[None, Depends(swallows)]) -> str:
        raise Oops("setup")

    async with app.router.lifespan_context(app):
        serve(app, "/", broken, log)
        answer = await request(app)

    assert isinstance(answer.raised, SwallowedExceptionError)
    assert str(answer.raised) == f"{place(swallows)} swallowed Oops('setup')"
    assert log == []


async def test_a_task_whose_first_use_fails_is_logged_and_the_next_tries_again(
    app: App, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """B4"""
    failures = [Oops("no mail server")]

    async def mailer() -> str:
        if failures:
            raise failures.pop()
        return "mailer"

    async def send(mailer: Annotated[str, Depends(mailer, scope="app")]) -> None:
        log(f"mail by {mailer}")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(send)

    async with app.router.lifespan_context(app):
        answer = await request(app, log=log)
        await request(app, log=log)

    assert told(answer.raised or Exception()) == "Oops(no mail server)"
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith("send failed")
    assert log == lines("sends 200, sends 200, mail by mailer")


async def test_setup_that_waits_for_an_opening_through_a_request_is_an_error(log: Log) -> None:
    app = App()
    inner: list[Any] = []

    async def asking() -> AsyncIterator[str]:
        inner.append(await request(app, "/engine"))
        yield "asking"

    async with app.router.lifespan_context(app):
        serve(app, "/engine", opening(log, "engine"), log)
        serve(app, "/", asking, log)
        with anyio.fail_after(PATIENCE):
            assert (await request(app)).json() == "asking"
            assert (await request(app, "/engine")).json() == "engine"

    assert isinstance(inner[0].raised, AppScopeError)
    assert str(inner[0].raised) == (
        "the setup of 'asking', of scope 'app', sends a request to the application that waits for a"
        " dependency of scope 'app' to open. They open one after the other: give what the request"
        " needs to the setup as a dependency, or declare it in `App(dependencies=[...])`"
    )
    assert log == lines("endpoint with asking, engine opens, endpoint with engine, engine exits")


# ---------------------------------------------------------------------- where it runs


variable: ContextVar[str] = ContextVar("variable", default="unset")


async def test_setup_and_exit_code_run_in_one_task_with_the_context_of_the_lifespan(
    log: Log,
) -> None:
    """C3: a dependency holds a task group open across its `yield`."""
    tasks: list[int] = []

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[None]:
        variable.set("of the lifespan")
        yield

    async def holding() -> AsyncIterator[str]:
        tasks.append(anyio.get_current_task().id)
        log(f"variable is {variable.get()}")
        with anyio.CancelScope(), anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                yield "group"
                group.cancel_scope.cancel()
        tasks.append(anyio.get_current_task().id)

    app = App(lifespan=lifespan)
    async with app.router.lifespan_context(app):
        variable.set("of the request")
        for path in ("/first", "/second"):
            serve(app, path, lambda each=Depends(holding, use_cache=False): each, log)
        serve(app, "/", holding, log)
        for path in ("/", "/first", "/second"):
            await request(app, path)

    assert len(set(tasks)) == 1
    assert anyio.get_current_task().id not in tasks
    assert (
        log
        == [
            "variable is of the lifespan",
            "endpoint with group",
        ]
        * 3
    )


async def test_the_lifespan_may_end_in_another_task_than_it_has_begun_in(log: Log) -> None:
    """As the fixtures of some test runners have it."""
    app = App()
    lifespan = app.router.lifespan_context(app)

    async def run(function: Callable[[], Any]) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(function)

    await run(lifespan.__aenter__)
    serve(app, "/", opening(log, "engine"), log)
    await request(app)
    await run(lambda: lifespan.__aexit__(None, None, None))

    assert log == lines("engine opens, endpoint with engine, engine exits")


async def test_one_whose_task_group_fails_closes_early_and_opens_again(
    app: App, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    failing = anyio.Event()

    async def fail() -> None:
        await failing.wait()
        raise Oops("in the background")

    async def holding() -> AsyncIterator[str]:
        log("holding opens")
        async with anyio.create_task_group() as group:
            if not failing.is_set():
                group.start_soon(fail)
            yield "holding"
        log("holding exits")

    engine = opening(log, "engine")
    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/", holding, log)
            await request(app)
            failing.set()
            while app.app_state.app_values:
                await checkpoint()
            await request(app)
            serve(app, "/engine", engine, log)
            await request(app, "/engine")

    assert log == lines(
        """holding opens, endpoint with holding, holding opens, endpoint with holding,
        engine opens, endpoint with engine, engine exits, holding exits"""
    )
    (message,) = caplog.messages
    assert message == (
        "of scope 'app' these dependencies opened after start-up and have closed before shutdown,"
        f" because one of them failed: {place(holding)}. They open again when they are needed"
    )
    assert "Oops: in the background" in caplog.text


async def test_who_waits_when_the_others_close_early_gets_an_error(app: App, log: Log) -> None:
    gate = Gate(log)
    failing = anyio.Event()

    async def fail() -> None:
        await failing.wait()
        raise Oops("in the background")

    async def holding() -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield "holding"

    answers: list[Any] = []

    async def send() -> None:
        answers.append(await request(app, "/gate"))

    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/", holding, log)
            serve(app, "/gate", gate, log)
            await request(app)
            async with anyio.create_task_group() as group:
                group.start_soon(send)
                await gate.reached.wait()
                failing.set()
            gate.released.set()
            await send()

    assert told(answers[0].raised) == (
        "AppScopeError('Gate', of scope 'app', was about to open when another one that opened after"
        " start-up failed, and all of these closed; the log names them)"
    )
    assert answers[1].json() == "gate"


# ---------------------------------------------------------------------- how it ends


async def live(app: App, log: Log, *dependencies: Any, error: Exception | None = None) -> None:
    """Run an application that has something open; open others late; end it, by an error or not."""
    app.get("/", dependencies=[Depends(opening(log, "early"), scope="app")])(lambda: None)
    async with app.router.lifespan_context(app):
        for number, dependency in enumerate(dependencies):
            serve(app, f"/{number}", dependency, log)
            assert (await request(app, f"/{number}")).status == 200
        if error is not None:
            raise error


def steps_of(app: App) -> tuple[Any, ...]:
    return tuple(step for plan in app._own_plans() for step in plan.app_steps)


@both
async def test_what_opened_late_sees_the_error_with_which_the_lifespan_ends_first(
    log: Log, is_async: bool
) -> None:
    """E2"""
    late = opening(log, "late", is_async=is_async)
    with pytest.raises(Oops, match="body"):
        await live(App(), log, late, error=Oops("body"))

    assert log == lines(
        """early opens, late opens, endpoint with late, late sees Oops(body), early sees Oops(body)"""
    )


async def test_what_opened_late_may_swallow_the_error_with_which_the_lifespan_ends(
    log: Log,
) -> None:
    async def swallows() -> AsyncIterator[str]:
        with suppress(Oops):
            yield "late"

    await live(App(), log, swallows, error=Oops("body"))

    assert log == lines("early opens, endpoint with late, early exits")


@pytest.mark.parametrize("flavour", ["async", "suspending", "thread"])
async def test_errors_of_exit_code_are_chained_as_those_of_nested_with_blocks(
    log: Log, flavour: str
) -> None:
    """E8"""

    async def quick() -> AsyncIterator[str]:
        with suppress(Oops):
            yield "twice"
        yield "twice"

    async def suspending() -> AsyncIterator[str]:
        with suppress(Oops):
            yield "twice"
        await checkpoint()
        yield "twice"

    def sync() -> Iterator[str]:
        with suppress(Oops):
            yield "twice"
        yield "twice"

    async def broken() -> AsyncIterator[str]:
        yield "broken"
        raise oops

    oops = Oops("shutdown")
    twice = {"async": quick, "suspending": suspending, "thread": sync}[flavour]
    with pytest.raises(YieldError) as raised:
        await live(App(), log, twice, broken)

    assert str(raised.value) == f"{place(twice)} yielded twice"
    assert raised.value.__context__ is oops
    assert oops.__context__ is None
    assert "early sees YieldError" in log[3]


async def test_an_error_of_exit_code_while_the_lifespan_raises_has_that_as_its_context(
    log: Log,
) -> None:
    """E3, E8"""

    async def replaces() -> AsyncIterator[str]:
        try:
            yield "late"
        except Oops:
            raise LookupError("replaced")

    body = Oops("body")
    with pytest.raises(LookupError, match="replaced") as raised:
        await live(App(), log, replaces, error=body)

    assert raised.value.__context__ is body
    assert body.__context__ is None
    assert log == lines("early opens, endpoint with late, early sees LookupError(replaced)")


async def test_exit_code_of_what_opened_late_completes_when_the_lifespan_is_cancelled(
    log: Log,
) -> None:
    """C1, C2"""

    async def late() -> AsyncIterator[str]:
        try:
            with log.opened("late"):
                yield "late"
        finally:
            await several_turns()
            log("late has exited")

    app = App(dependencies=[Depends(opening(log, "early"), scope="app")])
    serve_nothing(app)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            async with app.router.lifespan_context(app):
                serve(app, "/late", late, log)
                await request(app, "/late")
                group.cancel_scope.cancel()
                await checkpoint()

    seen = [line.partition("(")[0] for line in log]
    assert seen in [
        lines(
            f"""early opens, late opens, endpoint with late, late sees {error}, late has exited,
            early sees {error}"""
        )
        for error in ("Cancelled", "CancelledError")
    ]


async def test_a_shutdown_cancels_the_setup_that_is_under_way(log: Log) -> None:
    gate = Gate(log)
    app = App(cleanup_timeout=0.01)
    answers: list[Any] = []

    async def send() -> None:
        answers.append(await request(app))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            async with app.router.lifespan_context(app):
                serve(app, "/", gate, log)
                group.start_soon(send)
                await gate.reached.wait()

    assert log == lines("gate is reached, gate is cancelled")
    assert isinstance(answers[0].raised, AppScopeError)


async def test_who_asks_a_lifespan_that_has_ended_gets_an_error(app: App, log: Log) -> None:
    async with app.router.lifespan_context(app):
        (opener,) = app.app_state.app_values.openers
        serve(app, "/", opening(log, "engine"), log)
        steps = steps_of(app)

    with pytest.raises(AppScopeError):
        await opener.open(steps)
    assert log == []


async def test_who_asks_for_what_has_opened_in_the_meantime_waits_for_nobody(log: Log) -> None:
    gate = Gate(log)
    app = App()
    with anyio.fail_after(PATIENCE):
        async with app.router.lifespan_context(app):
            serve(app, "/", gate, log)
            gate.released.set()
            await request(app)
            (opener,) = app.app_state.app_values.openers
            await opener.open(steps_of(app))

    assert log == lines("gate is reached, gate opens, endpoint with gate, gate exits")


async def test_a_request_that_outlives_the_lifespan_finds_its_dependency_closed(log: Log) -> None:
    gate = Gate(log)
    app = App(cleanup_timeout=0.01)
    answers: list[Any] = []

    @app.get("/")
    async def endpoint(
        gate: Annotated[str, Depends(gate)],
        engine: Annotated[str, Depends(opening(log, "engine"), scope="app")],
    ) -> None: ...

    async def send() -> None:
        answers.append(await request(app))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            async with app.router.lifespan_context(app):
                group.start_soon(send)
                await gate.reached.wait()
            gate.released.set()

    assert isinstance(answers[0].raised, AppScopeError)
    assert log[:4] == lines("engine opens, gate is reached, engine exits, gate opens")
    assert log[4].startswith("gate sees AppScopeError('engine' has scope 'app', and")


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": False})], indirect=True)
async def test_an_event_loop_that_ends_without_the_lifespan_lets_exit_code_run(
    app: App, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async with app.router.lifespan_context(app):
        serve(app, "/", opening(log, "engine"), log)
        await request(app)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "LateOpener" in repr(task):
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()

    assert log == lines("engine opens, endpoint with engine, engine sees CancelledError()")
    assert len(caplog.messages) == 1


# ---------------------------------------------------------------------- without a lifespan


@both
async def test_without_a_lifespan_no_dependency_of_a_request_opens(
    app: App, log: Log, is_async: bool
) -> None:
    session = opening(log, "session", is_async=is_async)
    engine = opening(log, "engine", is_async=is_async)

    @app.get("/", dependencies=[Depends(session, scope="request"), Depends(session)])
    async def endpoint(engine: Annotated[str, Depends(engine, scope="app")]) -> None:
        log("endpoint")

    answer = await request(app)

    assert isinstance(answer.raised, AppScopeError)
    assert log == []


# ---------------------------------------------------------------------- one dependency, two scopes


async def engine() -> AsyncIterator[str]:
    yield "engine"


async def settings() -> str:
    return "settings"


async def session(engine: Annotated[str, Depends(engine)]) -> AsyncIterator[str]:
    yield engine


async def pool(
    engine: Annotated[str, Depends(engine)], settings: Annotated[str, Depends(settings)]
) -> AsyncIterator[str]:
    yield engine


async def shared(engine: Annotated[str, Depends(engine, scope="app")]) -> None: ...


async def for_each_request(session: Annotated[str, Depends(session)]) -> None: ...


async def of_request_scope(engine: Annotated[str, Depends(engine, scope="request")]) -> None: ...


async def widened(pool: Annotated[str, Depends(pool, scope="app")]) -> None: ...


async def shared_settings(
    engine: Annotated[str, Depends(engine)],
    settings: Annotated[str, Depends(settings, scope="app")],
) -> None: ...


async def reading(settings: Annotated[str, Depends(settings)]) -> None: ...


async def conflicts(caplog: pytest.LogCaptureFixture, *endpoints: Callable[..., Any]) -> list[str]:
    """What is logged at start-up."""
    app = App()
    for endpoint in endpoints:
        app.get(f"/{endpoint.__name__}")(endpoint)
    async with app.router.lifespan_context(app):
        assert {record.levelname for record in caplog.records} <= {"WARNING"}
        return caplog.messages


def conflict(dependency: Any, one: Any, other: Any) -> str:
    return (
        f"{place(dependency)} has scope 'app' in {place(one)}, and none in {place(other)}, where"
        f" another one is made for each request. Write Depends({dependency.__name__},"
        ' scope="app") in both places, or another scope where it is meant'
    )


async def test_what_is_shared_in_one_place_and_made_for_each_request_in_another_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logged = await conflicts(caplog, for_each_request, shared)

    assert logged == [conflict(engine, shared, session)]


async def test_also_where_it_has_scope_app_for_what_uses_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """S4"""
    logged = await conflicts(caplog, widened, for_each_request)

    assert logged == [conflict(engine, pool, session)]


async def test_the_place_that_asks_for_scope_app_is_named_before_one_that_needs_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logged = await conflicts(caplog, widened, shared, for_each_request)

    assert logged == [conflict(engine, shared, session)]


async def test_a_function_that_returns_is_logged_where_scope_app_is_asked_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await conflicts(caplog, shared_settings, reading) == [
        conflict(settings, shared_settings, reading)
    ]


async def test_nothing_is_logged_of_scopes_that_fit_or_are_meant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await conflicts(caplog, shared, of_request_scope, widened, reading) == []


async def test_the_place_that_writes_the_scope_is_named_of_several_on_one_route(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """S4"""

    async def both_ways(
        one: Annotated[str, Depends(session)],
        other: Annotated[str, Depends(pool)],
        engine: Annotated[str, Depends(engine, scope="app")],
    ) -> None: ...

    assert await conflicts(caplog, both_ways, for_each_request) == [
        conflict(engine, both_ways, session)
    ]


async def test_an_override_is_what_is_compared(app: App, caplog: pytest.LogCaptureFixture) -> None:
    app.get("/shared")(shared)
    app.get("/")(for_each_request)
    with app.override({session: lambda: "fake"}):
        async with app.router.lifespan_context(app):
            pass

    assert caplog.messages == []
