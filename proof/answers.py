"""The reference, from the endpoint outward: how a request is answered, and a WebSocket."""

import inspect
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketState

from microfw.exceptions import SwallowedExceptionError, WebSocketRequestValidationError
from proof.reference import APP, FUNCTION, Execution, Function, Step, called, opened, steps_of

logger = logging.getLogger("microfw")


@dataclass(frozen=True)
class Application:
    """One endpoint and what is around it.

    Attributes:
        respond: What becomes of a value that the endpoint returns.
        status: The route's own.
        tasks: What the functions given to `add_task` have declared.
    """

    endpoint: Function
    respond: Callable[[Any], Response]
    status: int
    tasks: Mapping[Callable[..., Any], Function]
    handlers: Mapping[Any, Callable[..., Any]]
    overrides: Mapping[Function, Function]
    default: int = FUNCTION
    app_values: dict[Any, Any] = field(default_factory=dict[Any, Any])

    def steps(self, function: Function) -> list[Step]:
        return steps_of(function, self.overrides, self.default)

    @cached_property
    def endpoint_steps(self) -> list[Step]:
        return self.steps(self.endpoint)

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:
        """S2, and E5 for what fails before all are open."""
        swallowed: list[Exception] = []
        async with AsyncExitStack() as stack:
            for step in self.endpoint_steps:
                if step.scope == APP:
                    self.app_values[step.key] = await self.open(step, stack, swallowed)
            swallowed = []
            yield
        if swallowed:
            raise swallowed[0]

    async def open(self, step: Step, stack: AsyncExitStack, swallowed: list[Exception]) -> Any:
        function = step.function
        arguments = {name: self.app_values[below.key] for name, below in step.below.items()}
        arguments |= {name: read(None, step) for name, read in function.takes.items()}
        if function.yields:
            return await stack.enter_async_context(watched(function, arguments, swallowed))
        return await called(function, arguments)


@asynccontextmanager
async def watched(
    function: Function, arguments: Mapping[str, Any], swallowed: list[Exception]
) -> AsyncIterator[Any]:
    """Note that a dependency of scope app swallows something."""
    seen: BaseException | None = None
    async with opened(function, arguments) as value:
        try:
            yield value
        except BaseException as error:
            seen = error
            raise
    if seen is not None:
        swallowed.append(swallowed_error(function.place, seen))


def swallowed_error(place: str, error: BaseException) -> Exception:
    """E5"""
    swallowed = SwallowedExceptionError(f"{place} swallowed {error!r}")
    swallowed.__cause__ = error
    return swallowed


class Tasks(list[tuple[Callable[..., Any], tuple[Any, ...]]]):
    def __init__(self, declared: Mapping[Callable[..., Any], Function]) -> None:
        self.declared = declared

    def add_task(self, function: Callable[..., Any], *arguments: Any) -> None:
        steps_of(self.declared[function], {}, FUNCTION)  # B3: mistakes are told here
        self.append((function, arguments))


class Connection(Execution):
    """What requests and WebSockets have in common."""

    sent = False

    def __init__(self, application: Application, connection: Any) -> None:
        super().__init__(application.app_values, {})
        self.application, self.connection = application, connection

    def handler_of(self, error: Exception) -> Callable[..., Any] | None:
        """E6"""
        handlers = self.application.handlers
        keys: list[Any] = [*type(error).__mro__]
        if isinstance(error, HTTPException):
            keys.insert(0, error.status_code)
        found = [handlers[key] for key in keys if key in handlers and key not in (500, Exception)]
        return found[0] if found else None

    async def execute(self) -> None: ...

    async def answer(self, handler: Callable[..., Any], error: Exception) -> None: ...

    async def handle(self) -> None:
        try:
            await self.execute()
        except Exception as error:
            if not await self.is_answered(error):
                raise

    async def is_answered(self, error: Exception, *, again: bool = True) -> bool:
        """E6, E7; what a handler raises is answered too, once."""
        handler = self.handler_of(error)
        if self.sent or handler is None:
            return False
        try:
            await self.answer(handler, error)
        except Exception as raised:
            if not (again and await self.is_answered(raised, again=False)):
                raise
        return True


