"""Dependencies, endpoints and tasks, from data to Python functions that write down what they do."""

import functools
import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from types import MethodType
from typing import Any

import anyio
from anyio import CancelScope, Event, create_task_group
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.websockets import WebSocket

from microfw.exceptions import AppScopeError, ScopeError
from proof.programs import (
    Accept,
    AddTask,
    CancelRequest,
    Close,
    Dependency,
    EndHeld,
    Endpoint,
    Fail,
    Failure,
    Flavour,
    Form,
    Handler,
    Held,
    Reaction,
    Remember,
    Returns,
    Say,
    SetCookie,
    SetHeader,
    SetStatus,
    Style,
    Task,
)

remembered: ContextVar[str] = ContextVar("remembered", default="")


class Oops(Exception):
    """What goes wrong."""


class Conflict(Oops):
    """What goes wrong, too."""


def made(failure: Failure, text: str) -> Exception:
    """Make the exception that a program speaks of."""
    match failure:
        case "Oops":
            return Oops(text)
        case "Conflict":
            return Conflict(text)
        case "409":
            return HTTPException(409, text, {"x-error": "409"})
        case "500":
            return HTTPException(500, text)
        case "group":
            return ExceptionGroup(text, [Oops("one"), Conflict("two")])


# ---------------------------------------------------------------------- what is written down


