"""More and more requests at the same time, all of which wait inside of a dependency."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from statistics import median
from typing import Annotated, Any, cast

from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.client import ASGIApp, Client, Request, answer_of, json_answer, new_log
from benchmarks.contenders.declared import Framework
from benchmarks.growing.points import Point
from benchmarks.measuring import CLOCKS, UnequalWorkError

COUNTS = (1, 10, 100, 1_000, 10_000)
ROUNDS = 3


class Gate:
    """Where requests wait until all of them are there."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._all_there = asyncio.Event()
        self._open = asyncio.Event()

    async def dependency(self) -> AsyncIterator[int]:
        """Wait, between the setup and the endpoint."""
        self._missing -= 1
        if not self._missing:
            self._all_there.set()
        await self._open.wait()
        yield 1

    async def wait_for_all(self) -> None:
        """Wait until nobody is missing."""
        await self._all_there.wait()

    def open(self) -> None:
        """Let all of them through."""
        self._open.set()


Make = Callable[[Gate], ASGIApp]


async def points(
    frameworks: Sequence[Framework], clock: str = "wall", counts: Sequence[int] = COUNTS
) -> AsyncIterator[Point]:
    """Measure the time of all requests, then the memory of each."""
    makes: Mapping[str, Make] = {
        **{each.name: partial(declared, each) for each in frameworks},
        "by hand": by_hand,
    }
    for count in counts:
        seconds: dict[str, list[float]] = {name: [] for name in makes}
        for _ in range(ROUNDS):
            for name, make in makes.items():
                seconds[name].append(await all_at_once(name, make, count, clock))
        times = {name: median(each) for name, each in seconds.items()}
        yield Point("requests that wait, all of them", "requests", count, times)
        memory = {name: await bytes_of_each(name, make, count) for name, make in makes.items()}
        yield Point("requests that wait, memory of each", "requests", count, memory, "bytes")


async def all_at_once(name: str, make: Make, count: int, clock: str) -> float:
    """Return the seconds that some requests at the same time take."""
    gate = Gate(count)
    ask = _asking(name, make(gate))
    now = CLOCKS[clock]
    begin = now()
    tasks = [asyncio.create_task(ask()) for _ in range(count)]
    await gate.wait_for_all()
    gate.open()
    await asyncio.gather(*tasks)
    return now() - begin


async def bytes_of_each(name: str, make: Make, count: int) -> float:
    """Return how many bytes a request holds while it waits."""
    gate = Gate(count)
    ask = _asking(name, make(gate))
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tasks = [asyncio.create_task(ask()) for _ in range(count)]
        await gate.wait_for_all()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    gate.open()
    await asyncio.gather(*tasks)
    return (held - before) / count


def _asking(name: str, app: ASGIApp) -> Callable[[], Any]:
    async def ask() -> None:
        log = new_log()
        await Client(app, Request("/orders"), log).call()
        if answer_of(log) != json_answer({"value": 1}):
            raise UnequalWorkError(f"{name} has answered {answer_of(log)}")

    return ask


def declared(framework: Framework, gate: Gate) -> ASGIApp:
    """Wait in a dependency of a framework's."""
    app = framework.application()

    @app.get("/orders")
    async def endpoint(value: Annotated[int, framework.declare(gate.dependency)]) -> dict[str, int]:
        return {"value": value}

    return cast(ASGIApp, app)


def by_hand(gate: Gate) -> ASGIApp:
    """Wait in a block."""
    opened = asynccontextmanager(gate.dependency)

    async def endpoint(request: StarletteRequest) -> Response:
        async with opened() as value:
            return JSONResponse({"value": value})

    return Starlette(routes=[Route("/orders", endpoint)])
