"""How large a request may be: what an author says, and what holds the client to it."""

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from microfw._reading.receiving import PeekedReceive
from microfw.exceptions import DeclarationError, HTTPException

DEFAULT_MAX_BODY_SIZE = 16 * 1024 * 1024

_MOST_DIGITS = 20
_ALLOWANCE = "microfw.body_allowance"


class FormLimits(TypedDict, total=False):
    """What a form may hold: how many fields and files, and how many bytes a field may have.

    A file may have as many bytes as the body. What is left out stays as it is: on a route as on
    the application, there 1000 fields, 1000 files, and 1 MiB a field.
    """

    max_fields: int
    max_files: int
    max_part_size: int


class Limits(Struct, frozen=True):
    """What a request's body may be; all in bytes or pieces."""

    max_body_size: int | None = DEFAULT_MAX_BODY_SIZE
    """`None` is without limit."""
    max_fields: int = 1000
    max_files: int = 1000
    max_part_size: int = 1024 * 1024

    def changed(self, changes: Mapping[str, int | None]) -> "Limits":
        """These limits, with some of a route's own."""
        return replace(self, **cast("Any", changes)) if changes else self


def changes_of(options: Mapping[str, Any], where: str) -> dict[str, int | None]:
    """Find what options say of limits: `max_body_size` and `form_limits`.

    Args:
        options: Those of a route or an application, among others.
        where: What they were written in, for messages.

    Raises:
        DeclarationError: One is no number of bytes or pieces.
    """
    changes: dict[str, int | None] = {}
    if "max_body_size" in options:
        size = options["max_body_size"]
        if size is not None:
            _check(size, f"max_body_size={size!r}", where, "write a number of bytes, or None")
        changes["max_body_size"] = size
    form_limits: Mapping[str, object] = options.get("form_limits") or {}
    for name, limit in form_limits.items():
        if name not in FormLimits.__optional_keys__:
            known = ", ".join(sorted(FormLimits.__optional_keys__))
            raise DeclarationError(
                f"form_limits has no {name!r}", where=where, cure=f"write some of {known}"
            )
        _check(limit, f"form_limits[{name!r}]={limit!r}", where, "write a number")
        changes[name] = cast("int", limit)
    return changes


def _check(limit: object, written: str, where: str, cure: str) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise DeclarationError(f"{written} is no limit", where=where, cure=f"{cure}, from 0 on")


class ContentTooLargeError(HTTPException):
    """The body is larger than allowed; answered with 413 (RFC 9110, section 15.5.14)."""

    def __init__(self) -> None:
        super().__init__(413, "Content Too Large")


class BodyLimit:
    """A `receive` that raises as soon as it is known that the body is too large.

    Attributes:
        receive: What it receives by.
        max_size: Bytes; `None` is without limit.

    Raises:
        ContentTooLargeError: `Content-Length` says so, before anything is received; or what has
            come so far is too much.
    """

    __slots__ = ("_received", "_scope", "max_size", "receive")

    def __init__(self, scope: Scope, receive: Receive, max_size: int | None) -> None:
        self._scope = scope
        self.receive = receive
        self._received = 0
        self.max_size = max_size

    async def __call__(self) -> Message:
        self._begin()
        message = await self.receive()
        self._count(message)
        return message

    async def receive_whole(self) -> bytes:
        """Receive the body to its end.

        Raises:
            ClientDisconnect: The client has gone.
        """
        self._begin()
        parts: list[bytes] = []
        has_more = True
        while has_more:
            message = await self.receive()
            self._count(message)
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            has_more = message.get("more_body", False)
        return b"".join(parts)

    def _begin(self) -> None:
        max_size = self.max_size
        if max_size is not None and not self._received and _declared_size(self._scope) > max_size:
            raise ContentTooLargeError

    def _count(self, message: Message) -> None:
        max_size = self.max_size
        if max_size is not None:
            self._received += len(message.get("body", b""))
            if self._received > max_size:
                raise ContentTooLargeError


def _declared_size(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            digits = value.lstrip(b"0")[:_MOST_DIGITS]  # so many say that it is too large
            return int(digits) if digits.isdigit() else 0
    return 0


# ---------------------------------------------------------------------- around routes


class _Allowance:
    """What an application lets through; the route, once it is found, may say otherwise."""

    __slots__ = ("max_size",)

    def __init__(self, max_size: int | None) -> None:
        self.max_size = max_size


class OuterLimit:
    """Holds to the limit what is not microfw's: middleware, Starlette's routes, mounted apps.

    Its `receive` and `send` take the place of the server's. Once the response has started, who
    receives only waits for the client to go away, and is let through.
    """

    __slots__ = ("_allowance", "_limit", "_receive", "_scope", "_send", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_size: int | None) -> None:
        allow(scope, max_size)
        self._allowance: _Allowance = scope.setdefault(_ALLOWANCE, _Allowance(max_size))
        self._scope = scope
        self._receive: Receive | PeekedReceive = receive
        self._limit: BodyLimit | None = None  # until somebody receives
        self._send = send
        self.started = False

    async def receive(self) -> Message:
        limit = self._limit
        if limit is None:
            limit = self._limit = BodyLimit(self._scope, self._peeked(), None)
        limit.max_size = None if self.started else self._allowance.max_size
        return await limit()

    async def has_left(self) -> bool:
        """Whether the server has reported that the client has gone."""
        return await self._peeked().has_left()

    def _peeked(self) -> PeekedReceive:
        if not isinstance(self._receive, PeekedReceive):
            self._receive = PeekedReceive(self._receive)
        return self._receive

    async def send(self, message: Message) -> None:
        self.started = True
        await self._send(message)

    def redirect(self, send: Send) -> Send:
        """Have another function send from now on; return the one before."""
        before, self._send = self._send, send
        return before


def allow(scope: Scope, max_size: int | None) -> None:
    """Have the limits around a route, if there are any, let through what the route does."""
    allowance = scope.get(_ALLOWANCE)
    if allowance is not None:
        allowance.max_size = max_size
