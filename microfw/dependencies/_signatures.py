"""A callable -> its parameters, its kind (sync or async, return or yield) and its place."""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from operator import is_
from types import CodeType, FunctionType, MethodType
from typing import Annotated, Any, get_origin
from weakref import WeakValueDictionary

from msgspec import Struct

from microfw.dependencies import _code
from microfw.dependencies._annotations import (
    annotations_of,
    inspect_signature,
    is_evaluated,
    names_a_dependency,
    names_known_to,
    resolved,
    with_types,
    without_type,
)
from microfw.dependencies._calls import (
    CALL,
    EMPTY,
    defaults_that_declare,
    given_by_partials,
    is_left_alone,
    is_passed_by_place,
    is_variadic,
    keep_their_places,
    passed_on,
    signature_that_counts,
    stripped,
    type_arguments,
)
from microfw.dependencies._declared import Declared
from microfw.exceptions import DeclarationError, UnresolvableAnnotationError

_ANY: Any = id

# The functions that the decorators of contextlib make share one code object each.
_MAKES_CONTEXT_MANAGER = {contextmanager(_ANY).__code__, asynccontextmanager(_ANY).__code__}


# What a function is -> whether it is async, whether it yields.
_KINDS: dict[Callable[[Any], bool], tuple[bool, bool]] = {
    inspect.isasyncgenfunction: (True, True),
    inspect.isgeneratorfunction: (False, True),
    inspect.iscoroutinefunction: (True, False),
}
# Before CPython 3.14 mocks of coroutine functions have a mark that only asyncio knows.
_is_marked_async: Callable[[Any], bool] = (
    inspect.iscoroutinefunction if sys.version_info >= (3, 14) else asyncio.iscoroutinefunction
)
_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_YIELDING = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Parameter(Struct, frozen=True):
    """One parameter of a callable, its annotation taken apart."""

    name: str
    annotation: Any
    """The type without `Annotated`; `EMPTY` where none is written."""
    metadata: tuple[Any, ...]
    """What `Annotated` holds besides the type."""
    default: Any
    """`EMPTY` where a value is required."""
    positional_only: bool = False


class Signature(Struct, frozen=True, eq=False, weakref=True):
    """What the graph needs to know of a callable, found out once."""

    declared: Callable[..., Any]
    """The callable as the author named it, under which it is shared and overridden."""
    call: Callable[..., Any]
    """What is called: the same, or the generator function inside a context manager's decorator."""
    name: str
    where: str
    """`qualname (file.py:line)`."""
    parameters: tuple[Parameter, ...]
    is_async: bool
    yields: bool
    can_suspend: bool
    """Whether an `await` in it, and so its exit code, may give way to the event loop."""
    written_return: Any
    """The return annotation as it is written, `EMPTY` where none is."""
    passed_on: tuple[Parameter, ...]
    """What it takes to pass on to nobody knows whom, `*args` and `**kwargs`."""
    takes_any_name: bool
    """Whether it takes `**kwargs`, and so anything by name."""
    declaring: tuple[str, ...]
    """The parameters whose default is a declaration, also those that the signature hides."""
    source: tuple[Any, ...]
    """What all this was found out from; nothing where it may depend on other things."""

    @property
    def returns(self) -> Any:
        """The return annotation, which an endpoint alone needs.

        Raises:
            UnresolvableAnnotationError: It is a string that names something unknown.
        """
        names = functools.partial(names_known_to, _function_of(self.call), self.call)
        return resolved(
            self.written_return, names, "the return value", functools.partial(place_of, self.call)
        )

    def __eq__(self, other: object) -> bool:
        """Whether both are of the same callable; what is known of it is the same then."""
        return isinstance(other, Signature) and self.declared == other.declared

    def __hash__(self) -> int:
        return hash(self.where)


def describe(
    call: Callable[..., Any],
    source: tuple[Any, ...] = (),
    unresolved: dict[str, UnresolvableAnnotationError] | None = None,
) -> Signature:
    """Read the signature of any callable.

    Args:
        call: The callable.
        source: What decides the signature, if that is known.
        unresolved: Takes the mistakes in annotations, by the names of the parameters, which are
            left out; else the first is raised.

    Raises:
        UnresolvableAnnotationError: A parameter's annotation is a string that names something
            unknown.
        DeclarationError: A partial passes a declaration by place.
    """
    target = _without_context_manager(call)
    function, is_async, yields = _kind(target)
    written = _written_in(target) if _is_plain(target) else _inspected(target)
    names = functools.cache(functools.partial(names_known_to, _function_of(target), target))
    passed = [(each.name, each.annotation, EMPTY, False) for each in written.passed_on]
    return Signature(
        declared=call,
        call=target,
        name=name_of(call),
        where=place_of(call),
        parameters=_parameters(written.parameters, target, names, unresolved),
        is_async=is_async,
        yields=yields,
        can_suspend=is_async and _can_suspend(function),
        written_return=written.returns,
        passed_on=_parameters(passed, target, names, unresolved),
        takes_any_name=any(each.kind is each.VAR_KEYWORD for each in written.passed_on),
        declaring=written.declaring,
        source=source,
    )