class World:
    """One application's log, and what its functions share.

    Attributes:
        held: What dependencies hold open, the innermost last.
        request: What cancels the request.
        tasks: The functions for background tasks.
        own_task: The one that comes with responses.
        notes_receiving: Whether it is written down that the body is received.
        overriding: Overrides dependencies in the context of the requests.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.opened: dict[str, int] = {}
        self.held: list[CancelScope | Event] = []
        self.request: CancelScope | None = None
        self.tasks: list[Callable[..., Any]] = []
        self.notes_receiving = False
        self.overriding: Callable[[], AbstractContextManager[None]] = nullcontext
        self.own_task = write_task(Task(flavour="loop"), "own task", self)

    def __call__(self, line: str) -> None:
        context = remembered.get()
        self.log.append(f"{line} (remembers {context})" if context else line)

    def begin(self) -> list[str]:
        """Begin a new log, and return it."""
        self.log, self.opened, self.held = [], {}, []
        return self.log


def shown(error: BaseException) -> str:
    """An exception as logs show it."""
    if isinstance(error, HTTPException):
        return f"HTTPException({error.status_code}, {error.detail})"
    if isinstance(error, BaseExceptionGroup):
        parts: Sequence[BaseException] = error.exceptions
        return f"{type(error).__name__}({error.message}: {', '.join(map(shown, parts))})"
    if isinstance(error, ScopeError | AppScopeError):
        return f"{type(error).__name__}()"
    if type(error).__name__.endswith("ValidationError"):
        return type(error).__name__
    if not isinstance(error, Exception):
        return "a cancellation" if "Cancel" in type(error).__name__ else type(error).__name__
    return f"{type(error).__name__}({without_places(str(error))})"


def without_places(text: str) -> str:
    """A message without what differs from run to run, and without how a `ScopeError` words it."""
    text = re.sub(r"Cancelled\w*\(.*\)", "a cancellation", text)
    text = re.sub(r"ScopeError\(.*\)", "ScopeError()", text)
    return re.sub(r" \([^()]*functions\.py:\d+\)", "", text)


def shown_outcome(outcome: Any) -> str:
    """An outcome as logs show it."""
    said = ["ok" if outcome.ok else "not ok"]
    if outcome.response is not None:
        headers = outcome.response.headers
        said += [str(outcome.response.status_code), headers.get("x-one", "no x-one")]
    if outcome.error is not None:
        said.append(shown(outcome.error))
    return ", ".join([*said, *["left"] * outcome.disconnected])


class Does:
    """What a function does, whatever its flavour."""

    def __init__(self, name: str, world: World, *, fails_closing: bool = False) -> None:
        self.name, self.world, self.fails_closing = name, world, fails_closing

    def starts(self, word: str, given: dict[str, Any]) -> str:
        """Write down the call; return the value that is injected."""
        values = {name: getattr(value, "scopes", value) for name, value in given.items()}
        parts = [f"{name}={value}" for name, value in values.items() if name not in _UNSHOWN]
        self.world(f"{self.name} {word} with {', '.join(sorted(parts)) or 'nothing'}")
        number = self.world.opened[self.name] = self.world.opened.get(self.name, 0) + 1
        return f"{self.name}#{number}"

    def sees(self, error: BaseException) -> None:
        self.world(f"{self.name} sees {shown(error)}")
        if isinstance(error, GeneratorExit):
            if self.fails_closing:
                raise Oops(f"closing of {self.name}")
            raise error

    def acts(self, when: str, actions: Sequence[Any], given: dict[str, Any]) -> None:
        text = f"{when} of {self.name}"
        if when == "exit code" and "outcome" in given:
            self.world(f"{self.name} is shown {shown_outcome(given['outcome'])}")
        for action in actions:
            match action:
                case Fail(failure):
                    raise made(failure, text)
                case SetHeader(name, is_final):
                    given["final" if is_final else "response"].headers[name] = text
                case SetCookie(name, is_final):
                    response = given["final" if is_final else "response"]
                    response.set_cookie(name, text.replace(" ", "-"))
                case SetStatus(status):
                    given["response"].status_code = status
                case AddTask(task, always):
                    tasks = given["tasks"].always if always else given["tasks"]
                    tasks.add_task(self.world.tasks[task], text)
                case Remember():
                    remembered.set(text)
                case _:
                    pass

    def reacts(self, reaction: Reaction, error: BaseException) -> None:
        match reaction:
            case "passes":
                raise  # noqa: PLE0704 - called in an `except` block
            case "raises by name":
                raise error
            case "replaces from":
                raise Oops(f"reaction of {self.name}") from error
            case "replaces from None":
                raise Conflict(f"reaction of {self.name}") from None
            case "replaces twice":
                try:
                    raise Oops(f"reaction of {self.name}")
                finally:
                    raise Conflict(f"reaction of {self.name} to its own")
            case "swallows":
                pass


_UNSHOWN = {"response", "final", "tasks", "websocket", "outcome"}

_CAUGHT: dict[Style, type[BaseException]] = {
    "except": BaseException,
    "except HTTPException": HTTPException,
}


# ---------------------------------------------------------------------- dependencies


def sync_generator(does: Does, it: Dependency) -> Callable[..., Any]:
    def function(*_: Any, **given: Any) -> Iterator[str]:
        value = does.starts("opens", given)
        does.acts("setup", it.setup, given)
        for _time in range(it.yields or 0):
            if it.style == "nothing":
                yield value
            elif it.style == "except* Oops":
                try:
                    yield value
                except* Oops as group:
                    does.sees(group)
                    does.acts("exit code", it.on_error, given)
                    does.reacts(it.reaction, group)
                else:
                    does.world(f"{does.name} exits")
                    does.acts("exit code", it.on_success, given)
            elif it.style == "finally":
                try:
                    yield value
                finally:
                    does.world(f"{does.name} ends")
                    does.acts("exit code", it.on_success, given)
            else:
                try:
                    yield value
                except _CAUGHT[it.style] as error:
                    does.sees(error)
                    does.acts("exit code", it.on_error, given)
                    does.reacts(it.reaction, error)
                else:
                    does.world(f"{does.name} exits")
                    does.acts("exit code", it.on_success, given)

    return function


def async_generator(does: Does, it: Dependency) -> Callable[..., Any]:
    async def function(*_: Any, **given: Any) -> AsyncIterator[str]:
        value = does.starts("opens", given)
        does.acts("setup", it.setup, given)
        for _time in range(it.yields or 0):
            if it.style == "nothing":
                yield value
            elif it.style == "except* Oops":
                try:
                    yield value
                except* Oops as group:
                    does.sees(group)
                    does.acts("exit code", it.on_error, given)
                    does.reacts(it.reaction, group)
                else:
                    does.world(f"{does.name} exits")
                    does.acts("exit code", it.on_success, given)
            elif it.style == "finally":
                try:
                    yield value
                finally:
                    does.world(f"{does.name} ends")
                    does.acts("exit code", it.on_success, given)
            else:
                try:
                    yield value
                except _CAUGHT[it.style] as error:
                    does.sees(error)
                    does.acts("exit code", it.on_error, given)
                    does.reacts(it.reaction, error)
                else:
                    does.world(f"{does.name} exits")
                    does.acts("exit code", it.on_success, given)

    return function


def waiting_generator(does: Does, it: Dependency) -> Callable[..., Any]:
    async def function(*_: Any, **given: Any) -> AsyncIterator[str]:
        await checkpoint()
        value = does.starts("opens", given)
        await checkpoint()
        does.acts("setup", it.setup, given)
        async with held(it.holds, does):
            for _time in range(it.yields or 0):
                if it.style == "nothing":
                    yield value
                elif it.style == "except* Oops":
                    try:
                        yield value
                    except* Oops as group:
                        does.sees(group)
                        await checkpoint()
                        does.world(f"{does.name} goes on")
                        does.acts("exit code", it.on_error, given)
                        does.reacts(it.reaction, group)
                    else:
                        await checkpoint()
                        does.world(f"{does.name} exits")
                        does.acts("exit code", it.on_success, given)
                elif it.style == "finally":
                    try:
                        yield value
                    finally:
                        await checkpoint()
                        does.world(f"{does.name} ends")
                        does.acts("exit code", it.on_success, given)
                else:
                    try:
                        yield value
                    except _CAUGHT[it.style] as error:
                        does.sees(error)
                        await checkpoint()
                        does.world(f"{does.name} goes on")
                        does.acts("exit code", it.on_error, given)
                        does.reacts(it.reaction, error)
                    else:
                        await checkpoint()
                        does.world(f"{does.name} exits")
                        await checkpoint()
                        does.acts("exit code", it.on_success, given)

    return function


@asynccontextmanager
async def held(what: Held, does: Does) -> AsyncIterator[None]:
    """Hold something open around a `yield`."""
    if what == "nothing":
        yield
    elif what == "a cancel scope":
        with CancelScope() as scope, Holding(does.world.held, scope):
            yield
    elif what == "a task group":
        async with create_task_group() as group:
            with Holding(does.world.held, group.cancel_scope):
                yield
    else:
        async with create_task_group() as group:
            with Holding(does.world.held, await group.start(beside, does)):
                yield
            group.cancel_scope.cancel()


class Holding:
    """Has what a dependency holds open be there to be ended, until its exit code has run."""

    def __init__(self, held: list[CancelScope | Event], what: CancelScope | Event) -> None:
        self.held = held
        self.what = what

    def __enter__(self) -> None:
        self.held.append(self.what)

    def __exit__(self, *_: object) -> None:
        self.held.remove(self.what)


async def beside(does: Does, *, task_status: TaskStatus[Event]) -> None:
    does.world(f"{does.name} starts a task")
    event = Event()
    task_status.started(event)
    try:
        await event.wait()
        raise Oops(f"task of {does.name}")
    finally:
        does.world(f"{does.name} ends its task")


def sync_function(does: Does, it: Dependency) -> Callable[..., Any]:
    def function(*_: Any, **given: Any) -> str:
        value = does.starts("is called", given)
        does.acts("body", it.setup, given)
        return value

    return function


def async_function(does: Does, it: Dependency) -> Callable[..., Any]:
    async def function(*_: Any, **given: Any) -> str:
        value = does.starts("is called", given)
        does.acts("body", it.setup, given)
        return value

    return function


def waiting_function(does: Does, it: Dependency) -> Callable[..., Any]:
    async def function(*_: Any, **given: Any) -> str:
        await checkpoint()
        value = does.starts("is called", given)
        await checkpoint()
        does.acts("body", it.setup, given)
        return value

    return function


_YIELDING: dict[Flavour, Callable[[Does, Dependency], Any]] = {
    "async": async_generator,
    "async, waits": waiting_generator,
    "thread": sync_generator,
    "loop": sync_generator,
}
_RETURNING: dict[Flavour, Callable[[Does, Dependency], Any]] = {
    "async": async_function,
    "async, waits": waiting_function,
    "thread": sync_function,
    "loop": sync_function,
}


def write_dependency(it: Dependency, name: str, world: World) -> Any:
    """Write a dependency as a function."""
    makers = _RETURNING if it.yields is None else _YIELDING
    does = Does(name, world, fails_closing=it.fails_closing)
    return titled(makers[it.flavour](does, it), name)


def titled(function: Any, name: str) -> Any:
    function.__code__ = function.__code__.replace(co_name=name, co_qualname=name)
    function.__name__ = function.__qualname__ = name
    return function


def formed(function: Any, form: Form, parameters: Sequence[inspect.Parameter]) -> Any:
    """Make another kind of callable of a function."""
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    is_bound = form in ("method", "object", "class")
    function.__signature__ = inspect.Signature([itself, *parameters] if is_bound else parameters)
    match form:
        case "method":
            return MethodType(function, object())
        case "object":
            return type(function.__name__, (), {"__call__": function})()
        case "class":
            members = {"__init__": initialiser(function), "__str__": lambda self: self.value}
            return type(function.__name__, (), members)
        case "partial":
            return functools.partial(function)
        case "wrapped":
            return wrapped(function)
        case "context manager":
            is_async = inspect.isasyncgenfunction(function)
            return (asynccontextmanager if is_async else contextmanager)(function)
        case "function":
            return function


def initialiser(function: Any) -> Any:
    def __init__(self: Any, **given: Any) -> None:  # noqa: N807 - is one
        self.value = function(**given)

    __init__.__signature__ = function.__signature__  # type: ignore[attr-defined]
    return __init__


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **given: Any) -> Any:
        return function(*args, **given)

    return wrapper


# ---------------------------------------------------------------------- endpoints


def write_endpoint(it: Endpoint, world: World) -> Any:
    """Write the endpoint as a function."""
    does = Does("endpoint", world)
    is_async = it.flavour.startswith("async")
    if it.streams is not None:
        return titled((async_stream if is_async else sync_stream)(does, it), "endpoint")
    return titled((async_endpoint if is_async else sync_endpoint)(does, it), "endpoint")


def sync_endpoint(does: Does, it: Endpoint) -> Callable[..., Any]:
    def function(**given: Any) -> Any:
        does.starts("is called", given)
        does.acts("body", it.does, given)
        return result(it.returns, does)

    return function


def async_endpoint(does: Does, it: Endpoint) -> Callable[..., Any]:
    async def function(**given: Any) -> Any:
        if it.flavour == "async, waits":
            await checkpoint()
        does.starts("is called", given)
        for action in it.does:
            match action:
                case EndHeld():
                    await end(does.world.held)
                case CancelRequest():
                    assert does.world.request is not None
                    does.world.request.cancel()
                    await checkpoint()
                case Accept():
                    await given["websocket"].accept()
                case Say():
                    await given["websocket"].send_text("text of endpoint")
                case Close(code):
                    await given["websocket"].close(code)
                case _:
                    does.acts("body", (action,), given)
        return result(it.returns, does)

    return function


async def end(held: Sequence[CancelScope | Event]) -> None:
    for innermost in held[-1:]:
        if isinstance(innermost, Event):
            innermost.set()
            await anyio.sleep_forever()
        else:
            innermost.cancel()
            await checkpoint()


def sync_stream(does: Does, it: Endpoint) -> Callable[..., Any]:
    def function(**given: Any) -> Iterator[int]:
        does.starts("streams", given)
        does.acts("body", it.does, given)
        for number in range(it.streams or 0):
            if number == it.fails_after:
                raise Oops("stream")
            yield number
        does.world("endpoint ends")

    return function


def async_stream(does: Does, it: Endpoint) -> Callable[..., Any]:
    async def function(**given: Any) -> AsyncIterator[int]:
        does.starts("streams", given)
        does.acts("body", it.does, given)
        for number in range(it.streams or 0):
            if number == it.fails_after:
                raise Oops("stream")
            await checkpoint()
            yield number
        does.world("endpoint ends")

    return function


def result(returns: Returns, does: Does) -> Any:
    match returns:
        case "text" | "no integer":
            return "text of endpoint"
        case "nothing":
            return None
        case "response":
            return PlainTextResponse("own", 203, {"x-one": "own"})
        case "response with a task":
            return PlainTextResponse("own", 203, background=own_task(does))
        case "stream":
            return StreamingResponse(items(does), 203, {"x-one": "own"})


def own_task(does: Does) -> BackgroundTask:
    return BackgroundTask(does.world.own_task, f"response of {does.name}")


async def items(does: Does) -> AsyncIterator[str]:
    for number in range(2):
        does.world(f"{does.name} makes item {number}")
        yield f"item {number}"


# ---------------------------------------------------------------------- tasks and handlers


def write_task(it: Task, name: str, world: World) -> Any:
    """Write a function for background tasks."""
    does = Does(name, world)
    actions = (Fail(),) if it.fails else ()

    def sync_task(text: str, **given: Any) -> None:
        does.starts("runs", {"text": text, **given})
        does.acts("body", actions, given)

    async def async_task(text: str, **given: Any) -> None:
        if it.flavour == "async, waits":
            await checkpoint()
        does.starts("runs", {"text": text, **given})
        does.acts("body", actions, given)

    return titled(async_task if it.flavour.startswith("async") else sync_task, name)


def write_handler(it: Handler, world: World) -> Any:
    """Write an exception handler, for any protocol."""
    does = Does(f"handler for {it.handled}", world)

    def answer(connection: Any, error: Exception) -> Any:
        does.world(f"{does.name} gets {shown(error)}")
        if it.fails:
            raise Conflict(does.name)
        if isinstance(connection, WebSocket):
            return None
        background = own_task(does) if it.has_task else None
        return JSONResponse({"handled": shown(error)}, 418, background=background)

    async def async_handler(connection: Any, error: Exception) -> Any:
        response = answer(connection, error)
        if response is None:
            await connection.close(4001)
        return response

    def sync_handler(connection: Any, error: Exception) -> Any:
        return answer(connection, error)

    return async_handler if it.flavour == "async" else sync_handler
