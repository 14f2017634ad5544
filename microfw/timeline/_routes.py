"""What the routes of an application consist of, as data and as a table."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path

from msgspec import Struct
from starlette.routing import BaseRoute, Host, Mount

from microfw.applications import App
from microfw.dependencies import Plan, Step
from microfw.routing import Route, WebSocketRoute

_PLACE = re.compile(r"\((?P<file>[^()]+)(?P<line>:\d+)\)$")


class DependencyLine(Struct, frozen=True):
    """A step of a route's plan, ahead of the endpoint.

    Attributes:
        name: The function's name.
        where: `file:line`.
        scope: When its exit code runs; `None` for one without.
        runs: `"loop"` or `"thread"`.
    """

    name: str
    where: str
    scope: str | None
    runs: str


class RouteLine(Struct, frozen=True):
    """A route.

    Attributes:
        path: From the outermost application.
        methods: HTTP methods, or `WEBSOCKET`.
        name: For `url_for`.
        endpoint: The function's name.
        where: `file:line` of it.
        runs: Whether it runs on the event `"loop"` or in a `"thread"`.
        dependencies: In the order of their setup; exit code runs in reverse.
        tags: As declared.
    """

    path: str
    methods: tuple[str, ...]
    name: str
    endpoint: str
    where: str
    runs: str
    dependencies: tuple[DependencyLine, ...]
    tags: tuple[str, ...]


def planned_routes(
    routes: Sequence[BaseRoute], prefix: str = ""
) -> Iterator[tuple[str, Route | WebSocketRoute]]:
    """Find microfw's routes, those of mounted applications too, each with its whole path."""
    for route in routes:
        if isinstance(route, Route | WebSocketRoute):
            yield prefix + route.path, route
        elif isinstance(route, Mount):
            yield from planned_routes(route.routes, prefix + route.path)
        elif isinstance(route, Host):
            yield from planned_routes(route.routes, prefix)


def methods_of(route: Route | WebSocketRoute) -> tuple[str, ...]:
    """The methods of a route, sorted; `WEBSOCKET` for one of WebSockets."""
    if isinstance(route, WebSocketRoute):
        return ("WEBSOCKET",)
    return tuple(sorted(route.methods))


def lines_of(
    app: App, *, path: str | None = None, method: str | None = None, uses: str | None = None
) -> list[RouteLine]:
    """Describe the routes of an application.

    Args:
        app: The application.
        path: Only routes whose path holds this text.
        method: Only routes for this method.
        uses: Only routes that use a dependency of this name.
    """
    lines = [_line(whole_path, route) for whole_path, route in planned_routes(app.routes)]
    return [
        line
        for line in lines
        if (path is None or path in line.path)
        and (method is None or method.upper() in line.methods)
        and (uses is None or any(each.name == uses for each in line.dependencies))
    ]


def _line(path: str, route: Route | WebSocketRoute) -> RouteLine:
    plan = route.plan
    tags = route.options.get("tags") if isinstance(route, Route) else None
    return RouteLine(
        path,
        methods_of(route),
        route.name,
        plan.endpoint.signature.name,
        place_of(plan.endpoint),
        _runs(plan.endpoint),
        tuple(map(_dependency, dependencies_of(plan))),
        tuple(str(tag.value if isinstance(tag, Enum) else tag) for tag in tags or ()),
    )


def dependencies_of(plan: Plan) -> tuple[Step, ...]:
    """The dependencies in a plan, those of scope "app" first, as they open first."""
    return (*plan.app_steps, *plan.steps[:-1])


def _dependency(step: Step) -> DependencyLine:
    scope = step.scope if step.opens or step.scope == "app" else None
    return DependencyLine(step.signature.name, place_of(step), scope, _runs(step))


def _runs(step: Step) -> str:
    return "thread" if step.in_thread else "loop"


def place_of(step: Step) -> str:
    """`file:line` of a step's function; its whole name where it has no source."""
    found = _PLACE.search(step.signature.where)
    return shown(found["file"]) + found["line"] if found else step.signature.where


def rows_of(lines: Sequence[RouteLine]) -> list[tuple[str, ...]]:
    """The rows of a table, the head first."""
    return [
        ("methods", "path", "name", "endpoint", "dependencies", "tags"),
        *(
            (
                " ".join(line.methods),
                line.path,
                line.name,
                f"{line.endpoint} ({line.where}, {line.runs})",
                ", ".join(map(_shown, line.dependencies)),
                ", ".join(line.tags),
            )
            for line in lines
        ),
    ]


def shown(file: str) -> str:
    """A file's path; relative, where it is below the working directory."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def _shown(dependency: DependencyLine) -> str:
    marks = [dependency.scope] if dependency.scope else []
    if dependency.runs == "thread":
        marks.append("thread")
    return f"{dependency.name} ({', '.join(marks)})" if marks else dependency.name
