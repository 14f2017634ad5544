"""A type -> its shape. Built when a route is added, so that a request walks no types.

For JSON this is the slow path: msgspec decodes straight to the type, and only what it refuses
comes here, where more is accepted (`"3"` for an integer) and all errors are found instead of one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args, get_origin
from uuid import UUID

import msgspec

from microfw._validation import _scalars as scalars
from microfw._validation._annotations import bare, members_of, name_of_type
from microfw._validation._constraints import (
    Constraints,
    Family,
    check_for_any,
    constraints_of,
    tests_of,
)
from microfw._validation._containers import (
    COLLECTIONS,
    choice,
    collection,
    dictionary,
    fixed_tuple,
    is_container,
    optional,
    tagged,
)
from microfw._validation._encoding import KNOWN_BY_CLASS
from microfw._validation._errors import invalid
from microfw._validation._exactness import exactness_of
from microfw._validation._models import Model, Style, model_of
from microfw._validation._objects import ModelConverter
from microfw._validation._plain import is_class, is_hashable
from microfw._validation._pydantic import (
    adapter_of,
    is_model,
    limits_of,
    pydantic_converter,
    speaks_pydantic,
)
from microfw._validation._shape import Convert, Medium, Shape, UnsupportedTypeError, constrained
from microfw._validation._times import to_date, to_datetime, to_time, to_timedelta

_ABSENT = (None, type(None), msgspec.UnsetType)
_TEXT_IN_JSON = (Any, object)
"""As keys of a dictionary."""
_SIZED = {Style.TYPED_DICT, Style.NAMED_TUPLE}
_SETS = (Family.SET, Family.FROZENSET)
_OF_MSGSPEC = {list, set, frozenset, tuple}


class Shaped(NamedTuple):
    """A type's shape, and what else there is to know of the type."""

    shape: Shape
    beyond_msgspec: bool
    """Whether it asks for more than msgspec does by itself."""
    has_foreseen_hashes: bool
    """Whether it looks values up by hashes that a client can choose."""


def shape_of(
    annotation: Any,
    constraints: Constraints,
    medium: Medium,
    known: Mapping[Any, Shape] = MappingProxyType({}),
) -> Shaped:
    """Make the shape of a type.

    `known` are shapes of types that are made elsewhere.

    Raises:
        UnsupportedTypeError: Nothing can make a value of the type.
        ConstraintError: A constraint does not fit the type.
    """
    shaper = _Shaper(medium, known)
    declared = Annotated[annotation, constraints] if constraints else annotation
    shape = shaper.shape(declared)
    return Shaped(shape, shaper.beyond_msgspec, shaper.has_foreseen_hashes)


_FAMILIES: dict[Any, Family] = {
    list: Family.LIST,
    tuple: Family.TUPLE,
    set: Family.SET,
    frozenset: Family.FROZENSET,
    dict: Family.DICTIONARY,
}


