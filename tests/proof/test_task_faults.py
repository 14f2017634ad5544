"""Each fault strikes a worker somewhere: the short form of `scripts/prove task-faults`."""

from pathlib import Path

import pytest

from proof.task_faults import FAULTS, PLACES, Cell
from tests.brokers import redis


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_an_order_is_done_and_what_was_entered_has_exited_or_died(
    number: int, tmp_path: Path
) -> None:
    place = PLACES[(number + 2) % len(PLACES)]
    with redis() as server:
        assert Cell(server, place, FAULTS[number], tmp_path).run() == []
