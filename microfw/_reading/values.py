"""How one value is read: from path, query string, headers, cookies, or the body.

A reader looks its value up and converts it, nothing more: what to look for, where, and what stands
in was decided when the route was added. Where a value does not fit, the reader notes all that is
wrong at the exchange, and returns what the exchange gives it to stand for an invalid value.
"""

import copy
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from msgspec import Struct, field, structs
from starlette.types import Scope

from microfw._models import (
    Convert,
    Error,
    Invalid,
    JSONConverter,
    allows_none,
    below,
    is_mapping,
    is_scalar,
    is_sequence,
    missing,
    parse_json,
    showable,
)
from microfw._reading.forms import sendable
from microfw._reading.sources import SOURCES, Read, Received
from microfw.exceptions import RegistrationError
from microfw.params import RequestValue, Source

Headers = Iterable[tuple[bytes, bytes]]


class BrokenJSON(str):
    """A body that claims to be JSON and is not, as text. The error has been noted."""

    __slots__ = ()


def default_maker(value: RequestValue) -> Callable[[], Any] | None:
    """Make the function that returns the default of a value; `None` where one is required."""
    default = value.default
    if value.default_factory is not None:
        return value.default_factory
    if default is ...:
        return None
    if is_scalar(type(default)):
        return lambda: default
    return lambda: copy.deepcopy(default)  # what one request changes, the next must not see


def _absent(value: RequestValue, convert: Convert, *loc: str) -> Read:
    """Make the function that stands in for a value that was not sent."""
    make_default, place = default_maker(value), value.source.place
    if make_default is None:
        return lambda exchange: exchange.invalid([missing(None, place, *loc)])
    if not value.validates_default:
        return lambda exchange: make_default()

    def read(exchange: Received) -> Any:
        try:
            return convert(make_default())
        except Invalid as problem:
            return exchange.invalid(below(problem.errors, place, *loc))

    return read


def default_reader(value: RequestValue) -> Read:
    """Make the reader of a value that a WebSocket cannot be sent: it has its default."""
    return _absent(value, lambda default: default)


class Bodies(Struct):
    """What the parameters that read the body share."""

    names: set[str] = field(default_factory=set[str])
    """Those of the parameters. Two of one name, in two functions, are about the same value."""
    embedded: bool = False
    """Whether the body is an object that holds each value under its key."""
    is_form: bool = False
    """Whether the body is a form."""
    is_strict: bool = False
    """Whether a body without a content type is no JSON."""
    in_memory: set[str] = field(default_factory=set[str])
    """The keys of files whose content is asked for as a whole."""
    fields: dict[str, Read] = field(default_factory=dict[str, Read])
    """What reads those that are declared as `Body()` where the body is a form."""

    @property
    def receive(self) -> str:
        """The method of the exchange that receives them, as it is called; or nothing."""
        if self.is_form:
            return "receive_form(in_memory)" if self.in_memory else "receive_form()"
        return "receive_body()" if self.names else ""


# ---------------------------------------------------------------------- text


def text_reader(value: RequestValue, convert: Convert) -> Read:
    """Make the reader of a value that is sent as text."""
    if value.others:
        return _of_several(value, lambda one: text_reader(one, convert))
    key, place = value.key, value.source.place
    look_up = _look_up(value)
    absent = _absent(value, convert, key)

    def read(exchange: Received) -> Any:
        sent = look_up(exchange)
        if sent is None:
            return absent(exchange)
        try:
            return convert(sent)
        except Invalid as problem:
            return exchange.invalid(below(problem.errors, place, key))

    return read


def outer_reader(read: Read, key: str, mistake: RegistrationError) -> Read:
    """Make the reader of a value of the path that only an outer path, a mount's, may have."""

    def read_outer(exchange: Received) -> Any:
        if key not in exchange.scope["path_params"]:
            raise mistake.below(mistake.path)
        return read(exchange)

    return read_outer


def _of_several(value: RequestValue, make: Callable[[RequestValue], Read]) -> Read:
    """Make the reader of a value that has several names, of which the first that is sent counts."""
    ones = [structs.replace(value, key=key, others=()) for key in (value.key, *value.others)]
    readers = [(_look_up(one), make(one)) for one in ones]
    _, absent = readers[0]

    def read(exchange: Received) -> Any:
        sent = (read for look_up, read in readers if look_up(exchange) is not None)
        return next(sent, absent)(exchange)

    return read


def _look_up(value: RequestValue) -> Callable[[Received], Any]:
    """Make the function that finds what was sent, if anything was."""
    key, values_of = value.key, SOURCES[value.source].values
    repeats = SOURCES[value.source].repeats and is_sequence(value.annotation)
    if value.source is Source.HEADER:
        return _header_look_up(key, repeats=repeats)
    if repeats:
        return lambda exchange: values_of(exchange).getlist(key) or None
    return lambda exchange: values_of(exchange).get(key)


def _header_look_up(key: str, *, repeats: bool) -> Callable[[Received], Any]:
    wanted = key.lower().encode("latin-1", "replace")

    def look_up(exchange: Received) -> str | None:
        headers: Headers = exchange.scope["headers"]
        for name, sent in headers:
            if name == wanted:
                return sent.decode("latin-1")
        return None

    def look_up_all(exchange: Received) -> list[str] | None:
        headers: Headers = exchange.scope["headers"]
        return [sent.decode("latin-1") for name, sent in headers if name == wanted] or None

    return look_up_all if repeats else look_up


