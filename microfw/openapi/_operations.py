"""The operations of one route."""

import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute

from microfw._routes import Route
from microfw.exceptions import DeclarationError
from microfw.openapi._failures import Failures
from microfw.openapi._lifecycle import lifecycle_of
from microfw.openapi._merging import merge
from microfw.openapi._responses import answers_of, responses_of
from microfw.openapi._schemas import Schemas
from microfw.openapi._security import Security
from microfw.openapi._values import body_of, parameters_of, request_body, values_of
from microfw.openapi.constants import METHODS_WITH_BODY

_NO_WORD = re.compile(r"\W")
_METHODS = {"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"}
"""Those that a document has words for."""


class Operations:
    """Describes a route, in two turns: asks for the schemas it needs, then uses them.

    Args:
        route: The route.
        schemas: Makes the schemas of all routes at once.
        is_received: Whether the application serves it, which it does not do with a callback.
        lifecycle: Whether the description lists the dependencies.
    """

    def __init__(
        self, route: Route, schemas: Schemas, *, is_received: bool = True, lifecycle: bool = False
    ) -> None:
        self.route = route
        self._lifecycle = lifecycle_of(route.plan) if lifecycle else ""
        self._is_received = is_received
        self._schemas = schemas
        self._unique_id = unique_id_of(route, _methods(route)[0])
        self._values = values_of(route, schemas)
        self._body = body_of(self._values)
        self._answers = answers_of(route, self._unique_id, schemas)
        self.security = Security(route.plan)
        self._callbacks = [
            (callback, Operations(callback, schemas, is_received=False))
            for callback in route.options.get("callbacks") or ()
            if isinstance(callback, Route)
        ]

    def described(self, failures: Failures, components: dict[str, Any], version: str) -> Any:
        """Return the operations by method, with what goes wrong; add components that they need."""
        known = _METHODS if version < "3.2" else {*_METHODS, "QUERY"}
        return {
            method.lower(): self._operation(method, failures, components, version)
            for method in _methods(self.route)
            if method in known
        }

    def _operation(
        self, method: str, failures: Failures, components: dict[str, Any], version: str
    ) -> dict[str, Any]:
        options = self.route.options
        operation = self._metadata(method)
        if self.security.requirements:
            operation["security"] = self.security.requirements
        parameters = parameters_of(self._values, self._schemas)
        if parameters:
            operation["parameters"] = parameters
        body = self._body
        if body and method in METHODS_WITH_BODY:
            name = f"Body_{self._unique_id}"
            operation["requestBody"] = request_body(body, name, self._schemas, components)
        if options.get("callbacks"):
            operation["callbacks"] = {
                callback.name: {callback.path: below.described(failures, components, version)}
                for callback, below in self._callbacks
            }
        operation["responses"] = responses_of(self.route, self._answers, version)
        failures.add(
            operation["responses"],
            self.route,
            self._values,
            body,
            self.security,
            is_received=self._is_received,
        )
        if method == "HEAD":  # RFC 9110, section 9.3.2: it is answered without content
            for answer in operation["responses"].values():
                answer.pop("content", None)
        merge(operation, options.get("openapi_extra") or {})
        return operation

    def _metadata(self, method: str) -> dict[str, Any]:
        route, options = self.route, self.route.options
        said: dict[str, Any] = {
            "tags": list(options.get("tags") or ()),
            "summary": options.get("summary") or route.name.replace("_", " ").title(),
            "description": "\n\n".join(filter(None, (route.description, self._lifecycle))),
            "operationId": unique_id_of(route, method),
            "deprecated": options.get("deprecated"),
        }
        return {name: value for name, value in said.items() if value}


def _methods(route: Route) -> list[str]:
    return sorted(route.methods)


def unique_id_of(route: Route, method: str) -> str:
    """The operation's id: what the author says, or what a function makes of the route.

    Of several methods each has one of its own.
    """
    own = route.options.get("operation_id")
    make = route.options.get("generate_unique_id_function")
    if own is None and make is None:
        return f"{_NO_WORD.sub('_', route.name + route.path_format)}_{method.lower()}"
    made = own or (make(route) if make else "")
    return made if len(route.methods) == 1 else f"{made}_{method.lower()}"


def documented(routes: Any) -> list[Route]:
    """The routes that have something to document."""
    return [
        route
        for route in routes
        if isinstance(route, Route) and route.options.get("include_in_schema", True)
    ]


def mistakes_in(routes: Iterable[BaseRoute]) -> list[DeclarationError]:
    """The types of routes that have no JSON schema."""
    schemas = Schemas()
    for route in documented(routes):
        Operations(route, schemas)
    schemas.resolve()
    return schemas.mistakes
