"""The same programs do the same in FastAPI, but for the differences that are meant."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from tests.proof.builds import fastapi_app, microfw_app
from tests.proof.differences import DIFFERENCES, Difference, comparable
from tests.proof.observing import Laboratory
from tests.proof.programs import Program
from tests.proof.searches import SEARCHES, with_fastapi


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory("asyncio") as started:
        yield started


@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)
@settings(
    max_examples=250,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=SEARCHES["fastapi"].programs)
def test_a_program_does_the_same_in_fastapi(laboratory: Laboratory, program: Program) -> None:
    expected, seen = with_fastapi(laboratory, program)
    assume(expected is not None)
    assert seen == expected


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=[*DIFFERENCES])
def test_a_difference_is_there(laboratory: Laboratory, difference: Difference) -> None:
    program = difference.example
    seen = laboratory.observe(microfw_app, program)
    assert isinstance(seen, dict)
    assert difference.shows(program, seen)
    assert comparable(seen) != comparable(laboratory.observe(fastapi_app, program))
