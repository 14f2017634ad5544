"""The same programs do the same in FastAPI, but for the differences that are meant."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from proof.builds import fastapi_app, microfw_app
from proof.differences import DIFFERENCES, Difference, comparable, differences
from proof.observing import Laboratory, Observations
from proof.programs import Accept, Dependency, Endpoint, Fail, Program, Use
from proof.prove import search_for, seed_of


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory("asyncio") as started:
        yield started


yielding_again_is_closed = pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)


@pytest.mark.unmeasured
@yielding_again_is_closed
@pytest.mark.parametrize("item", range(4))
def test_programs_do_the_same_in_fastapi(item: int) -> None:
    assert search_for("fastapi", 125, seed_of(item)) is None


IN_OTHER_WORDS = {
    "E9: a generator that does not yield is named": Program(
        (Dependency(yields=0),), endpoint=Endpoint(uses=(Use(0),))
    ),
    "E9: a generator that yields twice is named": Program(
        (Dependency(yields=2),), endpoint=Endpoint(uses=(Use(0),))
    ),
    "W1: a WebSocket is closed for its endpoint": Program(
        endpoint=Endpoint(does=(Accept(),)), protocol="websocket"
    ),
    "W1: a WebSocket is closed after an error": Program(
        endpoint=Endpoint(does=(Accept(), Fail())), protocol="websocket"
    ),
    "W1: a WebSocket is refused for its values": Program(
        endpoint=Endpoint(takes=("bad",)), protocol="websocket"
    ),
}


def words(observations: Observations) -> list[Any]:
    """All that is written down and raised, chains of exceptions left out."""
    assert isinstance(observations, dict)
    return [(one.log, one.raised.partition(" (from")[0]) for one in observations["asyncio"]]


@yielding_again_is_closed
@pytest.mark.parametrize("program", IN_OTHER_WORDS.values(), ids=[*IN_OTHER_WORDS])
def test_the_same_is_compared_in_whatever_words(laboratory: Laboratory, program: Program) -> None:
    seen = laboratory.observe(microfw_app, program)
    expected = laboratory.observe(fastapi_app, program)
    assert not differences(program, seen)
    assert words(seen) != words(expected)
    assert comparable(seen) == comparable(expected)


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=[*DIFFERENCES])
def test_a_difference_is_there(laboratory: Laboratory, difference: Difference) -> None:
    program = difference.example
    seen = laboratory.observe(microfw_app, program)
    assert isinstance(seen, dict)
    assert difference.shows(program, seen)
    assert comparable(seen) != comparable(laboratory.observe(fastapi_app, program))
