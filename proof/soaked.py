"""The shop with what a soak needs besides: more ways to fail, counted exits, and a look inside."""

import ctypes
import gc
import os
import sys
import threading
from asyncio import all_tasks
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import AsyncGeneratorType, GeneratorType
from typing import Annotated

import anyio
import anyio.lowlevel
from msgspec import Struct
from sqlalchemy import QueuePool, delete, update

from examples.shop import audit, feed, main, orders, products, users
from examples.shop.database import EngineDep, SessionDep
from examples.shop.feed import FeedDep
from examples.shop.models import AuditEntry, DueInvoice, Order, OrderLine, Product, User
from microfw import App, BackgroundTasks, Depends, File, Router, UploadFile

entered: Counter[str] = Counter()
exited: Counter[str] = Counter()
lock = threading.Lock()


class Malloc(ctypes.Structure):
    """glibc's `struct mallinfo2`: bytes, over all arenas."""

    _fields_ = (
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks")),
        ("keepcost", ctypes.c_size_t),
    )
    hblkhd: int
    """In maps of their own."""
    uordblks: int
    """In arenas, and not freed."""


read_malloc = ctypes.CDLL(None).mallinfo2
read_malloc.restype = Malloc


def allocated() -> int:
    """Bytes that C code, SQLite's too, has taken from `malloc` and not freed."""
    malloc: Malloc = read_malloc()
    return malloc.hblkhd + malloc.uordblks


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class State(Struct):
    """What can grow, or get lost, in the server's process."""

    rss: int
    allocated: int
    blocks: int
    open_files: int
    threads: int
    tasks: int
    generators: int
    objects: int
    connections: int
    followers: int
    entered: int
    lost_exits: int


class SoakError(Exception):
    """Is raised on purpose."""


def count(counter: Counter[str], what: str) -> None:
    with lock:
        counter[what] += 1


async def counted_function() -> AsyncIterator[None]:
    count(entered, "function")
    try:
        yield
    finally:
        await anyio.lowlevel.checkpoint()
        count(exited, "function")


async def counted_request() -> AsyncIterator[None]:
    count(entered, "request")
    try:
        yield
    finally:
        await anyio.lowlevel.checkpoint()
        count(exited, "request")


def counted_in_thread() -> Iterator[None]:
    count(entered, "thread")
    try:
        yield
    finally:
        count(exited, "thread")


router = Router(prefix="/soak")
COUNTED = [Depends(counted_function), Depends(counted_request, scope="request")]


@router.post("/deliveries")
async def deliver(session: SessionDep) -> None:
    await session.execute(update(Product).values(stock=1000))


@router.post("/closing")
async def forget(session: SessionDep) -> None:
    """Delete what customers leave behind, so that the database does not grow with the time."""
    for table in (AuditEntry, DueInvoice, OrderLine, Order, User):
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


app = App()
app.exception_handler(products.OutOfStockError)(main.out_of_stock)
for part in (users.router, products.router, orders.router, audit.router, feed.router, router):
    app.include_router(part, dependencies=COUNTED)


@app.get("/state")
async def state(engine: EngineDep, feed: FeedDep) -> State:
    gc.collect()
    objects = gc.get_objects()
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return State(
        rss=resident(),
        allocated=allocated(),
        blocks=sys.getallocatedblocks(),
        open_files=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        tasks=len(all_tasks()),
        generators=sum(isinstance(x, AsyncGeneratorType | GeneratorType) for x in objects),
        objects=len(objects),
        connections=pool.checkedout(),
        followers=len(feed.followers),
        entered=entered.total(),
        lost_exits=entered.total() - exited.total(),
    )
