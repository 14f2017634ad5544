"""One request to an application, in-process, on an event loop that all such requests share.

For tests that send hundreds of them: `TestClient` starts a thread and an event loop for each.
"""

import asyncio
import atexit
import json
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application has sent."""

    status_code: int
    headers: dict[str, str]
    """Names in lower case; of several with one name, the last."""
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


def get(app: Any, url: str) -> Answer:
    """Send a GET request; the lifespan does not run.

    Raises:
        Exception: What the application raises to the server.
    """
    return request(app, "GET", url)


def request(app: Any, method: str, url: str, body: bytes = b"") -> Answer:
    """Send a request; the lifespan does not run."""
    path, _, query = url.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"test")],
        "server": ("test", 80),
        "scheme": "http",
        "root_path": "",
    }
    return _runner().run(_answered(app, scope, body), context=copy_context())


@cache
def _runner() -> asyncio.Runner:
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


async def _answered(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    gone = asyncio.Event()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(part["body"] for part in parts))
