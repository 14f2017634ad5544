"""Routes -> an OpenAPI document."""

import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.routing import BaseRoute

from microfw._models import encode_json, is_array, is_mapping, parse_json
from microfw._routes import PARAMETER
from microfw.openapi._failures import Failures
from microfw.openapi._operations import Operations, documented
from microfw.openapi._schemas import Schemas
from microfw.openapi.constants import REF_PREFIX

__all__ = ["get_openapi"]

logger: logging.Logger = logging.getLogger("microfw")


def get_openapi(
    *,
    title: str,
    version: str,
    openapi_version: str = "3.1.0",
    summary: str | None = None,
    description: str | None = None,
    routes: Sequence[BaseRoute],
    webhooks: Sequence[BaseRoute] | None = None,
    tags: Sequence[Mapping[str, Any]] | None = None,
    servers: Sequence[Mapping[str, Any]] | None = None,
    terms_of_service: str | None = None,
    contact: Mapping[str, Any] | None = None,
    license_info: Mapping[str, Any] | None = None,
    separate_input_output_schemas: bool = True,
    external_docs: Mapping[str, Any] | None = None,
    limits_bodies: bool = True,
    document_lifecycle: bool = False,
) -> dict[str, Any]:
    """Describe routes in an OpenAPI document. Routes that are not microfw's are left out.

    A type that has no JSON schema is logged as an error, with its route and a cure. The document
    allows anything in its place.

    Args:
        title: Of the API.
        version: Of the API.
        openapi_version: Of the format. From "3.2.0" on, streams have a schema of their items.
        summary: Of the API.
        description: Of the API; Markdown.
        routes: `app.routes`.
        webhooks: What the application sends to others: the routes of `app.webhooks`.
        tags: What is said of tags, and in which order they stand.
        servers: Where the API is served.
        terms_of_service: A URL.
        contact: A name, a URL, an e-mail address.
        license_info: A name, an identifier or a URL.
        separate_input_output_schemas: Whether a model has two schemas where what it takes differs
            from what it gives.
        external_docs: A URL and a description.
        limits_bodies: Whether larger bodies are answered with 413 where a route says nothing of it.
        document_lifecycle: Whether the description of each operation lists its dependencies, in the
            order of their setup, and until when they are open.
    """
    schemas = Schemas(separate=separate_input_output_schemas)
    described = [
        Operations(route, schemas, lifecycle=document_lifecycle) for route in documented(routes)
    ]
    described_webhooks = [
        Operations(route, schemas, is_received=False) for route in documented(webhooks or ())
    ]
    schemas.resolve()
    for mistake in schemas.mistakes:
        logger.error("%s", mistake)
    failures = Failures(schemas.definitions, limits_bodies=limits_bodies)
    made: dict[str, Any] = {}
    paths = _paths(described, failures, made, openapi_version)
    webhook_paths = _paths(described_webhooks, failures, made, openapi_version)
    info: dict[str, Any] = {
        "title": title,
        "version": version,
        "summary": summary,
        "description": description,
        "termsOfService": terms_of_service,
        "contact": contact,
        "license": license_info,
    }
    security = {
        name: scheme
        for operations in (*described, *described_webhooks)
        for name, scheme in operations.security.schemes.items()
    }
    known = {**schemas.definitions, **made, **failures.schemas}
    used = _used({"paths": paths, "webhooks": webhook_paths}, known)
    components = {"schemas": used, "securitySchemes": security}
    document: dict[str, Any] = {
        "openapi": openapi_version,
        "info": {name: value for name, value in info.items() if value},
        "servers": servers,
        "components": {name: value for name, value in components.items() if value},
        "webhooks": webhook_paths,
        "tags": tags,
        "externalDocs": external_docs,
    }
    given = {name: value for name, value in document.items() if value}
    plain: dict[str, Any] = parse_json(encode_json({**given, "paths": paths}))
    _warn_of_repeated(plain)
    return plain


def _paths(
    described: list[Operations], failures: Failures, made: dict[str, Any], version: str
) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operations in described:
        path = _BRACES.sub(_quoted, operations.route.path_format)
        for method, operation in operations.described(failures, made, version).items():
            # Of two routes for the same requests the first one is called.
            paths.setdefault(path, {}).setdefault(method, operation)
    return paths


_BRACES = re.compile(rf"{PARAMETER.pattern}|[{{}}]", PARAMETER.flags)


def _quoted(braces: re.Match[str]) -> str:
    """A brace of a path that is no part of a parameter, as URLs have it."""
    return braces[0] if braces[1] else quote(braces[0])


def _used(document: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas to which a document refers, and those to which they refer, in order."""
    names: set[str] = set()
    left = [*_references(document)]
    while left:
        name = left.pop()
        if name not in names and name in known:
            names.add(name)
            left += _references(known[name])
    return {name: _finished(known[name]) for name in sorted(names)}


def _references(part: Any) -> Iterator[str]:
    if is_mapping(part):
        for key, each in part.items():
            if key == "$ref" and isinstance(each, str):
                yield each.removeprefix(REF_PREFIX)
            else:
                yield from _references(each)
    elif is_array(part):
        for each in part:
            yield from _references(each)


def _finished(schema: dict[str, Any]) -> dict[str, Any]:
    """A docstring's text behind a form feed is not for the document."""
    if "description" not in schema:
        return schema
    return {**schema, "description": schema["description"].partition("\f")[0]}


def _warn_of_repeated(document: Mapping[str, Any]) -> None:
    paths = (*document["paths"].values(), *document.get("webhooks", {}).values())
    counted = Counter(operation["operationId"] for path in paths for operation in path.values())
    for name, count in counted.items():
        if count > 1:
            warnings.warn(f"{count} operations have the id {name!r}", stacklevel=3)
