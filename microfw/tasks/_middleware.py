"""What taskiq's receiver does for microfw around each task."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from taskiq import NoResultError, SimpleRetryMiddleware, TaskiqMessage, TaskiqMiddleware
from taskiq.result import TaskiqResult

from microfw.exceptions import TaskValidationError
from microfw.tasks._runs import InterruptedTaskError

logger = logging.getLogger("microfw")


class TaskMiddleware(TaskiqMiddleware):
    """Gives back the messages of tasks that are cut off.

    Args:
        give_back: Takes such a message; returns whether it is on the queue again, so that it can
            be acknowledged.
    """

    def __init__(self, give_back: Callable[[TaskiqMessage], Awaitable[bool]]) -> None:
        super().__init__()
        self._give_back = give_back

    async def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        is_cut_off = isinstance(exception, InterruptedTaskError | asyncio.CancelledError)
        if is_cut_off and not _is_sent_again(result, exception):
            if not await self._give_back(message):
                raise asyncio.CancelledError  # so that the receiver does not acknowledge it
            result.error = NoResultError()


def _is_sent_again(result: TaskiqResult[Any], exception: BaseException) -> bool:
    """Whether a middleware for retries has sent the message again."""
    return result.error is not exception and isinstance(result.error, NoResultError)


class RetryMiddleware(SimpleRetryMiddleware):
    """Runs tasks with `retries=` again; a message that is not valid would not be the next time."""

    async def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        if not isinstance(exception, TaskValidationError):
            await super().on_error(message, result, exception)
