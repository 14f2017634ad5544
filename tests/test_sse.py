"""Server-sent events: how they are written, what keeps them alive, and who ends them."""

import http.client
import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import anyio
import httpx2
import msgspec
import pytest

from microfw import App, Depends, Header, HTTPException, Response, ResponseValidationError
from microfw.responses import EventSourceResponse as ResponsesEventSourceResponse
from microfw.sse import (
    KEEPALIVE_COMMENT,
    EventSourceResponse,
    ServerSentEvent,
    format_sse_event,
)
from microfw.testclient import TestClient
from tests.lifecycle.programs import Log, Oops, lines, request, told
from tests.servers import serve

both = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


class Impatient(EventSourceResponse):
    keep_alive = 0.01
    opening_delay = 0.01


class Item(msgspec.Struct):
    name: str


class SecretItem(Item):
    password: str = "secret"


def app_with_events(is_async: bool, *items: Any, returns: Any = None, **options: Any) -> App:
    """An application whose one endpoint yields some items, and raises those that are exceptions."""
    app = App()
    options.setdefault("response_class", EventSourceResponse)

    async def yield_async() -> Any:
        for item in items:
            if isinstance(item, Exception):
                raise item
            yield item

    def yield_sync() -> Any:
        for item in items:
            if isinstance(item, Exception):
                raise item
            yield item

    endpoint: Any = yield_async if is_async else yield_sync
    if returns is not None:
        endpoint.__annotations__["return"] = returns
    app.add_api_route("/", endpoint, **options)
    return app


# ---------------------------------------------------------------------- how events are written


