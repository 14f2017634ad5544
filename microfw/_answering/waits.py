"""Where a request's waits for dependencies are reported."""

from starlette.types import Scope

WAITED = "microfw.waited"
"""Under which name in the scope: seconds, by the names of the dependencies."""


def note_wait(scope: Scope, name: str, seconds: float) -> None:
    """Record that a request has waited for a dependency."""
    scope.setdefault(WAITED, {})[name] = seconds
