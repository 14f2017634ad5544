"""The scheduler of a queue."""

import logging

from taskiq import ScheduledTask, ScheduleSource, TaskiqScheduler
from taskiq.exceptions import SendTaskError

logger = logging.getLogger("microfw")


class Scheduler(TaskiqScheduler):
    """Logs what cannot be sent; nobody waits for it."""

    async def on_ready(self, source: ScheduleSource, task: ScheduledTask) -> None:
        try:
            await super().on_ready(source, task)
        except SendTaskError as error:
            logger.error(  # noqa: TRY400 - its place tells nothing, and it comes each time
                "%s could not be sent at its time, and will be at the next: %s",
                task.task_name,
                error.__cause__,
            )
