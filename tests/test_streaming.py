"""Endpoints that yield: each item is sent as it comes, as a line of JSON or as it is."""

import asyncio
import threading
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import msgspec
import pytest
from anyio import CancelScope, Event, fail_after, sleep_forever
from anyio.lowlevel import checkpoint
from starlette.responses import PlainTextResponse, StreamingResponse

from microfw import App, Depends, HTTPException, Query, Request, Response, ResponseValidationError
from microfw.exceptions import ResponseTypeError
from microfw.responses import EventSourceResponse, JSONResponse
from tests.lifecycle.programs import Log, Oops, lines, request, told


class Interrupt(BaseException):
    """Catching errors does not catch it."""


both = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


def app_that_yields(is_async: bool, *items: Any, **options: Any) -> App:
    """An application whose one endpoint yields some items, and raises those that are exceptions."""
    app = App()

    @app.get("/async", **options)
    async def yield_async() -> AsyncIterator[Any]:
        for item in items:
            if isinstance(item, BaseException):
                raise item
            yield item

    @app.get("/sync", **options)
    def yield_sync() -> Iterator[Any]:
        for item in items:
            if isinstance(item, BaseException):
                raise item
            yield item

    app.add_api_route("/", yield_async if is_async else yield_sync, **options)
    return app


# ---------------------------------------------------------------------- what is sent


def as_csv(content: Any, **options: Any) -> StreamingResponse:
    return StreamingResponse(content, media_type="text/csv", **options)


def unsaid(content, status_code=202):
    return StreamingResponse(content, status_code)


def as_events(content: Any) -> EventSourceResponse:
    return EventSourceResponse(content, headers={"x-made": "yes"})


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    ("response_class", "status", "media_type", "sent"),
    [
        (as_csv, 200, "text/csv; charset=utf-8", b"ab"),
        (unsaid, 202, None, b"ab"),
        (
            partial(StreamingResponse, media_type="text/csv", status_code=203),
            203,
            "text/csv; charset=utf-8",
            b"ab",
        ),
        (as_events, 200, "text/event-stream; charset=utf-8", b'data: "a"\n\ndata: "b"\n\n'),
        (partial(JSONResponse), 200, "application/jsonl", b'"a"\n"b"\n'),
    ],
)
async def test_a_function_makes_the_head_of_a_stream(
    is_async: bool, response_class: Any, status: int, media_type: str | None, sent: bytes
) -> None:
    answer = await request(app_that_yields(is_async, "a", "b", response_class=response_class))

    assert (answer.status, answer.body) == (status, sent)
    assert dict(answer.headers).get("content-type") == media_type


async def test_what_a_function_makes_of_a_stream_is_a_stream() -> None:
    app = app_that_yields(True, "a", response_class=unsaid_response)
    answer = await request(app)

    assert str(answer.raised) == (
        f"response_class={unsaid_response!r} returned {made!r}, which is no StreamingResponse"
    )


made = PlainTextResponse("no stream")


def unsaid_response(content):
    return made


@dataclass
class Item:
    name: str
    price: Decimal


@both
async def test_each_item_is_a_line_of_json(is_async: bool) -> None:
    log = Log()
    app = app_that_yields(is_async, {"a": 1}, Item("b", Decimal("1.50")), "text\n", None, [2])

    answer = await request(app, log=log)

    assert log == [
        "sends 200",
        'sends {"a":1}',
        'sends {"name":"b","price":"1.50"}',
        'sends "text\\n"',
        "sends null",
        "sends [2]",
        "ends",
    ]
    assert answer.headers == [("content-type", "application/jsonl")]
    assert answer.body.count(b"\n") == 5


class CSVResponse(StreamingResponse):
    media_type = "text/csv"


class LatinResponse(StreamingResponse):
    media_type = "text/plain"
    charset = "latin-1"


