"""Forms as a client sends them, in chunks, and a client that does so."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anyio

from tests.lifecycle.programs import Answer, Log

MULTIPART = {"content-type": "multipart/form-data; boundary=border"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
ON_DISK = 2 * 1024 * 1024
"""The size of a file that is not kept in memory."""


def part(name: str, content: str | bytes, filename: str | None = None) -> bytes:
    """Write one field or file of a form."""
    data = content.encode() if isinstance(content, str) else content
    head = f'--border\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"\r\nContent-Type: text/plain'
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    """Write a form."""
    return b"".join((*parts, b"--border--\r\n"))


def chunks_of(data: bytes, size: int = 64 * 1024) -> list[bytes]:
    """Cut what is sent into what arrives."""
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


async def upload(
    app: Any,
    chunks: Iterable[bytes],
    *,
    path: str = "/",
    headers: Mapping[str, str] = MULTIPART,
    log: Log | None = None,
    on_receive: Callable[[], object] = lambda: None,
) -> Answer:
    """Send chunk by chunk as the application asks for them; then wait for it to answer.

    Each chunk that is asked for is written down.
    """
    answer = Answer()
    write = log if log is not None else Log()
    pending = list(chunks)

    async def receive() -> dict[str, Any]:
        if not pending:
            await anyio.sleep_forever()
        write("chunk")
        on_receive()
        body = pending.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(pending)}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert answer.status is None, "a second response was started"
            write(f"sends {message['status']}")
            answer.status = message["status"]
        else:
            answer.body += message["body"]

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    with anyio.fail_after(5):
        try:
            await app(scope, receive, send)
        except Exception as error:
            answer.raised = error
    return answer