@pytest.mark.parametrize(
    ("event", "written"),
    [
        (ServerSentEvent(), "\n"),
        (ServerSentEvent(data={"a": [1, None]}), 'data: {"a":[1,null]}\n\n'),
        (ServerSentEvent(data="text\nmore"), 'data: "text\\nmore"\n\n'),
        (ServerSentEvent(data=0), "data: 0\n\n"),
        (ServerSentEvent(data=Item("saw")), 'data: {"name":"saw"}\n\n'),
        (ServerSentEvent(raw_data="text"), "data: text\n\n"),
        (ServerSentEvent(raw_data=""), "data: \n\n"),
        (
            ServerSentEvent(raw_data="a\nb\r\nc\rd\n"),
            "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n",
        ),
        (ServerSentEvent(comment="a\nb"), ": a\n: b\n\n"),
        (ServerSentEvent(event="e", id="i", retry=0), "event: e\nid: i\nretry: 0\n\n"),
        (
            ServerSentEvent(data=1, event="e", id="", retry=5, comment=""),
            ": \nevent: e\ndata: 1\nid: \nretry: 5\n\n",
        ),
        (1, "data: 1\n\n"),
        (None, "data: null\n\n"),
        ("säw\u2028", 'data: "säw\u2028"\n\n'),
        (Item("saw"), 'data: {"name":"saw"}\n\n'),
    ],
)
@both
async def test_what_is_yielded_is_written_as_an_event(
    is_async: bool, event: Any, written: str
) -> None:
    answer = await request(app_with_events(is_async, event))

    assert answer.body.decode() == written
    assert (answer.status, answer.complete) == (200, True)
    assert answer.headers == [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data": 1, "raw_data": ""}, "an event has `data` or `raw_data`, not both"),
        ({"event": "a\nb"}, r"event='a\nb' is more than one line"),
        ({"event": "a\r"}, r"event='a\r' is more than one line"),
        ({"id": "\n"}, r"id='\n' is more than one line"),
        ({"id": "\0"}, r"id='\x00' holds a null character, for which clients ignore it"),
        ({"retry": -1}, "retry=-1 is no number of milliseconds"),
        ({"retry": 1.5}, "retry=1.5 is no number of milliseconds"),
        ({"retry": True}, "retry=True is no number of milliseconds"),
    ],
)
def test_an_event_that_cannot_be_sent_cannot_be_made(fields: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole message is compared
        ServerSentEvent(**fields)

    assert str(raised.value) == message


def test_events_are_written_by_hand_where_that_is_wanted() -> None:
    assert format_sse_event() == b"\n"
    assert format_sse_event(data_str="{}", id="1") == b"data: {}\nid: 1\n\n"
    assert format_sse_event(comment="ping") == KEEPALIVE_COMMENT
    assert ResponsesEventSourceResponse is EventSourceResponse


# ---------------------------------------------------------------------- validation per item


@pytest.mark.parametrize(
    "returns",
    [
        AsyncIterator[Item],
        AsyncGenerator[Item, None],
        Iterator[Item],
        AsyncIterator[Item | ServerSentEvent],
        AsyncIterator[ServerSentEvent | int | Item],
    ],
    ids=str,
)
@both
async def test_each_item_is_filtered_by_the_annotation(is_async: bool, returns: Any) -> None:
    items = (SecretItem("saw"), {"name": "axe", "price": 3})

    answer = await request(app_with_events(is_async, *items, returns=returns))

    assert answer.body == b'data: {"name":"saw"}\n\ndata: {"name":"axe"}\n\n'


@pytest.mark.parametrize(
    "returns",
    [AsyncIterator[ServerSentEvent], AsyncIterator[Any], AsyncIterator],
    ids=str,
)
async def test_the_data_of_events_pass_where_no_type_of_them_is_declared(returns: Any) -> None:
    event = ServerSentEvent(data=SecretItem("saw"), id="1")

    answer = await request(app_with_events(True, event, returns=returns))

    assert answer.body == b'data: {"name":"saw","password":"secret"}\nid: 1\n\n'


@pytest.mark.parametrize(
    "returns",
    [
        AsyncIterator[Item],
        AsyncGenerator[Item, None],
        Iterator[Item],
        AsyncIterator[Item | ServerSentEvent],
        AsyncIterator[ServerSentEvent | int | Item],
    ],
    ids=str,
)
@both
async def test_the_data_of_events_are_filtered_as_items_are(is_async: bool, returns: Any) -> None:
    events = (
        ServerSentEvent(data=SecretItem("saw"), id="1"),
        ServerSentEvent(data={"name": "axe", "price": 3}),
        ServerSentEvent(raw_data="text"),
        ServerSentEvent(comment="nothing"),
    )

    answer = await request(app_with_events(is_async, *events, returns=returns))

    assert answer.body == (
        b'data: {"name":"saw"}\nid: 1\n\ndata: {"name":"axe"}\n\ndata: text\n\n: nothing\n\n'
    )


@both
async def test_an_event_whose_data_do_not_fit_ends_the_stream(is_async: bool) -> None:
    log = Log()
    event = ServerSentEvent(data={"title": "axe"})
    app = app_with_events(is_async, Item("saw"), event, returns=Iterator[Item | ServerSentEvent])

    answer = await request(app, log=log)

    assert log == ["sends 200", 'sends data: {"name":"saw"}']
    assert isinstance(answer.raised, ResponseValidationError)
    assert answer.raised.errors()[0]["loc"] == ("response", "name")


@both
async def test_an_item_that_does_not_fit_ends_the_stream(is_async: bool) -> None:
    log = Log()
    app = app_with_events(is_async, Item("saw"), {"title": "axe"}, returns=Iterator[Item])

    answer = await request(app, log=log)

    assert log == ["sends 200", 'sends data: {"name":"saw"}']
    assert not answer.complete
    assert isinstance(answer.raised, ResponseValidationError)
    assert [error["loc"] for error in answer.raised.errors()] == [("response", "name")]


@both
async def test_a_first_item_that_does_not_fit_is_answered_with_500(is_async: bool) -> None:
    answer = await request(app_with_events(is_async, {}, returns=Iterator[Item]))

    assert answer.status == 500
    assert isinstance(answer.raised, ResponseValidationError)


async def test_options_of_the_route_choose_what_is_sent_of_items() -> None:
    app = app_with_events(
        True, {"name": "saw"}, returns=AsyncIterator[dict[str, str]], encoders={str: str.upper}
    )
    assert (await request(app)).body == b'data: {"NAME":"SAW"}\n\n'


# ---------------------------------------------------------------------- status and headers


@both
async def test_an_error_before_the_first_event_is_answered(is_async: bool) -> None:
    log = Log()

    answer = await request(app_with_events(is_async, HTTPException(404, "no feed")), log=log)

    assert log == ["sends 404"]
    assert answer.body == b'{"detail":"no feed"}'


@both
async def test_an_error_after_the_first_event_cuts_the_answer_off(is_async: bool) -> None:
    log = Log()

    answer = await request(app_with_events(is_async, 1, Oops("late")), log=log)

    assert log == ["sends 200", "sends data: 1"]
    assert answer.raised
    assert told(answer.raised) == "Oops(late)"
    assert not answer.complete


async def test_the_last_id_comes_with_a_header(app: App) -> None:
    @app.get("/", response_class=EventSourceResponse)
    async def events(last_event_id: Annotated[int, Header()] = 0) -> AsyncIterator[ServerSentEvent]:
        for number in range(last_event_id + 1, 4):
            yield ServerSentEvent(data=number, id=str(number))

    assert (await request(app)).body.count(b"data") == 3
    answer = await request(app, headers={"Last-Event-ID": "2"})
    assert answer.body == b"data: 3\nid: 3\n\n"
    assert (await request(app, headers={"Last-Event-ID": "x"})).status == 422


async def test_the_injected_response_adds_headers_to_the_stream(app: App) -> None:
    @app.post("/", response_class=EventSourceResponse, status_code=202)
    async def events(response: Response) -> AsyncIterator[int]:
        response.headers["cache-control"] = "no-store"
        yield 1

    answer = await request(app, method="POST")

    assert answer.status == 202
    assert ("cache-control", "no-store") in answer.headers
    assert ("cache-control", "no-cache") not in answer.headers


def test_a_router_can_say_that_its_endpoints_send_events() -> None:
    app = App(default_response_class=EventSourceResponse)

    @app.get("/")
    def events() -> Iterator[int]:
        yield 1

    assert TestClient(app).get("/").text == "data: 1\n\n"


# ---------------------------------------------------------------------- keep-alive


class Scene:
    """A generator that waits, for as long as a test wants."""

    def __init__(self) -> None:
        self.log = Log()
        self.released = anyio.Event()
        self.tasks: set[int] = set()

    def app(self, response_class: type[EventSourceResponse] = Impatient) -> App:
        app = App()

        async def get_resource() -> AsyncIterator[str]:
            with self.log.opened("resource"):
                yield "resource"

        @app.api_route("/", methods=["GET", "HEAD"], response_class=response_class)
        async def events(resource: Annotated[str, Depends(get_resource)]) -> AsyncIterator[int]:
            self.log("generator opens")
            self.tasks.add(anyio.get_current_task().id)
            try:
                await self.released.wait()
                yield 1
            except anyio.get_cancelled_exc_class():
                self.log("generator is cancelled")
                raise
            finally:
                self.tasks.add(anyio.get_current_task().id)
            self.log("generator exits")

        return app


async def call(
    app: App, method: str, receive: Callable[[], Any], send: Callable[[Any], Any]
) -> None:
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }
    with anyio.fail_after(5):
        await app(scope, receive, send)


