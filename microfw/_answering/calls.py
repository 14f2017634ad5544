"""Calls of functions with dependencies outside of a request: from scripts, shells, queues."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, TypeVar, overload

import anyio

from microfw._answering.errors import error_without_result
from microfw._answering.functions import Functions, function_of
from microfw._answering.messages import Enqueueable
from microfw._answering.outcomes import ObservedRun
from microfw._answering.state import AppState
from microfw._answering.tasks import (
    BackgroundTasks,
    OwnTasks,
    raise_failures,
    run_tasks,
    send_messages,
)
from microfw.dependencies import CompiledPlan

Result = TypeVar("Result")

_FUNCTIONS = Functions(
    "call",
    place="a call outside of a request",
    cure="pass the value: app.call(f, value)",
    taker="app.call",
    given={BackgroundTasks: "tasks"},
)


class FunctionRun(OwnTasks, ObservedRun):
    """One call of a function outside of a request."""

    def __init__(self, app_state: AppState) -> None:
        self.cleanup = app_state.cleanup
        self.app_values = app_state.app_values
        self.app_state = app_state

    async def finish(
        self, handler: CompiledPlan, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run a function to the end of its background tasks, and return what it has returned.

        Raises:
            SwallowedExceptionError: A dependency swallowed an exception: there is no result.
            Exception: What the function or a dependency raises, or a background task.
        """
        error: Exception | None = None
        try:
            await handler.call(self, args, kwargs)
            if self.result is None:
                error = error_without_result(self)
        except Exception as raised:
            error = raised
        finally:
            self.swallowed = None
        if error is not None:
            try:
                self.drop_tasks()
                if self._tasks is not None:
                    await run_tasks(self._tasks, self.app_state)
                raise error
            finally:
                del error  # whose traceback holds this frame
        finished: Any = self.result  # a `Finished`, as there was no error
        if self._tasks is not None:
            await send_messages(self._tasks)
            raise_failures(await run_tasks(self._tasks, self.app_state))
        return finished.value


def source_of(function: Any, app_state: AppState) -> str:
    """The source of what runs when a function is called outside of a request."""
    if isinstance(function, Enqueueable):
        return function.explain()
    return _FUNCTIONS.handler(function, app_state.overrides.active(), app_state).source


class Calls:
    """The part of an application that calls functions outside of a request."""

    app_state: AppState
    router: Any

    def running(self) -> AbstractAsyncContextManager[None]:
        """Run the application's lifespan, and scope "app" in it, as a server does.

        ```python
        async with app.running():
            await app.call(close_the_books, day)
        ```
        """
        return self._running()

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        async with self.router.lifespan_context(self):
            yield

    @overload
    async def call(
        self, function: Callable[..., Awaitable[Result]], *args: Any, **kwargs: Any
    ) -> Result: ...

    @overload
    async def call(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result: ...

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a sync or async function, with dependencies, outside of a request.

        Its parameters may be dependencies, `Depends(...)`, which are not passed here. They open
        for this call and have closed when it returns, by the rules of requests; scopes "function"
        and "request" are the same. A parameter of the type `BackgroundTasks` gets a list; its tasks
        run when the dependencies have closed, and not at all if the call fails.

        A dependency of scope "app" needs `async with app.running():` around the call, or a server.

        Raises:
            RegistrationError: It is no function, or needs a value of a request.
            TypeError: The arguments do not fit the function's other parameters.
            SwallowedExceptionError: A dependency swallowed an exception: there is no result.
            Exception: What the function raises, or exit code.
        """
        function = function_of(function)
        positional, named = _FUNCTIONS.parameters(function).fitted(function, args, kwargs)
        return await self._execute(function, positional, named)

    async def _execute(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        app_state = self.app_state
        handler = _FUNCTIONS.handler(function, app_state.overrides.active(), app_state)
        app_state.requests.begin()
        try:
            return await FunctionRun(app_state).finish(handler, args, kwargs)
        finally:
            app_state.requests.end()

    @overload
    def call_sync(
        self, function: Callable[..., Awaitable[Result]], *args: Any, **kwargs: Any
    ) -> Result: ...

    @overload
    def call_sync(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result: ...

    def call_sync(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function as `call` does, from a script: start the application, call, and stop it.

        It runs an event loop of asyncio's. What several calls need open is opened for each; a
        function that makes them all opens it once.

        Raises:
            RuntimeError: An event loop or the application runs already, so that `call` is to be
                awaited there.
        """
        if self.app_state.app_values.openers or self.app_state.requests.are_under_way:
            raise RuntimeError(
                "call_sync starts the application, and it runs already: `await app.call(...)` in"
                " async code, or `anyio.from_thread.run(app.call, ...)` in a worker thread"
            )
        return anyio.run(partial(self._call_alone, function, args, kwargs))

    async def _call_alone(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        async with self.running():
            return await self.call(function, *args, **kwargs)
