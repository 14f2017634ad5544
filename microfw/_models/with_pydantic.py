"""What pydantic does: all types but msgspec's own."""

import operator
import re
import warnings
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cached_property, partial
from inspect import isroutine
from json import JSONDecoder
from math import inf
from typing import Annotated, Any
from uuid import UUID

import pydantic_core
from pydantic_core import (
    CoreSchema,
    PydanticSerializationError,
    SchemaError,
    SchemaSerializer,
    SchemaValidator,
    ValidationError,
)
from pydantic_core import core_schema as cs

from microfw._models.annotations import bare, name_of_type, types_in
from microfw._models.constraints import ConstraintError, Constraints
from microfw._models.core_schemas import (
    OBJECTS,
    ONE_VALUE,
    failing_fast,
    has_ways_of_its_own,
    holds_model,
    kinds_of,
)
from microfw._models.encoding import NoJSONValueError, encode_declared, plain_data
from microfw._models.errors import (
    MOST_ERRORS,
    NOT_SHOWN,
    Convert,
    Error,
    Invalid,
    UnsupportedTypeError,
    error,
)
from microfw._models.parsing import decoder
from microfw._models.plain import is_array, is_mapping
from microfw._models.scalars import limits_of, plain_schema
from microfw._models.selection import (
    EVERYTHING,
    Encode,
    Encoders,
    Selection,
    encoder_finder,
    pydantic_arguments,
    selector,
)

_read_json = JSONDecoder().raw_decode

LARGE_BODY = 64 * 1024
"""Of a larger one only the first wrong item of each collection is reported: errors take memory."""
MANY_VALUES = 8 * 1024
"""Of more values than these, sent as text, too."""


class PydanticConverter:
    """See `Converter`.

    Args:
        annotation: The type.
        instances: Whether classes that pydantic does not know stand for their instances.
    """

    def __init__(self, annotation: Any, *, instances: bool = False) -> None:
        self._annotation = annotation  # held, for others find this by its identity
        _check_factor(_limits_in(annotation).get("multiple_of"))
        plain = plain_schema(annotation)
        if plain is None:
            adapter = _adapter(annotation, instances=instances)
            self._schema: CoreSchema = adapter.core_schema
            self._validator: Any = adapter.validator
            self._serializer: Any = adapter.serializer
            _check_limits(self._schema, annotation)
        else:
            self._schema = plain
            self._validator = _validator(plain, annotation)
            self._serializer = None

    def from_text(self) -> Convert:
        convert = self.from_result()
        if self._schema["type"] in ONE_VALUE:
            return convert

        def convert_several(sent: Any) -> Any:
            is_large = (is_array(sent) or is_mapping(sent)) and len(sent) > MANY_VALUES
            return self._carefully(sent) if is_large else convert(sent)

        return convert_several

    def from_data(self) -> Callable[[Any, int], Any]:
        validate = self._validator.validate_python

        def convert(received: Any, size: int) -> Any:
            if size > LARGE_BODY:
                return self._carefully(received)
            try:
                return validate(received, from_attributes=True)
            except _MISFITS as problem:
                raise self.misfit(problem, received) from None

        return convert

    def from_json(self) -> Convert:
        return decoder(self.from_data())

    def from_result(self) -> Convert:
        validate = self._validator.validate_python

        def convert(value: Any) -> Any:
            try:
                return validate(value, from_attributes=True)
            except _MISFITS as problem:
                raise self.misfit(problem, value) from None

        return convert

    def to_json(self, selection: Selection, encoders: Encoders) -> Encode:
        if self._serializer is None and not has_ways_of_its_own(self._schema):
            return self._by_msgspec(selection, encoders)
        serializer = self._serializer or SchemaSerializer(self._schema)
        find = encoder_finder(encoders) if encoders else None
        arguments = pydantic_arguments(selection, find)
        write: Encode = partial(serializer.to_json, **arguments)
        if find is not None and not holds_model(self._schema):
            write = _writing_others(serializer, arguments, selector(EVERYTHING, encoders))
        validate = self._validator.validate_python

        def encode(value: Any) -> bytes:
            try:
                return write(validate(value, from_attributes=True))
            except _MISFITS as problem:
                raise self.misfit(problem, value) from None
            except PydanticSerializationError as problem:
                raise NoJSONValueError(str(problem)) from problem

        return encode

    def _by_msgspec(self, selection: Selection, encoders: Encoders) -> Encode:
        """Write plain data, and whatever `Any` holds."""
        narrow = self.from_result()
        if selection == EVERYTHING and not encoders:
            return lambda value: encode_declared(narrow(value))
        select = selector(selection, encoders)
        return lambda value: encode_declared(select(narrow(value)))

    def misfit(self, problem: Exception, value: Any) -> Exception:
        """The error about a value; what a validator of the author's raises stays as it is."""
        if isinstance(problem, ValidationError):
            return Invalid(_errors_of(problem))
        text = str(problem)
        if not text.startswith("Unable to apply constraint"):
            return problem
        return Invalid([error("value_error", f"Value error, {text}", value, error=text)])

    def _carefully(self, received: Any) -> Any:
        """Convert what may hold so many errors that all of them would be too much."""
        try:
            return self._careful_validator.validate_python(received, from_attributes=True)
        except _MISFITS as problem:
            raise self.misfit(problem, received) from None

    @cached_property
    def _careful_validator(self) -> SchemaValidator:
        # Models would else be validated as they are by themselves.
        return SchemaValidator(failing_fast(self._schema), _use_prebuilt=False)


