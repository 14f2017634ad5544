"""K4: worker processes with real brokers: what is lost, and what runs twice."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from taskiq.kicker import AsyncKicker

from tests.brokers import BrokerServer, free_port, nats, rabbitmq, redis
from tests.servers import serve
from tests.tasks.program import make_broker
from tests.tasks.workers import BROKER, Events, workers

pytestmark = pytest.mark.slow

SERVERS: dict[str, Callable[[], AbstractContextManager[BrokerServer]]] = {
    "redis": redis,
    "rabbitmq": rabbitmq,
    "nats": nats,
}


class Place:
    """A broker, and where its tasks write."""

    def __init__(self, server: BrokerServer, folder: Path, redelivery: float) -> None:
        self.server = server
        self.events = Events(folder / "events")
        self.log = folder / "log"
        self.env = {
            "BROKER": server.url,
            "EVENTS": str(self.events.path),
            "REDELIVERY": str(redelivery),
        }

    def send(self, *calls: tuple[Any, ...], **options: Any) -> None:
        """Send invoices, from no application; the last one with options."""
        asyncio.run(self._send(calls, options))

    async def _send(self, calls: tuple[tuple[Any, ...], ...], options: dict[str, Any]) -> None:
        broker = make_broker(self.server.url)
        await broker.startup()
        kicker: AsyncKicker[..., Any] = AsyncKicker("invoice", broker, {"retry_on_error": True})
        for call in calls:
            await kicker.kiq(*call, **options)
        await broker.shutdown()


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[BrokerServer]:
    with SERVERS[request.param]() as running:
        yield running


@pytest.fixture
def place(server: BrokerServer, tmp_path: Path) -> Place:
    return Place(server, tmp_path, REDELIVERY)


REDELIVERY = 4.0
"""More than what comes to an end in exit code takes."""

WHOLE = ["begins", "invoices 1", "commits 1"]


def test_workers_run_tasks_each_in_one_scope_app_whatever_they_are_sent(place: Place) -> None:
    """K4"""
    place.env["RESULTS"] = f"redis://127.0.0.1:{free_port()}"  # where nobody answers
    with workers(place.env, place.log) as worker:
        worker.wait_until_ready()
        place.send((1,))
        place.events.wait_for("commits 1")
        place.send(("many",))
        place.send((1,))
        place.events.wait_for("commits 1", 2)
        log = worker.terminate()
    assert place.events.all() == ["engine opens", *WHOLE, *WHOLE, "engine closes"]
    assert log.count("TaskValidationError: 1 validation error") == 1
    assert "Can't set result in result backend." in log


def test_sigterm_interrupts_rolls_back_gives_back_and_closes_in_this_order(place: Place) -> None:
    """K4"""
    with workers(place.env, place.log) as worker:
        worker.wait_until_ready()
        for number, where in enumerate(("setup", "body", "exit"), 1):
            place.send((number,), place=where)
            place.events.wait_for(f"waits in {where}")
        log = worker.terminate()
    assert place.events.all() == [
        "engine opens",
        "waits in setup",
        "begins",
        "waits in body",
        "begins",
        "invoices 3",
        "waits in exit",
        "rolls back CancelledError",
        "commits 3",
        "engine closes",
    ], log

    with workers(place.env, place.log.with_name("second")) as worker:
        place.events.wait_for("commits 1")
        place.events.wait_for("commits 2")
        worker.terminate()
    done = Counter(place.events.all())
    assert [done[f"commits {number}"] for number in (1, 2, 3)] == [1, 1, 1]


def test_a_killed_worker_loses_nothing(place: Place) -> None:
    """K4"""
    command = ("taskiq", "worker", BROKER, "--workers", "1")
    with workers(place.env, place.log, *command) as worker:
        worker.wait_until_ready()
        place.send((1,), place="body")
        place.events.wait_for("waits in body")
        worker.kill()
    with workers(place.env, place.log.with_name("second"), *command) as worker:
        worker.wait_until_ready()
        place.events.wait_for("commits 1")
        worker.terminate()
    assert place.events.all().count("commits 1") == 1


def test_a_scheduler_sends_what_is_scheduled(tmp_path: Path) -> None:
    """K4"""
    with redis() as server:
        check_scheduler(Place(server, tmp_path, REDELIVERY))


def check_scheduler(place: Place) -> None:
    command = ("microfw", "schedule", "tests.tasks.program:app")
    with workers(place.env, place.log) as worker:
        worker.wait_until_ready()
        with workers(place.env, place.log.with_name("scheduler"), *command) as scheduler:
            place.events.wait_for("sweeps", 2)
            scheduler.terminate()
        worker.terminate()


def test_a_request_sends_what_it_has_enqueued_and_a_broker_that_is_down_costs_no_answer(
    place: Place,
) -> None:
    """K5"""
    import httpx2

    place.env["PATIENCE"] = "1"
    with workers(place.env, place.log) as worker:
        worker.wait_until_ready()
        with serve("tests.tasks.program:app", env=place.env) as served:
            assert httpx2.post(f"{served.url}/orders/1").status_code == 201
            place.events.wait_for("commits 1")
            assert httpx2.post(f"{served.url}/orders/2?fails=true").status_code == 409
            place.server.stop()
            try:
                assert httpx2.post(f"{served.url}/orders/3", timeout=30).status_code == 201
                log = served.wait_for("could not be enqueued")
            finally:
                place.server.start()
            # Both connect again by themselves, some after a while.
            numbers = iter(range(4, 100))

            def is_back(events: list[str]) -> bool:
                httpx2.post(f"{served.url}/orders/{next(numbers)}", timeout=30)
                return any(event.startswith("commits") for event in events[before:])

            before = len(place.events.all())
            place.events.wait_until(is_back, "works again")
        worker.terminate()
    assert "invoice (" in log
    assert "commits 2" not in place.events.all()
