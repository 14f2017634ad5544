"""Small applications that write down what happens to them, in order.

A `Program` says what its dependencies and its endpoint do, not whether they are sync or async: it
is built once for each `Variant`, and has to leave the same log each time. `request` sends one
request to an application, in-process, and writes into the same log when the answer is sent.
"""

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import anyio
import pytest
from anyio.lowlevel import checkpoint

from microfw import App, Depends, HTTPException, Response
from microfw.dependencies import DependencyScope
from microfw.exceptions import ValidationError
from microfw.responses import JSONResponse

# ---------------------------------------------------------------------- what is written down


class Log(list[str]):
    """What has happened, in order."""

    def __call__(self, line: str) -> None:
        self.append(line)

    @contextmanager
    def opened(self, name: str) -> Iterator[str]:
        """Write down that something opens, what it sees at its end, and let that pass."""
        self(f"{name} opens")
        try:
            yield name
        except BaseException as error:
            self(f"{name} sees {told(error)}")
            raise
        else:
            self(f"{name} exits")


def told(error: BaseException) -> str:
    """An exception as logs show it."""
    if isinstance(error, HTTPException):
        return f"HTTPException({error.status_code})"
    if isinstance(error, ValidationError):
        return type(error).__name__
    return f"{type(error).__name__}({without_places(str(error))})"


def without_places(text: str) -> str:
    """Shorten the places of functions written here, the lines of which would tell a reader nothing."""
    return re.sub(r"\([^()]*programs\.py:\d+\)", "(programs.py)", text)


def lines(text: str) -> list[str]:
    """The log that a text separated by commas stands for."""
    return [" ".join(part.split()) for part in text.split(",")] if text.strip() else []


class Oops(Exception):
    """What goes wrong in programs."""


class Conflict(Oops):
    """What goes wrong, too."""


def place(function: Any) -> str:
    """A function as messages and the log name it."""
    code = function.__code__
    return f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"


both = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


def opening(log: Log, name: str, *below: Any, is_async: bool = True) -> Callable[..., Any]:
    """Make a yield dependency that writes down its name, on top of others."""

    async def open_async(a: Any = None, b: Any = None) -> AsyncIterator[str]:
        with log.opened(name):
            await checkpoint()
            yield name

    def open_sync(a: Any = None, b: Any = None) -> Iterator[str]:
        with log.opened(name):
            yield name

    function: Any = open_async if is_async else open_sync
    function.__defaults__ = (*below, None, None)[:2]
    function.__name__ = name
    opened: Callable[..., Any] = function
    return opened


# ---------------------------------------------------------------------- what steps do

Action = Callable[[SimpleNamespace], object]
"""Does something with what the step was given: its parameters, and the `log`."""

Reaction = Callable[[BaseException], object]
"""Is called in the `except` block around a `yield`."""


def nothing(_: SimpleNamespace) -> None:
    """Do nothing."""


def raises(kind: Callable[..., Exception], *arguments: Any) -> Action:
    """Make an action that raises a new exception each time."""

    def act(_: SimpleNamespace) -> None:
        raise kind(*arguments)

    return act


def lets_pass(_: BaseException) -> None:
    """Raise what is being handled, with a bare `raise`."""
    raise  # noqa: PLE0704 - called in an `except` block


def re_raises(error: BaseException) -> None:
    """Raise the exception by its name."""
    raise error


def swallows(_: BaseException) -> None:
    """Go on as if nothing had happened."""


def replaces(kind: Callable[..., Exception], *arguments: Any) -> Reaction:
    """Make a reaction that raises another exception."""

    def react(_: BaseException) -> None:
        raise kind(*arguments)

    return react


def replaces_from(kind: Callable[..., Exception], *arguments: Any) -> Reaction:
    """Make a reaction that raises another exception `from` the one it sees."""

    def react(error: BaseException) -> None:
        raise kind(*arguments) from error

    return react


@dataclass(frozen=True, slots=True)
class Step:
    """One dependency, by what it does.

    Attributes:
        uses: The names of the dependencies below it.
        takes: Its other parameters, name to annotation.
        yields: How many times; `None` for a dependency that returns.
        exit_code: `False` leaves the `yield` bare, without `try` around it.
    """

    name: str
    uses: Sequence[str] = field(default=(), kw_only=True)
    takes: Mapping[str, Any] = field(default_factory=dict[str, Any], kw_only=True)
    scope: DependencyScope | None = field(default=None, kw_only=True)
    setup: Action = field(default=nothing, kw_only=True)
    on_success: Action = field(default=nothing, kw_only=True)
    on_error: Reaction = field(default=lets_pass, kw_only=True)
    yields: int | None = field(default=1, kw_only=True)
    exit_code: bool = field(default=True, kw_only=True)


