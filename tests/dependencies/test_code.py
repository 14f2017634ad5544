"""What the code of functions shows, also on an interpreter with instructions that nobody knows."""

import dis
import linecache
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Annotated, Any

import pytest
from anyio.lowlevel import checkpoint

from microfw import App, Depends
from microfw.dependencies import describe
from microfw.dependencies._code import (
    NEVER_SUSPENDING,
    can_suspend,
    only_returns_none,
    returns_a_value,
)
from tests.lifecycle.programs import Log, Oops, lines, request

SUSPENDING = {
    *("BEFORE_ASYNC_WITH", "CLEANUP_THROW", "END_ASYNC_FOR", "END_SEND", "GET_AITER", "GET_ANEXT"),
    *("GET_AWAITABLE", "GET_YIELD_FROM_ITER", "SEND"),
}
IN_NO_FUNCTION = {
    *("ENTER_EXECUTOR", "EXIT_INIT_CHECK", "IMPORT_STAR", "INTERPRETER_EXIT", "PRINT_EXPR"),
    *("RESERVED", "TRACE_RECORD"),
}
PSEUDO = 256


def test_it_is_known_of_each_instruction_of_this_python_whether_it_can_suspend() -> None:
    """Until this passes on a new Python, functions with its instructions count as suspending."""
    special = {*getattr(dis, "_specialized_opmap", ())}
    names = {
        name
        for name, number in dis.opmap.items()
        if number < PSEUDO and name not in special and not name.startswith("INSTRUMENTED_")
    }
    assert not NEVER_SUSPENDING & (SUSPENDING | IN_NO_FUNCTION)
    assert names - NEVER_SUSPENDING - SUSPENDING - IN_NO_FUNCTION == set()


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    """Codes are equal whose files differ, as they need not be looked at twice."""
    can_suspend.cache_clear()
    only_returns_none.cache_clear()
    returns_a_value.cache_clear()


# ---------------------------------------------------------------------- suspending


async def awaits(value: Awaitable[int]) -> AsyncIterator[int]:
    yield await value


async def awaits_afterwards(value: Awaitable[None]) -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        await value


async def enters(value: AbstractAsyncContextManager[int]) -> AsyncIterator[int]:
    async with value as entered:
        yield entered


async def loops(value: AsyncIterator[int]) -> AsyncIterator[int]:
    async for each in value:
        yield each


async def collects(value: AsyncIterator[int]) -> AsyncIterator[list[int]]:
    yield [each async for each in value]


async def collects_awaited(values: list[Awaitable[int]]) -> AsyncIterator[set[int]]:
    yield {await each for each in values}


async def matches(value: Any) -> AsyncIterator[Any]:
    match value:
        case {"it": it, **rest}:
            yield await it, rest


async def only_yields() -> AsyncIterator[int]:
    yield 1


setting = ""


async def does_much(*args: int, key: str = "", **rest: Any) -> AsyncIterator[Any]:
    """Have instructions of every other kind."""
    global setting
    setting = f"{key!r:>{len(args)}} {args}"
    first, *others = args
    values = [*args, *others]
    values[1:2] = sorted({each for each in values if each}, key=lambda each: -each)
    with contextmanager(one)() as number:
        try:
            for each in values:
                if not each or each is None:
                    continue
                rest[key] = {**rest, key: each, "number": number, "sum": +each + ~each - first}
            del rest[key], first
        except* ValueError as group:
            raise Oops from group

        class Local:
            field = number

            def method(self) -> str:
                return super().__repr__()

        async def inner() -> None:
            await checkpoint()

        yield Local, inner


def one() -> Iterator[int]:
    yield 1


async def matches_only(value: Any) -> AsyncIterator[Any]:
    match value:
        case [int(number), *_] | {"it": number}:
            yield number
        case _ if found := value:
            import sys

            yield sys, found
            assert found, "message"
        case _:
            while value:
                value = value.next
                yield value


@pytest.mark.parametrize(
    "function",
    [awaits, awaits_afterwards, enters, loops, collects, collects_awaited, matches],
)
def test_a_function_that_awaits_anything_can_suspend(function: Callable[..., Any]) -> None:
    assert can_suspend(function.__code__)
    assert describe(function).can_suspend


