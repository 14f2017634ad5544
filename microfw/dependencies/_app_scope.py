"""Opening the dependencies of scope "app", once, when the application starts."""

from collections.abc import Hashable
from contextlib import AsyncExitStack
from typing import Any

from microfw.dependencies._plan import AppValue, Step
from microfw.dependencies._runtime import Run, app_value, in_thread, opened, shielded


async def open_app_steps(
    steps: tuple[Step, ...], run: Run, stack: AsyncExitStack, opened_keys: list[Hashable]
) -> None:
    """Run the setup of those that are not open yet; the exit stack holds their exit code.

    Their values are kept in `run.app_values`, and their keys are added to `opened_keys`.
    """
    for step in steps:
        if step.key not in run.app_values:
            run.app_values[step.key] = await _open(step, run, stack)
            opened_keys.append(step.key)


async def _open(step: Step, run: Run, stack: AsyncExitStack) -> Any:
    signature = step.signature
    positional = [_value(a.source, run) for a in step.arguments if a.positional_only]
    named = {a.name: _value(a.source, run) for a in step.arguments if not a.positional_only}
    if step.in_thread and not signature.yields:
        return await run.threads.call(lambda: signature.call(*positional, **named))
    value = signature.call(*positional, **named)
    if step.in_thread:
        return await stack.enter_async_context(in_thread(value, run))
    if not signature.yields:
        return await value if signature.is_async else value
    if not signature.is_async:
        return stack.enter_context(opened(value, run))
    block = shielded if signature.can_suspend else opened
    return await stack.enter_async_context(block(value, run))


def _value(source: Any, run: Run) -> Any:
    if isinstance(source, AppValue):
        return app_value(run, source.key, source.name)
    return source.value  # a constant: binders for scope "app" give nothing else
