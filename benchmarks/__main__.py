"""Measure what microfw costs, beside others that do the same: python -m benchmarks [NAME...]"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.cases import chosen
from benchmarks.in_process import PARTS, Options
from benchmarks.measuring import UnequalWorkError
from benchmarks.report import Report

CASES = [case for part in PARTS for case in part.cases]

WHOLE: dict[str, Callable[[Options], Report]] = {}
"""Parts that are measured as a whole."""

NAMES = [*(part.name for part in PARTS), *WHOLE]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for; print it, and write it where that was asked for too."""
    options = _parser().parse_args(arguments)
    try:
        for report in _reports(options.names, Options(options.loop, options.rounds)):
            print(report.text, end="\n\n")
            if options.write is not None:
                _write(report, options.write)
    except (LookupError, UnequalWorkError) as error:
        sys.exit(str(error))


def _reports(names: Sequence[str], options: Options) -> Iterator[Report]:
    single = [name for name in names if name not in NAMES]
    asked = chosen(CASES, single) if single else []
    for part in PARTS:
        everything = not names or part.name in names
        cases = [case for case in part.cases if everything or case in asked]
        if cases:
            yield part.report(cases, options)
    for name, measure in WHOLE.items():
        if not names or name in names:
            yield measure(options)


def _write(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.data, indent=1) + "\n"
    (folder / f"{report.name}.json").write_text(text, encoding="utf-8")
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
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write JSON and pictures too")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
