"""Functions with dependencies that run outside of a request: their parameters and plans."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from msgspec import Struct

from microfw._answering.state import AppState
from microfw._reading import refuse_request_values
from microfw.dependencies import (
    EMPTY,
    CompiledPlan,
    Declarations,
    Dependency,
    Lifetime,
    Overrides,
    Parameter,
    Plan,
    PlanCache,
    Shape,
    Watched,
    compile_plan,
    dependency_of,
    describe,
    hashable,
    inspect_signature,
    is_generator_function,
    make_plan,
    name_of,
    place_of,
    tracer,
)
from microfw.exceptions import DeclarationError, NotCallableError, UnresolvableAnnotationError

KEPT_HANDLERS = 256


class StandsForFunction:
    """A callable that is passed around in place of a function.

    Attributes:
        function: The function, as its author wrote it.
    """

    function: Callable[..., Any]


def function_of(func: Any) -> Callable[..., Any]:
    """The function that its author wrote."""
    found: Callable[..., Any] = func.function if isinstance(func, StandsForFunction) else func
    return found


class Finished(Struct, frozen=True):
    """The result of a function that has returned."""

    value: Any


class Functions:
    """One kind of functions that run outside of a request, compiled as routes are.

    Args:
        kind: What such a function is called, "background task".
        place: Where there is no request, for messages: "a background task".
        cure: What to do instead of taking a value of the request.
        taker: What such a function is given to: "add_task".
        given: The attributes of a run that fill parameters by their type alone.
    """

    def __init__(
        self,
        kind: str,
        *,
        place: str,
        cure: str,
        taker: str,
        given: Mapping[type, str] | None = None,
    ) -> None:
        self.kind = kind
        self.taker = taker
        self.given: Mapping[type, str] = given or {}
        self._bind = refuse_request_values(place, cure, self.given, has_outcome=True)
        self._bind_app = refuse_request_values(place, cure)
        self._known: WeakKeyDictionary[Callable[..., Any], Parameters] = WeakKeyDictionary()
        self._plans: PlanCache[Plan] = PlanCache(KEPT_HANDLERS)
        self._handlers: PlanCache[CompiledPlan] = PlanCache(KEPT_HANDLERS)

    def parameters(self, func: Callable[..., Any]) -> "Parameters":
        """What a function is passed, and what it gets besides.

        Raises:
            RegistrationError: It is no function, or what it depends on cannot be passed to it.
        """
        try:
            known = self._known.get(func)
        except TypeError:  # neither hashed nor referred to weakly
            return _read_parameters(func, self)
        if known is None:
            known = self._known[func] = _read_parameters(func, self)
        return known

    def plan(self, func: Callable[..., Any], overrides: Overrides, default: Lifetime) -> Plan:
        """Plan a function: its dependencies in order, and the function itself.

        Raises:
            RegistrationError: The subclass names the mistake.
        """
        bind, bind_app = self._bind, self._bind_app
        declared = Declarations(
            func, bind, bind_app, overrides=overrides, default=default, is_passed_more=True
        )
        return make_plan(declared)

    def kept_plan(
        self, func: Callable[..., Any], overrides: Overrides | None, app_state: AppState
    ) -> Plan:
        """Plan a function once for each set of overrides, so that start-up opens what it uses."""

        def make() -> Plan:
            return self.plan(func, overrides or {}, app_state.default)

        return self._plans.get((hashable(func), app_state.default), {**(overrides or {})}, make)

    def handler(
        self, func: Callable[..., Any], overrides: Overrides | None, app_state: AppState
    ) -> CompiledPlan:
        """Compile a function, once for each set of overrides.

        What it compiles to takes the `Run`, positional arguments and named ones. It leaves a
        `Finished` as the run's result, or nothing where a dependency swallowed an exception.
        """

        def make() -> CompiledPlan:
            plan = self.kept_plan(func, overrides, app_state)
            shape = _shape(f"{self.kind} {name_of(func)}")
            if isinstance(overrides, Watched):
                return _telling_source(compile_plan(plan, shape, is_watched=True))
            return compile_plan(plan, shape)

        return self._handlers.get((hashable(func), app_state.default), overrides, make)

    def fills(self, parameter: Parameter) -> bool:
        """Whether callers leave a parameter out: a dependency, or of a type that microfw fills."""
        is_given = any(parameter.annotation is kind for kind in self.given)
        return is_given or dependency_of(parameter) is not None


def _telling_source(compiled: CompiledPlan) -> CompiledPlan:
    """A compiled plan whose source is that of the trace, unless it runs inside of another one."""

    async def call(*args: Any) -> None:
        watching = tracer()
        watching.source = watching.source or compiled.source
        await compiled.call(*args)

    return CompiledPlan(call, compiled.source)


def _shape(title: str) -> Shape:
    return Shape(
        title=title,
        run="run",
        finish="Finished(returned)",
        names={"Finished": Finished},
        parameters=("args", "kwargs"),
        pass_on="*args, **kwargs",
        kind="task",
    )


class Parameters(Struct, frozen=True):
    """The arguments that a function's callers pass, and those that microfw adds."""

    own: inspect.Signature | None
    """Its signature without the dependencies; `None` for one made in C that does not tell."""
    dependencies: frozenset[str]
    """The parameters that nobody passes: dependencies, and what their type alone fills."""
    unresolvable: UnresolvableAnnotationError | None = None
    """Why it cannot be known which of its parameters are dependencies."""
    counts: range = range(0)
    """How many arguments fit, if none is named and none is a dependency."""
    kind: str = "background task"
    """What the function is called as, for messages."""

    def fitted(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Fit arguments to parameters; by name, where dependencies are among them.

        Raises:
            TypeError: They do not fit.
        """
        if self.own is None or (len(args) in self.counts and not kwargs):
            return args, kwargs
        try:
            for name in self.dependencies & kwargs.keys():
                raise TypeError(f"got an unexpected keyword argument {name!r}, a dependency")
            bound = self.own.bind(*args, **kwargs)
        except TypeError as error:
            if self.unresolvable is not None:
                raise self.unresolvable from None
            raise TypeError(f"{self.kind} {place_of(func)}: {error}") from None
        own = self.own.parameters.values()
        if not self.dependencies or any(p.kind is p.VAR_POSITIONAL for p in own):
            return bound.args, bound.kwargs
        given = bound.arguments
        positional = [given[p.name] for p in own if p.name in given and p.kind is p.POSITIONAL_ONLY]
        by_name = {p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD} & given.keys()
        return positional, {**bound.kwargs, **{name: given[name] for name in by_name}}


def _read_parameters(func: Callable[..., Any], functions: Functions) -> Parameters:
    if not callable(func):
        raise NotCallableError(
            f"the {functions.kind} is {func!r}, which cannot be called",
            where=f"{functions.taker}(...)",
            cure=f"give `{functions.taker}` the function, and its arguments behind it:"
            f" {functions.taker}(f, value)",
        )
    if is_generator_function(func):
        raise DeclarationError(
            f"the {functions.kind} is a generator function: calling it runs nothing of it",
            where=place_of(func),
            cure="return what it yields, in a list; or call it in a function of your own, and"
            " iterate there",
        )
    try:
        signature = inspect_signature(func)
    except ValueError:
        return Parameters(None, frozenset(), kind=functions.kind)
    try:
        dependencies = {p.name for p in describe(func).parameters if functions.fills(p)}
    except UnresolvableAnnotationError as error:
        if any(isinstance(p.default, Dependency) for p in signature.parameters.values()):
            raise
        # No matter, if all that it needs is passed: a function without dependencies.
        unresolvable = error.with_traceback(None)
        return Parameters(signature, frozenset(), unresolvable, kind=functions.kind)
    _check_can_be_named(func, signature, dependencies, functions.kind)
    own = [p for p in signature.parameters.values() if p.name not in dependencies]
    return Parameters(
        signature.replace(parameters=own, return_annotation=EMPTY),
        frozenset(dependencies),
        counts=range(0) if dependencies else _counts(own),
        kind=functions.kind,
    )


def _counts(parameters: Iterable[inspect.Parameter]) -> range:
    """How many arguments fit, if none is named; binding them would take as long as a small task."""
    fewest = most = 0
    for p in parameters:
        is_required = p.default is EMPTY
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            fewest += is_required
            most += 1
        elif p.kind is p.VAR_POSITIONAL:
            most = sys.maxsize
        elif p.kind is p.KEYWORD_ONLY and is_required:
            return range(0)
    return range(fewest, most + 1)


def _check_can_be_named(
    func: Callable[..., Any], signature: inspect.Signature, dependencies: set[str], kind: str
) -> None:
    """Dependencies are passed by name, and so stand neither before `/` nor before `*args`."""
    parameters = signature.parameters.values()
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    for p in parameters:
        before_star = takes_any and p.kind is p.POSITIONAL_OR_KEYWORD
        if p.name in dependencies and (before_star or p.kind is p.POSITIONAL_ONLY):
            raise DeclarationError(
                f"the dependency {p.name!r} of a {kind} cannot be passed by name",
                where=place_of(func),
                cure="declare it behind `/` and behind `*args`",
            )
