"""The status codes of HTTP (RFC 9110) and the close codes of WebSockets (RFC 6455), by name."""

from starlette import status
from starlette.status import *  # noqa: F403 - all of them # pyright: ignore[reportWildcardImportFromLibrary]

__all__: list[str] = []
__all__ += status.__all__


def __getattr__(name: str) -> int:
    """Look up deprecated names, of which Starlette warns."""
    number: int = getattr(status, name)
    return number
