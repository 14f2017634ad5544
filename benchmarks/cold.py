"""What a start costs: importing, building an application of many routes, and its first requests.

Each figure is that of a new process, which runs `benchmarks.start`; the contenders take turns.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from compileall import compile_dir
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.in_process import Options
from benchmarks.large import LARGE
from benchmarks.measuring import UnequalWorkError, one_core
from benchmarks.report import (
    Report,
    heading,
    machine,
    markdown,
    ratio_with_spread,
    rounded,
    spread,
    versions,
)

ROUNDS = 10
ROUTES = 1000

Figures = Mapping[str, Sequence[Mapping[str, float]]]
"""By contender and round."""

FIGURES = {
    "import": ("importing the package", "ms", 1e3),
    "imported": ("memory after it", "MiB", 2**-20),
    "build": ("building {routes:,} routes with 3 dependencies", "ms", 1e3),
    "built": ("memory of a route that has not been asked for", "KiB", 2**-10),
    "first": ("the first request", "us", 1e6),
    "other": ("the first request of another route", "us", 1e6),
    "again": ("its second request", "us", 1e6),
    "used": ("memory of a route that has been asked for", "KiB", 2**-10),
}
"""What `benchmarks.start` prints, in seconds and bytes; what it is called here, and its unit."""


def measure(options: Options, names: Sequence[str] = (*LARGE,), routes: int = ROUTES) -> Report:
    """Start each contender some times.

    Raises:
        UnequalWorkError: One has answered something else.
    """
    rounds = options.rounds or ROUNDS
    names = [name for name in names if _is_ready(name)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    order = [*names]
    shuffle = Random("cold").shuffle
    with one_core() as pinned:
        for number in range(rounds):
            print(f"cold, round {number + 1} of {rounds} ...", file=sys.stderr)
            shuffle(order)
            for name in order:
                found[name].append(start(name, routes, options.clock))
    about = {
        **machine(),
        "loop": "asyncio",
        "rounds": rounds,
        "pinned": pinned,
        "clock": options.clock,
        "versions": versions(names),
    }
    text = f"{heading(about)}\n\n{_table(found, routes)}"
    return Report("cold", text, {**about, "routes": routes, "figures": _as_data(found)})


def _is_ready(name: str) -> bool:
    """Tell whether a package is there, and compile it: what pip installs is, a checkout may not."""
    found = find_spec(name)
    for folder in (found and found.submodule_search_locations) or ():
        compile_dir(folder, quiet=2)
    return found is not None


def start(name: str, routes: int, clock: str = "wall") -> dict[str, float]:
    """Start a contender in a new process.

    Raises:
        UnequalWorkError: It has answered something else than it should, or nothing.
    """
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.start", name, str(routes), clock],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UnequalWorkError(f"{name} has failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _table(found: Figures, routes: int) -> str:
    first, *others = found
    rows = [["", "unit", *found, *(f"{first} / {other}" for other in others)]]
    for key, (title, unit, size) in FIGURES.items():
        middle = [spread([each[key] * size for each in found[name]])[1] for name in found]
        ratios = [ratio_with_spread(_ratios(found, key, first, other)) for other in others]
        rows.append(
            [title.format(routes=routes), unit, *(f"{value:.1f}" for value in middle), *ratios]
        )
    return markdown(rows)


def _ratios(found: Figures, key: str, one: str, other: str) -> list[float]:
    pairs = zip(found[one], found[other], strict=True)
    return [mine[key] / (theirs[key] or 1) for mine, theirs in pairs]


def _as_data(found: Figures) -> dict[str, Any]:
    return {
        key: {
            name: rounded(spread([each[key] for each in rounds])) for name, rounds in found.items()
        }
        for key in FIGURES
    }