class Exchange(Connection):
    """A request, and the response to it."""

    def __init__(self, application: Application, request: Request, send: Any) -> None:
        super().__init__(application, request)
        self.send = send
        self.response: Response | None = None
        self.sent_head: Response | None = None
        self.is_sending = self.delivered = self.is_built = False
        self.failures: list[Exception] = []
        self.prepare()

    def prepare(self) -> None:
        self.injected, self.tasks = Response(), Tasks(self.application.tasks)
        self.injected.raw_headers, self.injected.status_code = [], None  # type: ignore[assignment]

    async def receive(self) -> None:
        self.body = json.loads(await self.connection.body())

    async def execute(self) -> None:
        steps = self.application.endpoint_steps
        self.is_received = not any("body" in step.function.takes for step in steps)
        await self.run(steps)
        if self.response is None or self.is_sending:
            assert self.swallowed is not None
            raise swallowed_error(*self.swallowed)
        if not self.delivered:
            await self.deliver()

    async def handle(self) -> None:
        await super().handle()
        if self.failures:  # B4
            one, *others = self.failures
            raise ExceptionGroup("background tasks failed", self.failures) if others else one

    async def answer(self, handler: Callable[..., Any], error: Exception) -> None:
        self.prepare()  # B1, B2: what was prepared is dropped
        self.is_built = False
        self.response = await handler(self.connection, error)
        await self.deliver()

    async def finish(self, returned: Any) -> None:
        if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
            await self.stream(returned)
        else:
            self.is_built = not isinstance(returned, Response)
            self.response = self.application.respond(returned) if self.is_built else returned

    def head(self, scope: int, *, has_failed: bool) -> Response | None:
        """R2"""
        if self.sent_head or has_failed or scope != FUNCTION or self.response is None:
            return self.sent_head
        head = copy(self.response)
        self.complete(head)
        return head_of(head)

    def is_success(self, head: Response | None) -> bool:
        return head is not None and head.status_code < 400

    async def between(self) -> None:
        if self.response is not None:
            await self.deliver()

    async def deliver(self) -> None:
        """Send the response, then run the tasks."""
        assert self.response is not None
        own = self.response.background
        if not self.sent:
            self.response.background = None
            self.complete(self.response)
            self.sent_head = head_of(self.response)
            self.sent = self.is_sending = True
            await self.response(self.connection.scope, self.connection.receive, self.send)
            self.is_sending = False
        self.delivered = True
        for function, arguments in [*([(own.func, own.args)] if own else []), *self.tasks]:  # B2
            await self.run_task(self.application.tasks[function], arguments)

    def complete(self, response: Response) -> None:
        """B1: a response of the endpoint's own keeps its status, and its headers."""
        headers, added = response.raw_headers, self.injected.raw_headers
        kept, less = (added, headers) if self.is_built else (headers, added)
        names = {name for name, _ in kept} - {b"set-cookie"}
        response.raw_headers = kept + [header for header in less if header[0] not in names]
        if self.is_built:
            response.status_code = self.injected.status_code or response.status_code
            if response.status_code == 204:  # without content (RFC 9110, section 15.3.5)
                content = (b"content-length", b"content-type")
                response.body = b""
                response.raw_headers = [h for h in response.raw_headers if h[0] not in content]

    async def stream(self, generator: Any) -> None:
        """S6"""
        async for item in generator if inspect.isasyncgen(generator) else each(generator):
            await self.start()
            body = bytes(JSONResponse(item).body) + b"\n"
            await self.send({"type": "http.response.body", "body": body, "more_body": True})
        await self.start()
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})
        self.is_sending, self.response = False, Response()

    async def start(self) -> None:
        if not self.sent:
            self.sent = self.is_sending = self.is_built = True
            head = Response(None, self.application.status, media_type="application/jsonl")
            del head.headers["content-length"]
            self.complete(head)
            self.sent_head = head_of(head)
            message = {"status": head.status_code, "headers": head.raw_headers}
            await self.send({"type": "http.response.start", **message})

    async def run_task(self, task: Function, arguments: Sequence[Any]) -> None:
        """B3: its own dependencies, opened fresh; B4: the others run whatever becomes of it."""
        try:
            given = {"text": arguments[0]}
            await Execution(self.application.app_values, given).run(self.application.steps(task))
        except Exception as error:
            name = task.place.partition(" ")[0]
            logger.exception("background task %s failed", name)
            self.failures.append(error)


async def each(items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def head_of(response: Response) -> Response:
    head = Response(None, response.status_code)
    head.raw_headers = [*response.raw_headers]
    return head


class Conversation(Connection):
    """W1: a WebSocket."""

    invalid = WebSocketRequestValidationError

    async def execute(self) -> None:
        await self.run(self.application.endpoint_steps)
        if not self.has_ended:
            assert self.swallowed is not None
            raise swallowed_error(*self.swallowed)
        await self.close(1000)

    async def handle(self) -> None:
        try:
            await super().handle()
        except Exception:
            await self.fail()
            raise

    async def fail(self) -> None:
        if self.can_be_denied():
            response = PlainTextResponse("Internal Server Error", 500)
            await response(self.connection.scope, self.connection.receive, self.connection.send)
        else:
            await self.close(1011)

    async def answer(self, handler: Callable[..., Any], error: Exception) -> None:
        websocket: WebSocket = self.connection
        if isinstance(error, HTTPException) and not self.can_be_denied():
            await self.close(1008 if error.status_code < 500 else 1011)
            return
        response = await handler(websocket, error)
        if response is not None:
            await response(websocket.scope, websocket.receive, websocket.send)

    async def close(self, code: int) -> None:
        websocket: WebSocket = self.connection
        states = (websocket.client_state, websocket.application_state)
        if WebSocketState.DISCONNECTED not in states:
            await websocket.close(code)

    def can_be_denied(self) -> bool:
        return self.connection.application_state is WebSocketState.CONNECTING
