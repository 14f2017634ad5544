from typing import Annotated

from pydantic import BaseModel

from microfw import App, Depends, HTTPException, Path, Query, Router

# region app
app = App(
    title="Harbour",
    version="1.0",
    description="Berths, and the ships in them.",
    openapi_tags=[{"name": "berths", "description": "Places to dock"}],
    servers=[{"url": "https://harbour.example"}],
)
# endregion app


# region operation
class Berth(BaseModel):
    number: int
    ship: str | None = None


class Problem(BaseModel):
    detail: str


async def get_berth(
    number: Annotated[int, Path(description="1 is the northernmost")],
) -> Berth:
    if number > 40:
        raise HTTPException(404, "no such berth")
    return Berth(number=number)


BerthDep = Annotated[
    Berth, Depends(get_berth, responses={404: {"model": Problem, "description": "No such berth"}})
]


@app.get("/berths/{number}", tags=["berths"], summary="One berth")
async def read_berth(berth: BerthDep) -> Berth:
    """Say which ship is in a berth.

    It may be **none**.
    """
    return berth


@app.get("/berths", tags=["berths"], deprecated=True)
async def list_berths(
    flag: Annotated[str | None, Query(examples=["FR"], description="A ship's flag")] = None,
) -> list[Berth]:
    return []


@app.get("/health", include_in_schema=False)
async def health() -> str:
    return "ok"


# endregion operation


# region callbacks
callbacks = Router()


@callbacks.post("{$request.query.notify}/arrived")
async def arrived(berth: Berth) -> None:
    """What we send when the ship is there."""


@app.post("/ships/{name}", callbacks=callbacks.routes)
async def announce(name: str, notify: str) -> str:
    return f"{notify} will hear of {name}"


@app.webhooks.post("storm")
async def storm(beaufort: int) -> None:
    """What we send to everybody who has subscribed."""


# endregion callbacks
