from microfw import APIRouter, Depends, HTTPException
from tests.tutorial.harbour.dependencies import get_token_header

router = APIRouter(
    prefix="/ships",
    tags=["ships"],
    dependencies=[Depends(get_token_header)],
    responses={404: {"description": "Not found"}},
)

SHIPS = {"aurora": {"name": "Aurora"}, "corona": {"name": "Corona"}}


@router.get("/")
async def list_ships():
    return SHIPS


@router.get("/{ship}")
async def read_ship(ship: str):
    if ship not in SHIPS:
        raise HTTPException(status_code=404, detail="No such ship")
    return {"name": SHIPS[ship]["name"], "ship": ship}


@router.put("/{ship}", tags=["custom"], responses={403: {"description": "Forbidden"}})
async def rename_ship(ship: str):
    if ship != "aurora":
        raise HTTPException(status_code=403, detail="Only the Aurora may be renamed")
    return {"ship": ship, "name": "The new Aurora"}