def plain(name: str, **does: Any) -> Step:
    """Describe a dependency that returns."""
    return Step(name, yields=None, **does)


# ---------------------------------------------------------------------- how steps are written

Flavour = Literal["async", "quick", "thread", "loop"]
"""An async function that gives way to the event loop, one that never does, a sync function in a
worker thread, one on the event loop."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Which flavours the dependencies of a program have, in turn, and which its endpoint."""

    dependencies: tuple[Flavour, ...]
    endpoint: Flavour

    def __str__(self) -> str:
        return f"{'+'.join(self.dependencies)} for {self.endpoint}"


VARIANTS = [
    Variant(("async",), "async"),
    Variant(("quick",), "async"),
    Variant(("thread",), "thread"),
    Variant(("loop",), "quick"),
    Variant(("async", "thread"), "async"),
    Variant(("thread", "async"), "thread"),
    Variant(("thread", "thread", "quick"), "async"),
    Variant(("async", "thread", "thread"), "thread"),
]


def write_function(
    step: Step, flavour: Flavour, log: Log, parameters: Sequence[inspect.Parameter], result: Any
) -> Callable[..., Any]:
    """Write the function that does what a step says, in a flavour."""
    makers = _RETURNING if step.yields is None else _YIELDING
    function: Any = makers[flavour](step, log, result)
    function.__code__ = function.__code__.replace(co_name=step.name, co_qualname=step.name)
    function.__name__ = function.__qualname__ = step.name
    given = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
        for name, annotation in step.takes.items()
    ]
    function.__signature__ = inspect.Signature([*parameters, *given])
    written: Callable[..., Any] = function
    return written


def _returning_async(step: Step, log: Log, result: Any) -> Callable[..., Any]:
    async def function(**given: Any) -> Any:
        log(step.name)
        await checkpoint()
        step.setup(SimpleNamespace(log=log, **given))
        return result

    return function


def _returning_quick(step: Step, log: Log, result: Any) -> Callable[..., Any]:
    async def function(**given: Any) -> Any:
        log(step.name)
        step.setup(SimpleNamespace(log=log, **given))
        return result

    return function


def _returning_sync(step: Step, log: Log, result: Any) -> Callable[..., Any]:
    def function(**given: Any) -> Any:
        log(step.name)
        step.setup(SimpleNamespace(log=log, **given))
        return result

    return function


def _yielding_async(step: Step, log: Log, result: Any) -> Callable[..., Any]:
    async def function(**given: Any) -> Any:
        log(f"{step.name} opens")
        await checkpoint()
        step.setup(SimpleNamespace(log=log, **given))
        for _ in range(step.yields or 0):
            if not step.exit_code:
                yield result
                continue
            try:
                yield result
            except BaseException as error:
                log(f"{step.name} sees {told(error)}")
                if not isinstance(error, GeneratorExit):
                    await checkpoint()
                step.on_error(error)
            else:
                log(f"{step.name} exits")
                await checkpoint()
                step.on_success(SimpleNamespace(log=log, **given))

    return function


def _yielding_quick(step: Step, log: Log, result: Any) -> Callable[..., Any]:
    async def function(**given: Any) -> Any:
        log(f"{step.name} opens")
        step.setup(SimpleNamespace(log=log, **given))
        for _ in range(step.yields or 0):
            if not step.exit_code:
                yield result
                continue
            try:
                yield result
            except BaseException as error:
                log(f"{step.name} sees {told(error)}")
                step.on_error(error)
            else:
                log(f"{step.name} exits")
                step.on_success(SimpleNamespace(log=log, **given))

    return function


def _yielding_sync(step: Step, log: Log, result: Any) -> Callable[..., Any]:
    def function(**given: Any) -> Any:
        log(f"{step.name} opens")
        step.setup(SimpleNamespace(log=log, **given))
        for _ in range(step.yields or 0):
            if not step.exit_code:
                yield result
                continue
            try:
                yield result
            except BaseException as error:
                log(f"{step.name} sees {told(error)}")
                step.on_error(error)
            else:
                log(f"{step.name} exits")
                step.on_success(SimpleNamespace(log=log, **given))

    return function


