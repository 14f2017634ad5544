"""A type -> the function that turns what was received into a value of it, or says all that is wrong.

Built when a route is added. For JSON this is the slow path: msgspec decodes straight to the type,
and only what it refuses comes here, where more is accepted (`"3"` for an integer) and every error
is found instead of the first.
"""

import types
import typing
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

from microfw._validation import _scalars as scalars
from microfw._validation._constraints import Constraints, Family, Test, constraints_of, tests_of
from microfw._validation._errors import Error, Invalid, below, error, invalid, missing
from microfw._validation._models import Field, Model, Style, model_of
from microfw._validation._pydantic import pydantic_convert, speaks_pydantic
from microfw._validation._times import TEMPORAL

Convert = Callable[[Any], Any]
"""Takes what was received; returns the value, or raises `Invalid`."""


class Medium(Enum):
    """What the values are made of, and for whom."""

    TEXT = "text"
    JSON = "json"
    RESULT = "result"
    """Python objects that an endpoint returned: attributes are read, models become plain data."""


class UnsupportedTypeError(TypeError):
    """There is no way to make values of this type from a request."""


@dataclass(slots=True)
class Shape:
    """How values of one type are made."""

    label: str
    """What stands for the type in the `loc` of an error in a union."""
    convert: Convert
    exact: tuple[type[Any], ...] = ()
    """The types of those inputs that are values already."""
    family: Family = Family.OTHER
    refusal: tuple[str, str] = ("value_error", "Input should be a valid value")
    """Type and message of the error about an input of quite another type."""
    keys: frozenset[str] | None = None
    """The keys that a model knows."""
    tag: tuple[str, Any] | None = None
    """The key and the value by which a model is told from others."""


_SCALARS: dict[Any, tuple[Convert, str, tuple[type[Any], ...], Family, tuple[str, str]]] = {
    str: (
        scalars.to_str,
        "str",
        (str,),
        Family.STRING,
        ("string_type", "Input should be a valid string"),
    ),
    int: (
        scalars.to_int,
        "int",
        (int,),
        Family.INTEGER,
        ("int_type", "Input should be a valid integer"),
    ),
    float: (
        scalars.to_float,
        "float",
        (float, int),
        Family.FLOAT,
        ("float_type", "Input should be a valid number"),
    ),
    bool: (
        scalars.to_bool,
        "bool",
        (bool,),
        Family.OTHER,
        ("bool_type", "Input should be a valid boolean"),
    ),
    bytes: (
        scalars.to_bytes,
        "bytes",
        (bytes,),
        Family.BYTES,
        ("bytes_type", "Input should be a valid bytes"),
    ),
    None: (scalars.to_none, "none", (type(None),), Family.OTHER, ("none_required", "")),
    Decimal: (
        scalars.to_decimal,
        "decimal",
        (Decimal,),
        Family.DECIMAL,
        ("is_instance_of", "Input should be an instance of Decimal"),
    ),
    UUID: (
        scalars.to_uuid,
        "uuid",
        (UUID,),
        Family.OTHER,
        ("is_instance_of", "Input should be an instance of UUID"),
    ),
    **{
        kind: (
            convert,
            name,
            (kind,),
            Family.TEMPORAL,
            (f"{name if name != 'timedelta' else 'time_delta'}_type", f"Input should be a valid {name}"),
        )
        for kind, (convert, name) in TEMPORAL.items()
    },
}
_SCALARS[type(None)] = _SCALARS[None]
_ANYTHING = (Any, object)