@both
@pytest.mark.parametrize(
    ("response_class", "content_type"),
    [(StreamingResponse, None), (CSVResponse, "text/csv; charset=utf-8")],
)
async def test_text_and_bytes_are_sent_as_they_are_where_that_is_asked_for(
    is_async: bool, response_class: Any, content_type: str | None
) -> None:
    items = ("a;ä\n", b"b;\n", bytearray(b"c"), memoryview(b"d"), "")
    app = app_that_yields(is_async, *items, response_class=response_class)

    answer = await request(app)

    assert answer.body == "a;ä\nb;\ncd".encode()
    assert dict(answer.headers).get("content-type") == content_type


@both
async def test_text_is_encoded_as_the_response_class_says(is_async: bool) -> None:
    app = app_that_yields(is_async, "ä", response_class=LatinResponse)

    answer = await request(app)

    assert answer.body == b"\xe4"
    assert answer.headers == [("content-type", "text/plain; charset=latin-1")]


@both
async def test_what_is_neither_text_nor_bytes_cannot_be_sent_as_it_is(is_async: bool) -> None:
    app = app_that_yields(is_async, "a", 1, response_class=StreamingResponse)

    answer = await request(app)

    assert (answer.body, answer.complete) == (b"a", False)
    assert isinstance(answer.raised, TypeError)
    assert str(answer.raised) == "a StreamingResponse sends text or bytes, and 1 is neither"


@both
async def test_another_response_class_makes_no_difference_to_lines_of_json(is_async: bool) -> None:
    answer = await request(app_that_yields(is_async, 1, response_class=PlainTextResponse))

    assert (answer.body, answer.headers) == (b"1\n", [("content-type", "application/jsonl")])


@both
async def test_an_endpoint_that_yields_nothing_answers_with_nothing(is_async: bool) -> None:
    log = Log()

    answer = await request(app_that_yields(is_async), log=log)

    assert log == ["sends 200"]
    assert (answer.body, answer.complete) == (b"", True)


@both
async def test_the_routes_status_is_sent(is_async: bool) -> None:
    answer = await request(app_that_yields(is_async, 1, status_code=206))

    assert answer.status == 206


@both
async def test_the_injected_response_decides_status_and_headers_until_the_first_item(
    app: App, is_async: bool
) -> None:
    def get_limit(response: Response) -> int:
        response.headers["x-limit"] = "3"
        response.set_cookie("seen", "yes")
        return 3

    def prepare(response: Response, number: int) -> None:
        response.status_code = 200 + number
        response.headers["x-number"] = str(number)
        response.headers["content-type"] = "application/x-ndjson"

    @app.get("/sync")
    def yield_sync(response: Response, limit: Annotated[int, Depends(get_limit)]) -> Iterator[int]:
        for number in range(1, limit):
            prepare(response, number)
            yield number

    @app.get("/async")
    async def yield_async(
        response: Response, limit: Annotated[int, Depends(get_limit)]
    ) -> AsyncIterator[int]:
        for number in range(1, limit):
            prepare(response, number)
            yield number

    answer = await request(app, "/async" if is_async else "/sync")

    assert (answer.status, answer.body) == (201, b"1\n2\n")
    assert answer.headers == [
        ("x-limit", "3"),
        ("set-cookie", "seen=yes; Path=/; SameSite=lax"),
        ("x-number", "1"),
        ("content-type", "application/x-ndjson"),
    ]


@both
async def test_parameters_are_filled_as_for_any_endpoint(app: App, is_async: bool) -> None:
    @app.get("/sync/{first}")
    def yield_sync(request: Request, first: int, last: Annotated[int, Query()]) -> Iterator[int]:
        assert request.path_params == {"first": "1"}
        yield from range(first, last)

    @app.get("/async/{first}")
    async def yield_async(first: int, last: Annotated[int, Query()]) -> AsyncIterator[int]:
        for number in range(first, last):
            yield number

    path = "/async/1" if is_async else "/sync/1"
    assert (await request(app, path, query="last=3")).body == b"1\n2\n"
    assert (await request(app, path, query="last=x")).status == 422


# ---------------------------------------------------------------------- errors


@both
async def test_an_error_before_the_first_item_is_answered(is_async: bool) -> None:
    log = Log()
    app = app_that_yields(is_async, HTTPException(404, "nothing to stream"))

    answer = await request(app, log=log)

    assert log == ["sends 404"]
    assert answer.body == b'{"detail":"nothing to stream"}'
    assert ("content-type", "application/json") in answer.headers


