"""What is shown of the values of a request, where somebody asks for them: never a secret.

Secret is each cookie; what a type such as pydantic's `SecretStr` holds; and what has a name that is
mostly that of a secret, as a parameter, a field or a key, with all that is inside of it. In text,
JSON Web Tokens and what URLs hold ahead of their host are hidden. Of a class whose fields are not
known only the name is shown.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from starlette.datastructures import UploadFile

from microfw._models import HIDDEN, Field, fields_of, is_array, is_mapping, is_set
from microfw.dependencies import INVALID, ReadValue
from microfw.params import RequestValue, Source

_LONGEST = 200
_MOST = 20
_DEEPEST = 5
_LEFT_OUT = "…"

_WORD = re.compile(r"[A-Z]*[a-z]+|[A-Z]+|\d+")
_SECRET_WORDS = frozenset(
    {
        *("auth", "authorization", "bearer", "cookie", "credential", "credentials", "csrf"),
        *("cvc", "cvv", "iban", "jwt", "key", "nonce", "otp", "pass", "passcode", "passphrase"),
        *("passwd", "password", "pin", "private", "pwd", "secret", "secrets", "session", "sid"),
        *("sig", "signature", "ssn", "token", "tokens", "xsrf"),
    }
)
_SECRET_PARTS = ("apikey", "authorization", "passphrase", "password", "secret", "token")
_SECRET_TEXT = re.compile(r"(?<=://)[^/@\s]++(?=@)|\b(?P<token>eyJ[\w.-]*+)")
"""What is ahead of a host; a JSON Web Token, which has two dots, or what else begins like one."""
_PLAIN = (bool, int, float, Decimal, date, time, timedelta, UUID, PurePath, type(None))


def shown_value(read: ReadValue, value: Any) -> str:
    """Write a value that was read.

    Args:
        read: What is known of it.
        value: The value.
    """
    if isinstance(read, RequestValue) and read.source is Source.COOKIE:
        return HIDDEN
    if value is INVALID:
        return "not valid"
    return _named(read.key, value, 0)


def is_secret(name: str) -> bool:
    """Whether a name is mostly that of a secret; what is too long to be a name may be one."""
    if len(name) > _LONGEST:
        return True
    words = {word.lower() for word in _WORD.findall(name)}
    joined = "".join(char for char in name.lower() if char.isalnum())
    return not words.isdisjoint(_SECRET_WORDS) or any(part in joined for part in _SECRET_PARTS)


def _named(name: object, value: Any, level: int) -> str:
    if isinstance(name, str) and is_secret(name):
        return HIDDEN
    return _written(value, level + 1)


def _written(value: Any, level: int) -> str:
    if hasattr(value, "get_secret_value"):
        return HIDDEN
    simple = _simple(value)
    if simple is not None:
        return simple
    if level > _DEEPEST:
        return _LEFT_OUT
    name = type(value).__name__
    fields = fields_of(type(value))
    if fields:
        return f"{name}({_listed(_fields(fields, value, level))})"
    if is_mapping(value):
        items = (
            f"{_written(key, level)}: {_named(key, each, level)}" for key, each in value.items()
        )
        return f"{{{_listed(items)}}}"
    if is_array(value) or is_set(value):
        return f"[{_listed(_written(each, level + 1) for each in value)}]"
    return f"{name}(…)"


def _simple(value: Any) -> str | None:
    """Write what has no parts."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, str):
        text = _SECRET_TEXT.sub(_hidden, value)
        return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + _LEFT_OUT)
    if isinstance(value, _PLAIN):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    if isinstance(value, UploadFile):
        return f"<file {value.filename!r}, {value.size} bytes>"
    return None


def _hidden(found: re.Match[str]) -> str:
    token: str | None = found["token"]
    return token if token is not None and token.count(".") < 2 else HIDDEN


def _fields(fields: Iterable[Field], value: Any, level: int) -> Iterator[str]:
    for field in fields:
        secret = next(filter(is_secret, field.keys), field.name)
        inside = getattr(value, field.name, _LEFT_OUT)
        yield f"{field.name}={_named(secret, inside, level)}"


def _listed(parts: Iterator[str]) -> str:
    shown = [*islice(parts, _MOST + 1)]
    return ", ".join([*shown[:_MOST], _LEFT_OUT] if len(shown) > _MOST else shown)
