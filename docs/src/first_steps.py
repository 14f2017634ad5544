from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends, HTTPException

app = App(title="Harbour")

berths = {1: "Ariel", 2: "Beagle"}


async def get_ship(number: int) -> str:
    if number not in berths:
        raise HTTPException(404, "no such berth")
    return berths[number]


async def get_crane() -> AsyncIterator[str]:
    print("crane: start")
    yield "the crane"
    print("crane: stop")


Ship = Annotated[str, Depends(get_ship)]
Crane = Annotated[str, Depends(get_crane)]


@app.get("/berths/{number}")
async def read_berth(ship: Ship) -> dict[str, str]:
    return {"ship": ship}


@app.post("/berths/{number}/unload")
async def unload(ship: Ship, crane: Crane, crates: int = 1) -> str:
    print(f"unloading {crates} crates")
    return f"{crane} has unloaded {ship}"
