"""T1 to T5: which thread runs what, what neighbours share, and who waits for a free thread."""

import asyncio
import queue
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, Token
from functools import partial
from types import FrameType
from typing import Annotated, Any, NamedTuple

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint

from microfw import App, BackgroundTasks, Depends, HTTPException, Request, Response
from microfw.responses import JSONResponse, StreamingResponse
from tests.lifecycle.programs import Log, request

NOTHING = Depends(lambda: None, sync_to_thread=False)
"""What the first of a chain of dependencies uses."""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


# ---------------------------------------------------------------------- T1, T5


class Notes:
    """Notes for each step in which threads it runs."""

    def __init__(self) -> None:
        self._event_loop = threading.get_ident()
        self.threads: dict[str, list[str]] = {}

    def __call__(self, step: str) -> None:
        here = "loop" if threading.get_ident() == self._event_loop else "worker"
        self.threads.setdefault(step, []).append(here)

    @contextmanager
    def both(self, step: str) -> Iterator[None]:
        self(step)
        try:
            yield
        finally:
            self(step)


@pytest.fixture
def note() -> Notes:
    return Notes()


def all_kinds(note: Notes) -> Any:
    """Make a dependency that uses one of every kind."""

    async def async_yield() -> AsyncIterator[None]:
        with note.both("async yield"):
            yield

    def sync_yield() -> Iterator[None]:
        with note.both("sync yield"):
            yield

    def sync_yield_on_loop() -> Iterator[None]:
        with note.both("sync yield on loop"):
            yield

    async def async_function() -> None:
        note("async function")

    def sync_function() -> None:
        note("sync function")

    class Service:
        def __init__(self) -> None:
            note("class")

    class Instance:
        def __call__(self) -> None:
            note("instance")

        async def method(self) -> None:
            note("async method")

    async def dependency(
        one: Annotated[None, Depends(async_yield)],
        two: Annotated[None, Depends(sync_yield)],
        three: Annotated[None, Depends(sync_yield_on_loop, sync_to_thread=False)],
        four: Annotated[None, Depends(async_function)],
        five: Annotated[None, Depends(sync_function)],
        six: Annotated[None, Depends(partial(note, "on loop"), sync_to_thread=False)],
        seven: Annotated[Service, Depends()],
        eight: Annotated[None, Depends(Instance())],
        nine: Annotated[None, Depends(Instance().method)],
        ten: Annotated[None, Depends(partial(note, "partial"))],
    ) -> None: ...

    return Depends(dependency)


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_async_steps_run_on_the_event_loop_and_sync_ones_in_worker_threads(
    app: App, note: Notes, kind: str, fails: bool
) -> None:
    def sync_endpoint() -> None:
        note("endpoint")
        if fails:
            raise HTTPException(418)

    async def async_endpoint() -> None:
        sync_endpoint()

    endpoint = sync_endpoint if kind == "sync" else async_endpoint
    app.add_api_route("/", endpoint, dependencies=[all_kinds(note)])
    answer = await request(app)
    assert answer.status == (418 if fails else 200)
    assert note.threads == {
        "async yield": ["loop", "loop"],
        "sync yield": ["worker", "worker"],
        "sync yield on loop": ["loop", "loop"],
        "async function": ["loop"],
        "sync function": ["worker"],
        "on loop": ["loop"],
        "class": ["worker"],
        "instance": ["worker"],
        "async method": ["loop"],
        "partial": ["worker"],
        "endpoint": ["worker" if kind == "sync" else "loop"],
    }


async def test_tasks_handlers_and_streams_that_are_sync_run_in_worker_threads(
    app: App, note: Notes
) -> None:
    def resource() -> Iterator[None]:
        with note.both("resource"):
            yield

    def task(resource: Annotated[None, Depends(resource)]) -> None:
        note("task")

    @app.exception_handler(KeyError)
    def handler(_: Request, error: Exception) -> Response:
        note("handler")
        return Response()

    @app.get("/task")
    async def add_task(tasks: BackgroundTasks) -> None:
        tasks.add_task(task)

    @app.get("/failure")
    async def failure() -> None:
        raise KeyError

    @app.get("/stream", response_class=StreamingResponse)
    def stream() -> Iterator[str]:
        with note.both("stream"):
            yield "part"

    for path in ("/task", "/failure", "/stream"):
        await request(app, path)
    assert note.threads == {
        "resource": ["worker", "worker"],
        "task": ["worker"],
        "handler": ["worker"],
        "stream": ["worker", "worker"],
    }


