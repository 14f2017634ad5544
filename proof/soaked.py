"""The shop with what a soak needs besides: more ways to fail, counted exits, and a look inside."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
import anyio.lowlevel
from sqlalchemy import delete, update

from examples.shop import audit, feed, main, orders, products, users
from examples.shop.database import EngineDep, SessionDep
from examples.shop.feed import FeedDep
from examples.shop.models import AuditEntry, DueInvoice, Invoice, Order, OrderLine, Product, User
from microfw import App, BackgroundTasks, Depends, File, Router, UploadFile
from proof.holding import SoakError, counted_function, counted_in_thread, counted_request, held

router = Router(prefix="/soak")
COUNTED = [Depends(counted_function), Depends(counted_request, scope="request")]


@router.post("/deliveries")
async def deliver(session: SessionDep) -> None:
    await session.execute(update(Product).values(stock=1000))


@router.post("/closing")
async def forget(session: SessionDep) -> None:
    """Delete what customers leave behind, so that the database does not grow with the time."""
    for table in (AuditEntry, DueInvoice, Invoice, OrderLine, Order, User):
        await session.execute(delete(table))


@router.post("/uploads")
def upload(file: Annotated[UploadFile, File()]) -> int:
    return len(file.file.read())


@router.get("/items")
async def stream() -> AsyncIterator[dict[str, int]]:
    for number in range(200):
        yield {"number": number}
        await anyio.lowlevel.checkpoint()


@router.get("/endless")
async def stream_until_cancelled() -> AsyncIterator[dict[str, int]]:
    """Ends with its client."""
    while True:
        yield {"number": 1}
        await anyio.sleep(0.01)


@router.get("/slow")
async def wait() -> None:
    await anyio.sleep(0.05)


@router.get("/thread", dependencies=[Depends(counted_in_thread)])
def run_in_thread() -> dict[str, bool]:
    return {"ok": True}


@router.get("/error")
async def fail() -> None:
    raise SoakError("of an endpoint")


@router.get("/failing-task")
async def add_failing_task(tasks: BackgroundTasks) -> None:
    tasks.add_task(failing_task)


async def failing_task(session: SessionDep) -> None:
    _ = await session.connection()
    raise SoakError("of a task")


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[None]:
    """Have the shop's tasks run beside."""
    async with main.app.running():
        yield


app = App(lifespan=lifespan, gc_freeze=True)  # as `microfw run` does
app.exception_handler(products.OutOfStockError)(main.out_of_stock)
for part in (users.router, products.router, orders.router, audit.router, feed.router, router):
    app.include_router(part, dependencies=COUNTED)


@app.get("/state")
async def state(engine: EngineDep, feed: FeedDep) -> dict[str, int]:
    return held(engine) | {"followers": len(feed.followers)}
