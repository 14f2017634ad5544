"""The benchmarks: all contenders do the same work, and one that does less is found out.

Nothing here depends on how long anything takes.
"""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.__main__ import main
from benchmarks.cases import LIFECYCLE, Case, Contender, chosen
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders import ALL, Make, microfw, raw
from benchmarks.drawing import Bar, Group, bars, curves
from benchmarks.in_process import installed
from benchmarks.measuring import UnequalWorkError, event_loop, verify
from benchmarks.report import ratio_with_spread
from benchmarks.work import result

pytestmark = pytest.mark.unmeasured

PLAIN = LIFECYCLE[0]
ASYNC_1 = LIFECYCLE[1]

SVG = "{http://www.w3.org/2000/svg}"

STARLETTES = ("middleware-3", "task", "task-sync")
ABSENT = {
    "by hand": ("override-3",),
    "by hand, msgspec": ("override-3",),
    "raw ASGI": ("override-3",),
    "Litestar": ("sync-3", "sync-3-async-endpoint", "error-3", "override-3"),
    "dishka": ("plain", "sync-3-async-endpoint", "error-3", *STARLETTES, "override-3"),
    "wireup": ("plain", "sync-3-async-endpoint", *STARLETTES, "override-3"),
}
"""The cases that somebody takes no part in, each with its reason in benchmarks/README.md."""


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def made(make: Make) -> Contender:
    try:
        return make()
    except ImportError as error:
        pytest.skip(f"{error.name} is not installed; it is in the extra 'bench'")


def check(case: Case, contender: Contender, loop: str = "asyncio") -> None:
    with event_loop(loop) as run:
        assert len(run(verify(case, [contender]))) == 1


@pytest.mark.parametrize("case", LIFECYCLE, ids=lambda case: case.name)
@pytest.mark.parametrize("make", ALL)
def test_every_contender_does_the_work_of_the_cases_that_it_takes_part_in(
    make: Make, case: Case, loop: str
) -> None:
    contender = made(make)
    with event_loop(loop) as run:
        trials = run(verify(case, [contender]))
    assert [trial.contender for trial in trials] == [contender.name] * (
        case.name not in ABSENT.get(contender.name, ())
    )


def careless(log: Log) -> ASGIApp:
    async def endpoint(request: Request) -> Response:
        log.append("setup 1")
        log.append("endpoint")
        return JSONResponse(result(1))

    return Starlette(routes=[Route("/orders", endpoint)])


def test_a_contender_that_does_less_is_reported_what_it_did() -> None:
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
def test_a_contender_that_answers_differently_is_reported_what_it_answered(
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


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(SystemExit) as raised:
        main(["sink"])
    assert raised.value.code == (
        "no case is called 'sink'; there are plain, async-1, async-3, async-10, async-3-awaiting,"
        " sync-3, sync-3-async-endpoint, error-3, middleware-3, task, task-sync, websocket,"
        " override-3, query, body, query-body, nested, objects-20, objects-100, form, upload"
    )


def test_the_spread_is_that_of_the_middle_half() -> None:
    assert ratio_with_spread([0.5, 0.6, 0.7, 0.8, 9.0]) == "0.70 (0.60-0.80)"
    assert ratio_with_spread([0.5]) == "0.50"


def missing() -> Contender:
    raise ModuleNotFoundError("No module named 'absent'", name="absent")


def test_a_contender_that_is_not_installed_is_left_out_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    contenders = installed([microfw, missing, raw])
    assert [contender.name for contender in contenders] == ["microfw", "raw ASGI"]
    assert capsys.readouterr().err == "missing is left out: No module named 'absent'\n"


def cells(table: str) -> list[list[str]]:
    """Return the rows of a table in Markdown, without the rule below its head."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines()]
    return [rows[0], *rows[2:]]


def test_the_figures_are_printed_as_tables_and_written_as_data_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plain", "override", "--rounds", "2", "--loop", "asyncio", "--write", str(tmp_path)])

    head, times, ratios = capsys.readouterr().out.strip().split("\n\n")
    contenders = [made_or_none(make) for make in ALL]
    taking_part = [each.name for each in contenders if each and "plain" in each.builders]
    assert " on asyncio, " in head
    assert cells(times)[0] == ["case", "", *(f"{name} (us)" for name in taking_part)]
    assert cells(ratios)[0] == ["case", "", *(f"microfw / {name}" for name in taking_part[1:])]
    assert [row[:2] for row in cells(times)[1:]] == [
        ["`plain`", "no dependency"],
        ["`override-3`", "3 async yield dependencies, the first one overridden"],
    ]
    assert cells(times)[2][taking_part.index("by hand") + 2] == "-"
    assert cells(ratios)[2][taking_part.index("by hand") + 1] == "-"

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lifecycle-asyncio.json",
        "lifecycle-asyncio.md",
        "lifecycle-asyncio.svg",
    ]
    data = json.loads((tmp_path / "lifecycle-asyncio.json").read_text(encoding="utf-8"))
    assert {"machine", "python", "pinned"} <= data.keys()
    assert {"anyio", "microfw", "starlette"} <= data["versions"].keys()
    assert (data["loop"], data["rounds"]) == ("asyncio", 2)
    plain, override = data["cases"]
    assert plain["microseconds"].keys() == set(taking_part)
    assert plain["ratios"].keys() == {f"microfw / {name}" for name in taking_part[1:]}
    assert all(low <= middle <= high for low, middle, high in plain["ratios"].values())
    assert "by hand" not in override["microseconds"]


def made_or_none(make: Make) -> Contender | None:
    try:
        return make()
    except ImportError:
        return None


def test_a_picture_shows_ratios_within_each_group_of_bars() -> None:
    groups = [
        Group("quick", [Bar("one", 1, "1 us"), Bar("other", 4, "4 us")]),
        Group("slow", [Bar("one", 500, "500 us"), Bar("other", 1000, "1000 us")]),
    ]

    root = ET.fromstring(bars("times", groups))

    widths = [float(rect.get("width", "")) for rect in root.iter(f"{SVG}rect")]
    assert widths == [120, 480, 240, 480]
    assert [text.text for text in root.iter(f"{SVG}text")] == [
        *("quick", "one", "1 us", "other", "4 us"),
        *("slow", "one", "500 us", "other", "1000 us"),
    ]


def test_a_curve_of_a_power_is_a_straight_line() -> None:
    points = [(1, 1e-6), (10, 1e-5), (100, 1e-4)]

    root = ET.fromstring(curves("growth", "routes", {"one": points}))

    (path,) = root.iter(f"{SVG}path")
    places = re.findall(r"[ML](\S+) (\S+)", path.get("d", ""))
    (x1, y1), (x2, y2), (x3, y3) = [(float(x), float(y)) for x, y in places]
    assert (x2 - x1, y1 - y2) == pytest.approx((x3 - x2, y2 - y3))
    assert x1 < x2
    assert y1 > y2
