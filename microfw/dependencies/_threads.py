"""Worker threads: one call for neighbouring sync steps, context variables there and back."""

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context, ContextVar, Token, copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from anyio import CancelScope, WouldBlock, to_thread

from microfw.dependencies._uninterrupted import uninterrupted

if TYPE_CHECKING:
    from anyio import CapacityLimiter  # AnyIO loads it with the event loop's backend

Result = TypeVar("Result")

logger = logging.getLogger("microfw")


class Threads:
    """The worker-thread calls of one execution.

    All of them run in one context, so that `ContextVar.reset` works in exit code, and what they
    set there is carried to the event loop's task after each.

    Args:
        task: The task of asyncio's that makes them; `None` on trio.

    Attributes:
        holding: How many blocks of sync dependencies are open.
    """

    __slots__ = ("_adopted", "_changes", "_context", "_task", "_tokens", "holding")

    def __init__(self, task: "asyncio.Task[Any] | None") -> None:
        self.holding: int = 0
        self._task = task
        self._context: Context | None = None
        self._changes: list[tuple[ContextVar[Any], Any]] = []
        self._tokens: dict[ContextVar[Any], Token[Any]] = {}
        self._adopted: dict[ContextVar[Any], Token[Any]] = {}

    async def call(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call a function in a worker thread; once it has begun, to its end.

        It waits for one of the backend's worker threads to be free, unless sync dependencies of
        the same execution are open: threads that wait for what these hold would never be free.
        """
        outcome = _Outcome(function, args)
        if self.holding:
            await self._wait_for(outcome)
            return outcome.unwrap()
        limiter = to_thread.current_default_thread_limiter()
        try:
            limiter.acquire_on_behalf_of_nowait(self)
        except WouldBlock:
            await limiter.acquire_on_behalf_of(self)
        try:
            await self._wait_for(outcome)
        finally:
            limiter.release_on_behalf_of(self)
        return outcome.unwrap()

    async def call_surely(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call what closes an open dependency, even if the task is cancelled before it begins."""
        outcome = _Outcome(function, args)
        with CancelScope(shield=True):
            try:
                await self._wait_for(outcome)
            except asyncio.CancelledError:
                if outcome.is_revoked:
                    outcome = _Outcome(function, args)
                    try:
                        await uninterrupted(self._wait_for(outcome), self._task)
                    finally:
                        outcome.log_error()
                raise
        return outcome.unwrap()

    async def _wait_for(self, outcome: "_Outcome[Any]") -> None:
        try:
            await to_thread.run_sync(self._in_context, outcome, limiter=_NO_LIMIT)
        except asyncio.CancelledError:  # by a plain `Task.cancel()`, which AnyIO does not hold back
            if not outcome.revoke():
                await self._wait_for_end(outcome)
            raise
        finally:
            self._carry_back()

    async def _wait_for_end(self, outcome: "_Outcome[Any]") -> None:
        """Wait until a call has ended that its task was taken away from.

        To guard the task against that from the start would cost each call a tenth of its time.
        """
        try:
            with CancelScope(shield=True):
                await uninterrupted(outcome.ended(), self._task)
        finally:
            outcome.log_error()

    def _in_context(self, outcome: "_Outcome[Result]") -> None:
        function, args = outcome.take_call()
        here = copy_context()
        context = self._context
        if context is None:
            context = self._context = here.copy()
        else:
            context.run(self._adopt, here)
        before = context.copy()
        try:
            outcome.value = context.run(function, *args)
        except BaseException as error:
            outcome.error = error
        finally:
            del args  # with an exception among them, whose traceback may hold this frame
        self._changes = [
            (variable, value)
            for variable, value in context.items()
            if before.get(variable, _ABSENT) is not value
        ]
        self._changes += [(variable, _ABSENT) for variable in before if variable not in context]
        outcome.end()

    def _adopt(self, source: Context) -> None:
        """Set or reset in the current context what the task has set or reset in its own."""
        current = copy_context()
        for variable, value in source.items():
            if current.get(variable, _ABSENT) is not value:
                token = variable.set(value)
                if variable not in current:
                    self._adopted[variable] = token
        for variable in [*self._adopted]:
            if variable not in source:
                variable.reset(self._adopted.pop(variable))

    def _carry_back(self) -> None:
        """Set in the task's context what the call has set or reset."""
        for variable, value in self._changes:
            if value is _ABSENT:
                variable.reset(self._tokens.pop(variable))
            else:
                token = variable.set(value)
                if token.old_value is Token.MISSING:
                    self._tokens[variable] = token
        self._changes = []


class _Outcome(Generic[Result]):
    """What a call has come to, in place of an exception thrown into the task that waits for it.

    An exception that is thrown into nested coroutines is chained to what each of them is handling.
    """

    __slots__ = ("_call", "_ended", "_has_ended", "error", "is_revoked", "value")

    value: Result

    def __init__(self, function: Callable[..., Result], args: tuple[Any, ...]) -> None:
        self._call = [(function, args)]
        self._has_ended = False
        self.is_revoked = False
        self._ended: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self.error: BaseException | None = None

    def take_call(self) -> tuple[Callable[..., Result], tuple[Any, ...]]:
        """Hand the call over to the first caller, and no longer hold what is in it.

        Raises:
            IndexError: Somebody has asked before.
        """
        return self._call.pop()

    def revoke(self) -> bool:
        """Take the call back, unless a thread has begun it; return whether that was so."""
        try:
            self.take_call()
        except IndexError:
            return False
        self.is_revoked = True
        return True

    def end(self) -> None:
        """Tell the event loop that the call has ended, if it has asked."""
        self._has_ended = True
        if self._ended is not None:
            loop, event = self._ended
            loop.call_soon_threadsafe(event.set)

    async def ended(self) -> None:
        """Wait until the call has ended, on asyncio's event loop."""
        event = asyncio.Event()
        self._ended = asyncio.get_running_loop(), event
        if not self._has_ended:
            await event.wait()

    def log_error(self) -> None:
        """Log the error, if there is one: a cancellation is raised in its place."""
        if self.error is not None:
            logger.error("failed while the request was being cancelled", exc_info=self.error)

    def unwrap(self) -> Result:
        """Return the value, or raise the error, with the context that it has from its thread."""
        if self.error is None:
            return self.value
        error, self.error = self.error, None
        context = error.__context__
        try:
            raise error
        finally:  # not what the event loop is handling; the class may allow no assignments
            BaseException.__setattr__(error, "__context__", context)
            del error, context  # the traceback holds this frame


class _NoLimit:
    """Takes the place of a limiter in calls that wait for no other.

    One of infinite capacity would cost each call another turn of the event loop.
    """

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        pass

    def release_on_behalf_of(self, borrower: object) -> None:
        pass


_NO_LIMIT = cast("CapacityLimiter", _NoLimit())
_ABSENT = object()
