"""Random tasks that a queue runs do what the reference says."""

import sys

import pytest

from proof.prove import search_for, seed_of


@pytest.mark.unmeasured
@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)
@pytest.mark.parametrize("item", range(4))
def test_tasks_of_a_queue_do_what_the_reference_does(item: int) -> None:
    assert search_for("queue", 100, seed_of(item)) is None
