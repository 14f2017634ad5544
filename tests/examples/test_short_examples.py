"""Each short example keeps its promise: run by itself, and served by uvicorn."""

import importlib.util
import re
import runpy
import threading
from pathlib import Path
from types import ModuleType

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.servers import PATIENCE, ROOT, serve

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

every_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@every_example
def test_an_example_run_by_itself_prints_what_it_promises(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runpy.run_path(str(path), run_name="__main__")

    printed = capsys.readouterr().out
    assert printed.replace(f"{ROOT}/", "").splitlines() == promised(path)


@every_example
def test_an_example_served_by_uvicorn_does_the_same(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = load(path)
    tracked = Tracked(example.app)
    hooks = {"response": [tracked.wait_until_done]}

    with serve(tracked) as server, httpx2.Client(base_url=server.url, event_hooks=hooks) as client:
        example.show(client)

    printed = capsys.readouterr().out.splitlines()
    assert printed == promised(path)[: len(printed)]
    assert printed[-1].startswith("answer: ")


def test_the_log_of_a_real_server_names_the_dependency_that_swallowed_an_exception() -> None:
    path = ROOT / "examples/except_without_raise.py"
    log_line = next(line for line in promised(path) if line.startswith("log: "))

    with serve(load(path).app) as server:
        httpx2.get(f"{server.url}/bread")

    log = server.log.replace(f"{ROOT}/", "")
    assert log_line.removeprefix("log: ") in log
    assert log.index("ValueError: no flour in the oven") < log.index(
        "The above exception was the direct cause of the following exception:"
    )


def test_the_log_of_a_real_server_names_the_task_that_failed() -> None:
    with serve(load(ROOT / "examples/background_tasks.py").app) as server:
        httpx2.post(f"{server.url}/letters/ida")

    assert "ERROR: background task tear failed" in server.log


@every_example
def test_an_example_says_in_two_lines_what_it_shows(path: Path) -> None:
    docstring = load(path).__doc__

    assert docstring is not None
    assert len(docstring.strip().splitlines()) == 2


def test_the_table_of_examples_lists_each_of_them() -> None:
    table = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    shop = sorted((ROOT / "examples/shop").glob("*.py"))
    files = [path for path in (*EXAMPLES, *shop) if path.name != "__init__.py"]

    assert sorted(re.findall(r"\[`[\w.]+`\]\(([\w./]+\.py)\)", table)) == sorted(
        str(path.relative_to(ROOT / "examples")) for path in files
    )


def promised(path: Path) -> list[str]:
    """Return the lines that the example says at its end that it prints."""
    _, _, promise = path.read_text(encoding="utf-8").partition("\n# Prints:\n")
    return [line.removeprefix("#   ") for line in promise.splitlines()]


class Tracked:
    """Lets a client wait for what runs after the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._done = threading.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                self._done.release()

    def wait_until_done(self, response: httpx2.Response) -> None:
        assert self._done.acquire(timeout=PATIENCE)


def load(path: Path) -> ModuleType:
    """Import an example anew: some count."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
