"""The blocks that a framework would save its author, written by hand.

Each function makes an endpoint for those who have nothing that opens dependencies: it is called
with the request, which it has no need of, and returns what `respond` makes of its content.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import get_ident
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from benchmarks.client import Log
from benchmarks.work import (
    CONFLICT,
    Dependency,
    async_chain,
    awaiting_chain,
    result,
    sync_chain,
)

Respond = Callable[[Any], Any]
"""Makes a response with this content."""

Endpoint = Callable[[Any], Any]


def plain(log: Log, respond: Respond) -> Endpoint:
    """Open nothing."""

    async def endpoint(request: Any) -> Any:
        log.append("endpoint")
        return respond(result(0))

    return endpoint


def async_1(log: Log, respond: Respond) -> Endpoint:
    """Open one async dependency."""
    (open_1,) = map(asynccontextmanager, async_chain(1, log))

    async def endpoint(request: Any) -> Any:
        async with open_1() as value:
            log.append("endpoint")
            return respond(result(value))

    return endpoint


def async_3(log: Log, respond: Respond) -> Endpoint:
    """Open three async dependencies."""
    return _three(async_chain(3, log), log, respond)


def async_3_awaiting(log: Log, respond: Respond) -> Endpoint:
    """Open three async dependencies whose exit code awaits; nothing shields it."""
    return _three(awaiting_chain(3, log), log, respond)


def _three(chain: list[Dependency], log: Log, respond: Respond) -> Endpoint:
    open_1, open_2, open_3 = map(asynccontextmanager, chain)

    async def endpoint(request: Any) -> Any:
        async with open_1() as one:
            async with open_2(one) as two:
                async with open_3(two) as value:
                    log.append("endpoint")
                    return respond(result(value))

    return endpoint


def async_10(log: Log, respond: Respond) -> Endpoint:
    """Open ten async dependencies."""
    chain = map(asynccontextmanager, async_chain(10, log))
    open_1, open_2, open_3, open_4, open_5, open_6, open_7, open_8, open_9, open_10 = chain

    async def endpoint(request: Any) -> Any:
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
                                                return respond(result(value))

    return endpoint


def sync_3(log: Log, respond: Respond) -> Endpoint:
    """Open three sync dependencies; all of it is one thread call."""
    open_1, open_2, open_3 = map(contextmanager, sync_chain(3, log))

    def endpoint(request: Any) -> Any:
        with open_1() as one:
            with open_2(one) as two:
                with open_3(two) as value:
                    log.append(("endpoint", get_ident()))
                    return respond(result(value))

    return endpoint


def sync_3_async_endpoint(log: Log, respond: Respond) -> Endpoint:
    """Open three sync dependencies in one thread call, and close them in another."""
    open_1, open_2, open_3 = map(contextmanager, sync_chain(3, log))

    @contextmanager
    def opened() -> Iterator[int]:
        with open_1() as one:
            with open_2(one) as two:
                with open_3(two) as value:
                    yield value

    async def endpoint(request: Any) -> Any:
        block = opened()
        value = await run_in_threadpool(block.__enter__)
        try:
            log.append("endpoint")
            response = respond(result(value))
        except BaseException:
            if not await run_in_threadpool(block.__exit__, *sys.exc_info()):
                raise
            raise RuntimeError("there is nothing to answer with") from None
        await run_in_threadpool(block.__exit__, None, None, None)
        return response

    return endpoint


def error_3(log: Log, respond: Respond) -> Endpoint:
    """Raise through three async dependencies."""
    open_1, open_2, open_3 = map(asynccontextmanager, async_chain(3, log))

    async def endpoint(request: Any) -> Any:
        async with open_1() as one:
            async with open_2(one) as two:
                async with open_3(two):
                    log.append("endpoint")
                    raise HTTPException(409, CONFLICT)
        raise RuntimeError("there is nothing to answer with")

    return endpoint


ENDPOINTS = {
    "plain": plain,
    "async-1": async_1,
    "async-3": async_3,
    "async-10": async_10,
    "async-3-awaiting": async_3_awaiting,
    "sync-3": sync_3,
    "sync-3-async-endpoint": sync_3_async_endpoint,
    "error-3": error_3,
    "middleware-3": async_3,
}
"""By case; those with tasks or a WebSocket are written by the contenders themselves."""
