"""Names the spans of OpenTelemetry's ASGI middleware by routes, which it does not know."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.types import Scope

from microfw._routes.planned import DirectRoute

MIDDLEWARE = "opentelemetry.instrumentation.asgi"

Found = TypeVar("Found", bound=DirectRoute | None)


def naming_spans(find: Callable[[Scope], Found]) -> Callable[[Scope], Found]:
    """Have what finds routes name the span of the request, where that middleware is in use.

    That is where its module has been imported. Everywhere else nothing changes.
    """
    if MIDDLEWARE not in sys.modules:
        return find
    from opentelemetry import trace

    def find_and_name(scope: Scope) -> Found:
        found = find(scope)
        span: Any = trace.get_current_span()
        of_request = getattr(span, "kind", None) is trace.SpanKind.SERVER
        if found is not None and of_request and scope["type"] == "http":
            _name(span, scope)
        return found

    return find_and_name


def _name(span: Any, scope: Scope) -> None:
    """Name a span, unless what made it knows the route; a name that a hook gave it stays."""
    if "http.route" in (span.attributes or ()):
        return
    path: str = scope["route"].path
    span.set_attribute("http.route", path)
    if span.name.partition(" ")[2] == scope["path"].strip():
        span.update_name(f"{scope['method']} {path}")
