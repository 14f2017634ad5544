"""Taskiq runs on asyncio alone."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

with_uvloop = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop", marks=with_uvloop),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest.fixture(autouse=True)
def empty_log() -> Iterator[None]:
    from tests.tasks.shop import log

    log.clear()
    yield
    log.clear()
