"""What the readers of a schema are told of an application."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from microfw.exceptions import DeclarationError


class AppDocumentation(TypedDict, total=False):
    """What OpenAPI says of an application.

    `openapi_url` is where the document is served, `None` nowhere. `root_path_in_servers` is whether
    the path below which a proxy serves the application is listed among its `servers`. Of a model
    that takes other data than it gives, `separate_input_output_schemas` is whether both are shown.
    """

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
    openapi_url: str | None
    openapi_version: str
    docs_url: None
    redoc_url: None
    swagger_ui_oauth2_redirect_url: None
    swagger_ui_init_oauth: None
    swagger_ui_parameters: None


_NOT_THERE = (
    "docs_url",
    "redoc_url",
    "swagger_ui_oauth2_redirect_url",
    "swagger_ui_init_oauth",
    "swagger_ui_parameters",
)
"""What is asked for with these, is not there yet; without it, as with `None`, there is nothing."""


def check_documentation(given: Mapping[str, Any]) -> None:
    """Refuse the arguments of an application that nobody knows, and what is not there yet.

    Raises:
        DeclarationError: A page that shows the document is to be served.
    """
    unknown = [name for name in given if name not in AppDocumentation.__optional_keys__]
    if unknown:
        raise TypeError(f"App() got an unexpected keyword argument {unknown[0]!r}")
    for name in _NOT_THERE:
        if given.get(name) is not None:
            raise DeclarationError(
                f"{name}={given[name]!r} asks for OpenAPI's pages, which are not there yet",
                where=f"App({name}=...)",
                cure=f"write {name}=None, or leave it out",
            )
