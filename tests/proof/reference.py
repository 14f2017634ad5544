"""The lifecycle in nested `with` blocks, written from its rules alone: slow, plain, to be read.

Rules are named as in the tests of `lifecycle/`: O1 is the first of those about order. What is
declared is given as data (`Function`, `Use`), and so nothing of microfw is needed but its errors.
Here is what an endpoint or a task has below it; `answers.py` has what is around that, for requests
and WebSockets.
"""

import inspect
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from anyio import CancelScope, current_effective_deadline, get_cancelled_exc_class

from microfw.exceptions import AppScopeError, RequestValidationError, ScopeError, YieldError

FUNCTION, REQUEST, APP = range(3)

logger = logging.getLogger("microfw")


@dataclass(frozen=True, eq=False)
class Function:
    """A dependency, an endpoint or a task.

    Attributes:
        place: Its name, file and line.
        takes: Its other parameters: how each is read. Raises `Invalid`.
        reads_scopes: Whether it has a parameter for security scopes.
    """

    call: Callable[..., Any]
    place: str
    uses: Sequence["Use"] = ()
    takes: Mapping[str, Callable[[Any, "Step"], Any]] = field(default_factory=dict[str, Any])
    reads_scopes: bool = False

    @property
    def is_async(self) -> bool:
        return inspect.isasyncgenfunction(self.call) or inspect.iscoroutinefunction(self.call)

    @property
    def yields(self) -> bool:
        return inspect.isasyncgenfunction(self.call) or inspect.isgeneratorfunction(self.call)


@dataclass(frozen=True, eq=False)
class Use:
    """A parameter that is a dependency; without a name, one of `dependencies=`."""

    parameter: str
    function: Function
    cache: bool = True
    scope: int | None = None
    security: tuple[str, ...] = ()


@dataclass(eq=False)
class Step:
    function: Function
    scope: int
    security: tuple[str, ...]
    key: Any
    below: dict[str, "Step"] = field(default_factory=dict[str, "Step"])


class Invalid(Exception):
    """A value is not valid; the arguments are the errors."""


# ---------------------------------------------------------------------- order and scopes


def steps_of(root: Function, overrides: Mapping[Function, Function], default: int) -> list[Step]:
    """The steps in the order of their setup, the endpoint last."""
    scopes: dict[Any, int] = {}  # S4: what is asked for, and what dependants need
    while True:
        known = dict(scopes)
        walk = Walk(overrides, default, scopes)
        walk.visit(Use("", root, scope=FUNCTION), FUNCTION, ())
        if scopes == known:
            return wider_first(walk.order)


class Walk:
    """A walk over all that is declared, depth first; it is repeated while it widens scopes."""

    def __init__(
        self, overrides: Mapping[Function, Function], default: int, scopes: dict[Any, int]
    ) -> None:
        self.overrides, self.default, self.scopes = overrides, default, scopes
        self.shared: dict[Any, Step] = {}
        self.order: list[Step] = []

    def visit(self, use: Use, needed: int, above: tuple[str, ...]) -> Step:
        function = self.overrides.get(use.function, use.function)  # X1
        is_read = self.reads_scopes(function)
        security = tuple(dict.fromkeys(above + use.security)) if is_read else ()  # O3
        scope = self.scope_of(use, function, needed, security)
        key = (function, scope, security)
        if use.cache and key in self.shared:  # O3
            return self.shared[key]
        step = Step(function, scope, security, key if use.cache else object())
        for below in function.uses:  # O1
            used = self.visit(below, scope, security)
            if below.parameter:
                step.below[below.parameter] = used
        if use.cache:
            self.shared[key] = step
        self.order.append(step)
        return step

    def scope_of(self, use: Use, function: Function, needed: int, security: Any) -> int:
        asked, of_users = ("asked", function, security), ("of users", function, security)
        if use.scope is not None:
            if use.scope < needed:
                raise ScopeError("S3", where=function.place, cure="a wider scope")
            self.scopes[asked] = max(use.scope, self.scopes.get(asked, FUNCTION))
            return use.scope
        default = self.default if function.yields else FUNCTION  # S5
        scope = max(needed, default, self.scopes.get(asked, FUNCTION))  # S4
        if use.cache:
            scope = self.scopes[of_users] = max(scope, self.scopes.get(of_users, FUNCTION))
        return scope

    def reads_scopes(self, function: Function) -> bool:
        below = (self.overrides.get(use.function, use.function) for use in function.uses)
        return function.reads_scopes or any(map(self.reads_scopes, below))


