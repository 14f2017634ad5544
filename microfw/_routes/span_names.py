"""Names the spans of OpenTelemetry's ASGI middleware by routes, which it does not know."""

import sys
from collections.abc import Callable
from typing import TypeVar

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
        span = trace.get_current_span()
        of_request = getattr(span, "kind", None) is trace.SpanKind.SERVER
        if found is not None and of_request and scope["type"] == "http":
            path: str = scope["route"].path
            span.update_name(f"{scope['method']} {path}")
            span.set_attribute("http.route", path)
        return found

    return find_and_name
