"""Strike a task at each place of its way, from the request that sends it to its acknowledgement.

`scripts/prove task-faults` prints a line for each cell. Every order has to be invoiced once, by the
check of the task's own, or the request that placed it was told that it could not be sent. Each
dependency that was entered has to have exited once, or its process died. In the end the broker has
to hold nothing that was not acknowledged. The status is 1 if that is not so.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import Any

import httpx2
from taskiq import BrokerMessage
from taskiq.kicker import AsyncKicker

from proof.tasks import SERVERS
from tests.brokers import BrokerServer, free_port
from tests.servers import serve
from tests.tasks.program import make_broker
from tests.tasks.workers import Events, Workers

PLACES = ("setup", "body", "exit")
FAULTS = ("worker killed", "worker asked to stop", "broker gone", "results gone")
NO_ACKNOWLEDGEMENT = "broker gone before the acknowledgement"
SENDING = ("broker gone before the request", "broker silent during the request")
POISON = "messages that are none"

COMMAND = ("microfw", "worker", "proof.struck:app")
MOST = 3
"""How often an order may be delivered: at first, after the fault, and after one in its wake."""
REDELIVERY = 6.0
NUMBERS = count(1)


class Cell(ABC):
    """A fault that strikes an order of its own.

    Attributes:
        name: What strikes, and where.
        events: What has happened.
    """

    def __init__(self, name: str, server: BrokerServer, folder: Path) -> None:
        self.name = name
        self.events = Events(folder / "events")
        self.env = {
            "BROKER": server.url,
            "EVENTS": str(self.events.path),
            "BOOKS": str(folder / "books.sqlite3"),
            "REDELIVERY": str(REDELIVERY),
        }
        self._server, self._folder = server, folder
        self._workers: list[Workers] = []
        self._placed: list[int] = []

    def run(self) -> list[str]:
        """Do it; return what is wrong."""
        try:
            self._start_worker()
            self._strike()
            is_empty = self._empties()
        finally:
            for worker in self._workers:
                worker.kill()
        return [*self._problems(), *([] if is_empty else ["the broker holds messages"])]

    @property
    def deliveries(self) -> int:
        """How often an order of the cell's was delivered, at most."""
        return max(self._counted("delivers").values(), default=0)

    @abstractmethod
    def _strike(self) -> None:
        """Have the fault happen, and wait until the order is done."""

    def _died(self) -> int:
        """How many sessions died with their process."""
        return 0

    def _counted(self, event: str) -> Counter[int]:
        words = (line.replace(":", "").split() for line in self.events.all())
        return Counter(int(word[1]) for word in words if word[0] == event)

    def _problems(self) -> Iterator[str]:
        events = self.events.all()
        exited = sum(event.split()[0] in {"commits", "finds", "rolls"} for event in events)
        if events.count("begins") != exited + self._died():
            yield f"{events.count('begins')} sessions were entered, {exited} have exited: {events}"
        commits, unsent = self._counted("commits"), self._counted("unsent")
        for number in self._placed:
            if commits[number] > 1 or not (commits[number] or unsent[number]):
                yield f"order {number} was invoiced {commits[number]} times, and nobody was told"
        if self.deliveries > MOST:
            yield f"an order was delivered {self.deliveries} times"

    def _place(self) -> int:
        self._placed.append(next(NUMBERS))
        return self._placed[-1]

    def _start_worker(self) -> None:
        log = self._folder / f"log {len(self._workers)}"
        self._workers.append(Workers([*COMMAND], self.env, log))
        self._workers[-1].wait_until_ready()

    def _empties(self) -> bool:
        """Let workers do what the broker still holds; whether it holds nothing in the end."""
        for _ in range(4):
            self._workers[-1].terminate()
            if not asyncio.run(held(self._server.url)):
                return "engine closes" in self.events.all()
            self._start_worker()
            time.sleep(REDELIVERY)
        return False


class Worked(Cell):
    """A worker is struck while an order waits in a place of its task."""

    def __init__(self, fault: str, place: str, server: BrokerServer, folder: Path) -> None:
        super().__init__(f"{fault}, in {place}", server, folder)
        self.fault, self.place = fault, place
        if fault == "results gone":
            self.env["RESULTS"] = f"redis://127.0.0.1:{free_port()}"  # where nobody answers

    def _died(self) -> int:
        return self.fault == "worker killed" and self.place != "setup"

    def _strike(self) -> None:
        number = self._place()
        asyncio.run(send(self._server.url, number, self.place))
        self.events.wait_for(f"waits in {self.place}")
        if self.fault == "worker killed":
            self._workers[-1].kill()
            self._start_worker()
        elif self.fault == "worker asked to stop":
            self._workers[-1].terminate()
            self._start_worker()
        elif self.fault == "broker gone":
            self._server.stop()
            self._server.start()
        elif self.fault == NO_ACKNOWLEDGEMENT:
            self._server.stop()
        Path(f"{self.events.path}.goes-on").touch()
        self.events.wait_for(f"commits {number}")
        if self.fault == NO_ACKNOWLEDGEMENT:
            time.sleep(2)  # for the worker to try
            self._server.start()


