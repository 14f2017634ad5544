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
from functools import cached_property
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
        takes: Its other parameters, and how each is read; that of "scopes" are security scopes.
    """

    call: Callable[..., Any]
    place: str
    uses: Sequence["Use"] = ()
    takes: Mapping[str, Callable[[Any, "Step"], Any]] = field(default_factory=dict)

    @cached_property
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
    below: dict[str, "Step"] = field(default_factory=dict)


class Invalid(Exception):
    """A value is not valid; the arguments are the errors. What reads values raises it."""


# ---------------------------------------------------------------------- order and scopes


def steps_of(root: Function, overrides: Mapping[Function, Function], default: int) -> list[Step]:
    """The steps in the order of their setup, the endpoint last."""
    return wider_first(Walk(overrides, default).order_of(root))


class Walk:
    """A walk over all that is declared, depth first; it is repeated while it widens scopes."""

    def __init__(self, overrides: Mapping[Function, Function], default: int) -> None:
        self.overrides, self.default = overrides, default
        self.asked = dict[Any, int]()  # S4: the widest scope that is asked for
        self.shared = dict[Any, int]()  # S4: the widest that dependants need who share a step

    def order_of(self, root: Function) -> list[Step]:
        while True:
            before = dict(self.asked), dict(self.shared)
            self.steps, self.order = dict[Any, Step](), list[Step]()
            self.visit(Use("", root, scope=FUNCTION), FUNCTION, ())
            if before == (self.asked, self.shared):
                return self.order

    def visit(self, use: Use, needed: int, above: tuple[str, ...]) -> Step:
        function = self.overrides.get(use.function, use.function)  # X1
        is_read = self.reads_scopes(function)
        security = tuple(dict.fromkeys(above + use.security)) if is_read else ()  # O3
        scope = self.scope_of(use, function, needed, security)
        key = (function, scope, security)
        if use.cache and key in self.steps:  # O3
            return self.steps[key]
        step = Step(function, scope, security, key if use.cache else object())
        for below in function.uses:  # O1
            used = self.visit(below, scope, security)
            if below.parameter:
                step.below[below.parameter] = used
        if use.cache:
            self.steps[key] = step
        self.order.append(step)
        return step

    def scope_of(self, use: Use, function: Function, needed: int, security: Any) -> int:
        one = (function, security)
        if use.scope is not None:
            if use.scope < needed:
                raise ScopeError("S3", where=function.place, cure="a wider scope")
            self.asked[one] = max(use.scope, self.asked.get(one, FUNCTION))
            return use.scope
        default = self.default if function.yields else FUNCTION  # S5
        scope = max(needed, default, self.asked.get(one, FUNCTION))  # S4
        if use.cache:
            scope = self.shared[one] = max(scope, self.shared.get(one, FUNCTION))
        return scope

    def reads_scopes(self, function: Function) -> bool:
        below = (self.overrides.get(use.function, use.function) for use in function.uses)
        return "scopes" in function.takes or any(map(self.reads_scopes, below))


def wider_first(order: list[Step]) -> list[Step]:
    """O4: only what must move moves."""
    wide = [step for step in order if is_wide(step)]
    early, waiting = list[Step](), list[Step]()
    for step in order[: order.index(wide[-1]) + 1 if wide else 0]:
        is_narrow = step.function.yields and step.scope == FUNCTION
        waits = is_narrow or any(below in waiting for below in step.below.values())
        (waiting if waits else early).append(step)
    return early + waiting + order[len(early) + len(waiting) :]


def is_wide(step: Step) -> bool:
    return step.function.yields and step.scope == REQUEST


# ---------------------------------------------------------------------- one execution


class Values(dict[Any, Any]):
    """What steps have injected, by their keys."""

    def __missing__(self, key: Any) -> Any:
        raise AppScopeError  # S2: all others are there


@dataclass
class Outcome:
    """R1, R3: what one step sees of what became of its execution."""

    execution: "Execution"
    step: Step
    disconnected = False

    @property
    def error(self) -> BaseException | None:
        seen, swallowed = self.execution.seen.get(self.step), self.execution.swallowed
        return swallowed[1] if swallowed and not seen and not self.execution.has_ended else seen

    @property
    def response(self) -> Any:
        return self.execution.head(self.step.scope, has_failed=self.step in self.execution.seen)

    @property
    def ok(self) -> bool:
        failed = self.step in self.execution.seen or not self.execution.has_ended
        return not failed and self.execution.is_success(self.response)


class Execution:
    """Runs steps inside each other; `finish` takes what the endpoint returned."""

    invalid: type[Exception] = RequestValidationError
    swallowed: tuple[str, BaseException] | None = None
    has_ended = False

    def __init__(self, app_values: Mapping[Any, Any], arguments: Mapping[str, Any]) -> None:
        self.values, self.arguments = Values(app_values), arguments
        self.errors: list[Any] = []
        self.seen = dict[Step, BaseException]()

    async def finish(self, returned: Any) -> None: ...

    def outcome(self, step: Step) -> Outcome:
        return Outcome(self, step)

    def head(self, scope: int, *, has_failed: bool) -> Any:
        """R2: the status and headers that steps of a scope see."""

    def is_success(self, head: Any) -> bool:
        return True

    async def between(self) -> None:
        """After function scope has ended, inside of request scope."""

    async def run(self, steps: list[Step]) -> None:
        """Run a step and, inside of it, all those that follow; the endpoint is the last."""
        step, *inner = steps
        if step.scope == APP:
            await self.run(inner)
            return
        arguments = self.arguments_of(step)
        if not inner:
            if self.errors:  # V2
                raise self.invalid(self.errors)
            await self.finish(await called(step.function, {**arguments, **self.arguments}))
            self.has_ended = True
        elif Invalid in arguments.values():  # V2
            self.values[step.key] = Invalid
            await self.inside(step, inner)
        elif step.function.yields:
            await self.run_inside(step, inner, arguments)
        else:
            self.values[step.key] = await called(step.function, arguments)
            await self.inside(step, inner)

    def arguments_of(self, step: Step) -> dict[str, Any]:
        arguments = {name: self.values[below.key] for name, below in step.below.items()}
        for name, read in step.function.takes.items():  # V1
            try:
                arguments[name] = read(self, step)
            except Invalid as invalid:
                self.errors += invalid.args
                arguments[name] = Invalid
        return arguments

    async def inside(self, step: Step, inner: list[Step]) -> None:
        await self.run(inner)
        if is_wide(step) and not any(map(is_wide, inner)):
            await self.between()

    async def run_inside(self, step: Step, inner: list[Step], arguments: dict[str, Any]) -> None:
        """E1, E2, E3, O2: a `with` block around all that follows."""
        seen: BaseException | None = None
        raised: BaseException | None = None
        try:
            with CancelScope() as shield:
                async with opened(step.function, arguments) as self.values[step.key]:
                    try:
                        await self.inside(step, inner)
                    except BaseException as error:
                        seen = self.seen[step] = error
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


async def called(function: Function, arguments: Mapping[str, Any]) -> Any:
    returned = function.call(**arguments)
    return await returned if inspect.isawaitable(returned) else returned


def is_being_cancelled() -> bool:
    return current_effective_deadline() == -math.inf


@asynccontextmanager
async def opened(function: Function, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
    """E9: what contextlib says of generators that yield not once, is said with their names."""
    does = ""
    try:
        if inspect.isasyncgenfunction(function.call):
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
