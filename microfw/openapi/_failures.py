"""What a route answers by itself where it does not call the endpoint."""

from collections.abc import Collection
from typing import Any, ClassVar

from microfw._routes import Route
from microfw.openapi._responses import phrase_of
from microfw.openapi._schemas import free_name
from microfw.openapi._security import Security
from microfw.openapi._values import Body, Value, can_be_invalid
from microfw.openapi.constants import REF_PREFIX

_LOCATION = {
    "title": "Location",
    "type": "array",
    "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
}
_CHALLENGE = {"description": "What would be accepted", "schema": {"type": "string"}}
_DETAIL = {
    "title": "HTTPError",
    "type": "object",
    "properties": {"detail": {"title": "Detail", "type": "string"}},
    "required": ["detail"],
}


class Failures:
    """Adds to an operation what can go wrong, where its author says nothing of that status.

    Args:
        names: Those of the schemas that are there.
        limits_bodies: Whether the application has a limit for the size of bodies.

    Attributes:
        schemas: What the answers refer to.
        as_fastapi: Whether FastAPI's document is wanted: 422 wherever a value is read, no more.
    """

    as_fastapi: ClassVar[bool] = False

    def __init__(self, names: Collection[str], *, limits_bodies: bool) -> None:
        self._limits_bodies = limits_bodies
        self._of_http = free_name("HTTPError", names)
        self._of_values = free_name("HTTPValidationError", names)
        one = free_name("ValidationError", names)
        self.schemas: dict[str, Any] = {
            self._of_http: _DETAIL,
            self._of_values: _errors(one),
            one: _ONE_ERROR,
        }

    def add(
        self,
        responses: dict[str, Any],
        route: Route,
        values: list[Value],
        body: Body | None,
        security: Security,
        *,
        is_received: bool,
    ) -> None:
        """Add what can go wrong on one route; of one that others serve, they know more."""
        found: dict[str, Any] = {}
        if is_received and not self.as_fastapi:
            found = self._refusals(route, body, security)
        if values and (self.as_fastapi or any(map(can_be_invalid, values))):
            found["422"] = self._answer("Validation Error", self._of_values)
        for status, answer in found.items():
            if not {status, "4XX", "default"} & responses.keys():
                responses[status] = answer

    def _refusals(self, route: Route, body: Body | None, security: Security) -> dict[str, Any]:
        """What is answered before values are looked at."""
        found: dict[str, Any] = {}
        if body is not None and body.is_form:
            found["400"] = self._error("Bad Request")
        for status, challenges in sorted(security.refusals.items()):
            refusal = found[str(status)] = self._error(phrase_of(status))
            if challenges:
                refusal["headers"] = {"WWW-Authenticate": _CHALLENGE}
        if body is not None and self._is_limited(route):
            found["413"] = self._error("Content Too Large")
        return found

    def _is_limited(self, route: Route) -> bool:
        if "max_body_size" in route.options:
            return route.options["max_body_size"] is not None
        return self._limits_bodies

    def _error(self, description: str) -> dict[str, Any]:
        return self._answer(description, self._of_http)

    def _answer(self, description: str, name: str) -> dict[str, Any]:
        content = {"application/json": {"schema": {"$ref": REF_PREFIX + name}}}
        return {"description": description, "content": content}


_ONE_ERROR = {
    "title": "ValidationError",
    "type": "object",
    "properties": {
        "loc": _LOCATION,
        "msg": {"title": "Message", "type": "string"},
        "type": {"title": "Error Type", "type": "string"},
        "input": {"title": "Input"},
        "ctx": {"title": "Context", "type": "object"},
    },
    "required": ["loc", "msg", "type"],
}


def _errors(one: str) -> dict[str, Any]:
    errors = {"title": "Detail", "type": "array", "items": {"$ref": REF_PREFIX + one}}
    return {"title": "HTTPValidationError", "type": "object", "properties": {"detail": errors}}
