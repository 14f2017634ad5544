"""Lifespan: what happens once, before the first request and after the last."""

import sys
from contextlib import asynccontextmanager

import pytest

from microfw import APIRouter, App, Request
from tests.tutorial.twins import Backend, running, twin_of

log: list[str] = []


@asynccontextmanager
async def lifespan(app: App):
    log.append("lamp is lit")
    yield {"lamp": "bright", "keeper": "of the application"}
    log.append("lamp is put out")


@asynccontextmanager
async def router_lifespan(app: App):
    log.append("door is opened")
    yield {"door": "open", "keeper": "of the router"}
    log.append("door is closed")


router = APIRouter(lifespan=router_lifespan)
app = App(lifespan=lifespan)


@router.get("/lamp")
async def read_lamp(request: Request):
    state = request.state
    return {"lamp": state.lamp, "door": state.door, "keeper": state.keeper}


app.include_router(router)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_lifespan_is_around_all_requests_and_gives_them_a_state(backend: Backend) -> None:
    theirs = twin_of(__name__).log
    log.clear()
    theirs.clear()

    with running(sys.modules[__name__], backend=backend) as client:
        log.append("requests begin")
        answers = [client.get("/lamp").json() for _ in range(2)]
        log.append("requests end")

    state = {"lamp": "bright", "door": "open", "keeper": "of the application"}
    assert answers == [state, state]
    assert log == [
        "lamp is lit",
        "door is opened",
        "requests begin",
        "requests end",
        "door is closed",
        "lamp is put out",
    ]
    assert [line for line in log if not line.startswith("requests")] == theirs
