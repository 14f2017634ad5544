"""The life of scope "app": from start-up to shutdown."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from microfw.dependencies._app_steps import opened_app_steps
from microfw.dependencies._app_values import AppValues
from microfw.dependencies._cleanup import Cleanup
from microfw.dependencies._late_opening import LateOpener
from microfw.dependencies._plain_run import PlainRun
from microfw.dependencies._plan import Step


@asynccontextmanager
async def app_scope(
    values: AppValues,
    steps: Iterable[Step],
    cleanup: Cleanup,
    before_exit: Callable[[], Awaitable[None]],
) -> AsyncGenerator[None]:
    """Keep steps of scope "app" open, and open others when they are needed.

    Args:
        values: Takes the values; what has one already is open, and stays so.
        steps: Those that are known, in the order of their setup.
        cleanup: The time for each exit code.
        before_exit: Is awaited before anything closes.

    Raises:
        SwallowedExceptionError: A dependency swallowed the error in the setup of another.
    """
    run = PlainRun(cleanup, values)
    async with opened_app_steps(steps, run) as opened, LateOpener(values, cleanup) as opener:
        values.update(opened)
        values.openers.append(opener)
        try:
            yield
        finally:
            try:
                await before_exit()
            finally:
                values.openers.remove(opener)
                for key in opened:
                    values.pop(key, None)