# ---------------------------------------------------------------------- forms


def form_reader(value: RequestValue, convert: Convert, *, in_memory: bool) -> Read:
    """Make the reader of a field or file of a form; `in_memory` asks for the files' content."""
    if value.others:
        return _of_several(value, lambda one: form_reader(one, convert, in_memory=in_memory))
    key = value.key
    look_up = _look_up(value)
    absent = _absent(value, convert, key)

    def read(exchange: Received) -> Any:
        form = exchange.form
        if form.error is not None:
            return exchange.invalid([MALFORMED_FORM])
        sent = look_up(exchange)
        if not sent:  # neither an empty field nor an empty list is a value
            return absent(exchange)
        if in_memory:
            sent = form.content(sent)
        try:
            return convert(sent)
        except Invalid as problem:
            return exchange.invalid(sendable(below(problem.errors, "body", key)))

    return read


MALFORMED_FORM: Error = missing(None, "body")
"""Noted about every part of a form that could not be parsed; `ReceivedForm.error` is answered."""


# ---------------------------------------------------------------------- body


def body_reader(value: RequestValue, converter: JSONConverter, bodies: Bodies) -> Read:
    """Make the reader of a value that is the body, or a part of it."""
    read_whole = _whole_reader(value, converter, bodies.is_strict)
    read_part = _part_reader(value, converter, bodies.is_strict)

    def read(exchange: Received) -> Any:
        # Which one it is is known when all parameters of the route have been seen.
        if bodies.fields:
            return bodies.fields[value.key](exchange)
        return read_part(exchange) if bodies.embedded else read_whole(exchange)

    return read


def _whole_reader(value: RequestValue, converter: JSONConverter, is_strict: bool) -> Read:
    decode = converter.decode
    takes_null = _takes_null(value)
    absent = _absent(value, _of_default(converter))

    def read(exchange: Received) -> Any:
        if exchange.body and exchange.decoded_body is None and _is_json(exchange.scope, is_strict):
            try:
                decoded = decode(exchange.body)
            except Invalid as problem:
                exchange.decoded_body = problem.received
                if problem.received is None:
                    return convert(exchange)
                return exchange.invalid(_answerable(problem.errors, exchange))
            if decoded is not None:
                return decoded
        return convert(exchange)

    def convert(exchange: Received) -> Any:
        body = _decoded_body(exchange, is_strict)
        if isinstance(body, BrokenJSON):
            return exchange.invalid(())
        if body is None and not (exchange.body and takes_null):
            return absent(exchange)
        try:
            return converter.convert(body, len(exchange.body))
        except Invalid as problem:
            return exchange.invalid(_answerable(problem.errors, exchange))

    return read


def _part_reader(value: RequestValue, converter: JSONConverter, is_strict: bool) -> Read:
    first, others = value.key, value.others
    takes_null = _takes_null(value)
    absent = _absent(value, _of_default(converter), first)

    def read(exchange: Received) -> Any:
        body = _decoded_body(exchange, is_strict)
        if isinstance(body, BrokenJSON):
            return exchange.invalid(())
        key = first
        if is_mapping(body):
            if others and key not in body:
                key = next((other for other in others if other in body), key)
            part = body.get(key)
            if part is not None or (takes_null and key in body):
                try:
                    return converter.convert(part, len(exchange.body))
                except Invalid as problem:
                    return exchange.invalid(_answerable(below(problem.errors, key), exchange))
        elif body is not None:
            return exchange.invalid([missing(None, "body", key)])
        return absent(exchange)

    return read


def _of_default(converter: JSONConverter) -> Convert:
    """A default is no part of a body."""
    return lambda default: converter.convert(default, 0)


def _takes_null(value: RequestValue) -> bool:
    """Tell whether `null` is a value, where otherwise it is as if nothing had been sent."""
    return value.is_required and allows_none(value.annotation)


def _decoded_body(exchange: Received, is_strict: bool) -> Any:
    """Decode the body once: `None` if it is empty, its bytes if its content type is not JSON."""
    if exchange.decoded_body is None and exchange.body:
        if not _is_json(exchange.scope, is_strict):
            exchange.decoded_body = exchange.body
        else:
            try:
                exchange.decoded_body = parse_json(exchange.body)
            except Invalid as problem:
                exchange.invalid(below(problem.errors, "body"))
                exchange.decoded_body = BrokenJSON(exchange.body.decode(errors="replace"))
    return exchange.decoded_body


def _answerable(errors: list[Error], exchange: Received) -> list[Error]:
    return below(showable(errors, len(exchange.body)), "body")


def _is_json(scope: Scope, is_strict: bool) -> bool:
    for name, content_type in scope["headers"]:
        if name == b"content-type" and content_type:
            return _is_json_type(content_type)
    return not is_strict


@lru_cache(maxsize=256)
def _is_json_type(content_type: bytes) -> bool:
    media_type = content_type.partition(b";")[0].strip().lower()
    kind, _, subtype = media_type.partition(b"/")
    return not media_type or (
        kind == b"application" and (subtype == b"json" or subtype.endswith(b"+json"))
    )
