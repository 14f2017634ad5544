"""What the OpenAPI document costs: making it, serving it, and having it when it is not asked for.

Each figure is that of a new process, which runs `benchmarks.documents`; the contenders take turns.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.documents import APPLICATIONS
from benchmarks.in_process import Options
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

ROUNDS = 5
ROUTES = 1000

SIZES = {"1,000 models": 1000, "20 models": 20}
"""How many models the routes share."""

OTHERS = {
    "application": "making an application of no routes",
    "application without": "making one with `openapi_url=None`",
    "/openapi.json": "serving the document of one route again",
    "/plain": "serving that route",
}
"""Further figures, and what they are called here; in microseconds."""

Figures = Mapping[str, Sequence[Mapping[str, float]]]
"""By contender and round."""


def measure(options: Options, routes: int = ROUTES) -> Report:
    """Have each contender make documents some times.

    Raises:
        UnequalWorkError: One has failed, or has described another number of paths.
    """
    rounds = options.rounds or ROUNDS
    found: dict[str, dict[str, list[dict[str, float]]]] = {
        size: {name: [] for name in APPLICATIONS} for size in SIZES
    }
    with one_core() as pinned:
        for number in range(rounds):
            print(f"openapi, round {number + 1} of {rounds} ...", file=sys.stderr)
            for size, models in SIZES.items():
                for name in APPLICATIONS:
                    found[size][name].append(make(name, routes, models, options.clock))
    about = {
        **machine(),
        "loop": "asyncio",
        "rounds": rounds,
        "pinned": pinned,
        "clock": options.clock,
        "versions": versions([*APPLICATIONS, "pydantic"]),
    }
    rows = [["", "unit", *APPLICATIONS, " / ".join(APPLICATIONS)]]
    for size, figures in found.items():
        rows.append(_row(f"making the document of {routes:,} routes, {size}", figures, "document"))
    (figures, *_) = found.values()
    rows += [_row(title, figures, key, "us", 1e6) for key, title in OTHERS.items()]
    data = {
        size: {key: _data(figures, key) for key in ("document", *OTHERS)}
        for size, figures in found.items()
    }
    text = f"{heading(about)}\n\n{markdown(rows)}"
    return Report("openapi", text, {**about, "routes": routes, "figures": data})


def make(name: str, routes: int, models: int, clock: str = "wall") -> dict[str, float]:
    """Make a document in a new process.

    Raises:
        UnequalWorkError: It has failed, or the document has another number of paths.
    """
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.documents", name, str(routes), str(models), clock],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UnequalWorkError(f"{name} has failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout)
    if figures["paths"] != routes:
        raise UnequalWorkError(f"{name} has described {figures['paths']} paths")
    return figures


def _row(title: str, figures: Figures, key: str, unit: str = "ms", size: float = 1e3) -> list[str]:
    middle = [spread([each[key] * size for each in figures[name]])[1] for name in figures]
    pairs = zip(*figures.values(), strict=True)
    ratios = [mine[key] / theirs[key] for mine, theirs in pairs]
    return [title, unit, *(f"{value:.1f}" for value in middle), ratio_with_spread(ratios)]


def _data(figures: Figures, key: str) -> dict[str, Any]:
    return {
        name: rounded(spread([each[key] for each in rounds])) for name, rounds in figures.items()
    }
