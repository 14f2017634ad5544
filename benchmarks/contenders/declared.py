"""Frameworks that find dependencies in annotations: the same source, with another import."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import get_ident
from typing import Annotated, Any, cast

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from benchmarks.cases import Build, Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.work import (
    CONFLICT,
    Declare,
    Dependency,
    Middleware,
    async_chain,
    async_task,
    awaiting_chain,
    other_first,
    result,
    sync_chain,
    sync_task,
)


@dataclass(frozen=True, slots=True)
class Framework:
    """What of a framework the source below needs.

    Attributes:
        packages: Those whose versions count.
        application: Its `App` or `FastAPI`.
        router: Its `Router` or `APIRouter`.
        depends: Its `Depends`.
        http_exception: Its `HTTPException`.
        background_tasks: Its `BackgroundTasks`.
    """

    name: str
    packages: tuple[str, ...]
    application: Callable[[], Any]
    router: Callable[..., Any]
    depends: Callable[..., Any]
    http_exception: Callable[..., Exception]
    background_tasks: Any

    def contender(self) -> Contender:
        """Make the contender that takes part in all cases of the lifecycle."""
        return Contender(
            self.name,
            self.packages,
            {
                "plain": self.plain,
                "async-1": self.with_async_endpoint(async_chain, 1),
                "async-3": self.with_async_endpoint(async_chain, 3),
                "async-10": self.with_async_endpoint(async_chain, 10),
                "async-3-awaiting": self.with_async_endpoint(awaiting_chain, 3),
                "sync-3": self.sync_3,
                "sync-3-async-endpoint": self.with_async_endpoint(sync_chain, 3),
                "error-3": self.error_3,
                "middleware-3": self.middleware_3,
                "task": partial(self.with_task, async_task),
                "task-sync": partial(self.with_task, sync_task),
                "websocket": self.websocket,
                "override-3": self.override_3,
            },
        )

    def declare(self, dependency: Dependency) -> Any:
        """Declare a dependency that exits before the response is sent."""
        return self.depends(dependency, scope="function")

    def plain(self, log: Log) -> ASGIApp:
        """Open nothing."""
        app = self.application()

        @app.get("/orders")
        async def endpoint() -> dict[str, int]:
            log.append("endpoint")
            return result(0)

        return cast(ASGIApp, app)

    def with_async_endpoint(
        self, chain: Callable[[int, Log, Declare], list[Dependency]], count: int
    ) -> Build:
        """Open some dependencies for an async endpoint."""

        def build(log: Log) -> ASGIApp:
            app = self.application()
            last = chain(count, log, self.declare)[-1]

            @app.get("/orders")
            async def endpoint(value: Annotated[int, self.declare(last)]) -> dict[str, int]:
                log.append("endpoint")
                return result(value)

            return cast(ASGIApp, app)

        return build

    def sync_3(self, log: Log) -> ASGIApp:
        """Open three sync dependencies for a sync endpoint."""
        app = self.application()
        last = sync_chain(3, log, self.declare)[-1]

        @app.get("/orders")
        def endpoint(value: Annotated[int, self.declare(last)]) -> dict[str, int]:
            log.append(("endpoint", get_ident()))
            return result(value)

        return cast(ASGIApp, app)

    def error_3(self, log: Log) -> ASGIApp:
        """Raise through three async dependencies; a handler answers."""
        app = self.application()
        last = async_chain(3, log, self.declare)[-1]

        @app.get("/orders")
        async def endpoint(value: Annotated[int, self.declare(last)]) -> dict[str, int]:
            log.append("endpoint")
            raise self.http_exception(409, CONFLICT)

        @app.exception_handler(StarletteHTTPException)
        async def handler(request: Request, error: StarletteHTTPException) -> Response:
            log.append("handler")
            return JSONResponse({"detail": error.detail}, error.status_code)

        return cast(ASGIApp, app)

    def middleware_3(self, log: Log) -> ASGIApp:
        """Open three async dependencies below three middlewares."""
        app: Any = self.with_async_endpoint(async_chain, 3)(log)
        for number in (3, 2, 1):  # the last one that is added is the first one to see a request
            app.add_middleware(Middleware, number, log)
        return cast(ASGIApp, app)

    def with_task(self, make: Callable[[Log], Callable[..., Any]], log: Log) -> ASGIApp:
        """Answer, and run a task."""
        app = self.application()
        task = make(log)

        async def endpoint(tasks: Any) -> dict[str, int]:
            log.append("endpoint")
            tasks.add_task(task, 0)
            return result(0)

        endpoint.__annotations__["tasks"] = self.background_tasks
        app.get("/orders")(endpoint)
        return cast(ASGIApp, app)

    def websocket(self, log: Log) -> ASGIApp:
        """Echo one text."""
        app = self.application()
        (dependency,) = async_chain(1, log, self.declare)

        @app.websocket("/orders")
        async def endpoint(
            websocket: WebSocket, value: Annotated[int, self.declare(dependency)]
        ) -> None:
            await websocket.accept()
            log.append("endpoint")
            await websocket.send_text(await websocket.receive_text())
            await websocket.close()

        return cast(ASGIApp, app)

    def override_3(self, log: Log) -> ASGIApp:
        """Open three async dependencies, of which a test has replaced the first one."""
        app = self.application()
        first, _, last = async_chain(3, log, self.declare)

        @app.get("/orders")
        async def endpoint(value: Annotated[int, self.declare(last)]) -> dict[str, int]:
            log.append("endpoint")
            return result(value)

        app.dependency_overrides[first] = other_first(log)
        return cast(ASGIApp, app)
