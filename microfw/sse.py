"""Server-sent events (HTML Living Standard, section 9.2): what an endpoint yields, and how.

```python
@app.get("/events", response_class=EventSourceResponse)
async def events(last_event_id: Annotated[int, Header()] = 0) -> AsyncIterator[ServerSentEvent]:
    async for number, price in prices(since=last_event_id):
        yield ServerSentEvent(data=price, id=str(number))
```
"""

from typing import Any, ClassVar

import msgspec
from starlette.responses import StreamingResponse

__all__ = ["KEEPALIVE_COMMENT", "EventSourceResponse", "ServerSentEvent", "format_sse_event"]

KEEPALIVE_COMMENT = b": ping\n\n"
"""What is sent while there is nothing else to send."""


class EventSourceResponse(StreamingResponse):
    """A stream of events; name it as the `response_class` of an endpoint that yields.

    What is yielded becomes the data of an event, in JSON; a `ServerSentEvent` says more. The head
    of the response is sent with the first event, and no later than `opening_delay`: until then an
    exception is still answered with a status of its own.

    Attributes:
        keep_alive: Seconds of silence after which a comment is sent, so that nobody on the way
            takes the connection for a dead one. Set it in a subclass.
        opening_delay: Seconds after which a comment is sent, if there was no event yet.
    """

    media_type = "text/event-stream"
    keep_alive: ClassVar[float] = 15.0
    opening_delay: ClassVar[float] = 1.0


class ServerSentEvent(msgspec.Struct, kw_only=True, frozen=True):
    """One event of a stream.

    Args:
        data: Any value, sent as JSON; text too, in quotes. It is validated and filtered by the
            type that the endpoint's annotation gives its items.
        raw_data: Text to be sent as it is, in place of `data`.
        event: The event's type; clients take it for `message` where there is none.
        id: What the client sends as `Last-Event-ID` when it connects again.
        retry: Milliseconds that the client is to wait before it does.
        comment: What clients ignore.

    Raises:
        ValueError: Both kinds of data are given, or one of the fields cannot be sent.
    """

    data: Any = None
    raw_data: str | None = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        if self.data is not None and self.raw_data is not None:
            raise ValueError("an event has `data` or `raw_data`, not both")
        for name in ("event", "id"):
            value = getattr(self, name)
            if value is not None and any(character in value for character in "\r\n"):
                raise ValueError(f"{name}={value!r} is more than one line")
        if self.id is not None and "\0" in self.id:
            raise ValueError(f"id={self.id!r} holds a null character, for which clients ignore it")
        if self.retry is not None and not _is_count(self.retry):
            raise ValueError(f"retry={self.retry!r} is no number of milliseconds")


def format_sse_event(
    *,
    data_str: str | None = None,
    event: str | None = None,
    id: str | None = None,
    retry: int | None = None,
    comment: str | None = None,
) -> bytes:
    """Write an event as it is sent, with the empty line that ends it.

    Args:
        data_str: The data, as text.
        event: See `ServerSentEvent`.
        id: See `ServerSentEvent`.
        retry: See `ServerSentEvent`.
        comment: See `ServerSentEvent`.
    """
    lines = [] if comment is None else [f": {line}" for line in _lines(comment)]
    if event is not None:
        lines.append(f"event: {event}")
    if data_str is not None:
        lines += [f"data: {line}" for line in _lines(data_str)]
    if id is not None:
        lines.append(f"id: {id}")
    if retry is not None:
        lines.append(f"retry: {retry}")
    return "\n".join([*lines, "", ""]).encode()


def _lines(text: str) -> list[str]:
    """Split text where the format would: there is no other line break in it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
