from microfw import APIRouter

router = APIRouter()


@router.post("/")
async def open_office():
    return {"message": "The office is open"}
