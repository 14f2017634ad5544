"""Starlette's data structures under the name at which FastAPI has them, and `UploadFile`."""

from collections.abc import Mapping
from typing import Any

import starlette.datastructures
from starlette.datastructures import URL, Address, FormData, Headers, QueryParams, State

__all__ = [
    "URL",
    "Address",
    "Default",
    "DefaultPlaceholder",
    "FormData",
    "Headers",
    "QueryParams",
    "State",
    "UploadFile",
]


class DefaultPlaceholder:
    """A default: it gives way to any value that is passed."""

    def __init__(self, value: Any) -> None:
        self.value: Any = value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DefaultPlaceholder) and other.value == self.value

    def __hash__(self) -> int:
        return hash(DefaultPlaceholder)


def Default(value: Any) -> Any:  # noqa: N802 - FastAPI's name for it
    """Mark a value as a default.

    Routers and applications take it for an option, from subclasses made for FastAPI.
    """
    return DefaultPlaceholder(value)


def without_placeholders(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options, with the values of their defaults; those without a value are left out."""
    values = {
        name: value.value if isinstance(value, DefaultPlaceholder) else value
        for name, value in options.items()
    }
    return {name: value for name, value in values.items() if value is options[name] or value}


class UploadFile(starlette.datastructures.UploadFile):
    """A file that was sent in a form; a large one is on disk.

    In an async function use `await file.read()`, in a sync one `file.file`, an open binary file.
    It is closed when the background tasks of the request have run (rule B5).
    Starlette's own class may be annotated, too. Pydantic's models take this one as a field.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(upload_of)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "application/octet-stream"}


def upload_of(value: Any) -> UploadFile:
    """Make an `UploadFile` of Starlette's, about the same open file.

    Raises:
        ValueError: The value is no file.
    """
    if not isinstance(value, starlette.datastructures.UploadFile):
        raise ValueError(f"Expected UploadFile, received: {type(value)}")
    return UploadFile(value.file, size=value.size, filename=value.filename, headers=value.headers)
