"""Random programs do what the reference says: nested `with` blocks, written from the rules alone."""

import sys

import pytest

from proof.builds import microfw_app, reference_app
from proof.observing import Laboratory
from proof.programs import AddTask, Dependency, Endpoint, Program, Task, Use
from proof.prove import search_for, seed_of


@pytest.mark.unmeasured
@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)
@pytest.mark.parametrize("item", range(8))
def test_programs_do_what_the_reference_does(item: int) -> None:
    assert search_for("reference", 250, seed_of(item)) is None


def test_a_late_opening_that_fails_half_way_opens_all_of_it_again() -> None:
    program = Program(
        dependencies=(Dependency(), Dependency(uses=(Use(0),), yields=0)),
        endpoint=Endpoint(does=(AddTask(),)),
        tasks=(Task(uses=(Use(1, scope="app"),)),),
        requests=2,
    )
    with Laboratory("asyncio") as laboratory:
        expected = laboratory.observe(reference_app, program)
        seen = laboratory.observe(microfw_app, program)
    assert expected == seen
    assert not isinstance(expected, str)
    _, *requests, _ = expected["asyncio"]
    fails = [
        "d0 opens with nothing",
        "d1 opens with p0=d0#1",
        "d0 sees YieldError(d1 did not yield)",
    ]
    assert [each.log[-3:] for each in requests] == [fails] * 2
