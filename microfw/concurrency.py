"""Starlette's ways from async code to worker threads, and FastAPI's for context managers.

Sync endpoints and dependencies need none of these: they run in threads anyway.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from starlette.concurrency import (
    iterate_in_threadpool,
    run_in_threadpool,
    run_until_first_complete,  # pyright: ignore[reportUnknownVariableType] - as Starlette types it
)

__all__ = [
    "contextmanager_in_threadpool",
    "iterate_in_threadpool",
    "run_in_threadpool",
    "run_until_first_complete",
]

Value = TypeVar("Value")


@asynccontextmanager
async def contextmanager_in_threadpool(
    cm: AbstractContextManager[Value],
) -> AsyncGenerator[Value]:
    """Open a sync context manager in a worker thread, for the length of an `async with` block.

    Closing it waits for no free thread, and is shielded from cancellation (as in rules T4, C1).
    """
    value = await run_in_threadpool(cm.__enter__)
    try:
        yield value
    except BaseException as error:
        if not await _exit(cm, error):
            raise
    else:
        await _exit(cm, None)


async def _exit(cm: AbstractContextManager[Any], error: BaseException | None) -> bool:
    """Exit a context manager; tell whether it has swallowed the error."""
    exit_code: Callable[..., bool | None] = cm.__exit__
    details = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    swallowed: bool | None = False
    with anyio.CancelScope(shield=True):
        limiter = anyio.CapacityLimiter(1)
        swallowed = await anyio.to_thread.run_sync(exit_code, *details, limiter=limiter)
    return bool(swallowed)
