import os
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from taskiq import AsyncBroker, InMemoryBroker

from microfw import App, BackgroundTasks, Depends
from microfw.tasks import TaskQueue


def make_broker(url: str | None) -> AsyncBroker:
    if url is None:
        return InMemoryBroker()  # the tasks run in the process that serves
    from taskiq_redis import RedisStreamBroker

    return RedisStreamBroker(url)


app = App()
broker = make_broker(os.environ.get("TASKS_URL"))
queue = TaskQueue(app, broker)


async def get_engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///shop.sqlite3")
    async with engine.begin() as connection:
        for table in ("orders (id INTEGER PRIMARY KEY, item)", "invoices (order_id UNIQUE)"):
            await connection.execute(text(f"CREATE TABLE IF NOT EXISTS {table}"))
    yield engine
    await engine.dispose()


EngineDep = Annotated[AsyncEngine, Depends(get_engine, scope="app")]


async def get_session(engine: EngineDep) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        yield session
        await session.commit()


SessionDep = Annotated[AsyncSession, Depends(get_session)]


class NewOrder(Struct):
    item: str


@queue.task(retries=3)
async def send_invoice(order_id: int, session: SessionDep) -> int:
    insert = text("INSERT INTO invoices VALUES (:id) ON CONFLICT DO NOTHING")  # it may run twice
    await session.execute(insert, {"id": order_id})
    return order_id


@app.post("/orders", status_code=201)
async def place(order: NewOrder, session: SessionDep, tasks: BackgroundTasks) -> int:
    insert = text("INSERT INTO orders (item) VALUES (:item) RETURNING id")
    order_id: int = (await session.execute(insert, {"item": order.item})).scalar_one()
    tasks.enqueue(send_invoice, order_id)  # after the commit, or not at all
    return order_id
