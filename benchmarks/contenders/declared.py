"""Frameworks that find dependencies in annotations: the same source, with another import."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import get_ident
from typing import Annotated, Any, cast

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.cases import Build, Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.work import (
    CONFLICT,
    Declare,
    Dependency,
    async_chain,
    awaiting_chain,
    result,
    sync_chain,
)


@dataclass(frozen=True, slots=True)
class Framework:
    """What of a framework the source below needs.

    Attributes:
        packages: Those whose versions count.
        application: Its `App` or `FastAPI`.
        depends: Its `Depends`.
        http_exception: Its `HTTPException`.
    """

    name: str
    packages: tuple[str, ...]
    application: Callable[[], Any]
    depends: Callable[..., Any]
    http_exception: Callable[..., Exception]

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
