"""C1 to C3: whoever cancels a request, wherever it is, every open dependency exits, to its end."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import trio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from microfw import App, BackgroundTask, BackgroundTasks, Depends, HTTPException, Request, Response
from microfw.dependencies import _cancellation
from microfw.exceptions import CleanupTimeoutError, SwallowedExceptionError, YieldError
from microfw.responses import StreamingResponse
from tests.lifecycle.programs import Log, lines, request

LONG = 5
"""Seconds that nothing takes, if it is cancelled as it should be."""

CANCELLATIONS = (asyncio.CancelledError, trio.Cancelled)


def told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup) and error.split(CANCELLATIONS)[1] is None:
        return "cancellations"
    return "cancellation" if isinstance(error, CANCELLATIONS) else repr(error)


class Scene:
    """Where a program waits until the request has been cancelled.

    Attributes:
        reached: Is set when the program waits.
        released: Lets threads go on, which no cancellation can reach.
    """

    def __init__(self) -> None:
        self.log = Log()
        self.reached = anyio.Event()
        self.released = threading.Event()

    async def wait(self) -> None:
        self.log("waits")
        self.reached.set()
        await anyio.sleep(LONG)

    async def wait_until_released(self) -> None:
        self.log("waits")
        self.reached.set()
        while not self.released.is_set():
            await checkpoint()

    def wait_in_thread(self) -> None:
        self.log("waits")
        anyio.from_thread.run_sync(self.reached.set)
        assert self.released.wait(10)

    async def log_of(self, cancel: "Cancel", app: Any) -> Log:
        """Cancel a request, which ends with that; return what has happened."""
        assert await cancel(self, lambda: request(app, log=self.log)) == "cancelled"
        return self.log

    @contextmanager
    def block(self, name: str) -> Iterator[None]:
        self.log(f"{name} opens")
        try:
            yield
        except BaseException as error:
            self.log(f"{name} sees {told(error)}")
            raise
        else:
            self.log(f"{name} sees nothing")

    def dependency(
        self,
        flavour: str,
        name: str,
        *below: Any,
        scope: Any = None,
        react: Callable[[BaseException], None] | None = None,
    ) -> Any:
        """Make a yield dependency; what is `suspending` has exit code that awaits a lot."""
        uses: Any = below[0] if below else NOTHING

        @contextmanager
        def block() -> Iterator[None]:
            try:
                with self.block(name):
                    yield
            except BaseException as error:
                if react is None:
                    raise
                react(error)

        async def suspending(below: Any = uses) -> Any:
            try:
                with block():
                    yield name
            finally:
                await several_turns()
                with anyio.move_on_after(0):
                    await anyio.sleep_forever()
                async with anyio.create_task_group() as group:
                    group.start_soon(checkpoint)
                self.log(f"{name} ends")

        async def quick(below: Any = uses) -> Any:
            try:
                with block():
                    yield name
            finally:
                self.log(f"{name} ends")

        def sync(below: Any = uses) -> Any:
            try:
                with block():
                    yield name
            finally:
                self.log(f"{name} ends")

        flavours = {"suspending": suspending, "quick": quick, "thread": sync, "loop": sync}
        in_thread = flavour == "thread"
        return Depends(flavours[flavour], scope=scope, sync_to_thread=in_thread)


NOTHING = Depends(lambda: None, sync_to_thread=False)
FLAVOURS = ["suspending", "quick", "thread", "loop"]


def awaiting_send(app: Any) -> Any:
    """Have the server notice a cancellation when something is sent."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def send_later(message: Any) -> None:
            await checkpoint()
            await send(message)

        await app(scope, receive, send_later)

    return wrapped


def waiting_send(app: Any, scene: Scene, kind: str = "http.response.start") -> Any:
    """Have the server not take what is sent."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def send_unless(message: Any) -> None:
            if message["type"] == kind:
                await scene.wait()
            await send(message)

        await app(scope, receive, send_unless)

    return wrapped


def leaving(app: Any, scene: Scene) -> Any:
    """Have the client go once the scene is reached."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def receive_until() -> Any:
            await scene.reached.wait()
            return {"type": "http.disconnect"}

        await app(scope, receive_until, send)

    return wrapped


# ---------------------------------------------------------------------- who cancels


Cancel = Callable[[Scene, Callable[[], Awaitable[Any]]], Awaitable[str]]
"""Runs a request, cancels it once the scene is reached, and tells how it has ended."""


async def by_cancel_scope(scene: Scene, run: Callable[[], Awaitable[Any]]) -> str:
    scope = anyio.CancelScope()

    async def cancel() -> None:
        await scene.reached.wait()
        scope.cancel()
        await several_turns()
        scene.released.set()

    async with anyio.create_task_group() as group:
        group.start_soon(cancel)
        with scope:
            await run()
    return "cancelled" if scope.cancelled_caught else "not cancelled"


async def by_timeout(scene: Scene, run: Callable[[], Awaitable[Any]]) -> str:
    scope = anyio.move_on_after(10)

    async def hurry() -> None:
        await scene.reached.wait()
        scope.deadline = anyio.current_time()
        while not scope.cancel_called:
            await checkpoint()
        await several_turns()
        scene.released.set()

    async with anyio.create_task_group() as group:
        group.start_soon(hurry)
        with scope:
            await run()
    return "cancelled" if scope.cancelled_caught else "not cancelled"


async def by_task_group(scene: Scene, run: Callable[[], Awaitable[Any]]) -> str:
    """A sibling of the request's task fails."""
    ended = "cancelled"

    async def the_request() -> None:
        nonlocal ended
        await run()
        await checkpoint()
        ended = "not cancelled"

    async def fail() -> None:
        await scene.reached.wait()
        raise OSError("sibling")

    async def release() -> None:
        with anyio.CancelScope(shield=True):
            await scene.reached.wait()
            await several_turns()
            scene.released.set()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(release)
            group.start_soon(the_request)
            await fail()
    except* OSError:
        pass
    return ended


async def by_native_cancel(scene: Scene, run: Callable[[], Awaitable[Any]], times: int = 1) -> str:
    task = asyncio.ensure_future(run())
    await scene.reached.wait()
    for _ in range(times):
        task.cancel()
        await several_turns()
    scene.released.set()
    await asyncio.wait([task])
    return "cancelled" if task.cancelled() else "not cancelled"


async def by_three_native_cancels(scene: Scene, run: Callable[[], Awaitable[Any]]) -> str:
    """Inside of a cancel scope, as a middleware may hold one open."""

    async def run_in_scope() -> None:
        with anyio.CancelScope():
            await run()

    return await by_native_cancel(scene, run_in_scope, times=3)


async def by_native_timeout(scene: Scene, run: Callable[[], Awaitable[Any]]) -> str:
    async def release() -> None:
        await scene.reached.wait()
        timeout.reschedule(asyncio.get_running_loop().time())
        while not timeout.expired():
            await checkpoint()
        await several_turns()
        scene.released.set()

    releasing = asyncio.create_task(release())
    try:
        async with asyncio.timeout(10) as timeout:
            await run()
    except TimeoutError:
        return "cancelled"
    finally:
        await releasing
    return "not cancelled"


async def several_turns() -> None:
    for _ in range(10):
        await checkpoint()


# AnyIO's cancellation stays in force, and shows at the next `await` that is not shielded. asyncio's
# own is raised once: where the task waits, or when the thread or exit code that it waits for ends.
LASTING = (by_cancel_scope, by_timeout, by_task_group)
SINGLE = (by_native_cancel, by_three_native_cancels, by_native_timeout)

