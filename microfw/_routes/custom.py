"""Subclasses of `Route` that put code of their own around the handling of a request.

Such code, a custom handler, awaits the route's own handler for the response, and may change it or
answer with another one. Where dependencies of scope "request", or a stream, are open until it is
sent, the compiled function runs in a task of its own: it waits where it would send the response,
the custom handler goes on, and when that has ended, what it has returned is sent. In one task, a
time limit of the custom handler's would end while a cancel scope inside of it were still open.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus
from starlette.requests import Request
from starlette.responses import Response

from microfw._answering import AppState, Exchange, error_without_result, watch
from microfw._routes.planned import RoutePlans
from microfw.dependencies import (
    CompiledPlan,
    OpenSpan,
    current_tracer,
    name_of,
    outcome_of,
    place_of,
    subject_of,
    tracer,
)
from microfw.exceptions import CustomHandlerError
from microfw.outcome import ResponseHead

RequestHandler = Callable[[Request], Coroutine[Any, Any, Response]]

_HANDLING = "microfw.handling"


async def handle_request(request: Request) -> Response:
    """Handle a request as its route would without a custom handler; do not send the response.

    Raises:
        CustomHandlerError: No custom handler is running.
    """
    handling: _Handling | None = request.scope.get(_HANDLING)
    if handling is None:
        raise CustomHandlerError("a route's handler was called outside of its custom handler")
    return await handling.handle(request)


class CustomPlans:
    """Handles a route's requests by a custom handler, in which the route's own is called."""

    def __init__(self, inner: RoutePlans, custom: RequestHandler) -> None:
        self._custom = custom
        self._inner = inner

    def get(self, app_state: AppState) -> CompiledPlan:
        """The custom handler, around the compiled plan."""
        inner = self._inner.get(app_state)
        stays_open = self._inner.stays_open(app_state)
        kind = _OpenHandling if stays_open else _Handling
        if current_tracer.get() is not None:
            kind = _WatchedOpenHandling if stays_open else _WatchedHandling

        async def call(exchange: OfferingExchange) -> None:
            await kind(exchange, inner).run(self._custom)

        return CompiledPlan(call, inner.source)


class OfferingExchange(Exchange):
    """An exchange that offers its response to a custom handler before it sends it.

    Attributes:
        execution: What offers it, until it has.
    """

    execution: "_Execution | None" = None

    def start_over(self, request: Request) -> None:
        """Forget what an earlier attempt has left, and read from this request."""
        self.read_from(request)
        self.scope = request.scope
        self.body, self.decoded_body, self.query_values = b"", None, None
        self.errors = self.result = self.swallowed = self._final_headers = None
        self.drop()
        self._threads, self._knows_task = None, False

    def complete(self, response: Response) -> Response:
        """A copy of the response, with all that will be sent of it and done after it."""
        background = response.background
        _ = self.response  # so that it is copied, if nothing was injected
        completed = self._completed(response)
        completed.background = background or self._tasks
        self._response = None
        return completed

    def head(self) -> ResponseHead | None:
        return None if self.result is _DROPPED else super().head()

    async def offered(self, response: Response) -> Response:
        if self.execution is None:
            return response
        execution, self.execution = self.execution, None
        return await execution.offer(self.complete(response))

    async def deliver(self, *, runs_tasks: bool = True) -> None:
        if not self.started:
            self.result = await self.offered(self.result)
        if self.result is not _DROPPED:
            await super().deliver(runs_tasks=runs_tasks)


class _Handling:
    """One request of a route with a custom handler."""

    _completed: Response | None = None

    def __init__(self, exchange: OfferingExchange, inner: CompiledPlan) -> None:
        self._exchange = exchange
        self._inner = inner

    async def run(self, custom: RequestHandler) -> None:
        """Call the custom handler; what it returns is the response that is to be sent."""
        scope = self._exchange.scope
        scope[_HANDLING] = self
        try:
            await self._run(custom)
        finally:
            del scope[_HANDLING]

    async def _run(self, custom: RequestHandler) -> None:
        self._exchange.result = response = await self._answer(custom)
        if response is not self._completed:
            self._exchange.give_way()

    async def _answer(self, custom: RequestHandler) -> Response:
        response: Any = await custom(self._exchange.request)
        if isinstance(response, Response):
            return response
        raise CustomHandlerError(f"{place_of(custom)} returned {response!r}, and no response")

    async def handle(self, request: Request) -> Response:
        """Execute the plan up to where the response is to be sent."""
        self._exchange.start_over(request)
        try:
            await self._inner.call(self._exchange)
            return self._response()
        except Exception:
            self._exchange.drop()
            raise

    def _response(self) -> Response:
        exchange = self._exchange
        if exchange.result is None:
            raise error_without_result(exchange)
        self._completed = exchange.complete(exchange.result)
        return self._completed


class _OpenHandling(_Handling):
    """One request with something open until the response is sent."""

    _group: TaskGroup
    _pending: "_Execution | None" = None

    async def _run(self, custom: RequestHandler) -> None:
        error: Exception | None = None
        async with anyio.create_task_group() as self._group:
            try:
                response = await self._answer(custom)
            except Exception as raised:
                error = await self._end(error=raised)
            else:
                error = await self._end(response)
        if error is not None:
            try:
                raise error
            finally:
                del error  # whose traceback holds this frame

    async def _end(
        self, response: Response | None = None, error: Exception | None = None
    ) -> Exception | None:
        """Let the plan go on with what the custom handler has made; return what it raises."""
        if self._pending is None:
            self._exchange.execution = None
            self._exchange.result = response
            self._exchange.give_way()
            return error
        pending, self._pending = self._pending, None
        if response is not pending.response:
            self._exchange.give_way()
        await pending.decide(response, error)
        return pending.error

    async def handle(self, request: Request) -> Response:
        if self._pending is not None:
            await self._pending.decide(_DROPPED)
            self._pending = None
        exchange = self._exchange
        exchange.start_over(request)
        execution = exchange.execution = _Execution(partial(self._inner.call, exchange))
        await self._group.start(execution.run)
        await execution.reach_offer()
        if execution.response is not None:
            self._pending = execution
            return execution.response
        exchange.drop()
        if execution.error is not None:
            try:
                raise execution.error
            finally:
                execution.error = None
        return self._response()


class _Watched(_Handling):
    """Writes down when the custom handler runs: before, between and after the route's own."""

    _span: OpenSpan

    async def _answer(self, custom: RequestHandler) -> Response:
        self._tracer = tracer()
        self._subject = subject_of(custom, name_of(custom))
        self._begin()
        watch(self._exchange, self._inner.source)
        try:
            response = await super()._answer(custom)
        except BaseException as error:
            self._tracer.end(self._span, outcome_of(error), error)
            raise
        self._tracer.end(self._span, "ok")
        return response

    async def handle(self, request: Request) -> Response:
        self._tracer.end(self._span, "ok")
        try:
            return await super().handle(request)
        finally:
            self._begin()

    def _begin(self) -> None:
        self._span = self._tracer.begin("around", self._subject)


