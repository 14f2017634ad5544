"""What a router gives to the options of each of its routes."""

from collections.abc import Callable
from enum import Enum
from types import EllipsisType
from typing import Any, Protocol

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute

from microfw._reading import FormLimits
from microfw._routes.decorators import RouteOptions
from microfw.dependencies import Dependency


class Outer(Protocol):
    """A router, as far as its routes inherit what is said of it."""

    tags: list[str | Enum]
    dependencies: list[Dependency]
    responses: dict[int | str, Any]
    callbacks: list[BaseRoute]
    generate_unique_id_function: Callable[[Any], str] | None
    default_response_class: type[Response] | None
    encoders: dict[type[Any], Callable[[Any], Any]]
    max_body_size: int | EllipsisType | None
    form_limits: FormLimits | None
    strict_content_type: bool | None
    echo_input: bool | None
    deprecated: bool | None
    include_in_schema: bool
    middleware: tuple[Middleware, ...]


def _inherit_echo_input(outer: Outer, options: RouteOptions) -> None:
    if outer.echo_input is not None and options.get("echo_input") is None:
        options["echo_input"] = outer.echo_input


def merged(outer: Outer, options: RouteOptions) -> RouteOptions:
    """A route's options with those that a router gives to all of its routes."""
    all_options = options.copy()
    all_options["dependencies"] = [*outer.dependencies, *(options.get("dependencies") or ())]
    all_options["tags"] = [*outer.tags, *(options.get("tags") or ())]
    all_options["responses"] = {**outer.responses, **(options.get("responses") or {})}
    all_options["include_in_schema"] = outer.include_in_schema and options.get(
        "include_in_schema", True
    )
    if outer.middleware:
        all_options["middleware"] = [*outer.middleware, *(options.get("middleware") or ())]
    if outer.encoders:
        all_options["encoders"] = {**outer.encoders, **(options.get("encoders") or {})}
    if outer.callbacks:
        all_options["callbacks"] = [*outer.callbacks, *(options.get("callbacks") or ())]
    if outer.generate_unique_id_function is not None:
        all_options.setdefault("generate_unique_id_function", outer.generate_unique_id_function)
    if not isinstance(outer.max_body_size, EllipsisType):
        all_options.setdefault("max_body_size", outer.max_body_size)
    if outer.form_limits is not None:
        all_options.setdefault("form_limits", outer.form_limits)
    if outer.strict_content_type is not None:
        all_options.setdefault("strict_content_type", outer.strict_content_type)
    _inherit_echo_input(outer, all_options)
    if outer.deprecated is not None:
        all_options.setdefault("deprecated", outer.deprecated)
    if outer.default_response_class is not None:
        all_options.setdefault("response_class", outer.default_response_class)
    return all_options
