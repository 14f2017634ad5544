"""The options of a route, of a router, and of `include_router`."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from types import EllipsisType
from typing import Any, TypedDict

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute

from microfw._reading import FormLimits

IncEx = Collection[str] | Collection[int] | Mapping[str, Any] | Mapping[int, Any]
"""Names of fields, or places in a list; a dict maps them to `True` or to what is inside."""
Encoders = Mapping[type[Any], Callable[[Any], Any]]


class RouteOptions(TypedDict, total=False):
    """The options of a route, whatever its method.

    `dependencies` run ahead of those of the endpoint's parameters, and `middleware` around the
    route; `response_model` stands in for the return annotation (`None`: no model).
    `max_body_size` (bytes; `None` is without limit) and `form_limits` stand in for the
    application's, and so does `echo_input`: whether the 422 for invalid values shows them.
    `strict_content_type` is whether a body without a content type is read as text, not as JSON.
    What only documents the route changes nothing else: `tags`, `summary`, ...

    What is sent of a result, `response_model_include` and `response_model_exclude` narrow down by
    the names of fields; a dict says more of what is inside of a field (in a list, of the items by
    their place, or of `"__all__"`). `exclude_unset` leaves out what the result did not say,
    `exclude_defaults` what equals its default, `exclude_none` fields that are `None`; `by_alias`
    is whether fields go by their names in JSON. `encoders`, by class, encode instances and those
    of subclasses which have none of their own; they are added to the application's.
    """

    name: str | None
    status_code: int | None
    response_class: Callable[..., Response]
    response_model: Any
    response_model_include: IncEx | None
    response_model_exclude: IncEx | None
    response_model_by_alias: bool
    response_model_exclude_unset: bool
    response_model_exclude_defaults: bool
    response_model_exclude_none: bool
    encoders: Encoders | None
    dependencies: Sequence[Any] | None
    middleware: Sequence[Middleware] | None
    max_body_size: int | None
    form_limits: FormLimits | None
    strict_content_type: bool
    echo_input: bool | None
    include_in_schema: bool
    tags: list[str | Enum] | None
    responses: Mapping[int | str, Any] | None
    callbacks: Sequence[BaseRoute] | None
    generate_unique_id_function: Callable[[Any], str] | None
    summary: str | None
    description: str | None
    response_description: str
    deprecated: bool | None
    operation_id: str | None
    openapi_extra: dict[str, Any] | None


class IncludeOptions(TypedDict, total=False):
    """The options of `include_router`: of each route that is included.

    `prefix` is what their paths begin with. `tags` are put ahead of a route's own, `dependencies`
    run ahead of its own. `default_response_class` is for routes that name no `response_class`.
    `max_body_size` (`...` is what the application allows), `form_limits` and `echo_input` are for
    routes that do not say it; `responses`, `callbacks` and `deprecated` are documented for each
    route, if `include_in_schema`. `generate_unique_id_function` makes the names of the routes in a
    schema.
    """

    prefix: str
    tags: Sequence[str | Enum] | None
    dependencies: Sequence[Any] | None
    responses: Mapping[int | str, Any] | None
    callbacks: Sequence[BaseRoute] | None
    generate_unique_id_function: Callable[[Any], str] | None
    default_response_class: Callable[..., Response] | None
    max_body_size: int | EllipsisType | None
    form_limits: FormLimits | None
    echo_input: bool | None
    deprecated: bool | None
    include_in_schema: bool


class RouterOptions(IncludeOptions, total=False):
    """The options of a router, which its routes inherit: those of `include_router`, and two more.

    `encoders` are added to those of the routes; `strict_content_type` is for routes that do not
    say it.
    """

    encoders: Encoders | None
    strict_content_type: bool | None


def check_known(given: Iterable[str], known: Collection[str], call: str) -> None:
    """Refuse the unknown arguments of a call, as Python does."""
    for name in given:
        if name not in known:
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")
