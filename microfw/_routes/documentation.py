"""What an OpenAPI document says of an application."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class AppDocumentation(TypedDict, total=False):
    """What OpenAPI says of an application.

    `openapi_url` is where the document is served, `docs_url` the page with which to try it,
    `redoc_url` the page to read it, `swagger_ui_oauth2_redirect_url` the one to which OAuth2
    providers lead back; `None` is nowhere, and without the document there are no pages.
    `swagger_ui_parameters` and `swagger_ui_init_oauth` are for Swagger UI.
    `root_path_in_servers` is whether the path below which a proxy serves the application is listed
    among its `servers`. Of a model that takes other data than it gives,
    `separate_input_output_schemas` is whether both are shown. `document_lifecycle` is whether the
    description of each operation lists its dependencies in the order of their setup, and until when
    they are open; with `microfw dev` that is so where nothing is said.
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
    document_lifecycle: bool | None
    openapi_url: str | None
    openapi_version: str
    docs_url: str | None
    redoc_url: str | None
    swagger_ui_oauth2_redirect_url: str | None
    swagger_ui_init_oauth: Mapping[str, Any] | None
    swagger_ui_parameters: Mapping[str, Any] | None
