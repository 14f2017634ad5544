from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, BackgroundTasks, Depends, HTTPException

app = App()


async def get_session() -> AsyncIterator[str]:
    yield "session"


SessionDep = Annotated[str, Depends(get_session)]


def tell_the_port() -> None: ...


@app.post("/ships/{name}")
async def register(name: str, session: SessionDep, tasks: BackgroundTasks) -> str:
    if name == "Flying Dutchman":
        raise HTTPException(404)
    tasks.add_task(tell_the_port)
    return name