class _WatchedHandling(_Watched, _Handling):
    """The same with nothing open until the response is sent."""


class _WatchedOpenHandling(_Watched, _OpenHandling):
    """The same with something open."""


_DROPPED = Response()
"""Stands for the response where none is to be sent."""


class _Execution:
    """The execution of a plan, in a task of its own, that stops where the response is to be sent.

    Attributes:
        response: What it offers to be sent, when it has come to that.
        error: What it has raised.
    """

    def __init__(self, call: Callable[[], Awaitable[None]]) -> None:
        self._call = call
        self._scope = anyio.CancelScope()
        self._stopped = anyio.Event()
        self._decided = anyio.Event()
        self._ended = anyio.Event()
        self._decision: tuple[Response | None, Exception | None] = (None, None)
        self.response: Response | None = None
        self.error: Exception | None = None

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Execute the plan."""
        task_status.started()
        try:
            with self._scope:
                await self._call()
        except Exception as error:
            self.error = error
        finally:
            self._stopped.set()
            self._ended.set()

    async def reach_offer(self) -> None:
        """Wait until it offers a response, or ends; if this is cancelled, so is the execution."""
        try:
            await self._stopped.wait()
        except BaseException:
            self._scope.cancel()
            with anyio.CancelScope(shield=True):
                await self._ended.wait()
            raise

    async def offer(self, response: Response) -> Response:
        """Stop for a decision."""
        self.response = response
        self._stopped.set()
        await self._decided.wait()
        (decided, error), self._decision = self._decision, (None, None)
        if error is not None:
            try:
                raise error
            finally:
                del error  # whose traceback holds this frame
        return decided or response

    async def decide(self, response: Response | None, error: Exception | None = None) -> None:
        """Have a response sent, or an exception raised, in place of the offer; wait for the end."""
        self._decision = (response, error)
        self._decided.set()
        await self._ended.wait()
