"""What a router says of all of its routes, and how each of its routes inherits that."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import EllipsisType
from typing import Any, NamedTuple, cast

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute

from microfw._reading import FormLimits
from microfw._routes.mistakes import check_dependencies, check_encoders, check_prefix
from microfw._routes.options import IncludeOptions, RouteOptions
from microfw.datastructures import without_placeholders
from microfw.dependencies import Dependency


def _joined(outer: Sequence[Any] | None, inner: Sequence[Any] | None) -> list[Any]:
    return [*(outer or ()), *(inner or ())]


def _updated(outer: Mapping[Any, Any] | None, inner: Mapping[Any, Any] | None) -> dict[Any, Any]:
    return {**(outer or {}), **(inner or {})}


def _both(outer: bool, inner: bool) -> bool:
    return outer and inner


class _Rule(NamedTuple):
    """How a route inherits one option; where there is no function, the innermost word counts.

    Attributes:
        merge: Takes what the router says, and what the route does.
        unsaid: The value that says nothing.
        attribute: The router's attribute, where it has another name.
    """

    merge: Callable[[Any, Any], Any] | None = None
    unsaid: Any = None
    attribute: str = ""


_RULES: Mapping[str, _Rule] = {
    "dependencies": _Rule(_joined),
    "middleware": _Rule(_joined),
    "tags": _Rule(_joined),
    "callbacks": _Rule(_joined),
    "responses": _Rule(_updated),
    "encoders": _Rule(_updated),
    "include_in_schema": _Rule(_both, True),
    "response_class": _Rule(attribute="default_response_class"),
    "max_body_size": _Rule(unsaid=...),
    "form_limits": _Rule(),
    "strict_content_type": _Rule(),
    "echo_input": _Rule(),
    "deprecated": _Rule(),
    "generate_unique_id_function": _Rule(),
}


class RouteDefaults:
    """The options of all routes of a router; `include_router` adds those of the included ones."""

    prefix: str
    tags: list[str | Enum]
    dependencies: list[Dependency]
    responses: dict[int | str, Any]
    callbacks: list[BaseRoute]
    generate_unique_id_function: Callable[[Any], str] | None
    default_response_class: Callable[..., Response] | None
    encoders: dict[type[Any], Callable[[Any], Any]]
    max_body_size: int | EllipsisType | None
    form_limits: FormLimits | None
    strict_content_type: bool | None
    echo_input: bool | None
    deprecated: bool | None
    include_in_schema: bool
    middleware: Sequence[Middleware]

    def __init__(self, where: str, options: IncludeOptions) -> None:
        said: dict[str, Any] = without_placeholders(options)
        self.prefix = said.get("prefix", "")
        check_prefix(self.prefix, where)
        for name, check in (("dependencies", check_dependencies), ("encoders", check_encoders)):
            said[name] = check(said.get(name), f"{where}({name}=...)")
        for option, (merge, unsaid, attribute) in _RULES.items():
            value = said.get(attribute or option, unsaid)
            setattr(self, attribute or option, merge(unsaid, value) if merge else value)

    def inherited_by(self, options: RouteOptions) -> RouteOptions:
        """A route's options with those that this gives to all routes."""
        merged: dict[str, Any] = dict(options)
        for option, (merge, unsaid, attribute) in _RULES.items():
            outer = getattr(self, attribute or option)
            inner = merged.get(option, unsaid)
            if merge is not None:
                merged[option] = merge(outer, inner)
            elif inner is unsaid and outer is not unsaid:
                merged[option] = outer
        return cast("RouteOptions", merged)
