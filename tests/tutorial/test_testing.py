"""Testing: a client in place of a server, other dependencies, start-up, and async tests."""

from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from pydantic import BaseModel

from microfw import App, Depends, Header, HTTPException, WebSocket
from microfw.testclient import TestClient
from tests.tutorial.twins import Twins, twin_of

loaves: dict[str, dict[str, Any]] = {}


@asynccontextmanager
async def lifespan(app: App):
    loaves["rye"] = {"name": "Rye", "grams": 750}
    yield
    loaves.clear()


app = App(lifespan=lifespan)


class Loaf(BaseModel):
    id: str
    name: str
    grams: int = 500


async def get_paging(words: str | None = None, skip: int = 0, limit: int = 100):
    return {"words": words, "skip": skip, "limit": limit}


PagingDep = Annotated[dict[str, Any], Depends(get_paging)]


def check_token(x_token: Annotated[str, Header()]):
    if x_token != "yeast":
        raise HTTPException(status_code=400, detail="The X-Token header is not valid")


@app.get("/")
async def read_root():
    return {"message": "Fresh bread"}


@app.get("/loaves/{loaf}", dependencies=[Depends(check_token)])
async def read_loaf(loaf: str):
    if loaf not in loaves:
        raise HTTPException(status_code=404, detail="No such loaf")
    return loaves[loaf]


@app.post("/loaves", dependencies=[Depends(check_token)])
async def bake(loaf: Loaf) -> Loaf:
    if loaf.id in loaves:
        raise HTTPException(status_code=409, detail="There is one already")
    loaves[loaf.id] = loaf.model_dump()
    return loaf


@app.get("/bakers")
async def list_bakers(paging: PagingDep):
    return {"bakers": paging}


@app.get("/customers")
async def list_customers(paging: PagingDep):
    return {"customers": paging}


@app.websocket("/ws")
async def greet(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_json({"message": "Hello WebSocket"})


async def get_short_paging(words: str | None = None):
    return {"words": words, "skip": 5, "limit": 10}


HEADERS = {"X-Token": "yeast"}


def test_a_client_asks_the_application_without_a_server() -> None:
    client = TestClient(app)

    answer = client.get("/")

    assert (answer.status_code, answer.json()) == (200, {"message": "Fresh bread"})


def test_errors_are_tested_like_successes(client: Twins) -> None:
    bad = client.get("/loaves/rye", headers={"X-Token": "x"})
    missing = client.get("/loaves/oat", headers=HEADERS)
    twice = client.post("/loaves", json={"id": "rye", "name": "Rye"}, headers=HEADERS)

    assert (bad.status_code, bad.json()["detail"]) == (400, "The X-Token header is not valid")
    assert (missing.status_code, missing.json()["detail"]) == (404, "No such loaf")
    assert (twice.status_code, twice.json()["detail"]) == (409, "There is one already")


def test_what_was_sent_is_there_afterwards(client: Twins) -> None:
    made = client.post("/loaves", json={"id": "spelt", "name": "Spelt"}, headers=HEADERS)

    assert made.json() == {"id": "spelt", "name": "Spelt", "grams": 500}
    assert client.get("/loaves/spelt", headers=HEADERS).json() == made.json()


def test_start_up_runs_where_the_client_is_entered() -> None:
    @asynccontextmanager
    async def open_shop(app: App):
        log.append("open")
        yield
        log.append("closed")

    log: list[str] = []
    shop = App(lifespan=open_shop)
    shop.get("/log")(lambda: log)
    without = TestClient(shop).get("/log").json()

    with TestClient(shop) as client:
        within = client.get("/log").json()

    assert (without, within, log) == ([], ["open"], ["open", "closed"])


def test_a_websocket_is_a_context_manager() -> None:
    with TestClient(app).websocket_connect("/ws") as websocket:
        assert websocket.receive_json() == {"message": "Hello WebSocket"}


def test_a_dependency_is_replaced_for_a_test(client: Twins) -> None:
    twin = twin_of(__name__)
    app.dependency_overrides[get_paging] = get_short_paging
    twin.app.dependency_overrides[twin.get_paging] = get_short_paging
    try:
        overridden = [client.get(path).json() for path in ("/bakers", "/customers?words=a&skip=1")]
    finally:
        app.dependency_overrides = {}
        twin.app.dependency_overrides = {}

    assert overridden == [
        {"bakers": {"words": None, "skip": 5, "limit": 10}},
        {"customers": {"words": "a", "skip": 5, "limit": 10}},
    ]
    assert client.get("/bakers?skip=1").json()["bakers"]["skip"] == 1


async def test_an_async_test_has_an_async_client() -> None:
    transport = ASGITransport(app=app)

    async with AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/")

    assert (answer.status_code, answer.json()) == (200, {"message": "Fresh bread"})


@pytest.mark.parametrize("path", ["/bakers", "/customers"])
def test_overrides_may_hold_in_a_block_only(path: str) -> None:
    client = TestClient(app)

    with app.override({get_paging: get_short_paging}):
        within = client.get(path).json()
    after = client.get(path).json()

    assert [next(iter(answer.values()))["skip"] for answer in (within, after)] == [5, 0]
