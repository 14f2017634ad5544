"""Values without parts: from text or JSON to the type that is declared.

What is accepted, and what is said of the rest, is what pydantic accepts and says in its lax mode.
Each function takes any value, and returns one of its type or raises `Invalid`.
"""

import re
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from microfw._validation._errors import Invalid, invalid, listed
from microfw._validation._plain import is_hashable

_BOOLEANS = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
_INTEGER = re.compile(r"([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?")
_FEW_DIGITS = 20
_MAX_DIGITS = 4300
_FLOATS_END = 2**63  # from here on a float does not say which integer is meant
# Unicode's white space; without the separators U+001C to U+001F, which `str.strip` takes too.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_GROUPS = (8, 4, 4, 4, 12)


def to_any(value: Any) -> Any:
    return value


def to_str(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise invalid(
                "string_unicode",
                "Input should be a valid string, unable to parse raw data as a unicode string",
                value,
            ) from None
    if isinstance(value, str):
        return value.value if isinstance(value, Enum) else str(value)
    raise invalid("string_type", "Input should be a valid string", value)


def to_int(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and len(value) < _FEW_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, str | bytes):
        return _int_of_text(_text(value), value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        if not isfinite(value):
            raise invalid("finite_number", "Input should be a finite number", value)
        if not -_FLOATS_END < value < _FLOATS_END:
            raise _too_large(value)
        if value == int(value):
            return int(value)
        raise invalid(
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
            value,
        )
    raise invalid("int_type", "Input should be a valid integer", value)


def _int_of_text(text: str, value: object) -> int:
    if len(text) > _MAX_DIGITS:
        raise _too_large(value)
    found = _INTEGER.fullmatch(text.strip(_SPACE))
    if found is None:
        raise invalid(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
            value,
        )
    return int(found[1])


def _too_large(value: object) -> Invalid:
    return invalid(
        "int_parsing_size",
        "Unable to parse input string as an integer, exceeded maximum size",
        value,
    )


def to_float(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, str | bytes):
        text = _text(value)
        try:
            if text.isascii() or text.strip(_SPACE).isascii():
                return float(text.strip(_SPACE))
        except ValueError:
            pass
        raise invalid(
            "float_parsing",
            "Input should be a valid number, unable to parse string as a number",
            value,
        )
    if isinstance(value, int | float | Decimal):
        try:
            return float(value)
        except OverflowError:
            raise invalid("finite_number", "Input should be a finite number", value) from None
    raise invalid("float_type", "Input should be a valid number", value)


def to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    if isinstance(value, str | bytes):
        found = _BOOLEANS.get(_text(value).lower())
        if found is not None:
            return found
    elif isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    elif not isinstance(value, int):
        raise invalid("bool_type", "Input should be a valid boolean", value)
    raise invalid(
        "bool_parsing", "Input should be a valid boolean, unable to interpret input", value
    )


def to_none(value: Any) -> None:
    if value is not None:
        raise invalid("none_required", "Input should be None", value)


def to_bytes(value: Any) -> bytes:
    """Bytes as they are, text in UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise invalid("bytes_type", "Input should be a valid bytes", value)


def to_bytes_of_base64(value: Any) -> bytes:
    """Bytes as JSON carries them: in base64 (RFC 4648, section 4)."""
    if isinstance(value, str):
        try:
            return msgspec.convert(value, bytes)
        except msgspec.ValidationError:
            raise invalid(
                "bytes_invalid_encoding",
                "Data should be valid base64: Invalid base64 encoded string",
                value,
                encoding="base64",
                encoding_error="Invalid base64 encoded string",
            ) from None
    return to_bytes(value)


def to_decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise invalid(
            "decimal_type",
            "Decimal input should be an integer, float, string or Decimal object",
            value,
        )
    try:
        return Decimal(str(value).strip(_SPACE))
    except (InvalidOperation, ValueError):
        raise invalid("decimal_parsing", "Input should be a valid decimal", value) from None


def to_uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str):
        raise invalid("uuid_type", "UUID input should be a string, bytes or UUID object", value)
    text = value
    if value[:1] == "{" and value[-1:] == "}":
        text = value[1:-1]
    elif value.startswith("urn:uuid:"):
        text = value[9:]
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        problem = _uuid_problem(text)
        raise invalid(
            "uuid_parsing", f"Input should be a valid UUID, {problem}", value, error=problem
        ) from None


def _uuid_problem(text: str) -> str:
    for position, character in enumerate(text):
        if character not in "0123456789abcdefABCDEF-":
            return f"invalid character: found `{character}` at {position}"
    groups = text.split("-")
    if len(groups) == 1:
        return f"invalid length: found {len(text)}"
    if len(groups) != len(_GROUPS):
        return f"invalid group count: expected {len(_GROUPS)}, found {len(groups)}"
    lengths = [len(group) for group in groups]
    number = next(number for number in range(5) if lengths[number] != _GROUPS[number])
    expected, found = _GROUPS[number], lengths[number]
    return f"invalid group length in group {number}: expected {expected}, found {found}"


class TextConverter:
    """From text to a class whose constructor takes it, and refuses it with a `ValueError`."""

    __slots__ = ("_error", "_kind", "_message")

    def __init__(self, kind: type[Any], error: str, message: str) -> None:
        self._kind = kind
        self._error = error
        self._message = message

    def __call__(self, value: Any) -> Any:
        if isinstance(value, self._kind):
            return value
        if isinstance(value, str):
            try:
                return self._kind(value)
            except ValueError:
                pass
        raise invalid(self._error, self._message, value)


class EnumConverter:
    """From a member's value to the member; numbers in text only for enums that are numbers."""

    __slots__ = ("_enum", "_expected", "_members", "_to_value")

    def __init__(self, enum: Any) -> None:
        members: list[Any] = list(enum)
        self._enum = enum
        self._members = {member.value: member for member in members if is_hashable(member.value)}
        self._expected = listed(member.value for member in members)
        kinds = ((str, to_str), (int, to_int), (float, to_float))
        self._to_value = next(
            (convert for kind, convert in kinds if issubclass(enum, kind)), to_any
        )

    def __call__(self, value: Any) -> Any:
        if isinstance(value, self._enum):
            return value
        try:
            return self._members[value]
        except (KeyError, TypeError):
            pass
        try:
            # `Enum.__call__` hears of `_missing_` and of combined flags.
            return self._enum(self._to_value(value))
        except (Invalid, ValueError, TypeError, KeyError):
            raise invalid(
                "enum", f"Input should be {self._expected}", value, expected=self._expected
            ) from None


class LiteralConverter:
    """One of the given values, by equality; an enum's member by its value too."""

    __slots__ = ("_expected", "_values")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self._expected = listed(values)
        self._values: dict[Any, Any] = {}
        for value in values:
            self._values.setdefault(value, value)
            if isinstance(value, Enum):
                self._values.setdefault(value.value, value)

    def __call__(self, value: Any) -> Any:
        try:
            return self._values[value]
        except (KeyError, TypeError):
            raise invalid(
                "literal_error",
                f"Input should be {self._expected}",
                value,
                expected=self._expected,
            ) from None


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
