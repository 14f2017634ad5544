from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends, Outcome
from microfw.responses import JSONResponse

app = App()


# region outcome
async def get_logbook(outcome: Outcome) -> AsyncIterator[list[str]]:
    lines: list[str] = []
    yield lines
    if outcome.ok:
        print(f"kept {lines}")


@app.post("/arrivals/{ship}")
async def arrive(
    ship: str, logbook: Annotated[list[str], Depends(get_logbook)], flag: str = "FR"
) -> JSONResponse:
    logbook.append(ship)
    if flag == "pirate":
        return JSONResponse({"detail": "not you"}, 403)
    return JSONResponse({"detail": "welcome"})


# endregion outcome
