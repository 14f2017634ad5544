"""Every asynchronous test runs on asyncio, on asyncio with uvloop, and on trio.

Property tests try the same examples each time, so that a failure is the change's own.
`HYPOTHESIS_PROFILE=search` has them try others.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from types import UnionType
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import is_hypothesis_test, settings

from microfw import App

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


with_uvloop = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop", marks=with_uvloop),
        pytest.param(("trio", {}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    backend: tuple[str, dict[str, Any]] = request.param
    return backend


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel and the sdist: those that `scripts/release` has made, or new ones."""
    if made := os.environ.get("RELEASE"):
        return Path(made)
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    root = Path(__file__).parent.parent
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return folder


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a union by its parts: CPython 3.14 calls each of them `Union`."""
    return str(val) if isinstance(val, UnionType) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Have one more than cores: many tests wait for servers and for time to pass."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionstart(session: pytest.Session) -> None:
    """Trace no process that only hands out the tests, as pytest-xdist's "dsession" does."""
    coverage = Coverage.current()
    if coverage is not None and session.config.pluginmanager.has_plugin("dsession"):
        coverage.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests first, so that no core waits for another at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Look for garbage less often, and never among the tests themselves: a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage where it doubles the time and the other tests reach every line."""
    coverage = Coverage.current()
    if coverage is None or not _is_unmeasured(item):
        return (yield)
    coverage.stop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            return (yield)
    finally:
        coverage.start()


def _is_unmeasured(item: pytest.Item) -> bool:
    marked = any(item.get_closest_marker(name) for name in ("slow", "unmeasured"))
    return marked or is_hypothesis_test(getattr(item, "obj", None))
