from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, BackgroundTasks, Depends

app = App()


# region scopes
async def get_harbour() -> AsyncIterator[str]:
    print("  harbour (app): opens")
    yield "Brest"
    print("  harbour (app): closes")


async def get_radio() -> AsyncIterator[str]:
    print("    radio (request): on")
    yield "channel 16"
    print("    radio (request): off")


async def get_berth(
    harbour: Annotated[str, Depends(get_harbour, scope="app")],
) -> AsyncIterator[str]:
    print("      berth (function): reserved")
    yield f"berth 3 of {harbour}"
    print("      berth (function): free")


@app.get("/dock")
async def dock(
    berth: Annotated[str, Depends(get_berth)],
    radio: Annotated[str, Depends(get_radio, scope="request")],
    tasks: BackgroundTasks,
) -> str:
    print("        endpoint")
    tasks.add_task(print, "        background task")
    return f"docked at {berth}, listening on {radio}"


# endregion scopes
