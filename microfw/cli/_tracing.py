"""One request to an application in this process, traced."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import anyio
from starlette.types import Message

from microfw.applications import App
from microfw.cli._failures import CommandError
from microfw.tracing import Trace, trace_requests


def header_of(text: str) -> tuple[bytes, bytes]:
    """Read a header as it is written, `name: value`.

    Raises:
        CommandError: It is none.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandError(f"{text!r} is no header", "write -H 'name: value'")
    return name.strip().lower().encode("latin-1"), value.strip().encode()


def traced(
    app: App, method: str, target: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> list[Trace]:
    """Send a request, while the application's lifespan runs; return its trace.

    Behind it are those of what else has run meanwhile, as a queue's task may.

    Raises:
        Exception: What start-up or shutdown raises.
    """
    return anyio.run(_traced, app, _scope(method, target, headers, body), body)


async def _traced(app: App, scope: dict[str, Any], body: bytes) -> list[Trace]:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop()

    async def send(message: Message) -> None:
        pass

    with trace_requests(app) as traces:
        async with app.router.lifespan_context(app) as state:
            scope["state"] = dict(state or {})
            with suppress(Exception):  # which the trace shows
                await app(scope, receive, send)
    return sorted(traces, key=lambda trace: trace.kind != "request")


def _scope(
    method: str, target: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    own = {b"host": b"127.0.0.1:8000", b"user-agent": b"microfw"}
    if body:
        own |= {b"content-type": b"application/json", b"content-length": str(len(body)).encode()}
    given = {name for name, _ in headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [*(each for each in own.items() if each[0] not in given), *headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
