"""svcs: services of a registry in endpoints."""

from typing import Annotated

import svcs.fastapi
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient


class Session:
    name = "it"


def client() -> TestClient:
    @svcs.fastapi.lifespan
    async def lifespan(app: FastAPI, registry: svcs.Registry):
        registry.register_factory(Session, Session)
        yield {"extra": 1}

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def show(services: Annotated[svcs.Container, Depends(svcs.fastapi.container)]) -> str:
        return (await services.aget(Session)).name

    return TestClient(app)


def test_an_endpoint_gets_a_container() -> None:
    with client() as it:
        assert it.get("/").json() == "it"
