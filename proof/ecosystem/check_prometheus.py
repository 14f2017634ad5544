"""prometheus-fastapi-instrumentator: metrics by handler, and the endpoint that exposes them."""

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator


def client() -> TestClient:
    app, router = FastAPI(), APIRouter()

    @app.get("/items/{item_id}")
    def item(item_id: int):
        return item_id

    @app.get("/fail")
    def fail():
        raise HTTPException(503)

    @router.get("/{y}")
    def sub(y: int):
        return y

    app.include_router(router, prefix="/sub")
    registry = CollectorRegistry()
    Instrumentator(registry=registry, excluded_handlers=["/metrics"]).instrument(app).expose(app)
    return TestClient(app)


def metrics(*urls: str) -> str:
    it = client()
    for url in urls:
        it.get(url)
    return it.get("/metrics").text


def test_requests_are_counted_by_their_route() -> None:
    text = metrics("/items/1", "/items/2")
    wanted = 'http_requests_total{handler="/items/{item_id}",method="GET",status="2xx"} 2.0'
    assert wanted in text


def test_routes_of_routers_are_known() -> None:
    assert 'handler="/sub/{y}"' in metrics("/sub/1")


def test_statuses_are_grouped() -> None:
    text = metrics("/fail", "/items/x", "/nope")
    assert 'handler="/fail",method="GET",status="5xx"' in text
    assert 'handler="/items/{item_id}",method="GET",status="4xx"' in text
    assert 'handler="none",method="GET",status="4xx"' in text


def test_the_endpoint_is_not_documented_nor_counted() -> None:
    it = client()
    assert "/metrics" in it.get("/openapi.json").json()["paths"]
    assert 'handler="/metrics"' not in it.get("/metrics").text
