"""The application whose workers and requests `proof.task_faults` strikes; it notes what happens.

The environment says where: `BROKER` is the URL of the broker, `EVENTS` the file, `BOOKS` the database.
"""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Annotated

from taskiq import TaskiqMessage
from taskiq.exceptions import SendTaskError

from microfw import App, BackgroundTasks, Depends, HTTPException, Outcome
from microfw.tasks import TaskQueue
from tests.tasks.program import make_broker, note, wait_here

app = App(cleanup_timeout=5)
broker = make_broker(os.environ.get("BROKER", ""))
queue = TaskQueue(app, broker, shutdown_timeout=0.2, send_timeout=2)


async def get_engine() -> AsyncIterator[None]:
    note("engine opens")
    yield
    note("engine closes")


EngineDep = Annotated[None, Depends(get_engine, scope="app")]


def invoiced(order_id: int) -> bool:
    """Write an invoice, unless there is one."""
    with closing(sqlite3.connect(os.environ["BOOKS"], timeout=60)) as books, books:
        books.execute("CREATE TABLE IF NOT EXISTS invoices (order_id INTEGER PRIMARY KEY)")
        return bool(
            books.execute("INSERT OR IGNORE INTO invoices VALUES (?)", (order_id,)).rowcount
        )


async def get_session(message: TaskiqMessage, _: EngineDep) -> AsyncIterator[list[int]]:
    """Orders that are invoiced when it exits."""
    place = message.kwargs.get("place", "")
    note(f"delivers {message.args[0]}")
    await wait_here("setup", place)
    note("begins")
    try:
        orders: list[int] = []
        yield orders
        await wait_here("exit", place)
        for order_id in orders:
            note(f"commits {order_id}" if invoiced(order_id) else f"finds {order_id} done")
    except BaseException as error:
        note(f"rolls back {type(error).__name__}")
        raise


@queue.task(name="invoice", retries=1)
async def invoice(
    order_id: int, session: Annotated[list[int], Depends(get_session)], place: str = ""
) -> None:
    await wait_here("body", place)
    session.append(order_id)


async def tell(order_id: int, outcome: Outcome) -> AsyncIterator[None]:
    yield
    for error in outcome.unsent:
        note(f"unsent {order_id}: {type(error).__name__}")


@app.post("/orders/{order_id}", status_code=201)
async def place_order(
    order_id: int, tasks: BackgroundTasks, _: Annotated[None, Depends(tell, scope="request")]
) -> None:
    tasks.enqueue(invoice, order_id)


@app.post("/invoices/{order_id}", status_code=202)
async def invoice_now(order_id: int) -> None:
    try:
        await invoice.kiq(order_id)
    except SendTaskError:
        raise HTTPException(503) from None
