"""What random programs are compared with, and what has come out where they differ."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from proof.builds import fastapi_app, microfw_app, reference_app
from proof.differences import (
    comparable,
    differences,
    without_differences,
    without_extras,
)
from proof.observing import Laboratory
from proof.programs import Program, programs, written
from proof.queued import Queue, ReferenceQueue, as_task
from proof.traced import with_trace


@dataclass(frozen=True)
class Search:
    """A comparison.

    Attributes:
        backends: What programs run on.
        both: What is expected of a program and what it has done.
    """

    programs: st.SearchStrategy[Program]
    backends: tuple[str, ...]
    both: Callable[[Laboratory, Program], tuple[Any, Any]]


def with_reference(laboratory: Laboratory, program: Program) -> tuple[Any, Any]:
    """What the reference and microfw do."""
    expected = laboratory.observe(reference_app, program)
    return expected, laboratory.observe(microfw_app, program)


def with_queue(laboratory: Laboratory, program: Program) -> tuple[Any, Any]:
    """What the reference does with a task, and a queue."""
    return laboratory.observe(ReferenceQueue, program), laboratory.observe(Queue, program)


def with_fastapi(laboratory: Laboratory, program: Program) -> tuple[Any, Any]:
    """What FastAPI and microfw do; nothing, where a difference is meant."""
    if differences(program, {}):
        return None, None
    seen = laboratory.observe(microfw_app, program)
    if differences(program, seen):
        return None, None
    return comparable(laboratory.observe(fastapi_app, program)), comparable(seen)


SEARCHES = {
    "reference": Search(programs(), ("asyncio", "uvloop", "trio"), with_reference),
    "trace": Search(programs(), ("asyncio", "trio"), with_trace),
    "queue": Search(programs().map(as_task), ("asyncio",), with_queue),
    "fastapi": Search(
        programs().map(without_extras).map(without_differences), ("asyncio",), with_fastapi
    ),
}


def check(name: str, program: Program) -> None:
    """Run one program, and show what differs, if anything does."""
    search = SEARCHES[name]
    with Laboratory(*search.backends) as laboratory:
        expected, seen = search.both(laboratory, program)
    print("the same" if expected == seen else told(name, expected, seen))


def told(name: str, expected: Any, seen: Any) -> str:
    """The parts that differ, one under the other."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        parts = [told(f"{name}, {each}", expected[each], seen[each]) for each in expected]
        return "\n".join(filter(None, parts))
    if isinstance(expected, list) and isinstance(seen, list):
        pairs = enumerate(zip(expected, seen, strict=True), 1)
        parts = [told(f"{name}, request {number}", *pair) for number, pair in pairs]
        return "\n".join(filter(None, parts))
    return "" if expected == seen else f"{name}:\n  {expected}\nmicrofw:\n  {seen}"


def counter_example(name: str, program: Program) -> str:
    """A Python file that runs a program in which something differs."""
    return f'''"""Something differs from {name} here. Run it in the project's root: python FILE"""

import sys

sys.path.insert(0, ".")

from proof.programs import *
from proof.searches import check

program = {written(program)}

if __name__ == "__main__":
    check("{name}", program)
'''