# ---------------------------------------------------------------------- T2


class Hops(list[FrameType]):
    """The calls to worker threads in which something has run."""

    def note(self) -> None:
        """Note the call that the caller runs in: microfw's first function on the thread's stack."""
        frame: FrameType | None = sys._getframe()
        first = None
        while frame is not None:
            if "microfw" in frame.f_code.co_filename and __file__ != frame.f_code.co_filename:
                first = frame
            frame = frame.f_back
        assert first is not None
        if not any(first is other for other in self):
            self.append(first)

    def resource(self, *below: Any, scope: Any = None) -> Any:
        """Make a sync yield dependency."""

        def dependency(below: Any = below[0] if below else Depends(self.value)) -> Iterator[None]:
            self.note()
            try:
                yield
            finally:
                self.note()

        return Depends(dependency, scope=scope)

    def value(self) -> None:
        """Be a sync dependency that does not stay open."""
        self.note()


@pytest.fixture
def hops() -> Hops:
    return Hops()


def leaves_the_thread(below: Any) -> Any:
    async def dependency(below: Any = below) -> None:
        await checkpoint()

    return Depends(dependency)


@pytest.mark.parametrize("fails", [True, False])
async def test_a_sync_endpoint_and_all_its_sync_dependencies_are_one_call(
    app: App, hops: Hops, fails: bool
) -> None:
    third = hops.resource(hops.resource(hops.resource()))

    @app.get("/")
    def endpoint(third: Annotated[None, third]) -> None:
        hops.note()
        if fails:
            raise HTTPException(418)

    assert (await request(app)).status == (418 if fails else 200)
    assert len(hops) == 1


async def test_a_response_is_built_in_the_call_of_its_sync_endpoint(app: App, hops: Hops) -> None:
    first = hops.resource()

    class NotingResponse(JSONResponse):
        def render(self, content: Any) -> bytes:
            hops.note()
            return super().render(content)

    @app.get("/", response_class=NotingResponse)
    def endpoint(first: Annotated[None, first]) -> None:
        hops.note()

    await request(app)
    assert len(hops) == 1


async def test_neighbouring_sync_dependencies_share_a_call_for_setup_and_one_for_exit(
    app: App, hops: Hops
) -> None:
    third = hops.resource(hops.resource(hops.resource()))

    @app.get("/")
    async def endpoint(third: Annotated[None, third]) -> None: ...

    await request(app)
    assert len(hops) == 2


async def test_neighbouring_sync_functions_share_a_call(app: App, hops: Hops) -> None:
    def second(first: Annotated[None, Depends(hops.value)]) -> None:
        hops.note()

    def third(second: Annotated[None, Depends(second)]) -> None:
        hops.note()

    @app.get("/", dependencies=[Depends(third)])
    async def endpoint() -> None: ...

    await request(app)
    assert len(hops) == 1


async def test_an_async_dependency_between_sync_ones_parts_their_calls(hops: Hops) -> None:
    app = App()
    second = leaves_the_thread(hops.resource())
    third = hops.resource(second)

    @app.get("/")
    def endpoint(third: Annotated[None, third]) -> None:
        hops.note()

    await request(app)
    assert (
        len(hops) == 3
    )  # setup of the first; from the third's setup to its exit; exit of the first


async def test_scope_request_exits_in_a_second_call(app: App, hops: Hops) -> None:
    first = hops.resource(scope="request")
    second = hops.resource(first)

    @app.get("/")
    def endpoint(second: Annotated[None, second]) -> None:
        hops.note()

    await request(app)
    assert len(hops) == 2


async def test_dependencies_on_the_event_loop_make_no_call(app: App, hops: Hops) -> None:
    loop = threading.get_ident()
    seen: list[int] = []

    def resource() -> Iterator[None]:
        seen.append(threading.get_ident())
        yield
        seen.append(threading.get_ident())

    @app.get("/")
    async def endpoint(
        resource: Annotated[None, Depends(resource, sync_to_thread=False)],
    ) -> None: ...

    await request(app)
    assert seen == [loop, loop]


