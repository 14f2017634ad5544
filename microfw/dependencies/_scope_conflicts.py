"""Dependencies of scope "app" in one place which another place opens for each request."""

from collections.abc import Hashable, Iterable, Iterator

from microfw.dependencies._declared import Lifetime
from microfw.dependencies._plan import Plan, Step
from microfw.dependencies._walk import hashable


def scope_conflicts(plans: Iterable[Plan]) -> Iterator[str]:
    """Describe each, with both places; a scope that is written there is as it is meant."""
    shared: dict[Hashable, Step] = {}
    others: dict[Hashable, Step] = {}
    for plan in plans:
        for step in (*plan.app_steps, *plan.steps[:-1]):
            call = hashable(step.signature.declared)
            if step.lifetime is not Lifetime.APP:
                if step.asked_in is None:
                    others.setdefault(call, step)
            elif step.asked_in is not None:
                shared[call] = step
            elif step.opens:  # it is of the scope of what uses it
                shared.setdefault(call, step)
    for call, step in shared.items():
        if call in others:
            name, place = step.signature.name, step.asked_in or step.used_in
            yield (
                f"{step.signature.where} has scope 'app' in {place}, and none"
                f" in {others[call].used_in}, where another one is made for each request. Write"
                f' Depends({name}, scope="app") in both places, or another scope where it is meant'
            )
