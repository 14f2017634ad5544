"""fastapi-cache2: cached results of endpoints."""

from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from fastapi_cache import FastAPICache
from fastapi_cache.backends.inmemory import InMemoryBackend
from fastapi_cache.decorator import cache
from pydantic import BaseModel

CALLS: list[int] = []


class Item(BaseModel):
    number: int


def client() -> TestClient:
    CALLS.clear()

    @asynccontextmanager
    async def lifespan(_):
        FastAPICache.reset()
        FastAPICache.init(InMemoryBackend(), prefix="it")
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{number}")
    @cache(expire=60)
    async def item(number: int) -> Item:
        CALLS.append(number)
        return Item(number=number)

    @app.get("/sync")
    @cache(expire=60)
    def sync(request: Request, response: Response):
        CALLS.append(0)
        return {"it": True}

    return TestClient(app)


def test_a_result_is_made_once() -> None:
    with client() as it:
        assert [it.get("/items/3").json() for _ in range(2)] == [{"number": 3}] * 2
    assert CALLS == [3]


def test_a_sync_endpoint_is_cached() -> None:
    with client() as it:
        assert [it.get("/sync").json() for _ in range(2)] == [{"it": True}] * 2
    assert CALLS == [0]


def test_headers_tell_of_the_cache() -> None:
    with client() as it:
        first, second = (it.get("/items/4") for _ in range(2))
    assert (first.headers["x-fastapi-cache"], second.headers["x-fastapi-cache"]) == ("MISS", "HIT")
    assert "max-age" in second.headers["cache-control"]
