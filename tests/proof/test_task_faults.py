"""Each fault strikes a task somewhere: the short form of `scripts/prove task-faults`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.task_faults import SHORT
from tests.brokers import BrokerServer, redis

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[BrokerServer]:
    with redis() as running:
        yield running


@pytest.mark.parametrize("number", range(len(SHORT)))
def test_an_order_is_done_once_and_what_was_entered_has_exited_or_died(
    number: int, server: BrokerServer, tmp_path: Path
) -> None:
    assert SHORT[number](server, tmp_path).run() == []
