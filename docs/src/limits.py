from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends

app = App()


# region limit
async def get_diver() -> AsyncIterator[str]:
    yield "the diver"


Diver = Annotated[str, Depends(get_diver, max_concurrency=1)]


@app.get("/hull")
async def look_at_hull(diver: Diver) -> str:
    return f"{diver} sees no barnacles"


# endregion limit
