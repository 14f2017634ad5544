"""What generated code calls to have sync steps in worker threads, also those that stay open."""

from collections.abc import Callable
from inspect import GEN_SUSPENDED, getgeneratorstate
from typing import Any, TypeVar

from microfw.dependencies._exit_arguments import Error, ErrorClass, Traceback
from microfw.dependencies._runtime import Run, opened

Result = TypeVar("Result")


class in_thread:  # noqa: N801 - reads as a word in generated code
    """Open a sync dependency in a worker thread, for the length of an `async with` block."""

    __slots__ = ("_block", "_generator", "_threads")

    def __init__(self, generator: Any, run: Run) -> None:
        self._generator: Any = generator
        self._block = opened(generator, run)
        self._threads = run.threads

    def _enter(self) -> Any:
        return self._block.__enter__()

    def _exit(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        try:
            if error is None:
                return self._block.__exit__(kind, error, traceback)
            try:
                raise error
            except BaseException:  # as in a `with` block, which handles it while exit code runs
                error.with_traceback(traceback)
                return self._block.__exit__(kind, error, traceback)
        finally:
            del error  # whose traceback may hold this frame

    async def __aenter__(self) -> Any:
        try:
            value = await self._threads.call(self._enter)
        except BaseException as error:
            if getgeneratorstate(self._generator) == GEN_SUSPENDED:  # cancelled once it was open
                self._threads.holding += 1
                await self.__aexit__(type(error), error, error.__traceback__)
            raise
        self._threads.holding += 1
        return value

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        swallowed = False
        try:
            swallowed = await self._threads.call_surely(self._exit, kind, error, traceback)
        finally:
            self._threads.holding -= 1
        return swallowed


class steps_in_thread(in_thread):  # noqa: N801 - reads as a word in generated code
    """Open neighbouring sync dependencies in one call to a worker thread.

    Their `with` blocks stand in a generator. The block's value is what that yields; `None` where
    it does not get there, because one of them swallowed an exception of those further inside.
    """

    __slots__ = ()

    def _enter(self) -> Any:
        return next(self._generator, None)

    def _exit(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        try:
            return self._block.__exit__(kind, error, traceback)  # the inmost block handles it
        finally:
            del error  # whose traceback may hold this frame

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        if self._generator.gi_frame is None:
            self._threads.holding -= 1
            return False
        return await in_thread.__aexit__(self, kind, error, traceback)


async def call_in_thread(run: Run, function: Callable[..., Result], *args: Any) -> Result:
    """Call neighbouring sync steps, none of which stays open, in one call to a worker thread."""
    return await run.threads.call(function, run, *args)
