"""What was measured, as tables to read, as data and as a picture."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.cases import Contender
from benchmarks.drawing import Bar, Group, bars
from benchmarks.measuring import Measurement


@dataclass(frozen=True, slots=True)
class Report:
    """What a part of the benchmarks has to say.

    Attributes:
        name: What its files are called.
        text: To be printed; Markdown.
        data: To be written as JSON.
        pictures: SVG, by the name of the file.
    """

    name: str
    text: str
    data: dict[str, Any]
    pictures: Mapping[str, str] = field(default_factory=dict[str, str])


def environment(
    contenders: Sequence[Contender], loop: str, rounds: int, pinned: bool, clock: str = "wall"
) -> dict[str, Any]:
    """Describe what the figures depend on."""
    packages = {package for contender in contenders for package in contender.packages}
    if loop == "uvloop":
        packages.add("uvloop")
    return {
        **machine(),
        "loop": loop,
        "rounds": rounds,
        "pinned": pinned,
        "clock": clock,
        "versions": versions(packages),
    }


def machine() -> dict[str, str]:
    """Describe the machine and its Python."""
    return {
        "machine": f"{_processor()}, {cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


_DISTRIBUTIONS = {"microfw": "microfw-asgi"}
"""What is imported under another name."""


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Look up the versions of what is installed."""
    return {package: version(_DISTRIBUTIONS.get(package, package)) for package in sorted(packages)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown processor"


def heading(about: Mapping[str, Any]) -> str:
    """Say in one paragraph what the figures depend on."""
    numbers = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
    pinned = "pinned to one core" if about["pinned"] else "not pinned to a core"
    return (
        f"{about['python']} on {about['loop']}, {pinned}, {about['rounds']} rounds,"
        f" {about['clock']} time;"
        f" {about['machine']};\n{numbers}"
    )


def table(measurements: Sequence[Measurement], contenders: Sequence[Contender]) -> str:
    """Make two tables: medians in microseconds, and ratios of the first contender to the others."""
    first, *others = [contender.name for contender in contenders]
    times = [["case", "", *(f"{name} (us)" for name in (first, *others))]]
    ratios = [["case", "", *(f"{first} / {other}" for other in others)]]
    for measurement in measurements:
        case = [f"`{measurement.case.name}`", measurement.case.title]
        times.append([*case, *(_time(measurement, name) for name in (first, *others))])
        ratios.append([*case, *(_ratio(measurement, first, other) for other in others)])
    return f"{markdown(times)}\n\n{markdown(ratios)}"


def _time(measurement: Measurement, name: str) -> str:
    if name not in measurement.seconds:
        return "-"
    return f"{median(measurement.seconds[name]) * 1e6:.1f}"


def _ratio(measurement: Measurement, first: str, other: str) -> str:
    if other not in measurement.seconds:
        return "-"
    return ratio_with_spread(measurement.ratios(first, other))


def ratio_with_spread(ratios: Sequence[float]) -> str:
    """Write the median, and the range that holds the middle half."""
    if len(ratios) < 2:
        return f"{ratios[0]:.2f}"
    low, middle, high = spread(ratios)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return low, middle, high


def markdown(rows: Sequence[Sequence[str]], words: int = 2) -> str:
    """Make a table of a head and rows, whose first columns are words and the others numbers."""
    head, *body = rows
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    lines = [head, rule, *body]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths, words) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int], words: int) -> str:
    padded = [
        cell.ljust(width) if number < words else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def as_data(
    about: Mapping[str, Any], measurements: Iterable[Measurement], contenders: Sequence[Contender]
) -> dict[str, Any]:
    """Make what is written as JSON: quartiles of times, and of the first contender's ratios."""
    first, *others = [contender.name for contender in contenders]
    return {
        **about,
        "cases": [
            {
                "name": measurement.case.name,
                "title": measurement.case.title,
                "microseconds": {
                    name: rounded(spread([each * 1e6 for each in seconds]))
                    for name, seconds in measurement.seconds.items()
                },
                "ratios": {
                    f"{first} / {other}": rounded(spread(measurement.ratios(first, other)))
                    for other in others
                    if other in measurement.seconds
                },
            }
            for measurement in measurements
        ],
    }


def rounded(values: Iterable[float]) -> list[float]:
    """Leave four digits, which is more than the noise does."""
    return [float(f"{value:.4g}") for value in values]


def picture(
    data: Mapping[str, Any], names: Sequence[str], cases: Sequence[str] | None = None
) -> str:
    """Draw these contenders' times, one group of bars for each case that all of them take part in.

    A group is as wide as its slowest contender: what is seen are ratios.
    """
    groups = [
        Group(
            case["title"].replace("`", ""),
            [
                Bar(name, case["microseconds"][name][1], f"{case['microseconds'][name][1]:.1f} us")
                for name in names
            ],
        )
        for case in data["cases"]
        if all(name in case["microseconds"] for name in names)
        and (cases is None or case["name"] in cases)
    ]
    return bars(f"Time of one request: {', '.join(names)}", groups)
