"""What an endpoint returned -> JSON, through its return annotation where there is one.

The annotation is a filter as much as a check: what it does not name is never sent, whatever class
the value turns out to be of. A value that is exactly as declared goes straight to msgspec.
"""

import re
import typing
from collections import deque
from collections.abc import Callable, Iterable, Mapping
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
from pathlib import PurePath
from types import GeneratorType
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import msgspec

from microfw._validation._errors import Invalid, below
from microfw._validation._models import Style, model_of, style_of
from microfw._validation._pydantic import adapter_of, pydantic_convert, speaks_pydantic
from microfw._validation._shapes import Convert, Medium, Shaper, bare, members_of
from microfw._validation._times import TEMPORAL
from microfw.exceptions import ResponseValidationError

Fits = Callable[[Any], bool]
"""Whether a value is so exactly of its type that encoding it shows nothing else."""


# ---------------------------------------------------------------------- without annotation


def _plain_of_object(value: Any) -> Any:
    """What stands for an object that JSON and msgspec do not know."""
    for kind, convert in _ENCODERS:
        if isinstance(value, kind):
            return convert(value)
    if hasattr(value, "__pydantic_serializer__"):
        return adapter_of(type(value)).dump_python(value, mode="json", by_alias=True)
    if hasattr(value, "get_secret_value"):
        return str(value)
    if type(value).__module__.startswith(("pydantic", "pydantic_core")):
        return str(value)
    if isinstance(value, type) or callable(value):
        raise TypeError(f"a {type(value).__qualname__} is no JSON value: {value!r}")
    try:
        return dict(value)
    except (TypeError, ValueError):
        pass
    try:
        attributes = vars(value)
    except TypeError:
        raise TypeError(
            f"a {type(value).__module__}.{type(value).__qualname__} is no JSON value"
        ) from None
    return {name: item for name, item in attributes.items() if not name.startswith("_sa")}


_ENCODERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (bool, bool),
    (int, int),
    (float, float),
    (str, lambda value: str.__str__(value)),
    (Mapping, dict),
    (PurePath, str),
    (
        (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network),
        str,
    ),
    (re.Pattern, lambda value: value.pattern),
    ((deque, GeneratorType, list, tuple, set, frozenset), list),
    (Iterable, list),
)


def plain(value: Any) -> Any:
    """Turn any value into what JSON is made of: dicts with string keys, lists, text, numbers."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_plain_of_object)


_encode_free = msgspec.json.Encoder(
    enc_hook=_plain_of_object, decimal_format="number"
).encode
_encode_declared = msgspec.json.Encoder(enc_hook=_plain_of_object).encode


def encode_json(value: Any) -> bytes:
    """Encode any value as JSON; decimals as numbers, NaN and infinity as `null`."""
    try:
        return _encode_free(value)
    except TypeError as problem:
        if "keys are supported" not in str(problem):
            raise
    return _encode_free(_with_text_keys(value))


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        items = typing.cast("Mapping[Any, Any]", value).items()
        return {_key(key): _with_text_keys(item) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [_with_text_keys(item) for item in typing.cast("Iterable[Any]", value)]
    return value


def _key(key: Any) -> Any:
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key) if isinstance(key, tuple) else key


# ---------------------------------------------------------------------- with annotation


class Serializer(typing.NamedTuple):
    """How the results of one route become JSON."""

    encode: Callable[[Any], bytes]
    """The JSON's bytes."""
    plain: Callable[[Any], Any]
    """The same as plain data, for response classes that render it themselves."""


_FREE = Serializer(encode_json, plain)


def serializer(annotation: Any) -> Serializer:
    """Make the functions that validate, filter and encode the results of one route.

    They raise `ResponseValidationError` where a result does not fit.

    Raises:
        UnsupportedTypeError: The annotation is no type of values.
    """
    bared, metadata = bare(annotation)
    if bared in (Any, object, None, type(None)):
        return _FREE
    if speaks_pydantic(bared, metadata):
        return _of_pydantic(annotation)
    narrow = _narrowing(annotation)
    return Serializer(
        lambda value: _encode_declared(narrow(value)), lambda value: plain(narrow(value))
    )


def _of_pydantic(annotation: Any) -> Serializer:
    adapter = adapter_of(annotation)
    validate = _checked(pydantic_convert(annotation))
    return Serializer(
        lambda value: adapter.dump_json(validate(value), by_alias=True),
        lambda value: adapter.dump_python(validate(value), mode="json", by_alias=True),
    )


