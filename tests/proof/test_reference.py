"""Random programs do what the reference says: nested `with` blocks, written from the rules alone."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.proof.observing import Laboratory
from tests.proof.programs import Program
from tests.proof.searches import SEARCHES, with_reference


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory("asyncio", "trio") as started:
        yield started


@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)
@settings(
    max_examples=400,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=SEARCHES["reference"].programs)
def test_a_program_does_what_the_reference_does(laboratory: Laboratory, program: Program) -> None:
    expected, seen = with_reference(laboratory, program)
    assert seen == expected
