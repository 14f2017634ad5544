from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends, HTTPException, Request, RequestValidationError
from microfw.exception_handlers import request_validation_exception_handler
from microfw.responses import JSONResponse, Response

app = App()


# region http
@app.get("/berths/{number}")
async def read_berth(number: int) -> str:
    if number > 40:
        raise HTTPException(404, {"reason": "no such berth", "last": 40})
    return "free"


# endregion http


# region handler
class StormError(Exception):
    def __init__(self, beaufort: int) -> None:
        self.beaufort = beaufort


async def get_logbook() -> AsyncIterator[list[str]]:
    lines: list[str] = []
    try:
        yield lines
        print(f"logbook: kept {lines}")
    except Exception as error:
        print(f"logbook: dropped {lines}, for {type(error).__name__}")
        raise


@app.exception_handler(StormError)
async def stay_in(request: Request, error: StormError) -> JSONResponse:
    print("handler")
    return JSONResponse({"detail": f"wind {error.beaufort}, stay in"}, 503, {"Retry-After": "3600"})


@app.post("/departures/{ship}")
async def depart(
    ship: str, logbook: Annotated[list[str], Depends(get_logbook)], beaufort: int = 3
) -> str:
    logbook.append(f"{ship} departs")
    if beaufort >= 9:
        raise StormError(beaufort)
    return "fair winds"


# endregion handler


# region validation
@app.exception_handler(RequestValidationError)
async def count_invalid(request: Request, error: RequestValidationError) -> Response:
    print(f"{len(error.errors())} invalid values for {request.url.path}")
    return await request_validation_exception_handler(request, error)


# endregion validation


@app.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError("nobody handles this")
