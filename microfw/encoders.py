"""Any value -> plain data, such as `json.dumps` takes.

Responses need none of this: they encode whatever is returned. It is for those who want the data
itself, to store it or to compare it.
"""

import re
from collections import deque
from collections.abc import Callable, Collection, Mapping
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
from pathlib import PurePath
from types import GeneratorType, MappingProxyType
from typing import Any
from uuid import UUID

from msgspec import UNSET

from microfw._models import (
    encoder_finder,
    fields_of_class,
    inside_of,
    is_class,
    is_mapping,
    is_of_pydantic,
    kind_of,
    parts_of,
    visible_attributes,
)

__all__ = ["ENCODERS_BY_TYPE", "decimal_encoder", "isoformat", "jsonable_encoder"]

Encode = Callable[[Any], Any]
Parts = Mapping[Any, Any] | None

_ARRAYS: tuple[type[Any], ...] = (list, tuple, set, frozenset, deque, GeneratorType)
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


def isoformat(o: date | time) -> str:
    """Write a date or a time as ISO 8601 has it."""
    return o.isoformat()


def decimal_encoder(dec_value: Decimal) -> int | float:
    """Return a decimal without fraction as an integer, another as a float."""
    exponent = dec_value.as_tuple().exponent
    is_whole = isinstance(exponent, int) and exponent >= 0
    return int(dec_value) if is_whole else float(dec_value)


ENCODERS_BY_TYPE: dict[type[Any], Encode] = {
    bytes: lambda value: value.decode(),
    bytearray: lambda value: value.decode(),
    memoryview: lambda value: bytes(value).decode(),
    datetime: isoformat,
    date: isoformat,
    time: isoformat,
    timedelta: lambda value: value.total_seconds(),
    Decimal: decimal_encoder,
    Enum: lambda value: value.value,
    frozenset: list,
    deque: list,
    GeneratorType: list,
    IPv4Address: str,
    IPv4Interface: str,
    IPv4Network: str,
    IPv6Address: str,
    IPv6Interface: str,
    IPv6Network: str,
    PurePath: str,
    re.Pattern: lambda value: value.pattern,
    set: list,
    UUID: str,
}
"""What becomes of values of these classes, and of their subclasses."""


def jsonable_encoder(
    obj: Any,
    include: Collection[Any] | Mapping[Any, Any] | None = None,
    exclude: Collection[Any] | Mapping[Any, Any] | None = None,
    by_alias: bool = True,
    exclude_unset: bool = False,
    exclude_defaults: bool = False,
    exclude_none: bool = False,
    custom_encoder: Mapping[Any, Encode] | None = None,
    sqlalchemy_safe: bool = True,
) -> Any:
    """Turn a value into dicts, lists, text, numbers, booleans and `None`.

    Args:
        obj: The value: anything with fields or attributes, containers of such, dates, ...
        include: The names of the fields that are wanted, or the keys of a dict; of a list, those
            of each item.
        exclude: The names of those that are not.
        by_alias: Whether fields go by their names in JSON.
        exclude_unset: Leave out what was not set, where a class keeps track of that.
        exclude_defaults: Leave out fields that equal their defaults.
        exclude_none: Leave out what is `None`.
        custom_encoder: Functions by class, which come before all else. A subclass that has none
            is encoded as its nearest base.
        sqlalchemy_safe: Leave out names that begin with `_sa`, which are SQLAlchemy's own.

    Raises:
        ValueError: There is nothing to be seen on a value.
    """
    encoder = _Encoder(
        by_alias=by_alias,
        exclude_unset=exclude_unset,
        exclude_defaults=exclude_defaults,
        exclude_none=exclude_none,
        custom_encoder=custom_encoder or {},
        sqlalchemy_safe=sqlalchemy_safe,
    )
    return encoder.encode(obj, parts_of(include), parts_of(exclude))


