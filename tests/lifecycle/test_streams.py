"""S6: endpoints that yield are closed where they stand, to their end, whatever has gone wrong."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

import anyio
import pytest
import trio

from microfw import App, Depends
from microfw.exceptions import ResponseValidationError
from tests.lifecycle.programs import Log, both, lines, request

Held = Callable[[], AbstractAsyncContextManager[None]]
React = Callable[[anyio.Event], Awaitable[None]]

on_asyncio = pytest.mark.parametrize(
    "anyio_backend",
    [
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    ],
)


@on_asyncio
async def test_a_stream_from_a_thread_is_closed_however_often_its_request_is_cancelled() -> None:
    """C1"""
    log = Log()
    app = App()
    loop = asyncio.get_running_loop()
    reached, released = asyncio.Event(), threading.Event()

    def get_session() -> Iterator[str]:
        with log.opened("session"):
            yield "session"

    @app.get("/")
    def endpoint(session: Annotated[str, Depends(get_session)]) -> Iterator[int]:
        with log.opened("stream"):
            yield 1
            loop.call_soon_threadsafe(reached.set)
            assert released.wait(5)
            yield 2

    task = asyncio.ensure_future(request(app, log=log))
    await reached.wait()
    released.set()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)

    assert task.cancelled()
    assert log == lines(
        "session opens, stream opens, sends 200, sends 1,"
        "stream sees GeneratorExit(), session sees CancelledError()"
    )


# ---------------------------------------------------------------------- C3


@asynccontextmanager
async def a_task_group() -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 5)
        yield


@asynccontextmanager
async def a_timeout() -> AsyncIterator[None]:
    with anyio.fail_after(5):
        yield


async def fails(left: anyio.Event) -> None:
    raise OSError("the client has gone")


async def leaves(left: anyio.Event) -> None:
    left.set()
    await anyio.sleep(5)


def sending(app: Any, react: React) -> Any:
    """Have something happen as the second item is sent."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        left = anyio.Event()

        async def receive_until() -> Any:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send_first(message: Any) -> None:
            if message.get("body") == b"2\n":
                await react(left)
            await send(message)

        await app(scope, receive_until, send_first)

    return wrapped


def app_holding(held: Held, log: Log, *items: Any) -> App:
    """An application whose stream holds something open at each `yield`."""
    app = App()

    async def get_session() -> AsyncIterator[str]:
        with log.opened("session"):
            yield "session"

    @app.get("/")
    async def endpoint(session: Annotated[str, Depends(get_session)]) -> AsyncIterator[Any]:
        async with held():
            with log.opened("stream"):
                for item in items:
                    yield item

    return app


@pytest.mark.parametrize("held", [a_task_group, a_timeout])
@pytest.mark.parametrize(
    ("react", "seen"),
    [(fails, "OSError(the client has gone)"), (leaves, "ClientDisconnect()")],
)
async def test_a_stream_that_holds_a_scope_open_is_closed_where_an_item_is_not_taken(
    log: Log, held: Held, react: React, seen: str
) -> None:
    await request(sending(app_holding(held, log, 1, 2), react), log=log)

    assert log == [
        *lines("session opens, stream opens, sends 200, sends 1, stream sees GeneratorExit()"),
        f"session sees {seen}",
    ]


@pytest.mark.parametrize("held", [a_task_group, a_timeout])
async def test_a_stream_that_holds_a_scope_open_is_closed_where_an_item_cannot_be_encoded(
    log: Log, held: Held
) -> None:
    answer = await request(app_holding(held, log, 1, 1j), log=log)

    assert log == [
        *lines("session opens, stream opens, sends 200, sends 1, stream sees GeneratorExit()"),
        "session sees ResponseValidationError",
    ]
    assert isinstance(answer.raised, ResponseValidationError)


