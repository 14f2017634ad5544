"""Orders are invoiced by workers that are killed: the short form of `scripts/prove tasks`."""

import random
from pathlib import Path

import pytest

from proof.tasks import Site, run
from tests.brokers import redis


@pytest.mark.slow
def test_each_order_is_invoiced_and_none_half_by_workers_that_are_killed(tmp_path: Path) -> None:
    with redis() as server:
        books, _ = run(Site(server, tmp_path, 100), random.Random(3))

    assert books.is_right, books
