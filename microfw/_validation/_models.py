"""Classes with fields: what msgspec knows as objects, seen alike."""

import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Required, TypeVar, get_args, get_origin

import msgspec

from microfw._validation._plain import is_builtin, is_class

_MISSING = dataclasses.MISSING


class Style(Enum):
    """The kinds of classes with fields; each refuses other inputs in its own words."""

    STRUCT = "struct"
    DATACLASS = "dataclass"
    ATTRS = "attrs"
    TYPED_DICT = "typed dict"
    NAMED_TUPLE = "named tuple"


class Field(msgspec.Struct, frozen=True):
    """One field of a model."""

    name: str
    """The argument's name when the model is made."""
    key: str
    """The name in JSON."""
    attribute: str
    """The name on an object."""
    annotation: Any
    required: bool


class Model(msgspec.Struct, frozen=True):
    """A class with fields."""

    make: Any
    name: str
    style: Style
    fields: tuple[Field, ...]
    forbids_others: bool = False
    tag: tuple[str, Any] | None = None
    is_array: bool = False
    """Whether JSON holds it as an array instead of an object."""
    beyond_msgspec: bool = False
    """Whether msgspec would take or show more than these fields."""


def style_of(kind: Any) -> Style | None:
    """Tell the style of a class, or of a generic one with its arguments; `None` for others."""
    if is_builtin(kind):
        return None
    origin = get_origin(kind) or kind
    if not is_class(origin):
        return None
    if issubclass(origin, msgspec.Struct):
        return Style.STRUCT
    if dataclasses.is_dataclass(origin):
        return Style.DATACLASS
    if "__attrs_attrs__" in vars(origin):
        return Style.ATTRS
    return _style_of_builtin(origin)


def _style_of_builtin(origin: Any) -> Style | None:
    if hasattr(origin, "_fields"):
        return Style.NAMED_TUPLE if issubclass(origin, tuple) else None
    if hasattr(origin, "__total__"):
        return Style.TYPED_DICT if issubclass(origin, dict) else None
    return None


def model_of(kind: Any) -> Model | None:
    """Look into a class with fields; `None` for any other type."""
    style = style_of(kind)
    return None if style is None else _READERS[style](kind, get_origin(kind) or kind)


def _struct(kind: Any, origin: Any) -> Model:
    config = origin.__struct_config__
    fields = tuple(
        Field(field.name, field.encode_name, field.name, field.type, field.required)
        for field in msgspec.structs.fields(kind)
    )
    tag = None if config.tag is None else (config.tag_field, config.tag)
    return Model(
        origin,
        origin.__name__,
        Style.STRUCT,
        fields,
        config.forbid_unknown_fields,
        tag,
        config.array_like,
    )


def _dataclass(kind: Any, origin: Any) -> Model:
    hints = _hints(kind, origin)
    fields = tuple(
        Field(
            field.name,
            field.name,
            field.name,
            hints[field.name],
            field.default is _MISSING and field.default_factory is _MISSING,
        )
        for field in dataclasses.fields(origin)
        if field.init
    )
    sets_others = len(fields) < len(dataclasses.fields(origin))
    return Model(origin, origin.__name__, Style.DATACLASS, fields, beyond_msgspec=sets_others)


def _attrs(kind: Any, origin: Any) -> Model:
    hints = _hints(kind, origin)
    nothing = sys.modules["attr"].NOTHING
    fields = tuple(
        Field(
            field.alias,
            field.name,
            field.name,
            hints.get(field.name, Any),
            field.default is nothing,
        )
        for field in origin.__attrs_attrs__
        if field.init
    )
    # Without slots, whatever is set on an instance would be encoded.
    loose = len(fields) < len(origin.__attrs_attrs__) or bool(origin.__dictoffset__)
    return Model(origin, origin.__name__, Style.ATTRS, fields, beyond_msgspec=loose)


def _typed_dict(kind: Any, origin: Any) -> Model:
    hints = _hints(kind, origin)
    fields = tuple(
        Field(name, name, name, hint, _is_required(name, hint, origin))
        for name, hint in hints.items()
    )
    return Model(origin, origin.__name__, Style.TYPED_DICT, fields)


def _is_required(name: str, hint: Any, origin: Any) -> bool:
    # Under postponed evaluation `__required_keys__` has not seen the qualifiers.
    qualifier = get_origin(hint)
    if qualifier in (Required, typing.NotRequired):
        return qualifier is Required
    return name in origin.__required_keys__


def _named_tuple(kind: Any, origin: Any) -> Model:
    hints = _hints(kind, origin)
    fields = tuple(
        Field(name, name, name, hints.get(name, Any), name not in origin._field_defaults)
        for name in origin._fields
    )
    return Model(origin, origin.__name__, Style.NAMED_TUPLE, fields, forbids_others=True)


_READERS: dict[Style, Callable[[Any, Any], Model]] = {
    Style.STRUCT: _struct,
    Style.DATACLASS: _dataclass,
    Style.ATTRS: _attrs,
    Style.TYPED_DICT: _typed_dict,
    Style.NAMED_TUPLE: _named_tuple,
}


def _hints(kind: Any, origin: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(origin, include_extras=True)
    parameters = getattr(origin, "__parameters__", ())
    if not parameters:
        return hints
    arguments = dict(zip(parameters, get_args(kind), strict=False))
    return {name: _with_arguments(hint, arguments) for name, hint in hints.items()}


def _with_arguments(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """Replace the type variables in a type."""
    if isinstance(hint, TypeVar):
        return arguments.get(hint, Any)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters:
        return hint
    return hint[tuple(arguments.get(parameter, Any) for parameter in parameters)]
