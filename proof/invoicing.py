"""The application whose workers `proof.tasks` kills: each invoice is two rows, in one transaction."""

import os
import sqlite3
import time
from collections.abc import Iterator
from typing import Annotated

from microfw import App, Depends
from microfw.tasks import TaskQueue
from tests.tasks.program import make_broker

app = App(cleanup_timeout=5)
broker = make_broker(os.environ.get("BROKER", ""))
queue = TaskQueue(app, broker, shutdown_timeout=1)


def connect() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ["DATABASE"], timeout=60, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")  # processes are killed, not the machine
    return connection


def get_connection() -> Iterator[sqlite3.Connection]:
    connection = connect()
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()


@queue.task(name="invoice", retries=5)
def make_invoice(
    order_id: int, connection: Annotated[sqlite3.Connection, Depends(get_connection)]
) -> None:
    with open(os.environ["DELIVERIES"], "ab", buffering=0) as deliveries:
        deliveries.write(f"{order_id}\n".encode())
    added = connection.execute("INSERT OR IGNORE INTO invoices VALUES (?)", (order_id,))
    if added.rowcount:
        time.sleep(0.001)
        connection.execute("INSERT INTO ledger VALUES (?)", (order_id,))
