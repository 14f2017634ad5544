from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from microfw import App, Depends, Path
from microfw.testclient import TestClient

if TYPE_CHECKING:
    from pathlib import PurePath


class Session: ...


def forgotten_depends() -> None:
    app = App()

    @app.get("/ships")
    async def list_ships(session: Session) -> None: ...


def unresolvable_annotation() -> None:
    app = App()

    @app.get("/ships")
    async def list_ships(folder: "PurePath") -> None: ...


def other_name_in_the_path() -> None:
    app = App()

    @app.get("/ships/{name}")
    async def read_ship(ship: Annotated[str, Path()]) -> None: ...


class Ship:
    def __init__(self, berth: "Annotated[Berth, Depends()]") -> None: ...


class Berth:
    def __init__(self, ship: Annotated[Ship, Depends()]) -> None: ...


def circle() -> None:
    app = App()

    @app.get("/ships")
    async def list_ships(ship: Annotated[Ship, Depends()]) -> None: ...


app = App()


async def get_engine() -> AsyncIterator[str]:
    yield "engine"


@app.get("/app-scope")
async def use_engine(engine: Annotated[str, Depends(get_engine, scope="app")]) -> None: ...


def no_lifespan() -> None:
    TestClient(app).get("/app-scope")


def get_twice() -> Iterator[int]:
    yield 1
    yield 2


@app.get("/twice")
def use_twice(number: Annotated[int, Depends(get_twice)]) -> int:
    return number


def two_yields() -> None:
    TestClient(app).get("/twice")


async def count() -> int:
    return 3


@app.get("/count", response_model=int)
def use_count() -> Any:
    return count()


def not_awaited() -> None:
    TestClient(app).get("/count")


@app.get("/ship", response_model=dict[str, int])
async def read_ship() -> dict[str, str]:
    return {"metres": "long"}


def unfit_result() -> None:
    TestClient(app).get("/ship")
