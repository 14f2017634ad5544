"""Strike a worker with each fault while an order is in setup, body or exit code of its task.

`scripts/prove task-faults` prints a line for each cell. A message that is none comes first. Then the
order has to be done, by whichever worker, and each dependency that was entered has to have exited
once, or its process died. The status is 1 if that is not so.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from taskiq import BrokerMessage
from taskiq.kicker import AsyncKicker

from proof.tasks import SERVERS
from tests.brokers import BrokerServer, free_port
from tests.tasks.program import make_broker
from tests.tasks.workers import Events, Workers

PLACES = ("setup", "body", "exit")
FAULTS = ("killed", "asked to stop", "broker gone", "results gone")
COMMAND = ("microfw", "worker", "tests.tasks.program:app")
MOST = 2
"""How often an order may be committed, where a fault strikes once."""


class Cell:
    """A worker, an order that waits in a place of its task, and a fault.

    Attributes:
        events: What the task has written.
    """

    def __init__(self, server: BrokerServer, place: str, fault: str, folder: Path) -> None:
        self.place, self.fault = place, fault
        self._server, self._folder = server, folder
        self.events = Events(folder / "events")
        self._env = {"BROKER": server.url, "EVENTS": str(self.events.path), "REDELIVERY": "6"}
        if fault == "results gone":
            self._env["RESULTS"] = f"redis://127.0.0.1:{free_port()}"  # where nobody answers
        self._workers: list[Workers] = []

    def run(self) -> list[str]:
        """Do it; return what is wrong."""
        try:
            self._start_worker()
            asyncio.run(self._send())
            self.events.wait_for(f"waits in {self.place}")
            self._strike()
            self.events.wait_for("commits 1")
            log = self._workers[-1].terminate()
        finally:
            for worker in self._workers:
                worker.kill()
        return [*self.problems(), *([] if "engine closes" in self.events.all() else [log])]

    def problems(self) -> Iterator[str]:
        """Say what is not as it has to be."""
        events = self.events.all()
        commits, begun = events.count("commits 1"), events.count("begins")
        exited = commits + sum(event.startswith("rolls back") for event in events)
        died = self.fault == "killed" and self.place != "setup"
        if begun != exited + died:
            yield f"{begun} sessions were entered, {exited} have exited: {events}"
        if commits > MOST:
            yield f"the order was committed {commits} times"

    def _start_worker(self) -> None:
        log = self._folder / f"log {len(self._workers)}"
        self._workers.append(Workers([*COMMAND], self._env, log))
        self._workers[-1].wait_until_ready()

    async def _send(self) -> None:
        broker = make_broker(self._server.url)
        await broker.startup()
        none = BrokerMessage(task_id="none", task_name="invoice", message=b"{", labels={})
        await broker.kick(none)
        kicker: AsyncKicker[..., Any] = AsyncKicker("invoice", broker, {"retry_on_error": True})
        await kicker.kiq(1, place=self.place)
        await broker.shutdown()

    def _strike(self) -> None:
        if self.fault == "killed":
            self._workers[-1].kill()
            self._start_worker()
        elif self.fault == "asked to stop":
            self._workers[-1].terminate()
            self._start_worker()
        else:
            if self.fault == "broker gone":
                self._server.stop()
                self._server.start()
            Path(f"{self.events.path}.goes-on").touch()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/prove task-faults", description=__doc__)
    parser.add_argument("--broker", choices=[*SERVERS], action="append")
    options = parser.parse_args(arguments)
    failed = False
    for name in options.broker or SERVERS:
        with SERVERS[name]() as server:
            for place, fault in product(PLACES, FAULTS):
                with tempfile.TemporaryDirectory() as folder:
                    cell = Cell(server, place, fault, Path(folder))
                    problems = cell.run()
                    commits = cell.events.all().count("commits 1")
                print(f"{name}, {fault} in {place}: {commits} commits", *problems, flush=True)
                failed |= bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
