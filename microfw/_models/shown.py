"""How much errors show of what was received.

An error shows the object that lacks something with all that is in it. Where such objects are
nested, a request could otherwise ask for an answer of many times its own size, and keys of any
length stand in the place of every error below them.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from microfw._models.errors import NOT_SHOWN, Error
from microfw._models.plain import is_array, is_mapping

_LEVELS = 200
_SIZE = 1024 * 1024
_LOOKS = 4


def showable(errors: list[Error], received: int = 0) -> list[Error]:
    """Make errors fit to be sent.

    Bytes become the text that they most likely are; what is nested deeper than an encoder could
    follow from anywhere is not shown, nor what is too much, together with all before it. Errors end
    where their places and messages alone are too much.

    Args:
        errors: What is wrong.
        received: The bytes of the body, where it is known.
    """
    left = unnamed = _SIZE + received
    uncounted = _LOOKS * left
    for number, error in enumerate(errors):
        unnamed -= len(error["msg"])
        unnamed -= sum(len(part) if isinstance(part, str) else 1 for part in error["loc"])
        if unnamed < 0 and number:
            return errors[:number]
        value = error["input"]
        size, fits = _size_of(value, max(0, min(left, uncounted)))
        uncounted -= size
        if not fits:
            error["input"] = NOT_SHOWN
        else:
            left -= size
            if isinstance(value, bytes):
                error["input"] = value.decode(errors="replace")
    return errors


def _size_of(value: Any, most: int) -> tuple[int, bool]:
    """Count the characters and the parts of data; tell whether that is neither too many nor deep.

    Of what is too large, not all is counted.
    """
    size = 0
    level = [value]
    for _ in range(_LEVELS):
        size += sum(len(part) for part in level if isinstance(part, _SIZED))
        if size > most:
            return size, False
        level = [part for item in level for part in _parts(item)]
        if not level:
            return size, True
    return size, False


_SIZED: Any = (str, bytes, dict, list, tuple)


def _parts(value: Any) -> Iterable[Any]:
    if is_mapping(value):
        return chain(value.keys(), value.values())
    return value if is_array(value) else ()
