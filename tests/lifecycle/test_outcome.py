"""R1 to R3: what exit code sees of what became of the request."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from microfw import (
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    Outcome,
    Query,
    Request,
    Response,
    Route,
    WebSocket,
)
from microfw.exceptions import RequestValueError, UnfillableParameterError
from microfw.responses import FileResponse, JSONResponse, StreamingResponse
from tests.lifecycle.programs import Log, Oops, request, told
from tests.lifecycle.test_websockets import converse

FLAVOURS = ["async", "quick", "thread", "loop"]

each_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


def shown(outcome: Outcome) -> str:
    """An outcome as logs show it."""
    error = "no error" if outcome.error is None else told(outcome.error)
    status = outcome.response.status_code if outcome.response else "no response"
    stayed = ", left" if outcome.disconnected else ""
    return f"{'ok' if outcome.ok else 'not ok'}, {status}, {error}{stayed}"


def looking(log: Log, name: str, flavour: str, *, swallows: bool = False) -> Any:
    """Make a dependency that writes down what its outcome is, before `yield` and in exit code."""

    def look(outcome: Outcome) -> Iterator[str]:
        log(f"{name} before: {shown(outcome)}")
        try:
            yield name
        except Exception:
            if not swallows:
                raise
        finally:
            log(f"{name}: {shown(outcome)}")

    async def look_async(outcome: Outcome) -> AsyncIterator[str]:
        log(f"{name} before: {shown(outcome)}")
        try:
            yield name
        except Exception:
            if not swallows:
                raise
        finally:
            log(f"{name}: {shown(outcome)}")

    async def look_and_wait(outcome: Outcome) -> AsyncIterator[str]:
        log(f"{name} before: {shown(outcome)}")
        try:
            yield name
        except Exception:
            if not swallows:
                raise
        finally:
            await checkpoint()
            log(f"{name}: {shown(outcome)}")

    written = {"async": look_and_wait, "quick": look_async, "thread": look, "loop": look}[flavour]
    return lambda scope: Depends(written, scope=scope, sync_to_thread=flavour == "thread")


def after(log: Log) -> list[str]:
    """What was written down from the `yield` on."""
    return [line for line in log if " before: " not in line]


# ---------------------------------------------------------------------- R1


@each_flavour
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_exit_code_sees_status_and_exception(log: Log, flavour: str, scope: str) -> None:
    """R1"""
    app = App(dependencies=[looking(log, "a", flavour)(scope)])

    @app.get("/value")
    async def return_value(response: Response) -> str:
        response.status_code = 202
        return "done"

    @app.get("/refusal")
    def refuse() -> Response:
        return JSONResponse({}, 409)

    @app.get("/error")
    def fail() -> None:
        raise HTTPException(404)

    for path in ("/value", "/refusal", "/error"):
        await request(app, path, log=log)

    before = "a before: not ok, no response, no error"
    first, sends = ("a: ok, 202, no error", "sends 202")[:: 1 if scope == "function" else -1]
    second, sends_2 = ("a: not ok, 409, no error", "sends 409")[:: 1 if scope == "function" else -1]
    assert log == [
        *(before, first, sends),
        *(before, second, sends_2),
        *(before, "a: not ok, no response, HTTPException(404)", "sends 404"),
    ]


@each_flavour
async def test_each_dependency_sees_its_own_exception(log: Log, flavour: str) -> None:
    """R1"""
    outer, inner = looking(log, "outer", flavour), looking(log, "inner", flavour)

    async def replace() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            raise HTTPException(409)

    app = App(dependencies=[outer(None), Depends(replace), inner(None)])

    @app.get("/")
    async def fail() -> None:
        raise Oops("endpoint")

    await request(app, log=log)

    assert after(log) == [
        "inner: not ok, no response, Oops(endpoint)",
        "outer: not ok, no response, HTTPException(409)",
        "sends 409",
    ]


async def test_an_exception_that_another_dependency_swallowed_is_seen_where_nothing_can_answer(
    log: Log,
) -> None:
    """R1, E5"""
    outer = looking(log, "outer", "async")
    inner = looking(log, "inner", "quick", swallows=True)
    app = App(dependencies=[outer("request"), inner(None)])

    @app.get("/")
    async def fail() -> None:
        raise Oops("endpoint")

    await request(app, log=log)

    assert after(log) == [
        "inner: not ok, no response, Oops(endpoint)",
        "outer: not ok, no response, Oops(endpoint)",
        "sends 500",
    ]


async def test_after_a_swallowed_error_of_exit_code_the_response_stands(log: Log) -> None:
    """R1, E3"""
    outer = looking(log, "outer", "async")
    inner = looking(log, "inner", "quick", swallows=True)

    async def fail() -> AsyncIterator[None]:
        yield
        raise Oops("exit")

    app = App(dependencies=[outer("request"), inner(None), Depends(fail)])

    @app.get("/")
    async def read() -> str:
        return "done"

    await request(app, log=log)

    assert after(log) == [
        "inner: not ok, no response, Oops(exit)",
        "sends 200",
        "outer: ok, 200, no error",
    ]


async def test_a_failing_setup_is_seen_and_so_are_invalid_values(log: Log) -> None:
    """R1, E1, E4"""

    async def fail(outcome: Outcome, limit: int) -> AsyncIterator[None]:
        if limit:
            raise Oops("setup")
        yield

    app = App(dependencies=[looking(log, "a", "async")(None), Depends(fail)])

    @app.get("/")
    async def read() -> str:
        return "done"

    await request(app, query="limit=1", log=log)
    await request(app, query="limit=x", log=log)

    assert after(log) == [
        "a: not ok, no response, Oops(setup)",
        "sends 500",
        "a: not ok, no response, RequestValidationError",
        "sends 422",
    ]


async def test_a_cancellation_is_seen(log: Log) -> None:
    """R1, C2"""
    app = App(dependencies=[looking(log, "a", "async")(None)])
    scope = anyio.CancelScope()

    @app.get("/")
    async def wait() -> None:
        scope.cancel()
        await anyio.sleep_forever()

    with scope:
        await request(app, log=log)

    line = after(log)[0]
    assert line.startswith("a: not ok, no response, Cancelled")


async def test_an_outcome_says_not_ok_still_when_exit_code_has_ended() -> None:
    """R3"""
    kept: list[Outcome] = []

    async def keep(outcome: Outcome) -> AsyncIterator[None]:
        kept.append(outcome)
        yield

    app = App(dependencies=[Depends(keep)])

    @app.get("/")
    async def fail() -> None:
        raise HTTPException(409)

    await request(app)

    assert not kept[0].ok
    assert kept[0].error is None


# ---------------------------------------------------------------------- R2


@each_flavour
async def test_function_scope_sees_what_was_built_and_request_scope_what_was_sent(
    flavour: str,
) -> None:
    """R2"""
    heads: dict[str, Mapping[str, str]] = {}

    def look(outcome: Outcome, response: Response) -> Iterator[None]:
        yield
        assert outcome.response
        heads["built"] = outcome.response.headers
        response.headers["x-late"] = "exit"
        heads["built, later"] = outcome.response.headers

    def look_wide(outcome: Outcome) -> Iterator[None]:
        yield
        assert outcome.response
        heads["sent"] = outcome.response.headers

    choices: dict[str, Any] = {"sync_to_thread": flavour == "thread"}
    app = App(
        dependencies=[
            Depends(look_wide, scope="request", **choices),
            Depends(look, **choices),
        ]
    )

    @app.get("/")
    async def read(response: Response) -> str:
        response.headers["x-early"] = "endpoint"
        return "done"

    await request(app)

    plain = {"content-length": "6", "content-type": "application/json", "x-early": "endpoint"}
    assert {name: dict(head) for name, head in heads.items()} == {
        "built": plain,
        "built, later": {**plain, "x-late": "exit"},
        "sent": {**plain, "x-late": "exit"},
    }


async def test_what_a_file_makes_of_its_status_is_seen_when_it_was_sent(tmp_path: Any) -> None:
    """R2"""
    log = Log()
    path = tmp_path / "text"
    path.write_text("twelve words")
    wide, narrow = looking(log, "wide", "async"), looking(log, "narrow", "async")
    app = App(dependencies=[wide("request"), narrow(None)])

    @app.get("/")
    async def read() -> FileResponse:
        return FileResponse(path)

    await request(app, headers={"range": "bytes=0-3"}, log=log)

    assert [line for line in after(log) if ": " in line] == [
        "narrow: ok, 200, no error",
        "wide: ok, 206, no error",
    ]


@each_flavour
async def test_both_scopes_see_the_head_of_a_stream_of_the_endpoint(log: Log, flavour: str) -> None:
    """R2, S6"""
    wide, narrow = looking(log, "wide", flavour), looking(log, "narrow", flavour)
    app = App(dependencies=[wide("request"), narrow(None)])

    @app.get("/", status_code=203)
    async def stream(fails: bool) -> AsyncIterator[int]:
        yield 1
        if fails:
            raise Oops("stream")

    await request(app, query="fails=0", log=log)
    await request(app, query="fails=1", log=log)

    assert after(log) == [
        *("sends 203", "sends 1", "ends"),
        *("narrow: ok, 203, no error", "wide: ok, 203, no error"),
        *("sends 203", "sends 1"),
        *("narrow: not ok, 203, Oops(stream)", "wide: not ok, 203, Oops(stream)"),
    ]


class Left:
    """A client that leaves after so many messages that it has got; a server that tells, or raises."""

    def __init__(self, after: int, *, raises: bool = False) -> None:
        self.after, self.raises = after, raises
        self.has_left = anyio.Event()
        self.first = True
        if not after:
            self.has_left.set()

    async def receive(self) -> dict[str, Any]:
        if self.first:
            self.first = False
            return {"type": "http.request", "body": b""}
        if not self.has_left.is_set():
            await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, _: Mapping[str, Any]) -> None:
        if self.has_left.is_set() and self.raises:
            raise OSError
        self.after -= 1
        if self.after == 0:
            self.has_left.set()


async def leave(app: Any, client: Left) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4" if client.raises else "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    with anyio.fail_after(5), suppress(OSError):
        await app(scope, client.receive, client.send)


def application(log: Log, endpoint: Callable[..., Any], **options: Any) -> App:
    wide, narrow = looking(log, "wide", "async"), looking(log, "narrow", "thread")
    app = App(dependencies=[wide("request"), narrow(None)])
    app.get("/", **options)(endpoint)
    return app


async def read() -> str:
    return "done"


async def stream() -> AsyncIterator[int]:
    for number in range(100):
        yield number
        await checkpoint()


class Texts:
    """Does not end, and has nothing to close."""

    def __aiter__(self) -> "Texts":
        return self

    async def __anext__(self) -> str:
        await checkpoint()
        return "text"


async def return_stream() -> StreamingResponse:
    return StreamingResponse(Texts(), 202)


@pytest.mark.parametrize("raises", [False, True], ids=["told", "raised"])
@pytest.mark.parametrize(
    ("endpoint", "leaves_after", "seen"),
    [
        (read, 0, ["narrow: ok, 200, no error", "wide: not ok, 200, no error, left"]),
        (
            return_stream,
            3,
            ["narrow: ok, 202, no error", "wide: not ok, 202, ClientDisconnect(), left"],
        ),
        (
            stream,
            3,
            [
                "narrow: not ok, 200, ClientDisconnect(), left",
                "wide: not ok, 200, ClientDisconnect(), left",
            ],
        ),
    ],
    ids=["before the response", "in a returned stream", "in a stream"],
)
async def test_request_scope_sees_that_the_client_has_left(
    endpoint: Any, leaves_after: int, seen: list[str], raises: bool
) -> None:
    """R2"""
    log = Log()

    await leave(application(log, endpoint), Left(leaves_after, raises=raises))

    log = Log(line.replace("OSError", "ClientDisconnect") for line in after(log))
    if raises and endpoint is read:
        seen = [seen[0], "wide: not ok, 200, ClientDisconnect(), left"]
    assert log == seen


@pytest.mark.parametrize("endpoint", [return_stream, stream])
async def test_a_client_that_has_left_is_seen_where_another_dependency_has_swallowed_that(
    endpoint: Any,
) -> None:
    """R2, R3: what is kept for a client that stays is not for one that has left."""
    log = Log()
    wide, inner = looking(log, "wide", "async"), looking(log, "inner", "async", swallows=True)
    app = App(dependencies=[wide("request"), inner("request")])
    app.get("/")(endpoint)

    await leave(app, Left(3))

    assert [line.partition(",")[0] for line in after(log)] == ["inner: not ok", "wide: not ok"]
    assert all(line.endswith(", left") for line in after(log))


async def test_a_client_that_leaves_with_the_end_of_a_stream_has_stayed(log: Log) -> None:
    """R2"""

    def count() -> Iterator[int]:  # it closes in a thread, while which all else goes on
        yield 1

    messages = 3  # head, item, end
    await leave(application(log, count), Left(messages))

    assert after(log) == ["narrow: ok, 200, no error", "wide: ok, 200, no error"]


async def test_a_client_that_has_left_is_seen_behind_other_middleware_too(log: Log) -> None:
    """R2"""
    app = application(log, read)

    @app.middleware("http")
    async def pass_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    await leave(app, Left(0))

    assert "narrow: ok, 200, no error" in log
    assert any(line.startswith("wide: ") for line in log)


async def test_a_client_that_leaves_before_its_body_has_come_is_seen(log: Log) -> None:
    """R2"""

    async def receive_body(request: Request) -> None:
        await request.body()

    client = Left(0)
    client.first = False
    await leave(application(log, receive_body), client)

    assert after(log) == [
        "narrow: not ok, no response, ClientDisconnect(), left",
        "wide: not ok, no response, ClientDisconnect(), left",
    ]


PARTS = (b"one ", b"two ", b"three", b"")


async def pass_on(request: Any, call_next: Any) -> Any:
    return await call_next(request)


@pytest.mark.parametrize("middleware", [0, 1, 2])
async def test_a_body_that_is_sent_back_as_it_comes_loses_nothing(
    log: Log, middleware: int
) -> None:
    """R2: a look whether the client has left takes nothing of what is read.

    Neither by an earlier step, nor below middleware, of outer applications too.
    """

    async def keep(request: Request) -> Request:
        return request

    async def send_back(request: Annotated[Request, Depends(keep)]) -> StreamingResponse:
        return StreamingResponse(request.stream())

    app = App()
    dependencies = [Depends(keep), looking(log, "wide", "async")("request")]
    app.post("/", dependencies=dependencies)(send_back)
    if middleware:
        app.middleware("http")(pass_on)
    outer = App()
    outer.mount("", app)
    if middleware > 1:
        outer.middleware("http")(pass_on)
    coming = [{"type": "http.request", "body": part, "more_body": part != b""} for part in PARTS]
    sent: list[bytes] = []

    async def receive() -> Any:
        if not coming:
            await anyio.sleep_forever()
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": []}
    await outer({**scope, "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, send)

    assert b"".join(sent) == b"".join(PARTS)


@pytest.mark.parametrize("middleware", [0, 1])
async def test_a_look_asks_no_client_for_the_body_that_it_waits_with(
    log: Log, middleware: int
) -> None:
    """R2, V4"""
    app = App(dependencies=[looking(log, "wide", "async")("request")])
    app.post("/")(read)
    if middleware:
        app.middleware("http")(pass_on)

    async def receive() -> Any:
        log("receives")
        await anyio.sleep_forever()

    async def send(_: Any) -> None: ...

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/"}
    scope |= {"asgi": {"version": "3.0", "spec_version": "2.4"}}
    await app({**scope, "headers": [(b"expect", b"100-continue")]}, receive, send)

    assert after(log) == ["wide: ok, 200, no error"]


class Retrying(Route):
    """Calls its handler twice, and answers with another status."""

    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def handle_twice(request: Request) -> Response:
            await handle(request)
            response = await handle(request)
            response.status_code = 207
            return response

        return handle_twice


@pytest.mark.parametrize(
    ("endpoint", "first"),
    [(read, "narrow: ok, 200, no error"), (stream, "narrow: not ok, no response, no error")],
)
async def test_a_custom_handler_decides_what_request_scope_sees(endpoint: Any, first: str) -> None:
    """R2"""
    log = Log()
    app = App()
    wide, narrow = looking(log, "wide", "async"), looking(log, "narrow", "thread")
    dependencies = [wide("request"), narrow(None)]
    app.router.routes.append(Retrying("/", endpoint, dependencies=dependencies))

    await request(app, log=log)

    seen = [line for line in after(log) if line.startswith(("wide", "narrow"))]
    assert seen[:2] == [first, "wide: not ok, no response, no error"]
    assert seen[2].startswith("narrow: ok, 20")
    assert seen[3] == "wide: ok, 207, no error"


# ---------------------------------------------------------------------- R3 and other places


async def test_a_session_of_scope_use_does_not_commit_where_a_value_was_invalid_by_then(
    log: Log,
) -> None:
    """R3, V2: later values are read when it has closed."""

    async def get_session(outcome: Outcome) -> AsyncIterator[str]:
        yield "session"
        log("commits" if outcome.ok else f"rolls back, having seen {outcome.error}")

    in_use = Depends(get_session, scope="use")

    def count(session: Annotated[str, in_use]) -> None:
        log("counts")

    def find(session: Annotated[str, in_use], page: int) -> None:
        log("finds")

    app = App(dependencies=[Depends(count), Depends(find)])

    @app.get("/")
    async def read(size: int) -> None: ...

    for query in ("page=x&size=1", "page=1&size=x", "page=1&size=1"):
        await request(app, query=query, log=log)

    assert log == [
        *("counts", "rolls back, having seen None", "sends 422"),
        *("counts", "finds", "commits", "sends 422"),
        *("counts", "finds", "commits", "sends 200"),
    ]


async def test_a_session_commits_only_after_a_success(log: Log, app: App) -> None:
    """R3"""

    async def get_session(outcome: Outcome) -> AsyncIterator[str]:
        try:
            yield "session"
            if outcome.ok:
                log("commits")
        finally:
            log("closes")

    @app.post("/{status}")
    async def write(status: int, session: Annotated[str, Depends(get_session)]) -> JSONResponse:
        return JSONResponse({}, status)

    for status in (200, 302, 399, 400, 409, 503):
        await request(app, f"/{status}", "POST", log=log)

    assert log == [
        *("commits", "closes", "sends 200"),
        *("commits", "closes", "sends 302"),
        *("commits", "closes", "sends 399"),
        *("closes", "sends 400"),
        *("closes", "sends 409"),
        *("closes", "sends 503"),
    ]


@each_flavour
async def test_dependencies_of_a_background_task_see_what_becomes_of_it(
    log: Log, app: App, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    """R1"""
    of_task = looking(log, "of task", flavour)(None)

    def task(fails: bool, it: Annotated[str, of_task]) -> None:
        if fails:
            raise Oops("task")

    @app.get("/")
    async def read(tasks: BackgroundTasks) -> None:
        tasks.add_task(task, fails=False)
        tasks.add_task(task, fails=True)

    with caplog.at_level(logging.CRITICAL):
        await request(app)

    assert after(log) == [
        "of task: ok, no response, no error",
        "of task: not ok, no response, Oops(task)",
    ]


@each_flavour
async def test_dependencies_of_a_websocket_see_what_becomes_of_it(log: Log, flavour: str) -> None:
    """R1, W1"""
    app = App(dependencies=[looking(log, "a", flavour)(None)])

    @app.websocket("/")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        text = await websocket.receive_text()
        if text == "fail":
            raise Oops("endpoint")
        if text == "receive":
            await websocket.receive_text()

    await converse(app, "end")
    await converse(app, "fail")
    await converse(app, "receive", stays=False)

    assert after(log) == [
        "a: ok, no response, no error",
        "a: not ok, no response, Oops(endpoint)",
        "a: not ok, no response, WebSocketDisconnect((1001, None)), left",
    ]


# ---------------------------------------------------------------------- mistakes


def plain(outcome: Outcome) -> None: ...


def yielding(outcome: Outcome) -> Iterator[None]:
    yield


def refused(endpoint: Callable[..., Any], *dependencies: Any) -> str:
    app = App(dependencies=dependencies)
    with pytest.raises(UnfillableParameterError) as caught:
        app.get("/")(endpoint)
    return str(caught.value).partition("\n")[0]


def test_an_outcome_is_for_dependencies_that_yield() -> None:
    def read(it: Annotated[None, Depends(plain)]) -> None: ...

    says = (
        "'outcome' is an Outcome, and nothing of it is known before the `yield` of a dependency: "
    )
    assert refused(read) == f"{says}'plain' is none that yields"
    assert refused(plain) == f"{says}'plain' is none that yields"
    assert refused(yielding) == f"{says}'yielding' is none that yields"
    with pytest.raises(UnfillableParameterError, match="'plain' is none that yields"):
        BackgroundTasks().add_task(task_with(plain))


def task_with(dependency: Any) -> Any:
    def task(it: Any = Depends(dependency)) -> None: ...

    return task


def test_an_outcome_is_no_value_of_the_request() -> None:
    def get_it(outcome: Annotated[Outcome, Query()]) -> Iterator[None]:
        yield

    def read() -> None: ...

    assert refused(read, Depends(get_it)) == (
        "'outcome' is an Outcome, and is declared as a value of the request, too"
    )


def test_scope_app_has_no_outcome(app: App) -> None:
    with pytest.raises(RequestValueError, match='there is none in scope "app"'):

        @app.get("/")
        def read(it: Annotated[None, Depends(yielding, scope="app")]) -> None: ...


async def test_an_override_may_have_an_outcome(log: Log, app: App) -> None:
    @app.get("/")
    async def read(it: Annotated[Any, Depends(lambda: None)]) -> None: ...

    replaced = app.routes[-1].plan.steps[0].signature.declared  # type: ignore[attr-defined]

    def look(outcome: Outcome, other: Outcome) -> Iterator[None]:
        yield
        assert outcome is other
        log(shown(outcome))

    with app.override({replaced: look}):
        await request(app)

    assert log == ["ok, 200, no error"]


async def test_dependencies_of_a_call_outside_of_a_request_see_what_becomes_of_it() -> None:
    """R1"""
    log = Log()
    of_call = looking(log, "of call", "async")(None)
    app = App()

    async def close_books(day: int, it: Annotated[str, of_call]) -> int:
        return [7][day]

    async with app.running():
        assert await app.call(close_books, 0) == 7
        with pytest.raises(IndexError):
            await app.call(close_books, 1)

    assert after(log) == [
        "of call: ok, no response, no error",
        "of call: not ok, no response, IndexError(list index out of range)",
    ]


async def test_a_task_may_be_passed_an_outcome(log: Log, app: App) -> None:
    def task(outcome: Outcome, it: Annotated[None, Depends(lambda: None)]) -> None:
        log(shown(outcome))

    async def hand_on(outcome: Outcome, tasks: BackgroundTasks) -> AsyncIterator[None]:
        tasks.add_task(task, outcome)
        yield

    @app.get("/", dependencies=[Depends(hand_on, scope="request")])
    async def read() -> None: ...

    await request(app)

    assert log == ["ok, 200, no error"]
