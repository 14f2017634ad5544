"""The lifecycle in nested `with` blocks, written from its rules alone: slow, plain, to be read.

Rules are named as in the tests of `lifecycle/`: O1 is the first of those about order. What is
declared is given as data (`Function`, `Use`), and so nothing of microfw is needed but its errors.
Starlette's layer for what nothing else answers (500) is around it.
"""

import inspect
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from anyio import CancelScope, current_effective_deadline, get_cancelled_exc_class
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketState

from microfw.exceptions import (
    AppScopeError,
    RequestValidationError,
    ScopeError,
    SwallowedExceptionError,
    WebSocketRequestValidationError,
    YieldError,
)

FUNCTION, REQUEST, APP = range(3)

logger = logging.getLogger("microfw")


@dataclass(frozen=True, eq=False)
class Function:
    """A dependency, an endpoint or a task.

    Attributes:
        place: Its name, file and line.
        takes: Its other parameters: how each is read. Raises `Invalid`.
        reads_scopes: Whether it has a parameter for security scopes.
    """

    call: Callable[..., Any]
    place: str
    uses: Sequence["Use"] = ()
    takes: Mapping[str, Callable[[Any, "Step"], Any]] = field(default_factory=dict[str, Any])
    reads_scopes: bool = False

    @property
    def is_async(self) -> bool:
        return inspect.isasyncgenfunction(self.call) or inspect.iscoroutinefunction(self.call)

    @property
    def yields(self) -> bool:
        return inspect.isasyncgenfunction(self.call) or inspect.isgeneratorfunction(self.call)


@dataclass(frozen=True, eq=False)
class Use:
    """A parameter that is a dependency; without a name, one of `dependencies=`."""

    parameter: str
    function: Function
    cache: bool = True
    scope: int | None = None
    security: tuple[str, ...] = ()


@dataclass(eq=False)
class Step:
    function: Function
    scope: int
    security: tuple[str, ...]
    key: Any
    below: dict[str, "Step"] = field(default_factory=dict[str, "Step"])


class Invalid(Exception):
    """A value is not valid; the arguments are the errors."""


# ---------------------------------------------------------------------- order and scopes


def steps_of(root: Function, overrides: Mapping[Function, Function], default: int) -> list[Step]:
    """The steps in the order of their setup, the endpoint last."""
    scopes: dict[Any, int] = {}  # S4: what is asked for, and what dependants need
    while True:
        known = dict(scopes)
        order: list[Step] = []
        visit(Use("", root, scope=FUNCTION), FUNCTION, (), overrides, default, scopes, {}, order)
        if scopes == known:
            return wider_first(order)


def visit(
    use: Use,
    needed: int,
    security: tuple[str, ...],
    overrides: Mapping[Function, Function],
    default: int,
    scopes: dict[Any, int],
    shared: dict[Any, Step],
    order: list[Step],
) -> Step:
    function = overrides.get(use.function, use.function)  # X1
    security = tuple(dict.fromkeys(security + use.security))
    security = security if reads_scopes(function, overrides) else ()  # O3
    asked, of_users = ("asked", function, security), ("of users", function, security)
    if use.scope is None:  # S4, S5
        scope = max(needed, default if function.yields else FUNCTION, scopes.get(asked, FUNCTION))
        if use.cache:
            scope = scopes[of_users] = max(scope, scopes.get(of_users, FUNCTION))
    elif use.scope < needed:
        raise ScopeError("S3", where=function.place, cure="a wider scope")
    else:
        scope = use.scope
        scopes[asked] = max(scope, scopes.get(asked, FUNCTION))
    key = (function, scope, security)
    if use.cache and key in shared:  # O3
        return shared[key]
    step = Step(function, scope, security, key if use.cache else object())
    for below in function.uses:  # O1
        used = visit(below, scope, security, overrides, default, scopes, shared, order)
        if below.parameter:
            step.below[below.parameter] = used
    if use.cache:
        shared[key] = step
    order.append(step)
    return step


def reads_scopes(function: Function, overrides: Mapping[Function, Function]) -> bool:
    below = (overrides.get(use.function, use.function) for use in function.uses)
    return function.reads_scopes or any(reads_scopes(each, overrides) for each in below)


def wider_first(order: list[Step]) -> list[Step]:
    """O4: only what must move moves."""
    wide = last_wide(order)
    early, waiting = list[Step](), list[Step]()
    for step in order[: order.index(wide) + 1 if wide else 0]:
        is_narrow = step.function.yields and step.scope == FUNCTION
        waits = is_narrow or any(below in waiting for below in step.below.values())
        (waiting if waits else early).append(step)
    return early + waiting + order[len(early) + len(waiting) :]


def last_wide(order: list[Step]) -> Step | None:
    wide = [step for step in order[:-1] if step.scope == REQUEST and step.function.yields]
    return wide[-1] if wide else None


# ---------------------------------------------------------------------- one execution


