"""How much errors show of what was received.

An error shows the object that lacks something with all that is in it. Where such objects are
nested, a request could otherwise ask for an answer of many times its own size.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from microfw._validation._errors import Error
from microfw._validation._plain import is_array, is_mapping

_LEVELS = 200
_SIZE = 1024 * 1024
_NOT_SHOWN = "..."


def showable(errors: list[Error], received: int = 0) -> list[Error]:
    """Make errors fit to be sent.

    Bytes become the text that they most likely are; what is nested deeper than an encoder could
    follow from anywhere is not shown, nor what is too much, together with all before it.

    Args:
        errors: What is wrong.
        received: The bytes of the body, where it is known.
    """
    left = _SIZE + received
    for error in errors:
        value = error["input"]
        size = _size_of(value, left)
        if size is None:
            error["input"] = _NOT_SHOWN
        else:
            left -= size
            if isinstance(value, bytes):
                error["input"] = value.decode(errors="replace")
    return errors


def _size_of(value: Any, most: int) -> int | None:
    """Count the characters and the parts of data; `None` where it is too large or too deep."""
    size = 0
    level = [value]
    for _ in range(_LEVELS):
        size += sum(len(part) for part in level if isinstance(part, _SIZED))
        if size > most:
            return None
        level = [part for item in level for part in _parts(item)]
        if not level:
            return size
    return None


_SIZED: Any = (str, bytes, dict, list, tuple)


def _parts(value: Any) -> Iterable[Any]:
    if is_mapping(value):
        return chain(value.keys(), value.values())
    return value if is_array(value) else ()