ASYNCIO = pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio")
UVLOOP = pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop")
TRIO = pytest.param(("trio", {}), id="trio")


def cancelled(
    *how: Cancel, backends: Sequence[Any] = (ASYNCIO, UVLOOP, TRIO)
) -> pytest.MarkDecorator:
    """Run a test with these cancellations, on the backends that have them."""
    return pytest.mark.parametrize(
        ("anyio_backend", "cancel"),
        [
            pytest.param(*backend.values, cancel, id=f"{backend.id}-{cancel.__name__}")
            for backend in backends
            for cancel in how
            if not (backend is TRIO and cancel in SINGLE)
            if not (backend is UVLOOP and cancel in (by_task_group, by_native_cancel))
        ],
    )


on_asyncio = pytest.mark.parametrize("anyio_backend", [ASYNCIO, UVLOOP])


@pytest.fixture
def scene() -> Scene:
    return Scene()


def place(dependency: Any) -> str:
    """A dependency as the log names it."""
    code = dependency.dependency.__code__
    return f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"


# ---------------------------------------------------------------------- C1: where it arrives


@cancelled(by_cancel_scope, *SINGLE, backends=[ASYNCIO])
async def test_exit_code_is_shielded_also_where_anyio_does_not_tell_who_is_in_a_cancel_scope(
    app: App, scene: Scene, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = _cancellation._asyncio_scopes()
    monkeypatch.setattr(_cancellation, "_asyncio_scopes", lambda: (known[0], None))
    only = scene.dependency("suspending", "only")

    @app.get("/")
    async def endpoint(only: Annotated[str, only]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "only opens, waits, only sees cancellation, only ends"
    )


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("outer", FLAVOURS)
@pytest.mark.parametrize("inner", FLAVOURS)
async def test_dependencies_exit_when_the_endpoint_is_cancelled(
    app: App, scene: Scene, cancel: Cancel, outer: str, inner: str
) -> None:
    first = scene.dependency(outer, "first")
    second = scene.dependency(inner, "second", first)

    @app.get("/")
    async def endpoint(second: Annotated[str, second]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "first opens, second opens, waits,"
        "second sees cancellation, second ends, first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("outer", FLAVOURS)
@pytest.mark.parametrize("yields", [True, False])
async def test_dependencies_exit_when_the_setup_of_a_later_one_is_cancelled(
    app: App, scene: Scene, cancel: Cancel, outer: str, yields: bool
) -> None:
    first = scene.dependency(outer, "first")
    second = scene.dependency("suspending", "second", first)

    async def returning(second: Annotated[str, second]) -> None:
        await scene.wait()

    async def yielding(second: Annotated[str, second]) -> AsyncIterator[None]:
        await scene.wait()
        yield

    @app.get("/")
    async def endpoint(third: Annotated[None, Depends(yielding if yields else returning)]) -> None:
        scene.log("never")

    assert await scene.log_of(cancel, app) == lines(
        "first opens, second opens, waits,"
        "second sees cancellation, second ends, first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_setup_in_a_thread_goes_on_to_its_end_and_then_exits(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first")

    def yielding(first: Annotated[str, first]) -> Iterator[None]:
        scene.wait_in_thread()
        with scene.block("second"):
            yield

    @app.get("/")
    async def endpoint(second: Annotated[None, Depends(yielding)]) -> None:
        await checkpoint()
        scene.log("never")

    assert await scene.log_of(cancel, app) == lines(
        "first opens, waits, second opens,"
        "second sees cancellation, first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_setup_of_neighbours_in_a_thread_goes_on_to_its_end_and_then_exits(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    def waiting() -> Iterator[None]:
        with scene.block("first"):
            scene.wait_in_thread()
            yield

    second = scene.dependency("thread", "second", Depends(waiting))

    @app.get("/")
    async def endpoint(second: Annotated[str, second]) -> None:
        await checkpoint()
        scene.log("never")

    assert await scene.log_of(cancel, app) == lines(
        "first opens, waits, second opens,"
        "second sees cancellation, second ends, first sees cancellation"
    )


@cancelled(*LASTING, *SINGLE)
async def test_a_setup_that_fails_in_a_thread_while_it_is_cancelled_is_reported_and_gives_way(
    app: App, scene: Scene, cancel: Cancel, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency("suspending", "first")

    def failing(first: Annotated[str, first]) -> None:
        scene.wait_in_thread()
        raise OSError("no connection")

    @app.get("/")
    async def endpoint(second: Annotated[None, Depends(failing)]) -> None:
        scene.log("never")

    ended = await cancel(scene, lambda: request(app, log=scene.log))
    if cancel in SINGLE:
        assert ended == "cancelled"
        assert scene.log == lines("first opens, waits, first sees cancellation, first ends")
        assert caplog.messages == ["failed while the request was being cancelled"]
    else:  # not noticed yet
        assert scene.log[:4] == [
            *lines("first opens, waits"),
            "first sees OSError('no connection')",
            "first ends",
        ]


@cancelled(*LASTING)
async def test_an_endpoint_in_a_thread_succeeds_though_it_is_cancelled_meanwhile(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first")
    second = scene.dependency("quick", "second", first)

    @app.get("/")
    def endpoint(second: Annotated[str, second]) -> None:
        scene.wait_in_thread()

    assert await scene.log_of(cancel, awaiting_send(app)) == lines(
        "first opens, second opens, waits,"
        "second sees nothing, second ends, first sees nothing, first ends"
    )


@cancelled(*SINGLE)
async def test_dependencies_see_that_an_endpoint_in_a_thread_was_cancelled(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first")
    second = scene.dependency("quick", "second", first)

    @app.get("/")
    def endpoint(second: Annotated[str, second]) -> None:
        scene.wait_in_thread()

    assert await scene.log_of(cancel, app) == lines(
        "first opens, second opens, waits,"
        "second sees cancellation, second ends, first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize(("scope", "seen"), [("function", "nothing"), ("request", "cancellation")])
async def test_what_runs_in_one_thread_is_not_cancelled_half_way_and_scope_request_sees_it_later(
    app: App, scene: Scene, cancel: Cancel, scope: str, seen: str
) -> None:
    first = scene.dependency("thread", "first", scope=scope)
    second = scene.dependency("thread", "second", first)

    @app.get("/")
    def endpoint(second: Annotated[str, second]) -> None:
        scene.wait_in_thread()

    assert await scene.log_of(cancel, awaiting_send(app)) == lines(
        "first opens, second opens, waits,"
        f"second sees nothing, second ends, first sees {seen}, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_nothing_opens_for_a_request_that_is_cancelled_while_it_waits_for_a_thread(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first")
    second = scene.dependency("thread", "second", first)

    @app.get("/")
    async def endpoint(second: Annotated[str, second]) -> None:
        scene.log("never")

    limiter = anyio.to_thread.current_default_thread_limiter()
    all_threads = [object() for _ in range(int(limiter.total_tokens))]

    async def run_without_a_free_thread() -> None:
        for borrower in all_threads:
            limiter.acquire_on_behalf_of_nowait(borrower)
        async with anyio.create_task_group() as group:
            group.start_soon(reach_when_it_waits)
            await request(app, log=scene.log)

    async def reach_when_it_waits() -> None:
        while not limiter.statistics().tasks_waiting:
            await checkpoint()
        scene.log("waits")
        scene.reached.set()

    try:
        assert await cancel(scene, run_without_a_free_thread) == "cancelled"
    finally:
        for borrower in all_threads:
            limiter.release_on_behalf_of(borrower)
    assert scene.log == lines("first opens, waits, first sees cancellation, first ends")


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("outer", FLAVOURS)
async def test_a_running_exit_ends_and_the_others_follow(
    app: App, scene: Scene, cancel: Cancel, outer: str
) -> None:
    first = scene.dependency(outer, "first")

    async def waiting(first: Annotated[str, first]) -> AsyncIterator[None]:
        with scene.block("second"):
            yield
        await scene.wait_until_released()
        scene.log("second ends")

    @app.get("/")
    async def endpoint(second: Annotated[None, Depends(waiting)]) -> None: ...

    seen = "nothing" if cancel in LASTING else "cancellation"
    assert await scene.log_of(cancel, awaiting_send(app)) == lines(
        "first opens, second opens, second sees nothing, waits, second ends,"
        f"first sees {seen}, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_a_running_exit_in_a_thread_ends_and_the_others_follow(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first")

    def waiting(first: Annotated[str, first]) -> Iterator[None]:
        with scene.block("second"):
            yield
        scene.wait_in_thread()
        scene.log("second ends")

    @app.get("/")
    async def endpoint(second: Annotated[None, Depends(waiting)]) -> None: ...

    seen = "nothing" if cancel in LASTING else "cancellation"
    assert await scene.log_of(cancel, awaiting_send(app)) == lines(
        "first opens, second opens, second sees nothing, waits, second ends,"
        f"first sees {seen}, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_an_exit_that_handles_an_exception_ends_though_it_is_cancelled(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first")

    async def waiting(first: Annotated[str, first]) -> AsyncIterator[None]:
        try:
            with scene.block("second"):
                yield
        except OSError:
            await scene.wait_until_released()
            scene.log("second ends")
            raise

    @app.get("/")
    async def endpoint(second: Annotated[None, Depends(waiting)]) -> None:
        raise OSError("disk")

    seen = "OSError('disk')" if cancel in LASTING else "cancellation"
    assert await scene.log_of(cancel, awaiting_send(app)) == [
        *lines("first opens, second opens"),
        "second sees OSError('disk')",
        *lines("waits, second ends"),
        f"first sees {seen}",
        "first ends",
    ]


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("wide", FLAVOURS)
async def test_scope_request_sees_that_sending_was_cancelled(
    app: App, scene: Scene, cancel: Cancel, wide: str
) -> None:
    first = scene.dependency(wide, "first", scope="request")
    second = scene.dependency("suspending", "second", first)

    @app.get("/")
    async def endpoint(second: Annotated[str, second]) -> None: ...

    assert await scene.log_of(cancel, waiting_send(app, scene)) == lines(
        "first opens, second opens, second sees nothing, second ends, waits,"
        "first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_a_streamed_response_is_cancelled_inside_of_scope_request(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first", scope="request")

    async def parts() -> AsyncIterator[str]:
        with scene.block("stream"):
            yield "part"
            await scene.wait()

    @app.get("/")
    async def endpoint(first: Annotated[str, first]) -> Response:
        return StreamingResponse(parts())

    assert await scene.log_of(cancel, app) == lines(
        "first opens, sends 200, stream opens, sends part, waits,"
        "stream sees cancellation, first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("outer", FLAVOURS)
async def test_an_endpoint_that_streams_is_cancelled_inside_of_scope_function(
    app: App, scene: Scene, cancel: Cancel, outer: str
) -> None:
    first = scene.dependency(outer, "first")

    @app.get("/", response_class=StreamingResponse)
    async def endpoint(first: Annotated[str, first]) -> AsyncIterator[str]:
        with scene.block("stream"):
            yield "part"
            await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "first opens, stream opens, sends 200, sends part, waits,"
        "stream sees cancellation, first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_an_endpoint_whose_stream_is_cancelled_while_sending_is_closed_and_may_await(
    scene: Scene, cancel: Cancel
) -> None:
    app = App()
    first = scene.dependency("suspending", "first")

    @app.get("/", response_class=StreamingResponse)
    async def endpoint(first: Annotated[str, first]) -> AsyncIterator[str]:
        try:
            yield "part"
        except GeneratorExit:
            scene.log("stream is closed")
            await several_turns()
            scene.log("stream ends")
            raise

    app = waiting_send(app, scene, "http.response.body")
    assert await scene.log_of(cancel, app) == lines(
        "first opens, sends 200, waits, stream is closed, stream ends,"
        "first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
async def test_an_endpoint_that_streams_from_a_thread_is_closed_there(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    first = scene.dependency("suspending", "first")

    @app.get("/", response_class=StreamingResponse)
    def endpoint(first: Annotated[str, first]) -> Iterator[str]:
        with scene.block("stream"):
            yield "one"
            scene.wait_in_thread()
            yield "two"
            scene.log("never")

    assert await scene.log_of(cancel, awaiting_send(app)) == lines(
        "first opens, stream opens, sends 200, sends one, waits,"
        "stream sees GeneratorExit(), first sees cancellation, first ends"
    )


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("wide", FLAVOURS)
async def test_scope_request_sees_that_a_background_task_was_cancelled(
    app: App, scene: Scene, cancel: Cancel, wide: str
) -> None:
    first = scene.dependency(wide, "first", scope="request")
    second = scene.dependency("suspending", "second")

    async def task(second: Annotated[str, second]) -> None:
        await scene.wait()

    @app.get("/")
    async def endpoint(first: Annotated[str, first], tasks: BackgroundTasks) -> None:
        tasks.add_task(task)
        tasks.add_task(scene.log, "never")

    assert await scene.log_of(cancel, app) == lines(
        "first opens, sends 200, second opens, waits, second sees cancellation, second ends,"
        "first sees cancellation, first ends"
    )


@pytest.mark.parametrize("outer", FLAVOURS)
async def test_a_client_that_has_gone_ends_a_stream(
    app: App, scene: Scene, outer: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency(outer, "first")

    @app.get("/", response_class=StreamingResponse)
    async def endpoint(first: Annotated[str, first]) -> AsyncIterator[str]:
        with scene.block("stream"):
            yield "part"
            await scene.wait()

    answer = await request(leaving(app, scene), log=scene.log)
    assert scene.log == lines(
        "first opens, stream opens, sends 200, sends part, waits,"
        "stream sees cancellation, first sees ClientDisconnect(), first ends"
    )
    assert (answer.raised, answer.complete, caplog.messages) == (None, False, [])


@pytest.mark.parametrize("outer", FLAVOURS)
async def test_a_client_that_has_gone_is_no_error_where_a_task_group_is_open(
    app: App, scene: Scene, outer: str, caplog: pytest.LogCaptureFixture
) -> None:
    """C3, S1: it makes a group of the exception that passes through it."""
    first = scene.dependency(outer, "first")

    async def get_group() -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            yield group

    @app.get("/", response_class=StreamingResponse)
    async def endpoint(
        first: Annotated[str, first], group: Annotated[TaskGroup, Depends(get_group)]
    ) -> AsyncIterator[str]:
        yield "part"
        await scene.wait()

    answer = await request(leaving(app, scene), log=scene.log)
    seen, rest = scene.log[4], [*scene.log[:4], *scene.log[5:]]
    assert seen.startswith("first sees ExceptionGroup(")
    assert rest == lines("first opens, sends 200, sends part, waits, first ends")
    assert (answer.raised, answer.complete, caplog.messages) == (None, False, [])


@pytest.mark.parametrize("outer", FLAVOURS)
async def test_a_dependency_may_swallow_that_the_client_has_gone(
    app: App, scene: Scene, outer: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency(outer, "first", react=lambda _: None)

    @app.get("/", response_class=StreamingResponse)
    async def endpoint(first: Annotated[str, first]) -> AsyncIterator[str]:
        yield "part"
        await scene.wait()

    answer = await request(leaving(app, scene), log=scene.log)
    assert scene.log == lines(
        "first opens, sends 200, sends part, waits, first sees ClientDisconnect(), first ends"
    )
    assert (answer.raised, answer.complete, caplog.messages) == (None, False, [])


def failing_to_send(app: Any, scene: Scene) -> Any:
    """Have the client go once the scene is reached, as servers of ASGI 2.4 tell it."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def send_while_it_is_there(message: Any) -> None:
            if scene.reached.is_set():
                raise OSError("the client has gone")
            await send(message)

        await app(scope, receive, send_while_it_is_there)

    return wrapped


def telling_by_a_message(app: Any, scene: Scene) -> Any:
    """Have the client go once the scene is reached, as servers before ASGI 2.4 tell it."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        await leaving(app, scene)({**scope, "asgi": {"spec_version": "2.3"}}, receive, send)

    return wrapped


leaving_clients = pytest.mark.parametrize("leave", [telling_by_a_message, failing_to_send])


class Parts:
    """What a response sends: one part, and more for ever once the scene is reached.

    Not a generator, since Starlette leaves one as it is where sending fails.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._begun = False

    def __aiter__(self) -> "Parts":
        return self

    async def __anext__(self) -> str:
        if not self._begun:
            self._begun = True
            return "part"
        if not self._scene.reached.is_set():
            self._scene.log("waits")
            self._scene.reached.set()
        await checkpoint()
        return "more"


@leaving_clients
@pytest.mark.parametrize("wide", FLAVOURS)
async def test_scope_request_sees_that_the_client_of_a_returned_stream_has_gone(
    app: App, scene: Scene, leave: Any, wide: str, caplog: pytest.LogCaptureFixture
) -> None:
    """C1, S1: after the background tasks, which have to tidy up after it."""
    first = scene.dependency(wide, "first", scope="request")
    second = scene.dependency("quick", "second")

    @app.get("/")
    async def endpoint(
        first: Annotated[str, first], second: Annotated[str, second], tasks: BackgroundTasks
    ) -> Response:
        tasks.add_task(scene.log, "added")
        own = BackgroundTask(scene.log, "own")
        return StreamingResponse(Parts(scene), background=own)

    answer = await request(leave(app, scene), log=scene.log)
    assert [event for event in scene.log if event != "sends more"] == lines(
        "first opens, second opens, second sees nothing, second ends, sends 200, sends part,"
        "waits, own, added, first sees ClientDisconnect(), first ends"
    )
    assert (answer.raised, answer.complete, caplog.messages) == (None, False, [])


@leaving_clients
async def test_a_dependency_may_swallow_that_the_client_of_a_returned_stream_has_gone(
    app: App, scene: Scene, leave: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency("quick", "first", scope="request", react=lambda _: None)

    @app.get("/")
    async def endpoint(first: Annotated[str, first]) -> Response:
        return StreamingResponse(Parts(scene))

    answer = await request(leave(app, scene), log=scene.log)
    assert [event for event in scene.log if event != "sends more"] == lines(
        "first opens, sends 200, sends part, waits, first sees ClientDisconnect(), first ends"
    )
    assert (answer.raised, answer.complete, caplog.messages) == (None, False, [])


@leaving_clients
async def test_a_task_that_fails_once_the_client_has_gone_is_raised_to_the_server(
    app: App, scene: Scene, leave: Any
) -> None:
    """B4"""
    first = scene.dependency("quick", "first", scope="request")

    async def task() -> None:
        raise OSError("task")

    @app.get("/")
    async def endpoint(first: Annotated[str, first], tasks: BackgroundTasks) -> Response:
        tasks.add_task(task)
        return StreamingResponse(Parts(scene))

    answer = await request(leave(app, scene), log=scene.log)
    assert scene.log[-2:] == lines("first sees ClientDisconnect(), first ends")
    assert repr(answer.raised) == repr(OSError("task"))


@leaving_clients
async def test_an_exception_handler_s_stream_whose_client_has_gone_ends_quietly(
    app: App, scene: Scene, leave: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency("quick", "first", scope="request")

    @app.exception_handler(LookupError)
    async def handle(_: Request, error: Exception) -> Response:
        return StreamingResponse(Parts(scene))

    @app.get("/")
    async def endpoint(first: Annotated[str, first]) -> Response:
        raise LookupError

    answer = await request(leave(app, scene), log=scene.log)
    assert [event for event in scene.log if event != "sends more"] == lines(
        "first opens, first sees LookupError(), first ends, sends 200, sends part, waits"
    )
    assert (answer.raised, answer.complete, caplog.messages) == (None, False, [])


async def test_a_client_that_goes_once_it_has_all_of_a_returned_stream_has_been_served(
    app: App, scene: Scene
) -> None:
    """As uvicorn tells it: `receive` says so while the last part is being sent."""
    first = scene.dependency("quick", "first", scope="request")

    @app.get("/")
    async def endpoint(first: Annotated[str, first]) -> Response:
        return StreamingResponse(iter(["part"]))

    async def slow_to_send(scope: Any, receive: Any, send: Any) -> None:
        async def send_slowly(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message["more_body"]:
                await scene.wait()

        await app(scope, receive, send_slowly)

    answer = await request(telling_by_a_message(slow_to_send, scene), log=scene.log)
    assert scene.log == lines(
        "first opens, sends 200, sends part, ends, waits, first sees nothing, first ends"
    )
    assert (answer.raised, answer.complete) == (None, True)


async def test_a_client_that_goes_while_it_uploads_opens_nothing(
    app: App, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency("suspending", "first")

    @app.post("/")
    async def endpoint(first: Annotated[str, first], body: dict[str, int]) -> None:
        scene.log("never")

    async def leaves(scope: Any, receive: Any, send: Any) -> None:
        messages = iter(["http.request", "http.disconnect"])

        async def receive_until_it_leaves() -> dict[str, Any]:
            return {"type": next(messages), "body": b"{", "more_body": True}

        await app(scope, receive_until_it_leaves, send)

    answer = await request(leaves, method="POST", log=scene.log)
    assert (scene.log, answer.status, answer.raised, caplog.messages) == ([], None, None, [])


# ---------------------------------------------------------------------- C1: exit code


@cancelled(*LASTING, *SINGLE)
async def test_exit_code_may_use_cancel_scopes_task_groups_and_threads(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    async def tidy() -> AsyncIterator[None]:
        try:
            yield
        finally:
            with anyio.move_on_after(0) as scope:
                await anyio.sleep_forever()
            scene.log(f"moved on: {scope.cancelled_caught}")
            try:
                with anyio.fail_after(0):
                    await anyio.sleep_forever()
            except TimeoutError:
                scene.log("failed after")
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                group.cancel_scope.cancel()
            scene.log("group cancelled")
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(fail)
                    await anyio.sleep_forever()
            except* OSError:
                scene.log("group failed")
            await anyio.to_thread.run_sync(scene.log, "thread")
            scene.log("ends")

    @app.get("/")
    async def endpoint(tidy: Annotated[None, Depends(tidy)]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "waits, moved on: True, failed after, group cancelled, group failed, thread, ends"
    )


@cancelled(*LASTING, *SINGLE, backends=(ASYNCIO, UVLOOP))
@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="where a task is cancelled, its `timeout` does not end"
)
async def test_exit_code_may_use_what_asyncio_offers(scene: Scene, cancel: Cancel) -> None:
    app = App()

    async def tidy() -> AsyncIterator[None]:
        try:
            yield
        finally:
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(10)
            except TimeoutError:
                scene.log("timed out")
            try:
                await asyncio.wait_for(asyncio.sleep(10), 0)
            except TimeoutError:
                scene.log("waited for")
            await asyncio.gather(asyncio.sleep(0), asyncio.shield(asyncio.sleep(0)))
            await cancelled_task(scene)
            scene.log("ends")

    @app.get("/")
    async def endpoint(tidy: Annotated[None, Depends(tidy)]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "waits, timed out, waited for, task cancelled, ends"
    )


@cancelled(*LASTING, *SINGLE, backends=(ASYNCIO, UVLOOP))
async def test_exit_code_goes_on_after_a_task_group_has_failed(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    async def tidy() -> AsyncIterator[None]:
        try:
            yield
        finally:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
                    await asyncio.sleep(10)
            except* OSError:
                scene.log("group failed")
            await asyncio.sleep(0)
            scene.log("ends")

    @app.get("/")
    async def endpoint(tidy: Annotated[None, Depends(tidy)]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines("waits, group failed, ends")


async def fail() -> None:
    raise OSError


async def cancelled_task(scene: Scene) -> None:
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        scene.log("task cancelled")


@cancelled(*SINGLE)
@pytest.mark.parametrize("native", ["timeout", "task group"])
async def test_a_cancellation_from_outside_is_reported_from_those_of_exit_code_itself(
    app: App, scene: Scene, cancel: Cancel, native: str
) -> None:
    async def tidy() -> AsyncIterator[None]:
        yield
        if native == "timeout":
            async with asyncio.timeout(10):
                await scene.wait_until_released()
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(checkpoint())
                await scene.wait_until_released()
        scene.log("ends")

    @app.get("/")
    async def endpoint(tidy: Annotated[None, Depends(tidy)]) -> None: ...

    assert await scene.log_of(cancel, app) == lines("waits, ends")


@on_asyncio
async def test_every_native_cancellation_is_counted_in_the_end(app: App, scene: Scene) -> None:
    first = scene.dependency("suspending", "first")

    async def waiting(first: Annotated[str, first]) -> AsyncIterator[None]:
        yield
        await scene.wait_until_released()

    @app.get("/")
    async def endpoint(second: Annotated[None, Depends(waiting)]) -> None: ...

    task = asyncio.create_task(request(app))
    await scene.reached.wait()
    task.cancel("one")
    await several_turns()
    task.cancel("two")
    await several_turns()
    assert not task.done()
    scene.released.set()
    with pytest.raises(asyncio.CancelledError, match="two"):
        await task
    assert task.cancelling() == 2


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("in_thread", [True, False])
async def test_what_exit_code_raises_while_it_is_cancelled_is_reported_and_gives_way(
    app: App, scene: Scene, cancel: Cancel, in_thread: bool, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency("suspending", "first")

    async def failing(first: Annotated[str, first]) -> AsyncIterator[None]:
        yield
        await scene.wait_until_released()
        raise OSError("disk")

    def failing_in_thread(first: Annotated[str, first]) -> Iterator[None]:
        yield
        scene.wait_in_thread()
        raise OSError("disk")

    @app.get("/", dependencies=[Depends(failing_in_thread if in_thread else failing)])
    async def endpoint() -> None: ...

    seen = "OSError('disk')" if cancel in LASTING else "cancellation"
    assert await scene.log_of(cancel, awaiting_send(app)) == [
        *lines("first opens, waits"),
        f"first sees {seen}",
        "first ends",
    ]
    if cancel in SINGLE:
        assert caplog.messages == ["failed while the request was being cancelled"]
        assert repr(caplog.records[0].exc_info[1]) == "OSError('disk')"  # type: ignore[index]


# ---------------------------------------------------------------------- C1: cleanup_timeout


def cut_off(dependency: Any, seconds: str) -> str:
    return (
        f"the exit code of {place(dependency)} did not end within {seconds} seconds"
        " and was cancelled"
    )


async def test_exit_code_that_takes_too_long_is_cut_off_and_named(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(cleanup_timeout=0.3)
    first = scene.dependency("suspending", "first")

    async def hanging(first: Annotated[str, first]) -> AsyncIterator[None]:
        yield
        with scene.block("exit code"):
            await anyio.sleep(LONG)

    second = Depends(hanging)

    @app.get("/")
    async def endpoint(second: Annotated[None, second]) -> None: ...

    answer = await request(app, log=scene.log)
    text = cut_off(second, "0.3")
    assert scene.log == [
        *lines("first opens, exit code opens, exit code sees cancellation"),
        f"first sees {CleanupTimeoutError(text)!r}",
        *lines("first ends, sends 500"),
    ]
    assert repr(answer.raised) == repr(CleanupTimeoutError(text))
    assert caplog.messages == [text]


@pytest.mark.parametrize("anyio_backend", [TRIO])
@pytest.mark.parametrize("fails", [True, False])
async def test_exit_code_that_takes_too_long_in_a_nursery_is_cut_off_and_named(
    scene: Scene, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    app = App(cleanup_timeout=0.3)
    first = scene.dependency("suspending", "first")

    async def hanging(first: Annotated[str, first]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                await trio.sleep_forever()

    second = Depends(hanging)

    @app.get("/")
    async def endpoint(second: Annotated[None, second]) -> None:
        if fails:
            raise HTTPException(404)

    await request(app, log=scene.log)
    text = cut_off(second, "0.3")
    seen = HTTPException(404) if fails else CleanupTimeoutError(text)
    status = 404 if fails else 500
    assert scene.log == ["first opens", f"first sees {seen!r}", "first ends", f"sends {status}"]
    assert caplog.messages == [text]


async def test_the_exception_goes_on_when_the_exit_code_that_sees_it_is_cut_off(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(cleanup_timeout=0.3)
    first = scene.dependency("suspending", "first")

    async def hanging(first: Annotated[str, first]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await anyio.sleep(LONG)

    second = Depends(hanging)

    @app.get("/")
    async def endpoint(second: Annotated[None, second]) -> None:
        raise HTTPException(404)

    answer = await request(app, log=scene.log)
    assert scene.log == [
        "first opens",
        f"first sees {HTTPException(404)!r}",
        *lines("first ends, sends 404"),
    ]
    assert answer.raised is None
    assert caplog.messages == [cut_off(second, "0.3")]


@cancelled(*LASTING, *SINGLE)
async def test_the_cancellation_goes_on_when_the_exit_code_that_sees_it_is_cut_off(
    scene: Scene, cancel: Cancel, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(cleanup_timeout=0.3)
    first = scene.dependency("quick", "first")

    async def hanging(first: Annotated[str, first]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await anyio.sleep(LONG)

    second = Depends(hanging)

    @app.get("/")
    async def endpoint(second: Annotated[None, second]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "first opens, waits, first sees cancellation, first ends"
    )
    assert caplog.messages == [cut_off(second, "0.3")]


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("fails", [True, False])
async def test_exit_code_is_cut_off_also_when_the_request_is_cancelled_meanwhile(
    scene: Scene, cancel: Cancel, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    app = App(cleanup_timeout=0.05)

    async def hanging() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await scene.wait()

    only = Depends(hanging)

    @app.get("/")
    async def endpoint(only: Annotated[None, only]) -> None:
        if fails:
            raise HTTPException(404)

    assert await scene.log_of(cancel, awaiting_send(app)) == ["waits"]
    assert caplog.messages == [cut_off(only, "0.05")]


@pytest.mark.parametrize("busy", [True, False])
async def test_exit_code_that_is_cut_off_may_not_go_on_waiting(
    scene: Scene, caplog: pytest.LogCaptureFixture, busy: bool
) -> None:
    app = App(cleanup_timeout=0.3)

    async def hanging() -> AsyncIterator[None]:
        yield
        start = anyio.current_time()
        for number in range(3):
            try:
                while busy and anyio.current_time() < start + LONG:
                    await checkpoint()
                await anyio.sleep(LONG)
            except BaseException as error:
                scene.log(f"{number} sees {told(error)}")
                if number == 2:
                    raise

    only = Depends(hanging)

    @app.get("/")
    async def endpoint(only: Annotated[None, only]) -> None: ...

    await request(app, log=scene.log)
    assert scene.log == lines(
        "0 sees cancellation, 1 sees cancellation, 2 sees cancellation, sends 500"
    )
    assert caplog.messages == [cut_off(only, "0.3")]


async def test_exit_code_without_a_time_limit_takes_as_long_as_it_needs(scene: Scene) -> None:
    app = App(cleanup_timeout=None)

    async def slow() -> AsyncIterator[None]:
        yield
        await anyio.sleep(0.05)
        scene.log("ends")

    @app.get("/")
    async def endpoint(slow: Annotated[None, Depends(slow)]) -> None: ...

    answer = await request(app, log=scene.log)
    assert (scene.log, answer.status) == (lines("ends, sends 200"), 200)


async def test_each_exit_has_its_own_time(scene: Scene) -> None:
    app = App(cleanup_timeout=0.4)

    def slow(name: str, *below: Any) -> Any:
        async def dependency(below: Any = below[0] if below else NOTHING) -> Any:
            yield
            await anyio.sleep(0.16)
            scene.log(f"{name} ends")

        return Depends(dependency)

    @app.get("/")
    async def endpoint(third: Annotated[None, slow("third", slow("second", slow("first")))]): ...

    answer = await request(app, log=scene.log)
    assert (scene.log, answer.status) == (
        lines("third ends, second ends, first ends, sends 200"),
        200,
    )


async def test_exit_code_is_cut_off_that_begins_while_the_time_of_another_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App(cleanup_timeout=0.3)
    durations = iter([0, LONG])

    async def slow() -> AsyncIterator[None]:
        yield
        await anyio.sleep(next(durations))

    @app.get("/")
    async def endpoint(slow: Annotated[None, Depends(slow)]) -> None: ...

    first = await request(app)
    await anyio.sleep(0.1)  # so that one timer cannot be for both
    second = await request(app)
    assert (first.status, second.status) == (200, 500)
    assert caplog.messages == [cut_off(Depends(slow), "0.3")]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_exit_code_is_cut_off_on_another_event_loop_too(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(cleanup_timeout=0.4)
    durations = iter([0, LONG])

    async def slow() -> AsyncIterator[None]:
        yield
        await anyio.sleep(next(durations))

    @app.get("/")
    async def endpoint(slow: Annotated[None, Depends(slow)]) -> None: ...

    first = anyio.run(request, app, backend=backend)
    second = anyio.run(request, app, backend=backend)
    assert (first.status, second.status) == (200, 500)
    assert caplog.messages == [cut_off(Depends(slow), "0.4")]


def test_exit_code_is_cut_off_where_another_event_loop_was_left_in_the_middle_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The exit code that was left on the closed loop is not cancelled: that would raise."""
    app = App(cleanup_timeout=0.2)
    exits = asyncio.Event()

    async def slow() -> AsyncIterator[None]:
        yield
        exits.set()
        await anyio.sleep(LONG)

    @app.get("/")
    async def endpoint(slow: Annotated[None, Depends(slow)]) -> None: ...

    async def leave() -> Any:
        task = asyncio.create_task(request(app))
        await exits.wait()
        return task

    loop = asyncio.new_event_loop()
    left = loop.run_until_complete(leave())
    loop.close()
    left._log_destroy_pending = False
    second = anyio.run(request, app)

    assert second.status == 500
    assert caplog.messages == [cut_off(Depends(slow), "0.2")]


# ---------------------------------------------------------------------- C1: scope "app"


@cancelled(*LASTING, *SINGLE)
async def test_scope_app_exits_to_its_end_though_the_server_is_cancelled(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    engine = scene.dependency("suspending", "engine", scope="app")

    @app.get("/")
    async def endpoint(engine: Annotated[str, engine]) -> None: ...

    async def serve() -> None:
        async with app.router.lifespan_context(app):
            await scene.wait()

    assert await cancel(scene, serve) == "cancelled"
    assert scene.log == lines("engine opens, waits, engine sees cancellation, engine ends")


@pytest.mark.parametrize("is_patient", [True, False])
async def test_scope_app_exits_after_the_requests_that_are_under_way(
    scene: Scene, is_patient: bool
) -> None:
    app = App(cleanup_timeout=60 if is_patient else 0.3)
    engine = scene.dependency("suspending", "engine", scope="app")

    @app.get("/")
    async def endpoint(engine: Annotated[str, engine]) -> None:
        await scene.wait_until_released()

    async def release() -> None:
        await several_turns()
        scene.released.set()

    with anyio.fail_after(LONG):
        async with anyio.create_task_group() as group:
            async with app.router.lifespan_context(app):
                group.start_soon(lambda: request(app, log=scene.log))
                await scene.reached.wait()
                if is_patient:
                    group.start_soon(release)
            scene.released.set()
    ended = lines("engine sees nothing, engine ends")
    answered = ["sends 200"]
    assert scene.log == [
        *lines("engine opens, waits"),
        *(answered + ended if is_patient else ended + answered),
    ]


# ---------------------------------------------------------------------- C2


def swallow(error: BaseException) -> None: ...


def replace(error: BaseException) -> None:
    raise HTTPException(418)


@cancelled(*LASTING, *SINGLE)
@pytest.mark.parametrize("react", [swallow, replace])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_no_dependency_can_make_a_response_of_a_cancellation(
    scene: Scene,
    cancel: Cancel,
    flavour: str,
    react: Callable[[BaseException], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()
    first = scene.dependency("suspending", "first")
    second = scene.dependency(flavour, "second", first, react=react)
    third = scene.dependency("quick", "third", second)

    @app.get("/")
    async def endpoint(third: Annotated[str, third]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "first opens, second opens, third opens, waits,"
        "third sees cancellation, third ends, second sees cancellation, second ends,"
        "first sees cancellation, first ends"
    )
    told_by = [f"{place(second)} failed while its request was being cancelled"]
    assert caplog.messages == (told_by if react is replace else [])
    if react is replace:
        assert isinstance(caplog.records[0].exc_info[1], HTTPException)  # type: ignore[index]


@cancelled(*LASTING)
@pytest.mark.parametrize("kind", ["twice, async", "twice, sync"])
async def test_a_misused_generator_makes_no_response_of_a_cancellation_either(
    app: App, scene: Scene, cancel: Cancel, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """C2, E9"""
    first = scene.dependency("suspending", "first")

    async def twice_async(first: Annotated[str, first]) -> AsyncIterator[None]:
        try:
            yield
        except CANCELLATIONS:
            yield

    def twice_sync(first: Annotated[str, first]) -> Iterator[None]:
        try:
            yield
        except CANCELLATIONS:
            yield

    @app.exception_handler(YieldError)
    async def answer(request: Request, error: YieldError) -> Response:
        return Response("response of a cancellation")

    twice = Depends(twice_async if kind == "twice, async" else twice_sync)

    @app.get("/", dependencies=[twice])
    async def endpoint() -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "first opens, waits, first sees cancellation, first ends"
    )
    assert caplog.messages == [f"{place(twice)} failed while its request was being cancelled"]


@cancelled(*LASTING, backends=[TRIO])
@pytest.mark.parametrize("react", [swallow, replace])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_nursery_s_group_of_cancellations_goes_on_whatever_a_dependency_makes_of_it(
    app: App, scene: Scene, cancel: Cancel, react: Any, flavour: str
) -> None:
    first = scene.dependency("suspending", "first")
    second = scene.dependency(flavour, "second", first, react=react)

    @app.get("/")
    async def endpoint(second: Annotated[str, second]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await scene.wait()

    assert await scene.log_of(cancel, app) == lines(
        "first opens, second opens, waits,"
        "second sees cancellations, second ends, first sees cancellations, first ends"
    )


@on_asyncio
async def test_a_cancellation_that_is_not_the_request_s_is_an_exception_like_any_other(
    app: App, scene: Scene
) -> None:
    first = scene.dependency("suspending", "first", react=replace)

    @app.get("/")
    async def endpoint(first: Annotated[str, first]) -> None:
        other = asyncio.create_task(asyncio.sleep(10))
        other.cancel()
        await other

    await request(app, log=scene.log)
    assert scene.log == lines("first opens, first sees cancellation, first ends, sends 418")


# ---------------------------------------------------------------------- C3


@pytest.mark.parametrize("outer", FLAVOURS)
async def test_a_dependency_s_task_group_is_waited_for(app: App, scene: Scene, outer: str) -> None:
    first = scene.dependency(outer, "first")

    async def get_group(first: Annotated[str, first]) -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            yield group
        scene.log("group ends")

    async def child() -> None:
        await several_turns()
        scene.log("child ends")

    @app.get("/")
    async def endpoint(group: Annotated[TaskGroup, Depends(get_group)]) -> None:
        group.start_soon(child)
        scene.log("endpoint")

    await request(app, log=scene.log)
    assert scene.log == lines(
        "first opens, endpoint, child ends, group ends, first sees nothing, first ends, sends 200"
    )


@pytest.mark.parametrize("inner", FLAVOURS)
async def test_what_a_dependency_s_task_group_raises_goes_on(scene: Scene, inner: str) -> None:
    app = App()
    first = scene.dependency("suspending", "first")

    async def get_group(first: Annotated[str, first]) -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            yield group

    third = scene.dependency(inner, "third", Depends(get_group))

    async def child() -> None:
        raise OSError("child")

    @app.get("/")
    async def endpoint(
        group: Annotated[TaskGroup, Depends(get_group)], third: Annotated[str, third]
    ) -> None:
        group.start_soon(child)
        await anyio.sleep_forever()

    answer = await request(app, log=scene.log)
    assert isinstance(answer.raised, ExceptionGroup)
    assert [repr(error) for error in answer.raised.exceptions] == ["OSError('child')"]
    assert scene.log == [
        *lines("first opens, third opens, third sees cancellation, third ends"),
        f"first sees {answer.raised!r}",
        *lines("first ends, sends 500"),
    ]


@pytest.mark.parametrize("inner", FLAVOURS)
async def test_inner_exit_code_is_shielded_from_an_outer_dependency_s_cancelled_task_group(
    app: App, scene: Scene, inner: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.dependency("suspending", "first")

    async def get_group(first: Annotated[str, first]) -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            yield group
        scene.log("group ends")

    second = Depends(get_group)
    third = scene.dependency(inner, "third", second)

    @app.get("/")
    async def endpoint(group: Annotated[TaskGroup, second], third: Annotated[str, third]) -> None:
        group.cancel_scope.cancel()
        await anyio.sleep_forever()

    answer = await request(app, log=scene.log)
    assert scene.log == lines(
        "first opens, third opens, third sees cancellation, third ends, group ends,"
        "first sees nothing, first ends, sends 500"
    )
    assert isinstance(answer.raised, SwallowedExceptionError)
    assert str(answer.raised).startswith(f"{place(second)} swallowed ")
    assert isinstance(answer.raised.__cause__, CANCELLATIONS)


@cancelled(*LASTING, *SINGLE)
async def test_a_dependency_s_task_group_ends_when_the_request_is_cancelled(
    app: App, scene: Scene, cancel: Cancel, anyio_backend_name: str
) -> None:
    first = scene.dependency("suspending", "first")

    async def get_group(first: Annotated[str, first]) -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            with scene.block("group"):
                yield group
        scene.log("group is over")

    third = scene.dependency("suspending", "third", Depends(get_group))

    async def child() -> None:
        with scene.block("child"):
            await anyio.sleep_forever()

    @app.get("/")
    async def endpoint(
        group: Annotated[TaskGroup, Depends(get_group)], third: Annotated[str, third]
    ) -> None:
        group.start_soon(child)
        await several_turns()
        await scene.wait()

    assert await cancel(scene, lambda: request(app, log=scene.log)) == "cancelled"
    seen_by_child = [line for line in scene.log if line.startswith("child")]
    assert seen_by_child == lines("child opens, child sees cancellation")
    # A nursery of trio's keeps what it takes for its own cancellation. It goes on all the same.
    kept = ["group is over"] if anyio_backend_name == "trio" else []
    assert [line for line in scene.log if not line.startswith("child")] == [
        *lines("first opens, group opens, third opens, waits, third sees cancellation"),
        *lines("third ends, group sees cancellation"),
        *kept,
        *lines("first sees cancellation, first ends"),
    ]


@pytest.mark.parametrize("in_sync_dependency", [True, False])
async def test_a_dependency_s_cancel_scope_that_moves_on_leaves_no_response(
    app: App, scene: Scene, in_sync_dependency: bool
) -> None:
    first = scene.dependency("suspending", "first")

    def sync_limit(first: Annotated[str, first]) -> Iterator[None]:
        with anyio.move_on_after(0.01):
            yield
        scene.log("moved on")

    async def async_limit(first: Annotated[str, first]) -> AsyncIterator[None]:
        with anyio.move_on_after(0.01):
            yield
        scene.log("moved on")

    if in_sync_dependency:
        second = Depends(sync_limit, sync_to_thread=False)
    else:
        second = Depends(async_limit)

    @app.get("/")
    async def endpoint(second: Annotated[None, second]) -> None:
        await anyio.sleep_forever()

    answer = await request(app, log=scene.log)
    assert scene.log == lines("first opens, moved on, first sees nothing, first ends, sends 500")
    assert str(answer.raised).startswith(f"{place(second)} swallowed ")


async def test_a_dependency_s_time_limit_is_an_exception_for_a_handler(scene: Scene) -> None:
    app = App()
    first = scene.dependency("suspending", "first")

    async def limit(first: Annotated[str, first]) -> AsyncIterator[None]:
        with anyio.fail_after(0.01):
            yield

    third = scene.dependency("suspending", "third", Depends(limit))

    @app.exception_handler(TimeoutError)
    async def too_late(_: Request, error: TimeoutError) -> Response:
        return Response(status_code=504)

    @app.get("/")
    async def endpoint(third: Annotated[str, third]) -> None:
        await anyio.sleep_forever()

    await request(app, log=scene.log)
    assert scene.log == lines(
        "first opens, third opens, third sees cancellation, third ends,"
        "first sees TimeoutError(), first ends, sends 504"
    )


@cancelled(*LASTING, *SINGLE, backends=(ASYNCIO, UVLOOP))
async def test_exit_code_may_ask_again_for_the_cancellation_that_it_sees(
    app: App, scene: Scene, cancel: Cancel
) -> None:
    """As a task group of asyncio's that fails does, from CPython 3.13 on."""

    async def tidy() -> AsyncIterator[None]:
        try:
            yield
        finally:
            task = asyncio.current_task()
            assert task
            task.uncancel()
            task.cancel()
            await asyncio.sleep(0)
            scene.log("ends")

    @app.get("/")
    async def endpoint(tidy: Annotated[None, Depends(tidy)]) -> None:
        await scene.wait()

    assert await scene.log_of(cancel, app) == lines("waits, ends")


@pytest.mark.parametrize("started_in", ["setup", "endpoint"])
async def test_a_task_group_that_a_dependency_holds_open_cancels_its_exit_code(
    app: App, scene: Scene, started_in: str
) -> None:
    event = anyio.Event()

    async def fail_after() -> None:
        await event.wait()
        raise OSError

    async def hold() -> AsyncIterator[TaskGroup]:
        try:
            async with anyio.create_task_group() as group:
                if started_in == "setup":
                    group.start_soon(fail_after)
                yield group
                event.set()
                await anyio.sleep(LONG)
        except* OSError:
            scene.log("group failed")
        await checkpoint()
        scene.log("ends")

    @app.get("/")
    async def endpoint(group: Annotated[TaskGroup, Depends(hold)]) -> None:
        if started_in == "endpoint":
            group.start_soon(fail_after)

    with anyio.fail_after(LONG / 2):
        await request(app, log=scene.log)
    assert scene.log == lines("group failed, ends, sends 200")


async def test_exit_code_gets_what_arrives_as_its_own_cancel_scope_is_cancelled(
    app: App, scene: Scene
) -> None:
    async def receive() -> AsyncIterator[None]:
        yield
        sending, receiving = anyio.create_memory_object_stream[str](1)
        async with sending, receiving, anyio.create_task_group() as group:

            async def send() -> None:
                await several_turns()
                sending.send_nowait("item")
                limit.cancel()

            with anyio.CancelScope() as limit:
                group.start_soon(send)
                scene.log(await receiving.receive())
                await checkpoint()
                scene.log("never")
        scene.log("ends")

    @app.get("/")
    async def endpoint(receive: Annotated[None, Depends(receive)]) -> None: ...

    await request(app, log=scene.log)
    assert scene.log == lines("item, ends, sends 200")


@on_asyncio
@pytest.mark.parametrize("is_handled", [True, False])
async def test_a_task_group_of_asyncio_s_that_a_dependency_holds_open_cancels_its_exit_code(
    app: App, scene: Scene, is_handled: bool
) -> None:
    first = scene.dependency("suspending", "first")

    async def fail_after(event: asyncio.Event) -> None:
        await event.wait()
        raise OSError

    async def hold(first: Annotated[str, first]) -> AsyncIterator[None]:
        event = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail_after(event))
                yield
                event.set()
                await asyncio.sleep(LONG)
        except* OSError:
            scene.log("group failed")
            if not is_handled:
                raise
        await checkpoint()
        scene.log("ends")

    @app.get("/")
    async def endpoint(hold: Annotated[None, Depends(hold)]) -> None: ...

    with anyio.fail_after(LONG / 2):
        answer = await request(app, log=scene.log)
    if is_handled:
        rest = lines("ends, first sees nothing, first ends, sends 200")
    else:
        rest = [f"first sees {answer.raised!r}", "first ends", "sends 500"]
        assert isinstance(answer.raised, ExceptionGroup)
    assert scene.log == ["first opens", "group failed", *rest]
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0


@on_asyncio
async def test_a_time_limit_of_asyncio_s_that_a_dependency_holds_open_cancels_its_exit_code(
    app: App, scene: Scene
) -> None:
    first = scene.dependency("suspending", "first")

    async def limit(first: Annotated[str, first]) -> AsyncIterator[None]:
        async with asyncio.timeout(0.01):
            yield
            await asyncio.sleep(LONG)

    @app.get("/")
    async def endpoint(limit: Annotated[None, Depends(limit)]) -> None: ...

    with anyio.fail_after(LONG / 2):
        await request(app, log=scene.log)
    assert scene.log == lines("first opens, first sees TimeoutError(), first ends, sends 500")
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0


@on_asyncio
async def test_an_outer_dependency_s_time_limit_of_asyncio_s_leaves_inner_exit_code_whole(
    app: App, scene: Scene
) -> None:
    async def limit() -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(0.01) as held:
            yield held

    async def inner(limit: Annotated[asyncio.Timeout, Depends(limit)]) -> AsyncIterator[None]:
        yield
        while not limit.expired():
            await checkpoint()
        await several_turns()
        scene.log("inner ends")

    @app.get("/")
    async def endpoint(inner: Annotated[None, Depends(inner)]) -> None: ...

    answer = await request(app, log=scene.log)
    assert scene.log == lines("inner ends, sends 500")
    assert isinstance(answer.raised, TimeoutError)


@on_asyncio
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_task_that_cancels_itself_runs_exit_code_to_its_end(
    app: App, scene: Scene, flavour: str
) -> None:
    first = scene.dependency("suspending", "first")
    second = scene.dependency(flavour, "second", first)

    @app.get("/")
    async def endpoint(second: Annotated[str, second]) -> None:
        task = asyncio.current_task()
        assert task
        task.cancel()

    task = asyncio.create_task(request(app, log=scene.log))
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = {"thread": "cancellation", "suspending": "cancellation"}.get(flavour, "nothing")
    assert scene.log == lines(
        f"first opens, second opens, second sees nothing, second ends,first sees {seen}, first ends"
    )


@on_asyncio
async def test_exit_code_may_set_a_time_after_one_that_its_dependency_had_set_is_over(
    app: App, scene: Scene
) -> None:
    async def limit() -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(0.01):
                yield
        except TimeoutError:
            scene.log("timed out")
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(LONG)
            except TimeoutError:
                scene.log("timed out again")
            raise HTTPException(504) from None

    @app.get("/")
    async def endpoint(limit: Annotated[None, Depends(limit)]) -> None:
        await anyio.sleep_forever()

    await request(app, log=scene.log)
    assert scene.log == lines("timed out, timed out again, sends 504")


@on_asyncio
async def test_a_dependency_may_hold_what_asyncio_has_open(app: App, scene: Scene) -> None:
    first = scene.dependency("suspending", "first")

    async def limit(first: Annotated[str, first]) -> AsyncIterator[asyncio.TaskGroup]:
        async with asyncio.timeout(0.01), asyncio.TaskGroup() as group:
            yield group

    third = scene.dependency("suspending", "third", Depends(limit))

    @app.get("/")
    async def endpoint(
        group: Annotated[asyncio.TaskGroup, Depends(limit)], third: Annotated[str, third]
    ) -> None:
        group.create_task(anyio.sleep_forever())
        await anyio.sleep_forever()

    await request(app, log=scene.log)
    assert scene.log == lines(
        "first opens, third opens, third sees cancellation, third ends,"
        "first sees TimeoutError(), first ends, sends 500"
    )
