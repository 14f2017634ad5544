"""Verify that all contenders do the work, then time them in turns.

A round times each contender once, in an order of its own, for about `BLOCK_SECONDS`. Ratios are
taken within a round, so that what slows the whole machine down for a while slows both of a ratio;
many short blocks do that better than few long ones. The garbage collector runs as it does in a
server; each block begins with a collection, so that nobody pays for what others have left. What
was there before the case began is exempt: only what requests make is looked at. The process stays
on one core, where the system lets it.
"""

import asyncio
import gc
import os
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

from benchmarks.cases import Case, Contender
from benchmarks.client import Client, Log, answer_of, events_of, new_log

CLOCKS: Mapping[str, Callable[[], float]] = {"wall": perf_counter, "cpu": process_time}
"""The time that passes, or the time for which the process had a core: on a busy machine the former
says more about the neighbours. The latter leaves out waiting for a thread to wake up."""

BLOCK_SECONDS = 0.005
WARM_UP_CALLS = 50


class UnequalWorkError(Exception):
    """A contender has answered something else than it should, or done something else."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The seconds for one request of a case, by contender and round."""

    case: Case
    seconds: Mapping[str, Sequence[float]]

    def ratios(self, one: str, other: str) -> list[float]:
        """What one contender takes as a share of what another one takes, by round."""
        pairs = zip(self.seconds[one], self.seconds[other], strict=True)
        return [mine / theirs for mine, theirs in pairs]


class Trial:
    """One contender's application for one case, and the client that calls it."""

    def __init__(self, case: Case, contender: Contender) -> None:
        self.contender = contender.name
        self._case = case
        self._log: Log = new_log()
        self._client = Client(contender.builders[case.name](self._log), case.request, self._log)

    async def verify(self) -> None:
        """Make the request once, and look at the answer and at what has happened.

        Raises:
            UnequalWorkError: It is not what the case asks for.
        """
        self._log.clear()
        await self._client.call()
        events = events_of(self._log)
        if events != self._case.events:
            raise self._unequal("did", events, self._case.events)
        answer = answer_of(self._log)
        if answer != self._case.answer:
            raise self._unequal("answered", answer, self._case.answer)

    async def call_repeatedly(self, calls: int) -> None:
        """Make the request some times."""
        await self._client.call_repeatedly(calls)

    async def time(self, calls: int, clock: str = "wall") -> float:
        """Return the seconds that one request takes, of some."""
        now = CLOCKS[clock]
        self._log.clear()
        gc.collect()
        begin = now()
        await self._client.call_repeatedly(calls)
        end = now()
        expected = self._case.events
        events = events_of(self._log)[-len(expected) :]
        if events != expected:  # what was timed is what was verified
            raise self._unequal("did, while it was timed,", events, expected)
        return (end - begin) / calls

    def _unequal(self, verb: str, actual: Any, expected: Any) -> UnequalWorkError:
        return UnequalWorkError(
            f"{self.contender} {verb} something else in {self._case.name!r}:"
            f"\n  {actual}\nexpected:\n  {expected}"
        )


async def verify(case: Case, contenders: Sequence[Contender]) -> list[Trial]:
    """Make the trials of a case, one for each contender that takes part, and verify each.

    Raises:
        UnequalWorkError: One has done something else.
    """
    trials = [Trial(case, each) for each in contenders if case.name in each.builders]
    for trial in trials:
        await trial.verify()
        await trial.verify()  # what is made on first use must not change the second
    return trials


async def measure(
    case: Case, contenders: Sequence[Contender], rounds: int, clock: str = "wall"
) -> Measurement:
    """Verify the contenders of a case, then time them.

    Raises:
        UnequalWorkError: One has done something else.
    """
    trials = await verify(case, contenders)
    seconds: dict[str, list[float]] = {trial.contender: [] for trial in trials}
    shuffle = random.Random(case.name).shuffle
    with quick_collections():
        calls = {trial: await calls_in_a_block(trial, clock) for trial in trials}
        for _ in range(rounds):
            shuffle(trials)
            for trial in trials:
                seconds[trial.contender].append(await trial.time(calls[trial], clock))
    return Measurement(case, seconds)


@contextmanager
def quick_collections() -> Iterator[None]:
    """Exempt what is there now from garbage collection."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def calls_in_a_block(trial: Trial, clock: str) -> int:
    """Warm up, and find out how many calls take about `BLOCK_SECONDS`."""
    await trial.time(WARM_UP_CALLS)
    quickest = min([await trial.time(WARM_UP_CALLS // 5, clock) for _ in range(5)])
    return max(1, round(BLOCK_SECONDS / quickest))


@contextmanager
def event_loop(name: str) -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Run coroutines on the named event loop: `"uvloop"` or `"asyncio"`."""
    factory = None
    if name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner.run


@contextmanager
def one_core(*, first: bool = False) -> Iterator[bool]:
    """Keep the process on its last core, or its first; tells whether the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before) if first else max(before)})
    try:
        yield True
    finally:
        os.sched_setaffinity(0, before)
