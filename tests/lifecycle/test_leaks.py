"""E8: what a request has held is free when it has ended, without the garbage collector's help."""

import gc
import logging
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import anyio
import pytest

from microfw import App, BackgroundTasks, Depends, HTTPException, Outcome, Request
from microfw.responses import EventSourceResponse, JSONResponse
from tests.lifecycle.programs import Answer, Oops, request


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Watched:
    """Remembers objects without holding them."""

    def __init__(self) -> None:
        self._references: list[tuple[str, weakref.ref[Any]]] = []

    def __call__(self, thing: Any) -> Any:
        self._references.append((type(thing).__name__, weakref.ref(thing)))
        return thing

    def names(self) -> set[str]:
        return {name for name, _ in self._references}

    async def alive(self) -> list[str]:
        """Those that are still there, once worker threads have put down what they were given."""
        with anyio.move_on_after(0.3):
            # Nobody tells when a worker thread lets go of what it was given.
            while any(reference() for _, reference in self._references):  # noqa: ASYNC110
                await anyio.sleep(0.001)
        return [name for name, reference in self._references if reference() is not None]


class Value:
    """What dependencies yield."""


React = Callable[[], object]
"""Without the exception as its argument: its own frame would hold it, and be held by it."""


def passes() -> None:
    raise  # noqa: PLE0704 - called in an `except` block


def swallows() -> None: ...


def replaces() -> None:
    raise HTTPException(409)


def replaces_from() -> None:
    raise Oops("another") from sys.exception()


def no_exit(_: Value) -> None: ...


def fails(_: Value) -> None:
    raise Oops("exit")


def returns(_: Value) -> str:
    return "done"


def raises(_: Value) -> str:
    raise Oops("endpoint")


def refuses(_: Value) -> str:
    raise HTTPException(404)


def gives_a_thing(_: Value) -> Any:
    return object()


def make_app(
    watch: Watched, dependencies: str, endpoint: str, act: Any, react: React, exits: Any, scope: Any
) -> App:
    """Make an application, all values, requests and exceptions of which are watched."""
    outer = outer_dependency(watch, dependencies == "sync", react, exits)
    inner = inner_dependency(watch, dependencies != "async", Depends(outer, scope=scope))

    async def endpoint_async(inner: Annotated[Value, Depends(inner)], number: int = 0) -> Any:
        return act(inner)

    def endpoint_sync(inner: Annotated[Value, Depends(inner)], number: int = 0) -> Any:
        return act(inner)

    app = App()
    app.get("/")(endpoint_async if endpoint == "async" else endpoint_sync)
    return app


def outer_dependency(watch: Watched, is_sync: bool, react: React, exits: Any) -> Any:
    async def outer_async(request: Request) -> AsyncIterator[Value]:
        watch(request)
        value = watch(Value())
        try:
            yield value
        except Exception as error:
            watch(error)
            react()
        else:
            exits(value)

    def outer_sync(request: Request) -> Iterator[Value]:
        watch(request)
        value = watch(Value())
        try:
            yield value
        except Exception as error:
            watch(error)
            react()
        else:
            exits(value)

    return outer_sync if is_sync else outer_async


def inner_dependency(watch: Watched, is_sync: bool, outer: Any) -> Any:
    async def inner_async(outer: Annotated[Value, outer]) -> AsyncIterator[Value]:
        inner = watch(Value())
        try:
            yield inner
        except Exception as error:
            watch(error)
            raise

    def inner_sync(outer: Annotated[Value, outer]) -> Iterator[Value]:
        inner = watch(Value())
        try:
            yield inner
        except Exception as error:
            watch(error)
            raise

    return inner_sync if is_sync else inner_async


OUTCOMES = [
    pytest.param(returns, passes, no_exit, "", 200, id="success"),
    pytest.param(refuses, passes, no_exit, "", 404, id="HTTPException"),
    pytest.param(raises, passes, no_exit, "", 500, id="error"),
    pytest.param(raises, replaces, no_exit, "", 409, id="replaced"),
    pytest.param(raises, replaces_from, no_exit, "", 500, id="replaced from"),
    pytest.param(raises, swallows, no_exit, "", 500, id="swallowed"),
    pytest.param(gives_a_thing, passes, no_exit, "", 500, id="response not built"),
    pytest.param(returns, passes, no_exit, "number=x", 422, id="invalid"),
]


@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize(("act", "react", "exits", "query", "status"), OUTCOMES)
@pytest.mark.parametrize(
    ("dependencies", "endpoint"), [("async", "async"), ("sync", "sync"), ("mixed", "sync")]
)
async def test_nothing_of_a_finished_request_is_alive(
    dependencies: str,
    endpoint: str,
    act: Any,
    react: React,
    exits: Any,
    query: str,
    status: int,
    scope: str,
) -> None:
    """E8"""
    watch = Watched()
    app = make_app(watch, dependencies, endpoint, act, react, exits, scope)

    assert await _status(request(app, query=query)) == status

    assert {"Request", "Value"} <= watch.names()
    assert await watch.alive() == []


@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize("act", [returns, refuses, raises])
async def test_nothing_that_an_outcome_has_shown_is_alive(act: Any, scope: Any) -> None:
    """E8, R1"""
    watch = Watched()

    def look(outcome: Outcome) -> Iterator[None]:
        watch(outcome)
        try:
            yield
        finally:
            watch(outcome.error or Value())

    async def look_async(outcome: Outcome) -> AsyncIterator[None]:
        watch(outcome)
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()
            watch(outcome.error or Value())

    app = App(dependencies=[Depends(look, scope=scope), Depends(look_async, scope=scope)])

    @app.get("/")
    async def read() -> Any:
        return act(Value())

    await _status(request(app))

    assert len(watch.names()) == 2
    assert await watch.alive() == []


