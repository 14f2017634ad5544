from typing import Annotated, Any

from microfw import App, Depends

app = App()


def get_logbook() -> Any:
    return []


@app.get("/berths/{number}")
async def read_berth(numbr: int) -> str:
    return f"berth {numbr}"


@app.get("ships")
async def list_ships() -> list[str]:
    return []


@app.get("/logbook")
async def read_logbook(logbook: Annotated[list[str], Depends(get_logbook())]) -> list[str]:
    return logbook