class Shaper:
    """Makes the shapes of one declaration; types that contain themselves are met again."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self._models: dict[Any, Shape] = {}
        self.beyond_msgspec = False
        """Whether the types met ask for more than msgspec checks by itself."""

    def shape(self, annotation: Any) -> Shape:
        """The shape of a type.

        Raises:
            UnsupportedTypeError: Nothing can make a value of it.
            ConstraintError: A constraint does not fit.
        """
        annotation, metadata = bare(annotation)
        if speaks_pydantic(annotation, metadata):
            return self._of_pydantic(annotation, metadata)
        shape = self._plain(annotation)
        constraints = constraints_of(metadata)
        if not constraints:
            return shape if shape.family is not Family.DECIMAL else _constrained(shape, constraints)
        if any(not type(entry).__module__.startswith("msgspec") for entry in metadata):
            self.beyond_msgspec = True
        return self._limited(shape, constraints, annotation)

    def _limited(self, shape: Shape, constraints: Constraints, annotation: Any) -> Shape:
        members = members_of(annotation)
        if type(None) in members and len(members) == 2:
            inner = next(member for member in members if member is not type(None))
            return self._optional(_constrained(self.shape(inner), constraints))
        return _constrained(shape, constraints)

    def _plain(self, annotation: Any) -> Shape:
        known = _SCALARS.get(annotation) if _is_hashable(annotation) else None
        if known is not None:
            return self._scalar(annotation, known)
        if annotation in _ANYTHING:
            return Shape("any", scalars.to_any)
        if members_of(annotation):
            return self._union(members_of(annotation))
        origin = get_origin(annotation) or annotation
        if origin is Literal:
            values = get_args(annotation)
            return Shape(f"literal[{','.join(map(repr, values))}]", scalars.LiteralConverter(values))
        if not isinstance(origin, type):
            raise UnsupportedTypeError(f"{_name(annotation)} is not a type of values")
        if issubclass(origin, Enum):
            return _enum(origin)
        if annotation in self._models:
            return self._models[annotation]
        model = model_of(annotation)
        if model is not None:
            return self._model(annotation, model)
        return self._container(origin, get_args(annotation))

    def _scalar(self, annotation: Any, known: Any) -> Shape:
        convert, label, exact, family, refusal = known
        if annotation is bytes and self._medium is Medium.JSON:
            convert = scalars.to_bytes_of_base64
        return Shape(label, convert, exact, family, refusal)

    def _of_pydantic(self, annotation: Any, metadata: tuple[Any, ...]) -> Shape:
        self.beyond_msgspec = True
        constraints = constraints_of(m for m in metadata if isinstance(m, Constraints))
        others = tuple(m for m in metadata if not isinstance(m, Constraints))
        whole = Annotated[(annotation, *others)] if others else annotation
        shape = Shape(_name(annotation), pydantic_convert(whole))
        return _constrained(shape, constraints) if constraints else shape

    # ------------------------------------------------------------------ unions

    def _union(self, members: tuple[Any, ...]) -> Shape:
        present = tuple(member for member in members if member is not type(None))
        shapes = [self.shape(member) for member in present]
        shape = shapes[0] if len(shapes) == 1 else self._choice(shapes)
        return self._optional(shape) if len(present) < len(members) else shape

    def _optional(self, shape: Shape) -> Shape:
        inner = shape.convert
        if self._medium is Medium.TEXT:  # text is never None
            return shape

        def convert(value: Any) -> Any:
            return None if value is None else inner(value)

        return Shape(f"nullable[{shape.label}]", convert, (*shape.exact, type(None)), shape.family)

    def _choice(self, shapes: list[Shape]) -> Shape:
        tags = {shape.tag[0] for shape in shapes if shape.tag is not None}
        if len(tags) == 1 and all(shape.tag is not None for shape in shapes):
            return _tagged(tags.pop(), {shape.tag[1]: shape for shape in shapes if shape.tag})

        def convert(value: Any) -> Any:
            for shape in shapes:
                if type(value) in shape.exact:
                    try:
                        return shape.convert(value)
                    except Invalid:
                        break
            errors: list[Error] = []
            fitting: list[tuple[int, Any]] = []
            for shape in shapes:
                try:
                    fitting.append((_known_keys(shape, value), shape.convert(value)))
                except Invalid as problem:
                    errors += below(problem.errors, shape.label)
            if fitting:
                return max(fitting, key=lambda fit: fit[0])[1]
            raise Invalid(errors)

        exact = tuple(kind for shape in shapes for kind in shape.exact)
        label = f"union[{','.join(shape.label for shape in shapes)}]"
        return Shape(label, convert, exact)

    # ------------------------------------------------------------------ containers

    def _container(self, origin: type[Any], arguments: tuple[Any, ...]) -> Shape:
        if issubclass(origin, tuple):
            return self._tuple(arguments)
        if issubclass(origin, Mapping):
            return self._dictionary(*(arguments or (Any, Any)))
        if issubclass(origin, str | bytes | bytearray):
            raise UnsupportedTypeError(f"{_name(origin)} is not a type of values")
        for kind, family, make, refusal in _COLLECTIONS:
            if issubclass(origin, kind) or origin is kind:
                item = self.shape(arguments[0] if arguments else Any)
                if origin not in (list, set, frozenset, *_ABSTRACT):
                    self.beyond_msgspec = True
                noun = family.value.lower()
                return Shape(
                    f"{noun}[{item.label}]",
                    _collection(item.convert, make, refusal, self._takes()),
                    (make,),
                    family,
                    refusal,
                )
        raise UnsupportedTypeError(f"{_name(origin)} is not a type of values")

    def _takes(self) -> tuple[type[Any], ...]:
        if self._medium is Medium.RESULT:
            return (list, tuple, AbstractSet, deque, types.GeneratorType, Iterable)
        return (list, tuple)

    def _tuple(self, arguments: tuple[Any, ...]) -> Shape:
        refusal = ("tuple_type", "Input should be a valid tuple")
        if not arguments or arguments[-1] is Ellipsis:
            item = self.shape(arguments[0] if arguments else Any)
            label = f"tuple[{item.label}, ...]"
            convert = _collection(item.convert, tuple, refusal, self._takes())
            return Shape(label, convert, (tuple,), Family.TUPLE, refusal)
        items = [self.shape(argument) for argument in arguments if argument != ()]

        def convert_all(value: Any) -> Any:
            if not isinstance(value, list | tuple):
                raise invalid(*refusal, value)
            return tuple(_each(items, value, value, "Tuple"))

        label = f"tuple[{', '.join(item.label for item in items)}]"
        return Shape(label, convert_all, (tuple,), Family.TUPLE, refusal)

    def _dictionary(self, key_type: Any, value_type: Any) -> Shape:
        key_shape, value_shape = self.shape(key_type), self.shape(value_type)
        to_key, to_value = key_shape.convert, value_shape.convert
        refusal = ("dict_type", "Input should be a valid dictionary")

        def convert(value: Any) -> dict[Any, Any]:
            if not isinstance(value, Mapping):
                raise invalid(*refusal, value)
            result: dict[Any, Any] = {}
            errors: list[Error] = []
            for key, item in typing.cast("Mapping[Any, Any]", value).items():
                place = key if isinstance(key, str | int) else str(key)
                try:
                    made_key = to_key(key)
                except Invalid as problem:
                    errors += below(problem.errors, place, "[key]")
                    made_key = None
                try:
                    result[made_key] = to_value(item)
                except Invalid as problem:
                    errors += below(problem.errors, place)
            if errors:
                raise Invalid(errors)
            return result

        label = f"dict[{key_shape.label},{value_shape.label}]"
        return Shape(label, convert, (dict,), Family.DICTIONARY, refusal)

    # ------------------------------------------------------------------ models

    def _model(self, annotation: Any, model: Model) -> Shape:
        shape = Shape(model.name, scalars.to_any, refusal=_refusal(model), tag=model.tag)
        self._models[annotation] = shape
        if model.tag is not None:
            shape.label = str(model.tag[1])
        shape.exact = () if isinstance(annotation, types.GenericAlias) else (dict,)
        shape.keys = frozenset(field.key for field in model.fields)
        fields = [(field, self.shape(field.annotation)) for field in model.fields]
        reads_objects = self._medium is Medium.RESULT
        shape.convert = ModelConverter(model, fields, reads_objects=reads_objects)
        return shape


class ModelConverter:
    """An object (or an array) of JSON, or in results any object -> an instance of a model."""

    __slots__ = ("_fields", "_keys", "_model", "_reads_objects", "_refusal")

    def __init__(
        self, model: Model, fields: Sequence[tuple[Field, Shape]], *, reads_objects: bool
    ) -> None:
        self._model = model
        self._fields = fields
        self._keys = frozenset(field.key for field, _ in fields)
        self._refusal = _refusal(model)
        self._reads_objects = reads_objects

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return self._of_array(value)
        if isinstance(value, Mapping):
            return self._of_mapping(typing.cast("Mapping[str, Any]", value), value)
        if self._reads_objects and value is not None and not isinstance(value, _NO_OBJECTS):
            return self._of_mapping(_attributes(value, self._fields), value)
        raise self._refused(value)

    def _refused(self, value: Any) -> Invalid:
        style = self._model.style
        named = style in (Style.DATACLASS, Style.ATTRS, Style.NAMED_TUPLE)
        context = {"class_name": self._model.name} if named else {}
        return invalid(*self._refusal, value, **context)

    def _of_mapping(self, mapping: Mapping[str, Any], value: Any) -> Any:
        made: dict[str, Any] = {}
        errors: list[Error] = []
        for field, shape in self._fields:
            if field.key not in mapping:
                if field.required:
                    errors.append(missing(value, field.key))
                continue
            try:
                made[field.name] = shape.convert(mapping[field.key])
            except Invalid as problem:
                errors += below(problem.errors, field.key)
        errors += self._errors_of_others(mapping)
        if errors:
            raise Invalid(errors)
        return self._made(made, value)

    def _errors_of_others(self, mapping: Mapping[str, Any]) -> list[Error]:
        errors: list[Error] = []
        tag = self._model.tag
        if tag is not None and mapping.get(tag[0], tag[1]) != tag[1]:
            expected = repr(tag[1])
            message = f"Input should be {expected}"
            given = mapping[tag[0]]
            errors.append(error("literal_error", message, given, tag[0], expected=expected))
        if self._model.forbids_others:
            known = self._keys | ({tag[0]} if tag is not None else set[str]())
            for key in mapping:
                if key not in known:
                    message = "Extra inputs are not permitted"
                    errors.append(error("extra_forbidden", message, mapping[key], key))
        return errors

    def _of_array(self, value: Sequence[Any]) -> Any:
        if not (self._model.is_array or self._model.style is Style.NAMED_TUPLE):
            raise self._refused(value)
        shapes = [shape for _, shape in self._fields]
        required = sum(field.required for field, _ in self._fields)
        items = value[1:] if self._model.tag is not None else value
        made = _each(shapes, items, value, "NamedTuple", required)
        names = [field.name for field, _ in self._fields]
        return self._made(dict(zip(names, made, strict=False)), value)

    def _made(self, values: dict[str, Any], value: Any) -> Any:
        try:
            return self._model.make(**values)
        except (ValueError, TypeError, AssertionError) as problem:
            raise invalid(
                "value_error", f"Value error, {problem}", value, error=str(problem)
            ) from None


_NO_OBJECTS = (str, bytes, int, float, list, tuple, set, frozenset)


def _attributes(value: Any, fields: Sequence[tuple[Field, Shape]]) -> dict[str, Any]:
    return {
        field.key: getattr(value, field.attribute)
        for field, _ in fields
        if hasattr(value, field.attribute)
    }


_REFUSALS = {
    Style.STRUCT: (
        "model_attributes_type",
        "Input should be a valid dictionary or object to extract fields from",
    ),
    Style.DATACLASS: (
        "dataclass_type",
        "Input should be a dictionary or an instance of {name}",
    ),
    Style.ATTRS: ("dataclass_type", "Input should be a dictionary or an instance of {name}"),
    Style.TYPED_DICT: ("dict_type", "Input should be a valid dictionary"),
    Style.NAMED_TUPLE: (
        "named_tuple_type",
        "Input should be a tuple, list, dictionary or an instance of {name}",
    ),
}


def _refusal(model: Model) -> tuple[str, str]:
    kind, message = _REFUSALS[model.style]
    return kind, message.format(name=model.name)


def bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type inside `Annotated`, `NewType`, aliases and qualifiers; and what annotates it."""
    metadata: tuple[Any, ...] = ()
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            metadata = (*annotation.__metadata__, *metadata)
            annotation = annotation.__origin__
        elif origin in _QUALIFIERS:
            (annotation,) = get_args(annotation)
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            annotation = annotation.__bound__ or Any
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation, metadata


