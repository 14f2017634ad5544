"""One size of what grows: what is asked, and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.cases import Build, Case, Contender
from benchmarks.measuring import measure


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured of one curve, at one size.

    Attributes:
        curve: The title of the curve.
        across: What there are `size` of.
        values: By contender.
        unit: Of the values.
    """

    curve: str
    across: str
    size: int
    values: Mapping[str, float]
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be measured of one curve, at one size.

    Attributes:
        builders: By contender.
    """

    curve: str
    across: str
    size: int
    case: Case
    builders: Mapping[str, Build]

    def contenders(self) -> list[Contender]:
        """Make those who take part."""
        return [Contender(name, (), {self.case.name: each}) for name, each in self.builders.items()]

    async def point(self, rounds: int, clock: str = "wall") -> Point:
        """Verify and time those who take part.

        Raises:
            UnequalWorkError: One has done something else.
        """
        measurement = await measure(self.case, self.contenders(), rounds, clock)
        values = {name: median(seconds) for name, seconds in measurement.seconds.items()}
        return Point(self.curve, self.across, self.size, values)
