"""dishka: values of a container in endpoints and WebSockets."""

from collections.abc import AsyncIterator
from typing import Annotated

from dishka import Provider, Scope, make_async_container, provide
from dishka.integrations.fastapi import (
    DishkaRoute,
    FastapiProvider,
    FromDishka,
    inject,
    setup_dishka,
)
from fastapi import APIRouter, FastAPI, Query, Request, WebSocket
from fastapi.testclient import TestClient

LOG: list[str] = []


class Session:
    name = "session"


class Gateway:
    def __init__(self, session: Session) -> None:
        self.session = session


class Services(Provider):
    gateway = provide(Gateway, scope=Scope.REQUEST)

    @provide(scope=Scope.REQUEST)
    async def session(self) -> AsyncIterator[Session]:
        LOG.append("open")
        yield Session()
        LOG.append("close")

    @provide(scope=Scope.REQUEST)
    def path(self, request: Request) -> str:
        return request.url.path

    @provide(scope=Scope.APP)
    def number(self) -> int:
        return 7


def client() -> TestClient:
    LOG.clear()
    router = APIRouter(route_class=DishkaRoute)

    @router.get("/route")
    async def by_route(it: FromDishka[Gateway], q: Annotated[int, Query()] = 1) -> list[str]:
        return [it.session.name, str(q)]

    @router.get("/sync")
    def sync(it: FromDishka[int]) -> int:
        return it

    app = FastAPI()

    @app.get("/inject")
    @inject
    async def by_decorator(it: FromDishka[Gateway], path: FromDishka[str]) -> list[str]:
        return [it.session.name, path]

    @app.websocket("/ws")
    @inject
    async def feed(websocket: WebSocket, it: FromDishka[int]) -> None:
        await websocket.accept()
        await websocket.send_text(str(it))
        await websocket.close()

    app.include_router(router)
    setup_dishka(make_async_container(Services(), FastapiProvider()), app)
    return TestClient(app)


def test_a_route_class_injects() -> None:
    with client() as it:
        assert it.get("/route?q=3").json() == ["session", "3"]
        assert it.get("/route?q=x").status_code == 422
    assert LOG[:2] == ["open", "close"]


def test_a_sync_endpoint_gets_a_value() -> None:
    assert client().get("/sync").json() == 7


def test_a_decorator_injects_what_depends_on_the_request() -> None:
    assert client().get("/inject").json() == ["session", "/inject"]


def test_a_websocket_gets_a_value() -> None:
    with client().websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == "7"


def test_injected_parameters_are_not_documented() -> None:
    paths = client().get("/openapi.json").json()["paths"]
    assert [each["name"] for each in paths["/route"]["get"]["parameters"]] == ["q"]
    assert "parameters" not in paths["/inject"]["get"]
