"""What a process under soak holds, and which dependencies it has entered and left."""

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

import anyio.lowlevel
from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine

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


def held(engine: AsyncEngine) -> dict[str, int]:
    """Count what can grow, or get lost."""
    gc.collect()
    objects = gc.get_objects()
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return {
        "rss": resident(),
        "allocated": allocated(),
        "blocks": sys.getallocatedblocks(),
        "open_files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "tasks": len(all_tasks()),
        "generators": sum(isinstance(x, AsyncGeneratorType | GeneratorType) for x in objects),
        "objects": len(objects),
        "connections": pool.checkedout(),
        "entered": entered.total(),
        "lost_exits": entered.total() - exited.total(),
    }
