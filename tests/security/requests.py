"""Requests to schemes alone, and to an application that is protected by one."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Message

from microfw import HTTPException
from microfw.security.base import SecurityScheme


@dataclass(frozen=True)
class Refusal:
    """What a scheme raises instead of returning credentials."""

    status_code: int
    detail: str
    challenge: str | None


def refusal(detail: str, challenge: str) -> Refusal:
    return Refusal(401, detail, challenge)


def http_scope(
    headers: Sequence[tuple[bytes, bytes]] = (), query: bytes = b"", path: str = "/"
) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query,
        "headers": list(headers),
        "server": ("test", 80),
        "client": ("test", 1),
        "http_version": "1.1",
    }


async def ask(
    scheme: SecurityScheme[Any],
    *authorization: str | bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    query: bytes = b"",
) -> Any:
    """Give a scheme one request: what it returns, or its refusal.

    Args:
        scheme: The scheme.
        *authorization: Values of `Authorization` headers.
        headers: Other headers.
        query: The query string.
    """
    values = [each.encode("latin-1") if isinstance(each, str) else each for each in authorization]
    sent = [*headers, *((b"authorization", value) for value in values)]
    try:
        return await scheme(HTTPConnection(http_scope(sent, query)))
    except HTTPException as error:
        headers_of_error = dict(error.headers or {})
        challenge = headers_of_error.pop("WWW-Authenticate", None)
        assert not headers_of_error
        return Refusal(error.status_code, error.detail, challenge)


@dataclass(frozen=True)
class Answer:
    """What an application sends."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(
    app: Any, path: str, headers: Sequence[tuple[bytes, bytes]] = (), query: bytes = b""
) -> Answer:
    """Send a request whose bytes no client would let pass."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(http_scope(headers, query, path), receive, send))
    start, *rest = sent
    return Answer(
        start["status"],
        {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in rest),
    )
