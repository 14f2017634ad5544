"""Background tasks whose functions may have dependencies of their own."""

import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import starlette.background
from msgspec import Struct
from starlette.background import BackgroundTask

from microfw._answering.state import AppState
from microfw._reading import refuse_request_values
from microfw.dependencies import (
    EMPTY,
    CompiledPlan,
    Declarations,
    Declared,
    Dependency,
    DependencyScope,
    Lifetime,
    Overrides,
    PlainRun,
    Plan,
    PlanCache,
    Shape,
    Threads,
    compile_plan,
    dependency_of,
    describe,
    hashable,
    inspect_signature,
    make_plan,
    name_of,
    place_of,
)
from microfw.exceptions import DeclarationError, NotCallableError, UnresolvableAnnotationError

__all__ = ["BackgroundTask", "BackgroundTasks", "plan_of"]

logger: logging.Logger = logging.getLogger("microfw")

_handlers: PlanCache[CompiledPlan] = PlanCache(limit=256)


class BackgroundTasks(starlette.background.BackgroundTasks):
    """Work to be done after the response has been sent, in the order in which it was added.

    Declared as a parameter of an endpoint or a dependency, it is the request's one list.
    """

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Add a call of a sync or async function.

        Its parameters may be dependencies, `Depends(...)`; these are not passed here. They open
        when the task starts and close when it ends.

        Raises:
            RegistrationError: It is no function, or a dependency of it cannot be opened outside
                of a request.
            TypeError: The arguments do not fit the function's other parameters.
        """
        for value in (*args, *kwargs.values()):
            if isinstance(value, Declared):
                raise DeclarationError(
                    "a declaration is passed to a background task, which would get it as the value",
                    where=place_of(func),
                    cure="declare a parameter of the task's function with it, and pass nothing",
                )
        parameters = _parameters_of(func)
        positional, named = parameters.fitted(func, args, kwargs)
        kind: Callable[..., BackgroundTask] = BackgroundTask
        if parameters.dependencies:
            kind = _DependentTask
        self.tasks.append(kind(func, *positional, **named))

    async def __call__(self) -> None:
        failures = await run_tasks(self, AppState())
        raise_failures(failures)


class _DependentTask(BackgroundTask):
    """The call of a task function that has dependencies."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        _handler(func, None, AppState())
        super().__init__(func, *args, **kwargs)

    async def run(self, app_state: AppState, holding: int) -> Any:
        """Run it; return its result, or `None` where a dependency swallowed its error."""
        handler = _handler(self.func, app_state.overrides.active(), app_state)
        run = PlainRun(app_state.cleanup, app_state.app_values)
        if holding:
            run.threads.holding = holding
        try:
            await handler.call(run, self.args, self.kwargs)
        finally:
            run.swallowed = None
        return None if run.result is None else run.result.value


def plan_of(func: Callable[..., Any], *, default_scope: DependencyScope = "function") -> Plan:
    """Return the plan of a task function: its dependencies in order, and the function itself.

    Args:
        func: The function.
        default_scope: The scope of yield dependencies for which none is given, as `App` has it.

    Raises:
        RegistrationError: A dependency cannot be opened outside of a request.
        ScopeError: There is no such scope.
    """
    default = Lifetime.of(default_scope, f"plan_of(default_scope={default_scope!r})")
    return _make_plan(func, {}, default)


async def run_tasks(
    background: BackgroundTask | None, app_state: AppState, threads: Threads | None = None
) -> list[Exception]:
    """Run background work, each task whether or not those before it failed.

    Args:
        background: One task, or several.
        app_state: That of the application.
        threads: Those of the request. While they hold sync dependencies open, no task waits for a
            free thread (T4).

    Returns:
        The exceptions of those that failed; they have been logged.
    """
    failures: list[Exception] = []
    holding = threads.holding if threads else 0
    for task in _single_tasks(background):
        try:
            if isinstance(task, _DependentTask):
                await task.run(app_state, holding)
            elif threads and holding and type(task) is BackgroundTask and not task.is_async:
                await threads.call(partial(task.func, *task.args, **task.kwargs))
            else:
                await task()
        except Exception as error:
            logger.exception("background task %s failed", name_of(task.func))
            # Without this function's frame, which holds the list, and would make a cycle.
            failures.append(
                error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
            )
    try:
        return failures
    finally:
        del failures  # which the frames of the tasks lead back to


