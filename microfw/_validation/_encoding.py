"""Any value -> JSON."""

import re
from collections.abc import Callable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import PurePath
from typing import Any

import msgspec

from microfw._validation._plain import is_array, is_mapping
from microfw._validation._pydantic import adapter_of

_ADDRESSES = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)


def _encoded_object(value: Any) -> Any:
    """Find what stands in JSON for an object that msgspec does not know."""
    for kind, convert in _ENCODERS:
        if isinstance(value, kind):
            return convert(value)
    if hasattr(value, "__pydantic_serializer__"):
        return adapter_of(type(value)).dump_python(value, mode="json", by_alias=True)
    if hasattr(value, "get_secret_value") or _is_of_pydantic(value):
        return str(value)
    if hasattr(value, "__iter__"):
        return list(value)
    attributes = getattr(value, "__dict__", None)
    if attributes is None or isinstance(value, type) or callable(value):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeError(f"a {kind} is no JSON value: {value!r}")
    # "_sa" begins the names of what SQLAlchemy keeps on its objects.
    return {name: item for name, item in attributes.items() if not name.startswith("_sa")}


def _is_of_pydantic(value: object) -> bool:
    """Tell whether it is one of pydantic's values that are text, such as its URLs."""
    return type(value).__module__.partition(".")[0] in ("pydantic", "pydantic_core")


# Subclasses of what msgspec knows are unknown to it.
_ENCODERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (int, int),
    (float, float),
    (str, "".join),
    ((bytes, bytearray), bytes),
    (Mapping, dict),
    ((PurePath, *_ADDRESSES), str),
    (re.Pattern, lambda value: value.pattern),
)


_encode_freely = msgspec.json.Encoder(enc_hook=_encoded_object, decimal_format="number").encode
encode_declared = msgspec.json.Encoder(enc_hook=_encoded_object).encode
"""Encode a value that its annotation describes; decimals as text, which keeps their digits."""


def encode_json(value: Any) -> bytes:
    """Encode any value; decimals as numbers, bytes in base64, NaN and infinity as `null`.

    Raises:
        TypeError: Nothing stands in JSON for a value.
    """
    try:
        return _encode_freely(value)
    except TypeError as problem:
        if "keys are supported" not in str(problem):
            raise
    return _encode_freely(_with_json_keys(value))


def _with_json_keys(value: Any) -> Any:
    if is_mapping(value):
        items = value.items()
        return {_json_key(key): _with_json_keys(item) for key, item in items}
    if is_array(value):
        return [_with_json_keys(item) for item in value]
    return value


def _json_key(key: Any) -> Any:
    """Write a key as the standard library does: `null`, `true`; tuples as text."""
    if key is None or isinstance(key, bool):
        return msgspec.json.encode(key).decode()
    return str(key) if is_array(key) else key
