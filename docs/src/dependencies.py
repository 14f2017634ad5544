from dataclasses import dataclass
from typing import Annotated

from microfw import App, Depends, Header, HTTPException, Query

app = App()


# region function
@dataclass
class Page:
    offset: int
    limit: int


def get_page(offset: int = 0, limit: Annotated[int, Query(le=100)] = 20) -> Page:
    return Page(offset, limit)


@app.get("/ships")
async def list_ships(page: Annotated[Page, Depends(get_page)]) -> Page:
    return page


# endregion function


# region class
class ShipFilter:
    def __init__(self, flag: str | None = None, longer_than: float = 0) -> None:
        self.flag = flag
        self.longer_than = longer_than


@app.get("/ships/search")
async def search(wanted: Annotated[ShipFilter, Depends()]) -> str:
    return f"flag {wanted.flag}, longer than {wanted.longer_than} m"


# endregion class


# region sub
async def get_pilot(pilot: Annotated[str | None, Header()] = None) -> str:
    if pilot is None:
        raise HTTPException(401, "who is the pilot?")
    return pilot


Pilot = Annotated[str, Depends(get_pilot)]


async def get_licence(pilot: Pilot) -> str:
    return f"licence of {pilot}"


@app.post("/ships/{ship}/dock")
async def dock(ship: str, pilot: Pilot, licence: Annotated[str, Depends(get_licence)]) -> str:
    return f"{pilot} docks {ship} ({licence})"


# endregion sub


# region list
@app.delete("/ships/{ship}", dependencies=[Depends(get_pilot)])
async def cast_off(ship: str) -> str:
    return f"{ship} has left"


# endregion list


# region parameterised
class AtMost:
    def __init__(self, metres: float) -> None:
        self.metres = metres

    def __call__(self, length: float) -> float:
        if length > self.metres:
            raise HTTPException(422, f"longer than {self.metres} m")
        return length


@app.post("/berths/small")
async def reserve(length: Annotated[float, Depends(AtMost(12))]) -> float:
    return length


# endregion parameterised
