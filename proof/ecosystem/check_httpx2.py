"""httpx2: its client in the process, by `ASGITransport`, and as a dependency of an application."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI, Form, HTTPException, UploadFile
from fastapi.responses import StreamingResponse

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


remote = FastAPI()


@remote.get("/price/{item}")
async def price(item: str) -> float:
    if item != "saw":
        raise HTTPException(404, f"no {item}")
    return 12.5


@remote.post("/files")
async def store(name: Annotated[str, Form()], file: UploadFile):
    return {"name": name, "size": len(await file.read())}


@remote.get("/lines")
async def lines():
    async def made():
        yield b"1\n"
        yield b"2\n"

    return StreamingResponse(made())


async def get_client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(remote)
    async with httpx2.AsyncClient(transport=transport, base_url="http://remote") as client:
        yield client


app = FastAPI()


@app.get("/bill/{item}")
async def bill(item: str, client: Annotated[httpx2.AsyncClient, Depends(get_client)]) -> float:
    answer = await client.get(f"/price/{item}")
    if answer.is_error:
        raise HTTPException(502, answer.json()["detail"])
    return answer.json() * 2


def client_of(application: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(application)
    return httpx2.AsyncClient(transport=transport, base_url="http://it")


async def test_a_request_is_answered() -> None:
    async with client_of(remote) as client:
        assert (await client.get("/price/saw")).json() == 12.5


async def test_a_form_with_a_file_is_received() -> None:
    async with client_of(remote) as client:
        answer = await client.post("/files", data={"name": "a"}, files={"file": b"x" * 70_000})
    assert answer.json() == {"name": "a", "size": 70_000}


async def test_a_stream_is_received() -> None:
    async with client_of(remote) as client, client.stream("GET", "/lines") as answer:
        assert [line async for line in answer.aiter_lines()] == ["1", "2"]


async def test_a_client_may_be_a_dependency() -> None:
    async with client_of(app) as client:
        assert (await client.get("/bill/saw")).json() == 25
        answer = await client.get("/bill/nail")
    assert (answer.status_code, answer.json()) == (502, {"detail": "no nail"})
