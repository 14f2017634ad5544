"""Handling errors: `HTTPException`, exceptions of one's own, and other handlers."""

import pytest
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from microfw import App, HTTPException, Request
from microfw.encoders import jsonable_encoder
from microfw.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from microfw.exceptions import RequestValidationError
from microfw.responses import JSONResponse, PlainTextResponse
from tests.tutorial.conftest import Clients
from tests.tutorial.twins import Twins, error

app = App()
plain_app = App()
telling_app = App()
reusing_app = App()
handled: list[str] = []


class OutOfFlourError(Exception):
    def __init__(self, baker: str) -> None:
        self.baker = baker


class Loaf(BaseModel):
    name: str
    grams: int


LOAVES = {"rye": "Rye bread"}


@app.exception_handler(OutOfFlourError)
async def tell_of_flour(request: Request, exc: OutOfFlourError):
    return JSONResponse({"message": f"{exc.baker} has no flour"}, status_code=418)


@app.get("/loaves/{name}")
async def read_loaf(name: str):
    if name not in LOAVES:
        raise HTTPException(404, detail="No such bread", headers={"X-Bakery": "closed"})
    return {"loaf": LOAVES[name]}


@app.get("/detail")
async def refuse_with_detail():
    raise HTTPException(status_code=409, detail={"reasons": ["late", {"by": 3}]})


@app.get("/plain-status")
async def refuse():
    raise HTTPException(403)


@app.get("/starlette")
async def refuse_as_starlette():
    raise StarletteHTTPException(410, "Sold out")


@app.get("/bakers/{baker}")
async def read_baker(baker: str):
    raise OutOfFlourError(baker)


@app.get("/crash")
async def crash():
    raise RuntimeError("the oven fell down")


@plain_app.exception_handler(StarletteHTTPException)
async def answer_in_plain_text(request: Request, exc: StarletteHTTPException):
    return PlainTextResponse(str(exc.detail), status_code=exc.status_code)


@plain_app.exception_handler(RequestValidationError)
async def tell_in_plain_text(request: Request, exc: RequestValidationError):
    lines = [f"{error['loc']}: {error['msg']}" for error in exc.errors()]
    return PlainTextResponse("\n".join(lines), status_code=400)


@plain_app.get("/ovens/{number}")
async def read_oven(number: int):
    if number == 3:
        raise HTTPException(status_code=418, detail="The third one is cold")
    return {"oven": number}


@telling_app.exception_handler(RequestValidationError)
async def tell_the_body(request: Request, exc: RequestValidationError):
    return JSONResponse(
        status_code=422, content=jsonable_encoder({"detail": exc.errors(), "body": exc.body})
    )


@telling_app.post("/loaves")
async def bake(loaf: Loaf):
    return loaf


@reusing_app.exception_handler(StarletteHTTPException)
async def note_the_status(request: Request, exc: StarletteHTTPException):
    handled.append(f"{exc.status_code} {request.url.path}")
    return await http_exception_handler(request, exc)


@reusing_app.exception_handler(RequestValidationError)
async def note_the_errors(request: Request, exc: RequestValidationError):
    handled.append(f"{len(exc.errors())} errors")
    return await request_validation_exception_handler(request, exc)


@reusing_app.get("/ovens/{number}")
async def read_oven_again(number: int):
    raise HTTPException(status_code=418, detail="Cold")


def test_an_exception_has_status_detail_and_headers(client: Twins) -> None:
    answer = client.get("/loaves/spelt")

    assert client.get("/loaves/rye").json() == {"loaf": "Rye bread"}
    assert (answer.status_code, answer.json()) == (404, {"detail": "No such bread"})
    assert answer.headers["x-bakery"] == "closed"


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/detail", 409, {"reasons": ["late", {"by": 3}]}),
        ("/plain-status", 403, "Forbidden"),
        ("/starlette", 410, "Sold out"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_the_detail_is_any_value_or_the_name_of_the_status(
    client: Twins, path: str, status: int, detail: object
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


def test_an_exception_of_ones_own_has_a_handler(client: Twins) -> None:
    answer = client.get("/bakers/Mo")

    assert (answer.status_code, answer.json()) == (418, {"message": "Mo has no flour"})


def test_an_exception_without_a_handler_goes_to_the_server(client: Twins) -> None:
    for one in (client.microfw, client.fastapi):
        with pytest.raises(RuntimeError, match=r"^the oven fell down$"):
            one.get("/crash")


def test_the_handlers_that_there_are_can_be_replaced(clients: Clients) -> None:
    client = clients("plain_app")

    cold, wrong, nowhere = (client.get(path) for path in ("/ovens/3", "/ovens/x", "/nowhere"))

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert (cold.status_code, cold.text) == (418, "The third one is cold")
    assert (wrong.status_code, wrong.text) == (400, f"('path', 'number'): {message}")
    assert (nowhere.status_code, nowhere.text) == (404, "Not Found")


def test_a_handler_sees_the_body_that_was_received(clients: Clients) -> None:
    body = {"name": "rye", "grams": "much"}

    answer = clients("telling_app").post("/loaves", json=body)

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert answer.json() == {
        "detail": [error("int_parsing", ["body", "grams"], message, "much")],
        "body": body,
    }


def test_the_default_handlers_can_be_called(clients: Clients) -> None:
    client = clients("reusing_app")
    handled.clear()

    answers = [client.get(path) for path in ("/ovens/3", "/ovens/x", "/nowhere")]

    assert [answer.status_code for answer in answers] == [418, 422, 404]
    assert handled == ["418 /ovens/3", "1 errors", "404 /nowhere"]
