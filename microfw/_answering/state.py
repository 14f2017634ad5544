"""What the routes and tasks of one application share at run time."""

import copy
import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Protocol, Self

import anyio
from starlette.types import Scope

from microfw._reading import Limits
from microfw.dependencies import (
    AppValues,
    Cleanup,
    Lifetime,
    Overrides,
    OverridesInForce,
    Plan,
    Signal,
    place_of,
)

logger = logging.getLogger("microfw")

DEFAULT_CLEANUP_TIMEOUT = 30.0
DEFAULT_LIMITS = Limits()


class Requests:
    """Counts the requests that are under way."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[Signal] = []

    @property
    def are_under_way(self) -> bool:
        """Whether there is one."""
        return self._count > 0

    def begin(self) -> None:
        """Count one more."""
        self._count += 1

    def end(self) -> None:
        """Count one less."""
        self._count -= 1
        if self._waiting and not self._count:
            for signal in self._waiting:
                signal.set()

    async def wait(self, seconds: float | None) -> None:
        """Wait until none is under way, or so many seconds have passed."""
        if not self._count:
            return
        signal = Signal()
        self._waiting.append(signal)
        try:
            with anyio.move_on_after(seconds):
                await signal.wait()
        finally:
            self._waiting.remove(signal)


class Queue(Protocol):
    """Runs tasks of an application in this process."""

    def plans(self) -> Iterator[Plan]:
        """The plans of its tasks."""
        ...

    def scheduling(self) -> AbstractAsyncContextManager[None]:
        """Send what is scheduled, while scope "app" is open."""
        ...

    async def stop(self) -> None:
        """Stop the tasks that run, before scope "app" closes."""


class AppState:
    """What the routes and tasks of one application share at run time.

    Attributes:
        cleanup: The time that each exit code that can suspend may take.
        default: The lifetime of yield dependencies for which no scope is given.
        limits: What a request's body may be.
        echo_input: Whether errors of validation show what was received.
        app_values: What the dependencies of scope "app" yielded, while the lifespan runs.
        requests: Those that are under way.
        overrides: Those in force everywhere in the application.
        queues: Those of the application's tasks.
        find_unused: Finds those of some overrides whose dependency no route has.
        overridden_together: The applications for which the overrides of the context are.
    """

    def __init__(
        self,
        cleanup_timeout: float | None = DEFAULT_CLEANUP_TIMEOUT,
        default: Lifetime = Lifetime.FUNCTION,
        limits: Limits = DEFAULT_LIMITS,
        echo_input: bool = True,
    ) -> None:
        self.echo_input = echo_input
        self.limits = limits
        self.cleanup: Cleanup = Cleanup(cleanup_timeout)
        self.default = default
        self.app_values: AppValues = AppValues()
        self.requests: Requests = Requests()
        self.overrides: OverridesInForce = OverridesInForce()
        self.queues: list[Queue] = []
        self.find_unused: Callable[[Overrides], list[Any]] | None = None
        self.overridden_together: Sequence[Any] = ()
        self._reported: set[Any] = set()

    def copy(self) -> Self:
        """A state that shares everything but the overrides."""
        copied = copy.copy(self)
        copied.overrides = OverridesInForce(self.overrides.everywhere)
        copied._reported = set()  # noqa: SLF001 - the same class
        return copied

    @contextmanager
    def overriding(
        self, overrides: Mapping[Any, Callable[..., Any]], applications: Sequence[Any]
    ) -> Generator[None]:
        """Have overrides in force, as the same are in some applications; this one is among them."""
        before, self.overridden_together = self.overridden_together, applications
        try:
            with self.overrides.override(overrides):
                yield
        finally:
            self.overridden_together = before

    @contextmanager
    def sharing(self, app_values: AppValues) -> Generator[None]:
        """Have the values of scope "app" of another application until the block ends."""
        own, self.app_values = self.app_values, app_values
        try:
            yield
        finally:
            self.app_values = own

    def report_unused(self, overrides: Overrides) -> None:
        """Log, once for each, the overrides that replace nothing."""
        new = overrides.keys() - self._reported
        if new and self.find_unused is not None:
            self._reported |= new
            for dependency in self.find_unused(overrides):
                if dependency in new:
                    logger.warning(
                        "%s is overridden, but no route depends on it; only a task may",
                        place_of(dependency),
                    )


def app_state_of(scope: Scope) -> AppState:
    """Find the state of the application in which a request has come to its route."""
    app_state = getattr(scope.get("app"), "app_state", None)
    return app_state if isinstance(app_state, AppState) else _DEFAULT


_DEFAULT = AppState()
"""For routes that run inside of an application that is not microfw's."""
