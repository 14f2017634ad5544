"""Invoice orders by two workers that are killed at random, with each broker, and look at the books.

`scripts/prove tasks --orders 10000` prints a line for each broker. The status is 1 if an order has
no invoice, or half of one.
"""

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path

from msgspec import Struct
from taskiq.kicker import AsyncKicker

from tests.brokers import BrokerServer, nats, rabbitmq, redis
from tests.tasks.program import make_broker
from tests.tasks.workers import Workers

SERVERS: dict[str, Callable[[], AbstractContextManager[BrokerServer]]] = {
    "redis": redis,
    "rabbitmq": rabbitmq,
    "nats": nats,
}
REDELIVERY = 20.0
"""Seconds after which a message that a killed worker had goes to another one."""

STALLED = 120.0
WORKERS = 2
COMMAND = ("microfw", "worker", "proof.invoicing:app")


class Books(Struct):
    """What has become of the orders."""

    orders: int
    invoices: int
    halves: int
    deliveries: Counter[int]

    @property
    def again(self) -> int:
        """How many deliveries there were beside the first of each order."""
        return sum(self.deliveries.values()) - len(self.deliveries)

    @property
    def is_right(self) -> bool:
        return self.invoices == self.orders and not self.halves


class Site:
    """A broker, a database, and the workers."""

    def __init__(self, server: BrokerServer, folder: Path, orders: int) -> None:
        self.server = server
        self.folder = folder
        self.orders = orders
        self.database = folder / "books.sqlite3"
        self.env = {
            "BROKER": server.url,
            "DATABASE": str(self.database),
            "DELIVERIES": str(folder / "deliveries"),
            "REDELIVERY": str(REDELIVERY),
        }
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE invoices (order_id INTEGER PRIMARY KEY)")
            connection.execute("CREATE TABLE ledger (order_id INTEGER PRIMARY KEY)")

    async def send(self) -> None:
        os.environ["REDELIVERY"] = str(REDELIVERY)
        broker = make_broker(self.server.url)
        await broker.startup()
        kicker: AsyncKicker[..., object] = AsyncKicker("invoice", broker, {"retry_on_error": True})
        for order in range(self.orders):
            await kicker.kiq(order)
        await broker.shutdown()

    def worker(self) -> Workers:
        return Workers([*COMMAND], self.env, self.folder / "log")

    def books(self) -> Books:
        with closing(sqlite3.connect(self.database, timeout=60)) as connection, connection:
            (invoices,) = connection.execute("SELECT COUNT(*) FROM invoices").fetchone()
            (halves,) = connection.execute(
                "SELECT COUNT(*) FROM invoices WHERE order_id NOT IN (SELECT order_id FROM ledger)"
            ).fetchone()
        deliveries = Path(self.env["DELIVERIES"])
        lines = deliveries.read_text().split() if deliveries.exists() else []
        return Books(self.orders, invoices, halves, Counter(map(int, lines)))


def run(site: Site, chance: random.Random) -> tuple[Books, Counter[str]]:
    """Invoice all orders; return the books, and how often workers were stopped in which way."""
    asyncio.run(site.send())
    stopped: Counter[str] = Counter()
    workers = [site.worker() for _ in range(WORKERS)]
    books, since = site.books(), time.monotonic()
    try:
        while books.invoices < site.orders and time.monotonic() - since < STALLED:
            time.sleep(chance.uniform(2, 12))
            number = chance.randrange(WORKERS)
            if chance.random() < 0.5:
                stopped["killed"] += 1
                workers[number].kill()
            else:
                stopped["asked to stop"] += 1
                workers[number].process.send_signal(signal.SIGTERM)
                workers[number].process.wait(60)
                workers[number].kill()
            workers[number] = site.worker()
            before, books = books, site.books()
            if books.invoices > before.invoices:
                since = time.monotonic()
    finally:
        for worker in workers:
            worker.kill()
    return site.books(), stopped


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/prove tasks", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broker", choices=[*SERVERS], action="append")
    options = parser.parse_args(arguments)
    failed = False
    for name in options.broker or SERVERS:
        with ExitStack() as stack:
            server = stack.enter_context(SERVERS[name]())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            started = time.monotonic()
            site = Site(server, folder, options.orders)
            books, stopped = run(site, random.Random(options.seed))
        print(
            f"{name}: {books.orders:,} orders, {books.invoices:,} invoices, {books.halves} halves;"
            f" {books.again} delivered again, one order at most"
            f" {max(books.deliveries.values(), default=0)} times; workers"
            f" {stopped['killed']} times killed, {stopped['asked to stop']} times asked to stop;"
            f" {time.monotonic() - started:.0f} s",
            flush=True,
        )
        failed |= not books.is_right
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
