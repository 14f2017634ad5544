"""More and more routes: the first, the last and a missing one are asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from benchmarks.cases import SENT, Case
from benchmarks.client import ASGIApp, Log, Request, json_answer, new_log
from benchmarks.contenders.declared import Framework
from benchmarks.growing.points import Question

SIZES = (10, 100, 1_000, 10_000)
IN_ROUTER = 10
MOST = {"FastAPI": 1_000}
"""Who is not asked of as many routes as the others: of 10,000 it would take minutes."""

MISSING = json_answer({"detail": "Not Found"}, status=404)

KINDS = {
    "static": "/orders-{number}",
    "with a parameter": "/orders-{number}/{item}",
    "in nested routers": "/shops-{router}/orders-{number}",
}
"""The paths of routes, which have a number each, and of the routers that some of them are in."""


def path(kind: str, number: int, item: str = "{item}") -> str:
    """Return the path of a route, or of one of its items."""
    return (
        KINDS[kind]
        .replace("{number}", str(number))
        .replace("{router}", str(number // IN_ROUTER))
        .replace("{item}", item)
    )


def questions(
    frameworks: Sequence[Framework],
    sizes: Sequence[int] = SIZES,
    most: Mapping[str, int] = MOST,
) -> Iterator[Question]:
    """Ask for routes with each kind of path."""
    for kind in KINDS:
        for size in sizes:
            logged: Mapping[str, Logged] = {
                **{
                    each.name: Logged(declared(each, kind, size))
                    for each in frameworks
                    if size <= most.get(each.name, size)
                },
                "by hand": Logged(by_hand(kind, size)),
            }
            builders = {name: each.build for name, each in logged.items()}
            curve = f"routes {kind}"
            asked = {"first": path(kind, 0, "7"), "last": path(kind, size - 1, "7")}
            for question, where in asked.items():
                case = Case(
                    f"{question}-{kind}-{size}",
                    "",
                    Request(where),
                    json_answer({"found": True}),
                    ("endpoint", *SENT),
                )
                title = f"{curve}, {question}"
                yield Question(title, "routes", size, case, builders)
            nowhere = Request(path(kind, size, "7"))
            case = Case(f"missing-{kind}-{size}", "", nowhere, MISSING, SENT)
            yield Question(f"{curve}, missing", "routes", size, case, builders)


Built = Callable[[Callable[[], None]], Any]
"""Makes an application, given what its endpoints call."""


class Logged:
    """An application that is built once and asked several questions, each with a log of its own."""

    def __init__(self, make: Built) -> None:
        self._log: Log = new_log()
        self._app = cast(ASGIApp, make(lambda: self._log.append("endpoint")))

    def build(self, log: Log) -> ASGIApp:
        """Use this log from now on."""
        self._log = log
        return self._app


def declared(framework: Framework, kind: str, size: int) -> Built:
    """Make a framework's application."""

    def build(note: Callable[[], None]) -> Any:
        app = framework.application()
        if kind == "in nested routers":
            for start in range(0, size, IN_ROUTER):
                router = framework.router(prefix=f"/shops-{start // IN_ROUTER}")
                for number in range(start, start + IN_ROUTER):
                    add(router, f"/orders-{number}", note)
                app.include_router(router)
        else:
            for number in range(size):
                add(app, path(kind, number), note)
        return app

    def add(router: Any, where: str, note: Callable[[], None]) -> None:
        if "{item}" in where:

            @router.get(where)
            async def with_item(item: str) -> dict[str, bool]:
                note()
                return {"found": True}

        else:

            @router.get(where)
            async def without_item() -> dict[str, bool]:
                note()
                return {"found": True}

    return build


def by_hand(kind: str, size: int) -> Built:
    """Make Starlette's."""

    def build(note: Callable[[], None]) -> Any:
        async def endpoint(request: StarletteRequest) -> Response:
            note()
            return JSONResponse({"found": True})

        async def not_found(request: StarletteRequest, error: Exception) -> Response:
            return JSONResponse({"detail": "Not Found"}, 404)

        routes: list[Any] = [Route(path(kind, number), endpoint) for number in range(size)]
        if kind == "in nested routers":
            routes = [
                Mount(
                    f"/shops-{start // IN_ROUTER}",
                    routes=[
                        Route(f"/orders-{number}", endpoint)
                        for number in range(start, start + IN_ROUTER)
                    ],
                )
                for start in range(0, size, IN_ROUTER)
            ]
        return Starlette(routes=routes, exception_handlers={404: not_found})

    return build
