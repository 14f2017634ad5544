"""How a callable is called: the signature that counts, and the functions that get the arguments.

Of most callables `inspect` knows the signature. Of some it finds one that says nothing, since what
it looks at first passes on whatever it gets: a metaclass's `__call__`, a `__new__` beside an
`__init__`, the alias `Repo[int]`. Of others the author makes it by hand, as `__signature__`, and
the function behind it has other defaults, or takes by name what the signature has by its place.
"""

import functools
import inspect
import sys
from collections.abc import Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any, get_args, get_origin

from microfw.dependencies._annotations import inspect_signature
from microfw.dependencies._declared import Declared

EMPTY: Any = inspect.Parameter.empty
CALL = "__call__"
WRAPPED = "__wrapped__"

_TYPING = ("typing", "typing_extensions")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def stripped(call: Any) -> Any:
    """The callable inside of partials, and of a generic class with its arguments, `Repo[int]`."""
    while True:
        origin = None if isinstance(call, FunctionType) else get_origin(call)
        if isinstance(call, functools.partial):
            call = call.func
        elif isinstance(origin, type):
            call = origin
        else:
            return call


def type_arguments(call: Any) -> dict[Any, Any]:
    """The arguments of a generic class, by type variable: `int` in `Repo[int]`."""
    while isinstance(call, functools.partial):
        call = call.func
    variables = getattr(get_origin(call), "__parameters__", ())
    return dict(zip(variables, get_args(call), strict=False))


def signature_that_counts(call: Any) -> inspect.Signature:
    """Find the signature that counts.

    Raises:
        ValueError: It is a callable made in C that does not tell.
        TypeError: A partial gives arguments that the function does not take, or `__signature__` is
            no signature.
    """
    if isinstance(call, functools.partial):
        inner = _Signed(signature_that_counts(call.func))
        try:
            return inspect_signature(functools.partial(inner, *call.args, **call.keywords))
        except ValueError:
            raise TypeError("a partial gives it arguments that it does not take") from None
    origin = stripped(call)
    signature = inspect_signature(origin)
    if isinstance(origin, type) and variadic(signature) and not _is_signed(origin):
        for make in _makers(origin):
            found = inspect_signature(make)
            if not variadic(found):
                return found.replace(parameters=list(found.parameters.values())[1:])
    return signature


def variadic(signature: inspect.Signature) -> list[inspect.Parameter]:
    """What a signature has for any arguments at all."""
    return [each for each in signature.parameters.values() if each.kind in _VARIADIC]


def is_variadic(code: CodeType) -> bool:
    """Whether a function takes any arguments at all."""
    return bool(code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS))


def passed_on(call: Any, signature: inspect.Signature) -> list[inspect.Parameter]:
    """The parameters that a callable passes on to another one, `*args` and `**kwargs`.

    Nothing where its author says by `__signature__` what counts, of mocks, and of what is made in
    C: these pass nothing on.
    """
    origin = stripped(call)
    mock = sys.modules.get("unittest.mock")
    is_mock = mock is not None and isinstance(origin, mock.NonCallableMock)
    functions = _functions(origin)
    if is_mock or not functions or any(map(_is_signed, (origin, *functions))):
        return []
    return variadic(signature)


def is_passed_by_place(call: Any, parameter: inspect.Parameter) -> bool:
    """Whether some function that gets a parameter's value does not take it by its name."""
    origin = stripped(call)
    receivers = [function.__code__ for function, _ in _receivers(origin)]
    if any(parameter.name in _names_of_places(each.__code__) for each in _functions(origin)):
        return True
    if not receivers:
        return parameter.kind is parameter.POSITIONAL_ONLY
    return any(_takes_by_place_alone(code, parameter) for code in receivers)


def keep_their_places(call: Any, names: Sequence[str]) -> bool:
    """Whether values passed by place get to the parameters before `/` that they are for."""
    given, _ = given_by_partials(call)
    for function, bound in _receivers(stripped(call)):
        places = _names_of_places(function.__code__)[bound + len(given) :]
        own = [name for name in names if name in places]
        if own != list(places[: len(own)]):
            return False
    return True


