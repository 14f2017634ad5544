"""What microfw is meant to cost, beside what it was measured to cost: python -m benchmarks.goals

Reads what `scripts/bench --write benchmarks/results` has written, and prints a table.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import markdown

RESULTS = Path(__file__).parent / "results"

HAND, MSGSPEC, FASTAPI = "by hand", "by hand, msgspec", "FastAPI"

CASES: Mapping[str, Mapping[str, float]] = {
    "plain": {HAND: 0.55, FASTAPI: 0.15},
    "async-1": {HAND: 0.65, FASTAPI: 0.10},
    "async-3": {HAND: 0.60, FASTAPI: 0.09},
    "async-3-awaiting": {HAND: 0.80, FASTAPI: 0.12},
    "async-10": {HAND: 0.70, FASTAPI: 0.08},
    "sync-3": {HAND: 0.95, FASTAPI: 0.20},
    "sync-3-async-endpoint": {HAND: 1.0, FASTAPI: 0.25},
    "error-3": {HAND: 0.80, FASTAPI: 0.20},
    "query-body": {HAND: 0.70, MSGSPEC: 0.95, FASTAPI: 0.20},
    "task": {HAND: 0.90, FASTAPI: 0.25},
    "middleware-3": {HAND: 0.85, FASTAPI: 0.30},
    "websocket": {HAND: 1.0, FASTAPI: 0.9},
    "override-3": {FASTAPI: 0.10},
}
"""At most this share of the time that the other takes."""

COLD = {"import": 0.35, "build": 0.30, "built": 0.50}
"""At most this share of FastAPI's."""

DOCUMENT = 0.35
"""At most this share of FastAPI's time takes the OpenAPI document of 1,000 routes."""

FLAT = 1.2
"""A route among 10,000 takes at most so many times what one among 10 takes."""

RATES = {HAND: 1.0, FASTAPI: 1.8}
"""At least so many times the requests per second of the other; the p99 is to be no worse."""


def table(results: Path = RESULTS) -> str:
    """Make the table of what has been measured."""
    rows = [["", "beside", "goal", "measured", ""]]
    for part in ("lifecycle-uvloop", "values-uvloop"):
        for case in _read(results, part).get("cases", ()):
            for other, goal in CASES.get(case["name"], {}).items():
                low, middle, high = case["ratios"][f"microfw / {other}"]
                measured = f"{middle:.2f} ({low:.2f}-{high:.2f})"
                rows.append(_row(case["title"], other, f"<= {goal:.2f}", measured, middle <= goal))
    rows += _growth(_read(results, "growth"))
    rows += _cold(_read(results, "cold"))
    rows += _openapi(_read(results, "openapi"))
    rows += _socket(_read(results, "socket"))
    return markdown(rows)


def _read(results: Path, part: str) -> Mapping[str, Any]:
    file = results / f"{part}.json"
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def _row(what: str, other: str, goal: str, measured: str, met: bool) -> list[str]:
    return [what, other, goal, measured, "" if met else "missed"]


def _growth(data: Mapping[str, Any]) -> list[list[str]]:
    points = {each["curve"]: each["points"]["microfw"] for each in data.get("curves", ())}
    rows = []
    for kind in ("static", "with a parameter", "in nested routers"):
        for asked, beside in (("last", "first"), ("missing", "missing")):
            if f"routes {kind}, {asked}" in points:
                (_, few), *_ = points[f"routes {kind}, {beside}"]
                *_, (size, many) = points[f"routes {kind}, {asked}"]
                what = f"routes {kind}: the {asked} of {size:,.0f}"
                measured = f"{many / few:.2f}"
                other = f"its own {beside} of 10"
                rows.append(_row(what, other, f"<= {FLAT:.2f}", measured, many / few <= FLAT))
    return rows


def _cold(data: Mapping[str, Any]) -> list[list[str]]:
    titles = {"import": "import", "build": "build 1,000 routes", "built": "memory of a route"}
    rows = []
    for figure, goal in COLD.items():
        if data:
            _, mine, _ = data["figures"][figure]["microfw"]
            _, theirs, _ = data["figures"][figure]["fastapi"]
            ratio = mine / theirs
            rows.append(
                _row(titles[figure], FASTAPI, f"<= {goal:.2f}", f"{ratio:.2f}", ratio <= goal)
            )
    return rows


def _openapi(data: Mapping[str, Any]) -> list[list[str]]:
    if not data:
        return []
    document = data["figures"]["1,000 models"]["document"]
    ratio = document["microfw"][1] / document["fastapi"][1]
    what = "OpenAPI document of 1,000 routes with 1,000 models"
    return [_row(what, FASTAPI, f"<= {DOCUMENT:.2f}", f"{ratio:.2f}", ratio <= DOCUMENT)]


def _socket(data: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for case, found in data.get("cases", {}).items():
        for other, goal in RATES.items():
            rate = _middle(found, "microfw", "rate") / _middle(found, other, "rate")
            p99 = _middle(found, "microfw", "p99") / _middle(found, other, "p99")
            what = f"{case} on a socket"
            measured = f"{rate:.2f}"
            rows.append(
                _row(f"{what}, requests/s", other, f">= {goal:.2f}", measured, rate >= goal)
            )
            rows.append(_row(f"{what}, p99", other, "<= 1.00", f"{p99:.2f}", p99 <= 1))
    return rows


def _middle(found: Mapping[str, Any], name: str, figure: str) -> float:
    quartiles: Sequence[float] = found[name][figure]
    return quartiles[1]


if __name__ == "__main__":
    print(table())