def _writing_others(serializer: Any, arguments: Mapping[str, Any], select: Convert) -> Encode:
    """Have the encoders see what pydantic would write in its own way."""
    arguments = {name: value for name, value in arguments.items() if name != "fallback"}

    def write(value: Any) -> bytes:
        plain = serializer.to_python(value, **arguments)
        return pydantic_core.to_json(select(plain), fallback=plain_data)

    return write


# ---------------------------------------------------------------------- types


def _adapter(annotation: Any, *, instances: bool) -> Any:
    if isroutine(annotation):  # pydantic would call it
        raise UnsupportedTypeError(f"{annotation} is not a type of values")
    limited = _with_limits(annotation)
    with warnings.catch_warnings():  # what `Field()` says of names and defaults is not for it
        warnings.filterwarnings("ignore", r"The '\w+' attribute with value .* `Field\(\)`")
        return _made_adapter(limited, annotation, instances=instances)


def _made_adapter(limited: Any, annotation: Any, *, instances: bool) -> Any:
    from pydantic import ConfigDict, TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

    try:
        if instances:
            return TypeAdapter(limited, config=ConfigDict(arbitrary_types_allowed=True))
        return TypeAdapter(limited)
    except (PydanticSchemaGenerationError, PydanticUserError) as problem:
        raise _refusal(str(problem), annotation) from None
    except (SchemaError, TypeError, RuntimeError) as problem:
        raise _constraint_error(problem, _limits_in(annotation)) from None


_UNKNOWN = re.compile(r"Unable to generate pydantic-core schema for (.*)\. Set ")


def _refusal(problem: str, annotation: Any) -> UnsupportedTypeError:
    unknown = _UNKNOWN.match(problem)
    if unknown:
        names = {repr(kind): name_of_type(kind) for kind, _ in types_in(annotation)}
        name = names.get(unknown[1], unknown[1])
        return UnsupportedTypeError(f"{name} is not a type of values")
    cure = ""
    if "typing_extensions.TypedDict" in problem:
        cure = "import TypedDict from typing_extensions, or use Python 3.12"
    return UnsupportedTypeError(problem.partition("\n")[0], cure)


def _with_limits(annotation: Any) -> Any:
    """The type in words that pydantic knows."""
    kind, metadata = bare(annotation)
    if not any(isinstance(entry, Constraints) for entry in metadata):
        return annotation
    from pydantic import Field

    fields = [Field(**e.given) if isinstance(e, Constraints) else e for e in metadata]
    return Annotated[(kind, *fields)]


