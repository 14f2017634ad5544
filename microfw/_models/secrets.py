"""What is declared as a secret type, such as pydantic's `SecretStr`, is shown in no error.

It can stand in what an error shows of a value around it: an object that lacks a field is shown with
all the others. There it is known by its key; the same key elsewhere in the value is taken for a
secret, too. Where fields were expected and text has come, the text may hold the secret, and so may
what has a key that no field has.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args, get_origin

from msgspec import Struct, field

from microfw._models.annotations import bare
from microfw._models.errors import NOT_SHOWN, Error
from microfw._models.fields import fields_of
from microfw._models.plain import is_array, is_mapping

HIDDEN = "**********"
"""Stands for a secret, as in pydantic."""

_LEVELS = 200


class _Secrets(Struct):
    """The keys by which values of a type hold secrets.

    Attributes:
        keys: Of the secrets themselves.
        outer: Of objects, which may have secrets inside.
        others: Of all else.
    """

    keys: set[str] = field(default_factory=set[str])
    outer: set[str] = field(default_factory=set[str])
    others: set[str] = field(default_factory=set[str])

    def concealed(self, errors: Iterable[Error]) -> list[Error]:
        """Hide the secrets in what errors show."""
        copy = _Copy(self)
        return [{**error, "input": self._input_of(error, copy)} for error in errors]

    def _input_of(self, error: Error, copy: "_Copy") -> Any:
        loc = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
        place = [part for part in loc if isinstance(part, str)]
        if not self.keys.isdisjoint(place):
            return HIDDEN
        fields = [part for part in place if part in self.outer or part in self.others]
        return copy.of(error["input"], is_object=not fields or fields[-1] in self.outer)


class _Copy:
    """Copies data without its secrets; each part once, however many errors show it."""

    def __init__(self, secrets: _Secrets) -> None:
        self._secrets = secrets
        self._known: dict[tuple[int, bool], Any] = {}

    def of(self, value: Any, level: int = 0, *, is_object: bool) -> Any:
        """Copy a value; where an object with secrets is declared, text is taken for one."""
        if isinstance(value, str | bytes):
            return HIDDEN if is_object else value
        if not (is_mapping(value) or is_array(value)):
            return value
        if level > _LEVELS:
            return NOT_SHOWN
        key = (id(value), is_object)
        if key not in self._known:
            self._known[key] = self._inside(value, level + 1, is_object)
        return self._known[key]

    def _inside(self, value: Any, level: int, is_object: bool) -> Any:
        if is_array(value):
            return [self.of(item, level, is_object=is_object) for item in value]
        return {key: self._at(key, item, level, is_object) for key, item in value.items()}

    def _at(self, key: Any, item: Any, level: int, is_object: bool) -> Any:
        secrets = self._secrets
        if key in secrets.keys:
            return HIDDEN
        inside = key in secrets.outer or (is_object and key not in secrets.others)
        return self.of(item, level, is_object=inside)


Conceal = Callable[[list[Error]], list[Error]]


def concealer_of(annotation: Any) -> Conceal | None:
    """Make what hides, in the errors of a type's values, what is declared as a secret."""
    if any(map(_is_secret, _kinds(annotation))):
        return lambda errors: [{**error, "input": HIDDEN} for error in errors]
    secrets = _Secrets()
    _collect(annotation, secrets, set())
    return secrets.concealed if secrets.keys else None


def _collect(annotation: Any, secrets: _Secrets, seen: set[Any]) -> None:
    """Collect the keys of all objects inside of a type's values."""
    for kind in _kinds(annotation):
        if kind in seen:
            continue
        seen.add(kind)
        for keys, inner in _fields_of(kind):
            kinds = list(_kinds(inner))
            if any(map(_is_secret, kinds)):
                secrets.keys.update(keys)
            elif any(map(_fields_of, kinds)):
                secrets.outer.update(keys)
                _collect(inner, secrets, seen)
            else:
                secrets.others.update(keys)


def _kinds(annotation: Any, outer: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Find the classes of which a type consists, without those of fields."""
    if any(annotation is each for each in outer):  # a type that holds itself
        return
    outer = (*outer, annotation)
    annotation, _ = bare(annotation)
    if getattr(annotation, "__pydantic_root_model__", False):
        for _, inner in _fields_of(annotation):
            yield from _kinds(inner, outer)
    else:
        if isinstance(get_origin(annotation) or annotation, type):
            yield annotation
        for argument in get_args(annotation):
            yield from _kinds(argument, outer)


def _is_secret(kind: Any) -> bool:
    return hasattr(get_origin(kind) or kind, "get_secret_value")


def _fields_of(kind: Any) -> list[tuple[set[str], Any]]:
    """List the fields of a class: the names by which each is sent, and its type."""
    return [({field.name, *field.keys}, field.annotation) for field in fields_of(kind) or ()]
