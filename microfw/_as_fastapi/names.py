"""What each module of FastAPI's is here: a module with the same names, and names that differ."""

from collections.abc import Mapping

VERSION = "0.165.0"
"""The FastAPI whose names these are."""

_HERE = "microfw._as_fastapi.machinery"
_DEPENDANTS = "microfw.dependants"
_APPLICATIONS = {"FastAPI": "microfw.App"}
_ROUTES = {
    "APIRouter": "microfw.Router",
    "APIRoute": "microfw.Route",
    "APIWebSocketRoute": "microfw.WebSocketRoute",
}


def _all(home: str, *names: str) -> dict[str, str]:
    return {name: f"{home}.{name}" for name in names}


_PRESENT = (
    "background",
    "encoders",
    "exception_handlers",
    "middleware",
    "middleware.cors",
    "middleware.gzip",
    "middleware.httpsredirect",
    "middleware.trustedhost",
    "middleware.wsgi",
    "openapi",
    "openapi.constants",
    "openapi.docs",
    "openapi.utils",
    "param_functions",
    "params",
    "requests",
    "security",
    "security.api_key",
    "security.base",
    "security.http",
    "security.oauth2",
    "security.open_id_connect_url",
    "security.utils",
    "sse",
    "status",
    "staticfiles",
    "templating",
    "testclient",
    "types",
    "websockets",
)
"""The modules whose names are the same."""

MODULES: Mapping[str, tuple[str | None, Mapping[str, str]]] = {
    "fastapi": ("microfw", {**_APPLICATIONS, **_ROUTES}),
    **{f"fastapi.{name}": (f"microfw.{name}", {}) for name in _PRESENT},
    "fastapi.applications": ("microfw.applications", _APPLICATIONS),
    "fastapi.concurrency": (
        "microfw.concurrency",
        {
            "asynccontextmanager": "contextlib.asynccontextmanager",
            "AsyncExitStack": "contextlib.AsyncExitStack",
        },
    ),
    "fastapi.datastructures": ("microfw.datastructures", {}),
    "fastapi.dependencies": (None, {}),
    "fastapi.dependencies.models": (_DEPENDANTS, {}),
    "fastapi.dependencies.utils": (
        _DEPENDANTS,
        {
            **_all(
                _HERE,
                "get_flat_params",
                "get_typed_annotation",
                "get_typed_return_annotation",
                "get_typed_signature",
                "lenient_issubclass",
            ),
            "_get_body_field": f"{_HERE}.get_body_field",
            "_get_flat_body_params": "microfw._routes.dependants.flat_body_params",
        },
    ),
    "fastapi.exceptions": (
        "microfw.exceptions",
        {
            "DependencyScopeError": "microfw.exceptions.ScopeError",
            "FastAPIError": "microfw.exceptions.MicrofwError",
            "ValidationException": "microfw.exceptions.ValidationError",
            **_all(_HERE, "FastAPIDeprecationWarning", "PydanticV1NotSupportedError"),
        },
    ),
    "fastapi.logger": (None, {"logger": f"{_HERE}.logger"}),
    "fastapi.middleware.asyncexitstack": (None, _all(_HERE, "AsyncExitStackMiddleware")),
    "fastapi.openapi.models": ("microfw._as_fastapi.documents", {}),
    "fastapi.responses": (
        "microfw.responses",
        {
            "ORJSONResponse": "microfw.responses.JSONResponse",
            "UJSONResponse": "microfw.responses.JSONResponse",
        },
    ),
    "fastapi.routing": (
        "microfw.routing",
        {
            **_ROUTES,
            **_all(
                _HERE,
                "get_request_handler",
                "get_websocket_app",
                "run_endpoint_function",
                "serialize_response",
                "solve_dependencies",
                "websocket_session",
            ),
            "_EffectiveRouteContext": f"{_HERE}.NothingHere",
            "_IncludedRouter": f"{_HERE}.NothingHere",
            "_merge_lifespan_context": f"{_HERE}.merge_lifespan_context",
        },
    ),
    "fastapi.utils": ("microfw.utils", {}),
}

_USE_OTEL = "instrument the application with OpenTelemetry's FastAPIInstrumentor alone"

UNCALLED: Mapping[str, str] = {
    "fastapi.routing.get_websocket_app": "put an ASGI middleware around the application",
    "fastapi.routing.run_endpoint_function": _USE_OTEL,
    "fastapi.routing.serialize_response": "put an ASGI middleware around the application",
    "fastapi.routing.solve_dependencies": _USE_OTEL,
}
"""Names that nothing here calls, which monitoring tools replace, and what to do instead."""
