"""Changes to a program that must not change what it does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from starlette.types import ASGIApp, Receive, Scope, Send

import microfw
from proof.builds import MICROFW, Builder, microfw_app
from proof.functions import World
from proof.observing import Laboratory, Observations
from proof.programs import Dependency, Flavour, Program, Use, programs

# ---------------------------------------------------------------------- other programs


def with_flavour(program: Program, change: Callable[[Flavour], Flavour]) -> Program:
    changed = [replace(it, flavour=change(it.flavour)) for it in program.dependencies]
    return replace(program, dependencies=tuple(changed))


def with_async_dependencies(program: Program) -> Program:
    def change(flavour: Flavour) -> Flavour:
        return flavour if flavour.startswith("async") else "async"

    as_functions = [
        replace(it, form="function") if it.form == "class" else it for it in program.dependencies
    ]
    return with_flavour(replace(program, dependencies=tuple(as_functions)), change)


def without_threads(program: Program) -> Program:
    return with_flavour(program, lambda flavour: "loop" if flavour == "thread" else flavour)


def with_another_dependency(it: Dependency) -> Callable[[Program], Program]:
    def change(program: Program) -> Program:
        unused = Use(len(program.dependencies), cache=False)
        return replace(
            program,
            dependencies=(*program.dependencies, it),
            router=(unused, *program.router),
            route=(*program.route, unused),
        )

    return change


PROGRAMS: dict[str, Callable[[Program], Program]] = {
    "its sync dependencies become async": with_async_dependencies,
    "its sync dependencies leave their threads": without_threads,
    "it gets an async dependency": with_another_dependency(Dependency(flavour="async, waits")),
    "it gets a sync dependency": with_another_dependency(Dependency(flavour="thread")),
    "it gets a dependency that returns": with_another_dependency(Dependency(yields=None)),
}


# ---------------------------------------------------------------------- other applications


def with_two_routers(program: Program, world: World) -> microfw.App:
    """Build a program with its router in another one, that has some of its dependencies."""
    builder = Builder(program, world, MICROFW)
    app = microfw.App(
        dependencies=[*map(builder.use, program.app)], default_scope=program.default_scope
    )
    app.dependency_overrides = builder.overrides
    half = len(program.router) // 2
    inner = microfw.Router(dependencies=[*map(builder.use, program.router[half:])])
    outer = microfw.Router(dependencies=[*map(builder.use, program.router[:half])])
    builder.declare(app, inner)
    outer.include_router(inner)
    app.include_router(outer, prefix="/route")
    return app


class Idle:
    """A middleware that does nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def with_middleware(program: Program, world: World) -> microfw.App:
    app = microfw_app(program, world)
    app.add_middleware(Idle)
    return app


BUILDS: dict[str, Callable[[Program, World], Any]] = {
    "its router is split": with_two_routers,
    "a middleware is around it": with_middleware,
}


# ---------------------------------------------------------------------- the tests


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory("asyncio", "trio") as started:
        yield started


some = settings(
    max_examples=15,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def without(name: str, observations: Observations) -> Observations:
    """Observations without what one dependency has written down."""
    if isinstance(observations, str):
        return observations
    return {
        backend: [
            replace(one, log=[line for line in one.log if line.split()[0] != name]) for one in each
        ]
        for backend, each in observations.items()
    }


@pytest.mark.parametrize("change", PROGRAMS.values(), ids=[*PROGRAMS])
@some
@given(program=programs())
def test_a_program_does_the_same_when(
    laboratory: Laboratory, change: Callable[[Program], Program], program: Program
) -> None:
    added = f"d{len(program.dependencies)}"
    changed = laboratory.observe(microfw_app, change(program))
    assert without(added, changed) == laboratory.observe(microfw_app, program)


@pytest.mark.parametrize("build", BUILDS.values(), ids=[*BUILDS])
@some
@given(program=programs())
def test_an_application_does_the_same_when(
    laboratory: Laboratory, build: Callable[[Program, World], Any], program: Program
) -> None:
    assert laboratory.observe(build, program) == laboratory.observe(microfw_app, program)
