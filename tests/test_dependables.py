"""Anything that can be called is a dependency, with parameters and a lifecycle of its own."""

import dataclasses
import functools
import inspect
import sys
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar
from unittest.mock import AsyncMock, Mock, create_autospec

import fastapi
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from pydantic_settings import BaseSettings
from typing_extensions import TypeAliasType

import microfw
from microfw import App, Depends, Query, Security, SecurityScopes
from microfw.dependencies import place_of
from microfw.exceptions import NotAwaitedError
from microfw.testclient import TestClient
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


def first_of_two(name: str, /, *, tail: Tail) -> None:
    """What has this signature takes both by name, as `SignedByHand` does."""


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


Name = TypeVar("Name")


class Generic(typing.Generic[Name], Class):
    """Its alias, `Generic[int]`, is called through a `__call__` of `typing`'s."""

    def __init__(self, name: Name, tail: Annotated[str, Depends(get_tail)]) -> None:
        self.text = f"{name}{tail}"


class PassingOn(type):
    """The metaclass everybody writes, for singletons and registries."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


class MadeByMetaclass(Class, metaclass=PassingOn):
    """Is made by what passes on all that it gets."""


class Naming(type):
    def __call__(cls, name: str, tail: Tail) -> Any:
        return super().__call__(name + tail)


class NamedByMetaclass(metaclass=Naming):
    """Gets from its metaclass what it declares, and so declares in vain."""

    def __init__(self, text: str = Depends(get_tail)) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class MadeByNew(Class):
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__new__(cls)


class Speaks(Protocol):
    """Puts an `__init__` of its own into classes without one."""

    def __str__(self) -> str: ...


class Speaker(Speaks):
    def __str__(self) -> str:
        return "me!"


class SignedByHand:
    __signature__ = inspect.signature(first_of_two)

    def __init__(self, **values: str) -> None:
        self.values = values

    def __str__(self) -> str:
        return "".join(self.values.values())


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


def undeclared(name: str, tail: str) -> str:
    return name + tail


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
    "class with type arguments": Generic[str],
    "class made by a metaclass": MadeByMetaclass,
    "class named by a metaclass": NamedByMetaclass,
    "class with __new__ and __init__": MadeByNew,
    "class of a protocol": Speaker,
    "class with a signature made by hand": SignedByHand,
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
    "partial of a class with type arguments": functools.partial(Generic[str], tail="!"),
    "partial of a class made by a metaclass": functools.partial(MadeByMetaclass),
    "partial that declares": functools.partial(undeclared, tail=Depends(get_tail)),
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
    if "partial" not in name and name not in ("class without __init__", "class of a protocol")
}


@pytest.mark.parametrize("dependency", TAKES_TAIL.values(), ids=TAKES_TAIL)
def test_its_own_dependencies_are_filled(dependency: Any) -> None:
    assert get(app_with(dependency, "async"), "/?name=me&tail=?").json() == "me?"


@pytest.mark.parametrize("dependency", TAKES_TAIL.values(), ids=TAKES_TAIL)
def test_a_value_of_its_own_that_is_missing_is_reported(dependency: Any) -> None:
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
def test_it_is_shared_by_all_who_use_it(app: App, dependency: Any) -> None:
    def get_one(value: Any = Depends(dependency)) -> Any:
        return value

    async def get_other(value: Annotated[Any, Depends(dependency)]) -> Any:
        return value

    @app.get("/")
    def compare(one: Annotated[Any, Depends(get_one)], other: Annotated[Any, Depends(get_other)]):
        return one is other

    assert get(app, "/?name=me").json() is True
    assert log in ([], ["open", "close"])


def test_a_method_of_one_object_is_one_dependency_however_often_it_is_named(app: App) -> None:
    methods = Methods()

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


def test_the_last_declaration_in_an_annotation_counts(app: App) -> None:
    """So that an alias can be had with another scope or dependency."""

    @app.get("/")
    def read(value: Annotated[Tail, Depends(lambda: "other")]) -> str:
        return value

    assert get(app, "/").json() == "other"


def test_a_default_value_beside_a_dependency_is_for_those_who_call_the_function(app: App) -> None:
    @app.get("/")
    def read(tail: Tail = "by hand") -> str:
        return tail

    assert read() == "by hand"
    assert get(app, "/").json() == "!"


def test_an_alias_made_with_type_is_unwrapped(app: App) -> None:
    """`type Alias = Annotated[...]`, since Python 3.12."""

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


def test_type_arguments_stand_for_the_type_variables_of_a_generic_class() -> None:
    app = app_with(Generic[int], "sync")
    assert get(app, "/?name=1").json() == "1!"
    assert get(app, "/?name=me").json()["detail"][0]["type"] == "int_parsing"


def test_a_generic_class_in_the_annotation_is_the_dependency_that_depends_leaves_out() -> None:
    class Page(typing.Generic[Name]):
        def __init__(self, first: Name, more: Annotated[list[Name], Query()]) -> None:
            self.names = [first, *more]

    app = App()

    @app.get("/")
    def read(
        numbers: Annotated[Page[int], Depends()],
        texts: Annotated[Page[str], Depends()],
        same: Annotated[Page[int], Depends()],
    ) -> list[Any]:
        return [numbers.names, texts.names, same is numbers]

    assert get(app, "/?first=1&more=2&more=3").json() == [[1, 2, 3], ["1", "2", "3"], True]
    assert app.explain("/").count("Page") > 0


def test_what_stands_before_a_value_by_place_keeps_its_place() -> None:
    def combine(name: str = "me", /, tail: Tail = "?", *, end: str = ".") -> str:
        return name + tail + end

    app = App(dependencies=[Depends(combine, scope="app")])
    app.get("/")(lambda value=Depends(combine, scope="app"): value)
    with TestClient(app) as client:
        assert client.get("/").json() == "me!."


@pytest.mark.parametrize("takes_place", [False, True], ids=["by name or place", "by place"])
@pytest.mark.parametrize("takes_more", [False, True], ids=["named", "any name"])
def test_a_signature_made_by_hand_passes_by_name_what_the_function_takes_by_name(
    takes_place: bool, takes_more: bool
) -> None:
    def named(name: str, tail: str) -> str:
        return name + tail

    def by_any_name(tail: str = Depends(get_tail), **names: str) -> str:
        return "".join(names.values()) + tail

    call: Any = by_any_name if takes_more else named
    parameter = inspect.Parameter
    kind: Any = parameter.POSITIONAL_ONLY if takes_place else parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature(
        [
            parameter("name", kind, annotation=str),
            parameter("tail", kind, annotation=Tail),
        ]
    )
    assert get(app_with(call, "sync"), "/?name=me").json() == "me!"


def test_a_signature_made_by_hand_passes_by_place_what_the_function_takes_by_place() -> None:
    def combine(name: str, /, tail: str) -> str:
        return name + tail

    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    combine.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("tail", either, annotation=Tail),
            inspect.Parameter("name", either, annotation=str),
        ]
    )
    assert get(app_with(combine, "sync"), "/?name=me").json() == "me!"


def test_a_wrapper_that_takes_no_names_gets_its_values_by_place() -> None:
    @functools.wraps(function)
    def wrapper(*args: Any) -> str:
        return function(*args)

    assert get(app_with(wrapper, "sync"), "/?name=me").json() == "me!"


def test_a_mock_is_called_without_arguments() -> None:
    app = app_with(get_one, "sync")
    with app.override({get_one: Mock(return_value=2)}):
        assert get(app, "/").json() == "2"


async def fetch(name: str, tail: Tail) -> str:
    return name + tail


class Fetches:
    async def fetch(self, name: str, tail: Tail) -> str:
        return name + tail


ASYNC_MOCKS: dict[str, Callable[[], Any]] = {
    "AsyncMock": AsyncMock,
    "AsyncMock of a function": lambda: AsyncMock(fetch),
    "create_autospec of a function": lambda: create_autospec(fetch),
    "create_autospec of a method": lambda: create_autospec(Fetches).fetch,
    "partial": lambda: functools.partial(AsyncMock(return_value=2)),
}


@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="`inspect.signature` fails for its async mocks"
)
@pytest.mark.parametrize("make", ASYNC_MOCKS.values(), ids=ASYNC_MOCKS)
def test_an_async_mock_is_awaited(make: Callable[[], Any]) -> None:
    mock = make()
    if not isinstance(mock, functools.partial):
        mock.return_value = 2
    app = app_with(get_one, "async")
    with app.override({get_one: mock}):
        assert get(app, "/?name=me&self=x").json() == "2"


def test_an_async_mock_gets_the_values_that_the_function_would_get() -> None:
    mock = create_autospec(fetch, return_value=2)
    app = app_with(mock, "async")
    assert get(app, "/?name=me").json() == "2"
    mock.assert_awaited_once_with(name="me", tail="!")


def returns_a_coroutine(name: str, tail: Tail) -> Any:
    return fetch(name, tail)


class ReturnsACoroutine:
    def __call__(self, name: str, tail: Tail) -> Any:
        return fetch(name, tail)


NOT_AWAITED: dict[str, tuple[Any, str]] = {
    "function": (returns_a_coroutine, place_of(returns_a_coroutine)),
    "object": (ReturnsACoroutine(), place_of(ReturnsACoroutine())),
    "partial": (functools.partial(returns_a_coroutine), place_of(returns_a_coroutine)),
}


@pytest.mark.parametrize("in_thread", [True, False], ids=["in a thread", "on the event loop"])
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(("dependency", "place"), NOT_AWAITED.values(), ids=NOT_AWAITED)
def test_a_sync_dependency_that_returns_a_coroutine_is_an_error(
    dependency: Any, place: str, kind: str, in_thread: bool
) -> None:
    app = app_with(dependency, kind, sync_to_thread=in_thread)
    with pytest.raises(NotAwaitedError) as raised:
        get(app, "/?name=me")
    assert str(raised.value) == (
        f"{place} returned a coroutine, of {place_of(fetch)}, that nobody awaits: was `await`"
        " forgotten?"
    )
    assert log == []


def forgetful(name: str, tail: Tail) -> Any:
    return fetch(name, tail)


async def async_forgetful(name: str, tail: Tail) -> Any:
    return fetch(name, tail)


@pytest.mark.parametrize("endpoint", [forgetful, async_forgetful])
@pytest.mark.parametrize("options", [{}, {"response_model": None}, {"response_model": str}])
def test_an_endpoint_that_returns_a_coroutine_is_an_error(
    app: App, endpoint: Any, options: dict[str, Any]
) -> None:
    app.get("/", **options)(endpoint)
    with pytest.raises(NotAwaitedError) as raised:
        get(app, "/?name=me")
    assert str(raised.value) == (
        f"{place_of(endpoint)} returned a coroutine, of {place_of(fetch)}, that nobody awaits: was"
        " `await` forgotten?"
    )


@pytest.mark.parametrize("framework", [microfw, fastapi], ids=["microfw", "fastapi"])
@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("", "x 3"),
        ("?name=q&level=9", "q 9"),
    ],
)
def test_settings_take_their_fields_from_the_query_string(
    framework: Any, query: str, answer: str
) -> None:
    class Settings(BaseSettings):
        name: str = "x"
        level: int = 3

    app = framework.App() if framework is microfw else framework.FastAPI()

    @app.get("/")
    def read(settings: Annotated[Settings, framework.Depends(Settings)]) -> str:
        return f"{settings.name} {settings.level}"

    assert get(app, f"/{query}").json() == answer


class MadeSettings(BaseSettings):
    made: str = pydantic.Field(default_factory=lambda: "made")
    renamed: int = pydantic.Field(default_factory=lambda: 3, alias="other")
    hosts: list[str] = pydantic.Field(default_factory=lambda: ["a"])


class MadeModel(pydantic.BaseModel):
    made: str = pydantic.Field(default_factory=lambda: "made")
    renamed: int = pydantic.Field(default_factory=lambda: 3, validation_alias="other")
    hosts: list[str] = pydantic.Field(default_factory=lambda: ["a"])


@pydantic.dataclasses.dataclass
class MadeOfPydantic:
    made: str = pydantic.Field(default_factory=lambda: "made")
    renamed: int = pydantic.Field(default_factory=lambda: 3, alias="other")
    hosts: list[str] = pydantic.Field(default_factory=lambda: ["a"])


@dataclasses.dataclass
class MadeDataclass:
    made: str = dataclasses.field(default_factory=lambda: "made")
    other: int = dataclasses.field(default_factory=lambda: 3)
    hosts: list[str] = dataclasses.field(default_factory=lambda: ["a"])

    @property
    def renamed(self) -> int:
        return self.other


@pytest.mark.parametrize("kind", [MadeSettings, MadeModel, MadeOfPydantic, MadeDataclass])
def test_a_field_that_was_not_sent_has_the_default_that_its_factory_makes(kind: type[Any]) -> None:
    app = App()

    @app.get("/")
    def read(it: Annotated[Any, Depends(kind)]) -> Any:
        it.hosts.append("b")
        return [it.made, it.renamed, it.hosts]

    assert get(app, "/").json() == ["made", 3, ["a", "b"]]
    assert get(app, "/?made=sent&other=4").json() == ["sent", 4, ["a", "b"]]


def test_what_settings_keep_to_themselves_is_not_for_clients_to_set(tmp_path: Path) -> None:
    class Settings(BaseSettings):
        name: str

    (tmp_path / "env").write_text("name=stolen")
    app = app_with(Settings, "sync")
    assert get(app, f"/?name=me&_env_file={tmp_path}/env").json() == "name='me'"
    detail = get(app, f"/?_env_file={tmp_path}/env&_secrets_dir={tmp_path}").json()["detail"]
    assert [error["loc"] for error in detail] == [["query", "name"]]


@pytest.mark.parametrize("framework", [microfw, fastapi], ids=["microfw", "fastapi"])
def test_of_several_declarations_in_annotated_the_last_one_counts(framework: Any) -> None:
    query, header, depends = framework.Query(), framework.Header(), framework.Depends(get_one)
    app = framework.App() if framework is microfw else framework.FastAPI()

    @app.get("/")
    def read(
        a: Annotated[str, header, query],
        host: Annotated[str, query, header],
        c: Annotated[int, query, depends],
        d: Annotated[str, depends, query],
    ) -> list[Any]:
        return [a, host, c, d]

    assert get(app, "/?a=a&host=b&c=5&d=d").json() == ["a", "test", 1, "d"]


def test_a_callable_made_in_c_that_tells_nothing_of_its_parameters_is_called_without() -> None:
    assert get(app_with(dict, "sync"), "/").json() == "{}"


def test_security_scopes_come_from_the_outermost_to_the_innermost(app: App) -> None:
    seen: list[list[str]] = []

    def get_user(scopes: SecurityScopes) -> str:
        seen.append(scopes.scopes)
        return scopes.scope_str

    def get_admin(user: Annotated[str, Security(get_user, scopes=["write", "read"])]) -> str:
        return user

    @app.get("/")
    def read(
        admin: Annotated[str, Security(get_admin, scopes=["admin", "write"])],
        user: Annotated[str, Depends(get_user)],
    ) -> list[str]:
        return [admin, user]

    assert get(app, "/").json() == ["admin write read", ""]
    assert seen == [["admin", "write", "read"], []]
