"""What an application consists of, for the page."""

from collections.abc import Hashable, Sequence

from msgspec import Struct

from microfw.applications import App
from microfw.dependencies import AppValue, Plan, Step, Use
from microfw.timeline._keeping import UnderWay
from microfw.timeline._routes import dependencies_of, methods_of, place_of, planned_routes


class Node(Struct, frozen=True):
    """A function in the graph of a route.

    Attributes:
        name: Its name.
        where: `file:line`.
        scope: When it exits; `None` for what has nothing to exit.
        runs: `"loop"` or `"thread"`.
        uses: The numbers of the functions that it uses.
    """

    name: str
    where: str
    scope: str | None
    runs: str
    uses: tuple[int, ...]


class RouteGraph(Struct, frozen=True):
    """A route, and its functions in the order of their setup; the endpoint is the last."""

    path: str
    methods: tuple[str, ...]
    nodes: tuple[Node, ...]


class Held(Struct, frozen=True):
    """A dependency of scope "app"."""

    name: str
    where: str
    is_open: bool


class Application(Struct, frozen=True):
    title: str
    routes: tuple[RouteGraph, ...]
    app_scope: tuple[Held, ...]
    under_way: tuple[UnderWay, ...]


def described(app: App, under_way: Sequence[UnderWay]) -> Application:
    """Describe an application as it is now; routes with mistakes are left out."""
    routes = [each for each in planned_routes(app.routes) if each[1].is_prepared]
    held: dict[Hashable, Held] = {}
    for _, route in routes:
        for step in route.plan.app_steps:
            is_open = step.key in app.app_state.app_values
            held[step.key] = Held(step.signature.name, place_of(step), is_open)
    graphs = (RouteGraph(path, methods_of(route), nodes_of(route.plan)) for path, route in routes)
    return Application(app.title, tuple(graphs), tuple(held.values()), tuple(under_way))


def nodes_of(plan: Plan) -> tuple[Node, ...]:
    """The functions of a plan, those of scope "app" first."""
    steps = (*dependencies_of(plan), plan.endpoint)
    first = len(plan.app_steps)
    app_numbers = {step.key: number for number, step in enumerate(plan.app_steps)}
    return tuple(
        _node(step, first if number >= first else 0, app_numbers)
        for number, step in enumerate(steps)
    )


def _node(step: Step, first: int, app_numbers: dict[Hashable, int]) -> Node:
    uses: dict[int, None] = {}
    for argument in step.arguments:
        if isinstance(argument.source, Use):
            uses[first + argument.source.step] = None
        elif isinstance(argument.source, AppValue):
            uses[app_numbers[argument.source.key]] = None
    scope = step.scope if step.opens or step.scope == "app" else None
    runs = "thread" if step.in_thread else "loop"
    return Node(step.signature.name, place_of(step), scope, runs, tuple(uses))