@both
async def test_a_handler_answers_an_error_before_the_first_item(is_async: bool) -> None:
    app = app_that_yields(is_async, Oops("early"))
    app.exception_handler(Oops)(lambda request, exc: PlainTextResponse(told(exc), 418))

    answer = await request(app)

    assert (answer.status, answer.body) == (418, b"Oops(early)")


@both
async def test_an_error_after_the_first_item_cuts_the_answer_off(is_async: bool) -> None:
    """E7: no second response; the server sees the exception, and closes the connection."""
    log = Log()
    answer = await request(app_that_yields(is_async, 1, Oops("late"), 2), log=log)

    assert log == ["sends 200", "sends 1"]
    assert not answer.complete
    assert answer.raised
    assert told(answer.raised) == "Oops(late)"


@both
@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
async def test_a_stop_iteration_that_an_endpoint_raises_is_an_error_and_not_its_end(
    is_async: bool, kind: type[Exception]
) -> None:
    """E2: a generator's own StopIteration is a RuntimeError; so is what would end its stream."""
    log = Log()
    app = app_that_yields(is_async, 1, kind("late"), 2)

    answer = await request(app, log=log)

    assert log == ["sends 200", "sends 1"]
    assert not answer.complete
    name = "async generator" if is_async else "generator"
    assert str(answer.raised) == f"{name} raised {kind.__name__}"
    assert answer.raised
    assert repr(answer.raised.__cause__) == f"{kind.__name__}('late')"


@both
async def test_what_is_no_exception_leaves_the_stream_as_it_is(is_async: bool) -> None:
    log = Log()

    def see() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            log(f"sees {error!r}")
            raise

    app = app_that_yields(is_async, 1, Interrupt("now"), dependencies=[Depends(see)])

    with pytest.raises(Interrupt, match="now"):
        await request(app, log=log)
    assert log == ["sends 200", "sends 1", "sees Interrupt('now')"]


@both
async def test_no_handler_answers_an_error_after_the_first_item(is_async: bool) -> None:
    """E7"""
    log = Log()
    app = app_that_yields(is_async, 1, Oops("late"))
    app.exception_handler(Oops)(lambda request, exc: PlainTextResponse("never"))

    answer = await request(app, log=log)

    assert log == ["sends 200", "sends 1"]
    assert answer.raised
    assert told(answer.raised) == "Oops(late)"


@both
async def test_an_item_that_cannot_be_encoded_cuts_the_answer_off(is_async: bool) -> None:
    log = Log()

    answer = await request(app_that_yields(is_async, 1, object()), log=log)

    assert log == ["sends 200", "sends 1"]
    assert not answer.complete
    assert isinstance(answer.raised, Exception)


@both
@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ((1, 2), "session opens, sends 200, sends 1, sends 2, ends, session exits"),
        ((Oops("early"),), "session opens, session sees Oops(early), sends 500"),
        ((1, Oops("late")), "session opens, sends 200, sends 1, session sees Oops(late)"),
    ],
    ids=["no error", "early", "late"],
)
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_dependencies_are_open_until_the_stream_has_ended(
    app: App, is_async: bool, items: tuple[Any, ...], expected: str, scope: Any
) -> None:
    """S6"""
    log = Log()

    async def get_session() -> AsyncIterator[str]:
        with log.opened("session"):
            yield "session"

    def get_session_sync() -> Iterator[str]:
        with log.opened("session"):
            yield "session"

    @app.get("/async")
    async def yield_async(session: Annotated[str, Depends(get_session, scope=scope)]) -> Any:
        for item in items:
            if isinstance(item, BaseException):
                raise item
            yield item

    @app.get("/sync")
    def yield_sync(session: Annotated[str, Depends(get_session_sync, scope=scope)]) -> Any:
        for item in items:
            if isinstance(item, BaseException):
                raise item
            yield item

    await request(app, "/async" if is_async else "/sync", log=log)

    assert log == lines(expected)


