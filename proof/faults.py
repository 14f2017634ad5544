"""A matrix of faults: at each place of a request's life, each of them strikes once.

A cell is a place, a fault, the flavours of the dependencies, and what the request runs in. The
application of a set of flavours is made once; what a cell changes is what happens where. So each
cell also shows that those before it have left nothing behind.

Whatever the cell, the same has to be true, `problems` tells: each dependency that was entered has
exited once, the last entered first; its exit code could await; the worker threads are all free;
another request is answered; nothing is logged but what `records` says.
"""

import asyncio
import inspect
import logging
import os
import re
import sys
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    MutableMapping,
)
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import anyio
import anyio.from_thread
import anyio.to_thread
import trio
from anyio import CancelScope
from anyio.lowlevel import checkpoint
from starlette.requests import HTTPConnection

from microfw import App, BackgroundTasks, Depends, HTTPException, Outcome, Request, WebSocket
from microfw.dependencies import Cleanup
from microfw.dependencies._limits import Limit, Places
from microfw.responses import FileResponse, JSONResponse, Response, StreamingResponse
from microfw.tracing import Trace
from proof.traced import disorder, is_no_lifespan

CANCELLATIONS = (asyncio.CancelledError, trio.Cancelled)
CANCELLED = "cancelled"
HANGING_TIMEOUTS = (0.05, 1)
"""Seconds that exit code may take where one hangs; more, if the others do not end in that either."""

# ---------------------------------------------------------------------- places


@dataclass(frozen=True)
class Place:
    """Where a fault strikes.

    Attributes:
        name: As the application announces it when it gets there.
        route: The path whose requests get there.
        kind: What goes on there.
        before: Dependencies that are open there, outermost first.
        sent: What has been sent by then.
    """

    name: str
    kind: str
    before: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    route: str = "/plain"

    def __str__(self) -> str:
        return f"{self.name} of {self.route}"


ALL: tuple[str, ...] = ("outer", "first", "second")
OWN: tuple[str, ...] = (*ALL, "short", "held", "told", "limited")
"""What a request opens."""
FEEDS = ("outer",)
"""What is open while a response is sent."""
HEAD, WHOLE = ("200",), ("200", "body")
ACCEPTED, TALKED = ("accept",), ("accept", "send")

SOCKET = "/socket"
REFUSED, REFUSED_SOCKET, FAILED_SOCKET = "/refused", "/socket/refused", "/socket/failed"
DENIED_SOCKET = "/socket/denied"
BROKEN = "/broken"
FAILED = ("500", "body")
LATE = "/late"
"""A route whose body is received when one of scope "use" has closed."""
LIMITED = "/limited"
"""A route that waits for a place of a limit, whose exit code is shown the outcome, and that has a
task which runs always."""
AHEAD = {LATE: ("setup of short", "user", "exit of short"), LIMITED: ("checking",)}
"""Their places ahead of the body."""
WIDE = ("outer", "told")
"""What is open in scope "request" while the second sends its response."""
INSIDE = ("outer", "told", "first", "second", "limited")
RETURNED, RETURNED_NEWER, FILE = "/returned", "/returned/2.4", "/file"

IN_CHUNKS = (RETURNED, RETURNED_NEWER, FILE)
NEWER = (RETURNED_NEWER,)
"""Routes whose server speaks ASGI 2.4, where `send` raises an error if the client has gone."""

WHOLE_RESPONSES = {
    "/plain": WHOLE,
    "/reading": WHOLE,
    LATE: WHOLE,
    LIMITED: WHOLE,
    "/stream": (*WHOLE, "body", "body"),
    RETURNED: (*WHOLE, "body", "body"),
    RETURNED_NEWER: (*WHOLE, "body", "body"),
    FILE: (*WHOLE, "body"),
    REFUSED: ("418", "body"),
    BROKEN: ("500", "body"),
    SOCKET: (*TALKED, "close 1000"),
    REFUSED_SOCKET: ("close 4000",),
    FAILED_SOCKET: (*ACCEPTED, "close 4000"),
    DENIED_SOCKET: ("403", "body"),
}
"""By route, what is sent where nothing goes wrong."""

REFUSALS = {
    BROKEN: "Breakage",
    REFUSED: "Refusal",
    REFUSED_SOCKET: "SocketRefusal",
    FAILED_SOCKET: "SocketRefusal",
    DENIED_SOCKET: "Denial",
}
"""By route, what the endpoint raises for which there is an exception handler."""

