"""What was measured, as a table to read and as data."""

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.cases import Contender
from benchmarks.measuring import Measurement


def environment(
    contenders: Sequence[Contender], loop: str, rounds: int, pinned: bool
) -> dict[str, Any]:
    """Describe what the figures depend on."""
    packages = {package for contender in contenders for package in contender.packages}
    if loop == "uvloop":
        packages.add("uvloop")
    return {
        "machine": f"{_processor()}, {cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "loop": loop,
        "rounds": rounds,
        "pinned": pinned,
        "versions": {package: version(package) for package in sorted(packages)},
    }


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


def heading(about: dict[str, Any]) -> str:
    """Say in one paragraph what the figures depend on."""
    versions = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
    pinned = "pinned to one core" if about["pinned"] else "not pinned to a core"
    return (
        f"{about['python']} on {about['loop']}, {pinned}, {about['rounds']} rounds;"
        f" {about['machine']};\n{versions}"
    )


def table(measurements: Iterable[Measurement], contenders: Sequence[Contender]) -> str:
    """Make a table in Markdown: medians in microseconds, and ratios of the first to the others."""
    first, *others = [contender.name for contender in contenders]
    head = ["case", ""]
    head += [f"{name} (us)" for name in (first, *others)]
    head += [f"{first} / {other}" for other in others]
    rows = [_row(measurement, first, others) for measurement in measurements]
    rule = ["---", "---", *("---:" for _ in head[2:])]
    return "\n".join(_line(cells, _widths([head, rule, *rows])) for cells in (head, rule, *rows))


def _row(measurement: Measurement, first: str, others: Sequence[str]) -> list[str]:
    case = measurement.case
    times = [f"{median(measurement.seconds[name]) * 1e6:.1f}" for name in (first, *others)]
    ratios = [ratio_with_spread(measurement.ratios(first, other)) for other in others]
    return [f"`{case.name}`", case.title, *times, *ratios]


def ratio_with_spread(ratios: Sequence[float]) -> str:
    """Write the median, and the range that holds the middle half."""
    if len(ratios) < 2:
        return f"{ratios[0]:.2f}"
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers_from = 2
    padded = [
        cell.ljust(width) if number < numbers_from else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def as_data(
    about: dict[str, Any], measurements: Iterable[Measurement], contenders: Sequence[Contender]
) -> dict[str, Any]:
    """Make what is written as JSON: every round of every case, and the medians of the ratios."""
    first, *others = [contender.name for contender in contenders]
    return {
        **about,
        "cases": [
            {
                "name": measurement.case.name,
                "title": measurement.case.title,
                "seconds": measurement.seconds,
                "ratios": {
                    f"{first} / {other}": median(measurement.ratios(first, other))
                    for other in others
                },
            }
            for measurement in measurements
        ],
    }
