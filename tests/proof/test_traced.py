"""Random programs do the same while they are watched, and their traces tell what their logs tell."""

import sys

import pytest

from proof.observing import Laboratory
from proof.programs import AddTask, Dependency, Endpoint, Program, Task, Use
from proof.prove import search_for, seed_of
from proof.traced import with_trace


@pytest.mark.unmeasured
@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="it closes generators that yield again in another way"
)
@pytest.mark.parametrize("item", range(4))
def test_traces_tell_what_programs_do(item: int) -> None:
    assert search_for("trace", 150, seed_of(item)) is None


def test_what_a_task_opens_late_is_in_the_trace_of_its_request() -> None:
    program = Program(
        dependencies=(Dependency(), Dependency(), Dependency(), Dependency(uses=(Use(0), Use(1)))),
        endpoint=Endpoint(does=(AddTask(),)),
        tasks=(Task(uses=(Use(3, scope="app"), Use(2))),),
        overrides=((1, 0),),
    )
    with Laboratory("asyncio", "trio") as laboratory:
        expected, seen = with_trace(laboratory, program)
    assert expected == seen
    _, request, _ = expected[0]["asyncio"]
    assert [line for line in request.log if " opens " in line] == [
        *("d0 opens with nothing", "d3 opens with p0=d0#1, p1=d0#1", "d2 opens with nothing"),
    ]
