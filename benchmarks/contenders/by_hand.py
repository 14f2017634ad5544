"""Plain Starlette: the blocks that a framework would save its author, written by hand."""

import sys
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import get_ident
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases import Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.work import CONFLICT, async_chain, awaiting_chain, result, sync_chain


def plain(log: Log) -> ASGIApp:
    """Open nothing."""

    async def endpoint(request: Request) -> Response:
        log.append("endpoint")
        return JSONResponse(result(0))

    return _app(endpoint)


def async_1(log: Log) -> ASGIApp:
    """Open one async dependency."""
    (open_1,) = map(asynccontextmanager, async_chain(1, log))

    async def endpoint(request: Request) -> Response:
        async with open_1() as value:
            log.append("endpoint")
            return JSONResponse(result(value))

    return _app(endpoint)


def async_3(log: Log) -> ASGIApp:
    """Open three async dependencies."""
    open_1, open_2, open_3 = map(asynccontextmanager, async_chain(3, log))

    async def endpoint(request: Request) -> Response:
        async with open_1() as one:
            async with open_2(one) as two:
                async with open_3(two) as value:
                    log.append("endpoint")
                    return JSONResponse(result(value))

    return _app(endpoint)


def async_10(log: Log) -> ASGIApp:
    """Open ten async dependencies."""
    chain = map(asynccontextmanager, async_chain(10, log))
    open_1, open_2, open_3, open_4, open_5, open_6, open_7, open_8, open_9, open_10 = chain

    async def endpoint(request: Request) -> Response:
        async with open_1() as one:
            async with open_2(one) as two:
                async with open_3(two) as three:
                    async with open_4(three) as four:
                        async with open_5(four) as five:
                            async with open_6(five) as six:
                                async with open_7(six) as seven:
                                    async with open_8(seven) as eight:
                                        async with open_9(eight) as nine:
                                            async with open_10(nine) as value:
                                                log.append("endpoint")
                                                return JSONResponse(result(value))

    return _app(endpoint)


def async_3_awaiting(log: Log) -> ASGIApp:
    """Open three async dependencies whose exit code awaits; nothing shields it."""
    open_1, open_2, open_3 = map(asynccontextmanager, awaiting_chain(3, log))

    async def endpoint(request: Request) -> Response:
        async with open_1() as one:
            async with open_2(one) as two:
                async with open_3(two) as value:
                    log.append("endpoint")
                    return JSONResponse(result(value))

    return _app(endpoint)


def sync_3(log: Log) -> ASGIApp:
    """Open three sync dependencies in the one thread call that Starlette makes for `endpoint`."""
    open_1, open_2, open_3 = map(contextmanager, sync_chain(3, log))

    def endpoint(request: Request) -> Response:
        with open_1() as one:
            with open_2(one) as two:
                with open_3(two) as value:
                    log.append(("endpoint", get_ident()))
                    return JSONResponse(result(value))

    return _app(endpoint)


def sync_3_async_endpoint(log: Log) -> ASGIApp:
    """Open three sync dependencies in one thread call, and close them in another."""
    open_1, open_2, open_3 = map(contextmanager, sync_chain(3, log))

    @contextmanager
    def opened() -> Iterator[int]:
        with open_1() as one:
            with open_2(one) as two:
                with open_3(two) as value:
                    yield value

    async def endpoint(request: Request) -> Response:
        block = opened()
        value = await run_in_threadpool(block.__enter__)
        try:
            log.append("endpoint")
            response = JSONResponse(result(value))
        except BaseException:
            if not await run_in_threadpool(block.__exit__, *sys.exc_info()):
                raise
            raise RuntimeError("there is nothing to answer with") from None
        await run_in_threadpool(block.__exit__, None, None, None)
        return response

    return _app(endpoint)


def error_3(log: Log) -> ASGIApp:
    """Raise through three async dependencies; a handler answers."""
    open_1, open_2, open_3 = map(asynccontextmanager, async_chain(3, log))

    async def endpoint(request: Request) -> Response:
        async with open_1() as one:
            async with open_2(one) as two:
                async with open_3(two):
                    log.append("endpoint")
                    raise HTTPException(409, CONFLICT)
        raise RuntimeError("there is nothing to answer with")

    async def handler(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        log.append("handler")
        return JSONResponse({"detail": error.detail}, error.status_code)

    return _app(endpoint, {HTTPException: handler})


def _app(
    endpoint: Callable[[Request], Any], exception_handlers: dict[Any, Any] | None = None
) -> ASGIApp:
    routes = [Route("/orders", endpoint)]
    return Starlette(routes=routes, exception_handlers=exception_handlers)


BY_HAND = Contender(
    "by hand",
    ("starlette", "anyio"),
    {
        "plain": plain,
        "async-1": async_1,
        "async-3": async_3,
        "async-10": async_10,
        "async-3-awaiting": async_3_awaiting,
        "sync-3": sync_3,
        "sync-3-async-endpoint": sync_3_async_endpoint,
        "error-3": error_3,
    },
)