def _validator(schema: CoreSchema, annotation: Any) -> SchemaValidator:
    try:
        return SchemaValidator(schema)
    except SchemaError as problem:
        raise _constraint_error(problem, _limits_in(annotation)) from None


def _limits_in(annotation: Any) -> dict[str, Any]:
    return {
        name: value
        for entry in bare(annotation)[1]
        if isinstance(entry, Constraints)
        for name, value in entry.given.items()
    }


def _check_factor(factor: Any) -> None:
    """Refuse what the pydantic that is installed may find out with the first request alone."""
    if isinstance(factor, int | float | Decimal) and not 0 < factor < inf:
        raise ConstraintError(
            f"multiple_of={factor!r}: 'multiple_of' must be a finite number greater than 0"
        )


def _constraint_error(problem: Exception, limits: Mapping[str, Any]) -> ConstraintError:
    written = ", ".join(f"{name}={value!r}" for name, value in limits.items())
    text = _KIND_OF_ERROR.sub("", str(problem).splitlines()[-1].strip())
    return ConstraintError(f"{written}: {text}" if written else text)


_KIND_OF_ERROR = re.compile(r"^(ValueError|TypeError|SchemaError|error): ")


# What pydantic takes limits on such values for is known; others may have any meaning.
_KNOWN = {
    *("str", "int", "float", "bool", "bytes", "date", "time", "datetime", "timedelta", "decimal"),
    *("uuid", "none", "list", "set", "frozenset", "tuple", "dict", "complex"),
    *OBJECTS,
}
_OF_UNIONS = {"discriminator", "union_mode", "fail_fast"}
"""Pydantic itself refuses these where they do not fit."""


def _check_limits(schema: Any, annotation: Any) -> None:
    """Refuse limits at which pydantic would fail with each request.

    Raises:
        ConstraintError: One of the declaration's says nothing about values of the type.
    """
    limits = _limits_in(annotation)
    for name in limits.keys() - _OF_UNIONS:
        kinds = kinds_of(schema)
        if kinds <= _KNOWN and not any(_takes(kind, name, limits[name]) for kind in kinds):
            named = sorted(kinds - OBJECTS) or ["such"]
            raise ConstraintError(f"{name} says nothing about {' or '.join(named)} values")


def _takes(kind: str, name: str, limit: Any) -> bool:
    if kind in OBJECTS:
        return False
    return name in limits_of(getattr(cs, f"{kind.replace('-', '_')}_schema")) or _holds_for(
        kind, name, limit
    )


_VALUES: Mapping[str, Any] = {
    "str": "",
    "bool": True,
    "bytes": b"",
    "uuid": UUID(int=0),
    "timedelta": timedelta(1),
    "list": [],
    "set": set[Any](),
    "frozenset": frozenset[Any](),
    "tuple": (),
}
"""A value of each kind that Python compares, though no schema of its kind has such a limit."""


def _holds_for(kind: str, name: str, limit: Any) -> bool:
    """Whether pydantic can compare values of a kind with a limit, as Python does."""
    if name == "pattern":
        return kind == "bytes"
    compare: Any = getattr(operator, {"multiple_of": "mod"}.get(name, name), None)
    try:
        return compare is not None and compare(_VALUES[kind], limit) is not None
    except (KeyError, TypeError):
        return False


# ---------------------------------------------------------------------- errors


_MISFITS = (ValidationError, TypeError)


def _errors_of(problem: ValidationError) -> list[Error]:
    """List pydantic's errors; of very many the first, without what was received.

    All have been found by then, but to write them as JSON takes a part of what their dicts would.
    """
    if problem.error_count() <= MOST_ERRORS:
        errors: list[Any] = problem.errors(include_url=False)
        return errors
    text = problem.json(include_url=False, include_input=False)
    start, first = 1, list[Error]()
    while len(first) < MOST_ERRORS:
        entry, end = _read_json(text, start)
        first.append({**entry, "loc": tuple(entry["loc"]), "input": NOT_SHOWN})
        start = end + 1  # behind the comma
    return first