async def test_a_stream_that_takes_too_long_to_close_is_cancelled_and_named(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """C1"""
    app = App(cleanup_timeout=0.01)

    async def endpoint() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            with log.opened("exit code"):
                await anyio.sleep(5)

    app.get("/")(endpoint)
    answer = await request(sending(app, fails), log=log)

    assert log[:3] == lines("sends 200, sends 1, exit code opens")
    assert log[3].startswith(("exit code sees CancelledError(", "exit code sees Cancelled("))
    assert len(log) == 4
    assert repr(answer.raised) == "OSError('the client has gone')"
    place = f"{endpoint.__qualname__} ({__file__}:{endpoint.__code__.co_firstlineno})"
    assert caplog.messages == [
        f"the exit code of {place} did not end within 0.01 seconds and was cancelled"
    ]


@on_asyncio
async def test_nothing_is_logged_where_a_request_is_cancelled_again_as_its_stream_is_closed(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """C2"""

    @asynccontextmanager
    async def a_group_that_ends_late() -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(is_cancelled_again)
            await anyio.wait_all_tasks_blocked()
            yield

    async def is_cancelled_again() -> None:
        try:
            await anyio.sleep(5)
        finally:
            task.cancel()

    async def is_cancelled(left: anyio.Event) -> None:
        task.cancel()
        await anyio.sleep(5)

    app = sending(app_holding(a_group_that_ends_late, log, 1, 2), is_cancelled)
    task = asyncio.ensure_future(request(app, log=log))
    await asyncio.wait([task])

    assert task.cancelled()
    assert log == lines(
        "session opens, stream opens, sends 200, sends 1, stream sees GeneratorExit(),"
        "session sees CancelledError()"
    )
    assert caplog.messages == []


async def fails_in_the_end() -> None:
    try:
        await anyio.sleep(5)
    finally:
        raise ValueError("task")


@asynccontextmanager
async def a_group_that_fails() -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(fails_in_the_end)
        await anyio.wait_all_tasks_blocked()
        yield


async def test_what_fails_in_a_task_of_a_stream_as_it_is_closed_is_raised() -> None:
    """E2"""
    answer = await request(sending(app_holding(a_group_that_fails, Log(), 1, 2), fails))

    assert isinstance(answer.raised, ExceptionGroup)
    assert [repr(error) for error in answer.raised.exceptions] == ["ValueError('task')"]


def app_waiting(held: Held, log: Log, wait: React) -> Any:
    """An application whose stream waits while it holds something open."""
    app = App()
    left = anyio.Event()

    async def get_session() -> AsyncIterator[str]:
        with log.opened("session"):
            yield "session"

    @app.get("/")
    async def endpoint(session: Annotated[str, Depends(get_session)]) -> AsyncIterator[int]:
        async with held():
            yield 1
            await wait(left)

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def receive_until() -> Any:
            await left.wait()
            return {"type": "http.disconnect"}

        await app(scope, receive_until, send)

    return wrapped


async def test_no_cancellation_is_among_what_fails_in_a_stream_whose_client_leaves() -> None:
    """E2"""
    log = Log()

    answer = await request(app_waiting(a_group_that_fails, log, leaves), log=log)

    assert log[:-1] == lines("session opens, sends 200, sends 1")
    assert log[-1].startswith("session sees ExceptionGroup(")
    assert isinstance(answer.raised, ExceptionGroup)
    assert [repr(error) for error in answer.raised.exceptions] == ["ValueError('task')"]


@asynccontextmanager
async def a_nursery() -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 5)
        yield


on_trio = pytest.mark.parametrize("anyio_backend", ["trio"])


@on_trio
async def test_a_stream_in_a_nursery_ends_where_its_client_leaves(log: Log) -> None:
    answer = await request(app_waiting(a_nursery, log, leaves), log=log)

    assert log == lines("session opens, sends 200, sends 1, session sees ClientDisconnect()")
    assert answer.raised is None


@on_trio
async def test_a_stream_in_a_nursery_ends_where_its_request_is_cancelled(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """C2"""
    scope = anyio.CancelScope()

    async def is_cancelled(left: anyio.Event) -> None:
        scope.cancel()
        await anyio.sleep(5)

    with scope:
        await request(app_waiting(a_nursery, log, is_cancelled), log=log)

    assert scope.cancelled_caught
    assert log[:-1] == lines("session opens, sends 200, sends 1")
    assert log[-1].startswith("session sees Cancelled(")
    assert caplog.messages == []


# ---------------------------------------------------------------------- exit code that fails


def app_that_fails(is_async: bool, log: Log, *items: Any) -> App:
    """An application whose stream fails as it is closed."""
    app = App()

    async def get_session() -> AsyncIterator[str]:
        with log.opened("session"):
            yield "session"

    async def yield_async(session: Annotated[str, Depends(get_session)]) -> AsyncIterator[Any]:
        try:
            for item in items:
                yield item
        finally:
            raise ValueError("exit code")

    def yield_sync(session: Annotated[str, Depends(get_session)]) -> Iterator[Any]:
        try:
            yield from items
        finally:
            raise ValueError("exit code")

    app.add_api_route("/", yield_async if is_async else yield_sync)
    return app


@both
async def test_what_a_stream_raises_as_it_is_closed_takes_the_place_of_what_closed_it(
    log: Log, is_async: bool
) -> None:
    """E2"""

    answer = await request(app_that_fails(is_async, log, 1, 1j), log=log)

    assert log == lines("session opens, sends 200, sends 1, session sees ValueError(exit code)")
    assert repr(answer.raised) == "ValueError('exit code')"


@both
async def test_what_a_stream_raises_as_it_is_closed_is_logged_where_its_request_is_cancelled(
    log: Log, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """C2"""
    scope = anyio.CancelScope()

    async def is_cancelled(left: anyio.Event) -> None:
        scope.cancel()
        await anyio.sleep(5)

    with scope:
        await request(sending(app_that_fails(is_async, log, 1, 2), is_cancelled), log=log)

    assert scope.cancelled_caught
    assert log[:-1] == lines("session opens, sends 200, sends 1")
    assert log[-1].startswith(("session sees CancelledError(", "session sees Cancelled("))
    name = f"app_that_fails.<locals>.yield_{'async' if is_async else 'sync'}"
    [record] = caplog.records
    assert record.message.startswith(f"{name} ({__file__}:")
    assert record.message.endswith(") failed while its request was being cancelled")
    assert record.exc_info
    assert repr(record.exc_info[1]) == "ValueError('exit code')"


@both
async def test_a_group_that_a_stream_raises_is_raised_as_it_is(app: App, is_async: bool) -> None:
    """E2"""
    group = ExceptionGroup("own", [ValueError("one"), ExceptionGroup("inner", [KeyError("two")])])

    async def yield_async() -> AsyncIterator[int]:
        yield 1
        raise group

    def yield_sync() -> Iterator[int]:
        yield 1
        raise group

    app.add_api_route("/", yield_async if is_async else yield_sync)
    answer = await request(app)

    assert answer.raised is group
