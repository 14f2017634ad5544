"""Responses of other kinds: returned as they are, or by `response_class=`."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from microfw import App, Response, status
from microfw.encoders import jsonable_encoder
from microfw.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from tests.tutorial.conftest import Clients
from tests.tutorial.twins import Twins

app = App()
html_app = App(default_response_class=HTMLResponse)

film = Path(__file__).parent / "files" / "film.mp4"

PAGE = "<h1>Look ma!</h1>"
shelf = {"maps": {"count": 3}, "novels": {"count": 40}}


class Message(BaseModel):
    message: str


class IndentedResponse(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, indent=1).encode()


@app.put("/shelf/{name}")
async def put_on_shelf(name: str, count: int):
    if name in shelf:
        return {"count": count}
    return JSONResponse(status_code=status.HTTP_201_CREATED, content={"new": count})


@app.get("/encoded")
async def read_encoded():
    return JSONResponse(content=jsonable_encoder(Message(message="encoded")))


@app.get("/xml")
def read_xml():
    return Response(content="<?xml version='1.0'?><rye/>", media_type="application/xml")


@app.get("/html", response_class=HTMLResponse)
async def read_html():
    return PAGE


@app.get("/html/returned")
async def read_returned_html():
    return HTMLResponse(content=PAGE, status_code=200)


@app.get("/plain", response_class=PlainTextResponse)
async def read_plain():
    return "Hello"


@app.get("/away", response_class=RedirectResponse, status_code=302)
async def go_away():
    return "https://harbour.example/"


@app.get("/gone")
async def go():
    return RedirectResponse("/plain")


@app.get("/film", response_class=FileResponse)
async def read_film():
    return film


@app.get("/film/named")
def read_named_film():
    return FileResponse(film, media_type="video/mp4", filename="the film.mp4")


@app.get("/counted")
async def count():
    async def numbers():
        for number in range(3):
            yield f"{number} "

    return StreamingResponse(numbers(), media_type="text/plain")


@app.get("/indented", response_class=IndentedResponse)
async def read_indented() -> Message:
    return Message(message="three lines")


@app.get(
    "/messages/{name}",
    response_model=Message,
    responses={
        404: {"model": Message, "description": "There is none"},
        200: {"content": {"text/plain": {}}, "description": "JSON or text"},
    },
)
async def read_message(name: str, plain: bool = False):
    if plain:
        return PlainTextResponse(name)
    if name == "none":
        return JSONResponse(status_code=404, content={"message": "none"})
    return {"message": name, "secret": "x"}


@html_app.get("/")
async def read_home():
    return PAGE


@html_app.get("/json", response_class=JSONResponse)
async def read_json():
    return [PAGE]


def test_a_response_that_is_returned_has_a_status_of_its_own(client: Twins) -> None:
    known = client.put("/shelf/maps?count=4")
    new = client.put("/shelf/letters?count=9")

    assert (known.status_code, known.json()) == (200, {"count": 4})
    assert (new.status_code, new.json()) == (201, {"new": 9})


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/encoded", "application/json", '{"message":"encoded"}'),
        ("/xml", "application/xml", "<?xml version='1.0'?><rye/>"),
        ("/html", "text/html; charset=utf-8", PAGE),
        ("/html/returned", "text/html; charset=utf-8", PAGE),
        ("/plain", "text/plain; charset=utf-8", "Hello"),
        ("/counted", "text/plain; charset=utf-8", "0 1 2 "),
        ("/indented", "application/json", '{\n "message": "three lines"\n}'),
    ],
)
def test_a_response_has_the_content_type_of_its_class(
    client: Twins, path: str, kind: str, text: str
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize(
    ("path", "code", "target"),
    [("/away", 302, "https://harbour.example/"), ("/gone", 307, "/plain")],
)
def test_a_redirection_names_where_to_go(client: Twins, path: str, code: int, target: str) -> None:
    answer = client.get(path, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (code, target)


def test_a_file_is_sent_whole_or_in_part(client: Twins) -> None:
    whole = client.get("/film")
    part = client.get("/film", headers={"range": "bytes=2-4"})

    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "video/mp4"
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"


def test_a_file_may_be_offered_for_download(client: Twins) -> None:
    answer = client.get("/film/named")

    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''the%20film.mp4"


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/messages/hello", 200, '{"message":"hello"}'),
        ("/messages/none", 404, '{"message":"none"}'),
        ("/messages/hello?plain=1", 200, "hello"),
    ],
)
def test_other_answers_may_be_declared_beside_the_model(
    client: Twins, path: str, code: int, text: str
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.text) == (code, text)


def test_an_application_may_have_another_class_of_responses(clients: Clients) -> None:
    client = clients("html_app")

    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/").text == PAGE
    assert client.get("/json").json() == [PAGE]
