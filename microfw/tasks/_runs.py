"""The tasks that run in this process, and how they are stopped."""

import asyncio
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

from taskiq import Context, NoResultError, TaskiqMessage

from microfw._answering import FunctionRun

if TYPE_CHECKING:
    from microfw.tasks._task import AnyTask

logger = logging.getLogger("microfw")


class InterruptedTaskError(NoResultError):
    """A task was interrupted because its process stops. It has no result, and is given back."""


class TaskRun(FunctionRun):
    """One run of a task, in an asyncio task of its own.

    Args:
        task: The task.
        context: Of taskiq's.
    """

    is_interrupted = False
    is_over = False
    """Whether all of the task has run; its result may still have to be stored."""

    def __init__(self, task: "AnyTask", context: Context) -> None:
        super().__init__(task.queue.app_state)
        self.task: AnyTask = task
        self.context: Context = context
        self._task = asyncio.current_task()
        self._knows_task = True

    @property
    def message(self) -> TaskiqMessage:
        """The message for which it runs."""
        return self.context.message

    @property
    def execution(self) -> "asyncio.Task[Any]":
        """The asyncio task in which it runs."""
        return cast("asyncio.Task[Any]", self.asyncio_task)

    def interrupt(self) -> None:
        """Cancel it, unless exit code or less is left of it, or it is in a thread."""
        if self.task.is_interruptible and self.result is None and not self.is_over:
            self.is_interrupted = True
            self.execution.cancel()


async def stop(
    runs: Collection[TaskRun], patience: float | None, stalled_after: float | None
) -> None:
    """Wait for tasks, then interrupt them and wait for their exit code.

    Args:
        runs: Those that run, at each moment.
        patience: Seconds that they may go on.
        stalled_after: Seconds without any of them ending after which the rest is left alone.
    """
    tasks = {run.execution for run in runs}
    if tasks and patience != 0:
        _, tasks = await asyncio.wait(tasks, timeout=patience)
    for run in runs:
        run.interrupt()
    while tasks:
        done, tasks = await asyncio.wait(
            tasks, timeout=stalled_after, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            names = ", ".join(sorted(run.task.task_name for run in runs))
            logger.error("these tasks do not end, and are left behind: %s", names)
            return
