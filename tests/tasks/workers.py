"""Worker processes, and the file in which their tasks write what happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ROOT, python_environment

PATIENCE = 60.0
APP = "tests.tasks.program:app"
BROKER = "tests.tasks.program:broker"


class Events:
    """What tasks have written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[str]:
        """The lines, but for the numbers of processes."""
        text = self.path.read_text() if self.path.exists() else ""
        return [
            line.partition(" in ")[0] if "opens" in line else line for line in text.splitlines()
        ]

    def wait_for(self, event: str, times: int = 1) -> list[str]:
        """Wait until a line was written so many times; return all lines."""
        return self.wait_until(lambda lines: lines.count(event) >= times, f"{event!r} x {times}")

    def wait_until(self, condition: Callable[[list[str]], bool], what: str) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while not condition(self.all()):
            assert time.monotonic() < deadline, f"never {what}: {self.all()}"
            time.sleep(0.02)
        return self.all()


class Workers:
    """`microfw worker`, or another command.

    Attributes:
        process: It.
        log: What it has printed.
    """

    def __init__(
        self, command: list[str], env: Mapping[str, str], log: Path, cwd: Path = ROOT
    ) -> None:
        self.log_file = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=cwd,
                env=python_environment(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_until_ready(self, times: int = 1) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.log.count("Listening started") < times:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def terminate(self) -> str:
        """Ask it to stop, and wait until it has; return the log."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        finally:
            self.kill()
        return self.log

    def kill(self) -> None:
        """Kill it and its processes, as a machine that loses power does."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(PATIENCE)


@contextmanager
def workers(env: Mapping[str, str], log: Path, *command: str) -> Iterator[Workers]:
    """Run workers until the block ends."""
    running = Workers([*(command or ("microfw", "worker", APP))], env, log)
    try:
        yield running
    finally:
        running.kill()
