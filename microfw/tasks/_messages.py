"""The parameters of a task: what is sent of them, and what is made of that again."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Struct
from taskiq.labels import prepare_label
from taskiq_dependencies.dependency import Dependency as TaskiqDependency

from microfw._answering import Functions
from microfw._models import (
    ConstraintError,
    Invalid,
    JSONConverter,
    UnsupportedTypeError,
    below,
    dumper_of,
    missing,
)
from microfw._models.errors import Error, error
from microfw.dependencies import EMPTY, Parameter, describe, place_of
from microfw.exceptions import DeclarationError, TaskValidationError

SCALARS = frozenset({bool, float, int, str, type(None)})
"""What is sent as it is."""

_NAMED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class MessageParameter(Struct, frozen=True):
    """A parameter of a task whose value comes with the message."""

    name: str
    is_required: bool
    is_positional: bool
    """Whether it can be passed by position alone."""
    convert: Callable[[Any, int], Any] | None
    """Validates plain data; `None` where no type is declared."""
    dump: Callable[[Any], Any]
    """Makes plain data of a value."""

    def converted(self, value: Any, errors: list[Error]) -> Any:
        """Make the value of plain data, or add what is wrong with it."""
        if self.convert is None:
            return value
        try:
            return self.convert(value, 0)
        except Invalid as problem:
            errors += below(problem.errors, self.name)
            return None


class MessageFormat:
    """What the messages for one function look like.

    Args:
        func: The function.
        functions: The kind of functions that it is of.

    Raises:
        RegistrationError: A parameter cannot come with a message.
    """

    def __init__(self, func: Callable[..., Any], functions: Functions) -> None:
        self._func = func
        self._parameters = functions.parameters(func)
        own = self._parameters.own
        if own is None:
            raise DeclarationError(
                "the parameters of the task cannot be found out",
                where=place_of(func),
                cure="wrap it in a function of your own, `async def`, that names them",
            )
        described = {each.name: each for each in describe(func).parameters}
        self._all = [_made(each, described, func) for each in own.parameters.values()]
        self._by_position = [each for each in self._all if own.parameters[each.name].kind in _NAMED]
        self._counts = _counts(self._all, len(self._by_position))
        self._are_positional = any(each.is_positional for each in self._all)
        self._by_name = {each.name: each for each in self._all if not each.is_positional}

    def sent(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Make the arguments of a message, plain data, of those of a call.

        Raises:
            TypeError: They do not fit the function's parameters, or cannot be sent.
        """
        if kwargs or len(args) not in self._counts:
            self._parameters.fitted(self._func, tuple(args), dict(kwargs))
        elif SCALARS.issuperset(map(type, args)):
            return args, kwargs
        positional = [
            value if type(value) in SCALARS else self._dumped(parameter, value)
            for value, parameter in zip(args, self._by_position, strict=False)
        ]
        named = {
            name: value if type(value) in SCALARS else self._dumped(self._by_name[name], value)
            for name, value in kwargs.items()
        }
        return positional, named

    def _dumped(self, parameter: MessageParameter, value: Any) -> Any:
        try:
            return parameter.dump(value)
        except (TypeError, ValueError) as problem:
            raise TypeError(
                f"the argument {parameter.name!r} of the task {place_of(self._func)} cannot be"
                f" sent: {problem}"
            ) from None

    def read(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Make the function's arguments, positional ones and others, of those of a message.

        Raises:
            TaskValidationError: They are not valid; nothing has been opened.
        """
        if not kwargs and len(args) in self._counts and not self._are_positional:
            converted: dict[str, Any] = {}
            try:
                for parameter, value in zip(self._by_position, args, strict=False):
                    convert = parameter.convert
                    converted[parameter.name] = value if convert is None else convert(value, 0)
            except Invalid:
                pass  # what is not valid, and all else, is found out below
            else:
                return (), converted
        errors = self._unexpected(args, kwargs)
        names = (each.name for each in self._by_position)
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in self._all:
            name = parameter.name
            if name in given:
                value = parameter.converted(given[name], errors)
                if parameter.is_positional:
                    positional.append(value)
                else:
                    named[name] = value
            elif parameter.is_required:
                errors.append(missing(given, name))
        if errors:
            raise TaskValidationError(below(errors, "message"))
        return positional, named

    def _unexpected(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Error]:
        """The errors about arguments that the function does not take, or takes once."""
        counted = len(self._by_position)
        errors = [
            error("unexpected_argument", "Unexpected argument", value, counted + index)
            for index, value in enumerate(args[counted:])
        ]
        if kwargs:
            kind, text = "unexpected_keyword_argument", "Unexpected keyword argument"
            taken = {each.name for each in self._by_position[: len(args)]}
            allowed = self._by_name.keys() - taken
            errors += [error(kind, text, kwargs[n], n) for n in kwargs if n not in allowed]
        return errors


def labels_sent(labels: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """Make the labels of a message, texts as brokers send them, and their types."""
    texts: dict[str, Any] = {}
    types: dict[str, int] = {}
    for name, label in labels.items():
        if name != "types_of_exceptions":  # classes, which the worker has from the declaration
            texts[name], types[name] = prepare_label(label)
    return texts, types


def _counts(parameters: Sequence[MessageParameter], positional: int) -> range:
    """How many arguments fit, if none is named."""
    required = [index for index, each in enumerate(parameters) if each.is_required]
    if any(index >= positional for index in required):  # which has to be named
        return range(0)
    return range(len(required), positional + 1)


def _made(
    parameter: inspect.Parameter, described: Mapping[str, Parameter], func: Callable[..., Any]
) -> MessageParameter:
    name, kind = parameter.name, parameter.kind
    if kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise DeclarationError(
            f"the task takes {parameter}: what a message may hold is not known",
            where=place_of(func),
            cure="name the parameters, or take one list or dict",
        )
    annotation, metadata = described[name].annotation, described[name].metadata
    if any(isinstance(each, TaskiqDependency) for each in (parameter.default, *metadata)):
        raise DeclarationError(
            f"the parameter {name!r} of the task is filled by `TaskiqDepends`, which has no effect"
            " on the tasks of a TaskQueue",
            where=place_of(func),
            cure="write microfw's `Depends` of the same function",
        )
    if metadata and annotation is not EMPTY:
        annotation = Annotated[(annotation, *metadata)]
    is_declared = annotation is not EMPTY and annotation is not Any
    try:
        convert = JSONConverter(annotation).convert if is_declared else None
        dump = dumper_of(annotation if is_declared else Any)
    except (UnsupportedTypeError, ConstraintError) as problem:
        raise DeclarationError(
            f"the parameter {name!r} of the task cannot come with a message: {problem}",
            where=place_of(func),
            cure="send what can be JSON, such as an id, and load the rest in the task; what others"
            " make is a dependency, `Depends(...)`",
        ) from None
    return MessageParameter(
        name, parameter.default is EMPTY, kind is parameter.POSITIONAL_ONLY, convert, dump
    )
