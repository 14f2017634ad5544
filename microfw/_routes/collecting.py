"""Collects all mistakes of authors, where it is asked to; else the first one is raised."""

from collections.abc import Generator
from contextlib import contextmanager

from microfw.exceptions import RegistrationError

_collections: list[list[RegistrationError]] = []


@contextmanager
def collecting() -> Generator[list[RegistrationError]]:
    """Keep the mistakes in routes that are added meanwhile; these are left out, or not planned."""
    mistakes: list[RegistrationError] = []
    _collections.append(mistakes)
    try:
        yield mistakes
    finally:
        _collections[:] = [
            each for each in _collections if each is not mistakes
        ]  # others may be equal


class collected:  # noqa: N801 - reads as a word in a `with` statement
    """Raise a mistake of an author, unless mistakes are collected."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> bool:
        if not _collections or not isinstance(error, RegistrationError):
            return False
        if all(str(error) != str(known) for known in _collections[-1]):
            _collections[-1].append(error.with_traceback(None))
        return True
