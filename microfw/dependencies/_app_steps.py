"""Steps of scope "app": a plan of their own, compiled as every other, to an async generator."""

from collections.abc import AsyncGenerator, Container, Hashable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from microfw.dependencies._compiler import CompiledPlan, compile_plan
from microfw.dependencies._declared import Lifetime
from microfw.dependencies._plan import AppValue, Argument, Plan, Step, Use
from microfw.dependencies._runtime import Run
from microfw.dependencies._shape import Shape
from microfw.dependencies._signatures import describe
from microfw.dependencies._spans import current_tracer
from microfw.dependencies._swallowing import error_of_swallowing


async def end_of_setup() -> None:
    """Takes the place of the endpoint in other plans; it is not called."""


_END = describe(end_of_setup)


def _plan_of(steps: Iterable[Step], known: Container[Hashable] = ()) -> Plan:
    """Make a plan of steps of scope "app": of each that is not known, once, in their order."""
    numbers: dict[Hashable, int] = {}
    missing: list[Step] = []
    for step in steps:
        if step.key not in known and step.key not in numbers:
            numbers[step.key] = len(missing)
            missing.append(replace(step, arguments=_from_steps(step.arguments, numbers)))
    arguments = tuple(Argument(step.name, True, Use(n)) for n, step in enumerate(missing))
    end = Step("end", _END, _END.name, Lifetime.APP, False, False, arguments)
    return Plan((*missing, end))


def _from_steps(
    arguments: Iterable[Argument], numbers: dict[Hashable, int]
) -> tuple[Argument, ...]:
    """Arguments that are taken from earlier steps of the same plan, if they are there."""
    return tuple(
        replace(each, source=Use(numbers[each.source.key]))
        if isinstance(each.source, AppValue) and each.source.key in numbers
        else each
        for each in arguments
    )


def _compiled(plan: Plan, *, is_watched: bool = False) -> CompiledPlan:
    return compile_plan(
        plan,
        Shape(
            title='scope "app"',
            run="run",
            finish="",
            names={"continued": asynccontextmanager, "swallowed": _swallowed},
            is_lifespan=True,
        ),
        is_watched=is_watched,
    )


def _swallowed(run: Any) -> Exception:
    """The error for setup that has failed with an exception that a dependency swallowed."""
    return error_of_swallowing(run.swallowed)


def source_of_app_scope(steps: Iterable[Step]) -> str:
    """The source of the function that keeps steps of scope "app" open."""
    return _compiled(_plan_of(steps)).source


@asynccontextmanager
async def opened_app_steps(steps: Iterable[Step], run: Run) -> AsyncGenerator[dict[Hashable, Any]]:
    """Keep those open that have no value yet; what they yielded, by key.

    Raises:
        SwallowedExceptionError: A dependency swallowed the error in the setup of another.
    """
    plan = _plan_of(steps, run.app_values)
    watching = current_tracer.get()
    compiled = _compiled(plan, is_watched=watching is not None)
    if watching is not None:
        watching.source = compiled.source
    keep_open = asynccontextmanager(compiled.call)
    async with keep_open(run) as values:
        yield dict(zip((step.key for step in plan.steps[:-1]), values, strict=True))
