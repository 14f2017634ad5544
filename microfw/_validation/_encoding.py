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

from microfw._validation._pydantic import adapter_of

_ADDRESSES = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)


def encoded_object(value: Any) -> Any:
    """Find what stands in JSON for an object that msgspec does not know."""
    if type(value) in _ONLY_KEYS:
        return _encoded_key(value)
    for kind, convert in _ENCODERS:
        if isinstance(value, kind):
            return convert(value)
    if hasattr(value, "__pydantic_serializer__"):
        return adapter_of(type(value)).dump_python(value, mode="json", by_alias=True)
    if hasattr(value, "get_secret_value") or is_of_pydantic(value):
        return str(value)
    if hasattr(value, "__iter__"):
        return list(value)
    attributes = getattr(value, "__dict__", None)
    if attributes is None or isinstance(value, type) or callable(value):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeError(f"a {kind} is no JSON value: {value!r}")
    # "_sa" begins the names of what SQLAlchemy keeps on its objects.
    return {name: item for name, item in attributes.items() if not name.startswith("_sa")}


def _encoded_key(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return encode_json(value).decode()  # as the standard library has it
    raise TypeError(f"{value!r} cannot be a key in JSON")


def is_of_pydantic(value: object) -> bool:
    """Tell whether it is one of pydantic's values that are text, such as its URLs."""
    return type(value).__module__.partition(".")[0] in ("pydantic", "pydantic_core")


# msgspec asks about these where they are keys.
_ONLY_KEYS = {type(None), bool, list, tuple, set, frozenset, dict}

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


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(
    enc_hook=encoded_object, decimal_format="number"
).encode
"""Encode any value; decimals as numbers, bytes in base64, NaN and infinity as `null`.

Raises `TypeError` where nothing stands in JSON for a value.
"""

encode_declared: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=encoded_object).encode
"""The same for a value that its annotation describes; decimals as text, with all their digits."""
