import dataclasses
from typing import Any

import msgspec
import pytest
from starlette.responses import JSONResponse as StarletteJSONResponse

from microfw.exceptions import ResponseValidationError
from microfw.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
    allows_body,
    encode_json,
    responder,
)


class Item(msgspec.Struct):
    name: str


class Secret(Item):
    password: str = "secret"


JSON = (b"content-type", b"application/json")


def test_a_value_becomes_compact_json_in_utf_8():
    response = responder()({"name": "säw", "n": [1, None]})

    assert isinstance(response, JSONResponse)
    assert response.body == '{"name":"säw","n":[1,null]}'.encode()
    assert response.status_code == 200
    assert response.background is None
    assert response.raw_headers == [(b"content-length", b"28"), JSON]


def test_a_built_response_is_what_the_constructor_would_have_made():
    built = responder(status_code=201)({"a": 1})
    made = JSONResponse({"a": 1}, 201)

    assert vars(built) == vars(made) == vars(StarletteJSONResponse({"a": 1}, 201))
    assert built.headers == made.headers


@pytest.mark.parametrize("response_class", [JSONResponse, HTMLResponse, RedirectResponse])
@pytest.mark.parametrize("status_code", [None, 201, 204])
def test_a_response_passes_as_it_is(response_class, status_code):
    response = PlainTextResponse("mine", 418)

    assert responder(response_class=response_class, status_code=status_code)(response) is response


def test_the_annotation_filters():
    assert responder(annotation=Item)(Secret("saw")).body == b'{"name":"saw"}'
    with pytest.raises(ResponseValidationError):
        responder(annotation=Item)({"title": "saw"})


@pytest.mark.parametrize(
    "annotation", [Response, JSONResponse, Response | None, RedirectResponse | Item, None, Any]
)
def test_an_annotation_that_speaks_of_responses_is_no_model(annotation):
    assert (
        responder(annotation=annotation)(Secret("saw")).body
        == b'{"name":"saw","password":"secret"}'
    )


@pytest.mark.parametrize("status_code", [100, 204, 205, 304])
@pytest.mark.parametrize("response_class", [JSONResponse, HTMLResponse])
def test_an_answer_without_content_has_none(status_code, response_class):
    response = responder(status_code=status_code, response_class=response_class)("dropped")

    assert allows_body(status_code) is False
    assert response.body == b""
    assert response.status_code == status_code
    assert b"content-type" not in dict(response.raw_headers)


def test_a_result_that_is_not_sent_has_to_fit_anyway():
    with pytest.raises(ResponseValidationError):
        responder(annotation=Item, status_code=204)({})


def test_a_response_class_gets_the_value_as_its_content():
    html = responder(response_class=HTMLResponse)("<b>")
    text = responder(annotation=str, response_class=PlainTextResponse, status_code=201)("text")
    away = responder(response_class=RedirectResponse)("/there")
    away_for_good = responder(response_class=RedirectResponse, status_code=301)("/there")
    stream = responder(response_class=StreamingResponse)(iter(["a"]))
    file = responder(response_class=FileResponse)(__file__)

    assert (html.body, html.headers["content-type"]) == (b"<b>", "text/html; charset=utf-8")
    assert (text.body, text.status_code) == (b"text", 201)
    assert (away.status_code, away.headers["location"]) == (307, "/there")
    assert away_for_good.status_code == 301
    assert isinstance(stream, StreamingResponse)
    assert isinstance(file, FileResponse)


def test_starlettes_class_for_json_is_ours():
    assert responder(response_class=StarletteJSONResponse)({1, 2}).body == b"[1,2]"


def test_a_class_that_renders_json_its_own_way_gets_plain_data():
    class Pretty(JSONResponse):
        media_type = "application/vnd.api+json"

        def render(self, content: Any) -> bytes:
            return msgspec.json.format(msgspec.json.encode({"data": content}), indent=1)

    response = responder(annotation=Item, response_class=Pretty)(Secret("saw"))

    assert response.body == b'{\n "data": {\n  "name": "saw"\n }\n}'
    assert response.headers["content-type"] == "application/vnd.api+json"


def test_json_responses_take_any_value():
    @dataclasses.dataclass
    class Point:
        x: int

    assert JSONResponse([Point(1), {2}, float("nan")]).body == b'[{"x":1},[2],null]'
    assert encode_json(Point(1)) == b'{"x":1}'


def test_what_is_public_is_named():
    import microfw.responses

    assert all(hasattr(microfw.responses, name) for name in microfw.responses.__all__)
