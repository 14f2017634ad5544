"""What the readers of a schema are told of an application."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class AppDocumentation(TypedDict, total=False):
    """What OpenAPI says of an application; it changes nothing else, and is kept for that."""

    title: str
    summary: str | None
    description: str
    version: str
    terms_of_service: str | None
    contact: Mapping[str, Any] | None
    license_info: Mapping[str, Any] | None
    openapi_tags: Sequence[Mapping[str, Any]] | None
    openapi_external_docs: Mapping[str, Any] | None
    servers: Sequence[Mapping[str, Any]] | None
    root_path_in_servers: bool
    webhooks: Any
    separate_input_output_schemas: bool


def check_documentation(given: Mapping[str, Any]) -> None:
    """Refuse the arguments of an application that nobody knows."""
    unknown = [name for name in given if name not in AppDocumentation.__optional_keys__]
    if unknown:
        raise TypeError(f"App() got an unexpected keyword argument {unknown[0]!r}")
