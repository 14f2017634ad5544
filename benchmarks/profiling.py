"""Say on what microfw spends its time in one case, by function.

A timer interrupts the event loop's thread and looks at what it is at: the share of looks that find
a function is its share of the time. That slows no function down, where a profiler that is told of
every call makes small functions look expensive. Time in C is its caller's. The interpreter minds an
interruption when a function begins, and so the last lines before a call count for what is called.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import CodeType, FrameType

from benchmarks.cases import Case
from benchmarks.contenders import raw
from benchmarks.in_process import Options, part_of
from benchmarks.measuring import Trial, event_loop, measure, one_core, verify
from benchmarks.report import Report, environment, heading, markdown

INTERVAL = 0.000_7
"""Seconds between two looks: not a multiple of anything."""

LOOKS = 5000
LOOKS_IN_A_ROUND = 50
CALLS = 20
FEWEST = 0.005
"""The share below which a function is not listed."""


def profile(case: Case, options: Options) -> Report:
    """Measure microfw and the floor, then look at what microfw is at; a round is one look."""
    looks = options.rounds or LOOKS
    contenders = [part_of(case.name).contenders[0](), raw()]
    samples = Samples()
    with event_loop(options.loop) as run, one_core() as pinned:
        measurement = run(
            measure(case, contenders, max(looks // LOOKS_IN_A_ROUND, 1), options.clock)
        )
        (trial,) = run(verify(case, contenders[:1]))
        run(_look(trial, looks, samples))
    times = {name: median(seconds) * 1e6 for name, seconds in measurement.seconds.items()}
    about = environment(contenders, options.loop, looks, pinned, options.clock)
    said = ", ".join(f"{name} {time:.1f} us" for name, time in times.items())
    rows = samples.rows(times[contenders[0].name])
    text = f"{heading(about)}\n\n`{case.name}`: {said}\n\n{markdown(rows)}"
    return Report(f"profile-{case.name}", text, {**about, "microseconds": times, "rows": rows})


async def _look(trial: Trial, looks: int, samples: "Samples") -> None:
    with samples.taken():
        while samples.count < looks:
            await trial.call_repeatedly(CALLS)


class Samples:
    """What was found at each look."""

    def __init__(self) -> None:
        self.count = 0
        self._own: Counter[CodeType] = Counter()
        self._with_callees: Counter[CodeType] = Counter()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Look at what happens in the block, again and again."""
        before = signal.signal(signal.SIGALRM, self._take)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        found = set()
        if frame is not None:
            self._own[frame.f_code] += 1
        while frame is not None:
            found.add(frame.f_code)
            frame = frame.f_back
        self._with_callees.update(found)

    def rows(self, microseconds: float) -> list[list[str]]:
        """Make a table of the functions, those that took the most themselves first."""
        every = self.count
        rows = [["function", "where", "own (us)", "with callees (us)"]]
        for code, count in self._own.most_common():
            if count >= every * FEWEST:
                with_callees = self._with_callees[code]
                rows.append(
                    [
                        f"`{code.co_qualname}`",
                        _where(code),
                        f"{count / every * microseconds:.2f}",
                        f"{with_callees / every * microseconds:.2f}",
                    ]
                )
        return rows


def _where(code: CodeType) -> str:
    *_, folder, name = ("", *Path(code.co_filename).parts)
    return f"{folder}/{name}:{code.co_firstlineno}".lstrip("/")
