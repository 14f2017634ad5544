"""Which parts of a result are sent, under which names: `response_model_include=` and its kin.

The names and what they mean are pydantic's, whose own models are left to it. The values of other
classes with fields are taken apart here, as far as there is something to leave out; what remains
is encoded by msgspec.
"""

import dataclasses
import sys
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from microfw._models.encoding import encoded_result, plain_data
from microfw._models.fields import is_attrs, is_struct
from microfw._models.plain import is_array, is_mapping, is_set, kind_of

Parts = Mapping[Any, Any]
"""Names (in a list: places; `"__all__"` is each) to `True`, or to the parts inside of them."""

Encoders = Mapping[type[Any], Callable[[Any], Any]]
Encode = Callable[[Any], bytes]
FindEncoder = Callable[[type[Any]], Callable[[Any], Any] | None]

EACH = "__all__"

_ATOMS: set[Any] = {
    *(str, int, float, bool, type(None), bytes, bytearray, memoryview),
    *(datetime, date, time, timedelta, UUID, Decimal, msgspec.Raw),
}
_COLLECTIONS = {list, tuple, set, frozenset, deque}
_EVERYTHING_INSIDE = (None, None)


class SelectionError(TypeError):
    """What is to be included or excluded is not written as it should be."""


class Selection(msgspec.Struct, frozen=True):
    """What is sent of a result, where it is not everything."""

    include: Parts | None = None
    exclude: Parts | None = None
    by_alias: bool = True
    exclude_unset: bool = False
    exclude_defaults: bool = False
    exclude_none: bool = False


EVERYTHING = Selection()


def parts_of(declared: Any) -> Parts | None:
    """Read what an author wrote: a set of names, or a dict that says more of each.

    Raises:
        SelectionError: It is neither.
    """
    if declared is None:
        return None
    if is_mapping(declared):
        return {
            name: True if inside is True or inside is ... else parts_of(inside) or {}
            for name, inside in declared.items()
        }
    if is_array(declared) or is_set(declared):
        return dict.fromkeys(declared, True)
    raise SelectionError(f"{declared!r} is neither a set of names nor a dict")


def encoder_finder(encoders: Encoders) -> FindEncoder:
    """Make the function that finds a class's encoder: its own, or that of the nearest base."""
    known: dict[type[Any], Callable[[Any], Any] | None] = {}

    def find(kind: type[Any]) -> Callable[[Any], Any] | None:
        if kind not in known:
            bases = [base for base in kind.__mro__ if base in encoders]
            bases += [base for base in encoders if issubclass(kind, base)]  # an ABC's by register()
            known[kind] = encoders[bases[0]] if bases else None
        return known[kind]

    return find


def selector(selection: Selection, encoders: Encoders) -> Callable[[Any], Any]:
    """Make the function that leaves out of a value what is not to be sent.

    What it returns is encoded in the usual way.
    """
    walk = _Walk(selection, encoders)
    include, exclude = selection.include, selection.exclude
    return lambda value: walk.selected(value, include, exclude)


def pydantic_arguments(selection: Selection, find_encoder: FindEncoder | None) -> dict[str, Any]:
    """The arguments with which pydantic selects the same.

    It writes what it knows in its own way, and asks for an encoder for what it does not.
    """
    arguments = {
        field.name: getattr(selection, field.name)
        for field in msgspec.structs.fields(selection)
        if getattr(selection, field.name) != field.default
    }
    arguments["by_alias"] = selection.by_alias

    def encode(value: Any) -> Any:
        custom = find_encoder(kind_of(value)) if find_encoder else None
        return plain_data(value) if custom is None else custom(value)

    return {**arguments, "fallback": encode if find_encoder else plain_data}


class SelectedField(msgspec.Struct, frozen=True):
    """A field, its name in JSON, and its default."""

    name: str
    key: str
    has_default: bool
    default: Any
    factory: Callable[[], Any] | None

    def is_default(self, value: Any) -> bool:
        if not self.has_default:
            return False
        return bool(value == (self.default if self.factory is None else self.factory()))


class ClassFields(msgspec.Struct, frozen=True):
    """What of a class's instances is part of JSON."""

    fields: tuple[SelectedField, ...]
    tag: tuple[str, Any] | None = None
    omits_defaults: bool = False


