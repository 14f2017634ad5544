"""Opening steps of scope "app": an exit stack holds their exit code."""

from collections.abc import Hashable, Iterable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from types import TracebackType
from typing import Any

from microfw.dependencies._plan import AppValue, Step
from microfw.dependencies._runtime import Run, in_thread, opened, shielded


async def open_app_steps(
    steps: Iterable[Step], run: Run, stack: AsyncExitStack, values: MutableMapping[Hashable, Any]
) -> None:
    """Run the setup of those that have no value yet, and add their values."""
    for step in steps:
        if step.key not in values:
            values[step.key] = await _open(step, run, stack, values)


async def _open(step: Step, run: Run, stack: AsyncExitStack, values: Mapping[Hashable, Any]) -> Any:
    signature = step.signature
    positional = [_value(a.source, values) for a in step.arguments if a.positional_only]
    named = {a.name: _value(a.source, values) for a in step.arguments if not a.positional_only}
    if step.in_thread and not signature.yields:
        return await run.threads.call(lambda: signature.call(*positional, **named))
    value = signature.call(*positional, **named)
    if step.in_thread:
        return await stack.enter_async_context(_Handling(in_thread(value, run)))
    if not signature.yields:
        return await value if signature.is_async else value
    if not signature.is_async:
        return await stack.enter_async_context(_Handling(_Sync(opened(value, run))))
    block = shielded if signature.can_suspend else opened
    return await stack.enter_async_context(_Handling(block(value, run)))


class _Handling:
    """Has exit code handle the exception that it sees, as a `with` block does.

    An exit stack does not, and so what exit code raises would be chained in another way.
    """

    def __init__(self, block: AbstractAsyncContextManager[Any, bool]) -> None:
        self._block = block

    async def __aenter__(self) -> Any:
        return await self._block.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None:
            return await self._block.__aexit__(None, None, None)
        context = error.__context__
        try:
            raise error
        except BaseException:
            error.with_traceback(traceback)
            BaseException.__setattr__(error, "__context__", context)
            return await self._block.__aexit__(kind, error, traceback)
        finally:
            del error, context  # the traceback holds this frame


class _Sync:
    """Makes an async block of a sync one."""

    def __init__(self, block: AbstractContextManager[Any, bool]) -> None:
        self._block = block

    async def __aenter__(self) -> Any:
        return self._block.__enter__()

    async def __aexit__(self, *raised: Any) -> bool:
        return self._block.__exit__(*raised)


def _value(source: Any, values: Mapping[Hashable, Any]) -> Any:
    if isinstance(source, AppValue):
        return values[source.key]
    return source.value  # a constant: binders for scope "app" give nothing else
