"""wireup: services in endpoints by `Injected[...]`."""

from collections.abc import Iterator
from typing import Annotated

import wireup
import wireup.integration.fastapi
from fastapi import APIRouter, Depends, FastAPI, Query, Request, WebSocket
from fastapi.testclient import TestClient
from wireup import Inject, Injected, injectable

LOG: list[str] = []


@injectable
class Greeter:
    def greet(self, name: str) -> str:
        return f"hello {name}"


class Session:
    pass


@injectable(lifetime="scoped")
def make_session() -> Iterator[Session]:
    LOG.append("open")
    yield Session()
    LOG.append("close")


@injectable(lifetime="scoped")
class Requested:
    def __init__(self, request: Request) -> None:
        self.path = request.url.path


def client() -> TestClient:
    app, router = FastAPI(), APIRouter()

    @app.get("/greet")
    async def greet(
        greeter: Injected[Greeter],
        word: Annotated[str, Inject(config="word")],
        name: Annotated[str, Query()] = "you",
    ) -> str:
        return greeter.greet(name) + word

    @app.get("/sync")
    def sync(greeter: Injected[Greeter]) -> str:
        return greeter.greet("sync")

    @app.get("/scoped")
    async def scoped(session: Injected[Session]) -> bool:
        return isinstance(session, Session)

    @app.get("/request")
    async def requested(it: Injected[Requested]) -> str:
        return it.path

    @router.get("/in")
    async def routed(greeter: Injected[Greeter], below: str = Depends(lambda: "below")) -> str:
        return greeter.greet(below)

    @app.websocket("/ws")
    async def feed(websocket: WebSocket, greeter: Injected[Greeter]) -> None:
        await websocket.accept()
        await websocket.send_text(greeter.greet("ws"))
        await websocket.close()

    app.include_router(router)
    container = wireup.create_async_container(
        injectables=[Greeter, make_session, Requested, wireup.integration.fastapi],
        config={"word": "!"},
    )
    wireup.integration.fastapi.setup(container, app)
    return TestClient(app)


def test_a_service_and_a_configured_value() -> None:
    with client() as it:
        assert it.get("/greet?name=me").json() == "hello me!"


def test_a_sync_endpoint() -> None:
    with client() as it:
        assert it.get("/sync").json() == "hello sync"


def test_a_scoped_service_is_closed() -> None:
    LOG.clear()
    with client() as it:
        assert it.get("/scoped").json() is True
    assert LOG == ["open", "close"]


def test_a_service_gets_the_request() -> None:
    with client() as it:
        assert it.get("/request").json() == "/request"


def test_a_router_s_route() -> None:
    with client() as it:
        assert it.get("/in").json() == "hello below"


def test_a_websocket() -> None:
    with client() as it, it.websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == "hello ws"


def test_injected_parameters_are_not_documented() -> None:
    with client() as it:
        paths = it.get("/openapi.json").json()["paths"]
    assert [each["name"] for each in paths["/greet"]["get"]["parameters"]] == ["name"]