class Sent(Cell):
    """The broker fails while a request sends to it; later ones send again."""

    def _strike(self) -> None:
        with serve("proof.struck:app", env=self.env) as served:

            def post(path: str) -> int:
                return httpx2.post(f"{served.url}/{path}/{self._place()}", timeout=60).status_code

            answered = [post("orders")]
            self.events.wait_for(f"commits {self._placed[0]}")
            if self.name == SENDING[0]:
                self._server.stop()
            else:
                self._server.pause()
            try:
                answered.append(post("orders"))
                served.wait_for("could not be enqueued")
                if self.name == SENDING[0]:
                    told = httpx2.post(f"{served.url}/invoices/0", timeout=60).status_code
                    answered += [] if told in (202, 503) else [told]
            finally:
                if self.name == SENDING[0]:
                    self._server.start()
                else:
                    self._server.resume()

            def is_back(events: list[str]) -> bool:
                answered.append(post("orders"))
                return any(f"commits {number}" in events for number in self._placed[2:])

            self.events.wait_until(is_back, "sent again")
        assert {*answered} == {201}, answered
        self.events.wait_until(self._all_end, "an end of each order")

    def _all_end(self, _: list[str]) -> bool:
        return {*self._placed} <= {*self._counted("commits"), *self._counted("unsent")}


class Poisoned(Cell):
    """Messages that no worker can do come before an order."""

    def _strike(self) -> None:
        number = self._place()
        asyncio.run(send_poison(self._server.url))
        asyncio.run(send(self._server.url, number, ""))
        self.events.wait_for(f"commits {number}")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        log = "".join(worker.log for worker in self._workers)
        expected = {"Cannot parse message": 2, "is not found": 1, "TaskValidationError: 1": 1}
        if self._server.url.startswith("redis"):
            expected["is no message of taskiq"] = 1
        for text, times in expected.items():
            if log.count(text) != times:
                yield f"{text!r} is {log.count(text)} times in the log:\n{log}"
        if self.events.all().count("engine opens") != len(self._workers):
            yield f"a worker began anew:\n{log}"


async def send(url: str, number: int, place: str) -> None:
    """Send an order."""
    broker = make_broker(url)
    await broker.startup()
    kicker: AsyncKicker[..., Any] = AsyncKicker("invoice", broker, {"retry_on_error": True})
    await kicker.kiq(number, place=place)
    await broker.shutdown()


async def send_poison(url: str) -> None:
    """Send what is not JSON, no message, of no task and of no order."""

    def message(name: str, *args: Any) -> bytes:
        content: Mapping[str, Any] = {"task_id": name, "task_name": name, "labels": {}}
        return json.dumps({**content, "args": args, "kwargs": {}}).encode()

    broker = make_broker(url)
    await broker.startup()
    for body in (b"{", b"[]", message("unknown"), message("invoice", "many")):
        await broker.kick(BrokerMessage(task_id="-", task_name="-", message=body, labels={}))
    await broker.shutdown()
    if url.startswith("redis"):
        from redis.asyncio import Redis

        async with Redis.from_url(url) as redis:
            await redis.xadd("taskiq", {"no": "message"})


async def held(url: str) -> int:
    """How many messages the broker holds that nobody has acknowledged; none is being done."""
    if url.startswith("redis"):
        from redis.asyncio import Redis

        async with Redis.from_url(url) as redis:
            (group,) = await redis.xinfo_groups("taskiq")
            return int(group["pending"]) + int(group["lag"] or 0)
    if url.startswith("nats"):
        import nats

        client = await nats.connect(url)
        consumer = await client.jetstream().consumer_info("taskiq_jetstream", "taskiq_durable")
        await client.close()
        return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
    import aio_pika

    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("taskiq")
        # It gets back what is not acknowledged. Its count is wrong just after a start.
        return int(await queue.get(fail=False, timeout=60) is not None)


Maker = Callable[[BrokerServer, Path], Cell]


CELLS: list[Maker] = [
    *(partial(Worked, fault, place) for place, fault in product(PLACES, FAULTS)),
    partial(Worked, NO_ACKNOWLEDGEMENT, "exit"),
    *(partial(Sent, name) for name in SENDING),
    partial(Poisoned, POISON),
]
SHORT: list[Maker] = [
    *(partial(Worked, fault, PLACES[(each + 2) % 3]) for each, fault in enumerate(FAULTS)),
    *CELLS[-4:],
]
"""Each fault once."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/prove task-faults", description=__doc__)
    parser.add_argument("--broker", choices=[*SERVERS], action="append")
    options = parser.parse_args(arguments)
    failed = False
    for name in options.broker or SERVERS:
        with SERVERS[name]() as server:
            for make in CELLS:
                with tempfile.TemporaryDirectory() as folder:
                    cell = make(server, Path(folder))
                    problems = cell.run()
                    deliveries = cell.deliveries
                print(f"{name}, {cell.name}: {deliveries} deliveries", *problems, flush=True)
                failed |= bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
