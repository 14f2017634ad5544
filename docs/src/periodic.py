from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from microfw import App


# region lifespan
async def measure_tides() -> None:
    while True:
        print("measure the tide")
        await anyio.sleep(3600)


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[None, None]:
    async with anyio.create_task_group() as group:
        group.start_soon(measure_tides)
        yield
        group.cancel_scope.cancel()


app = App(lifespan=lifespan)
# endregion lifespan


@app.get("/")
async def start() -> str:
    return "harbour"
