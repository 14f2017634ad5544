# pyright: reportMissingImports=false
# taskiq_fastapi is in the extra "bench", which the checks do without.
"""What a task costs: sending its message, and running it, beside taskiq's own dependencies.

Each contender has the same broker, the same receiver and the same three async yield dependencies,
one below the other. The tasks are run by the receiver, as in a worker, without a network.
"""

import gc
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Annotated, Any

from taskiq import BrokerMessage, InMemoryBroker, TaskiqDepends
from taskiq.receiver import Receiver

from benchmarks.in_process import Options
from benchmarks.measuring import CLOCKS, UnequalWorkError, event_loop
from benchmarks.report import Report, markdown
from microfw import App, Depends
from microfw.tasks import TaskQueue

ROUNDS = 100
CALLS = 20
NAMES = ("microfw", "taskiq", "taskiq_fastapi")

Log = list[str]


class SilentBroker(InMemoryBroker):
    """Keeps the last message, and runs nothing."""

    last = b""

    async def kick(self, message: BrokerMessage) -> None:
        self.last = message.message


@dataclass(frozen=True)
class Sendable:
    """A contender's task."""

    broker: SilentBroker
    send: Callable[[], Awaitable[Any]]
    log: Log


def _dependencies(depends: Callable[[Callable[..., Any]], Any]) -> tuple[Any, Log]:
    log: Log = []

    async def get_connection() -> AsyncIterator[str]:
        log.append("+connection")
        yield "connection"
        log.append("-connection")

    async def get_session(
        connection: Annotated[str, depends(get_connection)],
    ) -> AsyncIterator[str]:
        log.append("+session")
        yield connection
        log.append("-session")

    async def get_user(session: Annotated[str, depends(get_session)]) -> AsyncIterator[str]:
        log.append("+user")
        yield session
        log.append("-user")

    async def work(order_id: int, user: Annotated[str, depends(get_user)]) -> int:
        log.append("work")
        return order_id

    return work, log


WORK = ["+connection", "+session", "+user", "work", "-user", "-session", "-connection"]


@asynccontextmanager
async def _of_microfw() -> AsyncIterator[Sendable]:
    app, broker = App(), SilentBroker()
    work, log = _dependencies(Depends)
    task = TaskQueue(app, broker).task(work)
    async with app.running():
        yield Sendable(broker, lambda: task.kiq(7), log)


@asynccontextmanager
async def _of_taskiq() -> AsyncIterator[Sendable]:
    broker = SilentBroker()
    work, log = _dependencies(TaskiqDepends)
    task: Any = broker.task(work)
    yield Sendable(broker, lambda: task.kiq(7), log)


@asynccontextmanager
async def _of_taskiq_fastapi() -> AsyncIterator[Sendable]:
    from fastapi import Depends as FastAPIDepends
    from fastapi import FastAPI
    from taskiq_fastapi import populate_dependency_context

    broker = SilentBroker()
    populate_dependency_context(broker, FastAPI())
    work, log = _dependencies(FastAPIDepends)
    task: Any = broker.task(work)
    yield Sendable(broker, lambda: task.kiq(7), log)


CONTENDERS: Mapping[str, Callable[[], Any]] = {
    "microfw": _of_microfw,
    "taskiq": _of_taskiq,
    "taskiq_fastapi": _of_taskiq_fastapi,
}


async def _did(sendable: Sendable) -> tuple[Any, ...]:
    """What a contender sends, does, and returns."""
    sent = await sendable.send()
    await Receiver(sendable.broker, max_async_tasks=1).callback(sendable.broker.last)
    message = sendable.broker.formatter.loads(sendable.broker.last)
    result = await sendable.broker.result_backend.get_result(sent.task_id)
    return message.args, message.kwargs, message.labels, sendable.log, result.return_value


EXPECTED: tuple[Any, ...] = ([7], {}, {}, WORK, 7)


async def _seconds(rounds: int, clock: Callable[[], float]) -> dict[str, dict[str, list[float]]]:
    """Time each contender in turns; verify first that all do the same."""
    found: dict[str, dict[str, list[float]]] = {
        part: {name: [] for name in CONTENDERS} for part in ("send", "run")
    }
    async with AsyncExitStack() as stack:
        ready: list[tuple[str, Sendable, Receiver]] = []
        for name, make in CONTENDERS.items():
            sendable = await stack.enter_async_context(make())
            did = await _did(sendable)
            if did != EXPECTED:
                raise UnequalWorkError(f"{name} did {did}, not {EXPECTED}")
            ready.append((name, sendable, Receiver(sendable.broker, max_async_tasks=1)))
        for number in range(rounds + 1):  # the first one warms up
            random.shuffle(ready)
            for name, sendable, receiver in ready:
                run = partial(_run_last, sendable, receiver)
                for part, call in (("send", sendable.send), ("run", run)):
                    gc.collect()
                    started = clock()
                    for _ in range(CALLS):
                        await call()
                    if number:
                        found[part][name].append((clock() - started) / CALLS)
                sendable.log.clear()
    return found


async def _run_last(sendable: Sendable, receiver: Receiver) -> None:
    await receiver.callback(sendable.broker.last)


def measure(options: Options) -> Report:
    """Time sending and running one task."""
    rounds = options.rounds or ROUNDS
    logging.getLogger("taskiq").setLevel(logging.ERROR)
    with event_loop(options.loop) as run:
        seconds = run(_seconds(rounds, CLOCKS[options.clock]))
    rows = [["", *(f"{name}, us" for name in NAMES), "microfw / taskiq", "/ taskiq_fastapi"]]
    for part, by_name in seconds.items():
        times = [f"{median(by_name[name]) * 1e6:.1f}" for name in NAMES]
        shares = [
            median(a / b for a, b in zip(by_name["microfw"], by_name[name], strict=True))
            for name in NAMES[1:]
        ]
        rows.append([part, *times, *(f"{share:.2f}" for share in shares)])
    text = (
        f"A task of three async yield dependencies, on {options.loop}; medians of {rounds} rounds"
        f" of {CALLS}\n\n{markdown(rows)}"
    )
    return Report("tasks", text, {"rounds": rounds, "seconds": seconds})
