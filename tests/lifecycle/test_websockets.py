"""W1: a WebSocket has the order and the rules of a request, and is refused or closed, not answered."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from threading import get_ident
from typing import Annotated, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from microfw import (
    App,
    BackgroundTasks,
    Cookie,
    Depends,
    Header,
    HTTPException,
    WebSocket,
    WebSocketException,
)
from microfw.dependencies import place_of
from microfw.exceptions import SwallowedExceptionError, YieldError
from tests.lifecycle.programs import Log, lines, told

# ---------------------------------------------------------------------- a client


@dataclass
class Conversation:
    """What the client and the server have got.

    Attributes:
        received: What the client has got, in order: `accept`, `text ...`, `close 1000`.
        raised: What the application raised to the server.
    """

    received: list[str] = field(default_factory=list[str])
    raised: Exception | None = None


async def converse(
    app: Any,
    *texts: str,
    path: str = "/",
    query: str = "",
    headers: dict[str, str] | None = None,
    stays: bool = True,
    can_be_denied: bool = True,
    breaks_after: int | None = None,
    log: Log | None = None,
) -> Conversation:
    """Connect, send some texts, and then stay until the server closes, or go.

    Args:
        breaks_after: How many messages the client gets before the connection breaks.
        can_be_denied: Whether the server can refuse with an HTTP response; else it is with 403.
    """
    conversation = Conversation()
    messages: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    messages += [{"type": "websocket.receive", "text": text} for text in texts]
    if not stays:
        messages.append({"type": "websocket.disconnect", "code": 1001})
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(waiting, None)
        if message is None:
            await anyio.sleep_forever()
            raise AssertionError
        return message

    async def send(message: Any) -> None:
        if len(conversation.received) == breaks_after:
            raise BrokenPipeError
        line = told_message(message)
        conversation.received.append(line)
        if log is not None:
            log(f"sends {line}")

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}} if can_be_denied else {},
    }
    try:
        with anyio.fail_after(5):
            await app(scope, receive, send)
    except Exception as error:
        conversation.raised = error
    return conversation


def told_message(message: dict[str, Any]) -> str:
    match message["type"]:
        case "websocket.send":
            return f"text {message['text']}"
        case "websocket.close":
            reason = message.get("reason") or ""
            return f"close {message.get('code', 1000)} {reason}".strip()
        case "websocket.http.response.start":
            return f"deny {message['status']}"
        case "websocket.http.response.body":
            return message["body"].decode()  # type: ignore[no-any-return]
        case other:
            return str(other).removeprefix("websocket.")


# ---------------------------------------------------------------------- dependencies

FLAVOURS = ["async", "thread", "loop"]


def resource(flavour: str, name: str, log: Log, *below: Any, scope: Any = None) -> Any:
    uses: Any = below[0] if below else Depends(lambda: None, sync_to_thread=False)

    async def async_resource(below: Any = uses) -> AsyncIterator[str]:
        with log.opened(name):
            yield name

    def sync_resource(below: Any = uses) -> Iterator[str]:
        with log.opened(name):
            yield name

    dependency = async_resource if flavour == "async" else sync_resource
    return Depends(dependency, scope=scope, sync_to_thread=flavour == "thread")


# ---------------------------------------------------------------------- order, values


@pytest.mark.parametrize("outer", FLAVOURS)
@pytest.mark.parametrize("inner", FLAVOURS)
async def test_both_scopes_exit_in_reverse_when_the_endpoint_has_ended(
    log: Log, app: App, outer: str, inner: str
) -> None:
    narrow = resource(inner, "narrow", log)
    wide = resource(outer, "wide", log, scope="request")

    @app.websocket("/")
    async def endpoint(
        websocket: WebSocket, narrow: Annotated[str, narrow], wide: Annotated[str, wide]
    ) -> None:
        await websocket.accept()
        await websocket.send_text(f"{narrow} {wide} {await websocket.receive_text()}")

    conversation = await converse(app, "hello", log=log)
    assert log == lines(
        "wide opens, narrow opens, sends accept, sends text narrow wide hello,"
        "narrow exits, wide exits, sends close 1000"
    )
    assert conversation.raised is None


async def test_a_websocket_that_the_endpoint_has_closed_is_not_closed_again(app: App) -> None:
    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4001, "enough")

    conversation = await converse(app)
    assert conversation == Conversation(["accept", "close 4001 enough"])


async def test_a_websocket_that_the_endpoint_does_not_accept_is_refused(app: App) -> None:
    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None: ...

    conversation = await converse(app)
    assert conversation == Conversation(["close 1000"])


async def test_a_sync_function_may_return_what_serves_a_websocket(app: App, log: Log) -> None:
    loop = get_ident()

    async def say(websocket: WebSocket, text: str) -> None:
        await websocket.accept()
        await websocket.send_text(text)
        log("endpoint")

    async def session() -> AsyncIterator[str]:
        with log.opened("session"):
            yield "hello"

    @app.websocket("/")
    def serve(websocket: WebSocket, text: Annotated[str, Depends(session)]) -> Any:
        assert get_ident() == loop  # where it could start a task
        return say(websocket, text)

    class Serving:
        def __call__(self, websocket: WebSocket) -> Any:
            return say(websocket, "from an object")

    app.add_api_websocket_route("/object", Serving())

    conversation = await converse(app, log=log)
    assert conversation.received == ["accept", "text hello", "close 1000"]
    assert log == lines(
        "session opens, sends accept, sends text hello, endpoint, session exits, sends close 1000"
    )
    conversation = await converse(app, path="/object")
    assert conversation.received == ["accept", "text from an object", "close 1000"]


async def test_a_sync_function_that_refuses_a_websocket_has_nothing_to_await(app: App) -> None:
    @app.websocket("/")
    def refuse(websocket: WebSocket) -> None:
        raise WebSocketException(1008)

    conversation = await converse(app)
    assert (conversation.received, conversation.raised) == (["close 1008"], None)


async def test_what_a_sync_function_returns_for_a_websocket_has_to_be_awaitable(app: App) -> None:
    @app.websocket("/")
    def serve(websocket: WebSocket) -> Any:
        return 3

    raised = (await converse(app)).raised
    assert type(raised) is TypeError
    assert str(raised) == f"{place_of(serve)} returned 3, which nothing can await"


async def test_values_and_the_connection_are_injected(app: App) -> None:
    seen: list[Any] = []

    def dependency(connection: HTTPConnection, other: WebSocket, limit: int = 1) -> int:
        seen.append((connection, other))
        return limit

    @app.websocket("/rooms/{room}")
    async def endpoint(
        socket: WebSocket,
        room: int,
        limit: Annotated[int, Depends(dependency)],
        token: Annotated[str, Header()],
        session: Annotated[str, Cookie()] = "none",
    ) -> None:
        assert seen == [(socket, socket)]
        await socket.accept()
        await socket.send_json([room, limit, token, session])

    conversation = await converse(
        app, path="/rooms/7", query="limit=3", headers={"Token": "t", "Cookie": "session=s"}
    )
    assert conversation.received == ["accept", 'text [7,3,"t","s"]', "close 1000"]
    assert conversation.raised is None


# ---------------------------------------------------------------------- exceptions


@dataclass
class Case:
    """An exception, and what becomes of it.

    Attributes:
        before: What the client gets where the connection has not been accepted.
        undeniable: The same from a server that can only refuse with 403.
        after: What it gets where it has.
        is_raised: Whether the exception is raised to the server's log.
    """

    error: Callable[[], Exception]
    before: list[str]
    undeniable: list[str]
    after: list[str]
    is_raised: bool = False


FAILED = ["deny 500", "Internal Server Error"]

CASES = {
    "HTTPException": Case(
        lambda: HTTPException(401, "who are you"),
        before=["deny 401", '{"detail":"who are you"}'],
        undeniable=["close 1008"],
        after=["close 1008"],
    ),
    "HTTPException of the server's": Case(
        lambda: HTTPException(503, "busy"),
        before=["deny 503", '{"detail":"busy"}'],
        undeniable=["close 1011"],
        after=["close 1011"],
    ),
    "WebSocketException": Case(
        lambda: WebSocketException(4000, "no"),
        before=["close 4000 no"],
        undeniable=["close 4000 no"],
        after=["close 4000 no"],
    ),
    "with a handler": Case(
        lambda: KeyError("key"),
        before=["close 4004 KeyError"],
        undeniable=["close 4004 KeyError"],
        after=["close 4004 KeyError"],
    ),
    "any other": Case(
        lambda: OSError("disk"),
        before=FAILED,
        undeniable=["close 1011"],
        after=["close 1011"],
        is_raised=True,
    ),
}


def app_with_handler() -> App:
    app = App()

    @app.exception_handler(KeyError)
    async def handle(websocket: WebSocket, error: KeyError) -> None:
        await websocket.close(4004, type(error).__name__)

    return app


@pytest.mark.parametrize("case", CASES.values(), ids=[*CASES])
@pytest.mark.parametrize("can_be_denied", [True, False])
@pytest.mark.parametrize("place", ["setup", "endpoint", "exit code"])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_an_exception_before_accept_refuses_the_connection(
    log: Log, case: Case, can_be_denied: bool, place: str, flavour: str
) -> None:
    app = app_with_handler()
    error = case.error()
    first = resource(flavour, "first", log)

    async def failing(first: Annotated[str, first]) -> AsyncIterator[None]:
        if place == "setup":
            raise error
        yield
        raise error

    @app.websocket("/")
    async def endpoint(second: Annotated[None, Depends(failing)]) -> None:
        if place == "endpoint":
            raise error

    conversation = await converse(app, can_be_denied=can_be_denied)
    assert conversation.received == (case.before if can_be_denied else case.undeniable)
    assert conversation.raised is (error if case.is_raised else None)
    assert log == ["first opens", f"first sees {told(error)}"]


@pytest.mark.parametrize("case", CASES.values(), ids=[*CASES])
@pytest.mark.parametrize("place", ["endpoint", "exit code"])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_an_exception_after_accept_closes_the_connection_with_a_code(
    log: Log, case: Case, place: str, flavour: str
) -> None:
    app = app_with_handler()
    error = case.error()
    first = resource(flavour, "first", log)

    async def failing(first: Annotated[str, first]) -> AsyncIterator[None]:
        yield
        if place == "exit code":
            raise error

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, second: Annotated[None, Depends(failing)]) -> None:
        await websocket.accept()
        if place == "endpoint":
            raise error

    conversation = await converse(app)
    assert conversation.received == ["accept", *case.after]
    assert conversation.raised is (error if case.is_raised else None)
    assert log == ["first opens", f"first sees {told(error)}"]


@pytest.mark.parametrize("case", CASES.values(), ids=[*CASES])
async def test_an_exception_after_the_endpoint_has_closed_changes_nothing_for_the_client(
    app: App, case: Case
) -> None:
    @app.exception_handler(KeyError)
    async def handle(websocket: WebSocket, error: KeyError) -> None: ...

    error = case.error()

    async def failing() -> AsyncIterator[None]:
        yield
        raise error

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, only: Annotated[None, Depends(failing)]) -> None:
        await websocket.accept()
        await websocket.close(4001)

    conversation = await converse(app)
    assert conversation.received == ["accept", "close 4001"]
    assert conversation.raised is (error if case.is_raised else None)


@pytest.mark.parametrize("accepts", [False, True], ids=["before accept", "after accept"])
async def test_an_exception_of_an_exception_handler_closes_the_connection_too(
    app: App, accepts: bool
) -> None:
    @app.exception_handler(KeyError)
    async def handle(websocket: WebSocket, error: KeyError) -> None:
        raise OSError("disk")

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        if accepts:
            await websocket.accept()
        raise KeyError("key")

    conversation = await converse(app)
    assert conversation.received == (["accept", "close 1011"] if accepts else FAILED)
    assert told(conversation.raised or Exception()) == "OSError(disk)"


async def test_a_dependency_may_replace_an_exception_by_a_code(app: App) -> None:
    async def translate() -> AsyncIterator[None]:
        try:
            yield
        except OSError as error:
            raise WebSocketException(4005, str(error)) from error

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, only: Annotated[None, Depends(translate)]) -> None:
        await websocket.accept()
        raise OSError("disk")

    assert await converse(app) == Conversation(["accept", "close 4005 disk"])


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_client_that_has_gone_ends_the_endpoint_quietly(
    log: Log, app: App, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = resource(flavour, "first", log)

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, first: Annotated[str, first]) -> None:
        await websocket.accept()
        while True:
            log(await websocket.receive_text())

    conversation = await converse(app, "one", "two", stays=False)
    assert conversation == Conversation(["accept"])
    assert log[:3] == ["first opens", "one", "two"]
    assert log[3].startswith("first sees WebSocketDisconnect(")
    assert len(log) == 4
    assert caplog.messages == []


async def test_a_client_that_has_gone_ends_an_endpoint_with_a_task_group_quietly(
    log: Log, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """W1: that makes a group of the exception that passes through it."""

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        tasks.add_task(log, "task")
        await websocket.accept()

        async def read() -> None:
            log(await websocket.receive_text())
            await websocket.receive_text()

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await anyio.sleep_forever()

    assert await converse(app, "one", stays=False) == Conversation(["accept"])
    assert log == ["one", "task"]
    assert caplog.messages == []


async def test_what_else_a_task_group_raises_is_an_error(log: Log, app: App) -> None:
    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

        async def fail() -> None:
            raise WebSocketDisconnect

        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            raise OSError("disk")

    conversation = await converse(app)
    assert conversation.received == ["accept", "close 1011"]
    assert isinstance(conversation.raised, ExceptionGroup)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_dependency_may_swallow_that_the_client_has_gone(
    log: Log, app: App, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = resource(flavour, "first", log)

    async def until_it_goes(first: Annotated[str, first]) -> AsyncIterator[None]:
        try:
            yield
        except WebSocketDisconnect:
            log("gone")

    @app.websocket("/")
    async def endpoint(
        websocket: WebSocket, second: Annotated[None, Depends(until_it_goes)]
    ) -> None:
        await websocket.accept()
        await websocket.receive_text()

    conversation = await converse(app, stays=False)
    assert conversation == Conversation(["accept"])
    assert log == lines("first opens, gone, first exits")
    assert caplog.messages == []


async def test_what_fails_once_the_client_has_gone_is_raised_and_nothing_is_sent(app: App) -> None:
    error = OSError("disk")

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass
        raise error

    assert await converse(app, "one", stays=False) == Conversation(["accept"], error)


async def test_what_fails_is_raised_though_closing_fails_too(app: App) -> None:
    error = ValueError("disk")

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise error

    assert await converse(app, breaks_after=1) == Conversation(["accept"], error)


async def test_a_connection_that_breaks_before_it_is_accepted_is_raised_as_that(app: App) -> None:
    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

    conversation = await converse(app, breaks_after=0)
    assert conversation.received == []
    assert isinstance(conversation.raised, BrokenPipeError)


@pytest.mark.parametrize("breaks_after", [0, 1])
async def test_a_connection_that_breaks_as_it_is_denied_is_raised_as_that(
    app: App, breaks_after: int
) -> None:
    @app.websocket("/")
    async def endpoint() -> None:
        raise HTTPException(403)

    conversation = await converse(app, breaks_after=breaks_after)
    assert conversation.received == ["deny 403"][:breaks_after]
    assert repr(conversation.raised) == "BrokenPipeError()"


async def test_a_client_that_has_gone_ends_an_exception_handler_quietly(
    log: Log, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    @app.exception_handler(KeyError)
    async def handle(websocket: WebSocket, error: KeyError) -> None:
        log("handler")
        await websocket.close(4001)

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise KeyError("key")

    assert await converse(app, breaks_after=1) == Conversation(["accept"])
    assert log == ["handler"]
    assert caplog.messages == []


@pytest.mark.parametrize("breaks_after", [0, 1])
async def test_what_fails_is_raised_though_the_refusal_fails_too(breaks_after: int) -> None:
    app = App()
    error = ValueError("disk")

    @app.websocket("/")
    async def endpoint() -> None:
        raise error

    conversation = await converse(app, breaks_after=breaks_after)
    assert conversation == Conversation(FAILED[:breaks_after], error)


@pytest.mark.parametrize(
    "error",
    [WebSocketException(4000), HTTPException(401), HTTPException(503), OSError("disk")],
    ids=["WebSocketException", "HTTPException", "HTTPException of the server's", "OSError"],
)
async def test_a_client_that_has_gone_before_accept_is_sent_nothing(error: Exception) -> None:
    app = App()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.receive()
        await websocket.receive()
        raise error

    raised = error if isinstance(error, OSError) else None
    assert await converse(app, stays=False) == Conversation([], raised)


async def test_a_refusal_that_has_begun_is_left_as_it_is(app: App) -> None:
    error = OSError("disk")

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.send({"type": "websocket.http.response.start", "status": 418})
        raise error

    assert await converse(app) == Conversation(["deny 418"], error)


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("x" * 123, "x" * 123),
        ("x" * 124, "x" * 123),
        ("x" * 122 + "\u00e4", "x" * 122),
        ("\u20ac" * 50, "\u20ac" * 41),
        ("x" * 120 + "\U0001f600", "x" * 120),
        ("x" * 119 + "\U0001f600", "x" * 119 + "\U0001f600"),
        ("a lone \ud800", "a lone ?"),
    ],
)
async def test_a_reason_is_shortened_to_what_a_close_frame_may_have(reason: str, sent: str) -> None:
    app = App()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(4000, reason)

    assert await converse(app) == Conversation(["accept", f"close 4000 {sent}"])


@pytest.mark.parametrize("reason", ["", None])
async def test_a_reason_need_not_be_given(app: App, reason: str | None) -> None:
    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(4000, reason)

    assert await converse(app) == Conversation(["accept", "close 4000"])


# ---------------------------------------------------------------------- invalid values


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_invalid_values_refuse_with_1008_and_tell_all_of_them(flavour: str) -> None:
    app = App()
    log = Log()
    first = resource(flavour, "first", log)

    def with_values(limit: int) -> None:
        log("never")

    def without_values() -> None:
        log("other")

    @app.websocket("/{room}")
    async def endpoint(
        room: int,
        first: Annotated[str, first],
        second: Annotated[None, Depends(with_values)],
        third: Annotated[None, Depends(without_values)],
    ) -> None:
        log("never")

    conversation = await converse(app, path="/x", query="limit=many")
    assert [line[:10] for line in conversation.received] == ["close 1008"]
    assert "2 validation errors" in conversation.received[0]
    assert log[:2] == lines("first opens, other")
    assert [line.split("(")[0] for line in log[2:]] == [
        "first sees WebSocketRequestValidationError"
    ]
    assert conversation.raised is None


async def test_authentication_refuses_before_invalid_values_do(app: App) -> None:
    def authenticate() -> None:
        raise WebSocketException(3000, "unauthorized")

    @app.websocket("/")
    async def endpoint(limit: int, user: Annotated[None, Depends(authenticate)]) -> None: ...

    assert await converse(app, query="limit=many") == Conversation(["close 3000 unauthorized"])


# ---------------------------------------------------------------------- E5, E9


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_swallowed_exception_closes_and_names_who_swallowed_it(
    log: Log, app: App, flavour: str, accepted: bool
) -> None:
    error = OSError("disk")
    first = resource(flavour, "first", log)

    async def swallow(first: Annotated[str, first]) -> AsyncIterator[None]:
        try:
            yield
        except OSError:
            pass

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, second: Annotated[None, Depends(swallow)]) -> None:
        if accepted:
            await websocket.accept()
        raise error

    conversation = await converse(app)
    assert conversation.received == (["accept", "close 1011"] if accepted else FAILED)
    assert log == lines("first opens, first exits")
    assert isinstance(conversation.raised, SwallowedExceptionError)
    line = swallow.__code__.co_firstlineno
    assert str(conversation.raised) == (
        f"{swallow.__qualname__} ({__file__}:{line}) swallowed OSError('disk')"
    )
    assert conversation.raised.__cause__ is error


async def test_a_generator_that_yields_twice_closes_and_is_named(app: App) -> None:
    async def twice() -> AsyncIterator[None]:
        yield
        yield

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, only: Annotated[None, Depends(twice)]) -> None:
        await websocket.accept()

    conversation = await converse(app)
    assert conversation.received == ["accept", "close 1011"]
    assert isinstance(conversation.raised, YieldError)
    line = twice.__code__.co_firstlineno
    assert str(conversation.raised) == f"{twice.__qualname__} ({__file__}:{line}) yielded twice"


# ---------------------------------------------------------------------- O2, C1, T2


async def test_scope_app_exits_after_the_websockets_that_are_under_way(log: Log, app: App) -> None:
    engine = resource("async", "engine", log, scope="app")
    accepted = anyio.Event()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, engine: Annotated[str, engine]) -> None:
        await websocket.accept()
        accepted.set()
        for _ in range(10):
            await checkpoint()
        log("endpoint ends")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group, app.router.lifespan_context(app):
            group.start_soon(converse, app)
            await accepted.wait()
    assert log == lines("engine opens, endpoint ends, engine exits")


@pytest.mark.parametrize("scope", ["function", "request"])
async def test_a_cancelled_websocket_lets_its_dependencies_exit(
    log: Log, app: App, scope: Any
) -> None:
    async def waiting() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await checkpoint()
            log("exits")

    only = Depends(waiting, scope=scope)

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, only: Annotated[None, only]) -> None:
        await websocket.accept()
        cancelling.cancel()
        await websocket.receive_text()

    with anyio.CancelScope() as cancelling:
        await converse(app)
    assert cancelling.cancelled_caught
    assert log == ["exits"]


async def test_exit_code_of_neighbours_in_a_thread_runs_when_a_websocket_ends() -> None:
    app = App()
    log = Log()
    second = resource("thread", "second", log, resource("thread", "first", log))

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, second: Annotated[str, second]) -> None:
        await websocket.accept()

    await converse(app, log=log)
    assert log == lines(
        "first opens, second opens, sends accept, second exits, first exits, sends close 1000"
    )


# ---------------------------------------------------------------------- background tasks


async def stay(websocket: WebSocket) -> None: ...


async def wait(websocket: WebSocket) -> None:
    await websocket.receive_text()


async def fail(websocket: WebSocket) -> None:
    raise LookupError


def with_tasks(log: Log, end: Any = stay, fails: bool = False) -> App:
    app = App()

    async def get_request() -> AsyncIterator[None]:
        log("request scope opens")
        try:
            yield
        finally:
            log("request scope exits")

    async def get_function(tasks: BackgroundTasks) -> AsyncIterator[None]:
        yield
        tasks.add_task(log, "task of exit code")
        log("function scope exits")

    async def failing() -> None:
        log("task fails")
        raise LookupError("lost")

    @app.websocket("/")
    async def feed(
        websocket: WebSocket,
        tasks: BackgroundTasks,
        first: Annotated[None, Depends(get_request, scope="request")],
        second: Annotated[None, Depends(get_function)],
    ) -> None:
        await websocket.accept()
        if fails:
            tasks.add_task(failing)
        tasks.add_task(log, "task of the endpoint")
        await end(websocket)

    return app


async def test_background_tasks_run_when_the_endpoint_has_ended_and_before_request_scope_exits(
    log: Log,
) -> None:
    conversation = await converse(with_tasks(log), log=log)
    assert log == [
        "request scope opens",
        "sends accept",
        "function scope exits",
        "sends close 1000",
        "task of the endpoint",
        "task of exit code",
        "request scope exits",
    ]
    assert conversation.raised is None


async def test_background_tasks_run_after_one_that_fails_which_is_raised_when_all_has_exited(
    log: Log,
) -> None:
    conversation = await converse(with_tasks(log, fails=True), log=log)
    assert log[3:] == [
        "sends close 1000",
        "task fails",
        "task of the endpoint",
        "task of exit code",
        "request scope exits",
    ]
    assert repr(conversation.raised) == "LookupError('lost')"


async def test_background_tasks_run_also_where_the_client_has_left(log: Log) -> None:
    conversation = await converse(with_tasks(log, wait), stays=False, log=log)
    assert log == [
        "request scope opens",
        "sends accept",
        "request scope exits",
        "task of the endpoint",
    ]
    assert conversation.raised is None


async def test_background_tasks_of_a_websocket_that_fails_do_not_run(log: Log) -> None:
    conversation = await converse(with_tasks(log, fail), log=log)
    assert log == ["request scope opens", "sends accept", "request scope exits", "sends close 1011"]
    assert repr(conversation.raised) == "LookupError()"


async def test_background_tasks_run_where_nothing_is_open(log: Log, app: App) -> None:
    @app.websocket("/")
    async def feed(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        tasks.add_task(log, "task")

    await converse(app, log=log)
    assert log == ["sends accept", "sends close 1000", "task"]
