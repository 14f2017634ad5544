"""What the routes and tasks of one application share at run time."""

import copy
import logging
from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, Generic, Self, TypeVar

import anyio
from starlette.types import Scope

from microfw._limits import Limits
from microfw.dependencies import (
    AppValues,
    Cleanup,
    Lifetime,
    Signal,
    hashable,
    override_error,
    place_of,
)

logger = logging.getLogger("microfw")

Value = TypeVar("Value")

Overrides = dict[Callable[..., Any], Callable[..., Any]]

DEFAULT_CLEANUP_TIMEOUT = 30.0
DEFAULT_LIMITS = Limits()


class DependencyOverrides(Overrides):
    """Which dependency is replaced by which; refuses what cannot be called.

    Raises:
        OverrideError: On `overrides[dependency] = other` where `other` is not callable.
    """

    def __setitem__(self, dependency: Callable[..., Any], other: Callable[..., Any]) -> None:
        check_override(dependency, other)
        super().__setitem__(dependency, other)

    def setdefault(self, dependency: Callable[..., Any], default: Any = None) -> Any:
        if dependency not in self:
            self[dependency] = default
        return self[dependency]

    def update(self, *args: Any, **kwargs: Any) -> None:
        overrides: dict[Any, Any] = dict(*args, **kwargs)
        for dependency, other in overrides.items():
            self[dependency] = other


def check_override(dependency: object, other: object) -> None:
    """Raise an `OverrideError` unless `other` can take a dependency's place."""
    if not (callable(dependency) and callable(other)):
        raise override_error(dependency, other)


class Requests:
    """Counts the requests that are under way."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[Signal] = []

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


class Environment:
    """What the routes and tasks of one application share at run time.

    Attributes:
        cleanup: The time that each exit code that can suspend may take.
        default: The lifetime of yield dependencies for which no scope is given.
        limits: What a request's body may be.
        echo_input: Whether errors of validation show what was received.
        app_values: What the dependencies of scope "app" yielded, while the lifespan runs.
        requests: Those that are under way.
        overrides: Those in force everywhere in the application.
        find_unused: Finds those of some overrides whose dependency no route has.
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
        self.overrides: Overrides = DependencyOverrides()
        self.find_unused: Callable[[Overrides], list[Any]] | None = None
        self._start_overriding()

    def _start_overriding(self) -> None:
        self._seen: set[Any] = set()
        self._contexts: set[object] = set()
        self._context_overrides: ContextVar[tuple[Overrides, ...]] = ContextVar(
            "microfw_overrides", default=()
        )

    def copy(self) -> Self:
        """An environment that shares everything but the overrides."""
        copied = copy.copy(self)
        copied.overrides = DependencyOverrides()
        copied.overrides.update(self.overrides)
        copied._start_overriding()  # noqa: SLF001 - the same class
        return copied

    def report_unused(self, overrides: Overrides) -> None:
        """Log, once for each, the overrides that replace nothing."""
        new = overrides.keys() - self._seen
        if new and self.find_unused is not None:
            self._seen |= new
            for dependency in self.find_unused(overrides):
                if dependency in new:
                    logger.warning(
                        "%s is overridden, but no route depends on it; only a task may",
                        place_of(dependency),
                    )

    def active_overrides(self) -> Overrides | None:
        """The overrides that the current context sees; `None` for none."""
        if not (self.overrides or self._contexts):
            return None
        active = {**self.overrides}
        for overrides in self._context_overrides.get():
            active.update(overrides)
        return active or None

    @contextmanager
    def override(self, overrides: Mapping[Any, Callable[..., Any]]) -> Generator[None]:
        """Have overrides in force for the current context and those that are copied from it."""
        for dependency, other in overrides.items():
            check_override(dependency, other)
        own = dict(overrides)
        token = self._context_overrides.set((*self._context_overrides.get(), own))
        context = object()
        self._contexts.add(context)
        try:
            yield
        finally:
            own.clear()  # for the contexts that were copied from this one, and are still in use
            self._contexts.remove(context)
            self._context_overrides.reset(token)


class Variants(Generic[Value]):
    """Keeps what was made under a key, once without overrides and for each set of overrides.

    Args:
        limit: How many are kept; the one made longest ago gives way.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._made: dict[Hashable, Value] = {}

    def get(self, key: Hashable, overrides: Overrides | None, make: Callable[[], Value]) -> Value:
        """Return what is kept, or make it."""
        items = overrides.items() if overrides else ()
        key = (key, *((hashable(dependency), hashable(other)) for dependency, other in items))
        made = self._made.get(key)
        if made is None:
            new = make()
            with self._lock:
                if key not in self._made and len(self._made) >= self._limit:
                    del self._made[next(iter(self._made))]
                made = self._made.setdefault(key, new)
        return made


def environment_of(scope: Scope) -> Environment:
    """Find the environment of the application in which a request has come to its route."""
    environment = getattr(scope.get("app"), "environment", None)
    return environment if isinstance(environment, Environment) else _DEFAULT_ENVIRONMENT


_DEFAULT_ENVIRONMENT = Environment()
"""For routes that run inside of an application that is not microfw's."""
