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

from microfw.exceptions import RequestValidationError, ScopeError, YieldError

USE, FUNCTION, REQUEST, APP = range(4)

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
    is_limited: bool = False


@dataclass(eq=False)
class Step:
    function: Function
    scope: int
    security: tuple[str, ...]
    key: Any
    below: dict[str, "Step"] = field(default_factory=dict)
    is_endpoint: bool = False
    is_limited: bool = False
    last_inside: "Step | None" = None


class Invalid(Exception):
    """A value is not valid; the arguments are the errors. What reads values raises it."""


# ---------------------------------------------------------------------- order and scopes


def steps_of(root: Function, overrides: Mapping[Function, Function], default: int) -> list[Step]:
    """The steps in the order of their setup, the endpoint last."""
    return Arrangement(Walk(overrides, default).order_of(root)).steps()


class Walk:
    """A walk over all that is declared, depth first; it is repeated while it widens scopes."""

    def __init__(self, overrides: Mapping[Function, Function], default: int) -> None:
        self.overrides, self.default = overrides, default
        self.root: Function | None = None
        self.asked = dict[Any, int]()  # S4: the widest scope that is asked for
        self.shared = dict[Any, int]()  # S4: the widest that dependants need who share a step
        self.lent = dict[Any, int]()  # S4: the same of a step of scope "use", for those below it

    def order_of(self, root: Function) -> list[Step]:
        self.root = root
        while True:
            before = dict(self.asked), dict(self.shared), dict(self.lent)
            self.steps, self.order = dict[Any, Step](), list[Step]()
            self.visit(Use("", root, scope=FUNCTION), FUNCTION, (), keeps=False)
            if before == (self.asked, self.shared, self.lent):
                return self.order

    def visit(self, use: Use, needed: int, above: tuple[str, ...], *, keeps: bool) -> Step:
        """Visit a use of a dependant that needs it so long, and may keep it when it has run."""
        function = self.overrides.get(use.function, use.function)  # X1
        is_read = self.reads_scopes(function)
        security = tuple(dict.fromkeys(above + use.security)) if is_read else ()  # O3
        scope = self.scope_of(use, function, needed, security)
        if scope == USE and keeps:
            raise ScopeError("S3", where=function.place, cure="a wider scope")
        key = (function, scope, security)
        if scope == USE and use.cache:
            needed = self.lent[key] = max(needed, self.lent.get(key, FUNCTION))
        if use.cache and key in self.steps:  # O3
            self.steps[key].is_limited |= use.is_limited
            return self.steps[key]
        step = Step(function, scope, security, key if use.cache else object())
        step.is_endpoint, step.is_limited = function is self.root, use.is_limited
        keeps = scope == APP or (function.yields and scope != USE and not step.is_endpoint)
        for below in function.uses:  # O1
            needs = needed if scope == USE else scope
            used = self.visit(below, needs, security, keeps=keeps)
            if below.parameter:
                step.below[below.parameter] = used
        if use.cache:
            self.steps[key] = step
        self.order.append(step)
        return step

    def scope_of(self, use: Use, function: Function, needed: int, security: Any) -> int:
        one = (function, security)
        if use.scope == USE:
            return USE
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


class Arrangement:
    """O4, S8: of the steps that may run next, the first in the order of O1 does."""

    def __init__(self, order: list[Step]) -> None:
        self.order = [step for step in order if step.scope != APP]
        self.wide = [step for step in self.order[:-1] if step.function.yields and step.scope != USE]
        used = [(below, step) for step in self.order for below in step.below.values()]
        self.users = {
            block: [step for below, step in used if below is block]
            for block in self.order[:-1]
            if is_block(block) and any(below is block for below, _ in used)
        }
        self.app = [step for step in order if step.scope == APP]

    def steps(self) -> list[Step]:
        for step in self.wide:
            if step in self.reached(step):
                raise ScopeError("S8", where=step.function.place, cure="another one")
        self.rest = [step for step in self.order if step not in self.users]
        self.done = list[Step]()
        while self.rest:
            step = next(step for step in self.rest if self.may_run(step))
            self.rest.remove(step)
            self.done.append(step)
        return self.app + self.with_blocks()

    def may_run(self, step: Step) -> bool:
        if step is self.order[-1]:
            return self.rest == [step]
        if any(below in self.rest for below in self.below(step)):
            return False
        if step in self.wide:
            waits = step.scope == FUNCTION and any(map(is_wide, self.rest))
            return not waits and not any(map(self.has_begun, self.rest))
        return self.alone(step) or not any(
            each in self.rest and each in self.wide for each in self.reached(step)
        )

    def below(self, step: Step) -> list[Step]:
        """What a step uses, itself or by blocks that open for it."""
        below = list(step.below.values())
        return below + [each for used in below if used in self.users for each in self.below(used)]

    def together(self, step: Step) -> list[Step]:
        """Those that use the same blocks, directly or not."""
        found = [step]
        for one in found:
            for block, users in self.users.items():
                if one is block or one in users:
                    found += [each for each in (block, *users) if each not in found]
        return found

    def alone(self, step: Step) -> bool:
        return self.together(step) == [step]

    def has_begun(self, step: Step) -> bool:
        return any(each in self.done for each in self.together(step))

    def reached(self, step: Step) -> list[Step]:
        """All that has to run before a step can, where those that use a block are one."""
        found = list[Step]()
        pending = [step]
        while pending:
            for one in self.together(pending.pop()):
                direct = list(one.below.values())
                if one is self.order[-1]:
                    direct += self.wide
                if one in self.wide and one.scope == FUNCTION:
                    direct += filter(is_wide, self.wide)
                new = [each for each in direct if each not in found]
                found += [each for each in new if each not in found]
                pending += new
        return found

    def with_blocks(self) -> list[Step]:
        """S7: each opens before its first user, and ends with the last; S8: they nest."""
        places = {step: place for place, step in enumerate(self.done)}
        first, last = dict(places), dict(places)
        for block in reversed(self.users):
            first[block] = min(first[user] for user in self.users[block])
            last[block] = max(last[user] for user in self.users[block])
        blocks = sorted(self.users, key=lambda block: (first[block], -last[block]))
        for outer in reversed(blocks):
            for inner in blocks[blocks.index(outer) + 1 :]:
                if first[inner] <= last[outer]:
                    last[outer] = max(last[outer], last[inner])
        for block in blocks:
            block.last_inside = self.done[last[block]]
        result = list[Step]()
        for step in self.done:
            result += [block for block in blocks if first[block] == places[step]]
            result.append(step)
        return result


