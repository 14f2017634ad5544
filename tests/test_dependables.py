"""Anything that can be called is a dependency, with parameters and a lifecycle of its own."""

import dataclasses
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import msgspec
import pytest
from typing_extensions import TypeAliasType

from microfw import App, Depends, Security, SecurityScopes
from tests.asgi import get

log: list[str] = []


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


def get_tail(tail: str = "!") -> str:
    """A dependency of each of the dependencies under test."""
    return tail


Tail = Annotated[str, Depends(get_tail)]
Alias = TypeAliasType("Alias", Tail)


def get_one() -> int:
    """A dependency to be overridden."""
    return 1


# ---------------------------------------------------------------------- functions


def function(name: str, tail: Tail) -> str:
    return name + tail


async def async_function(name: str, tail: Tail) -> str:
    return name + tail


def generator(name: str, tail: Tail) -> Iterator[str]:
    log.append("open")
    yield name + tail
    log.append("close")


async def async_generator(name: str, tail: Tail) -> AsyncIterator[str]:
    log.append("open")
    yield name + tail
    log.append("close")


@contextmanager
def context_manager(name: str, tail: Tail) -> Iterator[str]:
    log.append("open")
    yield name + tail
    log.append("close")


@asynccontextmanager
async def async_context_manager(name: str, tail: Tail) -> AsyncIterator[str]:
    log.append("open")
    yield name + tail
    log.append("close")


@functools.lru_cache
def cached_function(name: str, tail: Tail) -> str:
    return name + tail


# ---------------------------------------------------------------------- decorators

Decorated = Callable[..., Any]


def passed_on(call: Decorated) -> Decorated:
    """The decorator everybody writes, for whatever kind of function."""

    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    return wrapper


def awaited(call: Decorated) -> Decorated:
    @functools.wraps(call)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        return await result if hasattr(result, "__await__") else result

    return wrapper


def delegated(call: Decorated) -> Decorated:
    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        yield from call(*args, **kwargs)

    return wrapper


# ---------------------------------------------------------------------- classes and objects


class Class:
    def __init__(self, name: str, tail: Tail) -> None:
        self.text = name + tail

    def __str__(self) -> str:
        return self.text


class ClassWithCall(Class):
    """Calling the class makes an object; that this can be called, too, is another matter."""

    async def __call__(self, other: int) -> None:
        raise NotImplementedError


class ClassWithoutInit:
    def __str__(self) -> str:
        return "me!"


@dataclasses.dataclass
class DataClass:
    name: str
    tail: Tail

    def __str__(self) -> str:
        return self.name + self.tail


class Struct(msgspec.Struct):
    name: str
    tail: Tail

    def __str__(self) -> str:
        return self.name + self.tail


class Caller:
    def __call__(self, name: str, tail: Tail) -> str:
        return name + tail


class AsyncCallable:
    async def __call__(self, name: str, tail: Tail) -> str:
        return name + tail


class GeneratorCallable:
    def __call__(self, name: str, tail: Tail) -> Iterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")


class AsyncGeneratorCallable:
    async def __call__(self, name: str, tail: Tail) -> AsyncIterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")


class DecoratedCallable:
    @passed_on
    def __call__(self, name: str, tail: Tail) -> Iterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")


class ContextManagerCallable:
    @contextmanager
    def __call__(self, name: str, tail: Tail) -> Iterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")


@dataclasses.dataclass
class Unhashable(Caller):
    """Compared by value, and so without a hash."""


class Methods:
    def method(self, name: str, tail: Tail) -> str:
        return name + tail

    async def async_method(self, name: str, tail: Tail) -> str:
        return name + tail

    def generator(self, name: str, tail: Tail) -> Iterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")

    async def async_generator(self, name: str, tail: Tail) -> AsyncIterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")

    @classmethod
    async def of_class(cls, name: str, tail: Tail) -> str:
        return name + tail

    @staticmethod
    def of_nobody(name: str, tail: Tail) -> Iterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")

    @contextmanager
    def context_manager(self, name: str, tail: Tail) -> Iterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")

    @asynccontextmanager
    async def async_context_manager(self, name: str, tail: Tail) -> AsyncIterator[str]:
        log.append("open")
        yield name + tail
        log.append("close")

    @passed_on
    async def decorated(self, name: str, tail: Tail) -> str:
        return name + tail


def first(greeting: str, name: str, tail: Tail) -> str:
    return greeting + name + tail


def generator_with_first(greeting: str, name: str, tail: Tail) -> Iterator[str]:
    log.append("open")
    yield greeting + name + tail
    log.append("close")


