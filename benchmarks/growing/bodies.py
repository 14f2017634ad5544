"""Larger and larger bodies: lists of words in JSON, which the endpoint counts."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases import SENT, Build, Case
from benchmarks.client import ASGIApp, Log, Request, json_answer
from benchmarks.contenders.declared import Framework
from benchmarks.growing.points import Question

KIB = 1024
SIZES = (KIB, 10 * KIB, 100 * KIB, 1024 * KIB, 10 * 1024 * KIB)
WORD = "a word of some length, as there are in texts"


def questions(frameworks: Sequence[Framework], sizes: Sequence[int] = SIZES) -> Iterator[Question]:
    """Send bodies."""
    for size in sizes:
        builders: dict[str, Build] = {each.name: partial(declared, each) for each in frameworks}
        builders["by hand"] = by_hand
        yield Question("bodies", "bytes", size, _case(size), builders)


def _case(size: int) -> Case:
    words = [WORD] * (size // (len(WORD) + 3))
    body = json.dumps(words, separators=(",", ":")).encode()
    headers = (
        *Request("/").headers,
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    )
    request = Request("/words", "POST", body=body, headers=headers)
    return Case(
        f"body-{size}", "", request, json_answer({"words": len(words)}), ("endpoint", *SENT)
    )


def declared(framework: Framework, log: Log) -> ASGIApp:
    """Take a list, which is validated."""
    app = framework.application()

    @app.post("/words")
    async def endpoint(words: list[str]) -> dict[str, int]:
        log.append("endpoint")
        return {"words": len(words)}

    return cast(ASGIApp, app)


def by_hand(log: Log) -> ASGIApp:
    """Take what there is."""

    async def endpoint(request: StarletteRequest) -> Response:
        words = await request.json()
        log.append("endpoint")
        return JSONResponse({"words": len(words)})

    return Starlette(routes=[Route("/words", endpoint, methods=["POST"])])
