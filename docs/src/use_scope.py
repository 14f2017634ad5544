from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends

app = App()


# --8<-- [start:use]
async def get_connection() -> AsyncIterator[dict[str, str]]:
    print("connection: taken from the pool")
    yield {"token": "ada"}
    print("connection: given back")


Connection = Annotated[dict[str, str], Depends(get_connection, scope="use")]


async def get_pilot(connection: Connection) -> str:
    return connection["token"]  # takes what it needs, and lets go


@app.get("/forecast")
async def read_forecast(pilot: Annotated[str, Depends(get_pilot)]) -> str:
    print("endpoint: asks a slow service")
    return f"fair weather, {pilot}"


# --8<-- [end:use]


# --8<-- [start:limit]
async def get_diver() -> AsyncIterator[str]:
    yield "the diver"


Diver = Annotated[str, Depends(get_diver, max_concurrency=1)]


@app.get("/hull")
async def look_at_hull(diver: Diver) -> str:
    return f"{diver} sees no barnacles"


# --8<-- [end:limit]