# ---------------------------------------------------------------------- validation per item


@dataclass
class SecretItem(Item):
    password: str = "secret"


def app_with_items(is_async: bool, returns: Any, *items: Any, **options: Any) -> App:
    """The same with a return annotation."""
    app = App()

    async def yield_async() -> Any:
        for item in items:
            yield item

    def yield_sync() -> Any:
        yield from items

    endpoint: Any = yield_async if is_async else yield_sync
    endpoint.__annotations__["return"] = returns
    app.add_api_route("/", endpoint, **options)
    return app


@both
@pytest.mark.parametrize(
    "returns",
    [
        AsyncIterator[Item],
        AsyncIterable[Item],
        AsyncGenerator[Item, None],
        Iterator[Item],
        Generator[Item, None, None],
        typing.AsyncIterator[Item],
    ],
    ids=repr,
)
async def test_each_item_is_validated_and_filtered_by_the_annotation(
    is_async: bool, returns: Any
) -> None:
    items = (SecretItem("saw", Decimal("1.50")), {"name": "axe", "price": "2", "other": 1})

    answer = await request(app_with_items(is_async, returns, *items))

    assert answer.body == b'{"name":"saw","price":"1.50"}\n{"name":"axe","price":"2"}\n'


@both
@pytest.mark.parametrize(
    "returns", [AsyncIterator[Any], AsyncIterator, typing.AsyncIterator, Any, list[int]], ids=repr
)
async def test_where_the_annotation_says_nothing_of_items_they_pass(
    is_async: bool, returns: Any
) -> None:
    answer = await request(app_with_items(is_async, returns, {"a": "b"}))

    assert answer.body == b'{"a":"b"}\n'


@both
@pytest.mark.parametrize(
    ("model", "sent"),
    [
        (None, b'{"name":"saw","price":1,"password":"secret"}\n'),
        (Item, b'{"name":"saw","price":"1"}\n'),
        (AsyncIterator[Item], b'{"name":"saw","price":"1"}\n'),
    ],
)
async def test_a_response_model_stands_in_for_the_annotation(
    is_async: bool, model: Any, sent: bytes
) -> None:
    item = SecretItem("saw", Decimal(1))

    answer = await request(app_with_items(is_async, AsyncIterator[int], item, response_model=model))

    assert answer.body == sent


@both
async def test_options_of_the_route_choose_what_is_sent_of_each_item(is_async: bool) -> None:
    answer = await request(
        app_with_items(
            is_async,
            AsyncIterator[Item],
            Item("saw", Decimal(1)),
            response_model_include={"price"},
            encoders={Decimal: float},
        )
    )

    assert answer.body == b'{"price":1.0}\n'


@both
async def test_an_item_that_does_not_fit_ends_the_stream(is_async: bool) -> None:
    """E4, E7"""
    log = Log()
    app = app_with_items(is_async, Iterator[int], 1, "x", 3)

    answer = await request(app, log=log)

    assert log == ["sends 200", "sends 1"]
    assert not answer.complete
    assert isinstance(answer.raised, ResponseValidationError)
    name = "yield_async" if is_async else "yield_sync"
    assert f"in: GET /, {name} ({__file__}:" in str(answer.raised)


@both
async def test_a_first_item_that_does_not_fit_is_answered_with_500(is_async: bool) -> None:
    log = Log()

    answer = await request(app_with_items(is_async, Iterator[int], "x"), log=log)

    assert log == ["sends 500"]
    assert isinstance(answer.raised, ResponseValidationError)


def test_items_of_no_type_are_refused_when_the_route_is_added() -> None:
    with pytest.raises(ResponseTypeError, match="is not a type of values"):
        app_with_items(True, AsyncIterator[typing.NoReturn])


async def test_sync_items_are_encoded_in_the_thread_that_made_them(app: App) -> None:
    threads: list[int] = []

    class Lazy:
        @property
        def name(self) -> str:
            threads.append(threading.get_ident())
            return "saw"

    class Named(msgspec.Struct):
        name: str

    @app.get("/")
    def endpoint() -> Iterator[Named]:
        threads.append(threading.get_ident())
        yield Lazy()  # type: ignore[misc]

    assert (await request(app)).body == b'{"name":"saw"}\n'
    assert threading.get_ident() not in threads
    assert len(set(threads)) == 1


