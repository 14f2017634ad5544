"""An event that code of another thread may set: an application may run on several event loops."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
from anyio.lowlevel import current_token


def call_soon_from_anywhere() -> Callable[[Callable[[], Any]], None]:
    """Return what has the current event loop call a function soon, from whatever thread."""
    loop: Any = current_token().native_token
    call_soon: Any = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon

    def call(function: Callable[[], Any]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waits there
            call_soon(function)

    return call


class Signal:
    """An event for which one task waits, and which any thread may set."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._call_soon = call_soon_from_anywhere()

    def set(self) -> None:
        """Wake the task that waits."""
        self._call_soon(self._event.set)

    async def wait(self) -> None:
        """Wait until it is set."""
        await self._event.wait()