PLACES = (
    Place("setup of engine", "lifespan"),
    Place("setup of pool", "lifespan", ("engine",)),
    Place("receiving the first part", "receive"),
    Place("receiving the last part", "receive"),
    Place("setup of outer", "setup"),
    Place("setup of first", "setup", ("outer",)),
    Place("between", "setup", ("outer", "first")),
    Place("setup of second", "setup", ("outer", "first")),
    Place("endpoint", "endpoint", ALL),
    Place("receiving in the endpoint", "receive", ALL, route="/reading"),
    Place("setup of short", "setup", route=LATE),
    Place("user", "setup", ("short",), route=LATE),
    Place("exit of short", "exit", ("short",), route=LATE),
    Place("receiving the first part", "receive", route=LATE),
    Place("setup of outer", "setup", route=LATE),
    Place("endpoint", "endpoint", (*ALL, "held"), route=LATE),
    Place("setup of held", "setup", ALL, route=LATE),
    Place("exit of held", "exit", (*ALL, "held"), route=LATE),
    Place("checking", "setup", route=LIMITED),
    Place("receiving the first part", "receive", route=LIMITED),
    Place("waiting for a place", "wait", route=LIMITED),
    Place("setup of outer", "setup", route=LIMITED),
    Place("setup of limited", "setup", INSIDE[:-1], route=LIMITED),
    Place("endpoint", "endpoint", INSIDE, route=LIMITED),
    Place("exit of limited", "exit", INSIDE, route=LIMITED),
    Place("sending the head", "send", WIDE, route=LIMITED),
    Place("kept", "task", WIDE, WHOLE, LIMITED),
    Place("exit of told", "exit", WIDE, WHOLE, LIMITED),
    Place("building the response", "endpoint", ALL),
    Place("exit of second", "exit", ALL),
    Place("exit of first", "exit", ("outer", "first")),
    Place("sending the head", "send", FEEDS),
    Place("sending the body", "send", FEEDS, HEAD),
    Place("setup of helper", "task", ("outer",), WHOLE),
    Place("task", "task", ("outer", "helper"), WHOLE),
    Place("exit of helper", "task", ("outer", "helper"), WHOLE),
    Place("exit of outer", "exit", ("outer",), WHOLE),
    Place("first item", "endpoint", ALL, route="/stream"),
    Place("sending an item", "send", ALL, HEAD, "/stream"),
    Place("second item", "endpoint", ALL, WHOLE, "/stream"),
    Place("end of the stream", "endpoint", ALL, (*WHOLE, "body"), "/stream"),
    *(
        place
        for route in (RETURNED, RETURNED_NEWER)
        for place in (
            Place("sending the head", "send", FEEDS, route=route),
            Place("first chunk", "chunk", FEEDS, HEAD, route),
            Place("sending a chunk", "send", FEEDS, HEAD, route),
            Place("second chunk", "chunk", FEEDS, WHOLE, route),
            Place("end of the stream", "chunk", FEEDS, (*WHOLE, "body"), route),
        )
    ),
    Place("sending the head", "send", FEEDS, route=FILE),
    Place("sending a chunk", "send", FEEDS, HEAD, FILE),
    Place("handling an exception", "handler", route=REFUSED),
    Place("sending the head", "send", route=REFUSED),
    Place("handling what nothing else does", "handler", route=BROKEN),
    Place("sending the head", "send", route=BROKEN),
    Place("setup of outer", "setup", route=SOCKET),
    Place("setup of first", "setup", ("outer",), route=SOCKET),
    Place("between", "setup", ("outer", "first"), route=SOCKET),
    Place("setup of second", "setup", ("outer", "first"), route=SOCKET),
    Place("endpoint", "endpoint", ALL, route=SOCKET),
    Place("receiving the handshake", "receive", ALL, route=SOCKET),
    Place("accepting", "send", ALL, route=SOCKET),
    Place("receiving a message", "receive", ALL, ACCEPTED, SOCKET),
    Place("answering", "endpoint", ALL, ACCEPTED, SOCKET),
    Place("sending a message", "send", ALL, ACCEPTED, SOCKET),
    Place("exit of second", "exit", ALL, TALKED, SOCKET),
    Place("exit of first", "exit", ("outer", "first"), TALKED, SOCKET),
    Place("exit of outer", "exit", ("outer",), TALKED, SOCKET),
    Place("closing", "send", (), TALKED, SOCKET),
    Place("handling an exception", "handler", route=REFUSED_SOCKET),
    Place("closing", "send", route=REFUSED_SOCKET),
    Place("handling an exception", "handler", (), ACCEPTED, FAILED_SOCKET),
    Place("closing", "send", (), ACCEPTED, FAILED_SOCKET),
    Place("handling an exception", "handler", route=DENIED_SOCKET),
    Place("sending the head", "send", route=DENIED_SOCKET),
    Place("sending the body", "send", (), ("403",), DENIED_SOCKET),
    Place("exit of pool", "lifespan", ("engine", "pool")),
    Place("exit of engine", "lifespan", ("engine",)),
)

# ---------------------------------------------------------------------- faults


class Abort(BaseException):
    """No `Exception`: nothing that catches errors catches it."""


class Refusal(Exception):
    """What the application has an exception handler for."""


class SocketRefusal(Exception):
    """The same for WebSockets."""


class Denial(HTTPException):
    """What a WebSocket's handshake is answered to by an HTTP response."""


class Breakage(Exception):
    """What only the exception handler for all of them answers, and the server gets to see."""


class SiblingError(Exception):
    """Raised by another task of the task group in which the request runs."""


@dataclass(frozen=True)
class Fault:
    """What happens, once, at a place.

    Attributes:
        strike: Does it, on the event loop; raises it in whatever thread.
        raises: What it raises there, as logs show it.
        waits: Whether code that can await then waits for what comes of it.
        then: Happens in the first exit code from there on.
    """

    name: str
    strike: "Callable[[Cell], None]"
    raises: str = ""
    waits: bool = False
    then: str = ""

    def __str__(self) -> str:
        return self.name


def raising(name: str, error: Callable[[], BaseException], then: str = "") -> Fault:
    def strike(_: "Cell") -> None:
        raise error()

    return Fault(name, strike, raises=type(error()).__name__, then=then)


def descend(_: "Cell") -> None:
    descend(_)


def time_out(cell: "Cell") -> None:
    if cell.time_limit is None:
        cell.scope.deadline = anyio.current_time()
    else:
        Context().run(cell.time_limit.reschedule, anyio.current_time())


def fail_beside(cell: "Cell") -> None:
    cell.sibling_fails.set()


def shut_down(cell: "Cell") -> None:
    """What uvicorn does to requests when its patience ends; with trio, servers cancel a scope."""
    if cell.task is None:
        cell.scope.cancel()
    else:
        cell.task.get_loop().call_soon(cell.task.cancel, context=Context())


def cancel_again(cell: "Cell") -> None:
    cell.outer_scope.cancel()
    shut_down(cell)


def disconnect(cell: "Cell") -> None:
    cell.client_is_gone.set()


def break_sending(cell: "Cell") -> None:
    cell.sending_fails = True


def fall_silent(cell: "Cell") -> None:
    """From here on nothing comes from the client; at last the server has waited long enough."""
    cell.is_silent = True


def exhaust(cell: "Cell") -> None:
    """Other requests take all the worker threads."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    while limiter.available_tokens:
        other = object()
        limiter.acquire_on_behalf_of_nowait(other)
        cell.others.append(other)


FAULTS = (
    raising("an exception", lambda: ValueError("struck")),
    raising("a BaseException", Abort),
    raising("MemoryError", MemoryError),
    Fault("RecursionError", descend, raises="RecursionError"),
    raising("StopIteration", StopIteration),
    raising("StopAsyncIteration", StopAsyncIteration),
    raising("GeneratorExit", GeneratorExit),
    Fault("a timeout", time_out, waits=True),
    Fault("a task group's cancellation", fail_beside, waits=True),
    Fault("the server's shutdown", shut_down, waits=True),
    Fault("a second cancellation in exit code", time_out, waits=True, then="is cancelled"),
    Fault("the client's leaving", disconnect),
    Fault("failing sends", break_sending),
    Fault("silence", fall_silent),
    Fault("no free thread", exhaust),
    raising("exit code that hangs", lambda: ValueError("struck"), then="hangs"),
    raising("exit code that cancels", lambda: ValueError("struck"), then="cancels"),
)

# ---------------------------------------------------------------------- flavours

NAMES: tuple[str, ...] = (
    *("engine", "pool", "outer", "first", "second", "helper", "short", "held", "told", "limited"),
)

FLAVOURS: dict[str, tuple[str, ...]] = {
    "async": ("async",) * 10,
    "brief": ("brief",) * 10,
    "thread": ("thread",) * 10,
    "loop": ("loop",) * 10,
    "mixed": (
        *("thread", "async", "async", "thread", "brief", "thread", "async", "thread"),
        *("thread", "async"),
    ),
    "mixed the other way": (
        *("async", "thread", "thread", "async", "thread", "loop", "thread", "async"),
        *("async", "thread"),
    ),
}
"""Of each dependency: an async one whose exit code awaits, or not; a sync one, where it runs."""

SYNC = ("thread", "loop")
"""Those with which all that an application's author writes is sync."""