# ---------------------------------------------------------------------- HEAD


@both
async def test_a_head_request_gets_the_head_alone_and_ends_the_generator(is_async: bool) -> None:
    log = Log()
    app = App()

    @app.head("/async")
    async def yield_async(response: Response) -> AsyncIterator[int]:
        with log.opened("generator"):
            response.headers["x-first"] = "yes"
            yield 1
            yield 2

    @app.head("/sync")
    def yield_sync(response: Response) -> Iterator[int]:
        with log.opened("generator"):
            response.headers["x-first"] = "yes"
            yield 1
            yield 2

    answer = await request(app, "/async" if is_async else "/sync", "HEAD", log=log)

    assert log == ["generator opens", "sends 200", "generator sees GeneratorExit()"]
    assert (answer.body, answer.complete) == (b"", True)
    assert ("x-first", "yes") in answer.headers


@both
async def test_a_head_request_for_an_empty_stream_gets_the_head(app: App, is_async: bool) -> None:
    items: list[int] = []

    @app.head("/async")
    async def yield_async() -> AsyncIterator[int]:
        for item in items:
            yield item

    @app.head("/sync")
    def yield_sync() -> Iterator[int]:
        yield from items

    answer = await request(app, "/async" if is_async else "/sync", "HEAD")

    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


@both
@pytest.mark.parametrize(
    ("error", "status"), [(HTTPException(404), 404), (StopAsyncIteration(), 500)]
)
async def test_an_error_before_the_first_item_answers_a_head_request(
    is_async: bool, error: Exception, status: int
) -> None:
    app = App()
    opened = True

    @app.head("/async")
    async def yield_async() -> AsyncIterator[int]:
        if opened:
            raise error
        yield 1

    @app.head("/sync")
    def yield_sync() -> Iterator[int]:
        if opened:
            raise error
        yield 1

    assert (await request(app, "/async" if is_async else "/sync", "HEAD")).status == status


# ---------------------------------------------------------------------- what is received meanwhile


async def test_an_endpoint_streams_back_what_it_receives(app: App) -> None:
    parts = [b"one", b"two", b"three"]

    @app.post("/", response_class=StreamingResponse)
    async def echo(request: Request) -> AsyncIterator[bytes]:
        async for part in request.stream():
            if part:
                yield part

    received: list[str] = []

    async def receive() -> Any:
        await checkpoint()
        if not parts:
            await sleep_forever()
        part = parts.pop(0)
        received.append(part.decode())
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    sent: list[bytes] = []

    async def send(message: Any) -> None:
        await checkpoint()
        sent.append(message.get("body", b"start"))

    with fail_after(5):
        await app(http_scope("POST"), receive, send)

    assert sent == [b"start", b"one", b"two", b"three", b""]
    assert received == ["one", "two", "three"]


