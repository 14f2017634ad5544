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


class Cleanup:
    """The time for each exit code, and one timer for all that are running.

    A timer of its own for each would cost more than most exit code does.

    Args:
        timeout: Seconds; `None` is without bound.

    Raises:
        DeclarationError: That is no time.
    """

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None:
            _check(timeout)
        self.timeout = timeout
        self._deadlines: dict[Expiring, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def cut_off(self, place: str) -> CleanupTimeoutError:
        """Log that exit code was cancelled because it took too long; return the error for it."""
        text = (
            f"the exit code of {place} did not end within {self.timeout:g} seconds"
            " and was cancelled"
        )
        logger.error(text)
        return CleanupTimeoutError(text)

    def started(self, running: Expiring, loop: asyncio.AbstractEventLoop) -> None:
        """Set the time for what has begun to wait, on asyncio's event loop."""
        if self.timeout is None:
            return
        if loop is not self._loop:
            self._loop = loop
            self._timer = None
        deadline = loop.time() + self.timeout
        self._deadlines[running] = deadline
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._expire, loop)

    def ended(self, running: Expiring) -> None:
        """Forget what has ended."""
        self._deadlines.pop(running, None)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell those whose time is over; the oldest come first."""
        self._timer = None
        now = loop.time()
        for running, deadline in list(self._deadlines.items()):
            if deadline > now:
                self._timer = loop.call_at(deadline, self._expire, loop)
                break
            del self._deadlines[running]
            running.expire()


def _check(timeout: object) -> None:
    # Written so that it refuses `nan`, too, which is neither less than 0 nor more.
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise DeclarationError(
            f"cleanup_timeout={timeout!r} is no time",
            where="App(...)",
            cure="write a number of seconds, or None, from 0 on",
        )
