"""Long chains and wide diamonds: neither the depth nor the width of a graph is a limit."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from microfw.dependencies import (
    AppValues,
    Cleanup,
    CompiledPlan,
    DependencyScope,
    Depends,
    PlainRun,
)
from tests.dependencies.execution import execute, handler_of, plan_of

LENGTH = 300
MIXES = {
    "async": "a",
    "async and suspending": "as",
    "threads": "t",
    "neighbours in threads": "ttta",
    "more neighbours than one function nests": "t" * 27 + "s",
    "event loop": "l",
    "all": "atsltts",
}


def suspending(log: list[Any], number: int, below: Any) -> Callable[..., Any]:
    async def dependency(below: Any = below) -> Any:
        log.append(number)
        await checkpoint()
        try:
            yield number
        except BaseException as error:
            log.append((error, number))
            raise
        else:
            await checkpoint()
            log.append(-number)

    return dependency


def quick(log: list[Any], number: int, below: Any) -> Callable[..., Any]:
    async def dependency(below: Any = below) -> Any:
        log.append(number)
        try:
            yield number
        except BaseException as error:
            log.append((error, number))
            raise
        else:
            log.append(-number)

    return dependency


def sync(log: list[Any], number: int, below: Any) -> Callable[..., Any]:
    def dependency(below: Any = below) -> Any:
        log.append(number)
        try:
            yield number
        except BaseException as error:
            log.append((error, number))
            raise
        else:
            log.append(-number)

    return dependency


pytestmark = pytest.mark.unmeasured

MAKERS = {"a": quick, "s": suspending, "t": sync, "l": sync}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


class Chain:
    """A chain of dependencies and an endpoint, compiled once for all tests.

    Attributes:
        error: What the endpoint raises.
    """

    def __init__(self, mix: str, kind: str, scope: DependencyScope) -> None:
        self.log: list[Any] = []
        self.error: Exception | None = None
        links: list[Any] = [0]
        for number in range(1, LENGTH + 1):
            letter = mix[number % len(mix)]
            dependency = MAKERS[letter](self.log, number, links[-1])
            links.append(Depends(dependency, scope=scope, sync_to_thread=letter != "l"))

        def endpoint(first: int = links[1], mid: int = links[150], last: int = links[-1]) -> Any:
            self.log.append("endpoint")
            if self.error:
                raise self.error
            return first, mid, last

        async def async_endpoint(
            first: int = links[1], mid: int = links[150], last: int = links[-1]
        ) -> Any:
            return endpoint(first, mid, last)

        plan = plan_of(endpoint if kind == "sync" else async_endpoint)
        self._handler = handler_of(plan, self.log)

    async def run(self, error: Exception | None = None) -> Any:
        self.log.clear()
        self.error = error
        run = PlainRun(Cleanup(None), AppValues())
        await self._handler.call(run)
        return run.result


get_chain = cache(Chain)


def every_mix(test: Any) -> Any:
    """Run a test with each mix, at the end of a sync route's chain and of an async one's."""
    ends = pytest.mark.parametrize(("kind", "scope"), [("sync", "function"), ("async", "request")])
    return ends(pytest.mark.parametrize("mix", MIXES)(test))


@every_mix
async def test_a_chain_of_300_opens_in_order_and_exits_in_reverse(
    mix: str, kind: str, scope: DependencyScope
) -> None:
    chain = get_chain(MIXES[mix], kind, scope)
    assert await chain.run() == (1, 150, LENGTH)
    numbers = range(1, LENGTH + 1)
    sent = [f"sends (1, 150, {LENGTH})"] if scope == "request" else []
    assert chain.log == [*numbers, "endpoint", *sent, *(-number for number in reversed(numbers))]


@every_mix
async def test_an_exception_goes_through_a_chain_of_300(
    mix: str, kind: str, scope: DependencyScope
) -> None:
    chain = get_chain(MIXES[mix], kind, scope)
    error = OSError("disk")
    with pytest.raises(OSError, match="disk") as raised:
        await chain.run(error)
    assert raised.value is error
    numbers = range(1, LENGTH + 1)
    assert chain.log == [*numbers, "endpoint", *((error, number) for number in reversed(numbers))]


@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize("innermost", ["a", "t"])
async def test_an_answer_survives_exit_code_that_fails_far_inside(
    innermost: str, scope: DependencyScope
) -> None:
    log: list[Any] = []

    async def swallowing() -> Any:
        try:
            yield 0
        except OSError:
            log.append("swallowed")

    last: Any = Depends(swallowing, scope=scope)
    for number in range(1, 50):
        last = Depends(MAKERS["a"](log, number, last), scope=scope)

    async def failing(below: Any = last) -> Any:
        yield
        raise OSError

    def failing_in_thread(below: Any = last) -> Any:
        yield
        raise OSError

    fail = Depends(failing if innermost == "a" else failing_in_thread)

    def endpoint(fail: Any = fail) -> str:
        return "answer"

    assert await execute(endpoint, log) == "answer"
    assert log[-1] == "swallowed"


def diamond(depth: int) -> Any:
    def base() -> int:
        return 1

    last: Any = Depends(base)
    for _ in range(depth):

        async def both(left: int = last, right: int = last) -> int:
            return left + right

        last = Depends(both)
    return last


async def test_a_diamond_of_depth_30_has_31_steps_besides_the_endpoint() -> None:
    log: list[Any] = []

    async def endpoint(total: int = diamond(30)) -> int:
        return total

    before = time.perf_counter()
    plan = plan_of(endpoint)
    assert time.perf_counter() - before < 1
    assert len(plan.steps) == 32
    assert await execute(endpoint, log) == 2**30


@cache
def handler_of_2000() -> CompiledPlan:
    last: Any = 0
    for number in range(2000):

        async def plus_one(below: int = last) -> int:
            return below + 1

        def plus_one_in_thread(below: int = last) -> int:
            return below + 1

        last = Depends(plus_one if number % 7 else plus_one_in_thread)

    async def endpoint(total: int = last) -> int:
        return total

    plan = plan_of(endpoint)
    assert len(plan.steps) == 2001
    return handler_of(plan, [])


async def test_a_chain_of_2000_that_stays_open_nowhere_meets_no_recursion_limit() -> None:
    run = PlainRun(Cleanup(None), AppValues())
    await handler_of_2000().call(run)
    assert run.result == 2000
