"""What `__exit__` is called with: the exception that leaves the block, or three times `None`."""

from types import TracebackType
from typing import TypeAlias

ErrorClass: TypeAlias = type[BaseException] | None
Error: TypeAlias = BaseException | None
Traceback: TypeAlias = TracebackType | None