def raise_failures(failures: list[Exception]) -> None:
    """Raise the exceptions of failed tasks: the one there is, or a group of them."""
    if len(failures) == 1:
        raise failures.pop()
    if failures:
        raise ExceptionGroup("background tasks failed", failures)


def _single_tasks(background: BackgroundTask | None) -> Iterable[BackgroundTask]:
    if background is None:
        return ()
    if isinstance(background, starlette.background.BackgroundTasks):
        return background.tasks
    return (background,)


class _Parameters(Struct, frozen=True):
    """What a task function is passed when it is added, and what it gets when it runs."""

    own: inspect.Signature | None
    """Its signature without the dependencies; `None` for one made in C that does not tell."""
    dependencies: frozenset[str]
    unresolvable: UnresolvableAnnotationError | None = None
    """Why it cannot be known which of its parameters are dependencies."""
    counts: range = range(0)
    """How many arguments fit, if none is named and none is a dependency."""

    def fitted(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Fit arguments to parameters; by name, where dependencies stand among them.

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
            raise TypeError(f"background task {place_of(func)}: {error}") from None
        own = self.own.parameters.values()
        if not self.dependencies or any(p.kind is p.VAR_POSITIONAL for p in own):
            return bound.args, bound.kwargs
        given = bound.arguments
        positional = [given[p.name] for p in own if p.name in given and p.kind is p.POSITIONAL_ONLY]
        by_name = {p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD} & given.keys()
        return positional, {**bound.kwargs, **{name: given[name] for name in by_name}}


_known: WeakKeyDictionary[Callable[..., Any], _Parameters] = WeakKeyDictionary()


def _parameters_of(func: Callable[..., Any]) -> _Parameters:
    try:
        known = _known.get(func)
    except TypeError:  # neither hashed nor referred to weakly
        return _read_parameters(func)
    if known is None:
        known = _known[func] = _read_parameters(func)
    return known


def _read_parameters(func: Callable[..., Any]) -> _Parameters:
    if not callable(func):
        raise NotCallableError(
            f"the background task is {func!r}, which cannot be called",
            where="add_task(...)",
            cure="give `add_task` the function, and its arguments behind it: add_task(f, value)",
        )
    try:
        signature = inspect_signature(func)
    except ValueError:
        return _Parameters(None, frozenset())
    try:
        dependencies = {p.name for p in describe(func).parameters if dependency_of(p)}
    except UnresolvableAnnotationError as error:
        if any(isinstance(p.default, Dependency) for p in signature.parameters.values()):
            raise
        # No matter, if all that it needs is passed: a function without dependencies.
        return _Parameters(signature, frozenset(), error.with_traceback(None))
    _check_can_be_named(func, signature, dependencies)
    own = [p for p in signature.parameters.values() if p.name not in dependencies]
    return _Parameters(
        signature.replace(parameters=own, return_annotation=EMPTY),
        frozenset(dependencies),
        counts=range(0) if dependencies else _counts(own),
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
    func: Callable[..., Any], signature: inspect.Signature, dependencies: set[str]
) -> None:
    """Dependencies are passed by name, and so stand neither before `/` nor before `*args`."""
    parameters = signature.parameters.values()
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    for p in parameters:
        before_star = takes_any and p.kind is p.POSITIONAL_OR_KEYWORD
        if p.name in dependencies and (before_star or p.kind is p.POSITIONAL_ONLY):
            raise DeclarationError(
                f"the dependency {p.name!r} of a background task cannot be passed by name",
                where=place_of(func),
                cure="declare it behind `/` and behind `*args`",
            )


def _handler(
    func: Callable[..., Any], overrides: Overrides | None, app_state: AppState
) -> CompiledPlan:
    def make() -> CompiledPlan:
        plan = _make_plan(func, overrides or {}, app_state.default)
        return compile_plan(plan, _shape(name_of(func)))

    return _handlers.get((hashable(func), app_state.default), overrides, make)


def _make_plan(func: Callable[..., Any], overrides: Overrides, default: Lifetime) -> Plan:
    bind = refuse_request_values("a background task", "pass the value: add_task(..., value)")
    declared = Declarations(
        func, bind, bind, overrides=overrides, default=default, is_passed_more=True
    )
    return make_plan(declared)


def _shape(name: str) -> Shape:
    return Shape(
        title=f"background task {name}",
        run="run",
        finish="Finished(returned)",
        names={"Finished": _Finished},
        parameters=("args", "kwargs"),
        pass_on="*args, **kwargs",
    )


class _Finished(Struct, frozen=True):
    """The result of a task function that has returned."""

    value: Any
