"""Start-up and shutdown are traced: what opens in scope "app", in which order, and how it exits."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from starlette.testclient import TestClient

from microfw import App, Depends, Router
from microfw.timeline import Timeline
from microfw.tracing import Listening, Trace, trace_requests


class Oops(Exception):
    pass


async def get_engine() -> AsyncIterator[str]:
    yield "engine"


def get_pool(engine: Annotated[str, Depends(get_engine)]) -> Iterator[str]:
    yield f"pool of {engine}"


PoolDep = Annotated[str, Depends(get_pool, scope="app")]


def shop(**settings: Any) -> App:
    app = App(**settings)

    @app.get("/")
    async def read_items(pool: PoolDep) -> str:
        return pool

    return app


def lived(app: App) -> list[Trace]:
    """The traces of a life without requests."""
    traces: list[Trace] = []
    with app.tracing.listen(traces.append), TestClient(app):
        pass
    return traces


def test_start_up_and_shutdown_are_a_trace_each() -> None:
    app = shop()
    start_up, shutdown = lived(app)
    assert [(trace.kind, trace.method, trace.name) for trace in (start_up, shutdown)] == [
        ("lifespan", "LIFESPAN", "start-up"),
        ("lifespan", "LIFESPAN", "shutdown"),
    ]
    assert start_up.order == ["setup get_engine", "setup get_pool"]
    assert shutdown.order == ["exit get_pool", "exit get_engine"]
    assert (start_up.route, start_up.status, start_up.error) == (None, None, None)


def test_what_stays_open_has_not_ended_when_start_up_has() -> None:
    app = shop()
    start_up, shutdown = lived(app)
    opened = start_up.find("open", "get_pool")
    assert (opened.outcome, opened.scope) == ("unfinished", "app")
    assert start_up.source == app.explain_lifespan()
    assert start_up.find("setup", "get_pool").thread == 1
    assert [span.outcome for span in shutdown.spans] == ["ok"] * len(shutdown.spans)


def test_lifespans_and_functions_for_events_are_told_by_name() -> None:
    @asynccontextmanager
    async def keep_books(app: App) -> AsyncIterator[None]:
        yield

    def ring() -> None: ...

    async def lock() -> None: ...

    app = shop(lifespan=keep_books)
    router = Router(on_startup=[ring], on_shutdown=[lock])
    app.include_router(router)
    start_up, shutdown = lived(app)
    assert start_up.order == [
        *("setup keep_books", "setup ring", "setup get_engine", "setup get_pool"),
    ]
    assert shutdown.order == [
        *("exit get_pool", "exit get_engine", "exit lock", "exit keep_books"),
    ]


def test_a_start_up_that_fails_shows_what_failed_and_what_closed(app: App) -> None:
    async def get_broken(engine: Annotated[str, Depends(get_engine)]) -> AsyncIterator[str]:
        if engine:
            raise Oops
        yield engine

    @app.get("/", dependencies=[Depends(get_broken, scope="app")])
    async def read_items() -> str:
        return "items"

    traces: list[Trace] = []
    client = TestClient(app)
    with app.tracing.listen(traces.append), pytest.raises(Oops), client:
        pass
    (start_up,) = traces
    assert start_up.error == "Oops"
    assert start_up.order == ["setup get_engine", "setup get_broken", "exit get_engine"]
    assert start_up.find("setup", "get_broken").outcome == "raised"
    assert start_up.find("exit", "get_engine").saw == "Oops"


def test_what_has_opened_later_exits_in_the_trace_of_shutdown() -> None:
    app, traces = App(), list[Trace]()
    with app.tracing.listen(traces.append), TestClient(app) as client:

        @app.get("/")
        async def read_items(pool: PoolDep) -> str:
            return pool

        client.get("/")
    assert [(trace.name, trace.order) for trace in traces] == [
        ("start-up", []),
        ("/", ["setup get_engine", "setup get_pool", "endpoint read_items", "send"]),
        ("shutdown", ["exit get_pool", "exit get_engine"]),
    ]


def test_a_listener_may_come_after_start_up_and_go_before_shutdown() -> None:
    app, late, early = shop(), list[Trace](), list[Trace]()
    listening = app.tracing.listen(early.append)
    with TestClient(app):
        listening.stop()
    with TestClient(app), app.tracing.listen(late.append):
        pass
    kept: list[Listening] = []
    with TestClient(app):
        kept.append(app.tracing.listen(late.append))
    kept[0].stop()
    assert [trace.name for trace in early] == ["start-up"]
    assert late == []


def test_requests_can_be_traced_without_the_lifespan() -> None:
    app = shop()
    with trace_requests(app) as traces, TestClient(app) as client:
        client.get("/")
    assert [trace.name for trace in traces] == ["/"]


def test_what_is_logged_at_start_up_is_in_its_trace_and_nothing_later_is() -> None:
    logger = logging.getLogger("shop")

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        logger.warning("opens")
        yield
        logger.warning("closes")

    app = App(lifespan=lifespan)
    other, timeline = Timeline(App()), Timeline(app)
    with TestClient(app):
        logger.warning("in between")
    timeline.stop()
    other.stop()
    logged = [[line.message for line in kept.trace.logs] for kept in timeline.traces.after(0)]
    assert logged == [["opens"], ["closes"]]


async def test_what_start_up_leaves_running_adds_nothing_to_a_trace(anyio_backend: object) -> None:
    import anyio

    logger = logging.getLogger("shop")
    asked, logged = anyio.Event(), anyio.Event()

    async def write() -> None:
        await asked.wait()
        logger.warning("still here")
        logged.set()

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            yield

    app = App(lifespan=lifespan)
    timeline = Timeline(app)
    async with app.running():
        asked.set()
        await logged.wait()
    timeline.stop()
    assert [kept.trace.logs for kept in timeline.traces.after(0)] == [(), ()]
