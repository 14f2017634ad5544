"""All that can be known to be wrong with an application before it is served."""

import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from microfw.applications import App
from microfw.dependencies import (
    Plan,
    Step,
    collected,
    collecting,
    hashable,
    scope_conflicts,
)
from microfw.exceptions import RegistrationError
from microfw.openapi._operations import mistakes_in
from microfw.routing import Route, WebSocketRoute
from microfw.timeline._routes import methods_of, planned_routes


class Finding(Struct, frozen=True):
    """Something that works, and may not be what was meant.

    Attributes:
        what: In a sentence.
        where: The place of the function that it is about.
        cure: What to write instead.
    """

    what: str
    where: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}\n  in:   {self.where}\n  cure: {self.cure}"


class Checked(Struct, frozen=True):
    """What was found.

    Attributes:
        routes: How many there are.
        mistakes: What cannot work.
        warnings: What may not be meant.
    """

    routes: int
    mistakes: Sequence[RegistrationError]
    warnings: Sequence[Finding]


def check(app: App) -> Checked:
    """Plan and compile every route, task and scope "app", make the document; find what is odd."""
    with collecting() as found:
        app.check_routes()
        routes = [*planned_routes(app.routes)]
        sound = [(path, route) for path, route in routes if route.is_prepared]
        for _, route in sound:
            with collected():  # what an override depends on
                route.plans.get(app.app_state)
        with collected():  # what tasks depend on, and scope "app"
            app.explain_lifespan()
    documented = [
        each
        for each in (*app.routes, *app.webhooks.routes)
        if not isinstance(each, Route) or each.is_prepared
    ]
    mistakes = [*found, *mistakes_in(documented)]
    warnings = [each for path, route in sound for each in _warnings(path, route)]
    warnings += map(_conflict, scope_conflicts(route.plan for _, route in sound))
    first: dict[tuple[str, str], Finding] = {}  # of those that many routes share
    for each in warnings:
        first.setdefault((each.where, each.cure), each)
    return Checked(len(routes), mistakes, [*first.values()])


_SHOWN_WAYS = 3


def told_once(mistakes: Iterable[RegistrationError]) -> list[str]:
    """The texts of mistakes; of one to which several routes lead once, with ways to it."""
    by_place: dict[tuple[str, str, str], list[RegistrationError]] = {}
    for each in mistakes:
        by_place.setdefault((each.what, each.where, each.cure), []).append(each)
    return [*map(_with_ways, by_place.values())]


def _with_ways(same: Sequence[RegistrationError]) -> str:
    first = same[0]
    ways = [f"  path: {' -> '.join(each.path)}" for each in same if len(each.path) > 1]
    if len(ways) > _SHOWN_WAYS:
        ways[_SHOWN_WAYS:] = [f"  path: {len(ways) - _SHOWN_WAYS} more"]
    lines = (first.what, f"  in:   {first.where}", *ways, f"  cure: {first.cure}")
    return "\n".join(lines)


def _conflict(text: str) -> Finding:
    what, _, cure = text.partition(". Write ")
    return Finding(what, "scope 'app'", f"write {cure}")


def _warnings(path: str, route: Route | WebSocketRoute) -> Iterator[Finding]:
    name = f"{' '.join(methods_of(route))} {path}"
    plan = route.plan
    yield from _opened_twice(plan, name)
    yield from _held_while_streaming(plan, name)
    yield from _held_over_hops(plan, name)


def _opened_twice(plan: Plan, name: str) -> Iterator[Finding]:
    first: dict[Hashable, Step] = {}
    for step in plan.steps[:-1]:
        if step.scope == "use":  # one of its own is what that scope is for
            continue
        other = first.setdefault(hashable(step.signature.declared), step)
        if step.opens and other is not step:
            yield Finding(
                f"{step.signature.name} opens twice for {name}, in {other.used_in} and in"
                f" {step.used_in}",
                step.signature.where,
                "declare it alike in both places (use_cache, scope, security scopes), so that it"
                " is shared",
            )


def _held_while_streaming(plan: Plan, name: str) -> Iterator[Finding]:
    if not plan.endpoint.opens:
        return
    for step in plan.steps[:-1]:
        is_meant = step.scope == "request" and step.asked_in is not None
        if step.opens and not is_meant and _is_open(step, len(plan.steps) - 1):
            yield Finding(
                f"{step.signature.name} is held as long as {name} streams, however slowly the"
                " client reads",
                step.signature.where,
                "take what the stream needs of it inside of the generator, in a `with` block that"
                " ends before the first `yield`; or, where it is to be held, say so:"
                f' Depends({step.signature.name}, scope="request")',
            )


def _is_open(step: Step, number: int) -> bool:
    """Whether a step that opens is still open when a later one is called."""
    return not step.is_block or (step.last_inside is not None and number <= step.last_inside)


def _held_over_hops(plan: Plan, name: str) -> Iterator[Finding]:
    """Sync dependencies that wait, and stay open while something else runs than their thread."""
    for number, step in enumerate(plan.steps[:-1]):
        elsewhere = [each for each in plan.steps[number + 1 :] if not each.in_thread]
        if step.in_thread and step.opens and elsewhere and _may_wait(step.signature.call):
            yield Finding(
                f"{step.signature.name} is sync, and is held while {elsewhere[0].signature.name}"
                f" of {name} runs on the event loop: each request needs a thread for its setup and"
                " one for its exit; where setup waits for a free connection of a pool, those who"
                " wait take the threads",
                step.signature.where,
                f"make {step.signature.name} async, or what uses it sync as well",
            )


_TAKING = frozenset(
    {
        *("acquire", "begin", "borrow", "checkout", "connect", "connection", "cursor", "execute"),
        *("get_conn", "get_connection", "getconn", "lock", "raw_connection", "scalar", "scalars"),
        *("wait",),
    }
)
"""What the methods are called that give a connection, a lock or a place, and wait for it."""


def _may_wait(call: Callable[..., Any]) -> bool:
    """Whether a function takes something that others may have, as far as its code tells."""
    function: Any = inspect.unwrap(call)
    try:
        used = inspect.getclosurevars(function)
    except TypeError:  # not written in Python
        return True
    names = {*used.unbound, *used.globals, *function.__code__.co_names}
    variables = (*used.globals.values(), *used.nonlocals.values())
    return not names.isdisjoint(_TAKING) or any(hasattr(each, "acquire") for each in variables)
