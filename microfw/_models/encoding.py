"""Any value -> JSON."""

import re
import reprlib
from collections import UserString
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec

from microfw._models.annotations import is_of_pydantic
from microfw._models.plain import kind_of

_ADDRESSES = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)


class NoJSONValueError(TypeError):
    """There is no JSON for a value."""


def encoded_object(value: Any) -> Any:
    """Convert an object that msgspec does not know to one that it does.

    Raises:
        NoJSONValueError: Nothing does.
    """
    if type(value) in _ONLY_KEYS:
        return _encoded_key(value)
    convert = encoder_of_subclass(value)
    if convert is not None:
        return _converted(value, convert)
    kind = kind_of(value)
    if issubclass(kind, type) and not hasattr(kind, "__iter__"):  # which enums have
        raise _no_value(value)
    if hasattr(value, "__pydantic_serializer__"):
        return _converted(value, _dumped)
    if hasattr(value, "get_secret_value") or is_of_pydantic(value):
        return str(value)
    if hasattr(kind, "keys") and hasattr(kind, "__getitem__"):  # a database's row
        return _converted(value, dict)
    if hasattr(value, "__iter__"):
        return _converted(value, list)
    return _attributes(value)


def encoder_of_subclass(value: Any) -> Callable[[Any], Any] | None:
    """Find what makes of a value one of the class, known to msgspec, that it is a subclass of."""
    return next((convert for kind, convert in _ENCODERS if isinstance(value, kind)), None)


_repr = reprlib.Repr()  # which survives a `__repr__` that raises
_repr.maxother = 100
_shown = _repr.repr


def _converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Convert a value that may only pose as one of its class."""
    try:
        return convert(value)
    except _MISFITS as problem:
        raise _no_value(value) from problem


_MISFITS = (AttributeError, TypeError, ValueError, OverflowError)


def _dumped(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    return value.__pydantic_serializer__.to_python(value, mode="json", by_alias=True)


def _attributes(value: Any) -> dict[str, Any]:
    attributes = visible_attributes(value)
    if attributes is None:
        raise _no_value(value)
    # "_sa" begins the names of what SQLAlchemy keeps on its objects.
    return {name: item for name, item in attributes.items() if not name.startswith("_sa")}


def visible_attributes(value: Any) -> dict[str, Any] | None:
    """Return the attributes that are an object's data; `None` if it keeps its data elsewhere."""
    attributes: dict[str, Any] | None = getattr(value, "__dict__", None)
    if attributes is None or callable(value):
        return None
    has_some = any(not name.startswith("_sa") for name in attributes)
    return attributes if has_some or isinstance(value, _PERHAPS_EMPTY) else None


# Exceptions stand in the errors of validation, where FastAPI has their attributes, too.
_PERHAPS_EMPTY = (SimpleNamespace, BaseException)


def encoded_result(value: Any) -> Any:
    """Find the same for what an endpoint returns, where an exception is no empty object.

    Raises:
        NoJSONValueError: There is nothing.
    """
    if isinstance(value, BaseException) and not value.__dict__:
        raise _no_value(value)
    return encoded_object(value)


def _no_value(value: Any) -> NoJSONValueError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return NoJSONValueError(f"a {kind} is no JSON value: {_shown(value)}")


def _encoded_key(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return encode_json(value).decode()  # as the standard library has it
    raise NoJSONValueError(f"{_shown(value)} cannot be a key in JSON")


# msgspec asks about these where they are keys.
_ONLY_KEYS = {type(None), bool, list, tuple, set, frozenset, dict}


# The classes are defaults because freezegun replaces the global names by its subclasses.
def _to_datetime(value: datetime, make: type[datetime] = datetime) -> datetime | str:
    parts = (value.year, value.month, value.day, value.hour, value.minute, value.second)
    plain = make(*parts, value.microsecond, value.tzinfo, fold=value.fold)
    return plain if plain == value else value.isoformat()  # pandas' have nanoseconds


def _to_date(value: date, make: type[date] = date) -> date:
    return make(value.year, value.month, value.day)


def _to_time(value: time) -> time:
    parts = (value.hour, value.minute, value.second, value.microsecond, value.tzinfo)
    return time(*parts, fold=value.fold)


# Subclasses of what msgspec knows are unknown to it.
_ENCODERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (int, int),
    (float, float),
    (str, "".join),
    ((bytes, bytearray, memoryview), bytes),
    (datetime, _to_datetime),
    (date, _to_date),
    (time, _to_time),
    (timedelta, lambda value: timedelta(value.days, value.seconds, value.microseconds)),
    (Decimal, Decimal),
    (UUID, lambda value: UUID(int=value.int)),
    (Mapping, dict),
    ((PurePath, UserString, *_ADDRESSES), str),
    (re.Pattern, lambda value: value.pattern),
)


KNOWN_BY_CLASS: Any = tuple(known for known, _ in _ENCODERS if known is not Mapping)
"""Classes whose instances, and those of subclasses, are values."""

encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(
    enc_hook=encoded_object, decimal_format="number"
).encode
"""Encode any value; decimals as numbers, bytes in base64, NaN and infinity as `null`.

Raises `NoJSONValueError` where nothing stands in JSON for a value.
"""

encode_undeclared: Callable[[Any], bytes] = msgspec.json.Encoder(
    enc_hook=encoded_result, decimal_format="number"
).encode
"""The same for what an endpoint returns."""

encode_declared: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=encoded_result).encode
"""The same for a value that its annotation describes; decimals as text, with all their digits."""


def plain_data(value: Any) -> Any:
    """Write any value as data that JSON has.

    Raises:
        NoJSONValueError: Nothing stands in JSON for it.
    """
    return msgspec.to_builtins(value, enc_hook=encoded_result, str_keys=True)