async def test_an_sqlite_connection_just_works_with_a_sync_endpoint(app: App) -> None:
    closed: list[bool] = []

    def get_connection() -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(":memory:")  # may only be used in the thread it is made in
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()
            closed.append(True)

    def get_cursor(
        connection: Annotated[sqlite3.Connection, Depends(get_connection)],
    ) -> Iterator[sqlite3.Cursor]:
        cursor = connection.cursor()
        yield cursor
        cursor.close()

    @app.get("/")
    def endpoint(
        cursor: Annotated[sqlite3.Cursor, Depends(get_cursor)],
        connection: Annotated[sqlite3.Connection, Depends(get_connection)],
    ) -> Any:
        connection.execute("create table items (name text)")
        connection.execute("insert into items values ('book')")
        return cursor.execute("select name from items").fetchall()

    async def send_several() -> None:
        for _ in range(5):
            answer = await request(app)
            assert (answer.status, answer.json()) == (200, [["book"]])

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(send_several)
    assert closed == [True] * 100


# ---------------------------------------------------------------------- T3

variable: ContextVar[str] = ContextVar("variable")


def value() -> str:
    return variable.get("unset")


async def run_alone(function: Callable[[], Any]) -> None:
    """Run a request in a task, and so in a context, of its own, as a server does."""
    async with anyio.create_task_group() as group:
        group.start_soon(function)


class Setter(NamedTuple):
    """A dependency that sets the variable for as long as it is open, and how it does."""

    name: str
    dependency: Callable[..., Any]
    in_thread: bool = True


def setters(name: str, log: Log, *below: Any) -> list[Setter]:
    uses: Any = below[0] if below else NOTHING

    @contextmanager
    def set_it() -> Iterator[None]:
        before = value()
        token = variable.set(name)
        try:
            yield
        finally:
            log(f"{name} exits with {value()}")
            variable.reset(token)
            assert value() == before

    def sync(below: Any = uses) -> Iterator[None]:
        with set_it():
            yield

    async def quick(below: Any = uses) -> AsyncIterator[None]:
        with set_it():
            yield

    async def suspending(below: Any = uses) -> AsyncIterator[None]:
        await checkpoint()
        with set_it():
            try:
                yield
            finally:
                await checkpoint()

    return [
        Setter("thread", sync),
        Setter("loop", sync, in_thread=False),
        Setter("quick", quick),
        Setter("suspending", suspending),
    ]


@pytest.mark.parametrize("inner", range(4))
@pytest.mark.parametrize("outer", range(4))
@pytest.mark.parametrize("endpoint", ["sync", "async"])
@pytest.mark.parametrize("fails", [True, False])
async def test_a_context_variable_is_seen_by_all_that_follows_and_can_be_reset(
    log: Log, app: App, outer: int, inner: int, endpoint: str, fails: bool
) -> None:
    def observe() -> Iterator[None]:
        log(f"observer opens with {value()}")
        try:
            yield
        finally:
            log(f"observer exits with {value()}")

    async def async_observe(below: Annotated[None, Depends(observe)]) -> AsyncIterator[None]:
        log(f"async observer opens with {value()}")
        try:
            yield
        finally:
            log(f"async observer exits with {value()}")

    one = setters("one", log, Depends(async_observe))[outer]
    first = Depends(one.dependency, sync_to_thread=one.in_thread)
    two = setters("two", log, first)[inner]
    second = Depends(two.dependency, sync_to_thread=two.in_thread)

    async def between(below: Annotated[None, second]) -> None:
        log(f"async sees {value()}")

    def sync_between(below: Annotated[None, Depends(between)]) -> None:
        log(f"sync sees {value()}")

    def act(tasks: BackgroundTasks) -> None:
        log(f"endpoint sees {value()}")
        if fails:
            raise HTTPException(418)

    if endpoint == "sync":

        @app.get("/", dependencies=[Depends(sync_between)])
        def sync_endpoint(tasks: BackgroundTasks) -> None:
            act(tasks)

    else:

        @app.get("/", dependencies=[Depends(sync_between)])
        async def async_endpoint(tasks: BackgroundTasks) -> None:
            act(tasks)

    await run_alone(lambda: request(app))
    assert log == [
        "observer opens with unset",
        "async observer opens with unset",
        "async sees two",
        "sync sees two",
        "endpoint sees two",
        "two exits with two",
        "one exits with one",
        "async observer exits with unset",
        "observer exits with unset",
    ]
    assert value() == "unset"