class _Encoder:
    """One call of `jsonable_encoder`."""

    def __init__(
        self,
        *,
        by_alias: bool = True,
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
        custom_encoder: Mapping[Any, Encode] = _NOTHING,
        sqlalchemy_safe: bool = True,
    ) -> None:
        self._by_alias = by_alias
        self._exclude_unset = exclude_unset
        self._exclude_defaults = exclude_defaults
        self._exclude_none = exclude_none
        self._sqlalchemy_safe = sqlalchemy_safe
        self._find_custom = encoder_finder(custom_encoder)
        self._find_known = encoder_finder(ENCODERS_BY_TYPE)

    def encode(self, value: Any, include: Parts = None, exclude: Parts = None) -> Any:
        custom = self._find_custom(kind_of(value))
        if custom is not None:
            return custom(value)
        if _is_model(value):
            return self._of_pydantic(value, include, exclude)
        if isinstance(value, Enum):
            return value.value
        if value is None or isinstance(value, str | int | float):
            return value
        if is_mapping(value):
            return self._of_mapping(value, include, exclude)
        if isinstance(value, _ARRAYS):
            return [self.encode(item, include, exclude) for item in iter(value)]
        known = self._find_known(kind_of(value)) or _posed_as(value)
        if known is not None:
            return known(value)
        return self._of_object(value, include, exclude)

    def _of_pydantic(self, value: Any, include: Parts, exclude: Parts) -> Any:
        dumped = value.model_dump(
            mode="json",
            include=include,
            exclude=exclude,
            by_alias=self._by_alias,
            exclude_unset=self._exclude_unset,
            exclude_defaults=self._exclude_defaults,
            exclude_none=self._exclude_none,
        )
        rest = _Encoder(exclude_none=self._exclude_none, sqlalchemy_safe=self._sqlalchemy_safe)
        return rest.encode(dumped)

    def _of_mapping(self, value: Mapping[Any, Any], include: Parts, exclude: Parts) -> Any:
        return {
            self.encode(key): self.encode(item)
            for key, item in value.items()
            if self._is_wanted(key, item)
            and (include is None or key in include)
            and (exclude is None or key not in exclude)
        }

    def _of_object(self, value: Any, include: Parts, exclude: Parts) -> Any:
        of = fields_of_class(kind_of(value))
        if of is None:
            return self._of_attributes(value, include, exclude)
        encoded: dict[str, Any] = {} if of.tag is None else {of.tag[0]: of.tag[1]}
        for field in of.fields:
            item = getattr(value, field.name, UNSET)
            inside = inside_of(field.name, include, exclude)
            if inside is None or item is UNSET or not self._is_wanted(field.name, item):
                continue
            if not (self._exclude_defaults and field.is_default(item)):
                key = self.encode(field.key if self._by_alias else field.name)
                encoded[key] = self.encode(item, *inside)
        return encoded

    def _of_attributes(self, value: Any, include: Parts, exclude: Parts) -> Any:
        if type(value).__name__ == "PydanticUndefinedType":
            return None
        is_text = hasattr(value, "get_secret_value") or is_of_pydantic(value)
        if is_text and not is_class(value):
            return str(value)
        return self._of_mapping(_data_of(value), include, exclude)

    def _is_wanted(self, name: object, item: object) -> bool:
        if item is None and self._exclude_none:
            return False
        # "_sa" begins the names of what SQLAlchemy keeps on its objects.
        return not (self._sqlalchemy_safe and isinstance(name, str) and name.startswith("_sa"))


def _is_model(value: object) -> bool:
    return hasattr(value, "model_dump") and not is_class(value)


def _posed_as(value: Any) -> Encode | None:
    """Find the encoder of the class that a value says it is of, as proxies do."""
    if value.__class__ is type(value):
        return None
    known = (encode for kind, encode in ENCODERS_BY_TYPE.items() if isinstance(value, kind))
    return next(known, None)


def _data_of(value: Any) -> Mapping[Any, Any]:
    attributes: Mapping[Any, Any] | None
    try:
        return dict(value)
    except Exception as not_iterable:
        try:
            attributes = visible_attributes(value)
        except Exception:  # a `__dict__` of its own
            attributes = None
        if attributes is None:
            raise ValueError(f"nothing can be seen on {value!r}") from not_iterable
        return attributes
