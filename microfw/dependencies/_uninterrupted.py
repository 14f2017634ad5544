"""Run a coroutine to its end, whoever cancels the task in the meantime.

AnyIO's shielded cancel scopes keep AnyIO's own cancellations away, on both backends. On asyncio
there are also plain `Task.cancel()` calls: a server at the end of its patience, `asyncio.timeout`
in a middleware, the event loop's own shutdown. They go to the future that the task waits for. So,
while a coroutine runs uninterrupted, the task waits for a future of ours in its place, which
decides: a cancellation that the coroutine itself has asked for (its own `asyncio.timeout`, its own
cancel scope) is passed on; any other is kept, and raised when the coroutine has ended.

Who asked is told by a context variable: callbacks that the coroutine schedules carry its context.
"""

import asyncio
import logging
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")

logger = logging.getLogger("microfw")


async def uninterrupted(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Await a coroutine to its end, and only then raise a cancellation that came meanwhile."""
    task = _current_task()
    if task is None:
        return await coroutine
    guard = _Guard(coroutine, task)
    token = _current.set(guard)
    try:
        result: Result = await guard
    except BaseException:
        if guard.kept:
            logger.exception("failed while the request was being cancelled")
            await guard.deliver()
        raise
    finally:
        _current.reset(token)
    if guard.kept:
        await guard.deliver()
    return result


def _current_task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


class _Guard:
    """Drives a coroutine, and keeps the cancellations that it must not see."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], task: "asyncio.Task[Any]") -> None:
        self.kept: list[Any] = []
        """Their messages."""
        self._coroutine = coroutine
        self._task = task

    def __await__(self) -> Generator[Any, None, Any]:
        error: asyncio.CancelledError | None = None
        while True:
            try:
                if error is None:
                    awaited = self._coroutine.send(None)
                else:
                    awaited = self._coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                error = None
            inner = _next_turn() if awaited is None else awaited
            try:
                yield from _Waiting(inner, self)
            except asyncio.CancelledError as own:
                error = own
            else:
                if awaited is None and inner.cancelled():
                    error = asyncio.CancelledError()

    def keeps(self, message: Any) -> bool:
        """Keep a cancellation, unless the coroutine itself is behind it."""
        if _current.get() is self or "cancel scope" in str(message):
            return False  # a cancel scope of AnyIO's that gets here is one inside of the shield
        self._task.uncancel()  # for an `asyncio.timeout` of the coroutine's, which counts them
        self.kept.append(message)
        return True

    async def deliver(self) -> None:
        """Ask for the kept cancellations again, and wait for the first to be raised."""
        for message in self.kept:
            self._task.cancel(message)
        await asyncio.sleep(0)


_current: ContextVar[_Guard | None] = ContextVar("microfw_uninterrupted", default=None)


class _Waiting(asyncio.Future[None]):
    """What the task waits for, in place of what the guarded coroutine waits for."""

    def __init__(self, inner: "asyncio.Future[Any]", guard: _Guard) -> None:
        super().__init__(loop=inner.get_loop())
        self._inner = inner
        self._guard = guard
        inner.add_done_callback(self._release)

    def _release(self, _: object) -> None:
        if not self.done():
            self.set_result(None)

    def cancel(self, msg: Any = None) -> bool:
        return self._guard.keeps(msg) or self._inner.cancel(msg)


def _next_turn() -> "asyncio.Future[None]":
    """A future for a bare `yield` to the event loop, as in `asyncio.sleep(0)`."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon(_end_turn, turn)
    return turn


def _end_turn(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)