async def test_a_context_variable_that_exit_code_sets_anew_can_be_reset_to_unset() -> None:
    """What was set over another step's value, and reset, leaves nothing behind."""
    log = Log()
    app = App()
    tokens: list[Token[str]] = []

    async def observer() -> AsyncIterator[None]:
        yield
        log(f"observer sees {value()}")

    def resets(below: Annotated[None, Depends(observer)]) -> Iterator[None]:
        yield
        variable.reset(tokens.pop())

    async def between(below: Annotated[None, Depends(resets)]) -> AsyncIterator[None]:
        yield
        log(f"between sees {value()}")

    def sets(below: Annotated[None, Depends(between)]) -> Iterator[None]:
        yield
        log(f"sets over {value()}")
        tokens.append(variable.set("set at exit"))

    async def outer(below: Annotated[None, Depends(sets)]) -> AsyncIterator[None]:
        token = variable.set("outer")
        yield
        variable.reset(token)

    def inner(below: Annotated[None, Depends(outer)]) -> Iterator[None]:
        token = variable.set("inner")
        yield
        variable.reset(token)

    @app.get("/", dependencies=[Depends(inner)])
    async def endpoint() -> None:
        log(f"endpoint sees {value()}")

    await run_alone(lambda: request(app))
    assert log == [
        "endpoint sees inner",
        "sets over unset",
        "between sees set at exit",
        "observer sees unset",
    ]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("setter", ["sync", "async"])
async def test_what_the_endpoint_or_a_dependency_sets_is_seen_in_exit_code_and_tasks(
    log: Log, app: App, kind: str, setter: str
) -> None:
    def observe() -> Iterator[None]:
        yield
        log(f"sync exit sees {value()}")

    async def async_observe(below: Annotated[None, Depends(observe)]) -> AsyncIterator[None]:
        yield
        log(f"async exit sees {value()}")

    def sync_set(below: Annotated[None, Depends(async_observe)]) -> None:
        variable.set("by dependency")

    async def async_set(below: Annotated[None, Depends(async_observe)]) -> None:
        variable.set("by dependency")

    def sync_endpoint(tasks: BackgroundTasks) -> None:
        log(f"endpoint sees {value()}")
        variable.set("by endpoint")
        for task in tasks_that_see(log):
            tasks.add_task(task)

    async def async_endpoint(tasks: BackgroundTasks) -> None:
        sync_endpoint(tasks)

    set_it = Depends(sync_set if setter == "sync" else async_set)
    endpoint = sync_endpoint if kind == "sync" else async_endpoint
    app.add_api_route("/", endpoint, dependencies=[set_it])
    await run_alone(lambda: request(app, log=log))
    assert log == [
        "endpoint sees by dependency",
        "async exit sees by endpoint",
        "sync exit sees by endpoint",
        "sends 200",
        "task sees by endpoint",
        "async task sees by endpoint",
        "dependency of a task sees by endpoint",
        "dependent task sees by endpoint",
    ]
    assert value() == "unset"


def tasks_that_see(log: Log) -> list[Callable[..., Any]]:
    def task() -> None:
        log(f"task sees {value()}")

    async def async_task() -> None:
        log(f"async task sees {value()}")

    def resource() -> Iterator[None]:
        log(f"dependency of a task sees {value()}")
        yield

    def dependent_task(below: Annotated[None, Depends(resource)]) -> None:
        log(f"dependent task sees {value()}")

    return [task, async_task, dependent_task]


@pytest.mark.parametrize("endpoint", ["sync", "async"])
async def test_requests_at_the_same_time_see_no_context_variable_of_each_other(
    app: App, endpoint: str
) -> None:
    seen: list[tuple[str, str, str]] = []
    all_have_set = anyio.Event()
    waiting = 0

    def set_it(name: str) -> Iterator[None]:
        token = variable.set(name)
        yield
        seen.append(("exit", name, value()))
        variable.reset(token)

    async def meet(name: str, below: Annotated[None, Depends(set_it)]) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 10:
            all_have_set.set()
        await all_have_set.wait()

    if endpoint == "sync":

        @app.get("/")
        def sync_endpoint(name: str, met: Annotated[None, Depends(meet)]) -> None:
            seen.append(("endpoint", name, value()))

    else:

        @app.get("/")
        async def async_endpoint(name: str, met: Annotated[None, Depends(meet)]) -> None:
            seen.append(("endpoint", name, value()))

    async def send(name: str) -> None:
        await request(app, query=f"name={name}")

    names = [str(number) for number in range(10)]
    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(send, name)
    assert sorted(seen) == sorted(
        (where, name, name) for name in names for where in ("endpoint", "exit")
    )
    assert value() == "unset"


