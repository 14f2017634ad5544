"""Where it is told that a request has waited for a dependency."""

from starlette.types import Scope

WAITED = "microfw.waited"
"""Under which name in the scope: seconds, by the names of the dependencies."""


def note_wait(scope: Scope, name: str, seconds: float) -> None:
    """Tell that a request has waited for a dependency, for whoever looks at it afterwards."""
    scope.setdefault(WAITED, {})[name] = seconds
