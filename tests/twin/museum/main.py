"""The museum's application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from microfw import App, Depends, Header, HTTPException, Request, Response
from microfw.middleware.cors import CORSMiddleware
from microfw.middleware.gzip import GZipMiddleware
from microfw.responses import JSONResponse
from tests.twin.museum import (
    annex,
    desk,
    exhibits,
    giftshop,
    incidents,
    live,
    staff,
    streams,
    visitors,
)
from tests.twin.museum.incidents import MuseumClosed
from tests.twin.museum.journal import note


@asynccontextmanager
async def open_museum(app: App) -> AsyncIterator[dict[str, str]]:
    note("museum opens")
    yield {"city": "Delft"}
    note("museum closes")


async def check_language(x_refuse: Annotated[str | None, Header()] = None) -> None:
    if x_refuse:
        raise HTTPException(406, f"refused: {x_refuse}")


app = App(
    lifespan=open_museum,
    dependencies=[Depends(check_language)],
    responses={406: {"description": "Refused"}},
)

app.add_middleware(GZipMiddleware, minimum_size=600)
app.add_middleware(
    CORSMiddleware,
    allow_origins=["https://museum.example"],
    allow_methods=["GET", "PUT"],
    allow_headers=["X-Chip"],
)


@app.middleware("http")
async def name_the_city(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    note(f"{request.method} begins")
    response = await call_next(request)
    response.headers["X-City"] = request.state.city
    note(f"{request.method} ends with {response.status_code}")
    return response


@app.exception_handler(MuseumClosed)
async def say_closed(request: Request, error: MuseumClosed) -> JSONResponse:
    note(f"handled {type(error).__name__}")
    return JSONResponse({"closed until": error.until}, 503, headers={"Retry-After": "60"})


@app.exception_handler(418)
async def say_teapot(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"teapot": error.detail}, 418, headers=error.headers)


@app.get("/", include_in_schema=False)
def read_root(request: Request) -> dict[str, str]:
    return {"museum": request.state.city, "path": request.url.path}


app.include_router(exhibits.router)
app.include_router(visitors.router)
app.include_router(staff.router)
app.include_router(desk.router)
app.include_router(streams.router)
app.include_router(incidents.router, prefix="/east")
app.include_router(incidents.router, prefix="/west", dependencies=[Depends(lambda: note("west"))])
app.include_router(live.router)
app.include_router(annex.router, prefix="/annex", tags=["annex"])
app.mount("/shop", giftshop.shop)
