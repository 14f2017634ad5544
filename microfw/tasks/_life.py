"""An application's lifespan in a worker process."""

import asyncio

from microfw.applications import App


class WorkerLife:
    """Runs the lifespan in a task of its own.

    Taskiq's start-up and shutdown are two tasks, and what a lifespan holds open, such as a task
    group, has to be left where it was entered.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._live())

    async def started(self) -> None:
        """Wait until the application has started.

        Raises:
            Exception: What start-up raises.
        """
        await self._started

    async def stop(self) -> None:
        """Stop it.

        Raises:
            Exception: What shutdown raises.
        """
        self._stopping.set()
        await self._task

    async def _live(self) -> None:
        try:
            async with self._app.running():
                self._started.set_result(None)
                await self._stopping.wait()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
