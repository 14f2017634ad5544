"""Background tasks whose functions may have dependencies of their own."""

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

import starlette.background
from starlette.background import BackgroundTask

from microfw._environment import Environment, Overrides, Variants
from microfw._outside_request import refuse_request_values
from microfw.dependencies import (
    EMPTY,
    Declarations,
    Handler,
    Run,
    Shape,
    compile_plan,
    dependency_of,
    describe,
    hashable,
    make_plan,
    name_of,
)

P = ParamSpec("P")

logger = logging.getLogger("microfw")

_handlers: Variants[Handler] = Variants(limit=256)


class BackgroundTasks(starlette.background.BackgroundTasks):
    """Work to be done after the response has been sent, in the order in which it was added.

    Declared as a parameter of an endpoint or a dependency, it is the request's one list.
    """

    def add_task(self, func: Callable[P, Any], *args: Any, **kwargs: Any) -> None:
        """Add a call of a sync or async function.

        Its parameters may be dependencies, `Depends(...)`; these are not passed here. They open
        when the task starts and close when it ends.

        Raises:
            RegistrationError: A dependency of the task cannot be opened outside of a request.
            TypeError: The arguments do not fit the function's other parameters.
        """
        kind = _DependentTask if _has_dependencies(func) else BackgroundTask
        self.tasks.append(kind(func, *args, **kwargs))

    async def __call__(self) -> None:
        failures = await run_tasks(self, Environment())
        raise_failures(failures)


class _DependentTask(BackgroundTask):
    """The call of a task function that has dependencies."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        _handler(func, None, Environment())
        positional, named = _arguments_besides_dependencies(func, args, kwargs)
        super().__init__(func, *positional, **named)

    async def run(self, environment: Environment) -> None:
        handler = _handler(self.func, environment.active_overrides(), environment)
        run = Run(environment.cleanup, environment.app_values)
        try:
            await handler.call(run, self.args, self.kwargs)
        finally:
            run.swallowed = None


async def run_tasks(background: BackgroundTask | None, environment: Environment) -> list[Exception]:
    """Run background work, each task whether or not those before it failed.

    Returns:
        The exceptions of those that failed; they have been logged.
    """
    failures: list[Exception] = []
    for task in _single_tasks(background):
        try:
            if isinstance(task, _DependentTask):
                await task.run(environment)
            else:
                await task()
        except Exception as error:
            logger.exception("background task %s failed", name_of(task.func))
            # Without this function's frame, which holds the list, and would make a cycle.
            failures.append(
                error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
            )
    return failures


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


def _has_dependencies(func: Callable[..., Any]) -> bool:
    annotations = getattr(func, "__annotations__", True)
    defaults = getattr(func, "__defaults__", True) or getattr(func, "__kwdefaults__", True)
    if not annotations and not defaults:
        return False
    return any(dependency_of(parameter) for parameter in describe(func).parameters)


def _arguments_besides_dependencies(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Fit arguments to the parameters that are no dependencies; those before `*args` by place."""
    dependencies = {p.name for p in describe(func).parameters if dependency_of(p)}
    signature = inspect.signature(func)
    own = [p for p in signature.parameters.values() if p.name not in dependencies]
    bound = signature.replace(parameters=own, return_annotation=EMPTY).bind(*args, **kwargs)
    if any(p.kind is p.VAR_POSITIONAL for p in own):
        return list(bound.args), bound.kwargs
    positional = [bound.arguments[p.name] for p in own if p.kind is p.POSITIONAL_ONLY]
    by_name = [p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    named = {name: bound.arguments[name] for name in by_name if name in bound.arguments}
    return positional, {**named, **bound.kwargs} if positional else {**bound.kwargs, **named}


def _handler(
    func: Callable[..., Any], overrides: Overrides | None, environment: Environment
) -> Handler:
    def make() -> Handler:
        bind = refuse_request_values("a background task", "pass the value: add_task(..., value)")
        plan = make_plan(
            Declarations(func, bind, bind, overrides=overrides or {}, default=environment.default)
        )
        return compile_plan(plan, _shape(name_of(func)))

    return _handlers.get((hashable(func), environment.default), overrides, make)


def _shape(name: str) -> Shape:
    return Shape(
        title=f"background task {name}",
        run="run",
        finish="finished(returned)",
        names={"finished": _finished},
        parameters=("args", "kwargs"),
        pass_on="*args, **kwargs",
    )


def _finished(_: object) -> bool:
    return True
