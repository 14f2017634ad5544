"""A route's dependencies as a graph, in the languages of Mermaid and Graphviz."""

from collections.abc import Hashable, Iterator, Mapping

from microfw.dependencies import AppValue, Plan, Step, Use
from microfw.timeline._routes import dependencies_of


def mermaid(plan: Plan) -> str:
    """The graph as a flowchart of Mermaid; an arrow leads from a user to what it uses."""
    names, edges = _graph(plan)
    lines = ["flowchart TD", *(f'    {key}["{label}"]' for key, label in names.items())]
    return "\n".join([*lines, *(f"    {user} --> {used}" for user, used in edges)])


def dot(plan: Plan) -> str:
    """The graph in Graphviz's language."""
    names, edges = _graph(plan)
    lines = ["digraph {", *(f'    {key} [label="{label}"];' for key, label in names.items())]
    return "\n".join([*lines, *(f"    {user} -> {used};" for user, used in edges), "}"])


GRAPHS = {"mermaid": mermaid, "dot": dot}


def _graph(plan: Plan) -> tuple[dict[str, str], list[tuple[str, str]]]:
    steps = (*dependencies_of(plan), plan.endpoint)
    first = len(plan.app_steps)
    app_numbers = {step.key: number for number, step in enumerate(plan.app_steps)}
    names = {f"s{number}": _label(step) for number, step in enumerate(steps)}
    edges = [
        (f"s{number}", f"s{below}")
        for number, step in enumerate(steps)
        for below in _used(step, first if number >= first else 0, app_numbers)
    ]
    return names, edges


def _used(step: Step, first: int, app_numbers: Mapping[Hashable, int]) -> Iterator[int]:
    for argument in step.arguments:
        if isinstance(argument.source, Use):
            yield first + argument.source.step
        elif isinstance(argument.source, AppValue):
            yield app_numbers[argument.source.key]


def _label(step: Step) -> str:
    return f"{step.signature.name} ({step.scope})" if step.opens else step.signature.name
