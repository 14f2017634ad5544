"""The values of scope "app" as generated code takes them, and what is done where one is missing."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from microfw.exceptions import AppScopeError


class Opener(Protocol):
    """Opens dependencies of scope "app" while the lifespan runs."""

    async def open(self, steps: Any) -> None:
        """Open steps of scope "app"; those that are open already stay as they are."""


class AppValues(dict[Hashable, Any]):
    """The values of the dependencies of scope "app" that are open, by key.

    Attributes:
        openers: One of each lifespan that runs, the outermost first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.openers: list[Opener] = []


class _Run(Protocol):
    """One execution of a plan."""

    app_values: AppValues


async def open_in_app_scope(run: _Run, steps: Sequence[Any]) -> None:
    """Open the steps of scope "app" of a plan that are not open yet, as start-up does."""
    openers = run.app_values.openers
    if not openers:
        missing = [step.signature.name for step in steps if step.key not in run.app_values]
        raise not_running(missing[-1])
    await openers[0].open(steps)


def app_value(run: _Run, key: Hashable, name: str) -> Any:
    """Look up what a dependency of scope "app" yielded."""
    try:
        return run.app_values[key]
    except KeyError:
        raise not_running(name) from None


def not_running(name: str) -> AppScopeError:
    """The error for a dependency of scope "app" that is used where no lifespan runs."""
    return AppScopeError(
        f"{name!r} has scope 'app', and the application's lifespan is not running. A server has to"
        " speak ASGI's lifespan protocol: daphne and some adapters do not, and neither does"
        " `uvicorn --lifespan off`. A test enters it with `with TestClient(app)`, or with"
        " `async with app.router.lifespan_context(app)` where the client is httpx's. An application"
        " that is mounted in one of another framework needs the lifespan of that one to do the same"
    )
