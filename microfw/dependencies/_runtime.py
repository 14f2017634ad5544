"""What generated code calls: opening yield dependencies, and running their exit code.

The semantics are those of `contextlib.contextmanager` and `asynccontextmanager`, and beyond them:

- a dependency that swallows an exception is remembered, so that the log can name it;
- a cancellation passes on, whatever a dependency makes of it, unless it has come from a cancel
  scope, task group or timeout that the dependency itself held open, and so has ended with it;
- exit code that can suspend is shielded from cancellation, for a bounded time.
"""

import asyncio
import logging
import sys
from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Mapping,
)
from types import CodeType, CoroutineType
from typing import Any, TypeVar

import anyio

from microfw.dependencies._app_values import AppValues
from microfw.dependencies._cancellation import is_being_cancelled, is_cancellation, scope_for
from microfw.dependencies._cleanup import Cleanup
from microfw.dependencies._exit_arguments import Error, ErrorClass, Traceback
from microfw.dependencies._signatures import place_of
from microfw.dependencies._swallowing import Swallowed
from microfw.dependencies._threads import Threads
from microfw.dependencies._uninterrupted import (
    current_asker,
    current_asyncio_task,
    uninterrupted,
)
from microfw.exceptions import CleanupTimeoutError, NotAwaitedError, YieldError

Result = TypeVar("Result")

logger = logging.getLogger("microfw")


class Run:
    """Accompanies one execution of a plan: what its steps share besides their values.

    It has no constructor: a class for each kind of execution sets `cleanup` and `app_values`.

    Attributes:
        cleanup: The time that exit code may take.
        app_values: The values of app-scope dependencies.
        result: What became of the endpoint's result; `None` until the endpoint has succeeded.
        errors: What was invalid so far, in the order in which it was read.
        swallowed: The first exception that a dependency swallowed.
    """

    cleanup: Cleanup
    app_values: AppValues
    result: Any = None
    errors: list[Mapping[str, Any]] | None = None
    swallowed: Swallowed | None = None
    _threads: Threads | None = None
    _task: "asyncio.Task[Any] | None" = None
    _knows_task = False

    def invalid(self, errors: Iterable[Mapping[str, Any]]) -> "_Invalid":
        """Record what is invalid about a value; return the placeholder."""
        self.errors = [*(self.errors or ()), *errors]
        return INVALID

    @property
    def asyncio_task(self) -> "asyncio.Task[Any] | None":
        """The task of asyncio's in which this execution runs; `None` on trio."""
        if not self._knows_task:
            self._task = current_asyncio_task()
            self._knows_task = True
        return self._task

    @property
    def threads(self) -> Threads:
        """The worker-thread calls of this execution."""
        if self._threads is None:
            self._threads = Threads(self.asyncio_task)
        return self._threads

    def waited(self, name: str, seconds: float) -> None:
        """Note that it has waited for a dependency of which there are only so many at once."""


class _Invalid:
    """The placeholder of a value that was not valid, and of whatever depends on it."""

    def __repr__(self) -> str:
        return "INVALID"

    def __enter__(self) -> "_Invalid":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> "_Invalid":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


INVALID = _Invalid()


class opened:  # noqa: N801 - reads as a word in generated code
    """Open a yield dependency for the length of a `with` or `async with` block."""

    __slots__ = ("_generator", "_run")

    def __init__(self, generator: Any, run: Run) -> None:
        self._generator: Any = generator
        self._run = run

    def __enter__(self) -> Any:
        try:
            return next(self._generator)
        except StopIteration:
            raise YieldError(f"{self._place()} did not yield") from None

    def __exit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        generator: Generator[Any, None, object] = self._generator
        try:
            try:
                if error is None:
                    next(generator)
                else:
                    generator.throw(error)
            except StopIteration:
                return error is not None and self._swallows(error)
            try:
                generator.close()
            except (Exception, BaseExceptionGroup) as closing:
                raise self._yielded_twice() from closing
            raise self._yielded_twice()
        except BaseException as raised:
            if error is None or not self._lets_out(error, raised, traceback):
                raise
            return False
        finally:
            del error  # whose traceback may hold this frame

    async def __aenter__(self) -> Any:
        try:
            return await anext(self._generator)
        except StopAsyncIteration:
            raise YieldError(f"{self._place()} did not yield") from None

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        generator: AsyncGenerator[Any, None] = self._generator
        try:
            if error is None:
                await anext(generator)
            else:
                await generator.athrow(error)
            try:
                await generator.aclose()
            except (Exception, BaseExceptionGroup) as closing:
                raise self._yielded_twice() from closing
            raise self._yielded_twice()
        except StopAsyncIteration:
            return error is not None and self._swallows(error)
        except BaseException as raised:
            if error is None or not self._lets_out(error, raised, traceback):
                raise
            return False
        finally:
            del error  # whose traceback may hold this frame

    def _place(self) -> str:
        """The dependency's `qualname (file.py:line)`."""
        generator = self._generator
        code: CodeType = getattr(generator, "ag_code", None) or generator.gi_code
        return f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"

    def _yielded_twice(self) -> YieldError:
        return YieldError(f"{self._place()} yielded twice")

    def _swallows(self, error: BaseException) -> bool:
        """Note that the generator ended without raising `error`; whether that ends the error."""
        if self._is_cancelled(error):
            return False
        if self._run.swallowed is None:
            self._run.swallowed = Swallowed(error, self._place())
        return True

    def _lets_out(self, error: BaseException, raised: BaseException, traceback: Traceback) -> bool:
        """Whether `error`, not `raised`, is what goes on outward."""
        if raised is not error and not _is_stop_in_disguise(error, raised):
            if is_cancellation(raised) or not self._is_cancelled(error):
                return False
            logger.error(
                "%s failed while its request was being cancelled",
                self._place(),
                exc_info=raised,
            )
        error.with_traceback(traceback)
        return True

    def _is_cancelled(self, error: BaseException) -> bool:
        """Whether an error is a cancellation that goes on, now that the generator has ended."""
        return is_cancellation(error) and is_being_cancelled()


