"""Cases that are called in this process: verified, timed in turns, reported."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.cases import LIFECYCLE, Case, Contender
from benchmarks.contenders import ALL, Make
from benchmarks.contenders.values import ALL as ALL_WITH_VALUES
from benchmarks.measuring import Measurement, event_loop, measure, one_core
from benchmarks.report import Report, as_data, environment, heading, picture, table
from benchmarks.values import VALUES, verify_refusals

ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure.

    Attributes:
        loop: The event loop, `"uvloop"` or `"asyncio"`.
        rounds: How often; each part has a number of its own.
        clock: One of `CLOCKS`.
    """

    loop: str = "uvloop"
    rounds: int | None = None
    clock: str = "wall"


@dataclass(frozen=True, slots=True)
class Part:
    """Cases that belong together, and those who take part in them.

    Attributes:
        look_at: Verifies more of a case than its answer and its events.
    """

    name: str
    cases: Sequence[Case]
    contenders: Sequence[Make]
    look_at: Callable[[Any, Sequence[Contender]], Awaitable[None]] | None = None

    async def _measure(
        self, case: Case, contenders: Sequence[Contender], rounds: int, clock: str
    ) -> Measurement:
        if self.look_at is not None:
            await self.look_at(case, contenders)
        return await measure(case, contenders, rounds, clock)

    def report(self, cases: Sequence[Case], options: Options) -> Report:
        """Measure some of the cases.

        Raises:
            UnequalWorkError: A contender has done something else than a case asks for.
        """
        rounds = options.rounds or ROUNDS
        contenders = installed(self.contenders)
        measurements = []
        with event_loop(options.loop) as run, one_core() as pinned:
            for case in cases:
                print(f"{case.name} ...", file=sys.stderr)
                measurements.append(run(self._measure(case, contenders, rounds, options.clock)))
        taking_part = [
            each for each in contenders if any(case.name in each.builders for case in cases)
        ]
        about = environment(taking_part, options.loop, rounds, pinned, options.clock)
        data = as_data(about, measurements, taking_part)
        name = f"{self.name}-{options.loop}"
        shown = [contender.name for contender in taking_part[:3]]
        text = f"{heading(about)}\n\n{table(measurements, taking_part)}"
        return Report(name, text, data, {name: picture(data, shown)})


def installed(makes: Sequence[Make]) -> list[Contender]:
    """Make the contenders that are installed, and say which are not."""
    contenders = []
    for make in makes:
        try:
            contenders.append(make())
        except ImportError as error:
            print(f"{make.__name__} is left out: {error}", file=sys.stderr)
    return contenders


PARTS = (
    Part("lifecycle", LIFECYCLE, ALL),
    Part("values", VALUES, ALL_WITH_VALUES, verify_refusals),
)


def part_of(name: str) -> Part:
    """Find the part that has the case with this name."""
    return next(part for part in PARTS if any(case.name == name for case in part.cases))
