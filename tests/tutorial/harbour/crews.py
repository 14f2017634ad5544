from microfw import APIRouter

router = APIRouter()


@router.get("/crews/", tags=["crews"])
async def list_crews():
    return [{"name": "Ada"}, {"name": "Mo"}]


@router.get("/crews/me", tags=["crews"])
async def read_my_crew():
    return {"name": "mine"}


@router.get("/crews/{name}", tags=["crews"])
async def read_crew(name: str):
    return {"name": name}
