"""Random programs do the same while they are watched, and their traces tell what their logs tell."""

import sys

import pytest

from proof.prove import search_for, seed_of


@pytest.mark.unmeasured
@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)
@pytest.mark.parametrize("item", range(4))
def test_traces_tell_what_programs_do(item: int) -> None:
    assert search_for("trace", 150, seed_of(item)) is None