def sending(message: Any) -> str:
    body = message.get("body", b"head").decode().strip()
    return f"sends {body}" if body else "ends"


async def never() -> Any:
    await anyio.sleep_forever()


async def test_comments_are_sent_while_the_generator_waits() -> None:
    scene = Scene()

    async def send(message: Any) -> None:
        scene.log(sending(message))
        if scene.log.count("sends : ping") == 3:
            scene.released.set()

    await call(scene.app(), "GET", never, send)

    assert scene.log == lines(
        "resource opens, generator opens, sends head, sends : ping, sends : ping, sends : ping,"
        " sends data: 1, generator exits, ends, resource exits"
    )
    assert len(scene.tasks) == 1


async def test_an_event_waits_until_a_comment_is_sent() -> None:
    scene = Scene()

    async def send(message: Any) -> None:
        if message.get("body") == KEEPALIVE_COMMENT:
            scene.released.set()
            await anyio.wait_all_tasks_blocked()
        scene.log(sending(message))

    await call(scene.app(), "GET", never, send)

    assert scene.log == lines(
        "resource opens, generator opens, sends head, sends : ping, sends data: 1,"
        " generator exits, ends, resource exits"
    )


async def test_the_head_is_sent_though_there_is_no_event_yet() -> None:
    class Opening(EventSourceResponse):
        opening_delay = 0.01

    scene = Scene()

    async def send(message: Any) -> None:
        scene.log(sending(message))
        if message.get("body") == KEEPALIVE_COMMENT:
            scene.released.set()

    await call(scene.app(Opening), "GET", never, send)

    assert scene.log == lines(
        "resource opens, generator opens, sends head, sends : ping, sends data: 1,"
        " generator exits, ends, resource exits"
    )


async def test_what_is_sent_counts_as_a_sign_of_life(app: App) -> None:
    class Regular(EventSourceResponse):
        keep_alive = 0.2
        opening_delay = 0.1

    @app.get("/", response_class=Regular)
    async def events() -> AsyncIterator[int]:
        for number in range(8):
            await anyio.sleep(0.05)  # in all longer than the silence that is allowed
            yield number

    silences: list[float] = []
    last_sent: float | None = None  # the first comment may be sent with the head

    async def send(message: Any) -> None:
        nonlocal last_sent
        before, last_sent = last_sent, anyio.current_time()
        if message["type"] == "http.response.start":
            last_sent = None
        elif before is not None and message["body"] == KEEPALIVE_COMMENT:
            silences.append(last_sent - before)

    await call(app, "GET", never, send)

    assert [silence for silence in silences if silence < Regular.keep_alive * 0.9] == []


