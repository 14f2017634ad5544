"""What the servers of `check_servers.py` serve: a bit of everything that a server sees."""

import os

if os.environ.get("ON_MICROFW"):
    import microfw

    microfw.install_as_fastapi()

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, File, Header, HTTPException, UploadFile, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

LOG: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    LOG.append("lifespan")
    yield


app = FastAPI(lifespan=lifespan)


class Order(BaseModel):
    item: str
    quantity: int


def session() -> Iterator[list[str]]:
    LOG.append("opens")
    try:
        yield LOG
    except HTTPException:
        LOG.append("sees it")
        raise
    finally:
        LOG.append("closes")


SessionDep = Annotated[list[str], Depends(session)]


@app.get("/framework")
def framework() -> str:
    return FastAPI.__module__.partition(".")[0]


@app.get("/log")
def read_log() -> list[str]:
    said, LOG[:] = [*LOG], []
    return said


@app.post("/orders/{shop}", status_code=201)
async def order(shop: int, order: Order, log: SessionDep, x_who: Annotated[str, Header()]):
    log.append("endpoint")
    if order.quantity > 9:
        raise HTTPException(409, "not in stock")
    return {"shop": shop, "who": x_who, **order.model_dump()}


@app.post("/files")
def store(file: Annotated[UploadFile, File()]) -> int:
    return len(file.file.read())


@app.get("/lines")
async def lines() -> StreamingResponse:
    async def made() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(made(), media_type="text/plain")


@app.websocket("/echo")
async def echo(websocket: WebSocket, log: SessionDep) -> None:
    await websocket.accept()
    await websocket.send_text(f"got {await websocket.receive_text()}")
    log.append("endpoint")
    await websocket.close(4000)