async def test_a_later_request_sees_no_context_variable_of_an_earlier_one(app: App) -> None:
    seen: list[str] = []

    def set_it() -> None:
        seen.append(value())
        variable.set("set")

    @app.get("/")
    def endpoint(below: Annotated[None, Depends(set_it)]) -> None:
        seen.append(value())

    for _ in range(3):
        await run_alone(lambda: request(app))
    assert seen == ["unset", "set"] * 3


@pytest.mark.parametrize("endpoint", ["sync", "async"])
async def test_a_stream_from_a_thread_sees_and_sets_context_variables(endpoint: str) -> None:
    app = App()
    seen: list[str] = []

    async def set_it() -> AsyncIterator[None]:
        variable.set("by dependency")
        yield
        seen.append(value())

    def stream_sync(below: Annotated[None, Depends(set_it)]) -> Iterator[str]:
        seen.append(value())
        token = variable.set("by stream")
        yield "part"
        variable.reset(token)
        seen.append(value())
        variable.set("by its end")
        yield "part"

    async def stream_async(below: Annotated[None, Depends(set_it)]) -> AsyncIterator[str]:
        seen.append(value())
        token = variable.set("by stream")
        yield "part"
        variable.reset(token)
        seen.append(value())
        variable.set("by its end")
        yield "part"

    stream = stream_sync if endpoint == "sync" else stream_async
    app.add_api_route("/", stream, response_class=StreamingResponse)
    await run_alone(lambda: request(app))
    assert seen == ["by dependency", "by dependency", "by its end"]


# ---------------------------------------------------------------------- T4

REQUESTS = 100
RESOURCES = 10


class Pool:
    """A pool as database drivers have them: who finds it empty blocks the thread."""

    def __init__(self) -> None:
        self._free: queue.Queue[int] = queue.Queue()
        for number in range(RESOURCES):
            self._free.put(number)

    def get_resource(self) -> Iterator[int]:
        resource = self._free.get(timeout=5)
        try:
            yield resource
        finally:
            self._free.put(resource)


async def wait_a_little() -> None:
    await anyio.sleep(0.001)


def routes(pool: Pool, scope: Any) -> dict[str, Callable[..., Any]]:
    """Endpoints that hold a resource in one way or another."""
    get_resource = Depends(pool.get_resource, scope=scope)

    def sync(resource: Any = get_resource) -> None: ...

    async def not_sync(resource: Any = get_resource) -> None:
        await wait_a_little()

    def sync_after_async(
        resource: Any = get_resource, waited: Any = Depends(wait_a_little)
    ) -> None: ...

    async def async_after_sync(
        resource: Any = get_resource,
        waited: Any = Depends(wait_a_little),
        last: Any = Depends(lambda: None),
    ) -> None: ...

    def task(
        resource: Any = Depends(pool.get_resource), waited: Any = Depends(wait_a_little)
    ) -> None: ...

    async def with_a_task(tasks: BackgroundTasks) -> None:
        tasks.add_task(task)

    return {
        "sync": sync,
        "async": not_sync,
        "sync after async": sync_after_async,
        "async after sync": async_after_sync,
        "task": with_a_task,
    }


def streams(pool: Pool, scope: Any) -> dict[str, Callable[..., Any]]:
    get_resource = Depends(pool.get_resource, scope=scope)

    def stream(resource: Any = get_resource) -> Iterator[str]:
        yield "one"
        yield "two"

    def stream_with_its_own() -> Iterator[str]:
        with contextmanager(pool.get_resource)():
            yield "one"
            yield "two"

    return {"stream": stream, "stream with its own resource": stream_with_its_own}


@pytest.mark.unmeasured
@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize("kind", [*routes(Pool(), None), *streams(Pool(), None)])
async def test_many_requests_for_few_resources_all_succeed(app: App, kind: str, scope: Any) -> None:
    pool = Pool()
    endpoint = (routes(pool, scope) | streams(pool, scope))[kind]
    app.add_api_route("/", endpoint)
    answers: list[Any] = []

    async def send() -> None:
        answer = await request(app)
        answers.append((answer.status, answer.complete, answer.raised))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(send)
    assert answers == [(200, True, None)] * REQUESTS


