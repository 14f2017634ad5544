"""Frameworks that find dependencies in annotations: the same source, with another import."""

from collections.abc import Callable
from threading import get_ident
from typing import Annotated, Any

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.cases import Build, Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.work import (
    CONFLICT,
    Dependency,
    async_chain,
    awaiting_chain,
    result,
    sync_chain,
)


def declared(
    name: str,
    packages: tuple[str, ...],
    application: Callable[..., Any],
    depends: Callable[..., Any],
    http_exception: Callable[..., Exception],
) -> Contender:
    """Make the contender for a framework.

    Args:
        name: What it is called.
        packages: Those whose versions count.
        application: Its `App` or `FastAPI`.
        depends: Its `Depends`.
        http_exception: Its `HTTPException`.
    """

    def declare(dependency: Dependency) -> Any:
        return depends(dependency, scope="function")

    def plain(log: Log) -> ASGIApp:
        app = application()

        @app.get("/orders")
        async def endpoint() -> dict[str, int]:
            log.append("endpoint")
            return result(0)

        return app

    def with_async_endpoint(
        chain: Callable[[int, Log, Callable[[Dependency], Any]], list[Dependency]], count: int
    ) -> Build:
        def build(log: Log) -> ASGIApp:
            app = application()
            last = chain(count, log, declare)[-1]

            @app.get("/orders")
            async def endpoint(value: Annotated[int, declare(last)]) -> dict[str, int]:
                log.append("endpoint")
                return result(value)

            return app

        return build

    def sync_3(log: Log) -> ASGIApp:
        app = application()
        last = sync_chain(3, log, declare)[-1]

        @app.get("/orders")
        def endpoint(value: Annotated[int, declare(last)]) -> dict[str, int]:
            log.append(("endpoint", get_ident()))
            return result(value)

        return app

    def error_3(log: Log) -> ASGIApp:
        app = application()
        last = async_chain(3, log, declare)[-1]

        @app.get("/orders")
        async def endpoint(value: Annotated[int, declare(last)]) -> dict[str, int]:
            log.append("endpoint")
            raise http_exception(409, CONFLICT)

        @app.exception_handler(StarletteHTTPException)
        async def handler(request: Request, error: StarletteHTTPException) -> Response:
            log.append("handler")
            return JSONResponse({"detail": error.detail}, error.status_code)

        return app

    return Contender(
        name,
        packages,
        {
            "plain": plain,
            "async-1": with_async_endpoint(async_chain, 1),
            "async-3": with_async_endpoint(async_chain, 3),
            "async-10": with_async_endpoint(async_chain, 10),
            "async-3-awaiting": with_async_endpoint(awaiting_chain, 3),
            "sync-3": sync_3,
            "sync-3-async-endpoint": with_async_endpoint(sync_chain, 3),
            "error-3": error_3,
        },
    )
