"""Prints what Sentry records of some requests.

Run it with the name of a framework, and "later" for a Sentry that starts when that is imported. In a process of its own: Sentry replaces methods of Starlette's classes for good.
"""

import importlib
import json
import sys
from typing import Any

import sentry_sdk
from pydantic import BaseModel
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from starlette.background import BackgroundTasks
from starlette.requests import Request

items: list[tuple[str, Any]] = []


class Recording(Transport):
    def capture_envelope(self, envelope: Envelope) -> None:
        items.extend(
            (item.type, item.payload.json)
            for item in envelope.items
            if item.type in ("event", "transaction")
        )


framework = sys.argv[1]
if "later" in sys.argv:
    importlib.import_module(framework)
sentry_sdk.init(
    dsn="http://key@127.0.0.1:9/1",
    transport=Recording,
    traces_sample_rate=1.0,
    send_default_pii=True,
)
fw: Any = importlib.import_module(framework)
client_module: Any = importlib.import_module(f"{framework}.testclient")
App: Any = getattr(fw, "App", None) or fw.FastAPI


class Order(BaseModel):
    number: int


opened: list[str] = []


async def session() -> Any:
    opened.append("open")
    try:
        yield "session"
    except Exception as error:
        opened.append(type(error).__name__)
        raise
    finally:
        opened.append("close")


app = App()


class Teapot(Exception):
    status_code = 503


@app.exception_handler(Teapot)
async def handle_teapot(request: Request, exc: Teapot) -> Any:
    return fw.Response("teapot", 418)


@app.get("/items/{number}")
def read_item(number: int) -> dict[str, int]:
    return {"number": number}


@app.post("/orders/{number}")
async def order_async(number: int, order: Order, value: str = fw.Depends(session)) -> Any:
    if order.number == 500:
        raise ValueError(value)
    return {"number": order.number}


@app.post("/sync/{number}")
def order_sync(number: int, order: Order, value: str = fw.Depends(session)) -> Any:
    raise ValueError(value)


@app.post("/forms")
async def send_form(request: Request, name: str = fw.Form()) -> Any:
    raise ValueError(name, dict(await request.form()))


@app.post("/raw")
async def send_raw(request: Request) -> Any:
    return {"size": len(await request.body())}


@app.get("/503")
def read_503() -> None:
    raise fw.HTTPException(503, "no")


@app.get("/404")
def read_404() -> None:
    raise fw.HTTPException(404, "no")


@app.get("/teapot")
def read_teapot() -> None:
    raise Teapot


@app.get("/task")
def add_task(tasks: BackgroundTasks) -> str:
    def fail() -> None:
        raise KeyError("task")

    tasks.add_task(fail)
    return "added"


router = fw.APIRouter()


@router.get("/sub/{name}")
def read_sub(name: str, outer: str) -> str:
    return outer + name


app.include_router(router, prefix="/pre/{outer}")


def told_of(kind: str, payload: dict[str, Any]) -> list[Any]:
    exceptions = (payload.get("exception") or {}).get("values", [])
    raised = [f"{each['type']}: {each['value']}" for each in exceptions]
    data = (payload.get("request") or {}).get("data")
    return [kind, payload.get("transaction"), *raised, data]


client = client_module.TestClient(app, raise_server_exceptions=False)
for method, url, options in (
    ("GET", "/items/3", {}),
    ("POST", "/orders/1", {"json": {"number": 500}}),
    ("POST", "/orders/1", {"json": {"number": 1}}),
    ("POST", "/orders/1", {"json": {"number": "x"}}),
    ("POST", "/sync/1", {"json": {"number": 1}}),
    ("POST", "/forms", {"data": {"name": "Ann"}}),
    ("POST", "/raw", {"content": b"x" * 20_000}),
    ("POST", "/raw", {"content": b"xyz"}),
    ("GET", "/503", {}),
    ("GET", "/404", {}),
    ("GET", "/teapot", {}),
    ("GET", "/task", {}),
    ("GET", "/pre/1/sub/2", {}),
    ("GET", "/nowhere", {}),
):
    items.clear()
    opened.clear()
    answer = client.request(method, url, **options)
    sentry_sdk.flush()
    recorded = [told_of(*each) for each in items]
    print(json.dumps([method, url, answer.status_code, *opened, *recorded]))
