from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from microfw import App, Depends, Request
from microfw.responses import HTMLResponse, Response
from microfw.staticfiles import StaticFiles
from microfw.templating import Jinja2Templates

FILES = Path(__file__).parent / "files"

# region templates
app = App()
templates = Jinja2Templates(FILES / "templates")


@app.get("/ships/{name}", response_class=HTMLResponse)
async def show_ship(name: str, request: Request) -> Response:
    return templates.TemplateResponse(request, "ship.html", {"name": name})


# endregion templates


# region mounts
office = App(title="Harbour office")


async def get_desk() -> AsyncIterator[str]:
    yield "desk"


@office.get("/opening-hours")
async def opening_hours(desk: Annotated[str, Depends(get_desk, scope="app")]) -> str:
    return "8 to 17"


app.mount("/office", office)
app.mount("/static", StaticFiles(directory=FILES / "static"))
# endregion mounts
