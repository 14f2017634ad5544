"""The figures that documents show are those that were measured last."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MEASURED = (ROOT / "benchmarks/results/lifecycle-uvloop.md").read_text(encoding="utf-8")
RATIOS = dict(
    re.findall(
        r"^\| `([\w-]+)` +\| [^|]+\| +(\d\.\d\d \(.*?\) +\| +\d\.\d\d) ", MEASURED, re.MULTILINE
    )
)


def ratios(case: str) -> list[str]:
    """Beside the same by hand, and beside FastAPI."""
    by_hand, fastapi = RATIOS[case].split("|")
    return [by_hand.split()[0], fastapi.strip()]


def test_the_page_on_performance_shows_what_was_measured() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| .*? \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)

    assert len(rows) == 7
    for case, *shown in rows:
        assert shown == ratios(case), case


def test_the_readme_shows_what_was_measured_and_found() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    proof = (ROOT / "docs/proof.md").read_text(encoding="utf-8")
    time, programs, entered = re.findall(r"^\| \*\*([\d.,]+)\*\* \|", readme, re.MULTILINE)

    by_hand, fastapi = ratios("async-3")
    assert time == fastapi
    assert f", {by_hand} of the same blocks by hand in Starlette" in readme
    assert f"| {programs} programs | none differs |" in proof
    assert f"{entered} dependencies | none left open" in proof
