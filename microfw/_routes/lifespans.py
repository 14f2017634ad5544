"""What a router runs at start-up and shutdown."""

import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any

from starlette.types import Lifespan

from microfw._routes.decorators import Event, EventHandler
from microfw._routes.mistakes import check_declares_nothing, check_event
from microfw.dependencies import SpanKind, during_if_watched

AnyLifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


class Lifespans:
    """A router's own lifespan, or its events, and the lifespans of the routers that it includes.

    Attributes:
        lifespan_context: Runs them all; Starlette calls it.
    """

    lifespan_context: AnyLifespan

    def _set_lifespans(
        self,
        lifespan: Lifespan[Any] | None,
        on_startup: Sequence[EventHandler] | None,
        on_shutdown: Sequence[EventHandler] | None,
    ) -> None:
        for handler in (*(on_startup or ()), *(on_shutdown or ())):
            check_declares_nothing(handler, "a function for start-up or shutdown")
        check_declares_nothing(lifespan, "a lifespan")
        self.on_startup: list[EventHandler] = list(on_startup or ())
        self.on_shutdown: list[EventHandler] = list(on_shutdown or ())
        self._included: list[AnyLifespan] = []
        self._own_lifespan: AnyLifespan = self._run_events
        if lifespan is not None:
            self._own_lifespan = self.lifespan_context
        self.lifespan_context = self.run_lifespans

    def add_lifespan(self, lifespan: AnyLifespan) -> None:
        """Run that of an included router, too, once."""
        if lifespan not in self._included:
            self._included.append(lifespan)

    def on_event(self, event_type: str) -> Callable[[Event], Event]:
        """Call the decorated function at "startup" or "shutdown". Deprecated; use `lifespan=`."""
        check_event(event_type)

        def decorate(handler: Event) -> Event:
            self.add_event_handler(event_type, handler)
            return handler

        return decorate

    def add_event_handler(self, event_type: str, func: EventHandler) -> None:
        """Call a function at "startup" or "shutdown". Deprecated; use `lifespan=`."""
        check_event(event_type)
        check_declares_nothing(func, "a function for start-up or shutdown")
        handlers = self.on_startup if event_type == "startup" else self.on_shutdown
        handlers.append(func)

    @asynccontextmanager
    async def run_lifespans(self, app: Any) -> AsyncGenerator[dict[str, Any] | None]:
        """Run this router's lifespan, and those of the routers that it includes.

        Of two that give the state a value of one name, the outer one's is kept.
        """
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            for lifespan in (self._own_lifespan, *self._included):
                inner: dict[str, Any] | None = await _enter(stack, lifespan(app), lifespan)
                state = {**(inner or {}), **state}
            yield state or None

    @asynccontextmanager
    async def _run_events(self, app: Any) -> AsyncGenerator[None]:
        for handler in self.on_startup:
            await _call("setup", handler)
        try:
            yield
        finally:
            for handler in self.on_shutdown:
                await _call("exit", handler)


async def _call(kind: SpanKind, handler: EventHandler) -> None:
    with during_if_watched(kind, handler):
        result = handler()
        if isinstance(result, Awaitable):
            await result


async def _enter(
    stack: AsyncExitStack, block: AbstractAsyncContextManager[Any], lifespan: AnyLifespan
) -> Any:
    """Enter a lifespan; whoever watches sees that, and its exit."""
    if _is_ours(lifespan):  # it tells of what it calls
        return await stack.enter_async_context(block)

    async def exit_block(*error: Any) -> bool | None:
        with during_if_watched("exit", lifespan):
            return await block.__aexit__(*error)

    with during_if_watched("setup", lifespan):
        value = await block.__aenter__()
    stack.push_async_exit(exit_block)
    return value


def _is_ours(lifespan: AnyLifespan) -> bool:
    module: str = getattr(lifespan, "__module__", "")
    return module.startswith("microfw.")


_freezing: set[object] = set()
"""The blocks under way; what is frozen is the process's, and thawed when the last one ends."""


@contextmanager
def frozen_garbage() -> Generator[None]:
    """Take what there is out of the garbage collector's sight until the last such block ends."""
    block = object()
    gc.collect()
    gc.freeze()
    _freezing.add(block)
    try:
        yield
    finally:
        _freezing.remove(block)
        if not _freezing:
            gc.unfreeze()
