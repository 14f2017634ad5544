"""Which dependency is replaced by which: everywhere, and in the current context."""

from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, Generic, TypeVar

from microfw.dependencies._spans import current_tracer
from microfw.dependencies._walk import check_overrides, hashable

Value = TypeVar("Value")

Overrides = dict[Callable[..., Any], Callable[..., Any]]


class Watched(Overrides):
    """The overrides in force for an execution that is watched; there may be none."""


class OverridesInForce:
    """The overrides that an execution sees.

    Attributes:
        everywhere: Those in force in each context.
    """

    def __init__(self, everywhere: Mapping[Any, Callable[..., Any]] | None = None) -> None:
        self.replace(everywhere or {})
        self._blocks: set[object] = set()
        self._of_context: ContextVar[tuple[Overrides, ...]] = ContextVar(
            "microfw_overrides", default=()
        )

    def replace(self, everywhere: Mapping[Any, Callable[..., Any]]) -> None:
        """Have other overrides in force in each context.

        Raises:
            OverrideError: What is to take a dependency's place cannot be called.
        """
        check_overrides(everywhere)
        self.everywhere: Overrides = dict(everywhere)

    def active(self) -> Overrides | None:
        """Those that the current context sees; `None` for none."""
        if not (self.everywhere or self._blocks):
            return None
        active = {**self.everywhere}
        for overrides in self._of_context.get():
            active.update(overrides)
        if current_tracer.get() is not None:
            return Watched(active)
        return active or None

    def watch(self, watcher: object) -> None:
        """Have executions that a `Tracer` accompanies use plans that tell it what they do."""
        self._blocks.add(watcher)

    def unwatch(self, watcher: object) -> None:
        """Have them use the plain plans again, unless others watch."""
        self._blocks.discard(watcher)

    @contextmanager
    def override(self, overrides: Mapping[Any, Callable[..., Any]]) -> Generator[None]:
        """Have overrides in force for the current context and those that are copied from it.

        Raises:
            OverrideError: What is to take a dependency's place cannot be called.
        """
        check_overrides(overrides)
        own = dict(overrides)
        token = self._of_context.set((*self._of_context.get(), own))
        block = object()
        self._blocks.add(block)
        try:
            yield
        finally:
            own.clear()  # for the contexts that were copied from this one, and are still in use
            self._blocks.remove(block)
            self._of_context.reset(token)


class PlanCache(Generic[Value]):
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
        key = (
            key,
            isinstance(overrides, Watched),
            *((hashable(dependency), hashable(other)) for dependency, other in items),
        )
        made = self._made.get(key)
        if made is None:
            new = make()
            with self._lock:
                if key not in self._made and len(self._made) >= self._limit:
                    del self._made[next(iter(self._made))]
                made = self._made.setdefault(key, new)
        return made
