"""How the time of a request grows with the application, and with what is asked of it.

Each curve has a point for each size, and an exponent: the slope of the line that fits its points
best where both axes are logarithmic. 0 is flat; 1 is as fast as the size grows.
"""

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from math import log10
from statistics import linear_regression
from typing import Any

from benchmarks.contenders import by_hand, framework_fastapi, framework_microfw
from benchmarks.contenders.declared import Framework
from benchmarks.drawing import curves
from benchmarks.growing import bodies, dependencies, routes, waiting
from benchmarks.growing.points import Point
from benchmarks.in_process import Options
from benchmarks.measuring import event_loop, one_core
from benchmarks.report import Report, environment, heading, markdown, rounded

ROUNDS = 15


async def points(frameworks: Sequence[Framework], rounds: int, clock: str) -> AsyncIterator[Point]:
    """Measure everything that grows.

    Raises:
        UnequalWorkError: A contender has done something else than it was asked for.
    """
    for questions in (routes.questions, dependencies.questions, bodies.questions):
        for question in questions(frameworks):
            yield await question.point(rounds, clock)
    async for point in waiting.points(frameworks, clock):
        yield point


Points = Callable[[Sequence[Framework], int, str], AsyncIterator[Point]]


def measure(options: Options, points: Points = points) -> Report:
    """Measure all curves.

    Raises:
        UnequalWorkError: A contender has done something else than it was asked for.
    """
    rounds = options.rounds or ROUNDS
    frameworks = installed_frameworks()
    with event_loop(options.loop) as run, one_core() as pinned:
        measured = run(_collected(points(frameworks, rounds, options.clock)))
    contenders = [*(each.contender() for each in frameworks), by_hand()]
    about = environment(contenders, options.loop, rounds, pinned, options.clock)
    found = _by_curve(measured)
    return Report(
        "growth",
        f"{heading(about)}\n\n{_table(found)}",
        {**about, "curves": [_as_data(title, lines) for title, lines in found.items()]},
        {_file_name(title): _picture(title, lines) for title, lines in found.items()},
    )


def installed_frameworks() -> list[Framework]:
    """Take what there is, and say what there is not."""
    frameworks = []
    for make in (framework_microfw, framework_fastapi):
        try:
            frameworks.append(make())
        except ImportError as error:
            print(f"{make.__name__} is left out: {error}", file=sys.stderr)
    return frameworks


async def _collected(points: AsyncIterator[Point]) -> list[Point]:
    found = []
    async for point in points:
        print(f"{point.curve}, {point.size} {point.across} ...", file=sys.stderr)
        found.append(point)
    return found


Lines = Mapping[str, list[Point]]
"""By contender, those of one curve."""


def _by_curve(points: Sequence[Point]) -> dict[str, dict[str, list[Point]]]:
    found: dict[str, dict[str, list[Point]]] = {}
    for point in points:
        for name in point.values:
            found.setdefault(point.curve, {}).setdefault(name, []).append(point)
    return found


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Fit a power of the size to what was measured, by least squares of the logarithms."""
    sizes = [log10(size) for size, _ in points]
    values = [log10(value) for _, value in points]
    return linear_regression(sizes, values).slope


def _points(name: str, line: Sequence[Point]) -> list[tuple[float, float]]:
    return [(point.size, point.values[name]) for point in line]


def _table(found: Mapping[str, Lines]) -> str:
    names = [*dict.fromkeys(name for lines in found.values() for name in lines)]
    rows = [["curve", "sizes", *names, *(f"{name}, exponent" for name in names)]]
    for title, lines in found.items():
        line = next(iter(lines.values()))
        sizes = f"{line[0].size:,} to {line[-1].size:,} {line[0].across}"
        ends = [_ends(name, lines[name], line[-1]) if name in lines else "-" for name in names]
        exponents = [_exponent(name, lines[name]) if name in lines else "-" for name in names]
        rows.append([title, sizes, *ends, *exponents])
    return markdown(rows)


def _ends(name: str, line: Sequence[Point], last: Point) -> str:
    until = "" if line[-1] is last else f" (at {line[-1].size:,})"
    return f"{_written(line[0], name)} to {_written(line[-1], name)}{until}"


def _exponent(name: str, line: Sequence[Point]) -> str:
    return f"{exponent(_points(name, line)):.2f}"


def _written(point: Point, name: str) -> str:
    value = point.values[name]
    return f"{value * 1e6:,.1f} us" if point.unit == "s" else f"{value:,.0f} {point.unit}"


def _as_data(title: str, lines: Lines) -> dict[str, Any]:
    one = next(point for line in lines.values() for point in line)
    return {
        "curve": title,
        "across": one.across,
        "unit": one.unit,
        "points": {name: [rounded(each) for each in _points(name, lines[name])] for name in lines},
        "exponents": {
            name: round(exponent(_points(name, line)), 3) for name, line in lines.items()
        },
    }


def _file_name(title: str) -> str:
    return f"growth-{title.replace(',', '').replace(' ', '-')}"


def _picture(title: str, lines: Lines) -> str:
    one = next(point for line in lines.values() for point in line)
    points = {name: _points(name, line) for name, line in lines.items()}
    return curves(title, one.across, points, one.unit)