_in_use: WeakValueDictionary[int, Signature] = WeakValueDictionary()
"""Those of functions that some plan has, by the function's identity."""


def signature_of(
    dependency: Callable[..., Any], unresolved: dict[str, UnresolvableAnnotationError]
) -> Signature:
    """Describe a dependency, unless that was done for another plan; routes have many in common."""
    known = _in_use.get(id(dependency))
    if known is not None and known.declared is dependency and _is_plain(dependency):
        source = _parts_of(dependency)
        if len(source) == len(known.source) and all(map(is_, source, known.source)):
            return known
    signature = describe(dependency, _source_of(dependency), unresolved)
    if signature.source:
        _in_use[id(dependency)] = signature
    return signature


def _source_of(call: Any) -> tuple[Any, ...]:
    """What decides the signature of a plain function whose annotations are no strings."""
    if not _is_plain(call):
        return ()
    annotations = annotations_of(call)
    if not all(is_evaluated(each) for name, each in annotations.items() if name != "return"):
        return ()
    return _parts_of(call)


def _parts_of(call: Any) -> tuple[Any, ...]:
    annotations = annotations_of(call)
    keyword_only: dict[str, Any] = call.__kwdefaults__ or {}
    values: tuple[Any, ...] = (*keyword_only.values(), *annotations, *annotations.values())
    return (call.__code__, call.__name__, call.__qualname__, call.__defaults__, *values)


def is_async_callable(call: Callable[..., Any]) -> bool:
    """Whether what a callable returns is to be awaited."""
    _, is_async, is_generator = _kind(call)
    return is_async and not is_generator


def is_generator_function(call: Callable[..., Any]) -> bool:
    """Whether a callable is a generator function, sync or async."""
    _, _, is_generator = _kind(call)
    return is_generator


def name_of(call: Any) -> str:
    """The name of a callable in messages, logs and generated source."""
    call = stripped(call)
    name: str = getattr(call, "__name__", None) or type(call).__name__
    return name


def place_of(call: Any) -> str:
    """`qualname (file.py:line)` of a callable, as much of it as can be known."""
    call = stripped(call)
    named: Any = call if hasattr(call, "__qualname__") else _class_of(call)
    code = getattr(_function_of(call), "__code__", None)
    qualname: str = named.__qualname__
    if type(code) is not CodeType or not code.co_filename.endswith(".py"):
        return f"{qualname} (module {getattr(named, '__module__', '?')})"
    return f"{qualname} ({code.co_filename}:{code.co_firstlineno})"


def _is_plain(call: Any) -> bool:
    """Whether a callable is a function as `def` makes it, which nothing wraps or marks."""
    return isinstance(call, FunctionType) and not call.__dict__


def _function_of(call: Any) -> Any:
    """The function behind a callable: behind partials, methods, decorators, `__call__`."""
    while not _is_plain(call):
        call = stripped(call)
        if isinstance(call, MethodType):
            call = call.__func__
        elif hasattr(call, "__wrapped__"):
            call = call.__wrapped__
        elif isinstance(call, type):
            return call.__dict__.get("__init__", call)
        else:
            method = getattr(_class_of(call), CALL, None)
            if isinstance(call, FunctionType) or not isinstance(method, FunctionType):
                return call
            call = method
    return call


def _class_of(call: Any) -> Any:
    return call.__class__


def _without_context_manager(call: Any) -> Any:
    """The generator function, where `contextlib` has made a context manager's function of it."""
    if _is_plain(call):
        return call
    if _class_of(call) is functools.partial:
        inner = _without_context_manager(call.func)
        return call if inner is call.func else functools.partial(inner, *call.args, **call.keywords)
    if isinstance(call, MethodType):
        inner = _without_context_manager(call.__func__)
        return call if inner is call.__func__ else MethodType(inner, call.__self__)
    if getattr(call, "__code__", None) in _MAKES_CONTEXT_MANAGER:
        return call.__wrapped__
    return _generator_function_of(call) if _makes_context_manager(call) else call


def _makes_context_manager(call: Any) -> bool:
    """Whether a callable is a decorator, or a `__call__`, around a context manager's function."""
    for function in _layers(call):
        if getattr(function, "__code__", None) in _MAKES_CONTEXT_MANAGER:
            return True
        if any(is_kind(function) for is_kind in _KINDS):
            return False
    return False


def _generator_function_of(call: Any) -> Any:
    """A function that returns the generator inside of the context manager that `call` makes."""

    @functools.wraps(call)
    def make_generator(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs).gen

    return make_generator


def _layers(call: Any) -> Iterator[Any]:
    """The functions behind a callable, from the outermost decorator to the innermost function."""
    while call is not None:
        call = stripped(call)
        if isinstance(call, type):
            yield call
            return
        function = call
        if not isinstance(call, FunctionType | MethodType):
            function = getattr(_class_of(call), CALL, call)
        yield function
        call = getattr(call, "__wrapped__", getattr(function, "__wrapped__", None))


