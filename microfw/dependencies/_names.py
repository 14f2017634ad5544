"""The names in generated source."""

import keyword
import unicodedata
from collections.abc import Mapping
from typing import Any


class Names:
    """Makes names, none of them twice.

    Args:
        objects: What has its name already.
        *others: Further names that are taken.

    Attributes:
        namespace: What the source reaches by its name.
    """

    def __init__(self, objects: Mapping[str, Any], *others: str) -> None:
        self.namespace: dict[str, Any] = {**objects}
        taken = (*objects, "handle", "returned", *others)
        self._taken = dict.fromkeys(taken, 1)  # each with the last number put to it

    def new(self, hint: str) -> str:
        """A new name, as near to the hint as can be."""
        stem = unicodedata.normalize("NFKC", hint)  # as the parser reads it
        if not stem.isidentifier() or keyword.iskeyword(stem) or stem.startswith("__"):
            stem = "dependency"  # dunder names mean something to Python
        name = stem
        number = self._taken.get(stem, 1)
        while name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken[name] = 1
        self._taken[stem] = number
        return name

    def of(self, hint: str, value: object) -> str:
        """A new name under which the source reaches an object."""
        name = self.new(hint)
        self.namespace[name] = value
        return name
