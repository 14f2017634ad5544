"""What opens late in scope "app" shows in the trace of what first needed it; it exits elsewhere."""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import anyio
import httpx2
import pytest

from microfw import App, Depends
from microfw.dependencies import OpenSpan
from microfw.timeline import Timeline
from microfw.tracing import Observer, OngoingTrace, Sink, Span, Trace, trace_requests

logger = logging.getLogger("shop")


class Oops(Exception):
    pass


def get_pool() -> Iterator[str]:
    yield "pool"


class Lock:
    """What the setup of the gate waits for."""

    def __init__(self) -> None:
        self.fails = False
        self.is_reached = anyio.Event()
        self.opens = anyio.Event()
        self.opens.set()


@pytest.fixture(autouse=True)
async def lock() -> Lock:
    state["lock"] = Lock()
    return state["lock"]


state: dict[str, Lock] = {}


async def get_gate(pool: Annotated[str, Depends(get_pool)]) -> AsyncIterator[str]:
    logger.warning("opens")
    state["lock"].is_reached.set()
    await state["lock"].opens.wait()
    if state["lock"].fails:
        raise Oops
    yield f"gate of {pool}"


GateDep = Annotated[str, Depends(get_gate, scope="app")]


def add_route(app: App) -> None:
    @app.get("/")
    async def read_items(gate: GateDep) -> str:
        return gate


async def read_gate(gate: GateDep) -> str:
    return gate


def told(span: Span) -> str:
    outcome = "" if span.outcome == "ok" else f", {span.outcome} {span.raised or ''}".rstrip()
    where = " in a thread" * bool(span.thread)
    return f"{'  ' * span.depth}{span.label}{where}{outcome}"


OPENED = [
    'wait scope "app"',
    "  wait get_pool",
    "  setup get_pool in a thread",
    "  setup get_gate",
]


async def test_a_request_shows_the_setup_that_it_was_the_first_to_need() -> None:
    app = App()
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://shop")
    async with app.router.lifespan_context(app):
        add_route(app)
        with trace_requests(app) as traces:
            await client.get("/")
            await client.get("/")
    first, second = traces
    after = ["endpoint read_items", "response read_items", "send"]
    assert [told(span) for span in first.spans] == [*OPENED, *after]
    assert [told(span) for span in second.spans] == after
    setup = first.find("setup", "get_gate")
    assert (setup.scope, setup.at, setup.file) == ("app", None, __file__)
    assert first.source == app.explain("/")
    assert first.find("wait").start <= first.find("setup", "get_pool").start < setup.start
    assert setup.end <= first.find("wait").end


async def test_a_task_shows_it_too_and_shutdown_shows_the_exit() -> None:
    app = App()
    traces: list[Trace] = []
    with app.tracing.listen(traces.append):
        async with app.router.lifespan_context(app):
            await app.call(read_gate)
    assert [[told(span) for span in trace.spans] for trace in traces] == [
        [],
        [*OPENED, "task read_gate"],
        ["exit get_gate", "wait get_pool", "exit get_pool in a thread"],
    ]


async def test_the_exit_of_what_an_unwatched_request_opened_is_in_no_trace() -> None:
    app = App()
    async with app.router.lifespan_context(app):
        await app.call(read_gate)
        with trace_requests(app) as traces:
            await app.call(read_gate)
    assert [told(span) for span in traces[0].spans] == ["task read_gate"]


async def test_a_setup_that_fails_shows_with_the_exits_that_it_causes(lock: Lock) -> None:
    app = App()
    async with app.router.lifespan_context(app):
        with trace_requests(app) as traces:
            lock.fails = True
            with pytest.raises(Oops):
                await app.call(read_gate)
            lock.fails = False
            assert await app.call(read_gate) == "gate of pool"
    failed, second = traces
    assert [told(span) for span in failed.spans] == [
        *('wait scope "app", raised Oops', *OPENED[1:3], "  setup get_gate, raised Oops"),
        *("  wait get_pool", "  exit get_pool in a thread, passed"),
    ]
    assert failed.find("exit", "get_pool").saw == "Oops"
    assert failed.find("setup", "get_gate").raised_at is not None
    assert [told(span) for span in second.spans] == [*OPENED, "task read_gate"]


async def test_a_setup_that_the_first_to_need_it_gave_up_has_not_ended(lock: Lock) -> None:
    lock.opens = anyio.Event()
    app = App()
    async with app.router.lifespan_context(app):
        with trace_requests(app) as traces:
            async with anyio.create_task_group() as group:
                group.start_soon(app.call, read_gate)
                await lock.is_reached.wait()
                group.cancel_scope.cancel()
    first, *others = [told(span) for span in traces[0].spans]
    assert first.startswith('wait scope "app", cancelled ')
    assert others == [*OPENED[1:3], "  setup get_gate, unfinished"]


async def test_those_who_wait_for_what_another_one_opens_show_no_setup(lock: Lock) -> None:
    lock.opens = anyio.Event()
    app = App()

    async with app.router.lifespan_context(app):
        async with anyio.create_task_group() as group:
            group.start_soon(app.call, read_gate)
            await lock.is_reached.wait()
            with trace_requests(app) as traces:
                async with anyio.create_task_group() as watched:
                    watched.start_soon(app.call, read_gate)
                    watched.start_soon(app.call, read_gate)
                    await anyio.wait_all_tasks_blocked()
                    lock.opens.set()
            assert [[told(span) for span in trace.spans] for trace in traces] == [
                ['wait scope "app"', "task read_gate"],
                ['wait scope "app"', "task read_gate"],
            ]


async def test_what_is_logged_meanwhile_is_in_the_trace() -> None:
    app = App()
    timeline = Timeline(app)
    async with app.router.lifespan_context(app):
        await app.call(read_gate)
    timeline.stop()
    traces = [kept.trace for kept in timeline.traces.after(0)]
    assert [[line.message for line in trace.logs] for trace in traces] == [[], ["opens"], []]
    (line,) = traces[1].logs
    setup = traces[1].find("setup", "get_gate")
    assert setup.start <= line.at <= setup.end


async def test_who_watches_live_is_told_of_it_when_it_is_over() -> None:
    seen: list[str] = []

    class Watcher(Observer):
        def ended(self, span: OpenSpan, error: BaseException | None) -> None:
            seen.append(span.label)

    class Watching(Sink):
        def observer(self, trace: OngoingTrace) -> Observer:
            return Watcher()

    app = App()
    async with app.router.lifespan_context(app):
        with app.tracing.listen(Watching()):
            await app.call(read_gate)
    assert seen == [
        "wait get_pool",
        "setup get_pool",
        "setup get_gate",
        'wait scope "app"',
        "task read_gate",
    ]
