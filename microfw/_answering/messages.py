"""Messages for other processes, which are sent once function scope has exited well."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from anyio import CancelScope, fail_after

from microfw._answering.functions import StandsForFunction
from microfw.dependencies import current_asyncio_task, uninterrupted

logger = logging.getLogger("microfw")


class Message(ABC):
    """One message for a queue, complete but not sent.

    Attributes:
        id: By which it will be known on the queue.
        name: Of the function that will run.
        patience: Seconds that sending it may take.
    """

    id: str
    name: str
    patience: float

    @abstractmethod
    async def send(self) -> None:
        """Hand it to the queue."""


class Enqueueable(StandsForFunction, ABC):
    """A function that runs in another process when a message says so."""

    @abstractmethod
    def explain(self) -> str:
        """Return the source of what runs there."""

    @abstractmethod
    def message(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Message:
        """Make the message that has the function run.

        Raises:
            TypeError: The arguments do not fit the function's parameters, or cannot be sent.
        """


class Outbox:
    """The messages of one request, in the order in which they were enqueued."""

    def __init__(self) -> None:
        self._waiting: list[Message] = []

    def add(self, message: Message) -> None:
        """Keep a message until `send`."""
        self._waiting.append(message)

    async def send(self) -> list[Exception]:
        """Send what is waiting, also if the task is cancelled meanwhile.

        Returns:
            Why messages could not be sent; that has been logged.
        """
        errors: list[Exception] = []
        if self._waiting:
            with CancelScope(shield=True):
                await uninterrupted(self._send(errors), current_asyncio_task())
        return errors

    async def _send(self, errors: list[Exception]) -> None:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            try:
                with fail_after(message.patience):
                    await message.send()
            except Exception as error:
                logger.exception("%s (%s) could not be enqueued", message.name, message.id)
                errors.append(error.with_traceback(None))
