"""A page's program twice: as it is written, and with its imports changed to FastAPI's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partialmethod
from types import ModuleType
from typing import Any, Literal

from httpx2 import Response

from microfw.testclient import TestClient
from tests.editions import Edition

Backend = Literal["asyncio", "trio"]

twin_of = Edition(
    "_with_fastapi", "tests.tutorial", "fastapi", (__name__, "tests.tutorial.conftest")
).of


class Twins:
    """Sends each request to both programs; the answers are equal, or the test fails.

    Attributes:
        microfw: The client of the one, for what differs on purpose.
        fastapi: The client of the other.
    """

    def __init__(self, microfw: TestClient, fastapi: TestClient) -> None:
        self.microfw = microfw
        self.fastapi = fastapi

    def request(self, method: str, url: str, **options: Any) -> Response:
        answer = self.microfw.request(method, url, **options)
        seen = _seen(answer)
        expected = _seen(self.fastapi.request(method, url, **options))
        assert seen == expected, f"\nmicrofw: {seen}\nFastAPI: {expected}"
        return answer

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    patch = partialmethod(request, "PATCH")
    delete = partialmethod(request, "DELETE")
    head = partialmethod(request, "HEAD")
    options = partialmethod(request, "OPTIONS")

    def forget_cookies(self) -> None:
        for client in (self.microfw, self.fastapi):
            client.cookies.clear()


def _seen(answer: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    return answer.status_code, sorted(answer.headers.multi_items()), answer.content


@contextmanager
def running(module: ModuleType, name: str = "app", backend: Backend = "asyncio") -> Iterator[Twins]:
    """Run an application of a page, and its twin, from start-up to shutdown."""
    ours, theirs = getattr(module, name), getattr(twin_of(module.__name__), name)
    with TestClient(ours, backend=backend) as microfw, TestClient(theirs, backend=backend) as twin:
        yield Twins(microfw, twin)


def error(
    kind: str, loc: Sequence[str | int], message: str, value: object, **context: object
) -> dict[str, Any]:
    """What an answer says of one value that does not fit."""
    described = {"type": kind, "loc": list(loc), "msg": message, "input": value}
    return {**described, "ctx": context} if context else described
