"""Load the shop on real databases: orders that are cut off, left and failed at random moments.

Each order is paid in exit code, in the order's own transaction. What is in the database at the
end, row by row, has to fit what the customers were told.
"""

import argparse
import asyncio
import gc
import json
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import anyio
import asyncpg
from anyio.lowlevel import checkpoint
from sqlalchemy import QueuePool, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.shop import main as shop
from examples.shop import orders, products, users
from examples.shop.database import SessionDep, create_tables, get_engine, make_engine
from examples.shop.feed import FeedDep
from examples.shop.models import Order, OrderLine, Product
from examples.shop.schemas import NewOrder, PlacedOrder
from examples.shop.users import CurrentUser
from microfw import App, BackgroundTasks, Depends, Header
from microfw.datastructures import Headers
from proof.books import (
    PLACED,
    REFUSED,
    UNKNOWN,
    Books,
    Intent,
    Outcome,
    Payment,
    PaymentBase,
    read_books,
)
from proof.soak import unexpected
from proof.traffic import Customer, Traffic, read_answer
from tests.examples.postgresql import find_programs, postgresql
from tests.servers import serve

ENOUGH = 1_000_000
SHORT = 3
"""Lamps for each request: they are sold out before the end."""


class FailingExitError(Exception):
    """Is raised on purpose."""


class HereTasks(BackgroundTasks):
    """Has the application itself run what the shop puts on its queue."""

    def __init__(self, tasks: BackgroundTasks) -> None:
        super().__init__()
        self._here = tasks

    def add_task(self, func: Any, *args: Any, **kwargs: Any) -> None:
        self._here.add_task(func, *args, **kwargs)

    def enqueue(self, task: Any, *args: Any, **kwargs: Any) -> str:
        self._here.add_task(task, *args, **kwargs)
        return ""


class Impatient:
    """Middleware: cuts a request off after the seconds that its header `patience` names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        patience = Headers(scope=scope).get("patience") if scope["type"] == "http" else None
        with anyio.fail_after(float(patience) if patience else None):
            await self.app(scope, receive, send)


@dataclass
class Shop:
    """The application on a database, and what is left when it has shut down.

    Attributes:
        requests: How many orders are going to be placed.
        overrides: Dependencies to replace besides that of the engine.
        stock: What there was at the start.
        entered: Of a dependency that does nothing else, how many times.
        taken: Connections that were not given back to the pool.
        lost: Connections that are open, beyond those that the pool has.
    """

    url: str
    requests: int
    overrides: Mapping[Callable[..., Any], Callable[..., Any]] = field(
        default_factory=dict[Any, Any]
    )
    stock: dict[str, int] = field(default_factory=dict[str, int])
    entered: int = 0
    exited: int = 0
    taken: int = 0
    lost: int = 0

    def losses(self) -> list[str]:
        """Say what has not come back."""
        counts = {
            "dependencies have not exited": self.entered - self.exited,
            "connections were not given back": self.taken,
            "connections are open beside the pool": self.lost,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]

    def make_app(self) -> App:
        app = App()
        app.add_middleware(Impatient)
        app.exception_handler(products.OutOfStockError)(shop.out_of_stock)
        app.dependency_overrides = {get_engine: self.get_engine, **self.overrides}
        app.include_router(users.router)
        app.include_router(orders.router, dependencies=[Depends(self.count)])

        @app.post(
            "/paid-orders",
            status_code=201,
            response_model=PlacedOrder,
            dependencies=[
                Depends(self.count),
                Depends(fail_after_sending, scope="request"),
                Depends(fail_after_commit),
                Depends(fail_before_commit),
            ],
        )
        async def place_paid_order(
            new: NewOrder,
            user: CurrentUser,
            session: SessionDep,
            payment: PaymentDep,
            feed: FeedDep,
            tasks: BackgroundTasks,
        ) -> Order:
            order = await orders.place_order(new, user, session, feed, HereTasks(tasks))
            payment.order_id = order.id
            return order

        return app

    async def count(self) -> AsyncIterator[None]:
        self.entered += 1
        try:
            yield
        finally:
            await checkpoint()
            self.exited += 1

    async def get_engine(self) -> AsyncIterator[AsyncEngine]:
        """Open the database with a stock of our own; look at the pool when nobody is there any more."""
        open_before = open_connections()
        engine = make_engine(self.url)
        async with engine.connect() as connection:
            await create_tables(connection)
            await connection.run_sync(PaymentBase.metadata.create_all)
            few = Product.name == "lamp"
            await connection.execute(update(Product).values(stock=ENOUGH))
            await connection.execute(update(Product).where(few).values(stock=SHORT * self.requests))
            for name, stock in await connection.execute(select(Product.name, Product.stock)):
                self.stock[name] = stock
            await connection.commit()
        yield engine
        pool = engine.pool
        assert isinstance(pool, QueuePool)
        self.taken = pool.checkedout()
        self.lost = max(0, open_connections() - open_before - pool.checkedin())
        await engine.dispose()


def open_connections() -> int:
    """Count the drivers' connections in this process that nobody has closed."""
    gc.collect()
    return sum(is_open_connection(each) for each in gc.get_objects())


