from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends

app = App()


class Logbook:
    def __init__(self) -> None:
        self.lines: list[str] = []


async def get_logbook() -> AsyncIterator[Logbook]:
    logbook = Logbook()
    try:
        yield logbook
    except KeyError:
        logbook.lines.clear()  # and `raise` is missing


LogbookDep = Annotated[Logbook, Depends(get_logbook)]

berths = {1: "Avel Vor"}


@app.get("/berths/{number}")
async def read_berth(number: int, logbook: LogbookDep) -> str:
    logbook.lines.append(f"asked for berth {number}")
    return berths[number]