# ---------------------------------------------------------------------- a cell and its log


@dataclass
class Cell:
    """One combination, and what became of it.

    Attributes:
        is_bare: Whether the request runs in a task of asyncio's alone, as behind uvicorn, and not
            in a task group and cancel scopes of AnyIO's.
        events: What happened to which dependency.
        sent: The types of the messages to the client, the status instead of the head's.
        ended: How the request, or the lifespan, has ended for the server.
        records: What was logged.
        shown: Whether exit code was shown that all is well, and what else its outcome said.
    """

    place: Place
    fault: Fault
    flavour: str
    is_bare: bool
    events: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    sent: list[str] = field(default_factory=list[str])
    ended: str = "well"
    records: list[str] = field(default_factory=list[str])
    shown: dict[str, tuple[bool, str]] = field(default_factory=dict[str, tuple[bool, str]])
    limit: Limit | None = None

    def __post_init__(self) -> None:
        self.scope = CancelScope()
        self.outer_scope = CancelScope()
        self.task: asyncio.Task[None] | None = None
        self.time_limit: asyncio.Timeout | None = None
        self.sibling_fails = anyio.Event()
        self.client_is_gone = anyio.Event()
        self.sending_fails = False
        self.is_silent = False
        self.others: list[object] = []
        self.thread = threading.get_ident()
        self.struck = False
        self.exit_struck = False
        self.is_sent = False
        self.waits = False

    def _is_struck_at(self, name: str) -> bool:
        """Whether it is time for the fault; it strikes once."""
        strikes = name == self.place.name and not self.struck
        self.struck = self.struck or strikes
        return strikes and not (self.fault.then in ("hangs", "cancels") and "exit" in name)

    async def reach(self, name: str) -> None:
        """Be at a place, in code that can await."""
        if self._is_struck_at(name):
            self.fault.strike(self)
            if self.fault.waits and name.startswith("exit"):
                await checkpoint()
            elif self.fault.waits:
                self.waits = True
                await anyio.sleep_forever()

    def reach_sync(self, name: str) -> None:
        """Be at a place, in code that cannot await, in whatever thread."""
        if self._is_struck_at(name):
            self._on_loop(self.fault.strike, raises=bool(self.fault.raises))

    def _on_loop(self, strike: "Callable[[Cell], None]", *, raises: bool = False) -> None:
        if raises or threading.get_ident() == self.thread:
            strike(self)
        else:
            anyio.from_thread.run_sync(strike, self)

    def run(self, name: str) -> None:
        self.events.append(("runs", name))

    def enter(self, name: str) -> None:
        self.events.append(("enters", name))

    def see(self, name: str, error: BaseException) -> None:
        what = "cancellation" if isinstance(error, CANCELLATIONS) else type(error).__name__
        self.events.append((f"sees {what}", name))

    def begin_exit(self, name: str, outcome: Outcome | None) -> None:
        """Be in exit code, which may be struck as well."""
        self.events.append(("exits", name))
        if outcome is not None:
            head, left = outcome.response, "left" if outcome.disconnected else ""
            what = type(outcome.error).__name__ if outcome.error else str(head and head.status_code)
            self.shown[name] = outcome.ok, left or what
        if self.struck_in_exit("is cancelled"):
            self._on_loop(cancel_again)
        elif self.struck_in_exit("cancels", name):
            self._on_loop(time_out)

    def struck_in_exit(self, what: str, name: str = "") -> bool:
        """Whether this is the exit code that the fault has an effect on."""
        here = self.struck or self.place.name == f"exit of {name}"
        strikes = self.fault.then == what and here and not self.exit_struck
        self.exit_struck = self.exit_struck or strikes
        return strikes

    async def await_in_exit(self, name: str) -> None:
        await checkpoint()
        await checkpoint()
        self.events.append(("awaits", name))
        await self.reach(f"exit of {name}")
        if self.struck_in_exit("hangs", name):
            await anyio.sleep_forever()

    def end_exit(self, name: str) -> None:
        self.events.append(("ends", name))


# ---------------------------------------------------------------------- the application


