"""Documents put together."""

from collections.abc import Mapping
from typing import Any

from microfw._models import is_array, is_mapping


def merge(document: Any, other: Mapping[str, Any]) -> None:
    """Add what another document says; what is in both, objects and lists apart, is the other's."""
    for key, value in other.items():
        own = document.get(key)
        if is_mapping(own) and is_mapping(value):
            merge(own, value)
        elif is_array(own) and is_array(value):
            document[key] = [*own, *value]
        else:
            document[key] = value
