"""Random task programs: a function with dependencies that a queue runs, and that the reference runs."""

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import microfw
from microfw.tasks import TaskQueue
from proof import answers, reference
from proof.builds import MICROFW, SCOPES, Builder, ReferenceBuilder
from proof.functions import World
from proof.programs import (
    Actions,
    Dependency,
    Endpoint,
    Fail,
    Program,
    Remember,
    Task,
    without_unused,
)

TEXT = "text of message"


def as_task(program: Program) -> Program:
    """Make a task of the endpoint; its dependencies do what needs no request."""
    endpoint = program.endpoint
    holders = (endpoint.uses, program.route, *(task.uses for task in program.tasks))
    fails = any(isinstance(action, Fail) for action in endpoint.does)
    task = Task(tuple(use for uses in holders for use in uses), endpoint.flavour, fails)
    return without_unused(
        replace(
            program,
            dependencies=tuple(map(without_values, program.dependencies)),
            endpoint=Endpoint(),
            app=(),
            router=(),
            route=(),
            tasks=(task,),
            handlers=(),
            protocol="http",
        )
    )


def without_values(it: Dependency) -> Dependency:
    """Leave out the values of a request, and what is done to its response."""

    def left(actions: Actions) -> Actions:
        return tuple(each for each in actions if isinstance(each, Fail | Remember))

    return replace(
        it,
        takes=tuple(value for value in it.takes if value in ("scopes", "outcome")),
        setup=left(it.setup),
        on_success=left(it.on_success),
        on_error=left(it.on_error),
    )


class Queue:
    """An application in which a request has the queue run the task, in its place."""

    def __init__(self, program: Program, world: World) -> None:
        from taskiq import InMemoryBroker

        logging.getLogger("taskiq").setLevel(logging.CRITICAL)
        builder = Builder(program, world, MICROFW)
        app = microfw.App(default_scope=program.default_scope)
        if program.overrides_here:
            world.overriding = lambda: app.override(builder.overrides)
        else:
            app.dependency_overrides = builder.overrides
        queue = TaskQueue(app, InMemoryBroker(await_inplace=True))
        self._task: Any = queue.task(world.tasks[0])
        self.router = app.router

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        sent = await self._task.kiq(TEXT)
        result = await sent.get_result()
        result.raise_for_error()


class Run(reference.Execution):
    """One run of the task by the reference."""

    is_done = False

    async def finish(self, returned: Any) -> None:
        self.is_done = True


class ReferenceQueue:
    """The reference, which runs the task in place of a request."""

    def __init__(self, program: Program, world: World) -> None:
        builder = ReferenceBuilder(program, world)
        default = SCOPES[program.default_scope]
        function = builder.tasks[world.tasks[0]]
        reference.steps_of(function, {}, default)  # S3: mistakes are told when it is declared
        overrides = {builder.functions[a]: builder.functions[b] for a, b in program.overrides}
        self._application = answers.Application(
            function, builder.respond, 200, builder.tasks, {}, overrides, default
        )
        self.router = SimpleNamespace(lifespan_context=self._application.lifespan)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        run = Run(self._application.app_values, {"text": TEXT})
        await run.run(self._application.endpoint_steps)
        if not run.is_done:  # K3
            assert run.swallowed is not None
            raise answers.swallowed_error(*run.swallowed)