def is_open_connection(value: Any) -> bool:
    if type(value) is asyncpg.Connection:
        return not value.is_closed()
    if type(value) is sqlite3.Connection:
        try:
            return value.total_changes >= 0
        except sqlite3.ProgrammingError:
            return False
    return False


async def get_payment(
    session: SessionDep, number: Annotated[int, Header()]
) -> AsyncIterator[Payment]:
    """Pay for the order when it is placed, with what its lines cost; the session commits both."""
    payment = Payment(number=number)
    yield payment
    lines = await session.scalars(select(OrderLine).filter_by(order_id=payment.order_id))
    payment.cents = sum(line.quantity * line.price_cents for line in lines)
    session.add(payment)
    await session.flush()


PaymentDep = Annotated[Payment, Depends(get_payment)]
FailureHeader = Annotated[str, Header(alias="failure")]


async def fail_before_commit(session: SessionDep, failure: FailureHeader) -> AsyncIterator[None]:
    yield
    await checkpoint()
    if failure == "before commit":
        raise FailingExitError(failure)


async def fail_after_commit(failure: FailureHeader) -> AsyncIterator[None]:
    yield
    await checkpoint()
    if failure == "after commit":
        raise FailingExitError(failure)


async def fail_after_sending(failure: FailureHeader) -> AsyncIterator[None]:
    yield
    await checkpoint()
    if failure == "after sending":
        raise FailingExitError(failure)


class Buyer(Customer):
    """A customer who orders in many ways by turns, and notes what can be known of each order."""

    def __init__(self, traffic: Traffic, chance: random.Random) -> None:
        super().__init__(traffic, chance)
        self.number = 0
        self.intent = Intent({})

    async def place(self, number: int) -> Intent:
        names = self.chance.sample(["book", "lamp", "pen"], self.chance.randint(1, 3))
        self.number = number
        self.intent = Intent({name: self.chance.randint(1, 20) for name in names})
        await self.act(WAYS[number % len(WAYS)])
        return self.intent

    async def send_order(
        self, failure: str = "none", patience: str = "", cut: int = 0
    ) -> asyncio.StreamReader:
        items = self.intent.items.items()
        lines = [{"item": item, "quantity": quantity} for item, quantity in items]
        body = json.dumps({"lines": lines}).encode()
        more = {"number": str(self.number), "failure": failure, "patience": patience}
        return await self.send("POST", "/paid-orders", body, cut=cut, more=more)

    async def read_outcome(
        self, reader: asyncio.StreamReader, outcomes: Mapping[int, Outcome]
    ) -> None:
        status, _, closes = await read_answer(reader)
        if closes or outcomes is not OUTCOMES:  # after an error, the server hangs up
            self.hang_up()
        if status in outcomes:
            self.intent.outcome = outcomes[status]
        else:
            self.traffic.unexpected[f"{status} to request {self.number}"] += 1

    async def wait(self) -> None:
        await self.read_outcome(await self.send_order(), OUTCOMES)

    async def fail_before_commit(self) -> None:
        reader = await self.send_order("before commit")
        await self.read_outcome(reader, {500: REFUSED, 409: REFUSED})

    async def fail_after_commit(self) -> None:
        reader = await self.send_order("after commit")
        await self.read_outcome(reader, {500: Outcome(placed=True, audited=False), 409: REFUSED})

    async def fail_after_sending(self) -> None:
        await self.read_outcome(await self.send_order("after sending"), {**OUTCOMES})

    async def be_cut_off(self) -> None:
        """By the server, before the answer or after it."""
        reader = await self.send_order(patience=f"{self.chance.uniform(0, 0.1):.4f}")
        placed = Outcome(placed=True, audited=None)
        await self.read_outcome(reader, {201: placed, 409: REFUSED, 500: UNKNOWN})

    async def leave(self) -> None:
        await self.send_order()
        await asyncio.sleep(self.chance.uniform(0, 0.05))
        self.hang_up(reset=self.chance.random() < 0.5)

    async def leave_while_sending(self) -> None:
        await self.send_order(cut=1)
        self.hang_up(reset=self.chance.random() < 0.5)
        self.intent.outcome = REFUSED

    async def leave_while_receiving(self) -> None:
        """Place the order, and vanish while all of them are sent."""
        await self.wait()
        reader = await self.send("GET", "/orders.csv")
        await reader.read(self.chance.choice([1, 1000]))
        self.hang_up(reset=self.chance.random() < 0.5)


