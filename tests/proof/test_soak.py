"""`scripts/soak` tells what got lost, what grew, and what nobody expected in the log."""

import json
from pathlib import Path
from typing import Any

import pytest

from proof.soak import Sample, Soak, main, unexpected
from proof.soak_picture import picture

QUIET = {
    "rss": 100_000_000,
    "allocated": 14_000_000,
    "blocks": 310_000,
    "open_files": 37,
    "threads": 9,
    "tasks": 3,
    "generators": 20,
    "objects": 70_000,
    "connections": 0,
    "followers": 0,
    "entered": 1000,
    "lost_exits": 0,
}


def soaked(*changes: dict[str, int], **more: Any) -> Soak:
    """A run of so many minutes, each with a sample in it, after one of warm-up."""
    samples = [
        Sample(float(minute), 100 * minute, QUIET | changed)
        for minute, changed in enumerate(changes)
    ]
    told: dict[str, Any] = {"done": {}, "unexpected_answers": {}, "unexpected_lines": {}} | more
    return Soak({}, len(changes) - 1, 1, 7, 8, samples, **told)


def test_nothing_is_found_where_all_is_as_before() -> None:
    quiet = soaked({"rss": 80_000_000}, {}, {"threads": 10}, {"rss": 100_500_000}, {})
    assert (quiet.losses(), quiet.growths()) == ([], [])


def test_what_grows_after_the_warm_up_is_found() -> None:
    grown = soaked(
        {}, {}, {}, {}, {}, {"rss": 102_000_000, "tasks": 4}, {"rss": 102_000_000, "tasks": 4}
    )
    assert grown.growths() == ["rss has grown by 2.00%", "tasks has grown by 33.33%"]


def test_what_is_lost_is_found_whenever_it_was() -> None:
    lost = soaked(
        {"lost_exits": 2},
        {"connections": 1},
        {},
        unexpected_answers={"GET /: 500": 3},
        unexpected_lines={"ERROR: no": 1},
    )
    assert lost.losses() == [
        "3 unexpected answers: GET /: 500",
        "1 unexpected lines: ERROR: no",
        "2 exits are lost",
        "1 connections are not given back",
    ]


def test_lines_are_unexpected_unless_the_traffic_explains_them() -> None:
    assert unexpected(
        "INFO:     Application startup complete.\n"
        "ERROR:    Exception in ASGI application\n"
        "Traceback (most recent call last):\n"
        '  File "soaked.py", line 1, in fail\n'
        "    raise SoakError('of an endpoint')\n"
        "proof.soaked.SoakError: of an endpoint\n"
        "ERROR:    Exception in ASGI application\n"
        "  | KeyError: 'secret'\n"
        "WARNING:  Invalid HTTP request received.\n"
        "WARNING:  Invalid HTTP request received.\n"
        "Exception ignored in: <async_generator object>\n"
        "background task failing_task failed\n"
        "the exit code of get_session was cancelled\n"
    ) == {
        "| KeyError: 'secret'": 1,
        "WARNING:  Invalid HTTP request received.": 2,
        "Exception ignored in: <async_generator object>": 1,
        "the exit code of get_session was cancelled": 1,
    }


def test_each_figure_has_its_chart() -> None:
    drawn = picture({"rss": [(0.0, 2**20), (1.0, 2**21)], "open_files": [(0.0, 0), (1.0, 0)]}, 0.5)
    assert drawn.count("<path") == 2
    assert ">2.0 MiB</text>" in drawn
    assert ">open files</text>" in drawn
    assert '<path class="s0" d="M130.0 57.0 L690.0 40.0"/>' in drawn


@pytest.mark.slow
def test_a_short_soak_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--minutes", "0.15", "--every", "3", "--customers", "4", "--folder", str(tmp_path)])

    told = json.loads((tmp_path / "soak.json").read_text())
    assert len(told["done"]) == 13
    assert (told["unexpected_answers"], told["unexpected_lines"]) == ({}, {})
    assert [sample["state"]["lost_exits"] for sample in told["samples"]] == [0] * len(
        told["samples"]
    )
    assert {sample["state"]["connections"] for sample in told["samples"]} == {0}
    assert (tmp_path / "soak.svg").read_text().startswith("<svg")
    assert f"{sum(told['done'].values())} actions: " in capsys.readouterr().out
