"""The tasks of a worker under soak: those that succeed, and those that fail in every way."""

import os
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from msgspec import json
from redis.asyncio import Redis
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from examples.shop.database import EngineDep, SessionDep
from examples.shop.models import AuditEntry
from microfw import App, BackgroundTasks, Depends
from microfw.tasks import TaskQueue
from proof.holding import SoakError, counted_function, counted_in_thread, counted_request, held

URL = os.environ["BROKER"]
STATE = "state"

results: RedisAsyncResultBackend[object] = RedisAsyncResultBackend(URL, result_ex_time=30)
app = App()
broker = RedisStreamBroker(URL, xread_block=100).with_result_backend(results)
queue = TaskQueue(app, broker)

Counted = Annotated[None, Depends(counted_function)]
CountedToo = Annotated[None, Depends(counted_request, scope="request")]
CountedInThread = Annotated[None, Depends(counted_in_thread)]


async def get_failing(counted: Counted) -> AsyncIterator[None]:
    yield
    raise SoakError("of exit code")


@queue.task(name="record", retries=1)
async def record(number: int, session: SessionDep, one: Counted, other: CountedToo) -> int:
    session.add(AuditEntry(user_id=number, event="recorded"))
    return number


@queue.task(name="fail")
async def fail(number: int, session: SessionDep, counted: Counted) -> None:
    session.add(AuditEntry(user_id=number, event="lost"))
    await session.flush()
    raise SoakError("of a task")


@queue.task(name="fail_to_exit", retries=1)
async def fail_to_exit(number: int, failing: Annotated[None, Depends(get_failing)]) -> int:
    return number


@queue.task(name="take_long", timeout=0.02)
async def take_long(number: int, session: SessionDep, counted: CountedToo) -> None:
    _ = await session.connection()
    await anyio.sleep_forever()


@queue.task(name="block")
def block(number: int, counted: CountedInThread) -> bytes:
    return bytes(number % 1000)


@queue.task(name="pass_on")
async def pass_on(number: int, tasks: BackgroundTasks, counted: Counted) -> str:
    tasks.add_task(block.function, number)
    return tasks.enqueue(record, number)


@queue.task(name="tell_state")
async def tell_state(engine: EngineDep) -> None:
    """Write down what this process holds, where the soak finds it."""
    async with Redis.from_url(URL) as redis:
        await redis.set(STATE, json.encode(held(engine)))


NAMES = ("record", "fail", "fail_to_exit", "take_long", "block", "pass_on")
