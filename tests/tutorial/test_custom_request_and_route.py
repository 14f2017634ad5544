"""Custom requests and routes: code around the handling of each request of a router."""

import gzip
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from microfw import APIRouter, App, Body, HTTPException, Request, Response
from microfw.exceptions import RequestValidationError
from microfw.routing import Route
from tests.tutorial.conftest import Clients
from tests.tutorial.twins import Backend, Twins, error

JSON = {"content-type": "application/json"}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GzipRequest(Request):
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            body = await super().body()
            if "gzip" in self.headers.getlist("content-encoding"):
                body = gzip.decompress(body)
            self._body = body
        return self._body


class GzipRoute(Route):
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_compressed(request: Request) -> Response:
            return await handle(GzipRequest(request.scope, request.receive))

        return handle_compressed


class TellingRoute(Route):
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def tell_the_body(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as exc:
                body = await request.body()
                detail = {"errors": exc.errors(), "body": body.decode()}
                raise HTTPException(status_code=422, detail=detail)

        return tell_the_body


class CountingRoute(Route):
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def count(request: Request) -> Response:
            response = await handle(request)
            response.headers["X-Size"] = str(len(response.body))
            return response

        return count


class Crate(BaseModel):
    numbers: list[int]


app = App()
app.router.route_class = GzipRoute
telling_app = App()
telling_app.router.route_class = TellingRoute
counting_app = App()
counted = APIRouter(route_class=CountingRoute)


@app.post("/sum")
async def add(numbers: Annotated[list[int], Body()]):
    return {"sum": sum(numbers)}


@app.post("/class")
async def read_class(request: Request):
    return {"class": type(request).__name__, "json": await request.json()}


@telling_app.post("/sum")
async def add_of_crate(crate: Crate):
    return sum(crate.numbers)


@counting_app.get("/plain")
async def read_plain():
    return "plain"


@counted.get("/counted")
async def read_counted():
    return "counted"


@counted.get("/refused")
def refuse():
    raise HTTPException(409)


counting_app.include_router(counted)


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_request_of_another_class_reads_the_body_its_way(client: Twins, compressed: bool) -> None:
    content, headers = b"[1, 2, 3]", dict(JSON)
    if compressed:
        content, headers = gzip.compress(content, mtime=0), {**headers, "content-encoding": "gzip"}

    answer = client.post("/sum", content=content, headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"sum": 6})
    assert client.post("/class", content=content, headers=headers).json() == {
        "class": "GzipRequest",
        "json": [1, 2, 3],
    }


def test_a_route_may_answer_the_exceptions_of_its_handler(clients: Clients) -> None:
    client = clients("telling_app")

    answer = client.post("/sum", content=b'{"numbers": ["x"]}', headers=JSON)

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert client.post("/sum", json={"numbers": [1, 2]}).json() == 3
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": {
            "errors": [error("int_parsing", ["body", "numbers", 0], message, "x")],
            "body": '{"numbers": ["x"]}',
        }
    }


def test_a_route_may_change_the_response_of_its_routers_paths(clients: Clients) -> None:
    client = clients("counting_app")

    counted, plain, refused = (client.get(path) for path in ("/counted", "/plain", "/refused"))

    assert (counted.json(), counted.headers["x-size"]) == ("counted", "9")
    assert (plain.json(), refused.status_code) == ("plain", 409)
    assert "x-size" not in {*plain.headers, *refused.headers}
