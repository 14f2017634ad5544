"""S6: endpoints that yield are closed where they stand, to their end, whatever has gone wrong."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Annotated

import pytest

from microfw import App, Depends
from tests.lifecycle.programs import Log, lines, request

on_asyncio = pytest.mark.parametrize(
    "anyio_backend",
    [
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    ],
)


@on_asyncio
async def test_a_stream_from_a_thread_is_closed_however_often_its_request_is_cancelled() -> None:
    """C1"""
    log = Log()
    app = App()
    loop = asyncio.get_running_loop()
    reached, released = asyncio.Event(), threading.Event()

    def get_session() -> Iterator[str]:
        with log.opened("session"):
            yield "session"

    @app.get("/")
    def endpoint(session: Annotated[str, Depends(get_session)]) -> Iterator[int]:
        with log.opened("stream"):
            yield 1
            loop.call_soon_threadsafe(reached.set)
            assert released.wait(5)
            yield 2

    task = asyncio.ensure_future(request(app, log=log))
    await reached.wait()
    released.set()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)

    assert task.cancelled()
    assert log == lines(
        "session opens, stream opens, sends 200, sends 1,"
        "stream sees GeneratorExit(), session sees CancelledError()"
    )
