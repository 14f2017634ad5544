"""The application, and the queue of its tasks: in this process, or in workers (TASKS_URL)."""

import os

from taskiq import AsyncBroker, InMemoryBroker

from microfw import App
from microfw.tasks import TaskQueue


def make_broker(url: str | None) -> AsyncBroker:
    if url is None:
        return InMemoryBroker()
    from taskiq_redis import RedisStreamBroker

    # After ten seconds another worker gets what a dead one had.
    return RedisStreamBroker(url, idle_timeout=10_000)


app = App(
    title="Shop",
    description="Products, and orders that are placed whole or not at all.\n\n"
    "Create a user, authorize with the token of the answer, and order.",
    openapi_tags=[
        {"name": "users", "description": "Customers, and their tokens"},
        {"name": "products", "description": "What is for sale"},
        {"name": "orders", "description": "Orders: all of their lines, or none"},
        {"name": "invoices", "description": "What an order costs, once that is written"},
        {"name": "audit", "description": "Who did what"},
    ],
)
queue = TaskQueue(app, make_broker(os.environ.get("TASKS_URL")))
