"""Signals between tasks of several event loops: an application may run on one in each thread."""

import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any

import anyio
from anyio.lowlevel import current_token


class Loop:
    """The event loop that runs now, for code of whatever thread."""

    def __init__(self) -> None:
        self._native: Any = current_token().native_token
        self._is_asyncio = hasattr(self._native, "call_soon_threadsafe")

    def call_soon(self, function: Callable[..., Any], *args: Any) -> None:
        """Have the loop call a function soon. A loop that has ended does not."""
        native = self._native
        call_soon = native.call_soon_threadsafe if self._is_asyncio else native.run_sync_soon
        with suppress(RuntimeError):
            call_soon(function, *args)

    def start_task(
        self, function: Callable[[], Coroutine[Any, Any, None]], context: Context
    ) -> object:
        """Start a task that belongs to no other; only code that runs in the loop may do it.

        Returns:
            The task, which on asyncio lives as long as somebody has it.
        """
        if self._is_asyncio:
            return self._native.create_task(function(), context=context)
        return sys.modules["trio"].lowlevel.spawn_system_task(function, context=context)


class Signal:
    """An event for which one task waits, and which any thread may set."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._loop = Loop()

    def set(self) -> None:
        """Wake the task that waits."""
        self._loop.call_soon(self._event.set)

    async def wait(self) -> None:
        """Wait until it is set."""
        await self._event.wait()
