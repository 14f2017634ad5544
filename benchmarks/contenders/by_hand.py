"""Plain Starlette: endpoints whose blocks are written by hand."""

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from benchmarks.cases import Build, Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders import blocks
from benchmarks.work import Middleware as NumberedMiddleware
from benchmarks.work import async_chain, async_task, result, sync_task


class MsgspecResponse(Response):
    """What those write who know that JSON can be made faster."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content."""
        return msgspec.json.encode(content)


@dataclass(frozen=True, slots=True)
class ByHand:
    """Somebody who writes Starlette endpoints.

    Attributes:
        packages: Those whose versions count.
        response: What makes an answer of its content.
    """

    name: str
    packages: tuple[str, ...]
    response: Callable[..., Response]

    def contender(self) -> Contender:
        """Make the contender."""
        builders = {name: partial(self.build, name) for name in blocks.ENDPOINTS}
        own: dict[str, Build] = {
            "task": partial(self.with_task, async_task),
            "task-sync": partial(self.with_task, sync_task),
            "websocket": self.websocket,
        }
        return Contender(self.name, self.packages, builders | own)

    def build(self, case: str, log: Log) -> ASGIApp:
        """Make the application for a case whose endpoint is in `blocks`."""

        async def handler(request: Request, error: Exception) -> Response:
            assert isinstance(error, HTTPException)
            log.append("handler")
            return self.response({"detail": error.detail}, error.status_code)

        numbers = (1, 2, 3) if case == "middleware-3" else ()
        return Starlette(
            routes=[Route("/orders", blocks.ENDPOINTS[case](log, self.response))],
            middleware=[Middleware(NumberedMiddleware, number, log) for number in numbers],
            exception_handlers={HTTPException: handler} if case == "error-3" else None,
        )

    def with_task(self, make: Callable[[Log], Callable[..., Any]], log: Log) -> ASGIApp:
        """Answer, and run a task."""
        task = make(log)

        async def endpoint(request: Request) -> Response:
            log.append("endpoint")
            return self.response(result(0), background=BackgroundTask(task, 0))

        return Starlette(routes=[Route("/orders", endpoint)])

    def websocket(self, log: Log) -> ASGIApp:
        """Echo one text."""
        (open_1,) = map(asynccontextmanager, async_chain(1, log))

        async def endpoint(websocket: WebSocket) -> None:
            async with open_1():
                await websocket.accept()
                log.append("endpoint")
                await websocket.send_text(await websocket.receive_text())
                await websocket.close()

        return Starlette(routes=[WebSocketRoute("/orders", endpoint)])


BY_HAND = ByHand("by hand", ("starlette", "anyio"), JSONResponse).contender()
BY_HAND_WITH_MSGSPEC = ByHand(
    "by hand, msgspec", ("starlette", "anyio", "msgspec"), MsgspecResponse
).contender()