OUTCOMES = {201: PLACED, 409: REFUSED}
WAYS = [
    *[Buyer.wait, Buyer.be_cut_off] * 2,
    Buyer.fail_before_commit,
    Buyer.fail_after_commit,
    Buyer.fail_after_sending,
    Buyer.leave,
    Buyer.leave_while_sending,
    Buyer.leave_while_receiving,
]

EXPECTED = re.compile(
    r"Started server process.*|Waiting for .*|Application (startup|shutdown) complete\.|Shutting down"
    r"|Uvicorn running on .*|Finished server process.*|Exception in ASGI application|TimeoutError"
)
ON_PURPOSE = re.compile(r"(before commit|after commit|after sending|deadline exceeded)$")
CLOSED_TWICE = re.compile(
    r"ERROR: Task was destroyed but it is pending!\ntask: <Task .*_aiosqlite_.*_graceful_close.*\n"
)
"""SQLAlchemy's: a connection is closed when it is cancelled, and stopped when that is cancelled again;
the first then waits in vain to hear of its end."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was done, and what is wrong with what came of it."""

    done: Counter[str]
    placed: int
    entered: int
    mistakes: list[str]


async def buy(
    port: int, requests: int, customers: int, seed: int
) -> tuple[Traffic, dict[int, Intent]]:
    """Let customers place so many orders, all at once; return what they know in the end."""
    traffic, intents = Traffic(port), dict[int, Intent]()
    numbers = iter(range(requests))

    async def live(buyer: Buyer) -> None:
        await buyer.act(Buyer.register)
        for number in numbers:
            intents[number] = await buyer.place(number)
        buyer.hang_up()

    async with asyncio.TaskGroup() as group:
        for number in range(customers):
            group.create_task(live(Buyer(traffic, random.Random(f"{seed} {number}"))))
    return traffic, intents


async def read(shop: Shop) -> Books:
    engine = create_async_engine(shop.url)
    async with engine.connect() as connection:
        books = await connection.run_sync(read_books, shop.stock)
    await engine.dispose()
    return books


def load(shop: Shop, customers: int, seed: int) -> Load:
    """Serve the shop, let customers come, close it, and compare."""
    with serve(shop.make_app(), access_log=False) as server:
        traffic, intents = asyncio.run(buy(server.port, shop.requests, customers, seed))
    books = asyncio.run(read(shop))
    lines = unexpected(CLOSED_TWICE.sub("", server.log), EXPECTED, ON_PURPOSE)
    return Load(
        traffic.done,
        len(books.orders),
        shop.entered,
        [
            *shop.losses(),
            *books.mistakes(intents),
            *(f"{count} times answered: {what}" for what, count in traffic.unexpected.items()),
            *(f"{count} times in the log: {line}" for line, count in lines.items()),
        ],
    )


@contextmanager
def sqlite() -> Iterator[str]:
    """Make a folder for a database, and yield the URL for it."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite+aiosqlite:///{folder}/shop.sqlite3?timeout=60"


def main(arguments: list[str] | None = None) -> int:
    """Load each database that is installed; the exit status says whether all is as it should be."""
    command = "scripts/prove databases"
    parser = argparse.ArgumentParser(command, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000, help="how many orders")
    parser.add_argument("--customers", type=int, default=32, help="how many connections")
    parser.add_argument("--seed", type=int, default=1, help="which orders")
    options = parser.parse_args(arguments)
    databases = {"SQLite": sqlite}
    if find_programs() is None:
        print("PostgreSQL is not installed")
    else:
        databases["PostgreSQL"] = postgresql
    mistakes = 0
    for name, database in databases.items():
        started = time.monotonic()
        with database() as url:
            done = load(Shop(url, options.requests), options.customers, options.seed)
        seconds = time.monotonic() - started
        print(f"{name}: {options.requests} requests in {seconds:.0f} s: {dict(done.done)}")
        print(f"  {done.placed} orders placed, {done.entered} dependencies entered")
        for mistake in done.mistakes:
            print(f"  mistake: {mistake}")
        mistakes += len(done.mistakes)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
