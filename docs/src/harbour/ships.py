from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import select

from harbour.database import SessionDep
from harbour.logbook import write_down
from harbour.models import Ship
from harbour.settings import Settings, get_settings
from microfw import BackgroundTasks, Depends, HTTPException, Router

router = Router(prefix="/ships", tags=["ships"])


class NewShip(BaseModel):
    name: str = Field(min_length=1, max_length=50)
    metres: float = Field(gt=0)


class ShownShip(NewShip):
    berth: int | None


async def find_ship(name: str, session: SessionDep) -> Ship:
    ship = await session.get(Ship, name)
    if ship is None:
        raise HTTPException(404, "no such ship")
    return ship


Found = Annotated[Ship, Depends(find_ship, responses={404: {"description": "No such ship"}})]


@router.post("", status_code=201, response_model=ShownShip)
async def add_ship(new: NewShip, session: SessionDep) -> Ship:
    ship = Ship(**new.model_dump(), berth=None)
    session.add(ship)
    return ship


@router.get("", response_model=list[ShownShip])
async def list_ships(session: SessionDep) -> Sequence[Ship]:
    return (await session.scalars(select(Ship).order_by(Ship.name))).all()


@router.put("/{name}/berth/{number}", response_model=ShownShip)
async def dock(
    number: int,
    ship: Found,
    settings: Annotated[Settings, Depends(get_settings)],
    tasks: BackgroundTasks,
) -> Ship:
    if number > settings.berths:
        raise HTTPException(404, "no such berth")
    ship.berth = number
    tasks.add_task(write_down, f"{ship.name} docks at {number}")
    return ship
