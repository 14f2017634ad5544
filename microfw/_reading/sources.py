"""Where in a request the values come from: one table."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Protocol

from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.types import Scope

from microfw._models import Error
from microfw._reading.forms import ReceivedForm
from microfw._reading.query import QueryValues
from microfw.params import Source


class Received(Protocol):
    """What readers use of the object that accompanies one request."""

    body: bytes
    """The body, received as a whole before a step reads it."""
    form: ReceivedForm
    """The form, received before a step reads it, where one declares a part of it."""
    decoded_body: Any
    """`None` until a step that declares a body has its turn; then what it has made of the bytes."""

    query_values: QueryValues | None
    """What is in the query string, once a step has asked for it."""
    scope: Scope

    @property
    def connection(self) -> HTTPConnection:
        """Starlette's object for the request."""
        ...

    def invalid(self, errors: Sequence[Error], /) -> Any:
        """Record the errors; return a placeholder for the value."""
        ...


Read = Callable[[Received], Any]


def _path_values(exchange: Received) -> Any:
    return exchange.scope["path_params"]


def _query_values(exchange: Received) -> QueryValues:
    values = exchange.query_values
    if values is None:
        values = exchange.query_values = QueryValues(exchange.scope["query_string"])
    return values


class Kind(Struct, frozen=True):
    """What is done with the values of one source.

    Attributes:
        turn: The values of one function are read by turns, so that errors come in this order.
        noun: What messages call the source.
        values: Finds the mapping that holds the values; some have `getlist` for repeated keys.
        repeats: Whether a key may stand there several times.
        groups: Whether a class with fields may be read from there.
        in_form: Whether it is a part of a form.
        is_received: Whether it comes with the body.
    """

    turn: int
    noun: str
    values: Callable[[Received], Any]
    repeats: bool = False
    groups: bool = False
    in_form: bool = False
    is_received: bool = False


_headers, _cookies = attrgetter("connection.headers"), attrgetter("connection.cookies")
_form, _body = attrgetter("form.data"), attrgetter("decoded_body")

SOURCES: dict[Source, Kind] = {
    Source.PATH: Kind(0, "path", _path_values),
    Source.QUERY: Kind(1, "query string", _query_values, repeats=True, groups=True),
    Source.HEADER: Kind(2, "headers", _headers, repeats=True, groups=True),
    Source.COOKIE: Kind(3, "cookies", _cookies, groups=True),
    Source.BODY: Kind(4, "body", _body, is_received=True),
    Source.FORM: Kind(4, "form", _form, repeats=True, groups=True, in_form=True, is_received=True),
    Source.FILE: Kind(4, "form", _form, repeats=True, in_form=True, is_received=True),
}
