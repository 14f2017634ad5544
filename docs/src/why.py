from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends

app = App()


class Logbook(list[str]):
    async def commit(self) -> None: ...


# region app
async def get_logbook() -> AsyncIterator[Logbook]:
    logbook = Logbook()
    yield logbook
    await logbook.commit()


@app.post("/arrivals/{ship}")
async def arrive(ship: str, logbook: Annotated[Logbook, Depends(get_logbook)]) -> str:
    logbook.append(f"{ship} is here")
    return "welcome"


# endregion app
