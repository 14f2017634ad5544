"""L1 to L3: how often a dependency is used at once, and the wait for that."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint

from microfw import (
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    Request,
    Security,
    WebSocket,
)
from microfw.dependencies import Limit, Slot
from microfw.exceptions import DeclarationError
from microfw.responses import StreamingResponse
from tests.lifecycle.programs import Log, request
from tests.lifecycle.test_websockets import converse

FLAVOURS = ["async", "thread", "loop"]

each_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


class Door:
    """Counts who is inside, and how many were at most."""

    def __init__(self) -> None:
        self.inside = self.most = self.entered = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.entered += 1
            self.inside += 1
            self.most = max(self.most, self.inside)

    def leave(self) -> None:
        with self._lock:
            self.inside -= 1


def yielding(door: Door, flavour: str) -> Callable[..., Any]:
    def pass_sync() -> Iterator[None]:
        door.enter()
        try:
            yield
        finally:
            door.leave()

    async def pass_async() -> AsyncIterator[None]:
        door.enter()
        try:
            await checkpoint()
            yield
            await checkpoint()
        finally:
            door.leave()

    return pass_async if flavour == "async" else pass_sync


def returning(door: Door, flavour: str) -> Callable[..., Any]:
    def pass_sync() -> None:
        door.enter()
        threading.Event().wait(0.001)
        door.leave()

    async def pass_async() -> None:
        door.enter()
        await anyio.sleep(0.001)
        door.leave()

    return pass_async if flavour == "async" else pass_sync


async def many(app: App, count: int = 10, path: str = "/") -> list[int | None]:
    """Send requests at once; return their statuses."""
    statuses: list[int | None] = []

    async def send() -> None:
        statuses.append((await request(app, path)).status)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(send)
    return statuses


def app_with(*dependencies: Any, flavour: str = "async") -> App:
    app = App(dependencies=dependencies)

    def read_sync() -> str:
        threading.Event().wait(0.001)
        return "done"

    async def read_async() -> str:
        await anyio.sleep(0.001)
        return "done"

    app.get("/")(read_async if flavour == "async" else read_sync)
    return app


# ---------------------------------------------------------------------- L1


@each_flavour
@pytest.mark.parametrize("endpoint", ["async", "thread"])
@pytest.mark.parametrize("make", [yielding, returning])
@pytest.mark.parametrize("scope", [None, "request"])
async def test_no_more_than_so_many_uses_are_at_once(
    flavour: str, endpoint: str, make: Any, scope: Any
) -> None:
    """L1"""
    door = Door()
    on_thread = flavour != "loop"
    use = Depends(make(door, flavour), max_concurrency=2, sync_to_thread=on_thread, scope=scope)
    app = app_with(use, flavour=endpoint)

    assert await many(app) == [200] * 10

    assert door.entered == 10
    assert door.inside == 0
    assert door.most <= 2
    assert use.limit.in_use == use.limit.waiting == 0


@pytest.mark.parametrize("scope", ["function", "request"])
async def test_a_use_ends_with_its_exit_code(log: Log, scope: Any) -> None:
    """L1"""

    async def get_session() -> AsyncIterator[None]:
        yield
        log("exits")

    session = Depends(get_session, max_concurrency=1, scope=scope)

    async def stay() -> AsyncIterator[None]:
        yield

    app = App(dependencies=[Depends(stay, scope="request"), session])

    async def texts() -> AsyncIterator[str]:
        log(f"{session.limit.in_use} in use while it is sent")
        yield "text"

    @app.get("/")
    async def read() -> StreamingResponse:
        return StreamingResponse(texts())

    await request(app)

    assert (
        log
        == {
            "function": ["exits", "0 in use while it is sent"],
            "request": ["1 in use while it is sent", "exits"],
        }[scope]
    )
    assert session.limit.in_use == 0


@each_flavour
async def test_a_use_of_a_function_ends_when_it_has_returned(app: App, flavour: str) -> None:
    """L1"""
    door = Door()
    use = Depends(returning(door, flavour), max_concurrency=1, sync_to_thread=flavour != "loop")
    seen: list[int] = []

    @app.get("/")
    async def read(it: Annotated[None, use]) -> None:
        await checkpoint()
        seen.append(use.limit.in_use)

    await request(app)

    assert seen == [0]


async def test_one_declaration_has_one_limit_wherever_it_is_used() -> None:
    """L1"""
    door = Door()
    get = yielding(door, "async")
    use = Depends(get, max_concurrency=1)
    one, other = App(), App()

    @one.get("/")
    async def read(it: Annotated[None, use]) -> None: ...

    @other.get("/")
    async def read_other(it: Annotated[None, use]) -> None: ...

    async with anyio.create_task_group() as group:
        group.start_soon(many, one)
        group.start_soon(many, other)

    assert (door.entered, door.most) == (20, 1)
    assert Depends(get, max_concurrency=1).limit is not Depends(get, max_concurrency=1).limit


async def test_a_value_that_is_shared_is_one_use_by_every_limit_that_is_declared() -> None:
    """L1, O3"""
    door = Door()
    get = yielding(door, "async")
    first, second = Depends(get, max_concurrency=1), Depends(get, max_concurrency=5)
    third = Depends(get, max_concurrency=5, scope="function")
    app = app_with(Depends(get), first, second, third)

    assert await many(app) == [200] * 10

    assert (door.entered, door.most) == (10, 1)
    assert [*app.routes[-1].plan.steps[0].limits] == [  # type: ignore[attr-defined]
        first.limit,
        second.limit,
        third.limit,
    ]


async def test_an_override_keeps_the_limit() -> None:
    """L1, X1"""
    door = Door()

    def get_it() -> None: ...

    app = app_with(Depends(get_it, max_concurrency=3))

    with app.override({get_it: yielding(door, "async")}):
        await many(app)

    assert (door.entered, door.most) == (10, 3)


async def test_a_place_is_given_back_whatever_happens(app: App) -> None:
    """L1"""

    async def fail(fails: bool) -> AsyncIterator[None]:
        if fails:
            raise HTTPException(409)
        yield

    use = Depends(fail, max_concurrency=1)

    async def get_other(it: Annotated[None, use]) -> None:
        raise HTTPException(404)

    @app.get("/")
    async def read(it: Annotated[None, use]) -> None:
        raise HTTPException(418)

    @app.get("/other", dependencies=[Depends(get_other, max_concurrency=1)])
    async def read_other() -> None: ...

    statuses = [
        (await request(app, path, query=f"fails={fails}")).status
        for path in ("/", "/other")
        for fails in ("0", "1", "x")
    ]

    assert statuses == [418, 409, 422, 404, 409, 422]
    assert use.limit.in_use == 0


# ---------------------------------------------------------------------- L2


async def test_nothing_is_open_while_it_waits(log: Log) -> None:
    """L2"""
    go_on = anyio.Event()

    def logging_dependency(name: str) -> Any:
        async def get() -> AsyncIterator[None]:
            log(f"{name} opens")
            yield

        return Depends(get)

    async def authenticate() -> None:
        log("authenticates")

    async def get_session() -> AsyncIterator[None]:
        log("session opens")
        yield

    session = Depends(get_session, max_concurrency=1)
    app = App(dependencies=[Depends(authenticate), logging_dependency("lock"), session])

    @app.get("/")
    async def read() -> None:
        await go_on.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(request, app)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(request, app)
        await anyio.wait_all_tasks_blocked()
        log(f"{session.limit.waiting} waits")
        go_on.set()

    opened = ["lock opens", "session opens"]
    assert log == ["authenticates", *opened, "authenticates", "1 waits", *opened]


async def test_two_that_need_the_same_in_another_order_do_not_wait_for_each_other(app: App) -> None:
    """L2"""
    doors = Door(), Door()
    one = Depends(yielding(doors[0], "async"), max_concurrency=1)
    other = Depends(yielding(doors[1], "thread"), max_concurrency=1)

    @app.get("/", dependencies=[one, other])
    async def read() -> None:
        await checkpoint()

    @app.get("/reverse", dependencies=[other, one])
    async def read_reverse() -> None:
        await checkpoint()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(many, app, 10, "/")
            group.start_soon(many, app, 10, "/reverse")

    assert [(door.entered, door.most) for door in doors] == [(20, 1)] * 2


async def test_several_places_are_taken_at_once() -> None:
    """L2"""
    door = Door()
    get = Depends(yielding(door, "async"), max_concurrency=3, use_cache=False)
    app = app_with(get, get)

    with anyio.fail_after(5):
        assert await many(app) == [200] * 10

    assert (door.entered, door.most) == (20, 2)


async def test_who_came_first_gets_a_place_first(log: Log) -> None:
    """L2"""
    limit = Limit(2)

    async def take(name: str, needs: int) -> None:
        places = limit.places()
        if not places.take_at_once(needs):
            await places.take(needs)
        log(name)

    places = limit.places()
    assert places.take_at_once(1)
    async with anyio.create_task_group() as group:
        for name, needs in (("first", 2), ("second", 1), ("third", 1)):
            group.start_soon(take, name, needs)
            await anyio.wait_all_tasks_blocked()
        assert log == []
        places.give_back(1)
        await anyio.wait_all_tasks_blocked()
        assert log == ["first"]
        places.give_back(1)
        await anyio.wait_all_tasks_blocked()
        places.give_back(1)

    assert log == ["first", "second", "third"]


async def test_who_gives_up_loses_no_place_and_keeps_nobody_waiting() -> None:
    """L2, C1"""
    limit = Limit(2)
    places = limit.places()
    assert places.take_at_once(1)

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            group.start_soon(places.take, 1)
            group.start_soon(places.take, 2)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            group.cancel_scope.cancel()

    assert (limit.in_use, limit.waiting) == (2 - places.free, 0)


async def test_a_request_that_is_cancelled_while_it_waits_takes_no_place() -> None:
    """L2, C1"""
    door = Door()
    use = Depends(yielding(door, "async"), max_concurrency=1)
    app = app_with(use)
    places = use.limit.places()
    assert places.take_at_once(1)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(request, app)
        await anyio.wait_all_tasks_blocked()
        assert use.limit.waiting == 3
        group.cancel_scope.cancel()
    places.give_back(1)

    assert (door.entered, use.limit.in_use, use.limit.waiting) == (0, 0, 0)
    assert await many(app) == [200] * 10


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_that_comes_with_the_place_gives_it_back() -> None:
    """L2, C1"""
    limit = Limit(1)
    places = limit.places()
    assert places.take_at_once(1)
    task = asyncio.create_task(places.take(1))
    await asyncio.sleep(0)

    places.give_back(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (limit.in_use, limit.waiting) == (0, 0)


async def test_a_cancelled_first_lets_those_pass_who_need_fewer(log: Log) -> None:
    """L2, C1"""
    places = Limit(2).places()
    assert places.take_at_once(1)

    async def take(needs: int, scope: anyio.CancelScope) -> None:
        with scope:
            await places.take(needs)
            log(f"has {needs}")

    first, second = anyio.CancelScope(), anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(take, 2, first)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(take, 1, second)
        await anyio.wait_all_tasks_blocked()
        first.cancel()

    assert log == ["has 1"]
    assert places.free == 0


async def test_who_waits_takes_no_worker_thread(app: App) -> None:
    """L2, T4"""
    use = Depends(yielding(Door(), "thread"), max_concurrency=1)

    @app.get("/", dependencies=[use])
    def read() -> str:
        return "done"

    @app.get("/free")
    def read_free() -> str:
        return "done"

    places = use.limit.places()
    assert places.take_at_once(1)
    threads = anyio.to_thread.current_default_thread_limiter()
    before, threads.total_tokens = threads.total_tokens, 1
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(many, app)
            await anyio.wait_all_tasks_blocked()
            assert (await request(app, "/free")).status == 200
            places.give_back(1)
    finally:
        threads.total_tokens = before


async def test_each_event_loop_has_places_of_its_own() -> None:
    """L1"""
    use = Depends(yielding(Door(), "async"), max_concurrency=1)
    app = app_with(use)
    assert use.limit.places().take_at_once(1)

    assert await anyio.to_thread.run_sync(lambda: anyio.run(many, app, 2)) == [200, 200]

    assert use.limit.in_use == 1
    use.limit.places().give_back(1)


# ---------------------------------------------------------------------- L3


async def test_the_wait_of_a_request_can_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    """L3"""
    use = Depends(yielding(Door(), "async"), max_concurrency=1)
    app = app_with(use)
    seen: list[dict[str, float] | None] = []

    @app.middleware("http")
    async def look(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        seen.append(request.scope.get("microfw.waited"))
        return response

    with caplog.at_level(logging.DEBUG, "microfw"):
        await many(app, 2)

    assert seen[0] is None
    assert seen[1] is not None
    (name, seconds), *others = seen[1].items()
    assert (name, others) == ("pass_async", [])
    assert use.limit.waited == seconds > 0
    assert [record.getMessage() for record in caplog.records] == [
        f"waited {seconds:.3f} s for {name}: 1 at once"
    ]


# ---------------------------------------------------------------------- other places


@each_flavour
async def test_websockets_tasks_streams_and_calls_wait_too(app: App, flavour: str) -> None:
    """L1"""
    door = Door()
    use = Depends(yielding(door, flavour), max_concurrency=1, sync_to_thread=flavour != "loop")

    async def task(it: Annotated[None, use]) -> None:
        await checkpoint()

    def sync_task(it: Annotated[None, use]) -> None: ...

    @app.websocket("/")
    async def talk(websocket: WebSocket, it: Annotated[None, use]) -> None:
        await websocket.accept()

    @app.get("/tasks")
    async def add(tasks: BackgroundTasks) -> None:
        tasks.add_task(task)
        tasks.add_task(sync_task)

    @app.get("/stream")
    async def stream(it: Annotated[None, use]) -> AsyncIterator[int]:
        yield 1

    with anyio.fail_after(5):
        async with app.running(), anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(converse, app)
                group.start_soon(request, app, "/tasks")
                group.start_soon(request, app, "/stream")
                group.start_soon(app.call, task)

    assert (door.entered, door.most, use.limit.in_use) == (15, 1, 0)


@each_flavour
@pytest.mark.parametrize("endpoint", ["async", "thread"])
async def test_a_limited_use_of_scope_use_ends_with_the_last_that_uses_it(
    app: App, flavour: str, endpoint: str
) -> None:
    """L1, S7"""
    door, free = Door(), Door()
    on_thread = flavour != "loop"
    unlimited = Depends(yielding(free, flavour), scope="use", sync_to_thread=on_thread)
    limited = Depends(
        yielding(door, flavour), scope="use", sync_to_thread=on_thread, max_concurrency=1
    )
    seen: list[tuple[int, int]] = []

    def get_user(session: Annotated[None, unlimited]) -> str:
        return "user"

    def get_rights(user: Annotated[str, Depends(get_user)], it: Annotated[None, limited]) -> str:
        seen.append((limited.limit.in_use, free.inside))
        return "rights"

    def look(rights: str) -> None:
        seen.append((limited.limit.in_use, free.inside))

    async def read_async(rights: Annotated[str, Depends(get_rights)]) -> None:
        await checkpoint()
        look(rights)

    def read_sync(rights: Annotated[str, Depends(get_rights)]) -> None:
        look(rights)

    app.get("/")(read_async if endpoint == "async" else read_sync)

    await request(app)

    inside, after = seen
    assert inside == (1, 0)
    assert after[0] == 0 or endpoint == "thread"  # the loop is told, and may not have run since
    assert await many(app) == [200] * 10
    assert (door.entered, door.most) == (11, 1)


async def test_a_deep_graph_waits_once_at_its_beginning() -> None:
    """L2"""
    doors = [Door() for _ in range(24)]
    uses = [
        Depends(yielding(door, FLAVOURS[number % 3]), max_concurrency=1 + number % 2)
        for number, door in enumerate(doors)
    ]
    app = app_with(*uses, flavour="thread")

    assert await many(app) == [200] * 10

    assert {door.most for door in doors} == {1}
    assert app.explain("/").count("waiting_for(") == 1


def test_a_slot_may_be_given_back_by_a_thread_when_its_loop_has_ended() -> None:
    slot: list[Slot] = []

    async def make() -> None:
        slot.append(Slot())

    anyio.run(make)
    thread = threading.Thread(target=slot[0].give_back)
    thread.start()
    thread.join()


# ---------------------------------------------------------------------- mistakes


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "2"])
@pytest.mark.parametrize("declare", [Depends, Security])
def test_a_limit_is_a_positive_integer(number: Any, declare: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare(lambda: None, max_concurrency=number)

    assert str(caught.value).startswith("max_concurrency is no positive integer\n")


def test_scope_app_has_nothing_to_limit() -> None:
    with pytest.raises(DeclarationError, match='of scope "app" opens once'):
        Depends(lambda: None, max_concurrency=1, scope="app")


async def test_a_limit_of_what_becomes_of_scope_app_is_none(app: App) -> None:
    def get_settings() -> str:
        return "settings"

    limited = Depends(get_settings, max_concurrency=1)

    async def get_engine(settings: Annotated[str, limited]) -> AsyncIterator[str]:
        yield settings

    @app.get("/")
    async def read(engine: Annotated[str, Depends(get_engine, scope="app")]) -> str:
        return engine

    async with app.running():
        assert (await request(app)).json() == "settings"


def test_what_would_wait_for_itself_is_refused(app: App) -> None:
    @asynccontextmanager
    async def get_session() -> AsyncIterator[None]:
        yield

    use = Depends(get_session, max_concurrency=1, use_cache=False)
    with pytest.raises(DeclarationError) as caught:

        @app.get("/", dependencies=[use, use])
        async def read() -> None: ...

    assert "is used 2 times at once here, of max_concurrency=1" in str(caught.value)


@pytest.mark.parametrize("number", [1, 2])
async def test_a_task_fails_where_requests_that_hold_all_places_wait_for_more(number: int) -> None:
    """L2: it would wait for ever."""
    door, log = Door(), Log()
    all_inside, inside = anyio.Event(), 0
    use = Depends(yielding(door, "async"), scope="request", max_concurrency=number)
    app = App()

    async def work(it: Annotated[None, use]) -> None:
        log("works")

    @app.get("/")
    async def read(it: Annotated[None, use], tasks: BackgroundTasks) -> None:
        nonlocal inside
        inside += 1
        if inside == number:
            all_inside.set()
        await all_inside.wait()
        tasks.add_task(work)

    raised: list[str] = []

    async def ask() -> None:
        answer = await request(app)
        raised.append(type(answer.raised).__name__)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(number):
                group.start_soon(ask)

    assert sorted(raised) == ["LimitError", *["NoneType"] * (number - 1)]
    assert log == ["works"] * (number - 1)
    assert (door.inside, door.most) == (0, number)


async def test_a_task_fails_where_two_requests_hold_what_the_other_one_s_task_needs() -> None:
    """L2: they would wait for each other for ever."""
    door, log = Door(), Log()
    one = Depends(yielding(door, "async"), scope="request", max_concurrency=1)
    other = Depends(yielding(door, "async"), scope="request", max_concurrency=1)
    inside = [anyio.Event(), anyio.Event()]
    app = App()

    async def work(it: Annotated[None, one]) -> None:
        log("works")

    async def work_with_other(it: Annotated[None, other]) -> None:
        log("works")

    @app.get("/one")
    async def read_one(it: Annotated[None, one], tasks: BackgroundTasks) -> None:
        inside[0].set()
        await inside[1].wait()
        tasks.add_task(work_with_other)

    @app.get("/other")
    async def read_other(it: Annotated[None, other], tasks: BackgroundTasks) -> None:
        inside[1].set()
        await inside[0].wait()
        tasks.add_task(work)

    raised: list[str] = []

    async def ask(path: str) -> None:
        answer = await request(app, path)
        raised.append(str(answer.raised).partition(",")[0])

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(ask, "/one")
            group.start_soon(ask, "/other")

    what = "is needed inside of what holds a place of another limit"
    assert [text.partition("' ")[2] for text in sorted(raised)] == [what, ""]
    assert log == ["works"]
    assert (one.limit.in_use, other.limit.in_use) == (0, 0)


async def test_a_request_that_opens_nothing_yet_does_not_fail_where_a_task_can() -> None:
    """L2: it holds the first of its places, and waits for the second; the task waits for the first."""
    door, log = Door(), Log()
    first = Depends(yielding(door, "async"), scope="request", max_concurrency=1)
    second = Depends(yielding(door, "async"), scope="request", max_concurrency=1)
    inside, goes_on = anyio.Event(), anyio.Event()
    app = App()

    async def work(it: Annotated[None, first]) -> None:
        log("works")

    @app.get("/second")
    async def read_second(it: Annotated[None, second], tasks: BackgroundTasks) -> None:
        inside.set()
        await goes_on.wait()
        tasks.add_task(work)

    @app.get("/both")
    async def read_both(it: Annotated[None, first], other: Annotated[None, second]) -> None:
        log("has both")

    raised: dict[str, str] = {}

    async def ask(path: str) -> None:
        raised[path] = type((await request(app, path)).raised).__name__

    places = first.limit.places()
    assert places.take_at_once(1)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(ask, "/second")
            await inside.wait()
            group.start_soon(ask, "/both")
            await anyio.wait_all_tasks_blocked()
            goes_on.set()
            await anyio.wait_all_tasks_blocked()
            places.give_back(1)

    assert raised == {"/second": "LimitError", "/both": "NoneType"}
    assert log == ["has both"]
    assert (first.limit.in_use, second.limit.in_use) == (0, 0)


async def test_a_place_that_a_parent_task_holds_is_waited_for() -> None:
    """L2: that one may go on meanwhile."""
    door, log = Door(), Log()
    app = App()
    limited = Depends(yielding(door, "async"), max_concurrency=1)

    async def work(it: Annotated[None, limited]) -> None:
        log("works")

    async with anyio.create_task_group() as group:

        @app.get("/")
        async def read(it: Annotated[None, limited]) -> None:
            group.start_soon(app.call, work)
            await checkpoint()

        await request(app)

    assert log == ["works"]
