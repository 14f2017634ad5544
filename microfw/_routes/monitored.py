"""Whether an instrumentor that replaces classes has missed an application."""

import sys
from typing import Any

_REPLACED = {"fastapi": "FastAPI", "starlette.applications": "Starlette"}


def unseen_by(app: Any) -> str:
    """Say which class an instrumentor has replaced without seeing an application; or nothing.

    It sees those that are made of that class, and those that it is given.
    """
    if getattr(app, "_is_instrumented_by_opentelemetry", False):
        return ""
    for module, name in _REPLACED.items():
        kind = getattr(sys.modules.get(module), name, None)
        place: str = getattr(kind, "__module__", "")
        if place.startswith("opentelemetry.") and not isinstance(app, kind or ()):
            return (
                f"{place} has replaced {module}.{name}, which {type(app).__name__} is not made of:"
                " it records nothing of this application. Call its `instrument_app(app)`"
            )
    return ""
