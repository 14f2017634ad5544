"""An exception that a dependency did not let out, and the error that names the dependency."""

from msgspec import Struct

from microfw.exceptions import SwallowedExceptionError


class Swallowed(Struct, frozen=True):
    """An exception that a dependency did not let out."""

    error: BaseException
    by: str
    """The dependency, as `qualname (file.py:line)`."""


def error_of_swallowing(swallowed: Swallowed) -> SwallowedExceptionError:
    """The error that names what swallowed an exception; the exception is its cause."""
    error = SwallowedExceptionError(f"{swallowed.by} swallowed {_shown(swallowed.error)}")
    error.__cause__ = swallowed.error
    return error


def _shown(error: BaseException) -> str:
    """An exception as the log shows it, also if its class cannot."""
    try:
        return repr(error)
    except Exception:
        return object.__repr__(error)