def _names_of_places(code: CodeType) -> tuple[str, ...]:
    """The parameters before `/`."""
    return code.co_varnames[: code.co_posonlyargcount]


def _takes_by_place_alone(code: CodeType, parameter: inspect.Parameter) -> bool:
    """Whether a function has no parameter of that name, and takes no others by name."""
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if parameter.name in names or code.co_flags & inspect.CO_VARKEYWORDS:
        return False
    takes_more = bool(code.co_flags & inspect.CO_VARARGS)
    return parameter.kind is parameter.POSITIONAL_ONLY or (
        takes_more and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    )


def is_left_alone(call: Any, parameter: inspect.Parameter) -> bool:
    """Whether a class with a generated signature keeps a parameter to itself.

    So do the settings of pydantic-settings: `_env_file` is not for clients to choose.
    """
    origin = stripped(call)
    is_private = parameter.name.startswith("_") and parameter.default is not EMPTY
    return is_private and isinstance(origin, type) and _is_signed(origin)


def defaults_that_declare(call: Any) -> tuple[str, ...]:
    """The parameters with a declaration as their default, by a partial or in what is called.

    A call that leaves one of them out makes a value of the declaration itself.
    """
    given, named = given_by_partials(call)
    declaring = [name for name, value in named.items() if isinstance(value, Declared)]
    for function, bound in _receivers(stripped(call)):
        code = function.__code__
        places = code.co_varnames[: code.co_argcount]
        filled = {
            *places[: bound + len(given)],
            *named.keys() - {*places[: code.co_posonlyargcount]},
        }
        defaults: dict[str, Any] = dict(
            zip(reversed(places), reversed(function.__defaults__ or ()), strict=False)
        )
        defaults.update(function.__kwdefaults__ or {})
        declaring += [
            name
            for name, default in defaults.items()
            if isinstance(default, Declared) and name not in filled
        ]
    return tuple(declaring)


def given_by_partials(call: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that partials pass by place, and by name."""
    by_place: list[Any] = []
    by_name: dict[str, Any] = {}
    while isinstance(call, functools.partial):
        by_place = [*call.args, *by_place]
        by_name = {**call.keywords, **by_name}
        call = call.func
    return by_place, by_name


def _receivers(call: Any) -> list[tuple[FunctionType, int]]:
    """The functions that get the arguments as they are passed, and how many others before them."""
    if isinstance(call, type):
        return [(make, 1) for make in _makers(call)]
    function: Any = call
    if isinstance(call, MethodType):
        function = call.__func__
    elif type(call) is not FunctionType:  # a mock may pose as one
        function = getattr(_class_of(call), CALL)
    return [(function, int(function is not call))] if type(function) is FunctionType else []


def _functions(call: Any) -> list[FunctionType]:
    """Those that get the arguments, and those inside of them up to where the signature is from."""
    functions: list[Any] = [function for function, _ in _receivers(call)]
    for outer in (call, *functions):
        inner = outer
        while not _is_signed(inner) and hasattr(inner, WRAPPED):
            inner = getattr(inner, WRAPPED)
            if isinstance(inner, FunctionType):
                functions.append(inner)
    return functions


def _makers(kind: type[Any]) -> list[FunctionType]:
    """What is called to make an instance: by a metaclass, `__new__`, `__init__`."""
    by_metaclass: Any = getattr(type(kind), CALL)
    if isinstance(by_metaclass, FunctionType) and not is_variadic(by_metaclass.__code__):
        return [by_metaclass]
    # What `typing` puts there, for protocols, calls the next one.
    inits = [vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)]
    init = next(each for each in inits if getattr(each, "__module__", "") not in _TYPING)
    makers = (by_metaclass, kind.__new__, init)
    return [make for make in makers if isinstance(make, FunctionType)]


def _class_of(value: object) -> Any:
    return type(value)


def _is_signed(call: Any) -> bool:
    return getattr(call, "__signature__", None) is not None


class _Signed:
    """Something to call, with a signature."""

    def __init__(self, signature: inspect.Signature) -> None:
        self.__signature__ = signature

    __call__ = object.__repr__
