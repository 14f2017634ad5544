"""Spans of kind SERVER: their attributes, and what makes them."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.types import Scope

_INSTRUMENTATION = "opentelemetry.instrumentation"
_METHODS = frozenset(
    {
        *("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"),
    }
)
_SECRET = frozenset({"awsaccesskeyid", "signature", "sig", "x-goog-signature"})
"""Parameters that the semantic conventions want to be left out of `url.query`."""


def makes_server_spans(scope: Scope) -> bool:
    """Whether an instrumentation of OpenTelemetry makes them, around the application or in it."""
    span = trace.get_current_span()
    if getattr(span, "kind", None) is SpanKind.SERVER and span.is_recording():
        return True
    app: Any = scope.get("app")
    if getattr(app, "_is_instrumented_by_opentelemetry", False):
        return True
    classes = [each.cls for each in getattr(app, "user_middleware", ())]
    return any(getattr(cls, "__module__", "").startswith(_INSTRUMENTATION) for cls in classes)


def is_of_client(scope: Scope) -> bool:
    """Whether it is of a request or a WebSocket, and not of a task, a start-up or a shutdown."""
    return scope["type"] in ("http", "websocket")


def known_method(scope: Scope) -> str:
    """The method; `_OTHER` for those that the conventions do not know."""
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"


def common_attributes(scope: Scope) -> dict[str, Any]:
    """What spans and metrics say of a request."""
    if not is_of_client(scope):
        return {}
    if scope["type"] == "websocket":
        return {"url.scheme": scope.get("scheme", "ws"), "network.protocol.name": "websocket"}
    found = {
        "http.request.method": known_method(scope),
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version"),
    }
    return {name: value for name, value in found.items() if value is not None}


def server_attributes(scope: Scope) -> dict[str, Any]:
    """What a span says of a request as it comes in."""
    if not is_of_client(scope):
        return {}
    found = {**common_attributes(scope), "url.path": scope["path"]}
    query = scope.get("query_string", b"").decode("latin-1")
    if query:
        found["url.query"] = _without_secrets(query)
    if scope["type"] == "http" and scope["method"] not in _METHODS:
        found["http.request.method_original"] = scope["method"]
    client, server = scope.get("client"), scope.get("server")
    agent = Headers(scope=scope).get("user-agent")
    if agent is not None:
        found["user_agent.original"] = agent
    if client is not None:
        found["client.address"] = client[0]
    if server is not None:
        found["server.address"] = server[0]
        if server[1] is not None:
            found["server.port"] = server[1]
    return found


def _without_secrets(query: str) -> str:
    values = parse_qsl(query, keep_blank_values=True)
    return urlencode([(k, "REDACTED" if k.lower() in _SECRET else v) for k, v in values])
