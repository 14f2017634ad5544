"""What a cancellation is, whether one is under way, and what shields against it."""

import asyncio
import math
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import anyio


def is_cancellation(error: BaseException) -> bool:
    """Whether an exception is a cancellation, or a group of nothing else."""
    if isinstance(error, Exception):
        return False
    if isinstance(error, BaseExceptionGroup):  # which nurseries of trio's make of cancellations
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(map(is_cancellation, group.exceptions))
    trio = sys.modules.get("trio")
    return isinstance(error, asyncio.CancelledError) or (
        trio is not None and isinstance(error, trio.Cancelled)
    )


def is_being_cancelled() -> bool:
    """Whether the current task is being cancelled, by a cancel scope around it or as a whole."""
    try:
        if anyio.current_effective_deadline() == -math.inf:
            return True
    except RuntimeError:  # in a worker thread, which only sees that of the task it works for
        return True
    try:
        task = asyncio.current_task()
    except RuntimeError:  # not on asyncio
        return False
    return task is not None and task.cancelling() > 0


def scope_for(task: "asyncio.Task[Any] | None") -> anyio.CancelScope | None:
    """Make a cancel scope; `None` where no other is around that it could be a shield against.

    Entering and leaving one takes 2 us, and under a server alone there is none around.
    """
    if task is None:
        return anyio.CancelScope()
    make_scope, states = _asyncio_scopes()
    if states is not None:
        state = states.get(task)
        if state is None or state.cancel_scope is None:
            return None
    return make_scope()


@cache
def _asyncio_scopes() -> tuple[type[anyio.CancelScope], Mapping[Any, Any] | None]:
    """Return the class of `anyio.CancelScope` on asyncio, and AnyIO's table of the tasks in each.

    These have no public name. Should they not be found, every dependency gets a scope.
    """
    make_scope = type(anyio.CancelScope())
    return make_scope, getattr(sys.modules[make_scope.__module__], "_task_states", None)
