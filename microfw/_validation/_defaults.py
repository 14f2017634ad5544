"""Defaults of dataclasses that msgspec has made.

It calls no constructor, and leaves a plain default where the class has it: the instance's own
`__dict__` goes without, and whatever is written from that, msgspec's encoder among it, leaves the
field out. So what has been decoded is completed, where a type holds such classes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

from microfw._validation._annotations import bare
from microfw._validation._models import Style, model_of, style_of
from microfw._validation._plain import kind_of

_ARRAYS = {list, tuple, set, frozenset}


class _Class(NamedTuple):
    defaults: tuple[tuple[str, Any], ...]
    """Those that instances go without."""
    nested: tuple[str, ...]
    """The fields in which such instances may stand."""


def completer_of(annotation: Any) -> Callable[[Any], None] | None:
    """Make the function that completes a decoded value of a type; `None` if nothing can lack."""
    classes: dict[Any, _Class] = {}
    _collect(annotation, classes)
    if not any(entry.defaults for entry in classes.values()):
        return None

    def complete(value: Any) -> None:
        kind = kind_of(value)
        if kind in _ARRAYS:
            for item in value:
                complete(item)
        elif kind is dict:
            for item in value.values():
                complete(item)
        elif kind in classes:
            defaults, nested = classes[kind]
            for name, default in defaults:
                value.__dict__.setdefault(name, default)
            for name in nested:
                complete(getattr(value, name))

    return complete


def _collect(annotation: Any, classes: dict[Any, _Class]) -> bool:
    """Find the classes with fields in a type; tell whether there are any."""
    annotation, _ = bare(annotation)
    model = model_of(annotation)
    if model is None:
        found = [_collect(part, classes) for part in get_args(annotation)]
        return any(found)
    if model.make not in classes:
        classes[model.make] = _Class((), ())  # its fields may be of the same class
        holders = [field for field in model.fields if _collect(field.annotation, classes)]
        nested = tuple(field.attribute for field in holders)
        classes[model.make] = _Class(_class_defaults(model.make), nested)
    return True


def _class_defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    if style_of(kind) is not Style.DATACLASS or not kind.__dictoffset__:
        return ()
    return tuple(
        (field.name, field.default)
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING
    )