_RETURNING: dict[Flavour, Callable[..., Any]] = {
    "async": _returning_async,
    "quick": _returning_quick,
    "thread": _returning_sync,
    "loop": _returning_sync,
}
_YIELDING: dict[Flavour, Callable[..., Any]] = {
    "async": _yielding_async,
    "quick": _yielding_quick,
    "thread": _yielding_sync,
    "loop": _yielding_sync,
}


# ---------------------------------------------------------------------- programs


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """An application with one route, `POST /`.

    Attributes:
        steps: Its dependencies. Those that no other uses are the endpoint's parameters.
        endpoint: What the endpoint does before it returns.
        takes: The endpoint's own parameters, name to annotation.
        returns: What the endpoint returns.
        result_type: Its return annotation.
        handlers: The statuses and exception classes that have handlers of their own.
    """

    steps: Sequence[Step]
    endpoint: Action = nothing
    takes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    returns: Any = "done"
    result_type: Any = inspect.Parameter.empty
    handlers: Sequence[int | type[Exception]] = ()


def build(program: Program, variant: Variant, log: Log) -> App:
    """Build a program's application."""
    app = App()
    for key in program.handlers:
        app.add_exception_handler(key, _handler(key, variant.endpoint, log))
    flavours = cycle(variant.dependencies)
    parameters: dict[str, inspect.Parameter] = {}
    for step in program.steps:
        below = [parameters[name] for name in step.uses]
        flavour = next(flavours)
        function = write_function(step, flavour, log, below, step.name)
        use = Depends(function, scope=step.scope, sync_to_thread=flavour != "loop")
        parameters[step.name] = inspect.Parameter(
            step.name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Any, use]
        )
    used = {name for step in program.steps for name in step.uses}
    own = [parameter for name, parameter in parameters.items() if name not in used]
    step = plain("endpoint", setup=program.endpoint, takes=program.takes)
    endpoint: Any = write_function(step, variant.endpoint, log, own, program.returns)
    endpoint.__signature__ = endpoint.__signature__.replace(return_annotation=program.result_type)
    app.post("/")(endpoint)
    return app


def _handler(key: int | type[Exception], flavour: Flavour, log: Log) -> Callable[..., Any]:
    name = key if isinstance(key, int) else key.__name__

    def answer(error: Exception) -> Response:
        log(f"handler for {name}")
        return JSONResponse({"handled": told(error)}, 418)

    async def async_handler(request: Any, error: Exception) -> Response:
        return answer(error)

    def sync_handler(request: Any, error: Exception) -> Response:
        return answer(error)

    return sync_handler if flavour == "thread" else async_handler


# ---------------------------------------------------------------------- requests


@dataclass(slots=True)
class Answer:
    """What a client and the server have got."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    body: bytes = b""
    complete: bool = False
    raised: Exception | None = None
    """What the application raised to the server."""

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> list[str]:
        """All values of one header."""
        return [value for key, value in self.headers if key == name]


@asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    """Wait for five seconds; on asyncio without a cancel scope, as under a server."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with anyio.fail_after(5):
            yield
    else:
        async with asyncio.timeout(5):
            yield


async def request(
    app: Any,
    path: str = "/",
    method: str = "GET",
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    log: Log | None = None,
    logs_receiving: bool = False,
) -> Answer:
    """Send one request to an application, as a server would; the client stays to the end.

    It waits five seconds for the answer, so that a program that hangs fails.

    Args:
        logs_receiving: Whether it writes into the log that the body is received, too.
    """
    answer = Answer()
    write = log if log is not None else Log()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])
    streaming = False

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        if message is None:
            await anyio.sleep_forever()
            raise AssertionError
        if logs_receiving:
            write("receives")
        return message

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal streaming
        if message["type"] == "http.response.start":
            assert answer.status is None, "a second response was started"
            write(f"sends {message['status']}")
            answer.status = message["status"]
            answer.headers = [(k.decode(), v.decode()) for k, v in message["headers"]]
            return
        assert not answer.complete, "something was sent after the end"
        answer.body += message["body"]
        if message.get("more_body"):
            streaming = True
            write(f"sends {message['body'].decode().strip()}")
            return
        answer.complete = True
        if streaming:
            write("ends")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    async with _patience():
        try:
            await app(scope, receive, send)
        except Exception as error:
            answer.raised = error
    return answer
