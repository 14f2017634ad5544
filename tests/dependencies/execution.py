"""Plans made and executed without HTTP: what the tests of the heart have in common."""

from collections.abc import Callable, Sequence
from typing import Any

from microfw.dependencies import (
    AppValues,
    Cleanup,
    CompiledPlan,
    Declarations,
    Parameter,
    PlainRun,
    Plan,
    Shape,
    Site,
    Surrounding,
    compile_plan,
    make_plan,
)
from microfw.exceptions import UnfillableParameterError


def bind(parameter: Parameter, site: Site) -> Surrounding | None:
    """Fill nothing: every parameter is a dependency, or has a default value."""
    if isinstance(parameter.default, int | str | None):
        return None
    raise UnfillableParameterError(
        f"nothing fills {parameter.name!r}", where=site.signature.where, cure="", path=site.path
    )


def plan_of(endpoint: Callable[..., Any], dependencies: Sequence[Any] = (), **options: Any) -> Plan:
    return make_plan(Declarations(endpoint, bind, bind, dependencies=dependencies, **options))


def handler_of(plan: Plan, log: list[Any]) -> CompiledPlan:
    """Compile a plan; what is sent when scope "function" has ended goes into the log."""

    async def send(result: Any) -> None:
        log.append(f"sends {result}")

    return compile_plan(
        plan,
        Shape(
            title="a test",
            run="run",
            finish="returned",
            names={"send": send},
            between=("await send(run.result)",),
        ),
    )


async def execute(
    endpoint: Callable[..., Any], log: list[Any], dependencies: Sequence[Any] = ()
) -> Any:
    """Execute an endpoint with its dependencies, and return its result."""
    run = PlainRun(Cleanup(None), AppValues())
    await handler_of(plan_of(endpoint, dependencies), log).call(run)
    return run.result
