"""Classes with fields, whichever library they are made for, seen alike."""

import dataclasses
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from microfw._models.plain import is_builtin, is_class


class Field(NamedTuple):
    name: str
    keys: tuple[str, ...]
    """The names by which data has it."""
    annotation: Any


def fields_of(kind: Any) -> list[Field] | None:
    """List the fields of a class, or of a generic one with its arguments; `None` for others."""
    if is_builtin(kind):
        return None
    origin: Any = get_origin(kind) or kind
    if not is_class(origin):
        return None
    if is_struct(origin):
        return [Field(f.name, (f.encode_name,), f.type) for f in msgspec.structs.fields(kind)]
    if is_model(origin):
        return [*_model_fields(origin)]
    if not has_fields(origin):
        return None
    hints = _hints(kind, origin)
    return [Field(name, (name,), hints.get(name, Any)) for name in _names(origin, hints)]


def has_fields(kind: type[Any]) -> bool:
    """Tell whether the instances of a class have fields that are known."""
    return (
        is_struct(kind)
        or is_model(kind)
        or dataclasses.is_dataclass(kind)
        or is_attrs(kind)
        or is_named_tuple(kind)
        or (hasattr(kind, "__total__") and issubclass(kind, dict))
    )


def is_struct(kind: Any) -> bool:
    """Tell whether a class is one of msgspec's."""
    return is_class(kind) and issubclass(kind, msgspec.Struct)


def is_attrs(kind: Any) -> bool:
    """Tell whether a class is made by attrs."""
    return is_class(kind) and "__attrs_attrs__" in vars(kind)


def is_model(kind: Any) -> bool:
    """Tell whether a class is one of pydantic's models or dataclasses."""
    return is_class(kind) and hasattr(kind, "__pydantic_fields__")


def is_named_tuple(kind: Any) -> bool:
    return is_class(kind) and hasattr(kind, "_fields") and issubclass(kind, tuple)


def _names(kind: Any, hints: Mapping[str, Any]) -> Iterable[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    if is_attrs(kind):
        return [field.name for field in kind.__attrs_attrs__ if field.init]
    return hints  # those of a typed dict and of a named tuple


def _model_fields(kind: Any) -> Iterator[Field]:
    by_name = config_of(kind).get("populate_by_name") or config_of(kind).get("validate_by_name")
    for name, field in kind.__pydantic_fields__.items():
        annotation = field.annotation
        if field.metadata:
            annotation = typing.Annotated[(annotation, *field.metadata)]
        yield Field(name, names_of(name, field.validation_alias, by_name), annotation)


def names_of(name: str, alias: Any, by_name: Any = False) -> tuple[str, ...]:
    """The names in data of a field with an alias: one, several, or paths into nested values."""
    choices = getattr(alias, "choices", [alias])
    paths = [getattr(choice, "path", [choice]) for choice in choices]
    names = [path[0] for path in paths if path[0] is not None]
    return tuple(dict.fromkeys((*names, name) if by_name or not names else names))


def forbids_others(kind: Any) -> bool:
    """Tell whether a class refuses keys that are none of its fields."""
    origin: Any = get_origin(kind) or kind
    if is_struct(origin):
        return bool(origin.__struct_config__.forbid_unknown_fields)
    return bool(config_of(origin).get("extra") == "forbid")


def config_of(kind: Any) -> Mapping[str, Any]:
    """Pydantic's configuration of a class."""
    config: dict[str, Any] | None = getattr(
        kind, "model_config", getattr(kind, "__pydantic_config__", None)
    )
    return config or {}


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
