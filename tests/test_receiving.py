"""The body, received before the first step runs, and whoever asks for it after that."""

from typing import Any

import anyio
import msgspec
import pytest

from microfw import App, Depends, Request
from microfw.responses import JSONResponse
from tests.lifecycle.programs import Log
from tests.uploads import upload

JSON = {"content-type": "application/json"}
PIECES = [b'{"word"', b"", b': "tree"}']
WHOLE = b"".join(PIECES)


class Word(msgspec.Struct):
    word: str


def told(exchanged: Any) -> Any:
    """Call what is a coroutine function's without an event loop: nothing is to be waited for."""
    with pytest.raises(StopIteration) as stopped:
        exchanged.send(None)
    return stopped.value.value


async def test_a_request_beside_a_declared_body_has_the_body_too() -> None:
    app = App()

    @app.post("/")
    async def endpoint(word: Word, request: Request) -> list[Any]:
        streamed = [part async for part in request.stream()]
        return [word.word, (await request.body()).decode(), await request.json(), len(streamed)]

    answer = await upload(app, PIECES, headers=JSON)

    assert answer.json() == ["tree", WHOLE.decode(), {"word": "tree"}, 2]


async def test_a_request_in_a_worker_thread_has_the_body_too() -> None:
    app = App()

    @app.post("/")
    def endpoint(word: Word, request: Request) -> list[str]:
        return [word.word, told(request.body()).decode()]

    assert (await upload(app, PIECES, headers=JSON)).json() == ["tree", WHOLE.decode()]


async def test_who_asks_whether_the_client_is_there_does_not_lose_the_body() -> None:
    app = App()

    async def is_gone(request: Request) -> bool:
        return await request.is_disconnected()

    @app.post("/")
    async def endpoint(word: Word, request: Request, gone: bool = Depends(is_gone)) -> list[Any]:
        return [gone, (await request.body()).decode()]

    assert (await upload(app, PIECES, headers=JSON)).json() == [False, WHOLE.decode()]


async def test_an_exception_handler_can_read_the_body() -> None:
    app = App()

    @app.post("/")
    async def endpoint(word: Word) -> None:
        raise LookupError

    @app.exception_handler(LookupError)
    async def handle(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse(await request.json())

    assert (await upload(app, PIECES, headers=JSON)).json() == {"word": "tree"}


async def test_what_has_answered_a_body_that_is_too_large_does_not_get_the_rest_of_it() -> None:
    log = Log()
    app = App(max_body_size=10)

    @app.post("/")
    async def endpoint(word: Word) -> None: ...

    @app.exception_handler(413)
    async def handle(request: Request, error: Exception) -> JSONResponse:
        with pytest.raises(type(error)):
            await request.body()
        return JSONResponse("too large", 413)

    answer = await upload(app, [b"x" * 11, b"x", b"x", b"x"], headers=JSON, log=log)

    assert (answer.json(), log) == ("too large", ["chunk", "chunk", "sends 413"])


async def test_nothing_runs_for_a_client_that_leaves_while_it_sends() -> None:
    log = Log()
    app = App()

    @app.post("/")
    async def endpoint(word: Word) -> None:
        log("endpoint")

    messages = [
        {"type": "http.request", "body": b'{"word"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        log(message["type"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    with anyio.fail_after(5):
        await app(scope, receive, send)

    assert (log, messages) == ([], [])
