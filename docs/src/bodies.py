from dataclasses import dataclass
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from microfw import App, Body

app = App()


# region model
class Ship(BaseModel):
    name: str = Field(min_length=1)
    metres: float = Field(gt=0)
    built: date | None = None


@app.post("/ships", status_code=201)
async def add_ship(ship: Ship) -> Ship:
    return ship


# endregion model


# region kinds
@dataclass
class Berth:
    number: int
    ship: Ship | None = None


class Tide(TypedDict):
    high: float
    low: float


class Crane(Struct):
    number: int
    tons: Annotated[float, Meta(gt=0)]
    builder: Ship | None = None


@app.put("/berths")
async def put_berth(berth: Berth) -> Berth:
    return berth


@app.put("/tides")
async def put_tides(tides: list[Tide]) -> list[Tide]:
    return tides


@app.put("/cranes")
async def put_crane(crane: Crane) -> Crane:
    return crane


# endregion kinds


# region several
@app.put("/berths/{number}")
async def dock(number: int, ship: Ship, days: Annotated[int, Body(ge=1)]) -> str:
    return f"{ship.name} stays {days} days at berth {number}"


# endregion several


# region update
class ShipUpdate(BaseModel):
    name: str | None = None
    metres: float | None = None


@app.patch("/ships/{name}", response_model=Ship)
async def update_ship(name: str, update: ShipUpdate) -> Ship:
    known = Ship(name=name, metres=40, built=date(2020, 1, 1))
    return known.model_copy(update=update.model_dump(exclude_unset=True))


# endregion update
