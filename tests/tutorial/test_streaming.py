"""Streams: JSON lines, server-sent events, bytes and text, from endpoints that yield."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Annotated

import pytest
from pydantic import BaseModel

from microfw import App, Header
from microfw.responses import StreamingResponse
from microfw.sse import EventSourceResponse, ServerSentEvent
from tests.tutorial.twins import Backend, Twins

app = App()


class Tide(BaseModel):
    hour: int
    height: float
    note: str | None = None


TIDES = [Tide(hour=0, height=1.5), Tide(hour=6, height=4, note="spring"), Tide(hour=12, height=1)]


class TextResponse(StreamingResponse):
    media_type = "text/plain"


@app.get("/tides")
async def stream_tides() -> AsyncIterable[Tide]:
    for tide in TIDES:
        yield tide


@app.get("/tides/sync")
def stream_tides_from_a_thread() -> Iterable[Tide]:
    yield from TIDES


@app.get("/tides/untyped")
async def stream_anything():
    for tide in TIDES:
        yield {"hour": tide.hour}


@app.get("/events", response_class=EventSourceResponse)
async def stream_events() -> AsyncIterable[Tide]:
    for tide in TIDES:
        yield tide


@app.get("/events/told", response_class=EventSourceResponse)
async def stream_told_events() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="of today")
    for number, tide in enumerate(TIDES):
        yield ServerSentEvent(data=tide, event="tide", id=str(number), retry=5000)
    yield ServerSentEvent(raw_data="[THE END]", event="end")


@app.get("/events/since", response_class=EventSourceResponse)
def stream_events_since(
    last_event_id: Annotated[int | None, Header()] = None,
) -> Iterator[ServerSentEvent]:
    for number, tide in enumerate(TIDES):
        if last_event_id is None or number > last_event_id:
            yield ServerSentEvent(data=tide.hour, id=str(number))


@app.get("/story", response_class=TextResponse)
async def stream_story() -> AsyncIterable[str]:
    for word in ("Once ", "upon ", "a tide\n"):
        yield word


@app.get("/picture", response_class=StreamingResponse)
def stream_picture() -> Iterable[bytes]:
    yield b"\x89PNG"
    yield b"\0" * 4


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", ["/tides", "/tides/sync"])
def test_what_is_yielded_is_sent_line_by_line(client: Twins, path: str) -> None:
    answer = client.get(path)

    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.text == (
        '{"hour":0,"height":1.5,"note":null}\n'
        '{"hour":6,"height":4.0,"note":"spring"}\n'
        '{"hour":12,"height":1.0,"note":null}\n'
    )


def test_items_need_no_type(client: Twins) -> None:
    assert client.microfw.get("/tides/untyped").text == '{"hour":0}\n{"hour":6}\n{"hour":12}\n'


def test_each_item_is_the_data_of_an_event(client: Twins) -> None:
    answer = client.get("/events")

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text == (
        'data: {"hour":0,"height":1.5,"note":null}\n\n'
        'data: {"hour":6,"height":4.0,"note":"spring"}\n\n'
        'data: {"hour":12,"height":1.0,"note":null}\n\n'
    )


def test_an_event_may_have_a_type_an_id_and_a_comment(client: Twins) -> None:
    assert client.get("/events/told").text == (
        ": of today\n\n"
        'event: tide\ndata: {"hour":0,"height":1.5,"note":null}\nid: 0\nretry: 5000\n\n'
        'event: tide\ndata: {"hour":6,"height":4.0,"note":"spring"}\nid: 1\nretry: 5000\n\n'
        'event: tide\ndata: {"hour":12,"height":1.0,"note":null}\nid: 2\nretry: 5000\n\n'
        "event: end\ndata: [THE END]\n\n"
    )


def test_a_stream_goes_on_where_the_client_lost_it(client: Twins) -> None:
    answer = client.get("/events/since", headers={"last-event-id": "1"})

    assert answer.text == "data: 12\nid: 2\n\n"


def test_values_are_checked_before_anything_is_sent(client: Twins) -> None:
    answer = client.get("/events/since", headers={"last-event-id": "last"})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["header", "last-event-id"]


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        ("/story", "text/plain; charset=utf-8", b"Once upon a tide\n"),
        ("/picture", None, b"\x89PNG\0\0\0\0"),
    ],
)
def test_text_and_bytes_are_sent_as_they_are(
    client: Twins, path: str, kind: str | None, content: bytes
) -> None:
    answer = client.get(path)

    assert (answer.headers.get("content-type"), answer.content) == (kind, content)