def _kind(call: Any) -> tuple[Any, bool, bool]:
    """The function that decides what kind a callable is of, whether it is async, and yields.

    A decorator that only passes on what the decorated function returns is of that one's kind.
    """
    if _is_plain(call):
        flags = call.__code__.co_flags
        return call, bool(flags & _ASYNC), bool(flags & _YIELDING)
    if _is_marked_async(stripped(call)):
        return call, True, False
    function = call
    for function in _layers(call):
        for is_kind, (is_async, yields) in _KINDS.items():
            if is_kind(function):
                return function, is_async, yields
    return function, False, False


def _can_suspend(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return type(code) is not CodeType or _code.can_suspend(code)


_AsWritten = list[tuple[str, Any, Any, bool]]
"""Of each parameter the name, the annotation, the default, and whether it has but its place."""


class _Written(Struct):
    parameters: _AsWritten
    returns: Any = EMPTY
    passed_on: Sequence[inspect.Parameter] = ()
    declaring: tuple[str, ...] = ()


def _parameters(
    written: _AsWritten,
    call: Any,
    names: Callable[[], Any],
    unresolved: dict[str, UnresolvableAnnotationError] | None,
) -> tuple[Parameter, ...]:
    place = functools.partial(place_of, call)
    types = type_arguments(call)
    parameters: list[Parameter] = []
    for name, declared, default, positional_only in written:
        try:
            annotation = resolved(declared, names, f"parameter {name!r}", place)
        except UnresolvableAnnotationError as mistake:
            if names_a_dependency(declared, default):
                annotation = without_type(declared)
            elif unresolved is None:
                raise
            else:
                unresolved[name] = mistake
                continue
        metadata: tuple[Any, ...] = ()
        if types:
            annotation = with_types(annotation, types)
        if get_origin(annotation) is not Annotated:
            annotation = getattr(annotation, "__value__", annotation)  # `type X = ...`
        if get_origin(annotation) is Annotated:
            metadata = annotation.__metadata__
            annotation = annotation.__origin__
        parameters.append(Parameter(name, annotation, metadata, default, positional_only))
    return tuple(parameters)


def _written_in(function: FunctionType) -> _Written:
    """What `inspect` finds in a plain function, in a tenth of the time."""
    code = function.__code__
    last = code.co_argcount
    names = code.co_varnames[: last + code.co_kwonlyargcount]
    defaults: dict[str, Any] = dict(
        zip(reversed(names[:last]), reversed(function.__defaults__ or ()), strict=False)
    )
    defaults.update(function.__kwdefaults__ or {})
    annotations = annotations_of(function)
    parameters = [
        (
            name,
            annotations.get(name, EMPTY),
            defaults.get(name, EMPTY),
            number < code.co_posonlyargcount,
        )
        for number, name in enumerate(names)
    ]
    returns = annotations.get("return", EMPTY)
    rest = passed_on(function, inspect_signature(function)) if is_variadic(code) else ()
    declaring = [name for name, default in defaults.items() if isinstance(default, Declared)]
    return _Written(parameters, returns, rest, tuple(declaring))


def _inspected(call: Any) -> _Written:
    values, named = given_by_partials(call)
    if any(isinstance(value, Declared) for value in values):
        raise DeclarationError(
            f"a partial passes {name_of(call)!r} a declaration by its place, as a value",
            where=place_of(call),
            cure="pass it by name, functools.partial(function, name=Depends(...))",
        )
    declaring = defaults_that_declare(call)
    try:
        signature = signature_that_counts(call)
    except ValueError:  # a callable made in C that does not tell
        return _Written([], declaring=declaring)
    except TypeError as problem:
        raise DeclarationError(
            f"{name_of(call)!r} cannot be called: {problem}",
            where=place_of(call),
            cure="give the partial arguments that the function takes, or correct `__signature__`",
        ) from None
    parameters = [
        (each.name, each.annotation, each.default, is_passed_by_place(call, each))
        for each in signature.parameters.values()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        # A declaration that a partial passes by name declares the parameter anew.
        and (each.name not in named or isinstance(named[each.name], Declared))
        and not is_left_alone(call, each)
    ]
    if not keep_their_places(call, [name for name, _, _, by_place in parameters if by_place]):
        raise DeclarationError(
            f"the `__signature__` of {name_of(call)!r} leaves out, or has in another order, what it"
            " takes by place",
            where=place_of(call),
            cure="name in `__signature__` what stands before `/`, in its order",
        )
    returns = EMPTY if isinstance(stripped(call), type) else signature.return_annotation
    return _Written(parameters, returns, passed_on(call, signature), declaring)


def returns_a_value(signature: Signature) -> bool:
    """Whether a generator function has a `return` with a value, as far as its source shows."""
    return _shows(signature, _code.returns_a_value)


def only_returns_none(signature: Signature) -> bool:
    """Whether a sync function returns no value and raises none, as far as its source shows."""
    return _shows(signature, _code.only_returns_none)


def _shows(signature: Signature, does: Callable[[CodeType], bool]) -> bool:
    function, _, _ = _kind(signature.call)
    code = getattr(function, "__code__", None)
    return type(code) is CodeType and does(code)
