"""The life of scope "app": from start-up to shutdown."""

from collections import ChainMap
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from microfw.dependencies._app_steps import open_app_steps
from microfw.dependencies._app_values import AppValues
from microfw.dependencies._cleanup import Cleanup
from microfw.dependencies._late_opening import LateOpener
from microfw.dependencies._plan import Step
from microfw.dependencies._runtime import PlainRun
from microfw.dependencies._swallowing import error_of_swallowing


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
    opened: dict[Hashable, Any] = {}
    has_started = False
    async with AsyncExitStack() as stack:
        await open_app_steps(steps, run, stack, ChainMap(opened, values))
        opener = await stack.enter_async_context(LateOpener(values, cleanup))
        values.update(opened)
        values.openers.append(opener)
        has_started = True
        try:
            yield
        finally:
            try:
                await before_exit()
            finally:
                values.openers.remove(opener)
                for key in opened:
                    values.pop(key, None)
    if run.swallowed is not None and not has_started:
        raise error_of_swallowing(run.swallowed)