def is_wide(step: Step) -> bool:
    return step.function.yields and step.scope == REQUEST


def is_block(step: Step) -> bool:
    return step.function.yields and step.scope == USE


# ---------------------------------------------------------------------- one execution


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
        execution, is_early = self.execution, self.step.scope == USE
        is_well = execution.swallowed is None and not execution.errors
        has_ended = is_well if is_early else execution.has_ended
        failed = self.step in execution.seen or not has_ended
        if is_early and self.response is None:
            return not failed
        return not failed and execution.is_success(self.response)


class Execution:
    """Runs steps inside each other; `finish` takes what the endpoint returned."""

    invalid: type[Exception] = RequestValidationError
    swallowed: tuple[str, BaseException] | None = None
    has_ended = False
    returned: Any = None
    is_received = True

    def __init__(self, app_values: Mapping[Any, Any], arguments: Mapping[str, Any]) -> None:
        self.values, self.arguments = dict[Any, Any](app_values), arguments
        self.errors: list[Any] = []
        self.invalid_values = set[Any]()
        self.seen = dict[Step, BaseException]()
        self.blocks: list[Step] = []  # S7: those that are open

    async def finish(self, returned: Any) -> None: ...

    async def receive(self) -> None: ...

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
        if not steps:
            if not self.blocks and not self.has_ended:
                await self.end()
            return
        step, *inner = steps
        if step.scope == APP:
            await self.run(inner)
            return
        if self.is_due(step, inner):
            self.is_received = True
            await self.receive()
        arguments = self.arguments_of(step)
        if step.is_endpoint:
            await self.run_endpoint(step, arguments)
        elif Invalid in arguments.values():  # V2
            self.values[step.key] = Invalid
            await self.inside(step, inner)
        elif is_block(step):
            await self.run_block(step, inner, arguments)
        elif step.function.yields:
            await self.run_inside(step, inner, arguments)
        else:
            self.values[step.key] = await called(step.function, arguments)
            await self.inside(step, inner)

    async def run_endpoint(self, step: Step, arguments: dict[str, Any]) -> None:
        if self.errors:  # V2
            raise self.invalid(self.errors)
        self.returned = await called(step.function, {**arguments, **self.arguments})
        if step.function.yields:  # S6
            await self.end()
        await self.run([])

    def is_due(self, step: Step, inner: list[Step]) -> bool:
        """V4: the last moment at which nothing is open, and no place is held (L2)."""
        if self.is_received or self.blocks:
            return False
        together = with_those_inside(step, inner)
        if any(map(needs_body, together)):
            return True
        while inner and not any(map(needs_body, with_those_inside(inner[0], inner[1:]))):
            inner = inner[1:]
        return any(each.is_limited for each in together) and any(each.is_limited for each in inner)

    async def run_block(self, step: Step, inner: list[Step], arguments: dict[str, Any]) -> None:
        """S7: what follows the last that uses it is not inside of it."""
        _, *inside = with_those_inside(step, inner)
        self.blocks.append(step)
        await self.run_inside(step, inside, arguments)
        self.blocks.pop()
        if self.swallowed is None:  # E5
            await self.run(inner[len(inside) :])

    async def end(self) -> None:
        await self.finish(self.returned)
        self.has_ended = True

    def arguments_of(self, step: Step) -> dict[str, Any]:
        arguments = {name: self.values[below.key] for name, below in step.below.items()}
        for name, read in step.function.takes.items():  # V1
            try:
                arguments[name] = read(self, step)
            except Invalid as invalid:
                value = step.function, step.security, name
                is_shared = isinstance(step.key, tuple)
                if not (is_shared and value in self.invalid_values):  # V2
                    self.errors += invalid.args
                if is_shared:
                    self.invalid_values.add(value)
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


def with_those_inside(step: Step, inner: list[Step]) -> list[Step]:
    end = inner.index(step.last_inside) + 1 if step.last_inside else 0
    return [step, *inner[:end]]


def needs_body(step: Step) -> bool:
    reads = step.is_endpoint or "body" in step.function.takes
    return reads or (step.function.yields and step.scope != USE)


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
