"""Values to be looked up by their hashes, of which a client may have chosen too many with one hash.

Python's hashes of text cannot be foreseen, those of numbers can, and so can those of what is made
of numbers: UUIDs, decimals, times, tuples. Each of many values with one hash is compared with all
of those before it, which takes a time that grows with the square of their number. So what may end
in a set, or as a key, is looked at before the set or the dictionary is made.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import PurePath
from typing import Any, get_args, get_origin

from microfw._models.annotations import bare, types_in
from microfw._models.errors import Convert, Invalid, error
from microfw._models.plain import is_array, is_class, is_hashable, is_mapping

MOST_ALIKE = 50
"""How many different values may have one hash. By chance hardly ever two of a million have."""
HARMLESS = 64 * 1024
"""The size of a body, in bytes, that holds too few values to take long, whatever they are."""

_SECRET = (str, bytes, Enum, PurePath)
"""Types whose hashes cannot be chosen, or that have few values."""


def hashed_types(annotation: Any) -> list[Any]:
    """List the types in a type whose values are looked up by hashes that a client can choose."""
    found: list[Any] = []
    for kind, _ in types_in(annotation):
        origin = get_origin(kind) or kind
        if is_class(origin) and issubclass(origin, AbstractSet | Mapping):
            looked_up = (*get_args(kind), Any)[0]
            if _can_be_chosen(looked_up, is_key=issubclass(origin, Mapping)):
                found.append(looked_up)
    return found


def _can_be_chosen(annotation: Any, *, is_key: bool) -> bool:
    kind, _ = bare(annotation)
    if kind in (Any, object):
        return not is_key  # keys are text in JSON
    return not (is_class(kind) and issubclass(kind, _SECRET))


class HashGuard:
    """Looks into plain data for values that were chosen.

    Args:
        converters: Those of the types that are looked up; they raise `Invalid`.
    """

    def __init__(self, converters: Iterable[Convert]) -> None:
        self._converters = tuple(converters)

    def check(self, data: Any) -> None:
        """Look for values that were chosen; in a time that grows with their number.

        Raises:
            Invalid: More than `MOST_ALIKE` in one place are different and have the same hash.
        """
        left: list[tuple[tuple[Any, ...], Any]] = [((), data)]
        while left:
            loc, value = left.pop()
            if is_mapping(value):
                self._check(loc, value, [*value])
                left += [((*loc, key), item) for key, item in value.items() if _has_parts(item)]
            elif is_array(value):
                self._check(loc, value, value)
                left += [((*loc, i), item) for i, item in enumerate(value) if _has_parts(item)]

    def _check(self, loc: tuple[Any, ...], received: Any, values: Sequence[Any]) -> None:
        if len(values) <= MOST_ALIKE:
            return
        for convert in self._converters:
            if _are_alike([*_converted(values, convert)]):
                message = f"Input should hold at most {MOST_ALIKE} different values of one hash"
                raise Invalid(
                    [error("hash_collision", message, received, *loc, max_length=MOST_ALIKE)]
                )


def _has_parts(value: Any) -> bool:
    return is_array(value) or is_mapping(value)


def _converted(values: Iterable[Any], convert: Convert) -> Iterable[Any]:
    for value in values:
        try:
            converted = convert(value)
        except Invalid:
            continue
        if is_hashable(converted):
            yield converted


def _are_alike(values: Sequence[Any]) -> bool:
    numbers = Counter(map(hash, values))
    crowded = {each for each, number in numbers.items() if number > MOST_ALIKE}
    different: defaultdict[int, list[Any]] = defaultdict(list)
    for value in values if crowded else ():
        alike = different[hash(value)]
        if hash(value) in crowded and value not in alike:
            alike.append(value)
            if len(alike) > MOST_ALIKE:
                return True
    return False
