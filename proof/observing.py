"""One request to an application, and all that can be seen of it."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio import CancelScope
from anyio.from_thread import BlockingPortal, start_blocking_portal

from microfw.exceptions import AppScopeError
from proof.functions import World, shown, without_places
from proof.programs import Program

CANCELLED = "a cancellation"
BODY = b"5"


@dataclass
class Observation:
    """What a request has led to.

    Attributes:
        log: What was written down, the messages to the client among it.
        headers: Of the response, sorted.
        raised: What the server got to see, with its chain.
        records: What was logged.
    """

    log: list[str]
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    raised: str = ""
    records: list[str] = field(default_factory=list[str])


DEEPEST = 8
"""How far chains are followed: exceptions that share a context have more paths than can be walked."""


def chained(error: BaseException | None, outer: tuple[BaseException, ...] = ()) -> str:
    """An exception with all that is chained to it, which may be one of those further out."""
    if error is None:
        return "nothing"
    if any(error is each for each in outer):
        return f"{shown(error)} again"
    if len(outer) == DEEPEST:
        return f"{shown(error)} and so on"
    if type(error).__name__.endswith("ValidationError"):
        return shown(error)  # how values are checked is another matter
    if isinstance(error, AppScopeError) or not isinstance(error, Exception | BaseExceptionGroup):
        return shown(error)
    context, is_hidden = error.__context__, error.__suppress_context__
    if isinstance(context, StopIteration | StopAsyncIteration):  # of a generator that has ended
        context, is_hidden = None, False
    outer = (*outer, error)
    cause = chained(error.__cause__, outer)
    chain = f"from {cause}, {'hidden ' * is_hidden}after {chained(context, outer)}"
    parts = ""
    if isinstance(error, BaseExceptionGroup):
        members: tuple[BaseException, ...] = error.exceptions
        parts = f" of [{'; '.join(chained(member, outer) for member in members)}]"
    return f"{shown(error)}{parts} ({chain})"


class Records(logging.Handler):
    """Collects what is logged, but for hints to the author of a program."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "is overridden, but no route depends on it" in record.msg:
            return
        error = record.exc_info[1] if record.exc_info else None
        message = without_places(record.getMessage())
        self.lines.append(f"{record.levelname}: {message}, {chained(error)}")


@contextmanager
def recorded(lines: list[str]) -> Iterator[None]:
    """Collect what microfw logs."""
    logger = logging.getLogger("microfw")
    records = Records()
    records.lines = lines
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(records)
    try:
        yield
    finally:
        logger.removeHandler(records)
        logger.propagate = propagates


async def observe(app: Any, world: World, protocol: str) -> Observation:
    """Send a request to an application, as a server would, and look."""
    seen = Observation(world.begin())
    first = (
        {"type": "http.request", "body": BODY}
        if protocol == "http"
        else {"type": "websocket.connect"}
    )
    messages: Iterator[dict[str, Any]] = iter([first])

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        if message is None:
            await anyio.sleep_forever()
            raise AssertionError
        if world.notes_receiving:
            world.log.append("receives")
        return message

    async def send(message: Mapping[str, Any]) -> None:
        world.log.append(f"sends {told(message)}")
        if "headers" in message:
            seen.headers = sorted((k.decode(), v.decode()) for k, v in message["headers"])

    scope = {
        "type": protocol,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/route/",
        "raw_path": b"/route/",
        "root_path": "",
        "query_string": b"good=1&bad=x",
        "headers": [(b"expect", b"100-continue")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    with recorded(seen.records), anyio.fail_after(30), CancelScope() as request:
        world.request = request
        try:
            await app(scope, receive, send)
        except Exception as error:
            seen.raised = chained(error)
    if request.cancelled_caught:
        seen.raised = CANCELLED
    return seen


def told(message: Mapping[str, Any]) -> str:
    """A message to the client as logs show it."""
    kind = message["type"].partition(".")[2]
    parts = [str(message[key]) for key in ("status", "code", "reason", "text") if message.get(key)]
    if "body" in message:
        parts.append(message["body"].decode())
        parts.append("and more" if message.get("more_body") else "")
    return " ".join([kind, *parts]).strip()


async def observe_requests(app: Any, world: World, program: Program) -> list[Observation]:
    """Send a program's requests, one after the other."""
    with world.overriding():
        if any(use.scope == "app" for use in program.uses):
            return await observe_lifespan(app, world, program)
        return [await observe(app, world, program.protocol) for _ in range(program.requests)]


async def observe_lifespan(app: Any, world: World, program: Program) -> list[Observation]:
    """Start an application, send it requests, and stop it."""
    at_start, at_end = Observation(world.begin()), Observation([])
    requests: list[Observation] = []
    try:
        async with app.router.lifespan_context(app):
            requests = [
                await observe(app, world, program.protocol) for _ in range(program.requests)
            ]
            at_end.log = world.begin()
    except Exception as error:
        at_end.raised = chained(error)
    return [at_start, *requests, at_end]


Build = Callable[[Program, World], Any]

Observations = dict[str, list[Observation]] | str
"""By backend; a text where the program is refused."""


class Laboratory:
    """Where programs run: an event loop of each backend."""

    def __init__(self, *backends: str) -> None:
        self._backends = backends
        self._stack = ExitStack()
        self._portals: dict[str, BlockingPortal] = {}

    def __enter__(self) -> "Laboratory":
        for backend in self._backends:
            name, options = (
                ("asyncio", {"use_uvloop": True}) if backend == "uvloop" else (backend, {})
            )
            portal = self._stack.enter_context(start_blocking_portal(name, options))
            self._portals[backend] = portal
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def observe(self, build: Build, program: Program) -> Observations:
        """Build a program once, and run it on each backend; or say how it is refused."""
        world = World()
        world.notes_receiving = program.reads_body
        try:
            app = build(program, world)
        except Exception as error:
            return shown(error)
        return {
            backend: portal.call(observe_requests, app, world, program)
            for backend, portal in self._portals.items()
        }