class Stage:
    """The application of one set of flavours.

    Attributes:
        cell: What runs on it now.
        traces: Of its requests, where they are traced.
    """

    cell: Cell

    def __init__(self, flavour: str) -> None:
        self.flavours = dict(zip(NAMES, FLAVOURS[flavour], strict=True))
        self.is_sync = flavour in SYNC
        self.app = App()
        self.traces: list[Trace] = []
        engine = self.dependency("engine", scope="app")
        pool = self.dependency("pool", engine, scope="app")
        outer = self.dependency("outer", pool, scope="request")
        first = self.dependency("first", outer)
        between = Depends(self.plain("between", first))
        second = self.dependency("second", between)
        helper = self.dependency("helper")
        self.declare_routes(second, self.task(helper))
        short = self.dependency("short", pool, scope="use")
        held = self.dependency("held", second, scope="use")
        self.declare_late_body(Depends(self.plain("user", short)), second, held)
        told = self.dependency("told", outer, scope="request", observes=True)
        limited = self.dependency("limited", second, observes=True, max_concurrency=1)
        self.limit: Limit = limited.limit
        self.declare_limited(told, second, limited)
        self.declare_returned_responses(outer, second)
        self.declare_sockets(second)
        self.declare_handlers(second)

    def watch(self, is_traced: bool) -> None:
        """Keep the traces from now on, if they are wanted."""
        if is_traced and not self.app.tracing.is_on:
            self.app.tracing.listen(self.traces.append, when=is_no_lifespan)

    def dependency(
        self,
        name: str,
        below: Any = None,
        scope: Any = None,
        *,
        observes: bool = False,
        max_concurrency: int | None = None,
    ) -> Any:
        """Make a yield dependency."""
        stage = self
        uses: Any = below or NOTHING

        async def awaiting(outcome: Outcome | None = None, below: Any = uses) -> Any:
            cell = stage.cell
            await cell.reach(f"setup of {name}")
            cell.enter(name)
            try:
                yield name
            except BaseException as error:
                cell.see(name, error)
                raise
            finally:
                cell.begin_exit(name, outcome)
                try:
                    await cell.await_in_exit(name)
                finally:
                    cell.end_exit(name)

        @contextmanager
        def block(cell: Cell, outcome: Outcome | None) -> Iterator[None]:
            cell.enter(name)
            try:
                yield
            except BaseException as error:
                cell.see(name, error)
                raise
            finally:
                cell.begin_exit(name, outcome)
                try:
                    cell.reach_sync(f"exit of {name}")
                finally:
                    cell.end_exit(name)

        async def brief(outcome: Outcome | None = None, below: Any = uses) -> Any:
            cell = stage.cell
            await cell.reach(f"setup of {name}")
            with block(cell, outcome):
                yield name

        def sync(outcome: Outcome | None = None, below: Any = uses) -> Any:
            cell = stage.cell
            cell.reach_sync(f"setup of {name}")
            with block(cell, outcome):
                yield name

        flavour = self.flavours[name]
        functions: dict[str, Any] = {
            "async": awaiting,
            "brief": brief,
            "thread": sync,
            "loop": sync,
        }
        function = functions[flavour]
        parameters = inspect.signature(function).parameters
        observed = [parameters["outcome"].replace(annotation=Outcome, default=EMPTY)] * observes
        function.__signature__ = inspect.Signature([*observed, parameters["below"]])
        return Depends(
            function,
            scope=scope,
            sync_to_thread=flavour == "thread",
            max_concurrency=max_concurrency,
        )

    def plain(self, name: str, below: Any) -> Callable[..., Any]:
        """Make a function with a dependency that does nothing but to be at a place."""
        stage = self

        def sync(below: Any = below) -> str:
            stage.cell.run(name)
            stage.cell.reach_sync(name)
            return name

        async def awaiting(below: Any = below) -> str:
            stage.cell.run(name)
            await stage.cell.reach(name)
            return name

        return sync if self.is_sync else awaiting

    def task(self, helper: Any) -> Callable[..., Any]:
        task = self.plain("task", helper)
        task.__name__ = "task"
        return task

    def declare_routes(self, second: Any, task: Callable[..., Any]) -> None:
        app, stage = self.app, self

        class Reaching(JSONResponse):
            """Is built by code that a fault can strike."""

            def render(self, content: Any) -> bytes:
                stage.cell.reach_sync("building the response")
                return super().render(content)

        def add_tasks(tasks: BackgroundTasks) -> None:
            tasks.add_task(task)
            tasks.add_task(stage.last_task)

        async def answer(
            second: Annotated[str, second], sent: dict[str, int], tasks: BackgroundTasks
        ) -> dict[str, int]:
            add_tasks(tasks)
            stage.cell.run("endpoint")
            await stage.cell.reach("endpoint")
            return sent

        def answer_sync(
            second: Annotated[str, second], sent: dict[str, int], tasks: BackgroundTasks
        ) -> dict[str, int]:
            add_tasks(tasks)
            stage.cell.run("endpoint")
            stage.cell.reach_sync("endpoint")
            return sent

        app.post("/plain", response_class=Reaching)(answer_sync if self.is_sync else answer)

        @app.post("/reading")
        async def read(second: Annotated[str, second], request: Request) -> int:
            return sum([len(part) async for part in request.stream()])

        async def stream(second: Annotated[str, second]) -> Any:
            await stage.cell.reach("first item")
            yield 1
            await stage.cell.reach("second item")
            yield 2
            await stage.cell.reach("end of the stream")

        def stream_sync(second: Annotated[str, second]) -> Any:
            stage.cell.run("stream")
            stage.cell.reach_sync("first item")
            yield 1
            stage.cell.reach_sync("second item")
            yield 2
            stage.cell.reach_sync("end of the stream")

        app.post("/stream")(stream_sync if self.is_sync else stream)

    def declare_late_body(self, user: Any, second: Any, held: Any) -> None:
        stage = self

        class Noted(JSONResponse):
            """Is built once what the endpoint alone used has closed."""

            def render(self, content: Any) -> bytes:
                stage.cell.run("response")
                return super().render(content)

        endpoint = self.endpoint(user=user, second=second, held=held)
        self.app.post(LATE, response_class=Noted)(endpoint)

    def declare_limited(self, told: Any, second: Any, limited: Any) -> None:
        kept = self.plain("kept", NOTHING)
        kept.__name__ = "kept"

        def add(tasks: BackgroundTasks) -> None:
            tasks.always.add_task(kept)

        checked = Depends(self.plain("checking", NOTHING))
        endpoint = self.endpoint(checked=checked, told=told, limited=limited)
        self.app.post(LIMITED, dependencies=[Depends(add, sync_to_thread=False)])(endpoint)

    def endpoint(self, **dependencies: Any) -> Any:
        """An endpoint that has these dependencies, in this order, and answers with its body."""
        stage = self

        async def answer(sent: dict[str, int], **_: str) -> dict[str, int]:
            stage.cell.run("endpoint")
            await stage.cell.reach("endpoint")
            return sent

        def answer_sync(sent: dict[str, int], **_: str) -> dict[str, int]:
            stage.cell.run("endpoint")
            stage.cell.reach_sync("endpoint")
            return sent

        endpoint: Any = answer_sync if self.is_sync else answer
        body = {"sent": dict[str, int]}
        taken = {name: Annotated[str, each] for name, each in dependencies.items()} | body
        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
            for name, annotation in taken.items()
        ]
        endpoint.__signature__ = inspect.Signature(parameters, return_annotation=dict[str, int])
        return endpoint

    def declare_returned_responses(self, outer: Any, second: Any) -> None:
        stage = self

        async def chunks() -> AsyncIterator[str]:
            await stage.cell.reach("first chunk")
            yield "1"
            await stage.cell.reach("second chunk")
            yield "2"
            await stage.cell.reach("end of the stream")

        def chunks_sync() -> Iterator[str]:
            stage.cell.reach_sync("first chunk")
            yield "1"
            stage.cell.reach_sync("second chunk")
            yield "2"
            stage.cell.reach_sync("end of the stream")

        class Halved(FileResponse):
            """Is sent in two chunks."""

            chunk_size = os.path.getsize(__file__) // 2 + 1

        async def stream(outer: Annotated[str, outer], second: Annotated[str, second]) -> Response:
            return StreamingResponse(chunks())

        def stream_sync(outer: Annotated[str, outer], second: Annotated[str, second]) -> Response:
            return StreamingResponse(chunks_sync())

        for route in (RETURNED, RETURNED_NEWER):
            self.app.post(route)(stream_sync if self.is_sync else stream)

        @self.app.post(FILE)
        def send_file(outer: Annotated[str, outer], second: Annotated[str, second]) -> Response:
            return Halved(__file__)

    def declare_sockets(self, second: Any) -> None:
        stage = self

        @self.app.websocket(SOCKET)
        async def talk(second: Annotated[str, second], websocket: WebSocket) -> None:
            stage.cell.run("endpoint")
            await stage.cell.reach("endpoint")
            await websocket.accept()
            message = await websocket.receive_text()
            await stage.cell.reach("answering")
            await websocket.send_text(message)

        @self.app.websocket(REFUSED_SOCKET)
        async def refuse(second: Annotated[str, second]) -> None:
            raise SocketRefusal

        @self.app.websocket(FAILED_SOCKET)
        async def fail(second: Annotated[str, second], websocket: WebSocket) -> None:
            await websocket.accept()
            raise SocketRefusal

        @self.app.websocket(DENIED_SOCKET)
        async def deny(second: Annotated[str, second]) -> None:
            raise Denial(403)

    def declare_handlers(self, second: Any) -> None:
        app, stage = self.app, self

        @app.post(REFUSED)
        async def refuse(second: Annotated[str, second]) -> None:
            raise Refusal

        @app.post(BROKEN)
        async def break_down(second: Annotated[str, second]) -> None:
            raise Breakage

        in_thread = self.flavours["outer"] == "thread"

        def handler_at(place: str, status: int) -> Any:
            async def handle(connection: HTTPConnection, error: Exception) -> Response:
                stage.cell.run("handler")
                await stage.cell.reach(place)
                return JSONResponse(None, status)

            def handle_sync(connection: HTTPConnection, error: Exception) -> Response:
                stage.cell.run("handler")
                stage.cell.reach_sync(place)
                return JSONResponse(None, status)

            return handle_sync if in_thread else handle

        app.exception_handler(Refusal)(handler_at("handling an exception", 418))
        app.exception_handler(Denial)(handler_at("handling an exception", 403))
        app.exception_handler(Exception)(handler_at("handling what nothing else does", 500))

        @app.exception_handler(SocketRefusal)
        async def hang_up(websocket: WebSocket, error: SocketRefusal) -> None:
            stage.cell.run("handler")
            await stage.cell.reach("handling an exception")
            await websocket.close(4000)

    @contextmanager
    def cleaning_up_within(self, seconds: float | None) -> Iterator[None]:
        """Have exit code be cut off sooner for a while."""
        app_state = self.app.app_state
        before = app_state.cleanup
        app_state.cleanup = before if seconds is None else Cleanup(seconds)
        try:
            yield
        finally:
            app_state.cleanup = before

    async def last_task(self) -> None:
        self.cell.run("last task")