_QUALIFIERS = {typing.Required, typing.NotRequired, typing.Final}


def members_of(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, nothing for another type."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()


def _name(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)


def _is_hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True


def _enum(enum: type[Enum]) -> Shape:
    kind = next((kind.__name__ for kind in (str, int, float) if issubclass(enum, kind)), None)
    label = f"{kind}-enum[{enum.__name__}]" if kind else f"enum[{enum.__name__}]"
    refusal = ("is_instance_of", f"Input should be an instance of {enum.__name__}")
    return Shape(label, scalars.EnumConverter(enum), (enum,), refusal=refusal)


def _constrained(shape: Shape, constraints: Constraints) -> Shape:
    tests = tests_of(constraints, shape.family)
    convert = _with_tests(shape.convert, tests)
    if constraints.max_length is not None and shape.family in (Family.LIST, Family.TUPLE):
        convert = _length_first(convert, tests, constraints.max_length)
    if constraints.strict:
        convert = _strict(convert, shape)
    simple = shape.label in ("int", "str", "float", "bytes", "decimal")
    label = f"constrained-{shape.label}" if simple and constraints else shape.label
    return Shape(
        label, convert, shape.exact, shape.family, shape.refusal, shape.keys, shape.tag
    )


def _with_tests(convert: Convert, tests: list[Test]) -> Convert:
    if not tests:
        return convert

    def convert_and_test(value: Any) -> Any:
        made = convert(value)
        for test in tests:
            test(made, value)
        return made

    return convert_and_test


def _length_first(convert: Convert, tests: list[Test], limit: int) -> Convert:
    """Do not look into a sequence that has too many items."""

    def convert_if_short(value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) > limit:
            for test in tests:
                test(value, value)
        return convert(value)

    return convert_if_short


def _strict(convert: Convert, shape: Shape) -> Convert:
    def convert_if_exact(value: Any) -> Any:
        if type(value) not in shape.exact:
            kind, message = shape.refusal
            context = {"class": shape.exact[0].__name__} if kind == "is_instance_of" else {}
            raise invalid(kind, message, value, **context)
        return convert(value)

    return convert_if_exact


def _known_keys(shape: Shape, value: Any) -> int:
    if shape.keys is None or not isinstance(value, Mapping):
        return 0
    return len(shape.keys & typing.cast("Mapping[str, Any]", value).keys())


def _tagged(key: str, shapes: dict[Any, Shape]) -> Shape:
    """Choose among models by the value under a key."""
    expected = ", ".join(repr(tag) for tag in shapes)

    def convert(value: Any) -> Any:
        if isinstance(value, Mapping):
            tag = typing.cast("Mapping[str, Any]", value).get(key)
        else:
            config = getattr(type(value), "__struct_config__", None)
            tag = getattr(config, "tag", None)
        if tag is None:
            message = f"Unable to extract tag using discriminator '{key}'"
            raise invalid("union_tag_not_found", message, value, discriminator=f"'{key}'")
        shape = shapes.get(tag) if _is_hashable(tag) else None
        if shape is None:
            raise invalid(
                "union_tag_invalid",
                f"Input tag '{tag}' found using '{key}' does not match any of the expected tags:"
                f" {expected}",
                value,
                discriminator=f"'{key}'",
                tag=str(tag),
                expected_tags=expected,
            )
        try:
            return shape.convert(value)
        except Invalid as problem:
            raise Invalid(below(problem.errors, tag)) from None

    return Shape(f"tagged-union[{','.join(s.label for s in shapes.values())}]", convert, (dict,))


_ABSTRACT = tuple(
    kind for kind in (Sequence, Iterable, AbstractSet) if isinstance(kind, type)
)
_COLLECTIONS: tuple[tuple[type[Any], Family, Any, tuple[str, str]], ...] = (
    (frozenset, Family.FROZENSET, frozenset, ("frozen_set_type", "Input should be a valid frozenset")),
    (AbstractSet, Family.SET, set, ("set_type", "Input should be a valid set")),
    (deque, Family.DEQUE, deque, ("deque_type", "Input should be a valid deque")),
    (Iterable, Family.LIST, list, ("list_type", "Input should be a valid list")),
)


def _collection(
    convert: Convert, make: Any, refusal: tuple[str, str], takes: tuple[type[Any], ...]
) -> Convert:
    def convert_all(value: Any) -> Any:
        if not isinstance(value, takes) or isinstance(value, str | bytes | Mapping):
            raise invalid(*refusal, value)
        made: list[Any] = []
        errors: list[Error] = []
        for index, item in enumerate(typing.cast("Iterable[Any]", value)):
            try:
                made.append(convert(item))
            except Invalid as problem:
                errors += below(problem.errors, index)
        if errors:
            raise Invalid(errors)
        return make(made)

    return convert_all


def _each(
    shapes: Sequence[Shape],
    items: Sequence[Any],
    value: Any,
    noun: str,
    required: int | None = None,
) -> list[Any]:
    """Convert every item by the shape at its position."""
    most = len(shapes)
    if len(items) > most:
        message = f"{noun} should have at most {most} items after validation, not {len(items)}"
        raise invalid(
            "too_long",
            message,
            value,
            field_type=noun,
            max_length=most,
            actual_length=len(items),
        )
    made: list[Any] = []
    errors: list[Error] = []
    for index, (shape, item) in enumerate(zip(shapes, items, strict=False)):
        try:
            made.append(shape.convert(item))
        except Invalid as problem:
            errors += below(problem.errors, index)
    least = most if required is None else required
    errors += [missing(value, index) for index in range(len(items), least)]
    if errors:
        raise Invalid(errors)
    return made
