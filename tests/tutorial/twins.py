"""A page's program twice: as it is written, and with its imports changed to FastAPI's.

The program's own source is run for both, so that nothing else can differ between them.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partialmethod
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Literal

from httpx2 import Response

from microfw.testclient import TestClient

Backend = Literal["asyncio", "trio"]

PAGES = "tests.tutorial."
NAMES = {
    "App": "FastAPI",
    "Route": "APIRoute",
    "Router": "APIRouter",
    "WebSocketRoute": "APIWebSocketRoute",
}


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


def twin_of(name: str) -> ModuleType:
    """Run the source of a module with its imports changed; once."""
    twin_name = f"{name}_with_fastapi"
    if twin_name not in sys.modules:
        path = _source_of(name)
        assert path is not None
        with open(path, encoding="utf-8") as file:
            program = ast.fix_missing_locations(_ChangedImports().visit(ast.parse(file.read())))
        twin = ModuleType(twin_name)
        twin.__file__ = path
        sys.modules[twin_name] = twin  # where annotations are looked up
        try:
            exec(compile(program, path, "exec"), twin.__dict__)
        except BaseException:
            del sys.modules[twin_name]
            raise
    return sys.modules[twin_name]


class _ChangedImports(ast.NodeTransformer):
    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        module = node.module or ""
        if module.partition(".")[0] == "microfw":
            node.module = module.replace("microfw", "fastapi", 1)
            for alias in node.names:
                alias.asname = alias.asname or alias.name
                alias.name = NAMES.get(alias.name, alias.name)
        elif module.startswith(PAGES) and module not in (__name__, f"{PAGES}conftest"):
            if _source_of(module) is None:  # a folder, from which modules are imported
                twins = [(twin_of(f"{module}.{alias.name}"), alias) for alias in node.names]
                names = [
                    ast.alias(twin.__name__, alias.asname or alias.name) for twin, alias in twins
                ]
                return ast.Import(names)
            node.module = twin_of(module).__name__
        return node


def _source_of(module: str) -> str | None:
    spec = find_spec(module)
    return None if spec is None else spec.origin


def error(
    kind: str, loc: Sequence[str | int], message: str, value: object, **context: object
) -> dict[str, Any]:
    """What an answer says of one value that does not fit."""
    described = {"type": kind, "loc": list(loc), "msg": message, "input": value}
    return {**described, "ctx": context} if context else described
