"""Times microfw in one case, a block for each line that it receives; see `compare`."""

import sys
from pathlib import Path

import microfw
from benchmarks.in_process import part_of
from benchmarks.measuring import calls_in_a_block, event_loop, quick_collections, verify


def main(name: str, loop: str, clock: str) -> None:
    """Verify the case, then print the seconds for one request whenever a line comes in."""
    if Path(microfw.__file__).parent.parent != Path.cwd():
        sys.exit(f"microfw is that of {microfw.__file__}, and not of {Path.cwd()}")
    part = part_of(name)
    case = next(case for case in part.cases if case.name == name)
    first = part.contenders[0]
    with event_loop(loop) as run:
        (trial,) = run(verify(case, [first()]))
        calls = run(calls_in_a_block(trial, clock))
        with quick_collections():
            for _ in sys.stdin:
                print(run(trial.time(calls, clock)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
