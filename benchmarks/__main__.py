"""Measure what microfw costs, beside others that do the same: python -m benchmarks [NAME...]"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import allocation, cold, growth, openapi, sessions, sockets, tasks, tracing
from benchmarks.cases import Case, chosen
from benchmarks.compare import compare
from benchmarks.in_process import PARTS, Options
from benchmarks.measuring import CLOCKS, UnequalWorkError
from benchmarks.profiling import profile
from benchmarks.report import Report

CASES: list[Case] = [case for part in PARTS for case in part.cases]

WHOLE: dict[str, Callable[[Options], Report]] = {
    "growth": growth.measure,
    "allocation": allocation.measure,
    "cold": cold.measure,
    "openapi": openapi.measure,
    "socket": sockets.measure,
    "session": sessions.measure,
    "tasks": tasks.measure,
    "tracing": tracing.measure,
}
"""Parts that are measured as a whole."""

NAMES = [*(part.name for part in PARTS), *WHOLE]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for; print it, and write it where that was asked for too."""
    options = _parser().parse_args(arguments)
    try:
        for report in _reports(options):
            print(report.text, end="\n\n")
            if options.write is not None:
                _write(report, options.write)
    except (LookupError, UnequalWorkError) as error:
        sys.exit(str(error))


def _reports(asked: argparse.Namespace) -> Iterator[Report]:
    options = Options(asked.loop, asked.rounds, asked.clock)
    cases = _cases(asked.names)
    if asked.compare is not None:
        yield compare(asked.compare, cases, options)
    elif asked.profile:
        for case in cases:
            yield profile(case, options)
    else:
        for part in PARTS:
            own = [case for case in part.cases if case in cases]
            if own:
                yield part.report(own, options)
        for name, measure in WHOLE.items():
            if not asked.names or name in asked.names:
                yield measure(options)


def _cases(names: Sequence[str]) -> list[Case]:
    if not names:
        return CASES
    single = [name for name in names if name not in NAMES]
    picked = chosen(CASES, single) if single else []
    whole = [case for part in PARTS if part.name in names for case in part.cases]
    return [case for case in CASES if case in picked or case in whole]


def _write(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.data, indent=1) + "\n"
    (folder / f"{report.name}.json").write_text(text, encoding="utf-8")
    (folder / f"{report.name}.md").write_text(f"{report.text}\n", encoding="utf-8")
    for name, picture in report.pictures.items():
        (folder / f"{name}.svg").write_text(picture, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure what microfw costs, beside others that do the same work.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"a part ({', '.join(NAMES)}), a case, or what the names of several cases begin with;"
        f" everything by default. Cases: {', '.join(case.name for case in CASES)}",
    )
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="each part has its own")
    parser.add_argument(
        "--clock",
        choices=[*CLOCKS],
        default="wall",
        help="cpu: count only while the process has a core, for a machine that is busy",
    )
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write tables, JSON and pictures too"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--compare", metavar="REV", help="time the working tree's microfw and that of a revision"
    )
    instead.add_argument(
        "--profile", action="store_true", help="say by function what microfw spends its time on"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
