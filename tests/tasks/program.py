"""An application whose tasks workers run; what happens is written into a file.

The environment says where: `BROKER` is the URL of the broker, `EVENTS` the file.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from taskiq import AsyncBroker, InMemoryBroker, TaskiqMessage

from microfw import App, BackgroundTasks, Depends, HTTPException
from microfw.tasks import TaskQueue

REDELIVERY = float(os.environ.get("REDELIVERY", "60"))


def note(event: str) -> None:
    line = f"{event}\n".encode()
    file = os.open(os.environ["EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line)
    os.close(file)


def make_broker(url: str) -> AsyncBroker:
    made: AsyncBroker
    if url.startswith("redis"):
        from taskiq_redis import RedisStreamBroker

        made = RedisStreamBroker(url, idle_timeout=int(REDELIVERY * 1000), xread_block=200)
    elif url.startswith("amqp"):
        from taskiq_aio_pika import AioPikaBroker

        made = AioPikaBroker(url)
    elif url.startswith("nats"):
        from nats.js.api import ConsumerConfig
        from taskiq_nats import PullBasedJetStreamBroker

        config = ConsumerConfig(durable_name="taskiq_durable", ack_wait=REDELIVERY)
        made = PullBasedJetStreamBroker(url, consumer_config=config, pull_consume_timeout=0.5)
    else:
        made = InMemoryBroker()
    if "RESULTS" in os.environ:
        from taskiq_redis import RedisAsyncResultBackend

        results: Any = RedisAsyncResultBackend(os.environ["RESULTS"])
        made = made.with_result_backend(results)
    return made


app = App(cleanup_timeout=5)
broker = make_broker(os.environ.get("BROKER", ""))
queue = TaskQueue(app, broker, shutdown_timeout=float(os.environ.get("PATIENCE", "0.2")))


async def get_engine() -> AsyncIterator[str]:
    note(f"engine opens in {os.getpid()}")
    yield "engine"
    note("engine closes")


async def wait_here(place: str, wanted: str) -> None:
    """Say that the place is reached, and stay there, the first time."""
    marker = f"{os.environ['EVENTS']}.{place}"
    if place == wanted and not os.path.exists(marker):  # noqa: ASYNC240 - a test's
        open(marker, "x").close()  # noqa: ASYNC230 - as above
        note(f"waits in {place}")
        for _ in range(6000 if place != "exit" else 30):
            await asyncio.sleep(0.1)
            if os.path.exists(f"{os.environ['EVENTS']}.goes-on"):  # noqa: ASYNC240 - as above
                break


async def get_session(
    message: TaskiqMessage, engine: Annotated[str, Depends(get_engine, scope="app")]
) -> AsyncIterator[str]:
    wanted = message.kwargs.get("place", "")
    await wait_here("setup", wanted)
    note("begins")
    try:
        yield engine
        await wait_here("exit", wanted)
        note(f"commits {message.args[0]}")
    except BaseException as error:
        note(f"rolls back {type(error).__name__}")
        raise


SessionDep = Annotated[str, Depends(get_session)]


@queue.task(name="invoice", retries=1)
async def invoice(order_id: int, session: SessionDep, place: str = "") -> int:
    await wait_here("body", place)
    note(f"invoices {order_id}")
    return order_id


@queue.task(name="sweep", schedule=[{"interval": 1}])
async def sweep() -> None:
    note("sweeps")


@app.post("/orders/{order_id}", status_code=201)
async def place_order(order_id: int, tasks: BackgroundTasks, fails: bool = False) -> str:
    task_id = tasks.enqueue(invoice, order_id)
    if fails:
        raise HTTPException(409)
    return task_id