def test_comments_are_sent_while_a_sync_generator_waits_in_its_thread(app: App) -> None:
    released = threading.Event()

    @app.get("/", response_class=Impatient)
    def events() -> Iterator[int]:
        released.wait(5)
        yield 1

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def send_and_release(message: Any) -> None:
            await send(message)
            if message.get("body") == KEEPALIVE_COMMENT:
                released.set()

        await app(scope, receive, send_and_release)

    text = TestClient(watched).get("/").text
    assert text.startswith(": ping\n\n")
    assert text.replace(": ping\n\n", "") == "data: 1\n\n"


async def test_no_comment_is_sent_while_the_generator_is_closed(app: App) -> None:
    log = Log()

    @app.get("/", response_class=Impatient)
    async def events() -> AsyncIterator[Any]:
        try:
            yield 1
            yield object()  # has no meaning in JSON
        finally:
            log("closes")
            await anyio.sleep(0.1)  # ten times the silence that is allowed
            log("closed")

    answer = await request(app, log=log)

    assert isinstance(answer.raised, ResponseValidationError)
    assert log[log.index("sends data: 1") :] == lines("sends data: 1, closes, closed")


async def test_no_comment_follows_the_end_for_which_it_has_waited() -> None:
    scene = Scene()
    scene.released.set()

    async def send(message: Any) -> None:
        scene.log(sending(message))
        if scene.log[-1] == "ends":
            await anyio.sleep(0.1)  # ten times the silence that is allowed
            scene.log("has ended")

    await call(scene.app(), "GET", never, send)

    assert scene.log[scene.log.index("ends") :] == lines("ends, has ended, resource exits")


async def test_a_server_that_refuses_a_comment_ends_the_stream() -> None:
    scene = Scene()

    async def send(message: Any) -> None:
        scene.log(sending(message))
        if message.get("body") == KEEPALIVE_COMMENT:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await call(scene.app(), "GET", never, send)

    assert scene.log == lines(
        "resource opens, generator opens, sends head, sends : ping, generator is cancelled,"
        " resource sees OSError(gone)"
    )


async def test_a_client_that_goes_ends_the_generator() -> None:
    scene = Scene()
    gone = anyio.Event()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body") == KEEPALIVE_COMMENT:
            gone.set()

    await call(scene.app(), "GET", receive, send)

    assert scene.log == lines(
        "resource opens, generator opens, generator is cancelled, resource sees ClientDisconnect()"
    )


# ---------------------------------------------------------------------- HEAD


async def test_a_head_request_gets_the_head_though_there_is_no_event() -> None:
    scene = Scene()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await call(scene.app(), "HEAD", never, send)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[1]["body"], sent[1]["more_body"]) == (b"", False)
    assert scene.log == lines(
        "resource opens, generator opens, generator is cancelled, resource exits"
    )


# ---------------------------------------------------------------------- a real server


@pytest.mark.parametrize("implementation", ["h11", "httptools"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_reads_events_and_comments_as_they_come_and_goes(
    app: App, implementation: str, loop: str
) -> None:
    log = Log()
    closed = threading.Event()

    @app.get("/", response_class=Impatient)
    async def events(last_event_id: Annotated[int, Header()]) -> AsyncIterator[ServerSentEvent]:
        try:
            yield ServerSentEvent(data="first", id=str(last_event_id + 1))
            await anyio.sleep_forever()
        except BaseException as error:
            log(type(error).__name__)
            raise
        finally:
            closed.set()

    with serve(app, http=implementation, loop=loop) as server:
        with httpx2.stream("GET", server.url, headers={"Last-Event-ID": "6"}, timeout=10) as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            received = answer.iter_lines()
            assert [next(received) for _ in range(4)] == ['data: "first"', "id: 7", "", ": ping"]
        assert closed.wait(10)
        server.interrupt()
    assert log == ["CancelledError"]
    assert "Traceback" not in server.log


@pytest.mark.parametrize("implementation", ["h11", "httptools"])
def test_a_client_learns_that_it_is_connected_before_there_is_an_event(
    app: App, implementation: str
) -> None:
    class Opening(EventSourceResponse):
        keep_alive = math.inf
        opening_delay = 0.01

    @app.get("/", response_class=Opening)
    async def events() -> AsyncIterator[int]:
        await anyio.sleep_forever()
        yield 1

    with serve(app, http=implementation) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read(7) == b": ping\n"
        connection.close()
