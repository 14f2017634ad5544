"""The reference, from the endpoint outward: how a request is answered, and a WebSocket."""

import inspect
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from anyio import Event, create_task_group
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
    known: dict[Function, list[Step]] = field(default_factory=dict[Function, list[Step]])
    late: list["LateOpener"] = field(default_factory=list["LateOpener"])

    def steps(self, function: Function) -> list[Step]:
        if function not in self.known:
            self.known[function] = steps_of(function, self.overrides, self.default)
        return self.known[function]

    @property
    def endpoint_steps(self) -> list[Step]:
        return self.steps(self.endpoint)

    async def run_task(self, function: Function, text: str) -> None:
        """B3: its own dependencies, opened fresh."""
        steps = self.steps(function)
        if any(step.scope == APP and step.key not in self.app_values for step in steps):
            await self.late[0].ask_for(steps)
        await Execution(self.app_values, {"text": text}).run(steps)

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:
        """S2, and E5 for what fails before all are open."""
        swallowed: list[Exception] = []
        async with AsyncExitStack() as stack:
            for step in self.endpoint_steps:
                if step.scope == APP:
                    self.app_values[step.key] = await self.open(
                        step, self.app_values, stack, swallowed
                    )
            swallowed = []
            self.late[:] = [LateOpener(self)]
            async with self.late[0].running():
                yield
        if swallowed:
            raise swallowed[0]

    async def open(
        self,
        step: Step,
        values: Mapping[Any, Any],
        stack: AsyncExitStack,
        swallowed: list[Exception],
    ) -> Any:
        function = step.function
        arguments = {name: values[below.key] for name, below in step.below.items()}
        arguments |= {name: read(None, step) for name, read in function.takes.items()}
        if function.yields:
            return await stack.enter_async_context(watched(function, arguments, swallowed))
        return await called(function, arguments)


class Asked:
    """Somebody who waits until some steps are open."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps, self.is_open = steps, Event()
        self.error: Exception | None = None


class LateOpener:
    """S2: what start-up does not know of opens in one task, which lives as long as the lifespan."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.asked = list[Asked]()
        self.is_asked, self.is_closing = Event(), False
        self.raised: list[Exception] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with create_task_group() as group:
            group.start_soon(self.live)
            yield
            self.is_closing = True
            self.is_asked.set()
        if self.raised:
            raise self.raised[0]

    async def ask_for(self, steps: list[Step]) -> None:
        asked = Asked(steps)
        self.asked.append(asked)
        self.is_asked.set()
        await asked.is_open.wait()
        if asked.error is not None:
            raise asked.error

    async def live(self) -> None:
        while True:
            opened = dict[Any, str]()
            error: Exception | None = None
            try:
                async with AsyncExitStack() as stack:
                    await self.open_what_is_asked_for(stack, opened)
            except Exception as raised:
                error = raised
            for key in opened:
                del self.application.app_values[key]
            if self.is_closing:
                self.raised += [error] if error else []
                return
            logger.error(CLOSED_EARLY, ", ".join(opened.values()), exc_info=error)

    async def open_what_is_asked_for(self, stack: AsyncExitStack, opened: dict[Any, str]) -> None:
        while not self.is_closing:
            await self.is_asked.wait()
            self.is_asked = Event()
            while self.asked:
                asked = self.asked.pop()
                try:
                    opened |= await self.open(asked.steps, stack)
                except Exception as error:
                    asked.error = error
                asked.is_open.set()

    async def open(self, steps: list[Step], stack: AsyncExitStack) -> dict[Any, str]:
        """Open all of them, or leave none open: the next use tries again."""
        application = self.application
        values = {**application.app_values}
        opened, swallowed = dict[Any, str](), list[Exception]()
        async with AsyncExitStack() as own:
            for step in steps:
                if step.scope == APP and step.key not in values:
                    values[step.key] = await application.open(step, values, own, swallowed)
                    opened[step.key] = step.function.place
            stack.push_async_exit(own.pop_all())
            application.app_values.update(values)
        if swallowed:
            raise swallowed[0]
        return opened


