"""Starlette's data structures under the name at which FastAPI has them, and `UploadFile`."""

from typing import Any

import starlette.datastructures
from starlette.datastructures import URL, Address, FormData, Headers, QueryParams, State

__all__ = ["URL", "Address", "FormData", "Headers", "QueryParams", "State", "UploadFile"]


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