async def test_an_endpoint_that_reads_nothing_is_told_that_the_client_has_gone(app: App) -> None:
    """S6, C1: the part of the body that nobody reads does not hide that."""
    log = Log()

    @app.post("/", response_class=StreamingResponse)
    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"."
                await checkpoint()
        finally:
            log.append("stream exits")

    messages = [
        {"type": "http.request", "body": b"all", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        await checkpoint()
        return messages.pop(0)

    async def send(message: Any) -> None:
        await checkpoint()

    with fail_after(5):
        await app(http_scope("POST"), receive, send)

    assert log == ["stream exits"]


async def test_a_client_is_held_back_by_an_endpoint_that_does_not_read(app: App) -> None:
    received: list[int] = []
    enough = Event()

    @app.post("/", response_class=StreamingResponse)
    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        await enough.wait()

    async def receive() -> Any:
        await checkpoint()
        received.append(len(received))
        return {"type": "http.request", "body": b"part", "more_body": True}

    async def send(message: Any) -> None:
        for _ in range(20):
            await checkpoint()
        enough.set()

    with fail_after(5):
        await app(http_scope("POST"), receive, send)

    assert received == [0]


def http_scope(method: str) -> Any:
    return {"type": "http", "method": method, "path": "/", "query_string": b"", "headers": []}


# ---------------------------------------------------------------------- time limits of its own


@pytest.fixture
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a stream let others run after each item, as after one that has taken its time."""
    monkeypatch.setattr("microfw._answering.streaming._TURN", -1)


on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])
of_each_kind = pytest.mark.parametrize("response_class", [StreamingResponse, EventSourceResponse])


@pytest.mark.usefixtures("_eager")
@of_each_kind
async def test_a_cancel_scope_that_the_generator_holds_open_ends_its_next_wait(
    response_class: Any, app: App
) -> None:
    """C3: wherever the time limit passes, it is as if the generator had not been interrupted."""

    @app.get("/", response_class=response_class)
    async def endpoint() -> AsyncIterator[str]:
        with CancelScope() as scope:
            yield "one"
            scope.cancel()
            yield "two"
            yield "three"
            await sleep_forever()
        yield "four"

    answer = await request(app)

    found = [text for text in ("one", "two", "three", "four") if text.encode() in answer.body]
    assert (found, answer.complete) == (["one", "two", "three", "four"], True)
    assert answer.raised is None


@pytest.mark.usefixtures("_eager")
@on_asyncio
@of_each_kind
async def test_a_time_limit_of_asyncio_s_in_a_generator_raises_a_timeout(
    response_class: Any, app: App
) -> None:
    """C3"""
    log = Log()

    async def watch() -> AsyncIterator[None]:
        with log.opened("it"):
            yield

    @app.get("/", response_class=response_class, dependencies=[Depends(watch)])
    async def endpoint() -> AsyncIterator[str]:
        async with asyncio.timeout(None) as limit:
            yield "one"
            limit.reschedule(0)
            yield "two"
            yield "three"
            await sleep_forever()

    answer = await request(app)

    assert isinstance(answer.raised, TimeoutError)
    assert log == ["it opens", "it sees TimeoutError()"]
    assert b"three" in answer.body


@pytest.mark.usefixtures("_eager")
@on_asyncio
async def test_a_generator_that_never_waits_ends_when_its_request_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """C1"""
    most = 10
    monkeypatch.setattr("microfw._answering.streaming._MOST_UNAWAITED", most)
    app, yielded = App(), 0
    begun = Event()

    @app.get("/")
    async def endpoint() -> AsyncIterator[int]:
        nonlocal yielded
        while True:
            yielded += 1
            begun.set()
            yield yielded

    task = asyncio.create_task(request(app))
    await begun.wait()
    before = yielded
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert yielded <= before + most + 1


@pytest.mark.usefixtures("_eager")
async def test_a_stream_ends_when_a_cancel_scope_around_it_is_cancelled() -> None:
    """C1"""
    app, yielded = App(), 0

    with CancelScope() as scope:

        @app.get("/")
        async def endpoint() -> AsyncIterator[int]:
            nonlocal yielded
            with CancelScope():
                while True:
                    yielded += 1
                    scope.cancel()
                    yield yielded

        await request(app)

    assert (scope.cancelled_caught, yielded) == (True, 1)


async def test_an_item_whose_sending_a_scope_of_the_generator_cancels_is_an_error(
    app: App,
) -> None:
    """It may be lost, and that is not silent."""

    @app.get("/", response_class=StreamingResponse)
    async def endpoint() -> AsyncIterator[str]:
        with CancelScope() as scope:
            yield "one"
            scope.cancel()
            yield "two"

    async def behind_others(scope: Any, receive: Any, send: Any) -> None:
        async def wait_and_send(message: Any) -> None:
            await checkpoint()
            await send(message)

        await app(scope, receive, wait_and_send)

    answer = await request(behind_others)

    assert (answer.body, answer.complete) == (b"one", False)
    assert "test_streaming.py" in str(answer.raised)
    assert "was cancelled while the item was being sent, which may be lost" in str(answer.raised)
