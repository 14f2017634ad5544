"""Collects all mistakes of authors, where it is asked to; else the first one is raised.

What is made while mistakes are found is not whole. It is looked at, for further mistakes, and not
used.
"""

from collections.abc import Generator
from contextlib import contextmanager

from msgspec import Struct, field

from microfw.exceptions import RegistrationError


class _Collection(Struct, eq=False):
    mistakes: list[RegistrationError] = field(default_factory=list[RegistrationError])
    count: int = 0
    """How often one was found; some are found again."""


_collections: list[_Collection] = []


@contextmanager
def collecting() -> Generator[list[RegistrationError]]:
    """Keep the mistakes in routes that are added meanwhile; these are left out, or not planned."""
    collection = _Collection()
    _collections.append(collection)
    try:
        yield collection.mistakes
    finally:
        _collections.remove(collection)


def _count() -> int:
    return _collections[-1].count if _collections else 0


class collected:  # noqa: N801 - reads as a word in a `with` statement
    """Raise a mistake of an author, unless mistakes are collected."""

    def __init__(self) -> None:
        self._before = _count()

    @property
    def found(self) -> int:
        """How many mistakes have been found since it was made."""
        return _count() - self._before

    def __enter__(self) -> "collected":
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> bool:
        if not _collections or not isinstance(error, RegistrationError):
            return False
        collection = _collections[-1]
        collection.count += 1
        if all(str(error) != str(known) for known in collection.mistakes):
            collection.mistakes.append(error.with_traceback(None))
        return True
