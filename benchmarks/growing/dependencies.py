"""More and more dependencies, in a chain and in diamonds."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Any, cast

from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases import SENT, Build, Case
from benchmarks.client import ASGIApp, Log, Request, json_answer
from benchmarks.contenders.declared import Framework
from benchmarks.growing.points import Question
from benchmarks.work import async_chain, result

COUNTS = (1, 3, 10, 30, 100, 300)
DEPTHS = (1, 2, 5, 10, 20, 30)
DEEPEST = {"FastAPI": 10}
"""Who cannot go as deep as the others: it walks through each path, and there are 2 ** depth."""


def questions(
    frameworks: Sequence[Framework],
    counts: Sequence[int] = COUNTS,
    depths: Sequence[int] = DEPTHS,
) -> Iterator[Question]:
    """Ask for what opens chains, then diamonds."""
    for count in counts:
        builders: dict[str, Build] = {
            each.name: each.with_async_endpoint(async_chain, count) for each in frameworks
        }
        builders["by hand"] = partial(by_hand, count)
        case = _case("chain", count)
        yield Question("a chain of dependencies", "dependencies", count, case, builders)
    for depth in depths:
        builders = {
            each.name: partial(diamonds, each, depth)
            for each in frameworks
            if depth <= DEEPEST.get(each.name, depth)
        }
        builders["by hand"] = partial(by_hand, depth + 1)
        case = _case("diamonds", depth + 1)
        yield Question("diamonds on top of each other", "depth", depth, case, builders)


def _case(name: str, count: int) -> Case:
    setup = [f"setup {number}" for number in range(1, count + 1)]
    leave = [f"exit {number}" for number in range(count, 0, -1)]
    events = (*setup, "endpoint", *leave, *SENT)
    return Case(f"{name}-{count}", "", Request("/orders"), json_answer(result(count)), events)


def by_hand(count: int, log: Log) -> ASGIApp:
    """Open them in a loop: that many blocks cannot be nested in one function."""
    first, *others = map(asynccontextmanager, async_chain(count, log))

    async def endpoint(request: StarletteRequest) -> Response:
        async with AsyncExitStack() as stack:
            value = await stack.enter_async_context(first())
            for opened in others:
                value = await stack.enter_async_context(opened(value))
            log.append("endpoint")
            return JSONResponse(result(value))

    return Starlette(routes=[Route("/orders", endpoint)])


def diamonds(framework: Framework, depth: int, log: Log) -> ASGIApp:
    """Declare dependencies of which each uses the one before it twice."""
    last: Callable[..., Any] = async_chain(1, log)[0]
    for number in range(2, depth + 2):
        last = _twice(framework, last, number, log)
    app = framework.application()

    @app.get("/orders")
    async def endpoint(value: Annotated[int, framework.declare(last)]) -> dict[str, int]:
        log.append("endpoint")
        return result(value)

    return cast(ASGIApp, app)


def _twice(
    framework: Framework, before: Callable[..., Any], number: int, log: Log
) -> Callable[..., Any]:
    async def dependency(
        left: Annotated[int, framework.declare(before)],
        right: Annotated[int, framework.declare(before)],
    ) -> AsyncIterator[int]:
        log.append(f"setup {number}")
        yield max(left, right) + 1
        log.append(f"exit {number}")

    return dependency
