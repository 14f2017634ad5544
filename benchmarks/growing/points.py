"""One size of what grows: measured as any other case is."""

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


async def point(
    curve: str, across: str, size: int, case: Case, builders: Mapping[str, Build], rounds: int
) -> Point:
    """Verify and time those who take part in a case.

    Raises:
        UnequalWorkError: One has done something else.
    """
    contenders = [Contender(name, (), {case.name: build}) for name, build in builders.items()]
    measurement = await measure(case, contenders, rounds)
    values = {name: median(seconds) for name, seconds in measurement.seconds.items()}
    return Point(curve, across, size, values)