@pytest.mark.parametrize("function", [only_yields, does_much, matches_only])
def test_a_function_that_awaits_nothing_cannot(function: Callable[..., Any]) -> None:
    assert not can_suspend(function.__code__)
    assert not describe(function).can_suspend


@pytest.mark.parametrize("function", [one, describe])
def test_a_sync_function_cannot(function: Callable[..., Any]) -> None:
    assert not describe(function).can_suspend


# ---------------------------------------------------------------------- returning


def exec_without_source(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["get_value"]


def exec_with_source(text: str, filename: str, shown: str | None = None) -> Any:
    names: dict[str, Any] = {}
    exec(compile(text, filename, "exec"), names)
    shown = text if shown is None else shown
    linecache.cache[filename] = (len(shown), None, shown.splitlines(keepends=True), filename)
    return names["get_value"]


RETURNING = """\
def get_value():
    yield 1
    return 2
"""


def test_a_value_that_the_source_returns_is_found() -> None:
    get_value = exec_with_source(RETURNING, "<returning>")
    assert returns_a_value(get_value.__code__)


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "\n\n\n",
        "def get_value():\n    yield 1\n",
        "def another():\n    yield 1\n    return 2\n",
        "def get_value():\n    return 2\n",
        "def get_value(:\n    yield 1\n    return 2\n",
        "value = 1\n",
        "def get_value():\n    yield '\0'\n    return 2\n",
    ],
    ids=["nothing", "blank", "bare", "another", "no-generator", "broken", "no-function", "no-text"],
)
def test_nothing_is_said_where_the_source_is_not_that_of_the_function(shown: str) -> None:
    get_value = exec_with_source(RETURNING, "<shown>", shown)
    assert not returns_a_value(get_value.__code__)


def test_nothing_is_said_where_there_is_no_source() -> None:
    assert not returns_a_value(exec_without_source(RETURNING).__code__)


@pytest.mark.parametrize(
    ("body", "only_none"),
    [
        ("print()", True),
        ("return", True),
        ("return None", True),
        ("return work()", False),
        ("raise KeyError", False),
        ("def inner(): return 1", True),
    ],
)
def test_what_only_returns_none_is_found(body: str, only_none: bool) -> None:
    text = f"def get_value():\n    {body}\n"
    get_value = exec_with_source(text, f"<{body}>")
    assert only_returns_none(get_value.__code__) is only_none


def test_nothing_is_said_of_what_a_function_without_source_returns() -> None:
    get_value = exec_without_source("def get_value(): print()")
    assert not only_returns_none(get_value.__code__)


def test_reading_the_source_repeats_no_warning_of_the_compiler() -> None:
    text = "def get_value():\n    yield 1\n    return '\\d'\n"
    with pytest.warns(SyntaxWarning if hasattr(dis, "hasarg") else DeprecationWarning):
        get_value = exec_with_source(text, "<warned>")
    assert returns_a_value(get_value.__code__)


def test_what_functions_inside_of_a_generator_return_is_their_own() -> None:
    def get_value() -> Iterator[Any]:
        """A text with
        a line that is less indented.
        """

        def inner() -> int:
            return 1

        async def inner_async() -> int:
            return 2

        class Inner:
            def method(self) -> int:
                return 3

        yield inner, inner_async, Inner, lambda: 4

    assert not returns_a_value(get_value.__code__)


def test_a_decorated_generator_inside_of_a_function_is_found() -> None:
    @contextmanager
    def get_value() -> Generator[Any, None, int]:
        """A text with
        a line that is less indented.
        """
        for each in one():
            yield each
            return 5
        return 6

    assert returns_a_value(get_value.__wrapped__.__code__)  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- unknown instructions


