"""The work: the dependencies that every contender opens, and what its endpoint answers.

Each dependency takes the value of the one before it. All contenders share these functions, so what
differs is who opens them. A framework finds in the annotation what it is to fill in; by hand they
are called with the value.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from threading import get_ident
from typing import Annotated, Any

from benchmarks.client import ASGIApp, Log, Message, Receive, Send

Dependency = Callable[..., Any]
Declare = Callable[[Dependency], Any]
"""Makes what stands in `Annotated` for a dependency: the framework's `Depends`."""


def by_hand(_: Dependency) -> None:
    """Declare nothing: whoever calls a dependency passes the value."""


def result(value: int) -> dict[str, int]:
    """Make what the endpoint returns, from the value of the last dependency."""
    return {"value": value, "answer": 42}


CONFLICT = "somebody else was quicker"

TEXT = "how are you"
"""What is echoed."""

OTHER_FIRST = 11
"""What a test has in place of the first dependency of a chain: its number and its value."""


def async_chain(count: int, log: Log, declare: Declare = by_hand) -> list[Dependency]:
    """Make async yield dependencies whose exit code does not await."""
    return _chain(_first_async, _next_async, count, log, declare)


def awaiting_chain(count: int, log: Log, declare: Declare = by_hand) -> list[Dependency]:
    """Make async yield dependencies whose exit code awaits."""
    return _chain(_first_awaiting, _next_awaiting, count, log, declare)


def sync_chain(count: int, log: Log, declare: Declare = by_hand) -> list[Dependency]:
    """Make sync yield dependencies."""
    return _chain(_first_sync, _next_sync, count, log, declare)


def other_first(log: Log) -> Dependency:
    """Make what replaces the first dependency of an async chain in a test."""
    return _first_async(log, OTHER_FIRST)


def async_task(log: Log) -> Callable[[int], Awaitable[None]]:
    """Make a background task for the event loop."""

    async def task(value: int) -> None:
        log.append("task")

    return task


def sync_task(log: Log) -> Callable[[int], None]:
    """Make a background task for a worker thread."""

    def task(value: int) -> None:
        log.append(("task", get_ident()))

    return task


class Middleware:
    """A pure ASGI middleware that adds a header, the same for all."""

    def __init__(self, app: ASGIApp, number: int, log: Log) -> None:
        self._app = app
        self._header = (b"x-middleware-%d" % number, b"seen")
        self._into = f"into middleware {number}"
        self._out_of = f"out of middleware {number}"
        self._log = log

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer as the application does, with one more header."""
        self._log.append(self._into)

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._header]
            await send(message)

        await self._app(scope, receive, send_with_header)
        self._log.append(self._out_of)


def _chain(
    first: Callable[[Log], Dependency],
    following: Callable[[Log, int, Any], Dependency],
    count: int,
    log: Log,
    declare: Declare,
) -> list[Dependency]:
    chain = [first(log)]
    for number in range(2, count + 1):
        chain.append(following(log, number, declare(chain[-1])))
    return chain


def _first_async(log: Log, number: int = 1) -> Dependency:
    setup, error, leave = _words(number)

    async def dependency() -> AsyncIterator[int]:
        log.append(setup)
        try:
            yield number
        except Exception:
            log.append(error)
            raise
        finally:
            log.append(leave)

    return dependency


def _next_async(log: Log, number: int, before: Any) -> Dependency:
    setup, error, leave = _words(number)

    async def dependency(value: Annotated[int, before]) -> AsyncIterator[int]:
        log.append(setup)
        try:
            yield value + 1
        except Exception:
            log.append(error)
            raise
        finally:
            log.append(leave)

    return dependency


def _first_awaiting(log: Log) -> Dependency:
    async def dependency() -> AsyncIterator[int]:
        log.append("setup 1")
        try:
            yield 1
        except Exception:
            log.append("error 1")
            raise
        finally:
            await asyncio.sleep(0)
            log.append("exit 1")

    return dependency


def _next_awaiting(log: Log, number: int, before: Any) -> Dependency:
    setup, error, leave = _words(number)

    async def dependency(value: Annotated[int, before]) -> AsyncIterator[int]:
        log.append(setup)
        try:
            yield value + 1
        except Exception:
            log.append(error)
            raise
        finally:
            await asyncio.sleep(0)
            log.append(leave)

    return dependency


def _first_sync(log: Log) -> Dependency:
    def dependency() -> Iterator[int]:
        log.append(("setup 1", get_ident()))
        try:
            yield 1
        except Exception:
            log.append(("error 1", get_ident()))
            raise
        finally:
            log.append(("exit 1", get_ident()))

    return dependency


def _next_sync(log: Log, number: int, before: Any) -> Dependency:
    setup, error, leave = _words(number)

    def dependency(value: Annotated[int, before]) -> Iterator[int]:
        log.append((setup, get_ident()))
        try:
            yield value + 1
        except Exception:
            log.append((error, get_ident()))
            raise
        finally:
            log.append((leave, get_ident()))

    return dependency


def _words(number: int) -> tuple[str, str, str]:
    return f"setup {number}", f"error {number}", f"exit {number}"