RETURNING: dict[str, Any] = {
    "function": function,
    "async function": async_function,
    "lambda": lambda name, tail=Depends(get_tail): name + tail,
    "lru_cache": cached_function,
    "class": Class,
    "class with __call__": ClassWithCall,
    "class without __init__": ClassWithoutInit,
    "dataclass": DataClass,
    "msgspec.Struct": Struct,
    "object": Caller(),
    "object, async": AsyncCallable(),
    "object without a hash": Unhashable(),
    "method": Methods().method,
    "method, async": Methods().async_method,
    "class method": Methods.of_class,
    "class method of an object": Methods().of_class,
    "decorated": passed_on(function),
    "decorated, async": passed_on(async_function),
    "decorated twice": passed_on(passed_on(async_function)),
    "decorated by an async wrapper": awaited(function),
    "decorated by an async wrapper, async": awaited(async_function),
    "decorated method": Methods().decorated,
    "decorated class": passed_on(Class),
    "partial": functools.partial(first, ""),
    "partial by name": functools.partial(function, tail="!"),
    "partial, async": functools.partial(async_function),
    "partial of a partial": functools.partial(functools.partial(first, greeting="")),
    "partial of a class": functools.partial(Class, tail="!"),
    "partial of a method": functools.partial(Methods().method, tail="!"),
    "partial of an object, async": functools.partial(AsyncCallable(), tail="!"),
    "partial of a decorated function, async": functools.partial(passed_on(async_function)),
}
OPENING: dict[str, Any] = {
    "generator": generator,
    "async generator": async_generator,
    "contextmanager": context_manager,
    "asynccontextmanager": async_context_manager,
    "object, generator": GeneratorCallable(),
    "object, async generator": AsyncGeneratorCallable(),
    "object, decorated generator": DecoratedCallable(),
    "object, contextmanager": ContextManagerCallable(),
    "method, generator": Methods().generator,
    "method, async generator": Methods().async_generator,
    "method, contextmanager": Methods().context_manager,
    "method, asynccontextmanager": Methods().async_context_manager,
    "static method": Methods.of_nobody,
    "decorated generator": passed_on(generator),
    "decorated async generator": passed_on(async_generator),
    "decorated by a generator": delegated(generator),
    "decorated contextmanager": passed_on(context_manager),
    "contextmanager of a decorated generator": contextmanager(passed_on(generator)),
    "partial of a generator": functools.partial(generator_with_first, ""),
    "partial of an async generator": functools.partial(async_generator, tail="!"),
    "partial of a contextmanager": functools.partial(context_manager, tail="!"),
    "partial of an asynccontextmanager": functools.partial(async_context_manager),
    "partial of a method, contextmanager": functools.partial(Methods().context_manager, tail="!"),
    "partial of a decorated generator": functools.partial(passed_on(generator), tail="!"),
}


def app_with(dependency: Any, kind: str, **options: Any) -> App:
    app = App()
    if kind == "async":

        @app.get("/")
        async def greet(value: Annotated[Any, Depends(dependency, **options)]) -> str:
            log.append("endpoint")
            return str(value)

    else:

        @app.get("/")
        def greet_sync(value: Annotated[Any, Depends(dependency, **options)]) -> str:
            log.append("endpoint")
            return str(value)

    return app


kinds_of_endpoints = pytest.mark.parametrize("kind", ["async", "sync"])
in_thread_or_not = pytest.mark.parametrize("sync_to_thread", [True, False])


@kinds_of_endpoints
@in_thread_or_not
@pytest.mark.parametrize("dependency", RETURNING.values(), ids=RETURNING)
def test_what_it_returns_is_the_value(dependency: Any, kind: str, sync_to_thread: bool) -> None:
    app = app_with(dependency, kind, sync_to_thread=sync_to_thread)
    answer = get(app, "/?name=me")
    assert (answer.status_code, answer.json()) == (200, "me!")
    assert log == ["endpoint"]


@kinds_of_endpoints
@in_thread_or_not
@pytest.mark.parametrize("dependency", OPENING.values(), ids=OPENING)
def test_what_it_yields_is_the_value_until_its_exit_code_runs(
    dependency: Any, kind: str, sync_to_thread: bool
) -> None:
    app = app_with(dependency, kind, sync_to_thread=sync_to_thread)
    answer = get(app, "/?name=me")
    assert (answer.status_code, answer.json()) == (200, "me!")
    assert log == ["open", "endpoint", "close"]


EVERYTHING = {**RETURNING, **OPENING}
TAKES_TAIL = {
    name: dependency
    for name, dependency in EVERYTHING.items()
    if "partial" not in name and name != "class without __init__"
}


@pytest.mark.parametrize("dependency", TAKES_TAIL.values(), ids=TAKES_TAIL)
def test_its_own_dependencies_are_filled(dependency: Any) -> None:
    assert get(app_with(dependency, "async"), "/?name=me&tail=?").json() == "me?"


@pytest.mark.parametrize("dependency", TAKES_TAIL.values(), ids=TAKES_TAIL)
def test_a_value_of_its_own_that_is_missing_is_told(dependency: Any) -> None:
    answer = get(app_with(dependency, "sync"), "/")
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [["query", "name"]]
    assert log == []


HASHABLE = {name: each for name, each in EVERYTHING.items() if name != "object without a hash"}


