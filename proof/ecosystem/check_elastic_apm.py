"""elastic-apm: transactions and errors by its middleware for Starlette."""

from elasticapm import Client
from elasticapm.contrib.starlette import ElasticAPM
from elasticapm.transport.base import Transport
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

SENT: list[tuple[str, dict]] = []


class Kept(Transport):
    def queue(self, event_type, data, flush=False):
        SENT.append((event_type, data))

    def start_thread(self, pid=None):
        pass


def sent(url: str, kind: str) -> list[dict]:
    SENT.clear()
    apm = Client(
        {
            "SERVICE_NAME": "it",
            "TRANSPORT_CLASS": f"{__name__}.Kept",
            "METRICS_INTERVAL": "0ms",
            "CENTRAL_CONFIG": False,
            "CLOUD_PROVIDER": "none",
        },
    )
    app, router = FastAPI(), APIRouter()

    @app.get("/items/{item_id}")
    def item(item_id: int):
        return item_id

    @app.get("/boom")
    def boom():
        raise ValueError("boom")

    router.get("/{y}")(lambda y: y)
    app.include_router(router, prefix="/sub")
    app.add_middleware(ElasticAPM, client=apm)
    TestClient(app, raise_server_exceptions=False).get(url)
    apm.close()
    return [data for name, data in SENT if name == kind]


def test_a_request_is_a_transaction_of_its_route() -> None:
    assert [each["name"] for each in sent("/items/3", "transaction")] == ["GET /items/{item_id}"]


def test_a_router_s_route_has_its_whole_path() -> None:
    assert [each["name"] for each in sent("/sub/3", "transaction")] == ["GET /sub/{y}"]


def test_an_error_is_sent() -> None:
    assert [each["exception"]["type"] for each in sent("/boom", "error")] == ["ValueError"]
