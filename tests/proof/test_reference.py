"""Random programs do what the reference says: nested `with` blocks, written from the rules alone."""

import sys

import pytest

from proof.prove import search_for, seed_of


@pytest.mark.unmeasured
@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)
@pytest.mark.parametrize("item", range(8))
def test_programs_do_what_the_reference_does(item: int) -> None:
    assert search_for("reference", 250, seed_of(item)) is None