@contextmanager
def no_free_thread() -> Iterator[None]:
    limiter = anyio.to_thread.current_default_thread_limiter()
    borrowers = [object() for _ in range(int(limiter.available_tokens))]
    for borrower in borrowers:
        limiter.acquire_on_behalf_of_nowait(borrower)
    try:
        yield
    finally:
        for borrower in borrowers:
            limiter.release_on_behalf_of(borrower)


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize("count", [1, 3])
async def test_exit_code_waits_for_no_free_thread(fails: bool, scope: Any, count: int) -> None:
    app = App()
    log = Log()
    all_threads = ExitStack()

    def resource(number: int, below: Any) -> Any:
        def dependency(below: Any = below) -> Iterator[None]:
            try:
                yield
            finally:
                log(f"exit {number}")

        return Depends(dependency, scope=scope)

    last: Any = NOTHING
    for number in range(count):
        last = resource(number, last)

    @app.get("/", dependencies=[last])
    async def endpoint() -> None:
        all_threads.enter_context(no_free_thread())
        if fails:
            raise HTTPException(418)

    with anyio.fail_after(5), all_threads:
        await request(app)
    assert log == [f"exit {number}" for number in reversed(range(count))]


@pytest.mark.parametrize("anyio_backend", [("asyncio", {}), ("asyncio", {"use_uvloop": True})])
@pytest.mark.parametrize("turns", range(6))
async def test_an_error_in_exit_code_is_reported_whenever_its_request_is_cancelled(
    log: Log, app: App, turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    inside, leave = anyio.Event(), anyio.Event()
    cancelled = threading.Event()

    def resource() -> Iterator[None]:
        try:
            yield
        finally:
            assert cancelled.wait(5)
            log("exit")
            raise LookupError("exit failed")

    @app.get("/", dependencies=[Depends(resource)])
    async def endpoint() -> None:
        inside.set()
        await leave.wait()

    task = asyncio.create_task(request(app, log=log))
    await inside.wait()
    leave.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert log == ["exit"]
    assert [repr(error) for error in seen] == ["LookupError('exit failed')"]


async def test_a_sync_endpoint_waits_for_no_free_thread_while_a_sync_dependency_is_open(
    log: Log, app: App
) -> None:
    def resource() -> Iterator[None]:
        yield
        log("exit")

    async def occupy(below: Annotated[None, Depends(resource)]) -> AsyncIterator[None]:
        with no_free_thread():
            yield

    @app.get("/", dependencies=[Depends(occupy)])
    def endpoint() -> None:
        log("endpoint")

    with anyio.fail_after(5):
        await request(app, log=log)
    assert log == ["endpoint", "exit", "sends 200"]


@pytest.mark.parametrize("has_dependency", [True, False])
async def test_a_sync_task_waits_for_no_free_thread_while_a_sync_dependency_is_open(
    log: Log, app: App, has_dependency: bool
) -> None:
    all_threads = ExitStack()

    def resource() -> Iterator[None]:
        yield
        log("exit")

    def task() -> None:
        log("task")

    def dependent_task(below: Annotated[None, Depends(lambda: None)]) -> None:
        log("task")

    @app.get("/", dependencies=[Depends(resource, scope="request")])
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(dependent_task if has_dependency else task)
        all_threads.enter_context(no_free_thread())

    with anyio.fail_after(5), all_threads:
        await request(app, log=log)
    assert log == ["sends 200", "task", "exit"]


@pytest.mark.parametrize("uses_resource", [True, False])
async def test_a_sync_task_does_wait_for_a_free_thread_while_none_is_open(
    log: Log, app: App, uses_resource: bool
) -> None:
    all_threads = ExitStack()

    def resource() -> Iterator[None]:
        yield
        log("exit")

    @app.get("/", dependencies=[Depends(resource)] if uses_resource else [])
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(log, "task")
        all_threads.enter_context(no_free_thread())

    with all_threads, anyio.move_on_after(0.05) as scope:
        await request(app, log=log)
    assert scope.cancelled_caught
    assert log == (["exit", "sends 200"] if uses_resource else ["sends 200"])


async def test_setup_does_wait_for_a_free_thread(log: Log, app: App) -> None:
    @app.get("/")
    def endpoint() -> None:
        log("endpoint")

    with no_free_thread(), anyio.move_on_after(0.05) as scope:
        await request(app)
    assert scope.cancelled_caught
    assert log == []