def _checked(convert: Convert) -> Convert:
    def convert_result(value: Any) -> Any:
        try:
            return convert(value)
        except Invalid as problem:
            raise ResponseValidationError(
                below(problem.errors, "response"), body=value
            ) from None

    return convert_result


def _narrowing(annotation: Any) -> Convert:
    """Make the function that returns a value which shows nothing but what the type names."""
    fits = Fitting().fits(annotation)
    slow = _checked(Shaper(Medium.RESULT).shape(annotation).convert)
    quick = _quick(annotation)

    def narrow(value: Any) -> Any:
        if fits is not None and fits(value):
            return value
        if quick is not None:
            try:
                return quick(value)
            except msgspec.ValidationError:
                pass
        return slow(value)

    return narrow


def _quick(annotation: Any) -> Convert | None:
    """Make msgspec's conversion, where it cannot let anything through.

    It takes an instance of a declared class as it is, with all that stands in its fields.
    """
    if _has_models_in_models(annotation):
        return None
    shaper = Shaper(Medium.RESULT)
    shaper.shape(annotation)
    if shaper.beyond_msgspec:
        return None
    try:
        msgspec.json.Decoder(annotation)
    except (TypeError, ValueError):
        return None
    return lambda value: msgspec.convert(value, annotation, from_attributes=True)


def _has_models_in_models(annotation: Any, inside: bool = False) -> bool:
    annotation, _ = bare(annotation)
    model = model_of(annotation)
    if model is not None:
        return inside or any(_has_models_in_models(f.annotation, True) for f in model.fields)
    return any(_has_models_in_models(part, inside) for part in get_args(annotation))


_ATOMS = (str, int, float, bool, bytes, Decimal, UUID, *TEMPORAL)


class Fitting:
    """Makes the tests that let values pass unchanged. `None`: never."""

    def __init__(self) -> None:
        self._models: dict[Any, list[Fits | None]] = {}

    def fits(self, annotation: Any) -> Fits | None:
        """Make the test for values of a type."""
        annotation, metadata = bare(annotation)
        if metadata:
            return None
        if annotation in (Any, object):
            return _always
        if annotation in _ATOMS:
            return lambda value: type(value) is annotation
        if annotation in (None, type(None)):
            return lambda value: value is None
        members = members_of(annotation)
        if members:
            return self._union(members)
        if get_origin(annotation) is Literal:
            return None
        origin = get_origin(annotation) or annotation
        if isinstance(origin, type) and issubclass(origin, Enum):
            return lambda value: type(value) is annotation
        if origin in (list, set, frozenset, deque):
            return self._collection(origin, get_args(annotation))
        if origin is dict:
            return self._dictionary(get_args(annotation))
        if style_of(annotation) in (Style.STRUCT, Style.DATACLASS, Style.ATTRS):
            return self._model(annotation, origin)
        return None

    def _union(self, members: tuple[Any, ...]) -> Fits | None:
        tests = [test for test in map(self.fits, members) if test is not None]
        return lambda value: any(test(value) for test in tests)

    def _collection(self, origin: Any, arguments: tuple[Any, ...]) -> Fits | None:
        fits = self.fits(arguments[0] if arguments else Any)
        if fits is None:
            return None
        if fits is _always:
            return lambda value: type(value) is origin
        return lambda value: type(value) is origin and all(map(fits, value))

    def _dictionary(self, arguments: tuple[Any, ...]) -> Fits | None:
        key, item = (self.fits(argument) for argument in (arguments or (Any, Any)))
        if key is None or item is None:
            return None
        if key is _always and item is _always:
            return lambda value: type(value) is dict
        return lambda value: (
            type(value) is dict and all(map(key, value)) and all(map(item, value.values()))
        )

    def _model(self, annotation: Any, origin: Any) -> Fits | None:
        if annotation in self._models:
            found = self._models[annotation]
            return lambda value: (test := found[0]) is not None and test(value)
        found = self._models[annotation] = [None]
        model = model_of(annotation)
        assert model is not None
        inner: list[tuple[str, Fits]] = []
        for field in model.fields:
            if _holds_models(field.annotation):
                test = self.fits(field.annotation)
                if test is None:
                    return None
                inner.append((field.attribute, test))
        if not inner:
            test = lambda value: type(value) is origin
        else:
            test = lambda value: type(value) is origin and all(
                fits(getattr(value, name)) for name, fits in inner
            )
        found[0] = test
        return test


def _holds_models(annotation: Any) -> bool:
    annotation, _ = bare(annotation)
    return model_of(annotation) is not None or any(map(_holds_models, get_args(annotation)))


def _always(value: Any) -> bool:
    return True