def wider_first(order: list[Step]) -> list[Step]:
    """O4: only what must move moves."""
    wide = last_wide(order)
    early, waiting = list[Step](), list[Step]()
    for step in order[: order.index(wide) + 1 if wide else 0]:
        is_narrow = step.function.yields and step.scope == FUNCTION
        waits = is_narrow or any(below in waiting for below in step.below.values())
        (waiting if waits else early).append(step)
    return early + waiting + order[len(early) + len(waiting) :]


def last_wide(order: list[Step]) -> Step | None:
    wide = [step for step in order[:-1] if step.scope == REQUEST and step.function.yields]
    return wide[-1] if wide else None


# ---------------------------------------------------------------------- one execution


class Execution:
    """Runs steps inside each other; `finish` takes what the endpoint returned."""

    def __init__(self, app_values: Mapping[Any, Any], arguments: Mapping[str, Any]) -> None:
        self.app_values, self.arguments = app_values, arguments
        self.values: dict[Step, Any] = {}
        self.errors: list[Any] = []
        self.swallowed: tuple[str, BaseException] | None = None

    invalid: type[Exception] = RequestValidationError

    async def finish(self, returned: Any) -> None: ...

    async def between(self) -> None:
        """After function scope has ended, inside of request scope."""

    async def run(self, steps: list[Step]) -> None:
        self.steps = [step for step in steps if step.scope < APP]
        await self.run_from(0)

    async def run_from(self, number: int) -> None:
        """Run a step and, inside of it, all those that follow."""
        step = self.steps[number]
        is_endpoint = step is self.steps[-1]
        arguments = {name: self.value_of(below) for name, below in step.below.items()}
        for name, read in step.function.takes.items():  # V1
            try:
                arguments[name] = read(self, step)
            except Invalid as invalid:
                self.errors += invalid.args
                arguments[name] = Invalid
        if is_endpoint and self.errors:  # V2
            raise self.invalid(self.errors)
        if is_endpoint:
            arguments |= self.arguments
            returned = step.function.call(**arguments)
            if step.function.is_async and not step.function.yields:
                returned = await returned
            await self.finish(returned)
        elif Invalid in arguments.values():  # V2
            self.values[step] = Invalid
            await self.inside(number)
        elif step.function.yields:
            await self.run_inside(number, arguments)
        else:
            returned = step.function.call(**arguments)
            self.values[step] = await returned if step.function.is_async else returned
            await self.inside(number)

    def value_of(self, step: Step) -> Any:
        if step.scope < APP:
            return self.values[step]
        if step.key not in self.app_values:
            raise AppScopeError
        return self.app_values[step.key]

    async def inside(self, number: int) -> None:
        await self.run_from(number + 1)
        if self.steps[number] is last_wide(self.steps):
            await self.between()

    async def run_inside(self, number: int, arguments: Mapping[str, Any]) -> None:
        """E1, E2, E3, O2: a `with` block around all that follows."""
        step = self.steps[number]
        seen: BaseException | None = None
        raised: BaseException | None = None
        try:
            with CancelScope() as shield:
                async with opened(step.function, arguments) as self.values[step]:
                    try:
                        await self.inside(number)
                    except BaseException as error:
                        seen = error
                        raise
                    finally:
                        shield.shield = True  # C1
        except BaseException as error:
            raised = error
        if isinstance(seen, get_cancelled_exc_class()) and is_being_cancelled():
            if isinstance(raised, Exception):
                what = "%s failed while its request was being cancelled"
                logger.error(what, step.function.place, exc_info=raised)
            raise seen  # C2
        if raised is not None:
            raise raised
        if seen is not None and self.swallowed is None:
            self.swallowed = (step.function.place, seen)


def is_being_cancelled() -> bool:
    return current_effective_deadline() == -math.inf


@asynccontextmanager
async def opened(function: Function, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
    """E9: what contextlib says of generators that yield not once, is said with their names."""
    does = ""
    try:
        if function.is_async:
            async with asynccontextmanager(function.call)(**arguments) as value:
                yield value
        else:
            with contextmanager(function.call)(**arguments) as value:
                yield value
    except Exception as error:
        if str(error) == "generator didn't yield":
            does = "did not yield"
        elif str(error).startswith("generator didn't stop"):
            does = "yielded twice"
        elif isinstance(error.__context__, GeneratorExit):  # it failed as it was closed for that
            raise YieldError(f"{function.place} yielded twice") from error
        else:
            raise
    if does:
        raise YieldError(f"{function.place} {does}")