class _Shaper:
    def __init__(self, medium: Medium, known: Mapping[Any, Shape]) -> None:
        self._medium = medium
        self._models: dict[Any, Shape] = {**known}
        self.beyond_msgspec = False
        self.has_foreseen_hashes = False

    def shape(self, annotation: Any) -> Shape:
        annotation, metadata = bare(annotation)
        if speaks_pydantic(annotation, metadata):
            return self._of_pydantic(annotation, metadata)
        constraints = constraints_of(metadata)
        if any(not type(entry).__module__.startswith("msgspec") for entry in metadata):
            self.beyond_msgspec |= bool(constraints)
        return self._constrained(annotation, constraints)

    def _constrained(self, annotation: Any, constraints: Constraints) -> Shape:
        members = members_of(annotation)
        present = [member for member in members if member not in _ABSENT]
        if constraints and len(present) == 1:  # the limits of an optional value are the value's
            return self._perhaps_absent(self._constrained(present[0], constraints))
        if members:
            shapes = [self.shape(member) for member in present]
            check_for_any(constraints, [shape.family for shape in shapes])
            shape = shapes[0] if len(shapes) == 1 else self._one_of(shapes)
            if len(present) < len(members):
                shape = self._perhaps_absent(shape)
        else:
            shape = self._plain(annotation)
        # Decimals have a limit where none is written: they are finite.
        is_limited = bool(constraints) or shape.family is Family.DECIMAL
        return constrained(shape, constraints) if is_limited else shape

    def _plain(self, annotation: Any) -> Shape:
        if is_hashable(annotation):
            scalar = _SCALARS.get(annotation)
            if scalar is not None:
                return self._scalar(scalar)
            if annotation in _OF_TEXT:
                self.beyond_msgspec = True
                return _of_text(annotation, *_OF_TEXT[annotation])
            if annotation in self._models:
                return self._models[annotation]
        origin: Any = get_origin(annotation) or annotation
        if origin is Literal:
            return _literal(get_args(annotation))
        if not is_class(origin):
            raise UnsupportedTypeError(f"{name_of_type(annotation)} is not a type of values")
        if issubclass(origin, Enum):
            return _enum(origin)
        model = model_of(annotation)
        if model is not None:
            return self._model(annotation, model)
        return self._container(origin, get_args(annotation))

    def _scalar(self, shape: Shape) -> Shape:
        if shape.family is Family.BYTES and self._medium is Medium.JSON:
            return Shape(
                shape.label,
                scalars.to_bytes_of_base64,
                shape.exact,
                shape.family,
                shape.refusal,
            )
        return shape

    def _of_pydantic(self, annotation: Any, metadata: tuple[Any, ...]) -> Shape:
        self.beyond_msgspec = True
        own = tuple(map(_told_to_pydantic, metadata))
        whole = Annotated[(annotation, *own)] if own else annotation
        _check_told(annotation, metadata)
        convert = pydantic_converter(whole)
        if self._medium is Medium.RESULT:
            convert = _shown_as_declared(whole, convert)
        return Shape(name_of_type(annotation), convert)

    def _perhaps_absent(self, shape: Shape) -> Shape:
        return shape if self._medium is Medium.TEXT else optional(shape)  # text is never None

    def _one_of(self, shapes: list[Shape]) -> Shape:
        by_tag = {shape.tag: shape for shape in shapes if shape.tag is not None}
        keys = {key for key, _ in by_tag}
        if len(keys) == 1 and len(by_tag) == len(shapes):
            return tagged(keys.pop(), {tag: shape for (_, tag), shape in by_tag.items()})
        return choice(shapes)

    def _container(self, origin: type[Any], arguments: tuple[Any, ...]) -> Shape:
        if not is_container(origin):
            return self._foreign(origin)
        if issubclass(origin, Mapping):
            key, value = _key_and_value(cast("Any", origin), arguments)
            key_shape = self.shape(key)
            is_foreseen = key not in _TEXT_IN_JSON and self._is_foreseen(key_shape)
            return dictionary(key_shape, self.shape(value), is_foreseen)
        if issubclass(origin, tuple) and arguments and arguments[-1] is not Ellipsis:
            return fixed_tuple([self.shape(argument) for argument in arguments if argument != ()])
        make, family, refusal = next(
            (make, family, refusal)
            for kind, make, family, refusal in COLLECTIONS
            if issubclass(origin, kind)
        )
        item = self.shape(arguments[0] if arguments else Any)
        self.beyond_msgspec |= origin not in _OF_MSGSPEC
        takes = Iterable if self._medium is Medium.RESULT else (list, tuple)
        is_foreseen = family in _SETS and self._is_foreseen(item)
        return collection(item, make, family, refusal, takes, is_foreseen)

    def _is_foreseen(self, looked_up: Shape) -> bool:
        """Tell, and remember, whether a client can choose the hashes of what it sends."""
        is_foreseen = self._medium is not Medium.RESULT and looked_up.family is not Family.STRING
        self.has_foreseen_hashes |= is_foreseen
        return is_foreseen

    def _foreign(self, kind: Any) -> Shape:
        """Let results pass that are known by their class; nothing received can become one."""
        if self._medium is not Medium.RESULT:
            raise UnsupportedTypeError(f"{name_of_type(kind)} is not a type of values")
        self.beyond_msgspec = True
        if not issubclass(kind, KNOWN_BY_CLASS):
            return self._of_pydantic(kind, ())

        def convert(value: Any) -> Any:
            if not isinstance(value, kind):
                name = kind.__name__
                message = f"Input should be an instance of {name}"
                raise invalid("is_instance_of", message, value, **{"class": name})
            return value

        return Shape(kind.__name__, convert, (kind,))

    def _model(self, annotation: Any, model: Model) -> Shape:
        converter = ModelConverter(model, reads_objects=self._medium is Medium.RESULT)
        family = Family.OTHER if model.style in _SIZED else Family.UNLIMITED
        shape = Shape(model.name, converter, family=family, tag=model.tag)
        self.beyond_msgspec |= model.beyond_msgspec
        shape.keys = frozenset(field.key for field in model.fields)
        self._models[annotation] = shape  # known before its fields are
        converter.shapes = [self.shape(field.annotation) for field in model.fields]
        return shape


