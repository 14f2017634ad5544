"""Compare the working tree with another revision of microfw, in turns.

Both are called by the benchmarks of the working tree, each in a process of its own, which stays on
the same core and waits while the other one is timed.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.cases import Case, Contender
from benchmarks.in_process import ROUNDS, Options
from benchmarks.measuring import Measurement, UnequalWorkError, one_core
from benchmarks.report import Report, as_data, environment, heading, table

ROOT = Path(__file__).parent.parent
HERE = "working tree"


def compare(revision: str, cases: Sequence[Case], options: Options) -> Report:
    """Time both revisions in these cases.

    Raises:
        LookupError: There is no such revision.
        UnequalWorkError: One of them has done something else than a case asks for.
    """
    rounds = options.rounds or ROUNDS
    contenders = [Contender(name, ("starlette",), {}) for name in (HERE, revision)]
    with TemporaryDirectory() as folder, one_core() as pinned:
        folders = {HERE: Path(folder, "here"), revision: Path(folder, "there")}
        shutil.copytree(ROOT / "microfw", folders[HERE] / "microfw")
        _extract(revision, folders[revision])
        measurements = [_in_turns(case, folders, options, rounds) for case in cases]
    about = environment(contenders, options.loop, rounds, pinned, options.clock)
    text = f"{heading(about)}\n\n{table(measurements, contenders)}"
    return Report("compared", text, as_data(about, measurements, contenders))


def _extract(revision: str, folder: Path) -> None:
    command = ["git", "archive", "--format=tar", revision, "microfw"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise LookupError(archive.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # CPython 3.11.4 and later
        tar.extractall(folder)


def _in_turns(case: Case, folders: dict[str, Path], options: Options, rounds: int) -> Measurement:
    print(f"{case.name} ...", file=sys.stderr)
    seconds: dict[str, list[float]] = {name: [] for name in folders}
    names = [*folders]
    shuffle = Random(case.name).shuffle
    here, there = folders.values()
    with _worker(here, case, options) as one, _worker(there, case, options) as other:
        workers = dict(zip(folders, (one, other), strict=True))
        for _ in range(rounds):
            shuffle(names)
            for name in names:
                seconds[name].append(_block(workers[name], name))
    return Measurement(case, seconds)


@contextmanager
def _worker(folder: Path, case: Case, options: Options) -> Iterator["subprocess.Popen[str]"]:
    """Start `benchmarks.worker` in a folder whose microfw it finds before any other."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker", case.name, options.loop, options.clock],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _block(worker: "subprocess.Popen[str]", name: str) -> float:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write("\n")
        worker.stdin.flush()
    except BrokenPipeError:
        line = ""
    else:
        line = worker.stdout.readline()
    if not line:
        raise UnequalWorkError(f"the {name} has failed; the reason is above")
    return float(line)
