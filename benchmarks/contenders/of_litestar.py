# pyright: reportMissingImports=false
# Litestar is in the extra "bench", which the checks do without.
"""Litestar: dependencies are provided beside the route, by the name of a parameter.

It has no part in sync cases (it leaves several sync dependencies at the same time, each in a thread
of its own), nor in the one with an exception (which it throws into the dependency first that was
entered first), nor in overrides, which it has none of.
"""

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any, cast

from litestar import Litestar, WebSocket, get, websocket
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency, Provide
from litestar.middleware import DefineMiddleware
from litestar.response import Response

from benchmarks.cases import Build, Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.work import (
    Dependency,
    Middleware,
    async_chain,
    async_task,
    awaiting_chain,
    result,
    sync_task,
)


def plain(log: Log) -> ASGIApp:
    """Open nothing."""

    @get("/orders")
    async def endpoint() -> dict[str, int]:
        log.append("endpoint")
        return result(0)

    return _application(endpoint)


def with_dependencies(
    chain: Callable[[int, Log], list[Dependency]], count: int, log: Log, around: int = 0
) -> ASGIApp:
    """Open some dependencies, below some middlewares."""

    @get("/orders", dependencies=_provided(chain(count, log)))
    async def endpoint(value: NamedDependency[int]) -> dict[str, int]:
        log.append("endpoint")
        return result(value)

    define: Any = DefineMiddleware  # is typed for ASGI types of Litestar's own
    numbers = range(1, around + 1)
    return _application(endpoint, [define(Middleware, number=each, log=log) for each in numbers])


def _provided(chain: list[Dependency]) -> dict[str, Any]:
    """Provide the last one as `value`, and each to the next one by a name of its own."""
    names = [f"value_{number}" for number in range(1, len(chain))] + ["value"]
    functions = [chain[0], *map(_taking, names[:-1], chain[1:])]
    return {name: Provide(each) for name, each in zip(names, functions, strict=True)}


def _taking(name: str, dependency: Dependency) -> Dependency:
    """Make the same function with another name of its parameter."""
    original = cast(FunctionType, dependency)
    names = (name, *original.__code__.co_varnames[1:])
    code = original.__code__.replace(co_varnames=names)
    renamed = FunctionType(
        code, original.__globals__, name, original.__defaults__, original.__closure__
    )
    renamed.__annotations__ = original.__annotations__ | {name: NamedDependency[int]}
    del renamed.__annotations__["value"]
    return renamed


def with_task(make: Callable[[Log], Callable[..., Any]], log: Log) -> ASGIApp:
    """Answer, and run a task."""
    task = make(log)

    @get("/orders")
    async def endpoint() -> Response[dict[str, int]]:
        log.append("endpoint")
        return Response(result(0), background=BackgroundTask(task, 0))

    return _application(endpoint)


def with_websocket(log: Log) -> ASGIApp:
    """Echo one text."""

    @websocket("/orders", dependencies=_provided(async_chain(1, log)))
    async def endpoint(socket: WebSocket[Any, Any, Any], value: NamedDependency[int]) -> None:
        await socket.accept()
        log.append("endpoint")
        await socket.send_text(await socket.receive_text())
        await socket.close()

    return _application(endpoint)


def _application(endpoint: Any, middleware: list[Any] | None = None) -> ASGIApp:
    app: Any = Litestar([endpoint], middleware=middleware, openapi_config=None, logging_config=None)
    return cast(ASGIApp, app)


BUILDERS: dict[str, Build] = {
    "plain": plain,
    "async-1": partial(with_dependencies, async_chain, 1),
    "async-3": partial(with_dependencies, async_chain, 3),
    "async-10": partial(with_dependencies, async_chain, 10),
    "async-3-awaiting": partial(with_dependencies, awaiting_chain, 3),
    "middleware-3": partial(with_dependencies, async_chain, 3, around=3),
    "task": partial(with_task, async_task),
    "task-sync": partial(with_task, sync_task),
    "websocket": with_websocket,
}

LITESTAR = Contender("Litestar", ("litestar", "msgspec"), BUILDERS)