CLOSED_EARLY = (
    "of scope 'app' these dependencies opened after start-up and have closed before"
    " shutdown, because one of them failed: %s. They open again when they are needed"
)


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
    """B2: the one list; B6: what is kept of it where an exception decides the response."""

    def __init__(
        self, declared: Mapping[Callable[..., Any], Function], kept: Sequence[Any] = ()
    ) -> None:
        super().__init__(kept)
        self.declared, self.kept = declared, [*kept]

    def add_task(self, function: Callable[..., Any], *arguments: Any) -> None:
        steps_of(self.declared[function], {}, FUNCTION)  # B3: mistakes are told here
        self.append((function, arguments))

    @property
    def always(self) -> "Always":
        return Always(self)


@dataclass
class Always:
    tasks: Tasks

    def add_task(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.tasks.add_task(function, *arguments)
        self.tasks.kept.append(self.tasks[-1])


class Connection(Execution):
    """What requests and WebSockets have in common."""

    sent = False

    def __init__(self, application: Application, connection: Any) -> None:
        super().__init__(application.app_values, {})
        self.application, self.connection = application, connection
        self.tasks, self.failures = Tasks(application.tasks), list[Exception]()
        self.first_run: tuple[Tasks, int] | None = None

    def drop_tasks(self) -> None:
        """B6"""
        self.tasks = Tasks(self.application.tasks, self.tasks.kept)

    async def run_tasks(self) -> None:
        """B4: the others run whatever becomes of one."""
        tasks, self.tasks = self.tasks, Tasks(self.application.tasks)
        await self.run_each(tasks)
        if self.first_run is None:
            self.first_run = tasks, len(tasks)

    async def run_late_tasks(self) -> None:
        """B2: those that exit code of request scope has added."""
        tasks, ran = self.first_run or ([], 0)
        await self.run_each(tasks[ran:])

    async def run_each(self, tasks: Sequence[Any]) -> None:
        for function, arguments in tasks:
            task = self.application.tasks[function]
            try:
                await self.application.run_task(task, arguments[0])
            except Exception as error:
                name = task.place.partition(" ")[0]
                logger.exception("background task %s failed", name)
                self.failures.append(error)

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

    async def fail(self) -> None: ...

    async def handle(self) -> None:
        unanswered: Exception | None = None
        try:
            await self.execute()
        except Exception as error:
            self.drop_tasks()
            try:
                if not await self.is_answered(error):
                    raise
            except Exception as raised:
                unanswered = raised
                await self.fail()
        await self.run_tasks()  # B4: not chained to what was raised
        await self.run_late_tasks()
        if unanswered is not None:
            raise unanswered
        if self.failures:
            one, *others = self.failures
            raise ExceptionGroup("background tasks failed", self.failures) if others else one

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
        self.injected, self.final = empty_response(), empty_response()

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

    async def answer(self, handler: Callable[..., Any], error: Exception) -> None:
        self.injected = empty_response()  # B1: what was prepared is dropped
        self.is_built = False
        self.response = await handler(self.connection, error)
        await self.send_response()

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
        await self.send_response()
        self.delivered = True
        await self.run_tasks()

    async def send_response(self) -> None:
        assert self.response is not None
        own = self.response.background
        if own is not None:  # B2
            self.tasks.insert(0, (own.func, own.args))
            self.response.background = None
        if not self.sent:
            self.complete(self.response)
            self.sent_head = head_of(self.response)
            self.sent = self.is_sending = True
            await self.response(self.connection.scope, self.connection.receive, self.send)
            self.is_sending = False

    def complete(self, response: Response) -> None:
        """B1: a response of the endpoint's own keeps its status, and its headers; B7."""
        for added in (self.injected.raw_headers, self.final.raw_headers):
            headers = response.raw_headers
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


async def each(items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def empty_response() -> Response:
    response = Response()
    response.raw_headers, response.status_code = [], None  # type: ignore[assignment]
    return response


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
        await self.run_tasks()
        await self.close(1000)

    async def between(self) -> None:
        if self.has_ended:
            await self.run_tasks()

    async def run_tasks(self) -> None:
        if self.tasks:
            await self.close(1000)
        await super().run_tasks()

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
