"""The body, received before the first step runs, and whoever asks for it after that."""

from typing import Annotated, Any

import anyio
import msgspec
import pytest

from microfw import App, Depends, Form, Request, UploadFile
from microfw.responses import JSONResponse
from tests.lifecycle.programs import Log
from tests.uploads import MULTIPART, URLENCODED, chunks_of, multipart, part, upload

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


async def test_a_request_beside_a_declared_body_has_the_body_too(app: App) -> None:
    @app.post("/")
    async def endpoint(word: Word, request: Request) -> list[Any]:
        streamed = [part async for part in request.stream()]
        return [word.word, (await request.body()).decode(), await request.json(), len(streamed)]

    answer = await upload(app, PIECES, headers=JSON)

    assert answer.json() == ["tree", WHOLE.decode(), {"word": "tree"}, 2]


async def test_a_request_in_a_worker_thread_has_the_body_too(app: App) -> None:
    @app.post("/")
    def endpoint(word: Word, request: Request) -> list[str]:
        return [word.word, told(request.body()).decode()]

    assert (await upload(app, PIECES, headers=JSON)).json() == ["tree", WHOLE.decode()]


async def test_who_asks_whether_the_client_is_there_does_not_lose_the_body(app: App) -> None:
    async def is_gone(request: Request) -> bool:
        return await request.is_disconnected()

    @app.post("/")
    async def endpoint(word: Word, request: Request, gone: bool = Depends(is_gone)) -> list[Any]:
        return [gone, (await request.body()).decode()]

    assert (await upload(app, PIECES, headers=JSON)).json() == [False, WHOLE.decode()]


@pytest.mark.parametrize("parts", [[WHOLE], PIECES, [b""]])
async def test_who_asks_behind_middleware_does_not_lose_a_body_that_nobody_has_read(
    app: App, parts: list[bytes]
) -> None:
    @app.middleware("http")
    async def pass_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    @app.post("/")
    async def endpoint(request: Request) -> list[Any]:
        gone = [await request.is_disconnected(), await request.is_disconnected()]
        return [*gone, (await request.body()).decode(), await request.is_disconnected()]

    answer = await upload(app, parts, headers=JSON)

    assert answer.json() == [False, False, b"".join(parts).decode(), False]


@pytest.mark.parametrize("size", [8, 100])
async def test_a_request_beside_a_declared_form_has_the_form_too(app: App, size: int) -> None:
    @app.post("/")
    async def endpoint(request: Request, word: Annotated[str, Form()]) -> list[Any]:
        return [word, dict(await request.form())]

    chunks = chunks_of(b"word=oak+tree&more=%C3%A9", size)

    assert (await upload(app, chunks, headers=URLENCODED)).json() == [
        "oak tree",
        {"word": "oak tree", "more": "é"},
    ]


async def test_an_exception_handler_can_read_the_body(app: App) -> None:
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


def file_app(log: Log, **limits: Any) -> App:
    app = App(**limits)

    @app.post("/")
    async def endpoint(file: UploadFile) -> int:
        log("endpoint")
        content = await file.read()
        return len(content) if content == PATTERN[: len(content)] else -1

    return app


PATTERN = bytes(range(256)) * 4096 * 3
"""3 MiB in which no two of the pieces that arrive are at the same place of a repetition."""


@pytest.mark.parametrize("size", [1000, 64 * 1024, 100_000, 3_000_000])
async def test_a_large_file_is_whole_however_it_arrives(size: int) -> None:
    form = multipart(part("file", PATTERN, "film"))

    assert (await upload(file_app(Log()), chunks_of(form, size))).json() == len(PATTERN)


async def test_a_large_form_with_a_mistake_is_read_a_piece_further_and_not_to_its_end() -> None:
    log = Log()
    broken = b"--border\r\nno header\r\n\r\n" + PATTERN
    form = part("file", PATTERN, "film") + broken

    answer = await upload(file_app(log), chunks_of(form), log=log)

    assert answer.status == 400
    # The mistake is in the 49th, which is handed over together with the two that follow.
    assert log == [*["chunk"] * 51, "sends 400"]


async def test_a_large_form_is_refused_as_soon_as_it_is_too_large() -> None:
    log = Log()
    form = multipart(part("file", PATTERN, "film"))

    app = file_app(log, max_body_size=33 * 64 * 1024)
    answer = await upload(app, chunks_of(form), log=log)

    assert (answer.status, log) == (413, [*["chunk"] * 34, "sends 413"])


async def leave_after(chunks: list[bytes], content_type: bytes, app: App, log: Log) -> None:
    """Send the beginning of a body, then leave."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        log(message["type"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", content_type)],
    }
    with anyio.fail_after(5):
        await app(scope, receive, send)
    assert messages == []


async def test_nothing_runs_for_a_client_that_leaves_while_it_sends_json(app: App) -> None:
    log = Log()

    @app.post("/")
    async def endpoint(word: Word) -> None:
        log("endpoint")

    await leave_after([b'{"word"'], b"application/json", app, log)

    assert log == []


async def test_nothing_runs_for_a_client_that_leaves_while_it_sends_a_large_file() -> None:
    log = Log()
    chunks = chunks_of(part("file", PATTERN, "film"))

    await leave_after(chunks, MULTIPART["content-type"].encode(), file_app(log), log)

    assert log == []