def _key_and_value(origin: Any, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    if issubclass(origin, Counter):  # which has the type of its keys alone
        arguments = (*arguments, int)
    key, value = arguments if len(arguments) == 2 else (Any, Any)
    return key, value


def _check_told(annotation: Any, metadata: tuple[Any, ...]) -> None:
    """Refuse limits on values that have none, at which pydantic would fail with each request."""
    if not all(isinstance(entry, Constraints) for entry in metadata):
        return  # a validator may make another type of the value
    limits = msgspec.structs.replace(
        constraints_of(metadata), discriminator=None, union_mode=None, fail_fast=None
    )
    for member in members_of(annotation) or (annotation,):
        origin = get_origin(member) or member
        family = Family.UNLIMITED if is_model(origin) else _FAMILIES.get(origin)
        if family is not None:
            tests_of(limits, family)


def _told_to_pydantic(entry: Any) -> Any:
    return limits_of(entry.given) if isinstance(entry, Constraints) else entry


def _shown_as_declared(annotation: Any, convert: Convert) -> Convert:
    """Have pydantic write what is not exactly of its type, which would show all that it holds."""
    is_exact = exactness_of(annotation).holds
    dump = adapter_of(annotation).dump_python

    def convert_to_show(value: Any) -> Any:
        made = convert(value)
        return made if is_exact(made) else dump(made, mode="json", by_alias=True)

    return convert_to_show


def _literal(values: tuple[Any, ...]) -> Shape:
    label = f"literal[{','.join(map(repr, values))}]"
    return Shape(label, scalars.LiteralConverter(values))


def _enum(enum: type[Any]) -> Shape:
    base = next((kind.__name__ for kind in (str, int, float) if issubclass(enum, kind)), "")
    label = f"{base}-enum[{enum.__name__}]".lstrip("-")
    refusal = ("is_instance_of", f"Input should be an instance of {enum.__name__}")
    family = Family.OTHER if base else Family.UNLIMITED
    return Shape(label, scalars.EnumConverter(enum), (enum,), family, refusal)


def _of_text(kind: type[Any], code: str, noun: str) -> Shape:
    refusal = (code, f"Input is not a valid {noun}")
    convert = scalars.TextConverter(kind, *refusal)
    return Shape(kind.__name__, convert, (kind,), Family.UNSIZED, refusal)


def _known(
    kind: type[Any], label: str, family: Family, convert: Convert, noun: str, code: str = ""
) -> Shape:
    refusal = (f"{code or label}_type", f"Input should be a valid {noun}")
    exact = (float, int) if kind is float else (kind,)
    return Shape(label, convert, exact, family, refusal)


def _instance(kind: type[Any], label: str, family: Family, convert: Convert) -> Shape:
    message = f"Input should be an instance of {kind.__name__}"
    return Shape(label, convert, (kind,), family, ("is_instance_of", message))


_SCALARS: dict[Any, Shape] = {
    str: _known(str, "str", Family.STRING, scalars.to_str, "string", "string"),
    int: _known(int, "int", Family.INTEGER, scalars.to_int, "integer"),
    float: _known(float, "float", Family.FLOAT, scalars.to_float, "number"),
    bool: _known(bool, "bool", Family.UNSIZED, scalars.to_bool, "boolean"),
    bytes: _known(bytes, "bytes", Family.BYTES, scalars.to_bytes, "bytes"),
    Decimal: _instance(Decimal, "decimal", Family.DECIMAL, scalars.to_decimal),
    UUID: _instance(UUID, "uuid", Family.UNSIZED, scalars.to_uuid),
    Any: Shape("any", scalars.to_any),
    object: Shape("any", scalars.to_any),
    None: Shape("none", scalars.to_none, (type(None),), Family.UNLIMITED),
    type(None): Shape("none", scalars.to_none, (type(None),), Family.UNLIMITED),
    datetime: _known(datetime, "datetime", Family.TEMPORAL, to_datetime, "datetime"),
    date: _known(date, "date", Family.TEMPORAL, to_date, "date"),
    time: _known(time, "time", Family.TEMPORAL, to_time, "time"),
    timedelta: _known(
        timedelta, "timedelta", Family.TEMPORAL, to_timedelta, "timedelta", "time_delta"
    ),
}

_OF_TEXT: dict[Any, tuple[str, str]] = {
    Path: ("path_type", "path"),
    IPv4Address: ("ip_v4_address", "IPv4 address"),
    IPv4Interface: ("ip_v4_interface", "IPv4 interface"),
    IPv4Network: ("ip_v4_network", "IPv4 network"),
    IPv6Address: ("ip_v6_address", "IPv6 address"),
    IPv6Interface: ("ip_v6_interface", "IPv6 interface"),
    IPv6Network: ("ip_v6_network", "IPv6 network"),
}
