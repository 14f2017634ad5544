"""asgi-correlation-id: an id for each request, in the context and in the headers."""

from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient


def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(CorrelationIdMiddleware, validator=None)

    def below() -> str | None:
        return correlation_id.get()

    @app.get("/")
    async def show(it: str = Depends(below)):
        return [it, correlation_id.get()]

    @app.get("/sync")
    def sync():
        return correlation_id.get()

    return TestClient(app)


def test_an_id_is_handed_through() -> None:
    answer = client().get("/", headers={"X-Request-ID": "abc"})
    assert answer.json() == ["abc", "abc"]
    assert answer.headers["X-Request-ID"] == "abc"


def test_an_id_is_made() -> None:
    answer = client().get("/sync")
    assert answer.json() == answer.headers["X-Request-ID"]
