"""How long the exit code of one application's dependencies may take."""

import asyncio
import logging
from typing import Protocol

from microfw.exceptions import CleanupTimeoutError, DeclarationError

logger = logging.getLogger("microfw")


class Expiring(Protocol):
    """What a time is set for."""

    def expire(self) -> None:
        """Note that the time is over."""


class _Deadlines(dict[Expiring, float]):
    """Those of what runs on one event loop, the oldest first, and one timer for all of them.

    A timer of its own for each would cost more than most exit code does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.timer: asyncio.TimerHandle | None = None

    def add(self, running: Expiring, deadline: float) -> None:
        """Set a time that is not before the others."""
        self[running] = deadline
        if self.timer is None:
            self.timer = self.loop.call_at(deadline, self.expire)

    def expire(self) -> None:
        """Tell those whose time is over."""
        self.timer = None
        now = self.loop.time()
        for running, deadline in [*self.items()]:
            if deadline > now:
                self.timer = self.loop.call_at(deadline, self.expire)
                break
            del self[running]
            running.expire()


class Cleanup:
    """The time for each exit code.

    Args:
        timeout: Seconds; `None` is without bound.

    Raises:
        DeclarationError: That is no time.
    """

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None:
            _check(timeout)
        self.timeout = timeout
        self._by_loop: dict[asyncio.AbstractEventLoop, _Deadlines] = {}

    def cut_off(self, place: str) -> CleanupTimeoutError:
        """Log that exit code was cancelled because it took too long; return the error for it."""
        text = (
            f"the exit code of {place} did not end within {self.timeout:g} seconds"
            " and was cancelled"
        )
        logger.error(text)
        return CleanupTimeoutError(text)

    def started(self, running: Expiring, loop: asyncio.AbstractEventLoop) -> None:
        """Set the time for what has begun to wait, on an event loop of asyncio's."""
        if self.timeout is None:
            return
        deadlines = self._by_loop.get(loop)
        if deadlines is None:
            open_ones = {each: its for each, its in self._by_loop.items() if not each.is_closed()}
            deadlines = _Deadlines(loop)
            self._by_loop = {**open_ones, loop: deadlines}
        deadlines.add(running, loop.time() + self.timeout)

    def ended(self, running: Expiring, loop: asyncio.AbstractEventLoop) -> None:
        """Forget what has ended."""
        deadlines = self._by_loop.get(loop)
        if deadlines is not None:
            deadlines.pop(running, None)


def _check(timeout: object) -> None:
    # Written so that it refuses `nan`, too, which is neither less than 0 nor more.
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise DeclarationError(
            f"cleanup_timeout={timeout!r} is no time",
            where="App(...)",
            cure="write a number of seconds, or None, from 0 on",
        )
