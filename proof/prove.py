"""Search for programs that do something else than the reference, or FastAPI, in many processes.

A program that differs is shrunk and written to a Python file that can be run.
"""

import argparse
import os
import random
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis.errors import Flaky

from proof.observing import Laboratory
from proof.programs import Program
from proof.searches import SEARCHES, Search, counter_example

BATCH = 500
WIDTH = 40


def main(arguments: list[str] | None = None) -> int:
    """Run the search that the command line asks for; the exit status says whether all agree."""
    options = parsed(arguments)
    rest = options.examples
    batches: list[int] = []
    while rest > 0:
        batches.append(min(BATCH, rest))
        rest -= BATCH
    print(f"seed {options.seed}: {options.examples} programs, each compared with {options.against}")
    started, done, found = time.monotonic(), 0, dict[str, Path]()
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        running: dict[Future[str | None], int] = {
            pool.submit(
                search_for, options.against, count, options.seed * 1_000_000 + number
            ): count
            for number, count in enumerate(batches)
        }
        for future in as_completed(running):
            done += running[future]
            example = future.result()
            if example is not None and example not in found:
                name = f"counter_example_{options.seed}_{len(found) + 1}.py"
                found[example] = Path(options.folder) / name
                found[example].parent.mkdir(parents=True, exist_ok=True)
                found[example].write_text(example, encoding="utf-8")
            show(done, options.examples, time.monotonic() - started, len(found))
    print(file=sys.stderr)
    for path in found.values():
        print(f"differs: {path}")
    print(f"{done} programs in {time.monotonic() - started:.0f} s, {len(found)} differ")
    return 1 if found else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/prove", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--examples", type=int, default=20_000, help="how many programs")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="which ones")
    parser.add_argument("--against", choices=[*SEARCHES], default="reference")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--folder", default=".", help="where counter-examples are written")
    return parser.parse_args(arguments)


def seed_of(item: int) -> int:
    """The seed of an item of the suite: the same each time, or another, as hypothesis is told to."""
    return item if settings().derandomize else random.getrandbits(64)


def search_for(against: str, examples: int, number: int) -> str | None:
    """Run one batch, in a process of its own."""
    return search(SEARCHES[against], against, examples, number)


def search(comparison: Search, against: str, examples: int, number: int) -> str | None:
    """Try so many different programs; return the smallest that differs, as a Python file."""
    found: Program | None = None
    agreed = set[Program]()

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(comparison.programs)
    def compare(program: Program) -> None:
        nonlocal found
        assume(program not in agreed)  # which hypothesis draws again and again
        expected, seen = comparison.both(laboratory, program)
        assume(expected is not None)
        if expected != seen:
            found = program
            raise AssertionError
        agreed.add(program)

    with Laboratory(*comparison.backends) as laboratory:
        try:
            compare()
        except (AssertionError, Flaky):  # the second where it differs only sometimes
            pass
    return None if found is None else counter_example(against, found)


def show(done: int, examples: int, seconds: float, found: int) -> None:
    """Draw the progress bar."""
    filled = "=" * (WIDTH * done // examples)
    rest = seconds / done * (examples - done)
    line = f"[{filled:<{WIDTH}}] {done} of {examples}, {rest:.0f} s to go, {found} differ"
    print(f"\r{line:<100}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
