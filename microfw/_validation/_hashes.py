"""Values to be looked up by their hashes, of which a client may have chosen too many with one hash.

Python's hashes of text cannot be foreseen, those of numbers can, and so can those of what is made
of numbers: UUIDs, decimals, times, tuples. Each of many values with one hash is compared with all
of those before it, which takes a time that grows with the square of their number.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from microfw._validation._errors import invalid

MOST_ALIKE = 50
"""How many different values may have one hash. By chance hardly ever two of a million have."""
HARMLESS = 64 * 1024
"""The size of a body, in bytes, that holds too few values to take long, whatever they are."""


def check_hashes(values: Sequence[Any], received: object) -> None:
    """Look for values that were chosen; in a time that grows with their number.

    Raises:
        Invalid: More than `MOST_ALIKE` of them are different and have the same hash.
    """
    numbers = Counter(map(hash, values))
    crowded = {each for each, number in numbers.items() if number > MOST_ALIKE}
    if not crowded:
        return
    different: defaultdict[int, list[Any]] = defaultdict(list)
    for value in values:
        alike = different[hash(value)]
        if hash(value) in crowded and value not in alike:
            alike.append(value)
            if len(alike) > MOST_ALIKE:
                message = f"Input should hold at most {MOST_ALIKE} different values of one hash"
                raise invalid("hash_collision", message, received, max_length=MOST_ALIKE)
