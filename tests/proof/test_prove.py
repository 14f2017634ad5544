"""`scripts/prove` finds what differs, shrinks it, and writes it down as a file that runs."""

from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proof import programs as data
from proof.builds import fastapi_app, microfw_app
from proof.differences import DIFFERENCES, comparable
from proof.observing import Laboratory, chained
from proof.programs import Program, programs, written
from proof.prove import main, search
from proof.searches import Search, counter_example, told


def test_a_search_tells_how_many_programs_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--examples", "3", "--seed", "7", "--processes", "1", "--folder", str(tmp_path)]

    assert main(arguments) == 0

    output, progress = capsys.readouterr()
    first, last = output.splitlines()
    assert first == "seed 7: 3 programs, each compared with reference"
    assert last.startswith("3 programs in ")
    assert last.endswith(" s, 0 differ")
    assert f"[{'=' * 40}] 3 of 3, 0 s to go, 0 differ" in progress
    assert not [*tmp_path.iterdir()]


def everything(laboratory: Laboratory, program: Program) -> tuple[Any, Any]:
    """Compare with FastAPI, differences on purpose too."""
    expected = comparable(laboratory.observe(fastapi_app, program))
    return expected, comparable(laboratory.observe(microfw_app, program))


def test_what_differs_is_shrunk_to_a_file_that_runs_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = DIFFERENCES["E5: the log names who swallowed"].example
    larger = replace(program, status=201)
    comparison = Search(st.sampled_from([Program(), program, larger]), ("asyncio",), everything)

    found = search(comparison, "fastapi", 20, 1)

    assert found == counter_example("fastapi", program)
    exec(str(found), {"__name__": "__main__"})
    assert capsys.readouterr().out == "the same\n"  # but for what is meant


def test_what_differs_only_sometimes_is_found_too() -> None:
    outcomes = chain([True], repeat(False))
    comparison = Search(st.just(Program()), ("asyncio",), lambda *_: (next(outcomes), False))
    assert search(comparison, "fastapi", 20, 1) == counter_example("fastapi", Program())


def test_the_same_program_does_not_count_again() -> None:
    tried: list[Program] = []

    def both(_: Laboratory, program: Program) -> tuple[bool, bool]:
        tried.append(program)
        return True, True

    drawn = [Program(), Program(status=201), Program(requests=2)]
    assert search(Search(st.sampled_from(drawn), ("asyncio",), both), "reference", 100, 1) is None
    assert sorted(map(repr, tried)) == sorted(map(repr, drawn))


def test_where_nothing_differs_nothing_is_written() -> None:
    comparison = Search(st.just(Program()), ("asyncio",), everything)
    assert search(comparison, "fastapi", 20, 1) is None


def test_what_differs_is_reported_part_by_part() -> None:
    assert told(
        "reference", {"trio": [1, 2], "asyncio": [3]}, {"trio": [1, 5], "asyncio": [3]}
    ) == ("reference, trio, request 2:\n  2\nmicrofw:\n  5")
    assert told("fastapi", "refused", [1]) == "fastapi:\n  refused\nmicrofw:\n  [1]"


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(program=programs())
def test_a_program_is_written_as_code_that_makes_it_again(program: Program) -> None:
    assert eval(written(program), {**vars(data)}) == program  # noqa: S307 - that is the point


def test_a_chain_of_exceptions_that_is_a_circle_is_followed_once():
    one, other = ValueError("one"), KeyError("other")
    one.__context__, other.__context__ = other, one

    assert chained(one) == (
        "ValueError(one) (from nothing, after"
        " KeyError('other') (from nothing, after ValueError(one) again))"
    )
