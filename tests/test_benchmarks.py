"""The benchmarks: all contenders do the same work, and one that does less is found out.

Nothing here depends on how long anything takes.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.cases import LIFECYCLE, Case, Contender, chosen
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders import by_hand, fastapi, microfw
from benchmarks.lifecycle import main
from benchmarks.measuring import UnequalWorkError, event_loop, verify
from benchmarks.report import ratio_with_spread
from benchmarks.work import result

PLAIN = LIFECYCLE[0]
ASYNC_1 = LIFECYCLE[1]


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def needs_fastapi() -> None:
    pytest.importorskip("fastapi", reason="FastAPI is not installed; it is in the extra 'dev'")


def check(case: Case, contender: Contender, loop: str = "asyncio") -> None:
    with event_loop(loop) as run:
        assert len(run(verify(case, [contender]))) == 1


@pytest.mark.parametrize("case", LIFECYCLE, ids=lambda case: case.name)
@pytest.mark.parametrize("make", [microfw, by_hand, fastapi])
def test_every_contender_does_the_work_of_every_case(
    make: Callable[[], Contender], case: Case, loop: str
) -> None:
    if make is fastapi:
        needs_fastapi()
    check(case, make(), loop)


def careless(log: Log) -> ASGIApp:
    async def endpoint(request: Request) -> Response:
        log.append("setup 1")
        log.append("endpoint")
        return JSONResponse(result(1))

    return Starlette(routes=[Route("/orders", endpoint)])


def test_a_contender_that_does_less_is_told_what_it_did() -> None:
    contender = Contender("careless", (), {"async-1": careless})
    with pytest.raises(UnequalWorkError) as raised:
        check(ASYNC_1, contender)
    assert str(raised.value) == (
        "careless did something else in 'async-1':\n"
        "  ('setup 1', 'endpoint', 'send response.start', 'send response.body')\n"
        "expected:\n"
        "  ('setup 1', 'endpoint', 'exit 1', 'send response.start', 'send response.body')"
    )


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (
            JSONResponse({"value": 0}),
            "Answer(status=200, body=b'{\"value\":0}', content_type=b'application/json')",
        ),
        (
            JSONResponse(result(0), 201),
            "Answer(status=201, body=b'{\"value\":0,\"answer\":42}', content_type=b'application/json')",
        ),
        (
            PlainTextResponse('{"value":0,"answer":42}'),
            "Answer(status=200, body=b'{\"value\":0,\"answer\":42}', content_type=b'text/plain; charset=utf-8')",
        ),
    ],
    ids=["body", "status", "content type"],
)
def test_a_contender_that_answers_differently_is_told_what_it_answered(
    response: Response, answer: str
) -> None:
    def build(log: Log) -> ASGIApp:
        async def endpoint(request: Request) -> Response:
            log.append("endpoint")
            return response

        return Starlette(routes=[Route("/orders", endpoint)])

    with pytest.raises(UnequalWorkError) as raised:
        check(PLAIN, Contender("creative", (), {"plain": build}))
    assert str(raised.value) == (
        f"creative answered something else in 'plain':\n  {answer}\nexpected:\n"
        "  Answer(status=200, body=b'{\"value\":0,\"answer\":42}', content_type=b'application/json')"
    )


def test_a_contender_leaves_out_the_cases_that_it_has_nothing_for() -> None:
    with event_loop("asyncio") as run:
        assert run(verify(PLAIN, [Contender("absent", (), {})])) == []


def test_cases_are_chosen_by_name_or_by_what_names_begin_with() -> None:
    assert [case.name for case in chosen(LIFECYCLE, ["sync", "async-1", "sync-3"])] == [
        "sync-3",
        "sync-3-async-endpoint",
        "async-1",
    ]
    assert chosen(LIFECYCLE, []) == list(LIFECYCLE)


def test_an_unknown_case_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(SystemExit) as raised:
        main(["sink"])
    assert raised.value.code == (
        "no case is called 'sink'; there are plain, async-1, async-3, async-10, async-3-awaiting,"
        " sync-3, sync-3-async-endpoint, error-3"
    )


def test_the_spread_is_that_of_the_middle_half() -> None:
    assert ratio_with_spread([0.5, 0.6, 0.7, 0.8, 9.0]) == "0.70 (0.60-0.80)"
    assert ratio_with_spread([0.5]) == "0.50"


def test_the_figures_are_printed_as_a_table_and_written_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_fastapi()
    file = tmp_path / "figures.json"

    main(["plain", "--rounds", "2", "--loop", "asyncio", "--json", str(file)])

    lines = capsys.readouterr().out.splitlines()
    columns = [cell.strip() for cell in lines[3].strip("| ").split("|")]
    assert columns == [
        "case",
        "",
        "microfw (us)",
        "by hand (us)",
        "FastAPI (us)",
        "microfw / by hand",
        "microfw / FastAPI",
    ]
    assert [line.split()[1] for line in lines[5:]] == ["`plain`"]

    data = json.loads(file.read_text(encoding="utf-8"))
    assert sorted(data["versions"]) == [
        "anyio",
        "fastapi",
        "microfw",
        "pydantic",
        "starlette",
    ]
    assert data["loop"] == "asyncio"
    assert data["rounds"] == 2
    (case,) = data["cases"]
    assert case["name"] == "plain"
    assert {name: len(times) for name, times in case["seconds"].items()} == {
        "microfw": 2,
        "by hand": 2,
        "FastAPI": 2,
    }
    assert list(case["ratios"]) == ["microfw / by hand", "microfw / FastAPI"]