NOTHING = Depends(lambda: None, sync_to_thread=False)
EMPTY = inspect.Parameter.empty

# ---------------------------------------------------------------------- a server


PARTS = (b'{"one":', b" 1}")


class Client:
    """The server's side of one request: what it hands to the application."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.parts = list(PARTS)

    async def receive(self) -> dict[str, Any]:
        cell = self.cell
        if self.parts:
            part = self.parts.pop(0)
            name = "last" if not self.parts else "first"
            if cell.place.route != "/reading":
                await cell.reach(f"receiving the {name} part")
            elif name == "first":
                await cell.reach("receiving in the endpoint")
            await self.stay_silent()
            if not cell.client_is_gone.is_set():
                return {"type": "http.request", "body": part, "more_body": bool(self.parts)}
        await self.stay_silent()
        if not cell.client_is_gone.is_set():
            await cell.client_is_gone.wait()
        return {"type": "http.disconnect"}

    async def stay_silent(self) -> None:
        if self.cell.is_silent:
            if waits_for_client(self.cell.place):
                time_out(self.cell)
            await anyio.sleep_forever()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        cell = self.cell
        kind = message["type"].removeprefix("http.response.")
        cell.run("send")
        cell.is_sent = kind == "body" and not message.get("more_body")
        if kind == "start":
            await cell.reach("sending the head")
        elif cell.place.route == "/stream" and message.get("more_body"):
            await cell.reach("sending an item")
        elif message.get("more_body"):
            await cell.reach("sending a chunk")
        elif cell.place.route == "/plain":
            await cell.reach("sending the body")
        if cell.sending_fails or (cell.place.route in NEWER and cell.client_is_gone.is_set()):
            raise OSError("the connection is broken")
        await checkpoint()
        if not cell.client_is_gone.is_set():
            cell.sent.append(str(message["status"]) if kind == "start" else kind)


class SocketClient(Client):
    """The server's side of a WebSocket."""

    names: ClassVar = {
        "accept": "accepting",
        "send": "sending a message",
        "close": "closing",
        "http.response.start": "sending the head",
        "http.response.body": "sending the body",
    }
    is_connected = False

    async def receive(self) -> dict[str, Any]:
        cell = self.cell
        if not self.is_connected:
            self.is_connected = True
            await cell.reach("receiving the handshake")
            await self.stay_silent()
            return {"type": "websocket.connect"}
        await cell.reach("receiving a message")
        await self.stay_silent()
        if cell.client_is_gone.is_set():
            return {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        return {"type": "websocket.receive", "text": "hello"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        cell = self.cell
        kind = message["type"].removeprefix("websocket.")
        await cell.reach(self.names[kind])
        if cell.sending_fails:
            raise OSError("the connection is broken")
        await checkpoint()
        if not cell.client_is_gone.is_set():
            number = message.get("code") if kind == "close" else message.get("status")
            shown = {"close": f"close {number}", "http.response.start": str(number)}
            cell.sent.append(shown.get(kind, kind.removeprefix("http.response.")))


def is_socket(place: Place) -> bool:
    return place.route.startswith(SOCKET)


def waits_for_client(place: Place) -> bool:
    """Whether something is to come from the client, there or later."""
    is_ahead = place.name in AHEAD.get(place.route, ())
    return place.kind == "receive" or is_ahead or (place.route == SOCKET and not place.sent)


async def send_request(app: App, cell: Cell) -> None:
    client = SocketClient(cell) if is_socket(cell.place) else Client(cell)
    scope: dict[str, Any] = {
        "type": "websocket" if is_socket(cell.place) else "http",
        "asgi": {"version": "3.0", "spec_version": "2.4" if cell.place.route in NEWER else "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "ws" if is_socket(cell.place) else "http",
        "path": cell.place.route,
        "raw_path": cell.place.route.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": {"websocket.http.response": {}} if cell.place.route == DENIED_SOCKET else {},
    }
    await app(scope, client.receive, client.send)


async def exposed(cell: Cell, run: Callable[[], Awaitable[None]]) -> None:
    """Run what the cell's fault can reach; tell how it has ended."""
    async with anyio.create_task_group() as others:
        if cell.fault.strike is exhaust:
            others.start_soon(relent, cell)
        if cell.place.kind == "wait" and cell.limit is not None:
            places = cell.limit.places()
            places.take_at_once(1)
            others.start_soon(occupy, cell, places)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # on trio
            await run_beside(cell, run)
        else:
            cell.task = loop.create_task((run_bare if cell.is_bare else run_beside)(cell, run))
            await asyncio.wait([cell.task])
            if not cell.task.cancelled():
                cell.task.result()
        others.cancel_scope.cancel()


async def run_beside(cell: Cell, run: Callable[[], Awaitable[None]]) -> None:
    """Run beside a task that can fail, in scopes that can end."""

    async def fail() -> None:
        await cell.sibling_fails.wait()
        raise SiblingError

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            with cell.outer_scope, cell.scope, ending(cell):
                await run()
            group.cancel_scope.cancel()
    except* SiblingError:
        pass


async def run_bare(cell: Cell, run: Callable[[], Awaitable[None]]) -> None:
    """Run with nothing of AnyIO's around, in a time limit of asyncio's."""
    try:
        async with asyncio.timeout(None) as cell.time_limit:
            with ending(cell):
                await run()
    except TimeoutError:
        pass


@contextmanager
def ending(cell: Cell) -> Iterator[None]:
    """Tell how a block has ended; hold back all but cancellations."""
    try:
        yield
    except CANCELLATIONS:
        cell.ended = CANCELLED
        raise
    except BaseException as error:
        cell.ended = f"raises {shown(error)}"


async def relent(cell: Cell) -> None:
    """Give the threads back once the request waits for one."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    while not limiter.statistics().tasks_waiting:
        await checkpoint()
    cell.events.append(("waits for", "a thread"))
    give_back(cell)


async def occupy(cell: Cell, places: Places) -> None:
    """Have the place that the request waits for, until the fault has struck."""
    try:
        while not places.queue:
            await checkpoint()
        await cell.reach(cell.place.name)
    finally:
        places.give_back(1)


def give_back(cell: Cell) -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()
    while cell.others:
        limiter.release_on_behalf_of(cell.others.pop())


def shown(error: BaseException) -> str:
    """An exception's class; of a group's members too."""
    if isinstance(error, BaseExceptionGroup):
        members: Collection[BaseException] = error.exceptions
        return f"group of {', '.join(map(shown, members))}"
    return type(error).__name__


# ---------------------------------------------------------------------- running a cell

NOWHERE = Place("nowhere", "nowhere")
NOTHING_HAPPENS = Fault("nothing", lambda _: None)


class Records(logging.Handler):
    """Collects what is logged: whose, at which level, and which exception."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        message = re.sub(r"\S+ \(.+?\.py:\d+\)", "a dependency", record.getMessage())
        message = re.sub(r"within \S+ seconds", "in time", message)
        message = re.sub(r"Depends\(\w+,", "Depends(it,", message)
        error = record.exc_info[1] if record.exc_info else None
        self.lines.append(f"{message}: {shown(error)}" if error else message)


@contextmanager
def recorded(lines: list[str]) -> Iterator[None]:
    """Collect what microfw logs, and asyncio."""
    loggers = [logging.getLogger(name) for name in ("microfw", "asyncio")]
    propagated = [logger.propagate for logger in loggers]
    handler = Records(lines)
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagates in zip(loggers, propagated, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagates


async def perform(stage: Stage, cell: Cell, cleanup_timeout: float | None) -> Cell:
    """Run a cell, and a request after it; return that request's cell."""
    stage.cell = cell
    cell.limit = stage.limit
    after = Cell(NOWHERE, NOTHING_HAPPENS, cell.flavour, cell.is_bare)
    lifespan = stage.app.router.lifespan_context
    with recorded(cell.records):
        if cell.place.kind == "lifespan":

            async def start_and_stop() -> None:
                async with lifespan(stage.app):
                    pass

            with stage.cleaning_up_within(cleanup_timeout):
                await exposed(cell, start_and_stop)
            give_back(cell)
            stage.cell = after
        async with lifespan(stage.app):
            if cell.place.kind != "lifespan":
                with stage.cleaning_up_within(cleanup_timeout):
                    await exposed(cell, lambda: send_request(stage.app, cell))
                give_back(cell)
            stage.cell = after
            await exposed(after, lambda: send_request(stage.app, after))
    return after


# ---------------------------------------------------------------------- which cells there are

OF_A_CLIENT = (disconnect, break_sending, fall_silent)


def reason_against(place: Place, fault: Fault, flavour: str, *, is_bare: bool) -> str | None:
    """Why there is no such cell; `None` where there is."""
    if is_bare and fault.strike is fail_beside:
        return "there is no task group around"
    if fault.strike in OF_A_CLIENT and place.kind == "lifespan":
        return "there is no client"
    if fault.raises and place.kind == "wait":
        return "nothing runs that could raise"
    if fault.then and not place.before:
        return "nothing is open that has exit code"
    if fault.then == "hangs" and not any(flavour_of(flavour, it) == "async" for it in place.before):
        return "nothing can interrupt code that does not await"
    if fault.raises == "GeneratorExit" and place.kind == "chunk" and flavour in SYNC:
        return "it does not come out of the thread in which Starlette calls an iterator"
    return None


def flavour_of(flavour: str, name: str) -> str:
    return FLAVOURS[flavour][NAMES.index(name)]


# ---------------------------------------------------------------------- what has to be true

TOO_LONG = "the exit code of a dependency did not end in time and was cancelled"
LOST = "failed while the request was being cancelled: ValueError"


def problems(cell: Cell, after: Cell) -> list[str]:
    """What is wrong with a cell that has run, and with the request after it."""
    found = [*order_problems(cell), *order_problems(after)]
    if anyio.to_thread.current_default_thread_limiter().borrowed_tokens:
        found.append("a worker thread is not free again")
    if (after.ended, after.sent) != ("well", [*WHOLE]):
        found.append(f"the next request: {after.ended}, {after.sent}")
    if not cell.struck:
        found.append("was not struck")
    if not is_expected_end(cell):
        found.append(f"ended: {cell.ended}, sent {cell.sent}")
    if sorted(cell.records) != sorted(expected_records(cell)):
        found.append(f"logged: {cell.records}")
    found += seeing_problems(cell)
    found += counting_problems(cell)
    if cell.place.route == LIMITED:
        found += limit_problems(cell)
        found += outcome_problems(cell)
    return found


def order_problems(cell: Cell) -> Iterator[str]:
    """Each dependency that enters exits once, in the reverse order, and can await meanwhile."""
    opened: list[str] = []
    entered: list[str] = []
    for number, (event, name) in enumerate(cell.events):
        if event == "enters":
            opened.append(name)
            entered.append(name)
        elif event == "exits" and opened[-1:] != [name]:
            yield f"{name} exits while {opened} are open"
        elif event == "ends":
            opened = opened[:-1]
        elif name == "handler" and {*OWN} & {*opened}:
            yield f"an exception is handled while {opened} are open"
        elif event == "waits for" and not may_wait(cell, number, opened):
            yield f"waits for a thread while {opened} are open"
    if opened:
        yield f"{opened} stay open"
    for name in set(entered):
        expected = ["exits", "awaits"] if flavour_of(cell.flavour, name) == "async" else ["exits"]
        happened = [e for e, n in cell.events if n == name and not e.startswith("sees")]
        if happened != ["enters", *expected, "ends"]:
            yield f"{name} {happened}"


def may_wait(cell: Cell, number: int, opened: list[str]) -> bool:
    """Whether a thread may be waited for (T4): not for exit code, nor while threads' work is open.

    A background task counts for itself.
    """
    following = cell.events[number + 1][0]
    is_in_task = ("ends", "second") in cell.events[:number]
    return following != "exits" and (
        is_in_task
        or not any(flavour_of(cell.flavour, it) == "thread" for it in opened if it in OWN)
    )


def is_expected_end(cell: Cell) -> bool:
    """Whether the server and the client got to see what they should."""
    place, fault, sent = cell.place, cell.fault, tuple(cell.sent)
    whole = whole_response(place)
    well = "raises Breakage" if place.route == BROKEN else "well"
    if fault.then == "cancels":
        ends = [CANCELLED, "raises ValueError", "well"]
        return cell.ended in ends and whole[: len(sent)] == sent >= place.sent
    if fault.raises:
        ends = [f"raises {error}" for error in errors_of(fault)]
        if fault.then == "hangs" and hangs_on_its_own(cell):
            ends = ["raises CleanupTimeoutError"]
        answer = whole if hangs_late(cell) else answer_to_error(place, fault)
        return cell.ended in ends and sent == answer
    if fault.strike is exhaust:
        return (cell.ended, sent) == (well, whole)
    if fault.strike is fall_silent:
        by_then = ACCEPTED if place.name == "accepting" else place.sent
        expected = (CANCELLED, by_then) if waits_for_client(place) else (well, whole)
        return (cell.ended, sent) == expected
    if fault.strike in OF_A_CLIENT:
        fails = fault.strike is break_sending and place.sent != whole and place.route not in NEWER
        if is_socket(place):  # the client has gone, which is no error once it was accepted
            fails = fault.strike is break_sending and place.sent[:1] != ACCEPTED
        return (cell.ended, sent) == ("raises OSError" if fails else well, place.sent)
    if cell.waits:
        return (cell.ended, sent) == (CANCELLED, place.sent)
    if cell.ended == well and sent == whole:
        return not is_cancelled_in_exit(cell)
    return cell.ended == CANCELLED


def whole_response(place: Place) -> tuple[str, ...]:
    return () if place.kind == "lifespan" else WHOLE_RESPONSES[place.route]


def is_cancelled_in_exit(cell: Cell) -> bool:
    """Whether a task is cancelled while it waits for exit code, which has to show when it ends."""
    name = cell.place.name.removeprefix("exit of ")
    return cell.is_bare and name in NAMES and flavour_of(cell.flavour, name) in ("async", "thread")


def answer_to_error(place: Place, fault: Fault) -> tuple[str, ...]:
    """What is sent in all, once there is an error: a 500, if no response has been tried before.

    To a WebSocket that, or where it can no more the code for that, unless closing it was tried.
    """
    is_exception = fault.raises not in ("Abort", "GeneratorExit")
    is_last = place.name == "closing" or (place.route == DENIED_SOCKET and place.kind == "send")
    if is_exception and is_socket(place) and not is_last:
        return (*place.sent, *(FAILED if place.route == DENIED_SOCKET else ["close 1011"]))
    is_last = place.kind in ("send", "lifespan") or place.route == BROKEN
    if is_exception and not place.sent and not is_last:
        return FAILED
    return place.sent


def errors_of(fault: Fault) -> tuple[str, ...]:
    """What Python makes of what is raised: no stop iteration leaves a generator or a coroutine."""
    if fault.raises.startswith("Stop"):
        return (fault.raises, "RuntimeError")
    return (fault.raises,)


def hangs_on_its_own(cell: Cell) -> bool:
    """Whether exit code hangs while no exception goes through it."""
    place = cell.place
    if place.kind != "task":
        return "exit" in place.name
    return place.name != "task" or flavour_of(cell.flavour, "helper") != "async"


def hangs_late(cell: Cell) -> bool:
    """Whether it hangs once the response is sent, though the fault is older."""
    is_async = [it for it in cell.place.before if flavour_of(cell.flavour, it) == "async"]
    is_late = cell.place.kind == "exit" and not is_socket(cell.place)
    return cell.fault.then == "hangs" and is_late and {*is_async} <= {*WIDE}


def expected_records(cell: Cell) -> list[str]:
    """What is logged: failed tasks, and exit code that was cut off. The rest goes to the server."""
    place, fault = cell.place, cell.fault
    records = [TOO_LONG] if fault.then == "hangs" else []
    if is_replaced(cell):
        return [LOST] if LOST in cell.records else []  # a thread's, which nobody else was told
    records += closed_too_early(cell)
    if place.kind != "task" or not fault.raises or fault.raises in ("Abort", "GeneratorExit"):
        return records
    error = fault.raises
    if fault.raises.startswith("Stop"):
        error = cell.ended.removeprefix("raises ")
    if place.name == "exit of helper" and fault.then:
        if fault.then == "cancels" or flavour_of(cell.flavour, "helper") != "async":
            return records
        error = "CleanupTimeoutError"
    name = "kept" if place.name == "kept" else "task"
    return [*records, f"background task {name} failed: {error}"]


def closed_too_early(cell: Cell) -> list[str]:
    """What is logged of a returned response that fails while it is sent."""
    error = cell.ended.removeprefix("raises ")
    if cell.fault.then == "cancels" and cell.ended == CANCELLED:
        error = cell.fault.raises
    is_returned = cell.place.route in (RETURNED, RETURNED_NEWER, FILE)
    is_sent = cell.place.kind in ("chunk", "send")
    if not (is_returned and is_sent) or error in (cell.ended, "Abort", "GeneratorExit"):
        return []
    return [
        (
            f"the response that a dependency returned failed with {error} while it was being sent. These"
            " dependencies had closed before: a dependency, a dependency. One that the response still"
            ' needs is to stay open for it: Depends(it, scope="request")'
        )
    ]


def is_replaced(cell: Cell) -> bool:
    """Whether a cancellation comes out of exit code in place of the error, as in Python."""
    if cell.fault.then != "cancels" or not cell.is_bare or cell.ended != CANCELLED:
        return False
    if cell.place.kind != "task":
        return True
    return cell.place.name == "task" and flavour_of(cell.flavour, "helper") in ("async", "thread")


def seeing_problems(cell: Cell) -> Iterator[str]:
    """What is open sees at its `yield` what has struck, and nothing else (E2)."""
    place, fault = cell.place, cell.fault
    refusal = REFUSALS.get(place.route)
    struck = fault.then in ("", "is cancelled") and (fault.raises or cell.waits)
    if not (refusal or struck or leaving_shows(cell)):
        return
    within = [*ALL] if refusal else [*place.before]
    if leaving_shows(cell) and cell.is_sent and not has_failed_to_send(cell):
        within.clear()  # the client has left, but the server has all of the response
    if place.name == f"exit of {within[-1:] and within[-1]}":
        within.pop()
    if place.kind == "task" and fault.raises not in ("", "Abort", "GeneratorExit"):
        within = [it for it in within if it not in WIDE]  # to which tasks do not matter (B4)
    expected = errors_of(fault) if fault.raises else ("cancellation",)
    if leaving_shows(cell):
        is_noticed = place.route in NEWER or not has_failed_to_send(cell)
        expected = ("ClientDisconnect" if is_noticed else "OSError",)
    if refusal:
        expected = (refusal,)
    seen = {name: event for event, name in cell.events if event.startswith("sees ")}
    for name in {*within, *seen}:
        if name not in within or seen.get(name, "").removeprefix("sees ") not in expected:
            yield f"{name} {seen.get(name, 'sees nothing')}"


def leaving_shows(cell: Cell) -> bool:
    """Whether dependencies see that the client has gone in the middle of what was returned."""
    return cell.fault.strike in (disconnect, break_sending) and cell.place.route in IN_CHUNKS


def has_failed_to_send(cell: Cell) -> bool:
    return cell.fault.strike is break_sending or cell.place.route in NEWER


def counting_problems(cell: Cell) -> Iterator[str]:
    """Who has cancelled a bare task learns that from its end: a time limit, or the server."""
    if cell.is_bare and cell.ended == CANCELLED and cell.fault.then != "is cancelled":
        by_limit = cell.fault.strike is not shut_down
        if cell.task is None or cell.task.cancelled() == by_limit:
            yield f"cancelled by {'its time limit' if by_limit else 'the server'}, who did not know"


def limit_problems(cell: Cell) -> Iterator[str]:
    """All places are free again (L1); the task has run once, if none was cancelled (B6)."""
    assert cell.limit is not None
    if cell.limit.in_use or cell.limit.waiting:
        yield f"{cell.limit.in_use} places are taken, {cell.limit.waiting} wait for one"
    runs = cell.events.count(("runs", "kept"))
    is_cut_off = cell.ended in (CANCELLED, "raises Abort", "raises GeneratorExit")
    if runs > 1 or (not runs and not is_cut_off):
        yield f"the task for always has run {runs} times"


def outcome_problems(cell: Cell) -> Iterator[str]:
    """Exit code is shown the exception that it sees, or the response, and whether all is well."""
    seen = {name: event for event, name in cell.events if event.startswith("sees ")}
    for name, (is_ok, what) in cell.shown.items():
        expected = (True, "200")
        has_left = cell.fault.strike is disconnect and cell.place.kind != "send"
        if not cell.place.sent and (has_left or cell.fault.strike is break_sending):
            expected = (False, "left") if name == "told" else expected
        elif name in seen:
            expected = (
                False,
                seen[name].removeprefix("sees ").replace("cancellation", "Cancelled"),
            )
        if (is_ok, what.replace("CancelledError", "Cancelled")) != expected:
            yield f"{name} is shown {(is_ok, what)}"


# ---------------------------------------------------------------------- the whole matrix

Combination = tuple[Place, Fault, str]


def combinations(flavours: Iterable[str], *, is_bare: bool) -> Iterator[Combination]:
    """Each cell that there is with these, one flavour after the other."""
    for flavour in flavours:
        for fault in FAULTS:
            for place in PLACES:
                if reason_against(place, fault, flavour, is_bare=is_bare) is None:
                    yield place, fault, flavour


async def failing_cells(
    cells: Iterable[Combination], is_bare: bool, is_traced: bool = False
) -> dict[str, Any]:
    """Run cells, traced or not; return what is wrong with which, and with its trace."""
    failing: dict[str, Any] = {}
    stages: dict[str, Stage] = {}
    for place, fault, flavour in cells:
        stage = stages[flavour] = stages.get(flavour) or Stage(flavour)
        stage.watch(is_traced)
        found = await problems_with(stage, place, fault, flavour, is_bare=is_bare)
        if found:
            failing[f"{fault} at {place}, {flavour}"] = found
    return failing


async def problems_with(
    stage: Stage, place: Place, fault: Fault, flavour: str, *, is_bare: bool
) -> list[str]:
    """Run a cell; return what is wrong with it."""
    found: list[str] = []
    for cleanup_timeout in HANGING_TIMEOUTS if fault.then == "hangs" else (None,):
        cell = Cell(place, fault, flavour, is_bare)
        found = problems(cell, await perform(stage, cell, cleanup_timeout))
        found += [problem for trace in stage.traces for problem in disorder(trace)]
        stage.traces.clear()
        if not found:
            break
    return found


def main() -> int:
    """Run the whole matrix, on every server; the exit status says whether all is well."""
    failing = 0
    for name, server in SERVERS.items():
        cells = [*combinations(FLAVOURS, is_bare=server.is_bare)]
        found = anyio.run(failing_cells, cells, server.is_bare, **server.options)
        print(f"{name}: {len(cells)} cells, {len(found)} failing")
        for cell, what in found.items():
            print(f"  {cell}: {what}")
        failing += len(found)
    return 1 if failing else 0


BACKENDS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}


@dataclass(frozen=True)
class Server:
    """What requests run on, and in.

    Attributes:
        options: AnyIO's, for its event loop.
        is_bare: Whether each is a task of asyncio's alone.
    """

    options: dict[str, Any]
    is_bare: bool = False


SERVERS = {
    **{name: Server(options) for name, options in BACKENDS.items()},
    "asyncio, bare": Server(BACKENDS["asyncio"], is_bare=True),
    "uvloop, bare": Server(BACKENDS["uvloop"], is_bare=True),
}

if __name__ == "__main__":
    sys.exit(main())
