from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from pydantic import BaseModel

from microfw import App, HTTPException, Response
from microfw.responses import FileResponse, FinalHeaders, RedirectResponse

app = App()


# region filter
class PublicShip(BaseModel):
    name: str
    fee: Decimal
    docked_at: datetime


@dataclass
class Ship:
    name: str
    fee: Decimal
    docked_at: datetime
    captains_phone: str


ARIEL = Ship("Ariel", Decimal("120.50"), datetime(2026, 5, 1, 8, tzinfo=UTC), "555-1234")


@app.get("/ship", response_model=PublicShip)
async def read_ship() -> Ship:
    return ARIEL


@app.get("/ship/name", response_model=PublicShip, response_model_include={"name"})
async def read_name() -> Ship:
    return ARIEL


# endregion filter


# region response
@app.put("/berths/{number}", status_code=201)
async def reserve(number: int, response: Response) -> dict[str, int]:
    response.headers["Location"] = f"/berths/{number}"
    response.set_cookie("berth", str(number))
    return {"berth": number}


# endregion response


# region final
@app.get("/berths/{number}")
async def read_berth(number: int, final: FinalHeaders) -> int:
    final.headers["X-Harbour"] = "Brest"
    if number > 40:
        raise HTTPException(404, "no such berth")
    return number


# endregion final


# region classes
@app.get("/")
async def start() -> RedirectResponse:
    return RedirectResponse("/ship")


@app.get("/chart")
async def read_chart() -> FileResponse:
    return FileResponse(__file__, filename="chart.py")


@app.delete("/berths/{number}", status_code=204)
async def free(number: int) -> None: ...


# endregion classes
