"""Which library makes the schema of a type: the one that validates its values."""

from typing import Annotated, Any, get_args, get_origin

import msgspec

from microfw._validation import is_class


def is_of_msgspec(annotation: Any) -> bool:
    """Tell whether a type is msgspec's: a Struct, an attrs class or `Meta` stands in it."""
    left = [annotation]
    while left:
        kind = left.pop()
        origin: Any = get_origin(kind) or kind
        annotates = kind.__metadata__ if origin is Annotated else ()
        if _is_own(origin) or any(isinstance(entry, msgspec.Meta) for entry in annotates):
            return True
        left += get_args(kind)
    return False


def _is_own(kind: Any) -> bool:
    if not is_class(kind):
        return False
    return issubclass(kind, msgspec.Struct) or "__attrs_attrs__" in vars(kind)