class Execution:
    """Runs steps inside each other; `finish` takes what the endpoint returned."""

    def __init__(self, app_values: Mapping[Any, Any], arguments: Mapping[str, Any]) -> None:
        self.app_values, self.arguments = app_values, arguments
        self.values: dict[Step, Any] = {}
        self.errors: list[Any] = []
        self.swallowed: tuple[str, BaseException] | None = None

    invalid: type[Exception] = RequestValidationError

    async def finish(self, returned: Any) -> None: ...

    async def between(self) -> None:
        """After function scope has ended, inside of request scope."""

    async def run(self, steps: list[Step]) -> None:
        self.steps = [step for step in steps if step.scope < APP]
        await self.run_from(0)

    async def run_from(self, number: int) -> None:
        """Run a step and, inside of it, all those that follow."""
        step = self.steps[number]
        is_endpoint = step is self.steps[-1]
        arguments = {name: self.value_of(below) for name, below in step.below.items()}
        for name, read in step.function.takes.items():  # V1
            try:
                arguments[name] = read(self, step)
            except Invalid as invalid:
                self.errors += invalid.args
                arguments[name] = Invalid
        if is_endpoint and self.errors:  # V2
            raise self.invalid(self.errors)
        if is_endpoint:
            arguments |= self.arguments
            returned = step.function.call(**arguments)
            if step.function.is_async and not step.function.yields:
                returned = await returned
            await self.finish(returned)
        elif Invalid in arguments.values():  # V2
            self.values[step] = Invalid
            await self.inside(number)
        elif step.function.yields:
            await self.run_inside(number, arguments)
        else:
            returned = step.function.call(**arguments)
            self.values[step] = await returned if step.function.is_async else returned
            await self.inside(number)

    def value_of(self, step: Step) -> Any:
        if step.scope < APP:
            return self.values[step]
        if step.key not in self.app_values:
            raise AppScopeError
        return self.app_values[step.key]

    async def inside(self, number: int) -> None:
        await self.run_from(number + 1)
        if self.steps[number] is last_wide(self.steps):
            await self.between()

    async def run_inside(self, number: int, arguments: Mapping[str, Any]) -> None:
        """E1, E2, E3, O2: a `with` block around all that follows."""
        step = self.steps[number]
        seen: BaseException | None = None
        raised: BaseException | None = None
        try:
            with CancelScope() as shield:
                async with opened(step.function, arguments) as self.values[step]:
                    try:
                        await self.inside(number)
                    except BaseException as error:
                        seen = error
                        raise
                    finally:
                        shield.shield = True  # C1
        except BaseException as error:
            raised = error
        if isinstance(seen, get_cancelled_exc_class()) and is_being_cancelled():
            if isinstance(raised, Exception):
                what = "%s failed while its request was being cancelled"
                logger.error(what, step.function.place, exc_info=raised)
            raise seen  # C2
        if raised is not None:
            raise raised
        if seen is not None and self.swallowed is None:
            self.swallowed = (step.function.place, seen)


def is_being_cancelled() -> bool:
    return current_effective_deadline() == -math.inf


@asynccontextmanager
async def opened(function: Function, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
    """E9: what contextlib says of generators that yield not once, is said with their names."""
    does = ""
    try:
        if function.is_async:
            async with asynccontextmanager(function.call)(**arguments) as value:
                yield value
        else:
            with contextmanager(function.call)(**arguments) as value:
                yield value
    except RuntimeError as error:
        does = {"generator didn't y": "did not yield", "generator didn't s": "yielded twice"}.get(
            str(error)[:18], ""
        )
        if not does:
            raise
    if does:
        raise YieldError(f"{function.place} {does}")


# ---------------------------------------------------------------------- a request


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
        """S2"""
        async with AsyncExitStack() as stack:
            for step in self.endpoint_steps:
                if step.scope == APP:
                    self.app_values[step.key] = await self.open(step, stack)
            yield

    async def open(self, step: Step, stack: AsyncExitStack) -> Any:
        function = step.function
        arguments = {name: self.app_values[below.key] for name, below in step.below.items()}
        arguments |= {name: read(None, step) for name, read in function.takes.items()}
        if function.yields:
            return await stack.enter_async_context(opened(function, arguments))
        returned = function.call(**arguments)
        return await returned if function.is_async else returned


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

    def swallowed_error(self) -> Exception:
        """E5"""
        assert self.swallowed is not None
        place, error = self.swallowed
        swallowed = SwallowedExceptionError(f"{place} swallowed {error!r}")
        swallowed.__cause__ = error
        return swallowed

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
        self.is_sending = self.delivered = self.is_built = False
        self.failures: list[Exception] = []
        self.prepare()

    def prepare(self) -> None:
        self.injected, self.tasks = Response(), Tasks(self.application.tasks)
        self.injected.raw_headers, self.injected.status_code = [], None  # type: ignore[assignment]

    async def execute(self) -> None:
        await self.run(self.application.endpoint_steps)
        if self.response is None or self.is_sending:
            raise self.swallowed_error()  # E5
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
            message = {"status": head.status_code, "headers": head.raw_headers}
            await self.send({"type": "http.response.start", **message})

    async def run_task(self, task: Function, arguments: Sequence[Any]) -> None:
        """B3: its own dependencies, opened fresh; B4: the others run whatever becomes of it."""
        try:
            given = {"text": arguments[0]}
            await Execution(self.app_values, given).run(self.application.steps(task))
        except Exception as error:
            name = task.place.partition(" ")[0]
            logger.exception("background task %s failed", name)
            self.failures.append(error)


async def each(items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


class Conversation(Connection):
    """W1: a WebSocket."""

    invalid = WebSocketRequestValidationError
    has_ended = False

    async def finish(self, returned: Any) -> None:
        self.has_ended = True

    async def execute(self) -> None:
        await self.run(self.application.endpoint_steps)
        if not self.has_ended:
            raise self.swallowed_error()
        await self.close(1000)

    async def handle(self) -> None:
        try:
            await super().handle()
        except Exception:
            await self.close(1011)
            raise

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
