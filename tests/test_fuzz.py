"""`scripts/fuzz` finds what is answered wrongly, and writes it down as a file that sends it again."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from proof.malformed.fuzz import PARTS, Part, again, application, attack, main
from proof.malformed.mutations import edited
from proof.malformed.sending import Sent

pytestmark = pytest.mark.unmeasured
SOON = 60.0


def test_what_is_found_is_written_as_a_file_that_sends_it_again() -> None:
    inputs = st.sampled_from([Sent("/query"), Sent("/broken/500"), Sent("/cookies")])

    tried, found = attack("application", Part(inputs, application), 1, 20, time.monotonic() + SOON)

    assert tried > 0
    assert (found.part, found.found) == ("application", Sent("/broken/500"))
    with pytest.raises(AssertionError):
        exec(found.file, {"__name__": "__main__"})


def test_nothing_is_found_where_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    part = Part(st.just(Sent("/query")), application)
    assert attack("application", part, 1, 20, time.monotonic() + SOON) == (1, None)
    again("application", Sent("/query"))
    assert capsys.readouterr().out == "all is well\n"


def test_nothing_is_tried_when_time_is_over() -> None:
    part = Part(st.just(Sent("/broken/500")), application)
    assert attack("application", part, 1, 20, time.monotonic()) == (0, None)


def test_what_shows_at_the_end_of_a_batch_is_found() -> None:
    @contextmanager
    def leaky() -> Any:
        yield lambda value: None
        raise AssertionError("too much memory")

    _, found = attack("application", Part(st.just(1), leaky), 7, 1, time.monotonic() + SOON)
    assert found.found == 7
    assert "too much memory" in found.error


def test_an_attack_tells_how_much_was_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["application", "--minutes", "0.02", "--seed", "7", "--folder", str(tmp_path)]

    assert main(arguments) == 0

    output, progress = capsys.readouterr()
    first, last = output.splitlines()
    assert first.startswith("seed 7, CPython 3.")
    assert "starlette 1." in first
    assert last.endswith(" s of CPU, 0 found")
    assert " inputs, 0 s to go, 0 found" in progress
    assert not [*tmp_path.iterdir()]


def test_the_parts_are_both_protocols_both_servers_and_the_compiler() -> None:
    assert [*PARTS] == ["application", "websockets", "httptools", "h11", "compiler"]


@pytest.mark.parametrize(
    ("edit", "result"),
    [
        (("put", 0.5, 1, b"xy", 2), b"abxycd"),
        (("take", 0.5, 1, b"", 2), b"abd"),
        (("flip", 0.25, 1, b"", 1), b"a`cd"),
        (("repeat", 0.25, 2, b"", 3), b"abcbcbcd"),
        (("splice", 1, 0, b"", 1), b"abcd"),
    ],
)
def test_data_is_edited_at_one_place(
    edit: tuple[str, float, int, bytes, int], result: bytes
) -> None:
    assert edited(b"abcd", edit) == result
