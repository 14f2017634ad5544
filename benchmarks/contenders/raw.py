"""The floor: an ASGI callable for one path, with the same blocks and nothing else."""

import inspect
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from anyio import to_thread
from starlette.exceptions import HTTPException

from benchmarks.cases import Build, Contender
from benchmarks.client import ASGIApp, Log, Message, Receive, Send
from benchmarks.contenders import blocks
from benchmarks.work import Middleware, async_chain, async_task, sync_task

NOT_FOUND = ({"type": "http.response.start", "status": 404}, {"type": "http.response.body"})


def respond(content: Any, status: int = 200) -> tuple[Message, Message]:
    """Make the two messages of an answer in JSON."""
    body = msgspec.json.encode(content)
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def build(case: str, log: Log) -> ASGIApp:
    """Make the application for a case whose endpoint is in `blocks`."""
    endpoint = blocks.ENDPOINTS[case](log, respond)
    app = _awaiting(endpoint) if inspect.iscoroutinefunction(endpoint) else _in_thread(endpoint)
    if case == "error-3":
        return _with_handler(endpoint, log)
    if case == "middleware-3":
        for number in (3, 2, 1):
            app = Middleware(app, number, log)
    return app


def _awaiting(endpoint: blocks.Endpoint) -> ASGIApp:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        found = scope["path"] == "/orders" and scope["method"] == "GET"
        start, body = await endpoint(None) if found else NOT_FOUND
        await send(start)
        await send(body)

    return app


def _in_thread(endpoint: blocks.Endpoint) -> ASGIApp:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        found = scope["path"] == "/orders" and scope["method"] == "GET"
        start, body = await to_thread.run_sync(endpoint, None) if found else NOT_FOUND
        await send(start)
        await send(body)

    return app


def _with_handler(endpoint: blocks.Endpoint, log: Log) -> ASGIApp:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        found = scope["path"] == "/orders" and scope["method"] == "GET"
        try:
            start, body = await endpoint(None) if found else NOT_FOUND
        except HTTPException as error:
            log.append("handler")
            start, body = respond({"detail": error.detail}, error.status_code)
        await send(start)
        await send(body)

    return app


def with_async_task(log: Log) -> ASGIApp:
    """Answer, and await a task."""
    task = async_task(log)
    answering = _awaiting(blocks.plain(log, respond))

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await answering(scope, receive, send)
        await task(0)

    return app


def with_sync_task(log: Log) -> ASGIApp:
    """Answer, and run a task in a thread."""
    task = sync_task(log)
    answering = _awaiting(blocks.plain(log, respond))

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await answering(scope, receive, send)
        await to_thread.run_sync(task, 0)

    return app


def websocket(log: Log) -> ASGIApp:
    """Echo one text."""
    (open_1,) = map(asynccontextmanager, async_chain(1, log))

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] != "/orders":
            await send({"type": "websocket.close", "code": 1000})
            return
        async with open_1():
            await send({"type": "websocket.accept"})
            log.append("endpoint")
            message = await receive()
            await send({"type": "websocket.send", "text": message["text"]})
            await send({"type": "websocket.close", "code": 1000})

    return app


BUILDERS: dict[str, Build] = {
    **{name: partial(build, name) for name in blocks.ENDPOINTS},
    "task": with_async_task,
    "task-sync": with_sync_task,
    "websocket": websocket,
}

RAW = Contender("raw ASGI", ("anyio", "msgspec"), BUILDERS)
