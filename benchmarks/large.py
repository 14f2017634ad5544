# pyright: reportMissingImports=false
# Litestar is in the extra "bench", which the checks do without.
"""Makes applications of many routes, each with three dependencies, in the way of each contender.

Every route has an endpoint of its own and a parameter in its path; the dependencies are shared by
all of them, as a session and a user are in an application. Packages are imported by who makes one.
"""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

Application = Callable[..., Any]


async def settings() -> AsyncIterator[int]:
    """Open the first dependency."""
    yield 1


async def session(one: int) -> AsyncIterator[int]:
    """Open the second one."""
    yield one + 1


async def user(two: int) -> AsyncIterator[int]:
    """Open the third one."""
    yield two + 1


def answer(number: int, item: int, value: int) -> dict[str, int]:
    """Make what an endpoint returns."""
    return {"route": number, "item": item, "value": value}


def path(number: int, item: str = "{item}") -> str:
    """Return the path of a route, or of one of its items."""
    return f"/orders-{number}/items/{item}"


def microfw(count: int) -> Application:
    """Make microfw's."""
    from microfw import App, Depends

    return _declared(App(), Depends, count)


def fastapi(count: int) -> Application:
    """Make FastAPI's."""
    from fastapi import Depends, FastAPI

    return _declared(FastAPI(openapi_url=None), Depends, count)


def _declared(app: Any, depends: Any, count: int) -> Application:
    async def second(one: Annotated[int, depends(settings)]) -> AsyncIterator[int]:
        yield one + 1

    async def third(two: Annotated[int, depends(second)]) -> AsyncIterator[int]:
        yield two + 1

    def add(number: int) -> None:
        @app.get(path(number))
        async def endpoint(
            item: int,
            one: Annotated[int, depends(settings)],
            two: Annotated[int, depends(second)],
            three: Annotated[int, depends(third)],
        ) -> dict[str, int]:
            return answer(number, item, three)

    for number in range(count):
        add(number)
    return app  # type: ignore[no-any-return]


def litestar(count: int) -> Application:
    """Make Litestar's."""
    from litestar import Litestar, get
    from litestar.di import NamedDependency, Provide
    from litestar.params import FromPath

    async def second(one: NamedDependency[int]) -> AsyncIterator[int]:
        yield one + 1

    async def third(two: NamedDependency[int]) -> AsyncIterator[int]:
        yield two + 1

    provided: Any = {"one": Provide(settings), "two": Provide(second), "three": Provide(third)}

    def route(number: int) -> Any:
        @get(path(number, "{item:int}"), dependencies=provided)
        async def endpoint(
            item: FromPath[int],
            one: NamedDependency[int],
            two: NamedDependency[int],
            three: NamedDependency[int],
        ) -> dict[str, int]:
            return answer(number, item, three)

        return endpoint

    app: Any = Litestar(
        [route(number) for number in range(count)], openapi_config=None, logging_config=None
    )
    return app  # type: ignore[no-any-return]


def starlette(count: int) -> Application:
    """Make Starlette's, with blocks written by hand."""
    from contextlib import asynccontextmanager

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    open_1 = asynccontextmanager(settings)
    open_2 = asynccontextmanager(session)
    open_3 = asynccontextmanager(user)

    def route(number: int) -> Route:
        async def endpoint(request: Request) -> Response:
            async with open_1() as one:
                async with open_2(one) as two:
                    async with open_3(two) as three:
                        item = request.path_params["item"]
                        return JSONResponse(answer(number, item, three))

        return Route(path(number, "{item:int}"), endpoint)

    return Starlette(routes=[route(number) for number in range(count)])


LARGE = {"microfw": microfw, "starlette": starlette, "fastapi": fastapi, "litestar": litestar}
"""By the name of the package that is imported."""
