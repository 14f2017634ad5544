"""sentry-sdk with its integrations as they are: errors, transactions, the body, users."""

from typing import Any

import sentry_sdk
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sentry_sdk.transport import Transport

SENT: list[tuple[str, dict[str, Any]]] = []


class Kept(Transport):
    def capture_envelope(self, envelope: Any) -> None:
        SENT.extend((item.type, item.payload.json) for item in envelope.items if item.payload.json)


class Item(BaseModel):
    a: int


def client() -> TestClient:
    sentry_sdk.init(
        dsn="http://x@127.0.0.1:9/1", transport=Kept, traces_sample_rate=1.0, send_default_pii=True
    )
    app = FastAPI()
    router = APIRouter()

    def dependency():
        yield 1

    @app.get("/items/{x}")
    def item(x: int, d: int = Depends(dependency)):
        return x

    @app.post("/boom/{x}")
    async def boom(x: int, it: Item, d: int = Depends(dependency)):
        raise ValueError("boom")

    @app.get("/sync-boom")
    def sync_boom():
        raise ValueError("sync")

    @app.get("/task")
    def task(tasks: BackgroundTasks):
        def fail():
            raise KeyError("task")

        tasks.add_task(fail)

    @app.get("/503")
    def five():
        raise HTTPException(503, "no")

    @app.get("/404")
    def four():
        raise HTTPException(404, "no")

    @router.get("/sub/{y}")
    def sub(y: int, z: str):
        return y

    app.include_router(router, prefix="/pre/{z}")
    return TestClient(app, raise_server_exceptions=False)


def sent(method: str, url: str, **request: Any) -> dict[str, list[dict[str, Any]]]:
    it = client()
    SENT.clear()
    it.request(method, url, **request)
    sentry_sdk.flush()
    return {
        kind: [payload for name, payload in SENT if name == kind]
        for kind in ("event", "transaction")
    }


def test_a_transaction_has_the_route_s_path() -> None:
    (transaction,) = sent("GET", "/items/3")["transaction"]
    assert transaction["transaction"] == "/items/{x}"


def test_a_transaction_of_a_router_has_the_whole_path() -> None:
    (transaction,) = sent("GET", "/pre/1/sub/2")["transaction"]
    assert transaction["transaction"] == "/pre/{z}/sub/{y}"


def test_an_error_is_an_event_with_the_body() -> None:
    found = sent("POST", "/boom/3", json={"a": 1})
    (event,) = found["event"]
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert event["request"]["data"] == {"a": 1}
    assert event["request"]["method"] == "POST"


def test_an_error_of_a_sync_endpoint_is_an_event() -> None:
    (event,) = sent("GET", "/sync-boom")["event"]
    assert event["exception"]["values"][-1]["value"] == "sync"


def test_an_error_of_a_task_is_an_event() -> None:
    events = sent("GET", "/task")["event"]
    assert [each["exception"]["values"][-1]["type"] for each in events] == ["KeyError"]


def test_a_status_from_500_on_is_an_event_and_others_are_not() -> None:
    assert len(sent("GET", "/503")["event"]) == 1
    assert sent("GET", "/404")["event"] == []


def test_every_event_is_sent_once() -> None:
    assert len(sent("GET", "/sync-boom")["event"]) == 1
    assert len(sent("GET", "/sync-boom")["transaction"]) == 1
