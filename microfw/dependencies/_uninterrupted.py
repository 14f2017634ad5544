"""Run a coroutine to its end, also if the task is cancelled meanwhile.

AnyIO's shielded cancel scopes keep AnyIO's own cancellations away, on both backends. On asyncio
there are also plain `Task.cancel()` calls: a server at the end of its patience, `asyncio.timeout`
in a middleware, the event loop's own shutdown. They go to the future that the task waits for. So,
while a coroutine runs uninterrupted, the task waits for an object of ours in its place, which
decides: a cancellation that the coroutine itself has asked for (its own `asyncio.timeout`, its own
cancel scope) is passed on; any other is kept, and raised when the coroutine has ended.

A context variable says who asked: callbacks that the coroutine schedules carry its context.
So do those of the setup before it, which may have set a timeout or opened a task group that exit
code is still inside of.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from typing import Any, TypeVar

from microfw.dependencies._cleanup import Cleanup

Result = TypeVar("Result")

logger = logging.getLogger("microfw")

UNBOUNDED = Cleanup(None)

TOO_LONG = "exit code has taken too long"

current_asker: ContextVar[object] = ContextVar("microfw_asker", default=None)
"""For whom the current code asks, if it cancels the task."""


async def uninterrupted(
    coroutine: Coroutine[Any, Any, Result],
    task: "asyncio.Task[Any] | None",
    cleanup: Cleanup = UNBOUNDED,
    place: Callable[[], str] = str,
    asker: object = None,
    *,
    is_cancelled: bool = False,
) -> Result:
    """Await a coroutine to its end, and only then raise a cancellation that came meanwhile.

    Args:
        coroutine: What is to run to its end.
        task: The current task on asyncio; `None` on trio, where nothing needs to be done.
        cleanup: Bounds the time that it may take, on asyncio. On trio cancel scopes do that.
        place: Returns its name, for the message if it takes too long.
        asker: Who else may cancel it: what was scheduled while it was the `current_asker`.
        is_cancelled: Whether it is run because a cancellation is on its way outward.

    Raises:
        CleanupTimeoutError: It took too long and was cancelled.
    """
    if task is None:
        return await coroutine
    guard = _Guard(coroutine, task, cleanup, asker, is_cancelled=is_cancelled)
    token = current_asker.set(guard.asker)
    try:
        result: Result = await guard
    except BaseException as error:
        cut_off = None
        if guard.has_expired and isinstance(error, asyncio.CancelledError):
            cut_off = cleanup.cut_off(place())
        if guard.kept:
            if cut_off is None:
                logger.exception("failed while the request was being cancelled")
            await guard.deliver()
        if cut_off is not None:
            raise cut_off from None
        raise
    finally:
        current_asker.reset(token)
        cut_off = None  # whose traceback holds this frame
    if guard.kept:
        await guard.deliver()
    return result


def current_asyncio_task() -> "asyncio.Task[Any] | None":
    """Return the running task of asyncio's; `None` on trio."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


class _Guard:
    """Drives a coroutine, and keeps the cancellations that it must not see.

    The task waits for the guard in place of what the coroutine waits for. So the guard has what a
    task wants of a future (the interface that `asyncio.isfuture` tells by): all but `cancel` are
    the future's own methods, taken anew for each.
    """

    __slots__ = (
        *("_asked_before", "_asyncio_future_blocking", "_cleanup", "_coroutine", "_future"),
        *("_is_cancelled", "_task"),
        *("add_done_callback", "asker", "get_loop", "has_expired", "kept"),
    )

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        task: "asyncio.Task[Any]",
        cleanup: Cleanup,
        asker: object,
        *,
        is_cancelled: bool,
    ) -> None:
        self.asker = asker or self
        self._is_cancelled = is_cancelled
        self._coroutine = coroutine
        self._task = task
        self._asked_before = task.cancelling()
        self._cleanup = cleanup
        self.has_expired = False
        self.kept: list[Any] | None = None
        """The messages of the cancellations."""

    def __await__(self) -> Generator[Any, None, Any]:
        coroutine = self._coroutine
        cleanup = self._cleanup
        try:
            awaited = coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        loop = self._task.get_loop()
        cleanup.started(self, loop)
        error: BaseException | None = None
        try:
            while True:
                if self._asked_before:
                    self._asked_before = min(self._asked_before, self._task.cancelling())
                self._future = future = _NextTurn(loop) if awaited is None else awaited
                self._asyncio_future_blocking = True
                self.add_done_callback = future.add_done_callback
                self.get_loop = future.get_loop
                if self.has_expired:
                    self._interrupt(TOO_LONG)
                try:
                    yield self
                except BaseException as thrown:
                    error = thrown
                if error is None:
                    awaited = coroutine.send(None)
                else:
                    try:
                        awaited = coroutine.throw(error)
                    finally:
                        error = None
        except StopIteration as stop:
            return stop.value
        finally:
            cleanup.ended(self, loop)

    def expire(self) -> None:
        """Cancel the coroutine, now and at whatever it waits for afterwards."""
        self.has_expired = True
        self._interrupt(TOO_LONG)

    def cancel(self, msg: Any = None) -> bool:
        """Decide about a cancellation of the task."""
        return self._keeps(msg) or self._is_spared(msg) or self._interrupt(msg)

    def _keeps(self, message: Any) -> bool:
        """Keep a cancellation, unless the coroutine itself is behind it."""
        if current_asker.get() is self.asker:
            if self._task.cancelling() > self._asked_before:
                return False
            if self._is_cancelled:
                return True  # a task group of asyncio's that has failed asks for it once more
        elif _names_cancel_scope(message):
            return False  # of AnyIO's scopes only those inside of the shield get here
        self._task.uncancel()  # for an `asyncio.timeout` of the coroutine's, which counts them
        self.kept = [*(self.kept or ()), message]
        return True

    def _is_spared(self, message: Any) -> bool:
        """Whether AnyIO would ask later if it saw the future: a task gets what has arrived."""
        return self._future.done() and _names_cancel_scope(message)

    def _interrupt(self, message: Any) -> bool:
        """Cancel what the coroutine waits for."""
        return self._future.cancel(message)

    async def deliver(self) -> None:
        """Ask for the kept cancellations again, and wait for the first to be raised."""
        for message in self.kept or ():
            self._task.cancel(message)
        await asyncio.sleep(0)


def is_of_cancel_scope(error: BaseException) -> bool:
    """Whether a cancel scope of AnyIO's has asked for a cancellation of asyncio's."""
    return _names_cancel_scope(error.args)


def _names_cancel_scope(message: Any) -> bool:
    """Whether a cancel scope of AnyIO's asks for a cancellation, with this message."""
    return "cancel scope" in str(message)


class _NextTurn:
    """The future of a bare `yield` to the event loop, as in `asyncio.sleep(0)`."""

    __slots__ = ("_cancelled", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._cancelled: asyncio.CancelledError | None = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Callable[..., Any], *, context: Context) -> None:
        self._loop.call_soon(callback, self, context=context)

    def done(self) -> bool:
        return False

    def cancel(self, msg: Any) -> bool:
        self._cancelled = asyncio.CancelledError(msg)
        return True

    def result(self) -> None:
        if self._cancelled is not None:
            raise self._cancelled
