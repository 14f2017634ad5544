"""The items of a stream: of what type they are, and how each is written."""

import types
from collections import abc
from collections.abc import Callable
from functools import reduce
from typing import Any, Union, get_args, get_origin

from microfw.sse import ServerSentEvent, format_sse_event

_BYTES: tuple[type[Any], ...] = (bytes, bytearray, memoryview)
_STREAMS = {
    *(abc.AsyncIterator, abc.AsyncIterable, abc.AsyncGenerator),
    *(abc.Iterator, abc.Iterable, abc.Generator),
}

Encode = Callable[[Any], bytes]


def item_of(annotation: Any, default: Any) -> Any:
    """Find in the annotation of a generator function of what type its items are.

    Args:
        annotation: `AsyncIterator[Item]`, or another of these types.
        default: What there is to say of the items where it is none of these.
    """
    if get_origin(annotation) not in _STREAMS:
        return default
    return next(iter(get_args(annotation)), default)


def data_of_events(annotation: Any) -> Any:
    """Find the type of the data: the union's members but the events."""
    if get_origin(annotation) in (Union, types.UnionType):
        members: list[Any] = [*get_args(annotation)]
        return reduce(_either, (member for member in members if member is not ServerSentEvent))
    return None if annotation is ServerSentEvent else annotation


def _either(one: Any, other: Any) -> Any:
    return one | other


def line_encoder(encode: Encode) -> Encode:
    """Make the function that writes an item as a line."""
    return lambda item: encode(item) + b"\n"


def event_encoder(encode: Encode) -> Encode:
    """Make the function that writes an item as an event; `encode` is for its data."""

    def encode_event(item: Any) -> bytes:
        if not isinstance(item, ServerSentEvent):
            return format_sse_event(data_str=encode(item).decode())
        data = item.raw_data
        if item.data is not None:
            data = encode(item.data).decode()
        return format_sse_event(
            data_str=data, event=item.event, id=item.id, retry=item.retry, comment=item.comment
        )

    return encode_event


def raw_encoder(charset: str) -> Encode:
    """Make the function that writes an item as it is; text in this charset."""

    def encode(item: Any) -> bytes:
        if isinstance(item, str):
            return item.encode(charset)
        if isinstance(item, _BYTES):
            return bytes(item)
        raise TypeError(f"a StreamingResponse sends text or bytes, and {item!r} is neither")

    return encode
