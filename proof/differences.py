"""Where microfw differs from FastAPI on purpose: each difference by name, and how to tell it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from proof.observing import CANCELLED, Observation, Observations
from proof.programs import (
    Accept,
    AddTask,
    CancelRequest,
    Close,
    Dependency,
    Endpoint,
    Fail,
    Program,
    Remember,
    Returns,
    SetCookie,
    SetHeader,
    SetStatus,
    Task,
    Use,
    with_uses,
    without_body,
)

Seen = dict[str, list[Observation]]
"""What microfw has done, by backend."""

CHANGES = SetHeader | SetCookie | SetStatus


# ---------------------------------------------------------------------- what FastAPI has


def without_extras(program: Program) -> Program:
    """A program without what FastAPI does not have, and with scopes at their default.

    Endpoints that yield came to it later than the yardstick; of a generator that yields again and
    fails as it is closed it tells the failure alone (E9). Only one `except*` stays: where a group
    passes through two, the chain of exceptions can become a circle in CPython's `AsyncExitStack`,
    which FastAPI uses, and which then follows it for ever.
    """
    starred = [n for n, it in enumerate(program.dependencies) if it.style == "except* Oops"]

    def in_thread(it: Any) -> Any:
        return replace(it, flavour="thread") if it.flavour == "loop" else it

    def known(actions: tuple[Any, ...]) -> tuple[Any, ...]:
        """Without those that decide for whatever response is sent; a WebSocket has no tasks."""
        if program.protocol == "websocket":
            return tuple(each for each in actions if not isinstance(each, AddTask))
        return tuple(map(usual, actions))

    def changed(number: int, it: Dependency) -> Any:
        style = "except" if number in starred[1:] else it.style
        takes = tuple(each for each in it.takes if each not in ("outcome", "body"))
        it = replace(in_thread(it), style=style, takes=takes, fails_closing=False)
        return replace(
            it,
            setup=known(it.setup),
            on_success=known(it.on_success),
            on_error=known(it.on_error),
        )

    def unscoped(use: Use) -> Use:
        return replace(use, scope=None)

    program = with_uses(program, unscoped)
    endpoint = without_body(program.endpoint)
    return replace(
        program,
        dependencies=tuple(changed(n, it) for n, it in enumerate(program.dependencies)),
        endpoint=replace(endpoint, streams=None, does=known(endpoint.does)),
        tasks=tuple(replace(in_thread(it), uses=()) for it in program.tasks),
        default_scope="function",
        status=None if program.status == 204 else program.status,
    )


def usual(action: Any) -> Any:
    """An action without what makes it count after an exception, too."""
    match action:
        case AddTask(task):
            return AddTask(task)
        case SetHeader(name) | SetCookie(name):
            return type(action)(name)
        case _:
            return action


def comparable(observations: Observations) -> Any:
    """What of them can be compared: not the chains of exceptions, which FastAPI adds links to."""
    if isinstance(observations, str):
        return observations
    return [
        (
            [unexplained(unnamed(line)) for line in one.log if line not in CLOSED_FOR_ENDPOINT],
            [
                header
                for header in one.headers
                if header[0] != "content-length" and FAILED not in one.log
            ],
            unnamed(one.raised.partition(" (from")[0]),
        )
        for each in observations.values()
        for one in each
    ]


FAILED = "sends http.response.body Internal Server Error"
CLOSED_FOR_ENDPOINT = (
    "sends close 1000",
    "sends close 1011",
    "sends http.response.start 500",
    FAILED,
)
"""W1: FastAPI leaves the first to nobody and the others to the server."""


def unexplained(line: str) -> str:
    """A line that does not say why a WebSocket is refused, which each says in its words (W1)."""
    refused = "sends close 1008"
    return refused if line.startswith(refused) else line


def unnamed(line: str) -> str:
    """A line in which no generator is named that does not yield once (E9)."""
    line = re.sub(r"YieldError\(\w+ did not yield\)", "RuntimeError(generator didn't yield)", line)
    line = re.sub(r"YieldError\(\w+ yielded twice\)", "RuntimeError(generator didn't stop)", line)
    return re.sub(r"didn't stop after a?throw\(\)", "didn't stop", line)


# ---------------------------------------------------------------------- the differences


def swallows(program: Program, seen: Seen) -> bool:
    return any("Swallowed" in one.raised for each in seen.values() for one in each)


def changes_in_exit_code(program: Program, seen: Seen) -> bool:
    return any(
        isinstance(action, CHANGES)
        for it in program.dependencies
        for action in (*it.on_success, *it.on_error)
    )


def changes_a_response(program: Program, seen: Seen) -> bool:
    is_own = program.endpoint.returns in OWN
    return is_own and any(isinstance(action, CHANGES) for action in actions(program))


def has_two_lists_of_tasks(program: Program, seen: Seen) -> bool:
    is_own = program.endpoint.returns == "response with a task"
    return is_own and any(isinstance(action, AddTask) for action in actions(program))


def has_failing_tasks(program: Program, seen: Seen) -> bool:
    return any(one.records for each in seen.values() for one in each)


def remembers_in_thread(program: Program, seen: Seen) -> bool:
    return any(
        isinstance(action, Remember)
        for it in holders(program)
        if it.flavour == "thread"
        for action in actions_of(it)
    )


def refuses_too_late(program: Program, seen: Seen) -> bool:
    """An `HTTPException` comes when a WebSocket has been accepted or closed."""
    by_endpoint = {"sends accept", f"sends close {Close().code}"}
    may_refuse = Fail("409") in actions(program) or Fail("500") in actions(program)
    return may_refuse and any(by_endpoint & {*one.log} for each in seen.values() for one in each)


def acts_when_cancelled(program: Program, seen: Seen) -> bool:
    """A request, or a dependency in it, is cancelled; exit code waits, or makes something of it."""
    is_cancelled = any(
        one.raised == CANCELLED or any(line.endswith("sees a cancellation") for line in one.log)
        for each in seen.values()
        for one in each
    )
    return is_cancelled and any(
        it.flavour == "async, waits"
        or it.yields == 2
        or it.reaction not in ("passes", "raises by name")
        or any(isinstance(action, Fail) for action in (*it.on_success, *it.on_error))
        for it in program.dependencies
        if it.yields
    )


def shares_less(program: Program, seen: Seen) -> bool:
    counts = occurrences(program)
    return any(
        (use.security or not use.cache) and counts[use.dependency] > 1 for use in program.uses
    )


def repeats_scopes(program: Program, seen: Seen) -> bool:
    """Security scopes are read below two declarations of one of them."""
    replaced = dict(program.overrides)

    def repeats(uses: tuple[Use, ...], above: set[str], is_repeated: bool) -> bool:
        for use in uses:
            it = program.dependencies[replaced.get(use.dependency, use.dependency)]
            repeated = is_repeated or not above.isdisjoint(use.security)
            reads = is_repeated and "scopes" in it.takes
            if reads or repeats(it.uses, above | {*use.security}, repeated):
                return True
        return False

    uses = (*program.app, *program.router, *program.route, *program.endpoint.uses)
    return repeats(uses, set(), False)


def shares_override(program: Program, seen: Seen) -> bool:
    counts = occurrences(program)
    return any(counts[other] > 1 for _, other in program.overrides)


def shares_invalid(program: Program, seen: Seen) -> bool:
    return any(
        count > 1 and not {"bad", "missing"}.isdisjoint(it.takes)
        for it, count in zip(program.dependencies, occurrences(program), strict=True)
    )


OWN: set[Returns] = {"response", "response with a task", "stream"}


def actions(program: Program) -> list[Any]:
    return [action for it in holders(program) for action in actions_of(it)]


def holders(program: Program) -> list[Dependency | Endpoint]:
    return [program.endpoint, *program.dependencies]


def actions_of(it: Dependency | Endpoint) -> list[Any]:
    return [*it.does] if isinstance(it, Endpoint) else [*it.setup, *it.on_success, *it.on_error]


def occurrences(program: Program) -> list[int]:
    """How often each dependency, or what replaces it, is declared, were nothing shared."""
    counts = [0] * len(program.dependencies)
    replaced = dict(program.overrides)

    def count(uses: tuple[Use, ...]) -> None:
        for use in uses:
            number = replaced.get(use.dependency, use.dependency)
            for each in {use.dependency, number}:
                counts[each] += 1
            count(program.dependencies[number].uses)

    for uses in (program.app, program.router, program.route, program.endpoint.uses):
        count(uses)
    return counts


@dataclass(frozen=True)
class Difference:
    """A difference, how to tell that a program meets it, and the smallest program that does."""

    shows: Callable[[Program, Seen], bool]
    example: Program


def with_dependency(it: Dependency, **endpoint: Any) -> Program:
    return Program((it,), Endpoint(**endpoint), route=(Use(0),))


DIFFERENCES = {
    "E5: the log names who swallowed": Difference(
        swallows,
        with_dependency(Dependency(reaction="swallows"), does=(Fail(),)),
    ),
    "B1: headers of exit code count": Difference(
        changes_in_exit_code,
        with_dependency(Dependency(on_success=(SetHeader(),))),
    ),
    "B1: headers of dependencies reach a returned response": Difference(
        changes_a_response,
        with_dependency(Dependency(setup=(SetHeader("x-two"),)), returns="response"),
    ),
    "B2: a response's own task does not displace the others": Difference(
        has_two_lists_of_tasks,
        Program(
            endpoint=Endpoint(does=(AddTask(),), returns="response with a task"), tasks=(Task(),)
        ),
    ),
    "B4: a failing task does not stop the others": Difference(
        has_failing_tasks,
        Program(endpoint=Endpoint(does=(AddTask(0), AddTask(1))), tasks=(Task(fails=True), Task())),
    ),
    "T3: context variables of sync steps are visible": Difference(
        remembers_in_thread,
        with_dependency(Dependency(flavour="thread", setup=(Remember(),))),
    ),
    "W1: an HTTPException that comes too late closes a WebSocket": Difference(
        refuses_too_late,
        Program(endpoint=Endpoint(does=(Accept(), Fail("409"))), protocol="websocket"),
    ),
    "C1, C2: exit code ends, and does not make a response of a cancellation": Difference(
        acts_when_cancelled,
        with_dependency(Dependency(flavour="thread", reaction="swallows"), does=(CancelRequest(),)),
    ),
    "O3: what is one step, and what is not": Difference(
        shares_less,
        Program((Dependency(),), route=(Use(0, cache=False), Use(0))),
    ),
    "O3: a security scope that is declared twice is told once": Difference(
        repeats_scopes,
        Program(
            (
                Dependency(takes=("scopes",)),
                Dependency(uses=(Use(0),)),
                Dependency(uses=(Use(1, security=("read",)),)),
            ),
            route=(Use(2, security=("read",)),),
        ),
    ),
    "O3: what replaces a dependency is one step with its other uses": Difference(
        shares_override,
        Program((Dependency(), Dependency()), route=(Use(0), Use(1)), overrides=((1, 0),)),
    ),
    "O3: errors of one step are told once": Difference(
        shares_invalid,
        Program((Dependency(takes=("bad",)),), route=(Use(0), Use(0))),
    ),
}


def without_differences(program: Program) -> Program:
    """A program near to this one, with fewer differences."""
    counts = occurrences(program)

    def shared(use: Use) -> Use:
        return use if counts[use.dependency] == 1 else Use(use.dependency)

    def without(it: Dependency, count: int) -> Dependency:
        kept = [each for each in it.takes if count == 1 or each not in ("bad", "missing")]
        forgets = it.flavour == "thread"
        return replace(
            it,
            takes=tuple(kept),
            setup=tuple(a for a in it.setup if not (forgets and isinstance(a, Remember))),
            on_success=tuple(a for a in it.on_success if isinstance(a, Fail | AddTask)),
            on_error=tuple(a for a in it.on_error if isinstance(a, Fail | AddTask)),
        )

    program = with_uses(program, shared)
    program = replace(
        program,
        dependencies=tuple(map(without, program.dependencies, counts)),
        overrides=tuple(pair for pair in program.overrides if counts[pair[1]] == 1),
    )
    endpoint = program.endpoint
    if endpoint.flavour == "thread":
        kept = tuple(action for action in endpoint.does if not isinstance(action, Remember))
        endpoint = replace(endpoint, does=kept)
    program = replace(program, endpoint=endpoint)
    if changes_a_response(program, {}) or has_two_lists_of_tasks(program, {}):
        endpoint = replace(endpoint, returns="text")
    return replace(program, endpoint=endpoint)


def differences(program: Program, observations: Observations) -> list[str]:
    """The names of the differences that a program meets."""
    seen = {} if isinstance(observations, str) else observations
    return [name for name, each in DIFFERENCES.items() if each.shows(program, seen)]