@pytest.mark.parametrize("dependency", HASHABLE.values(), ids=HASHABLE)
def test_it_can_be_overridden_and_override(dependency: Any) -> None:
    app = app_with(dependency, "async")
    with app.override({dependency: lambda: "other"}):
        assert get(app, "/").json() == "other"
    other = app_with(get_one, "async")
    with other.override({get_one: dependency}):
        assert get(other, "/?name=me").json() == "me!"


@pytest.mark.parametrize("dependency", EVERYTHING.values(), ids=EVERYTHING)
def test_it_is_shared_by_all_who_use_it(dependency: Any) -> None:
    app = App()

    def get_one(value: Any = Depends(dependency)) -> Any:
        return value

    async def get_other(value: Annotated[Any, Depends(dependency)]) -> Any:
        return value

    @app.get("/")
    def compare(one: Annotated[Any, Depends(get_one)], other: Annotated[Any, Depends(get_other)]):
        return one is other

    assert get(app, "/?name=me").json() is True
    assert log in ([], ["open", "close"])


def test_a_method_of_one_object_is_one_dependency_however_often_it_is_named() -> None:
    methods = Methods()
    app = App()

    @app.get("/")
    def read(
        one: Annotated[str, Depends(methods.generator)],
        other: Annotated[str, Depends(methods.generator)],
        third: Annotated[str, Depends(Methods().generator)],
    ): ...

    get(app, "/?name=me")
    assert log == ["open", "open", "close", "close"]


# ---------------------------------------------------------------------- how it is declared


@pytest.mark.parametrize("dependency", [Class, DataClass, Struct])
def test_the_annotated_class_is_the_dependency_where_none_is_named(dependency: Any) -> None:
    app = App()

    def read(value: Any) -> str:
        return f"{value} {type(value).__name__}"

    async def read_default(value: Any = Depends()) -> str:
        return f"{value} {type(value).__name__}"

    read.__annotations__["value"] = Annotated[dependency, Depends()]
    read_default.__annotations__["value"] = dependency
    app.get("/annotated")(read)
    app.get("/default")(read_default)
    for path in ("/annotated", "/default"):
        assert get(app, f"{path}?name=me").json() == f"me! {dependency.__name__}"


def test_the_last_declaration_in_an_annotation_counts() -> None:
    """So that an alias can be had with another scope or dependency."""
    app = App()

    @app.get("/")
    def read(value: Annotated[Tail, Depends(lambda: "other")]) -> str:
        return value

    assert get(app, "/").json() == "other"


def test_a_default_value_beside_a_dependency_is_for_those_who_call_the_function() -> None:
    app = App()

    @app.get("/")
    def read(tail: Tail = "by hand") -> str:
        return tail

    assert read() == "by hand"
    assert get(app, "/").json() == "!"


def test_an_alias_made_with_type_is_unwrapped() -> None:
    """`type Alias = Annotated[...]`, since Python 3.12."""
    app = App()

    @app.get("/")
    def read(tail: Alias) -> str:
        return tail

    assert get(app, "/").json() == "!"


def test_dependencies_of_the_three_levels_may_be_of_any_kind_too() -> None:
    app = App(dependencies=[Depends(generator)])
    app.get("/", dependencies=[Depends(Methods().generator), Security(context_manager)])(
        lambda: log.append("endpoint")
    )
    assert get(app, "/?name=me").status_code == 200
    assert log == [*["open"] * 3, "endpoint", *["close"] * 3]


def test_positional_only_parameters_are_filled_by_place() -> None:
    def combine(tail: Tail, name: str, /, count: int, *, end: str = ".") -> str:
        return (name + tail) * count + end

    app = app_with(combine, "sync")
    assert get(app, "/?name=me&count=2&end=,").json() == "me!me!,"


def test_variadic_parameters_stay_empty() -> None:
    def combine(name: str, *args: int, tail: Tail, **kwargs: int) -> str:
        return f"{name}{tail}{args}{kwargs}"

    assert get(app_with(combine, "sync"), "/?name=me&args=1").json() == "me!(){}"


def test_a_callable_made_in_c_that_tells_nothing_of_its_parameters_is_called_without() -> None:
    assert get(app_with(dict, "sync"), "/").json() == "{}"


def test_security_scopes_come_from_the_outermost_to_the_innermost() -> None:
    seen: list[list[str]] = []

    def get_user(scopes: SecurityScopes) -> str:
        seen.append(scopes.scopes)
        return scopes.scope_str

    def get_admin(user: Annotated[str, Security(get_user, scopes=["write", "read"])]) -> str:
        return user

    app = App()

    @app.get("/")
    def read(
        admin: Annotated[str, Security(get_admin, scopes=["admin", "write"])],
        user: Annotated[str, Depends(get_user)],
    ) -> list[str]:
        return [admin, user]

    assert get(app, "/").json() == ["admin write read", ""]
    assert seen == [["admin", "write", "read"], []]