@pytest.fixture(params=["all", "suspending"])
def unknown_instructions(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Pretend to be an interpreter some or all instructions of which have never been heard of."""
    known = set() if request.param == "all" else NEVER_SUSPENDING
    read = dis.get_instructions

    def get_instructions(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for each in read(*args, **kwargs):
            name = each.opname if each.opname in known else f"NEW_{each.opname}"
            yield each._replace(opname=name)

    monkeypatch.setattr(dis, "get_instructions", get_instructions)
    yield
    can_suspend.cache_clear()


class Kinds:
    """Dependencies of every kind, each of which writes down what happens to it."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def sync_function(self) -> str:
        self.log("sync function")
        return "sync function"

    async def async_function(self) -> str:
        await checkpoint()
        self.log("async function")
        return "async function"

    def sync_generator(self) -> Iterator[str]:
        with self.log.opened("sync generator") as value:
            yield value

    def early_generator(self) -> Iterator[str]:
        with self.log.opened("early generator") as value:
            yield value
            return

    def delegating_generator(self) -> Iterator[str]:
        with self.log.opened("delegating generator") as value:
            yield from [value]

    async def async_generator(self) -> AsyncIterator[str]:
        with self.log.opened("async generator") as value:
            await checkpoint()
            yield value
            await checkpoint()

    async def quick_generator(self) -> AsyncIterator[str]:
        with self.log.opened("quick generator") as value:
            yield value

    @contextmanager
    def sync_manager(self) -> Iterator[str]:
        with self.log.opened("sync manager") as value:
            yield value

    @asynccontextmanager
    async def async_manager(self) -> AsyncIterator[str]:
        with self.log.opened("async manager") as value:
            yield value
            await checkpoint()

    async def __call__(self) -> AsyncIterator[str]:
        with self.log.opened("instance") as value:
            yield value


def of_a_partial(log: Log) -> Iterator[str]:
    with log.opened("partial") as value:
        yield value


class Service:
    def __init__(self) -> None:
        self.name = "service"


NAMES = [name for name in vars(Kinds) if not name.startswith("_")]


def app_of_every_kind(log: Log, endpoint: Callable[..., Any]) -> App:
    kinds = Kinds(log)
    dependencies = [getattr(kinds, name) for name in NAMES]
    dependencies += [kinds, partial(of_a_partial, log), Service]
    app = App(dependencies=[Depends(each) for each in dependencies])
    app.get("/")(endpoint)
    return app


OPENED = """sync function, async function, sync generator opens, early generator opens,
    delegating generator opens, async generator opens, quick generator opens, sync manager opens,
    async manager opens, instance opens, partial opens, endpoint"""


@pytest.mark.usefixtures("unknown_instructions")
async def test_dependencies_of_every_kind_run_where_the_instructions_are_unknown() -> None:
    log = Log()

    def endpoint(service: Annotated[Service, Depends()]) -> str:
        log("endpoint")
        return service.name

    answer = await request(app_of_every_kind(log, endpoint), log=log)

    assert answer.json() == "service"
    assert log == lines(
        f"""{OPENED}, partial exits, instance exits, async manager exits, sync manager exits,
        quick generator exits, async generator exits, delegating generator exits,
        early generator exits, sync generator exits, sends 200"""
    )


@pytest.mark.usefixtures("unknown_instructions")
async def test_dependencies_of_every_kind_see_errors_where_the_instructions_are_unknown() -> None:
    log = Log()

    async def endpoint() -> None:
        log("endpoint")
        raise Oops("x")

    answer = await request(app_of_every_kind(log, endpoint), log=log)

    assert type(answer.raised) is Oops
    assert log == lines(
        f"""{OPENED}, partial sees Oops(x), instance sees Oops(x), async manager sees Oops(x),
        sync manager sees Oops(x), quick generator sees Oops(x), async generator sees Oops(x),
        delegating generator sees Oops(x), early generator sees Oops(x),
        sync generator sees Oops(x), sends 500"""
    )


async def ends_later() -> AsyncIterator[int]:
    yield 1
    await checkpoint()


async def enters_a_block() -> AsyncIterator[int]:
    async with asynccontextmanager(only_yields)() as value:
        yield value


@pytest.mark.usefixtures("unknown_instructions")
@pytest.mark.parametrize("get_value", [ends_later, enters_a_block])
def test_exit_code_is_shielded_where_the_instructions_are_unknown(
    get_value: Callable[..., Any],
) -> None:
    app = App()
    app.get("/")(lambda value=Depends(get_value): value)
    assert f"async with shielded({get_value.__name__}()" in app.explain("/")


@pytest.mark.usefixtures("unknown_instructions")
def test_a_returned_value_is_seen_where_the_instructions_are_unknown() -> None:
    get_value = exec_with_source(RETURNING, "<refused>")
    app = App()
    with pytest.warns(RuntimeWarning, match="returns a value"):
        app.get("/")(lambda value=Depends(get_value): value)
