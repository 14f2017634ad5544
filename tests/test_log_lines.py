"""A client's bytes cannot break a line of a log."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import pytest

from microfw import App, BackgroundTasks, Body, Depends, Header, HTTPException, Path
from microfw.exceptions import RequestValidationError, SwallowedExceptionError
from microfw.testclient import TestClient

FORGED = "x\r\nERROR: forged\x1b[2J\u2028\x85"


def is_one_line(text: str) -> bool:
    return text.isprintable()


def test_the_text_of_a_validation_error_has_a_line_for_each_error(app):
    texts: list[str] = []

    @app.exception_handler(RequestValidationError)
    async def keep(request, error):
        texts.append(str(error))
        raise HTTPException(422)

    @app.post("/{word}")
    async def endpoint(
        word: Annotated[int, Path()],
        name: Annotated[int, Header()],
        numbers: Annotated[dict[str, int], Body()],
    ): ...

    TestClient(app).post("/a%0d%0ab", headers={b"name": b"a\x85b"}, json={FORGED: "\r\n"})

    heading, *lines = texts[0].split("\n")
    assert heading == "3 validation errors"
    said = "Input should be a valid integer, unable to parse string as an integer (int_parsing)"
    assert lines == [
        f"  path.word: {said}",
        f"  header.name: {said}",
        rf"  body.x\r\nERROR: forged\x1b[2J\u2028\x85: {said}",
    ]


@pytest.mark.parametrize("kind", [ValueError, HTTPException, KeyError])
def test_who_swallowed_what_is_said_in_one_line(app, kind):
    async def swallow() -> AsyncIterator[None]:
        try:
            yield
        except kind:
            pass

    @app.post("/")
    async def endpoint(word: Annotated[str, Body()], _: Annotated[None, Depends(swallow)]):
        raise kind(400, word) if kind is HTTPException else kind(word)

    with pytest.raises(SwallowedExceptionError) as caught:
        TestClient(app).post("/", json=FORGED)

    assert "forged" in str(caught.value)
    assert is_one_line(str(caught.value))


def test_records_of_microfw_are_lines_whatever_was_sent(caplog):
    app = App(cleanup_timeout=0.01)

    async def lingering(word: Annotated[str, Header()]) -> AsyncIterator[str]:
        yield word
        await anyio.sleep_forever()

    async def fail(word: str) -> None:
        raise ValueError(word)

    @app.post("/{path}")
    async def in_background(path: str, word: Annotated[str, Header()], tasks: BackgroundTasks):
        tasks.add_task(fail, path + word)

    @app.get("/{path}")
    async def linger(path: str, word: Annotated[Any, Depends(lingering)]): ...

    client = TestClient(app, raise_server_exceptions=False)
    with caplog.at_level(logging.DEBUG, "microfw"):
        client.post("/a%0d%0ab", headers={b"word": b"a\x85b"})
        client.get("/a%0d%0ab", headers={b"word": b"a\x85b"})

    messages = [record.getMessage() for record in caplog.records if record.name == "microfw"]
    assert len(messages) == 2
    assert all(map(is_one_line, messages))
