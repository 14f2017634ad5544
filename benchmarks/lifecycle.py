"""Measure what the lifecycle costs: python -m benchmarks.lifecycle [CASE...]"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import LIFECYCLE, chosen
from benchmarks.contenders import ALL
from benchmarks.measuring import UnequalWorkError, event_loop, measure, one_core
from benchmarks.report import as_data, environment, heading, table

ROUNDS = 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Verify and time all contenders, and print the table."""
    options = _parser().parse_args(arguments)
    try:
        cases = chosen(LIFECYCLE, options.cases)
        contenders = [make() for make in ALL]
        measurements = []
        with event_loop(options.loop) as run, one_core() as pinned:
            for case in cases:
                print(f"{case.name} ...", file=sys.stderr)
                measurements.append(run(measure(case, contenders, options.rounds)))
    except ImportError as error:
        sys.exit(f"{error.name} is missing: install microfw[dev], or run scripts/bench")
    except (LookupError, UnequalWorkError) as error:
        sys.exit(str(error))
    about = environment(contenders, options.loop, options.rounds, pinned)
    print(heading(about), end="\n\n")
    print(table(measurements, contenders))
    if options.json is not None:
        data = as_data(about, measurements, contenders)
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure what the lifecycle costs, beside others that do the same work.",
    )
    parser.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help="a case, or what several begin with; all by default: "
        + ", ".join(case.name for case in LIFECYCLE),
    )
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--rounds", type=_positive, default=ROUNDS, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