class _Walk:
    def __init__(self, selection: Selection, encoders: Encoders) -> None:
        self._selection = selection
        self._classes: dict[Any, ClassFields | None] = {}
        self._find_encoder = find = encoder_finder(encoders) if encoders else None
        self._written_as_is = {kind for kind in _ATOMS if find is None or find(kind) is None}
        self._is_choosy = bool(encoders) or selection != Selection(
            selection.include, selection.exclude
        )

    def selected(self, value: Any, include: Parts | None, exclude: Parts | None) -> Any:
        if include is None and not exclude and not self._is_choosy:
            return value
        kind = kind_of(value)
        if kind in self._written_as_is:
            return value
        encode = self._find_encoder(kind) if self._find_encoder else None
        if encode is not None:
            return encode(value)
        if isinstance(value, Enum):
            return value
        return self._taken_apart(kind, value, include, exclude)

    def _taken_apart(
        self, kind: Any, value: Any, include: Parts | None, exclude: Parts | None
    ) -> Any:
        if kind is dict:
            return self._of_mapping(value, include, exclude)
        if kind in _COLLECTIONS:
            return self._of_items(value, include, exclude)
        fields = self._class_of(kind)
        if fields is not None:
            return self._of_object(fields, value, include, exclude)
        if hasattr(kind, "__pydantic_serializer__") and hasattr(value, "model_dump"):
            return self._of_pydantic(value, include, exclude)
        if isinstance(value, tuple):  # a named one, which is an array in JSON
            return self._of_items(value, None, None)
        if hasattr(kind, "__struct_config__"):  # one that asks to be an array
            return value
        return self.selected(encoded_result(value), include, exclude)

    def _of_mapping(
        self, value: dict[Any, Any], include: Parts | None, exclude: Parts | None
    ) -> dict[Any, Any]:
        chosen: dict[Any, Any] = {}
        for key, item in value.items():
            inside = inside_of(key, include, exclude)
            if inside is not None:
                chosen[self._key(key)] = self.selected(item, *inside)
        return chosen

    def _key(self, key: Any) -> Any:
        encode = self._find_encoder(kind_of(key)) if self._find_encoder else None
        return key if encode is None else encode(key)

    def _of_items(self, value: Any, include: Parts | None, exclude: Parts | None) -> list[Any]:
        items = list(value)
        if not isinstance(value, list | tuple | deque):  # sets have no places
            include = exclude = None
        include, exclude = _counted(include, len(items)), _counted(exclude, len(items))
        chosen: list[Any] = []
        for place, item in enumerate(items):
            inside = inside_of(place, include, exclude)
            if inside is not None:
                chosen.append(self.selected(item, *inside))
        return chosen

    def _of_object(
        self, of: ClassFields, value: Any, include: Parts | None, exclude: Parts | None
    ) -> dict[str, Any]:
        selection = self._selection
        without_defaults = selection.exclude_defaults or of.omits_defaults
        chosen: dict[str, Any] = {} if of.tag is None else {of.tag[0]: of.tag[1]}
        for field in of.fields:
            item = getattr(value, field.name, msgspec.UNSET)
            inside = inside_of(field.name, include, exclude)
            if (
                inside is None
                or item is msgspec.UNSET
                or (item is None and selection.exclude_none)
                or (without_defaults and field.is_default(item))
            ):
                continue
            key = field.key if selection.by_alias else field.name
            chosen[key] = self.selected(item, *inside)
        return chosen

    def _of_pydantic(self, value: Any, include: Parts | None, exclude: Parts | None) -> Any:
        chosen = msgspec.structs.replace(self._selection, include=include, exclude=exclude)
        return value.model_dump(mode="json", **pydantic_arguments(chosen, self._find_encoder))

    def _class_of(self, kind: Any) -> ClassFields | None:
        if kind not in self._classes:
            self._classes[kind] = fields_of_class(kind)
        return self._classes[kind]


def inside_of(
    key: Any, include: Parts | None, exclude: Parts | None
) -> tuple[Parts | None, Parts | None] | None:
    """What is to be included and excluded inside of a part; `None` if the part itself is not."""
    if include is None and not exclude:
        return _EVERYTHING_INSIDE
    if exclude:
        unwanted = _merged(exclude.get(key), exclude.get(EACH))
        if unwanted is True:
            return None
    else:
        unwanted = None
    if include is None:
        return None, unwanted
    wanted = _merged(include.get(key), include.get(EACH))
    if wanted is None:
        return None
    return (None if wanted is True else wanted), unwanted


def _merged(one: Any, other: Any) -> Any:
    """Merge two selections of the same part; `True` selects all of it."""
    if one is None or other is None:
        return other if one is None else one
    if one is True or other is True:
        return True
    return {key: _merged(one.get(key), other.get(key)) for key in {**one, **other}}


def _counted(parts: Parts | None, length: int) -> Parts | None:
    """Count places from the start that are counted from the end, as -1 is."""
    if parts is None:
        return None
    return {
        key + length if isinstance(key, int) and key < 0 else key: inside
        for key, inside in parts.items()
    }


def fields_of_class(kind: Any) -> ClassFields | None:
    """Look at the fields of a class's instances; `None` if JSON has these as something else."""
    if is_struct(kind):
        return _struct(kind)
    if dataclasses.is_dataclass(kind):
        return ClassFields(tuple(map(_dataclass_field, dataclasses.fields(kind))))
    if is_attrs(kind):
        # Names that begin with "_" are no part of JSON.
        attributes = [each for each in kind.__attrs_attrs__ if each.name[0] != "_"]
        return ClassFields(tuple(map(_attrs_field, attributes)))
    return None


def _struct(kind: Any) -> ClassFields | None:
    config = kind.__struct_config__
    if config.array_like:
        return None
    names, keys, defaults = (
        kind.__struct_fields__,
        kind.__struct_encode_fields__,
        kind.__struct_defaults__,
    )
    without = (msgspec.NODEFAULT,) * (len(names) - len(defaults))
    fields = tuple(
        SelectedField(name, key, default is not msgspec.NODEFAULT, default, _factory_of(default))
        for name, key, default in zip(names, keys, (*without, *defaults), strict=True)
    )
    tag = None if config.tag is None else (config.tag_field, config.tag)
    return ClassFields(fields, tag, config.omit_defaults)


def _dataclass_field(field: Any) -> SelectedField:
    missing = dataclasses.MISSING
    factory = None if field.default_factory is missing else field.default_factory
    has_default = factory is not None or field.default is not missing
    return SelectedField(field.name, field.name, has_default, field.default, factory)


def _attrs_field(field: Any) -> SelectedField:
    factory = _factory_of(field.default)
    takes_self = getattr(field.default, "takes_self", False)
    has_default = field.default is not sys.modules["attr"].NOTHING and not takes_self
    return SelectedField(field.name, field.name, has_default, field.default, factory)


def _factory_of(default: Any) -> Callable[[], Any] | None:
    factory: Callable[[], Any] | None = getattr(default, "factory", None)
    return factory if type(default).__name__ == "Factory" else None
