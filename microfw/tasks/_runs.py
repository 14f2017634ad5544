"""The tasks that run in this process, and how they are stopped."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from taskiq import NoResultError

from microfw.dependencies import Run

Result = TypeVar("Result")

logger = logging.getLogger("microfw")


class InterruptedTaskError(NoResultError):
    """A task was interrupted because its process stops. It has no result, and is given back."""


class _Running:
    """A task under way."""

    __slots__ = ("is_cancelled", "is_interruptible", "name", "run", "task")

    def __init__(self, name: str, run: Run, *, is_interruptible: bool) -> None:
        self.name = name
        self.run = run
        self.is_interruptible = is_interruptible
        self.is_cancelled = False
        self.task: Any = asyncio.current_task()

    def cancel(self) -> None:
        """Cancel it, unless all that is left of it is exit code, or it is in a thread."""
        if self.is_interruptible and self.run.result is None:
            self.is_cancelled = True
            self.task.cancel()


class Runs:
    """The tasks that run in this process."""

    def __init__(self) -> None:
        self._running: set[_Running] = set()

    async def run(
        self, name: str, run: Run, work: Coroutine[Any, Any, Result], *, is_interruptible: bool
    ) -> Result:
        """Run a task.

        Args:
            name: For the log.
            run: What accompanies it.
            work: What runs.
            is_interruptible: Whether to cancel it ends it sooner. A thread goes on to its end.

        Raises:
            InterruptedTaskError: `stop` has cancelled it; all its exit code has run.
        """
        running = _Running(name, run, is_interruptible=is_interruptible)
        self._running.add(running)
        try:
            return await work
        except asyncio.CancelledError:
            if not running.is_cancelled:
                raise
            raise InterruptedTaskError from None
        finally:
            self._running.remove(running)

    async def stop(self, patience: float | None, stalled_after: float | None) -> None:
        """Wait for the tasks, then cancel them and wait for their exit code.

        Args:
            patience: Seconds that they may go on.
            stalled_after: Seconds without any of them ending after which the rest is left alone.
        """
        tasks = {running.task for running in self._running}
        if tasks and patience != 0:
            _, tasks = await asyncio.wait(tasks, timeout=patience)
        for running in self._running:
            running.cancel()
        while tasks:
            done, tasks = await asyncio.wait(
                tasks, timeout=stalled_after, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                names = ", ".join(sorted(running.name for running in self._running))
                logger.error("these tasks do not end, and are left behind: %s", names)
                return
