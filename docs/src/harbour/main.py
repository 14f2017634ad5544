from sqlalchemy.exc import IntegrityError

from harbour import logbook, ships
from microfw import App, Request
from microfw.responses import JSONResponse

app = App(title="Harbour", version="1.0")
app.include_router(ships.router)
app.include_router(logbook.router)


@app.exception_handler(IntegrityError)
async def conflict(request: Request, error: IntegrityError) -> JSONResponse:
    """Answer a commit, or a flush, that the database refuses."""
    return JSONResponse({"detail": "that name or berth is taken"}, 409)