@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize("endpoint", ["async", "sync"])
@pytest.mark.parametrize("dependencies", ["async", "sync", "mixed"])
async def test_nothing_is_alive_when_exit_code_has_failed(
    dependencies: str, endpoint: str, scope: str
) -> None:
    """E8"""
    watch = Watched()
    app = make_app(watch, dependencies, endpoint, returns, passes, fails, scope)

    status = await _status(request(app))

    assert status == (500 if scope == "function" else 200)
    assert await watch.alive() == []


@pytest.mark.parametrize("endpoint", [returns, raises])
async def test_nothing_is_alive_when_exit_code_has_been_cut_off(endpoint: Any) -> None:
    """E8, C1"""
    watch = Watched()

    async def outer() -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            watch(error)
            raise

    async def hanging() -> AsyncIterator[Value]:
        try:
            yield watch(Value())
        finally:
            try:
                await anyio.sleep_forever()
            except BaseException as error:
                watch(error)
                raise

    app = App(cleanup_timeout=0.01, dependencies=[Depends(outer)])

    @app.get("/")
    async def act(value: Annotated[Value, Depends(hanging)]) -> Any:
        return endpoint(watch(value))

    assert await _status(request(app)) == 500
    kind = "CleanupTimeoutError" if endpoint is returns else "Oops"
    assert {"Value", kind} <= watch.names()
    assert await watch.alive() == []


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("failing", [0, 1, 2])
async def test_nothing_of_a_background_task_is_alive(
    app: App, failing: int, is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E8"""
    # Else pytest keeps the log's records, and they the exceptions.
    monkeypatch.setattr(logging.getLogger("microfw"), "disabled", True)
    watch = Watched()

    async def resource() -> AsyncIterator[Value]:
        try:
            yield watch(Value())
        except Exception as error:
            watch(error)
            raise

    async def task_async(fail: bool, resource: Annotated[Value, Depends(resource)]) -> None:
        if fail:
            raise Oops("task")

    def task_sync(fail: bool, resource: Annotated[Value, Depends(resource)]) -> None:
        if fail:
            raise Oops("task")

    @app.get("/")
    async def endpoint(request: Request, tasks: BackgroundTasks) -> None:
        watch(request)
        watch(tasks)
        for number in range(2):
            tasks.add_task(task_async if is_async else task_sync, number < failing)

    assert await _status(request(app)) == 200

    assert len(watch.names()) == (4 if failing else 3)
    assert await watch.alive() == []


async def test_nothing_of_a_late_task_is_alive(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2, E8"""
    monkeypatch.setattr(logging.getLogger("microfw"), "disabled", True)
    watch = Watched()

    async def resource() -> AsyncIterator[Value]:
        try:
            yield watch(Value())
        except Exception as error:
            watch(error)
            raise

    async def task(resource: Annotated[Value, Depends(resource)]) -> None:
        raise Oops("task")

    async def late(tasks: BackgroundTasks) -> AsyncIterator[None]:
        yield
        tasks.add_task(task)

    @app.get("/", dependencies=[Depends(late, scope="request")])
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(lambda: None)

    assert await _status(request(app)) == 200

    assert watch.names() == {"Value", "Oops"}
    assert await watch.alive() == []


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("fail", [True, False], ids=["failing", "to the end"])
@pytest.mark.parametrize("response_class", [JSONResponse, EventSourceResponse])
async def test_nothing_of_a_stream_is_alive(
    app: App, fail: bool, is_async: bool, response_class: Any
) -> None:
    """E8"""
    watch = Watched()

    async def resource(request: Request) -> AsyncIterator[Value]:
        watch(request)
        try:
            yield watch(Value())
        except Exception as error:
            watch(error)
            raise

    async def stream_async(resource: Annotated[Value, Depends(resource)]) -> AsyncIterator[int]:
        yield 1
        if fail:
            raise Oops("stream")

    def stream_sync(resource: Annotated[Value, Depends(resource)]) -> Iterator[int]:
        yield 1
        if fail:
            raise Oops("stream")

    app.get("/", response_class=response_class)(stream_async if is_async else stream_sync)

    assert await _status(request(app)) == 200

    assert await watch.alive() == []


@pytest.mark.parametrize("dependencies", ["async", "sync", "mixed"])
async def test_a_dependency_that_never_yields_is_not_alive(dependencies: str) -> None:
    """E9, too."""
    watch = Watched()

    async def never() -> Any:
        value = watch(Value())
        if value is None:
            yield

    def never_sync() -> Any:
        value = watch(Value())
        if value is None:
            yield

    app = App(
        dependencies=[
            *([Depends(never)] if dependencies != "sync" else []),
            *([Depends(never_sync)] if dependencies != "async" else []),
        ]
    )

    @app.get("/")
    def endpoint() -> None: ...

    assert await _status(request(app)) == 500

    assert await watch.alive() == []


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_an_exception_that_requests_share_holds_none_of_them(is_async: bool) -> None:
    """E8: its traceback would grow with each request."""
    watch = Watched()
    shared = HTTPException(404)

    async def resource_async(request: Request) -> AsyncIterator[Value]:
        watch(request)
        yield watch(Value())

    def resource_sync(request: Request) -> Iterator[Value]:
        watch(request)
        yield watch(Value())

    app = App()

    @app.get("/")
    async def endpoint(
        resource: Annotated[Value, Depends(resource_async if is_async else resource_sync)],
    ) -> None:
        raise shared

    assert await _status(request(app)) == 404
    assert await _status(request(app)) == 404

    assert await watch.alive() == []


async def _status(asking: Any) -> int | None:
    answer: Answer = await asking
    answer.raised = None  # as a server does, once it has logged it
    return answer.status
