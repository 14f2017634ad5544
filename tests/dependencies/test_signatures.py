"""What can be known of a callable, whatever kind of callable it is."""

import functools
import gc
import inspect
import operator
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Annotated, Any, ForwardRef, NamedTuple, cast

import pytest

from microfw import Depends
from microfw.dependencies import (
    EMPTY,
    Declarations,
    Parameter,
    Signature,
    Site,
    describe,
    is_async_callable,
    make_plan,
)
from microfw.exceptions import UnresolvableAnnotationError


class Kind(NamedTuple):
    is_async: bool
    yields: bool


RETURNS = Kind(is_async=False, yields=False)
YIELDS = Kind(is_async=False, yields=True)
ASYNC_RETURNS = Kind(is_async=True, yields=False)
ASYNC_YIELDS = Kind(is_async=True, yields=True)


def function(first: int) -> str:
    return str(first)


def generator(first: int) -> Iterator[str]:
    yield str(first)


async def async_function(first: int) -> str:
    return str(first)


async def async_generator(first: int) -> AsyncIterator[str]:
    yield str(first)


@contextmanager
def manager(first: int) -> Iterator[str]:
    yield str(first)


@asynccontextmanager
async def async_manager(first: int) -> AsyncIterator[str]:
    yield str(first)


def passing_on(function: Callable[..., Any]) -> Callable[..., Any]:
    """Be a decorator that returns what the function returns."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


def now_async(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Service:
    def __init__(self, first: int) -> None:
        self.first = first

    def method(self, first: int) -> str:
        return str(first)

    async def async_method(self, first: int) -> str:
        return str(first)

    def generator_method(self, first: int) -> Iterator[str]:
        yield str(first)

    async def async_generator_method(self, first: int) -> AsyncIterator[str]:
        yield str(first)

    @contextmanager
    def manager_method(self, first: int) -> Iterator[str]:
        yield str(first)

    @asynccontextmanager
    async def async_manager_method(self, first: int) -> AsyncIterator[str]:
        yield str(first)

    @classmethod
    def class_method(cls, first: int) -> str:
        return str(first)

    @classmethod
    async def async_class_method(cls, first: int) -> str:
        return str(first)

    @staticmethod
    async def async_static_method(first: int) -> str:
        return str(first)


class Instance:
    def __call__(self, first: int) -> str:
        return str(first)


class AsyncInstance:
    async def __call__(self, first: int) -> str:
        return str(first)


class GeneratorInstance:
    def __call__(self, first: int) -> Iterator[str]:
        yield str(first)


class AsyncGeneratorInstance:
    async def __call__(self, first: int) -> AsyncIterator[str]:
        yield str(first)


class DecoratedInstance:
    @passing_on
    async def __call__(self, first: int) -> str:
        return str(first)


service = Service(1)

CALLABLES: dict[str, tuple[Callable[..., Any], Kind, str]] = {
    "function": (function, RETURNS, "function"),
    "generator": (generator, YIELDS, "generator"),
    "async function": (async_function, ASYNC_RETURNS, "async_function"),
    "async generator": (async_generator, ASYNC_YIELDS, "async_generator"),
    "context manager": (manager, YIELDS, "manager"),
    "async context manager": (async_manager, ASYNC_YIELDS, "async_manager"),
    "lambda": (lambda first: first, RETURNS, "<lambda>"),
    "class": (Service, RETURNS, "Service"),
    "method": (service.method, RETURNS, "method"),
    "async method": (service.async_method, ASYNC_RETURNS, "async_method"),
    "generator method": (service.generator_method, YIELDS, "generator_method"),
    "async generator method": (
        service.async_generator_method,
        ASYNC_YIELDS,
        "async_generator_method",
    ),
    "context manager method": (service.manager_method, YIELDS, "manager_method"),
    "async context manager method": (
        service.async_manager_method,
        ASYNC_YIELDS,
        "async_manager_method",
    ),
    "class method": (Service.class_method, RETURNS, "class_method"),
    "async class method": (Service.async_class_method, ASYNC_RETURNS, "async_class_method"),
    "async static method": (Service.async_static_method, ASYNC_RETURNS, "async_static_method"),
    "instance": (Instance(), RETURNS, "Instance"),
    "async instance": (AsyncInstance(), ASYNC_RETURNS, "AsyncInstance"),
    "generator instance": (GeneratorInstance(), YIELDS, "GeneratorInstance"),
    "async generator instance": (AsyncGeneratorInstance(), ASYNC_YIELDS, "AsyncGeneratorInstance"),
    "decorated instance": (DecoratedInstance(), ASYNC_RETURNS, "DecoratedInstance"),
    "decorated function": (passing_on(function), RETURNS, "function"),
    "decorated generator": (passing_on(generator), YIELDS, "generator"),
    "decorated async function": (passing_on(async_function), ASYNC_RETURNS, "async_function"),
    "decorated async generator": (passing_on(async_generator), ASYNC_YIELDS, "async_generator"),
    "decorated twice": (passing_on(awaiting(async_function)), ASYNC_RETURNS, "async_function"),
    "made async": (now_async(function), ASYNC_RETURNS, "function"),
    "decorated context manager": (passing_on(generator), YIELDS, "generator"),
}
PARTIALS: dict[str, tuple[Callable[..., Any], Kind, str]] = {
    f"partial {name}": (functools.partial(call), kind, called)
    for name, (call, kind, called) in CALLABLES.items()
}


@pytest.mark.parametrize("name", [*CALLABLES, *PARTIALS])
def test_every_kind_of_callable_is_known(name: str) -> None:
    call, kind, called = {**CALLABLES, **PARTIALS}[name]
    signature = describe(call)
    assert (signature.is_async, signature.yields) == kind
    assert signature.name == called
    assert signature.declared is call
    assert [parameter.name for parameter in signature.parameters] == ["first"]
    assert is_async_callable(call) == (kind == ASYNC_RETURNS)


@pytest.mark.parametrize("name", [*CALLABLES, *PARTIALS])
def test_every_kind_of_callable_can_be_called_as_what_it_is_said_to_be(name: str) -> None:
    call, kind, _ = {**CALLABLES, **PARTIALS}[name]
    made = describe(call).call(first=1)
    protocols = {
        YIELDS: ["__next__", "throw"],
        ASYNC_YIELDS: ["__anext__", "athrow"],
        ASYNC_RETURNS: ["__await__"],
        RETURNS: [],
    }
    assert [name for name in protocols[kind] if not hasattr(made, name)] == []
    if kind == ASYNC_RETURNS:
        made.close()


# ---------------------------------------------------------------------- whether it can suspend


async def nothing() -> None: ...


async def awaits_in_setup() -> AsyncIterator[None]:
    await nothing()
    yield


async def awaits_in_exit_code() -> AsyncIterator[None]:
    yield
    await nothing()


async def enters() -> AsyncIterator[None]:
    async with async_manager(1):
        yield


async def iterates() -> AsyncIterator[None]:
    yield
    async for _ in async_generator(1):
        pass


async def comprehends() -> AsyncIterator[list[str]]:
    yield [value async for value in async_generator(1)]


async def never_awaits() -> AsyncIterator[None]:
    async def inner() -> None:
        await nothing()

    try:
        yield
    finally:
        del inner


@pytest.mark.parametrize(
    ("call", "can_suspend"),
    [
        (awaits_in_setup, True),
        (awaits_in_exit_code, True),
        (enters, True),
        (iterates, True),
        (comprehends, True),
        (never_awaits, False),
        (passing_on(awaits_in_exit_code), True),
        (functools.partial(awaits_in_exit_code), True),
        (asynccontextmanager(awaits_in_exit_code), True),
        (asynccontextmanager(never_awaits), False),
        (generator, False),
    ],
    ids=map(str, count()),
)
def test_what_may_give_way_to_the_event_loop_is_reported_by_its_code(
    call: Callable[..., Any], can_suspend: bool
) -> None:
    assert describe(call).can_suspend is can_suspend


# ---------------------------------------------------------------------- parameters


def parameters_of(call: Callable[..., Any]) -> tuple[Parameter, ...]:
    return describe(call).parameters


def test_annotations_are_taken_apart() -> None:
    marker = object()

    def call(a, b: int, /, c: Annotated[str, "text", marker], *, d: "int | None" = None): ...

    assert parameters_of(call) == (
        Parameter("a", EMPTY, (), EMPTY, positional_only=True),
        Parameter("b", int, (), EMPTY, positional_only=True),
        Parameter("c", str, ("text", marker), EMPTY),
        Parameter("d", int | None, (), None),
    )


def test_what_takes_any_arguments_is_left_without_them() -> None:
    def call(*args: int, a: int, **kwargs: int) -> None: ...

    assert parameters_of(call) == (Parameter("a", int, (), EMPTY),)


@pytest.mark.parametrize(
    "call",
    [
        lambda: None,
        lambda a, b=None, /, c=3, *args, d, e=(), **kwargs: None,
        lambda *, a=EMPTY, b: None,
        function,
        async_generator,
    ],
    ids=lambda call: str(inspect.signature(call)),
)
def test_a_plain_function_tells_of_itself_what_inspect_finds(call: Callable[..., Any]) -> None:
    plain, inspected = describe(call), describe(functools.partial(call))
    assert plain.parameters == inspected.parameters
    assert plain.written_return == inspected.written_return


def test_arguments_that_a_partial_gives_are_no_parameters() -> None:
    def call(a: int, b: int, c: int) -> None: ...

    assert parameters_of(functools.partial(call, 1, c=3)) == (Parameter("b", int, (), EMPTY),)
    nested = functools.partial(functools.partial(call, c=3), b=2)
    assert parameters_of(nested) == (Parameter("a", int, (), EMPTY),)


def test_a_callable_that_does_not_tell_its_parameters_has_none() -> None:
    assert parameters_of(iter) == parameters_of(dict) == ()


def test_string_annotations_may_name_what_an_enclosing_function_knows() -> None:
    class Local: ...

    def call(value: "Local", many: "list[Local]") -> "Local":
        return Local()

    assert [parameter.annotation for parameter in parameters_of(call)] == [Local, list[Local]]
    assert describe(call).returns is Local


def test_what_an_enclosing_function_has_yet_to_assign_hides_no_other_name() -> None:
    def call(value: "Callable[..., Any]") -> Any:
        return later

    assert parameters_of(call) == (Parameter("value", Callable[..., Any], (), EMPTY),)
    later = 1


def test_a_class_returns_no_annotated_type() -> None:
    assert describe(Service).returns is EMPTY
    assert describe(function).returns is str


def test_an_unknown_name_that_a_declaration_got_is_reported() -> None:
    def read(it: Annotated[int, Depends(cast("Any", ForwardRef("get_it")))]) -> None: ...

    with pytest.raises(UnresolvableAnnotationError) as raised:
        describe(read)

    assert raised.value.what == (
        "the annotation Annotated[int, ...] of parameter 'it' names 'get_it', which is not known"
    )


def test_an_unknown_name_in_an_annotation_is_reported() -> None:
    def call(value: "Unknown") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(UnresolvableAnnotationError) as raised:
        describe(call)
    line = call.__code__.co_firstlineno
    assert str(raised.value) == (
        "the annotation 'Unknown' of parameter 'value' names 'Unknown', which is not known\n"
        f"  in:   {call.__qualname__} ({__file__}:{line})\n"
        "  cure: make 'Unknown' importable from the function's module: define or import it at the"
        " module's top level, outside of `if TYPE_CHECKING:` and of other functions"
    )


# ---------------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("call", "qualname", "code"),
    [
        (function, "function", function),
        (service.method, "Service.method", Service.method),
        (functools.partial(functools.partial(function)), "function", function),
        (passing_on(function), "function", function),
        (Service, "Service", Service.__init__),
        (Instance(), "Instance", Instance.__call__),
        (manager, "manager", manager.__wrapped__),  # type: ignore[attr-defined]
    ],
    ids=map(str, count()),
)
def test_a_place_names_function_file_and_line(
    call: Callable[..., Any], qualname: str, code: Any
) -> None:
    assert describe(call).where == f"{qualname} ({__file__}:{code.__code__.co_firstlineno})"


def test_a_place_outside_of_python_code_names_the_module() -> None:
    assert describe(dict).where == "dict (module builtins)"
    assert describe(operator.itemgetter(0)).where == "itemgetter (module operator)"


def test_depends_is_found_in_annotated_and_as_default() -> None:
    first, second = Depends(function), Depends(function)

    def call(a: Annotated[str, first], b: str = second) -> None: ...

    assert [p.metadata for p in parameters_of(call)] == [(first,), ()]
    assert [p.default for p in parameters_of(call)] == [EMPTY, second]


# ---------------------------------------------------------------------- once for many plans


def signature_in_a_plan(dependency: Callable[..., Any]) -> Signature:
    """What the plan of a new endpoint knows of a dependency."""

    def endpoint(value: Any = Depends(dependency)) -> None: ...

    plan = make_plan(Declarations(endpoint, leave_to_its_default, leave_to_its_default))
    return plan.steps[0].signature


def leave_to_its_default(parameter: Parameter, site: Site) -> None:
    return None


def test_a_function_is_described_once_for_all_plans_that_have_it() -> None:
    for dependency in (function, generator, async_function, async_generator):
        kept = signature_in_a_plan(dependency)
        assert signature_in_a_plan(dependency) is kept


def make_function() -> Any:
    def made(first: int, second: str = "2", *, third: float = 3) -> str:
        return f"{first} {second} {third}"

    return made


def annotate(made: Any) -> None:
    made.__annotations__["first"] = float


def annotate_another(made: Any) -> None:
    made.__annotations__ = {"first": int, "second": int, "third": float, "return": str}


def annotate_less(made: Any) -> None:
    del made.__annotations__["second"]


def change_defaults(made: Any) -> None:
    made.__defaults__ = ("other",)


def change_keyword_defaults(made: Any) -> None:
    made.__kwdefaults__["third"] = 4.5


def change_code(made: Any) -> None:
    made.__code__ = (lambda zeroth, first: None).__code__


def change_name(made: Any) -> None:
    made.__qualname__ = made.__name__ = "renamed"


def give_it_a_signature(made: Any) -> None:
    made.__signature__ = inspect.signature(function)


@pytest.mark.parametrize(
    "change",
    [
        annotate,
        annotate_another,
        annotate_less,
        change_defaults,
        change_keyword_defaults,
        change_code,
        change_name,
        give_it_a_signature,
    ],
)
def test_a_function_that_has_changed_is_described_anew(change: Callable[[Any], None]) -> None:
    made = make_function()
    before = signature_in_a_plan(made)
    change(made)
    after, expected = signature_in_a_plan(made), describe(made)
    seen = (after.name, after.where, after.parameters)
    assert seen == (expected.name, expected.where, expected.parameters)
    assert seen != (before.name, before.where, before.parameters)


def test_names_in_strings_are_looked_up_for_each_plan() -> None:
    names: dict[str, Any] = {}
    exec("def dependency(thing: 'Thing'): ...", names)
    found: list[Any] = []
    for kind in (int, str):
        names["Thing"] = kind
        found.append(signature_in_a_plan(names["dependency"]).parameters[0].annotation)
    assert found == [int, str]


def test_a_function_is_forgotten_with_the_last_plan_that_has_it() -> None:
    made = make_function()
    signature = signature_in_a_plan(made)
    gone = weakref.ref(made), weakref.ref(signature)
    del made, signature
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
