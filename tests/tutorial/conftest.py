"""What the pages' tests send their requests with."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from microfw.testclient import TestClient
from tests.tutorial.twins import Backend, Twins, running

Clients = Callable[[str], Twins]


@pytest.fixture(scope="module")
def backend() -> Backend:
    """Pages about the lifecycle have both."""
    return "asyncio"


@pytest.fixture(scope="module")
def running_clients(request: pytest.FixtureRequest, backend: Backend) -> Iterator[Clients]:
    started: dict[str, Twins] = {}
    with ExitStack() as stack:

        def clients(name: str) -> Twins:
            if name not in started:
                started[name] = stack.enter_context(running(request.module, name, backend))
            return started[name]

        yield clients


@pytest.fixture
def clients(running_clients: Clients) -> Clients:
    """Find the client of one of the page's applications, by the name it has in the module."""

    def find(name: str) -> Twins:
        twins = running_clients(name)
        twins.forget_cookies()
        return twins

    return find


@pytest.fixture
def client(clients: Clients) -> Twins:
    """The client of the page's `app`."""
    return clients("app")


@pytest.fixture(params=["microfw", "fastapi"])
def either(request: pytest.FixtureRequest, client: Twins) -> TestClient:
    """The client of one of the two, for what is not said in requests and answers."""
    one: TestClient = getattr(client, request.param)
    return one