class shielded(opened):  # noqa: N801 - reads as a word in generated code
    """Open an async dependency whose exit code can suspend: it is shielded from cancellation.

    Where a cancel scope is around, one is entered before setup, so that a scope or task group that
    the dependency itself holds open nests inside of it; exit code raises the shield. Timeouts and
    task groups of asyncio's that setup leaves open are told from others by who asks to cancel.
    """

    __slots__ = ("_asker", "_scope")

    async def __aenter__(self) -> Any:
        self._asker = object()
        self._scope: Any = scope_for(self._run.asyncio_task)
        if self._scope is not None:
            self._scope.__enter__()
        token = current_asker.set(self._asker)
        try:
            return await opened.__aenter__(self)
        except BaseException:
            if self._scope is not None:
                self._scope.__exit__(*sys.exc_info())
            raise
        finally:
            current_asker.reset(token)

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        scope = self._scope
        if scope is not None:
            scope.shield = True
        exit_code = opened.__aexit__(self, kind, error, traceback)
        run = self._run
        task = run.asyncio_task
        if task is None:
            try:
                return await self._exit_on_trio(exit_code, error)
            finally:
                del error  # whose traceback may hold this frame
        try:
            is_cancelled = error is not None and is_cancellation(error)
            swallowed = await uninterrupted(
                exit_code,
                task,
                run.cleanup,
                self._place,
                self._asker,
                is_cancelled=is_cancelled,
            )
        except BaseException as raised:
            if scope is not None:
                scope.__exit__(*sys.exc_info())
            if isinstance(raised, CleanupTimeoutError) and error is not None:
                return False
            raise
        finally:
            del error  # whose traceback may hold this frame
        if scope is not None:
            scope.__exit__(None, None, None)
        return swallowed

    async def _exit_on_trio(self, exit_code: Coroutine[Any, Any, bool], error: Error) -> bool:
        scope = self._scope
        cleanup = self._run.cleanup
        if cleanup.timeout is not None:
            scope.deadline = anyio.current_time() + cleanup.timeout
        try:
            swallowed = await exit_code
        except BaseException as raised:
            scope.__exit__(*sys.exc_info())
            if raised is error or not (is_cancellation(raised) and scope.cancel_called):
                raise
            cut_off = cleanup.cut_off(self._place())
            if error is not None:
                return False
            try:
                raise cut_off from None
            finally:
                del cut_off  # the traceback holds this frame
        finally:
            del error  # as this one
        scope.__exit__(None, None, None)
        return swallowed

    def _is_cancelled(self, error: BaseException) -> bool:
        scope = self._scope
        if scope is None:
            return super()._is_cancelled(error)
        scope.shield = False  # to see what is around it
        try:
            return super()._is_cancelled(error)
        finally:
            scope.shield = True


def no_coroutine(value: Result, of: Callable[..., Any]) -> Result:
    """Return what a sync callable has returned.

    Raises:
        NotAwaitedError: It is a coroutine.
    """
    if type(value) is CoroutineType:
        raise not_awaited(value, of)
    return value


def not_awaited(coroutine: Any, of: Callable[..., Any]) -> NotAwaitedError:
    """The error for a coroutine in the place of a value; nothing will await it, so it is closed."""
    coroutine.close()
    code: CodeType = coroutine.cr_code
    return NotAwaitedError(
        f"{place_of(of)} returned a coroutine, of {code.co_qualname}"
        f" ({code.co_filename}:{code.co_firstlineno}), that nobody awaits: was `await` forgotten?"
    )


def _is_stop_in_disguise(error: BaseException, raised: BaseException) -> bool:
    """Whether Python turned a stop iteration that passed through a generator into another error."""
    return (
        isinstance(error, StopIteration | StopAsyncIteration)
        and isinstance(raised, RuntimeError)
        and raised.__cause__ is error
    )
