"""What belongs to pydantic, which is never imported here unless the user has done so."""

import sys
import types
from collections.abc import Callable, Iterable, Mapping
from json import JSONDecoder
from typing import Annotated, Any, get_args, get_origin

from microfw._validation._constraints import ConstraintError
from microfw._validation._errors import MOST_ERRORS, NOT_SHOWN, Error, Invalid
from microfw._validation._plain import is_array
from microfw._validation._shape import UnsupportedTypeError

_read_json = JSONDecoder().raw_decode
_SCHEMA = ("__pydantic_core_schema__", "__get_pydantic_core_schema__")


def speaks_pydantic(annotation: Any, metadata: tuple[Any, ...] = ()) -> bool:
    """Tell whether a type, a part of it or something that annotates it is pydantic's."""
    if "pydantic" not in sys.modules:
        return False
    parts: list[Any] = [annotation, *metadata]
    while parts:
        part = parts.pop()
        origin: Any = get_origin(part)
        if origin is not None:
            parts.extend(_parts(part))
        elif not _is_ours(part) and (
            any(hasattr(part, name) for name in _SCHEMA) or _is_of_pydantic(part)
        ):
            return True
    return False


def _is_ours(part: Any) -> bool:
    """Tell whether a type speaks pydantic only for the sake of the user's models."""
    return isinstance(part, type) and part.__module__.partition(".")[0] == "microfw"


def _parts(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return [annotation.__origin__, *annotation.__metadata__]
    parts = [get_origin(annotation)]
    for argument in get_args(annotation):
        parts.extend(argument if is_array(argument) else [argument])
    return parts


def _is_of_pydantic(part: Any) -> bool:
    if isinstance(part, types.FunctionType):
        return False
    kind = part if isinstance(part, type) else type(part)
    return kind.__module__.partition(".")[0] == "pydantic"


def is_in_json(metadata: Iterable[Any]) -> bool:
    """Tell whether what annotates a type is pydantic's `Json`: values are text that holds JSON."""
    return any(_is_of_pydantic(entry) and type(entry).__name__ == "Json" for entry in metadata)


def adapter_of(annotation: Any) -> Any:
    """Pydantic's validator and serializer of a type."""
    from pydantic import TypeAdapter

    return TypeAdapter(annotation)


def is_field(entry: Any) -> bool:
    """Tell whether a value is what pydantic's `Field()` returns."""
    return type(entry).__name__ == "FieldInfo" and _is_of_pydantic(entry)


def limits_of(constraints: Mapping[str, Any]) -> Any:
    """What says in `Annotated` to pydantic what values may be."""
    from pydantic import Field

    return Field(**constraints)


def pydantic_converter(annotation: Any) -> Callable[[Any], Any]:
    """Make the function that converts as pydantic does, with its very errors.

    Raises:
        ConstraintError: A limit is none that pydantic knows.
        UnsupportedTypeError: A class is no type of values.
    """
    from pydantic import PydanticSchemaGenerationError, ValidationError
    from pydantic_core import SchemaError

    try:
        validate = adapter_of(annotation).validate_python
    except SchemaError as problem:
        raise ConstraintError(str(problem).splitlines()[-1].strip()) from None
    except PydanticSchemaGenerationError as problem:
        raise UnsupportedTypeError(f"{_class_in(str(problem))} is not a type of values") from None

    def convert(value: Any) -> Any:
        try:
            return validate(value, from_attributes=True)
        except ValidationError as problem:
            raise Invalid(_errors_of(problem)) from None

    return convert


def _class_in(message: str) -> str:
    _, _, shown = message.partition("schema for ")
    return shown.partition(". Set ")[0].removeprefix("<class '").removesuffix("'>")


def _errors_of(problem: Any) -> list[Error]:
    """List pydantic's errors; of very many the first, without what was received.

    All have been found by then, but to write them as JSON takes a part of what their dicts would.
    """
    if problem.error_count() <= MOST_ERRORS:
        errors: list[Error] = problem.errors(include_url=False)
        return errors
    text = problem.json(include_url=False, include_input=False)
    start, first = 1, list[Error]()
    while len(first) < MOST_ERRORS:
        entry, end = _read_json(text, start)
        first.append({**entry, "loc": tuple(entry["loc"]), "input": NOT_SHOWN})
        start = end + 1  # behind the comma
    return first


def fields_of_model(kind: Any) -> list[tuple[str, tuple[str, ...], Any, tuple[Any, ...]]]:
    """List a model's fields: name, the names that it is taken by, type, and what annotates that."""
    config = _config_of(kind)
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return [
        (name, _names(name, field.validation_alias, by_name), field.annotation, (*field.metadata,))
        for name, field in kind.__pydantic_fields__.items()
    ]


def _names(name: str, alias: Any, by_name: Any) -> tuple[str, ...]:
    """The names, from an alias that may be a path into nested values, or several of both."""
    choices = getattr(alias, "choices", [alias])
    paths = [getattr(choice, "path", [choice]) for choice in choices]
    names = [path[0] for path in paths if path[0] is not None]
    return tuple(dict.fromkeys((*names, name) if by_name or not names else names))


def forbids_others(kind: Any) -> bool:
    """Tell whether a model refuses keys that are none of its fields."""
    return bool(_config_of(kind).get("extra") == "forbid")


def _config_of(kind: Any) -> dict[str, Any]:
    config: dict[str, Any] | None = getattr(
        kind, "model_config", getattr(kind, "__pydantic_config__", None)
    )
    return config or {}


def is_model(kind: Any) -> bool:
    """Tell whether a class is one of pydantic's models or dataclasses."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_fields__")
