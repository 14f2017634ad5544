"""Records which exception a dependency's exit code sees, in the value that it declares for that."""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

from microfw.dependencies._exit_arguments import Error, ErrorClass, Traceback


class Record(Protocol):
    """What one step is given to look at in its exit code."""

    def begin(self, error: Error) -> None:
        """Exit code begins; it sees this exception."""

    def end(self) -> None:
        """Exit code has ended; the exception is not kept any longer."""


class recording:  # noqa: N801 - reads as a word in generated code
    """The block of a dependency, around which a record is kept of the exception that it sees."""

    __slots__ = ("_block", "_record")

    def __init__(
        self,
        block: AbstractContextManager[Any, bool] | AbstractAsyncContextManager[Any, bool],
        record: Record,
    ) -> None:
        self._block: Any = block
        self._record = record

    def __enter__(self) -> Any:
        return self._block.__enter__()

    def __exit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> Any:
        self._record.begin(error)
        try:
            return self._block.__exit__(kind, error, traceback)
        finally:
            self._record.end()
            del error  # whose traceback may hold this frame

    async def __aenter__(self) -> Any:
        return await self._block.__aenter__()

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> Any:
        self._record.begin(error)
        try:
            return await self._block.__aexit__(kind, error, traceback)
        finally:
            self._record.end()
            del error  # whose traceback may hold this frame
