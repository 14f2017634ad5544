"""The benchmarks' parts that are no cases: each runs, small, and finds out who does less.

Nothing here depends on how long anything takes.
"""

import asyncio
import json
import runpy
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks import cold, goals, growth, openapi, sessions, sockets
from benchmarks.allocation import Allocated, allocated
from benchmarks.cases import LIFECYCLE, Contender
from benchmarks.client import ASGIApp, Client, Log, Request, answer_of, json_answer, new_log
from benchmarks.compare import compare
from benchmarks.contenders import framework_microfw, raw
from benchmarks.contenders.declared import Framework
from benchmarks.growing import bodies, dependencies, routes, waiting
from benchmarks.growing.points import Point, Question
from benchmarks.in_process import Options
from benchmarks.large import LARGE, answer, path
from benchmarks.load import Load, length_of, load
from benchmarks.measuring import UnequalWorkError, event_loop, verify
from benchmarks.profiling import profile
from benchmarks.work import result

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parent.parent
PLAIN = LIFECYCLE[0]
SHORT = Options("asyncio", rounds=1)


# ---------------------------------------------------------------- growth


def frameworks() -> list[Framework]:
    return growth.installed_frameworks()


QUESTIONS: Sequence[Question] = [
    *routes.questions(frameworks(), sizes=(10, 20)),
    *dependencies.questions(frameworks(), counts=(1, 3, 300), depths=(1, 4)),
    *bodies.questions(frameworks(), sizes=(1024, 200_000)),
]


@pytest.mark.parametrize(
    "question", QUESTIONS, ids=lambda question: f"{question.curve}, {question.size}"
)
def test_all_contenders_do_the_same_at_every_size(question: Question) -> None:
    names = {*(framework.name for framework in frameworks()), "by hand"}
    with event_loop("asyncio") as run:
        trials = run(verify(question.case, question.contenders()))
    assert {trial.contender for trial in trials} == names


def test_all_contenders_let_requests_wait_and_answer_them() -> None:
    names = {*(framework.name for framework in frameworks()), "by hand"}

    async def collected() -> list[Point]:
        return [point async for point in waiting.points(frameworks(), counts=(5,))]

    points = asyncio.run(collected())

    assert [(point.size, point.unit) for point in points] == [
        (5, "s"),
        (5, "bytes"),
    ]
    assert all(point.values.keys() == names for point in points)
    assert all(value > 0 for point in points for value in point.values.values())


def test_a_question_becomes_a_point() -> None:
    question = next(routes.questions([], sizes=(10,)))
    point = asyncio.run(question.point(1))
    assert (point.curve, point.size, [*point.values]) == ("routes static, first", 10, ["by hand"])


def test_who_walks_every_path_is_left_out_of_the_deep_diamonds() -> None:
    walking = replace(framework_microfw(), name="FastAPI")
    asked = dependencies.questions([framework_microfw(), walking], counts=(), depths=(10, 20))
    assert [[*question.builders] for question in asked] == [
        ["microfw", "FastAPI", "by hand"],
        ["microfw", "by hand"],
    ]


def test_nobody_is_asked_of_more_routes_than_it_answers_in_time() -> None:
    asked = routes.questions(frameworks(), sizes=(10, 20), most={"FastAPI": 10})
    assert [(each.size, "FastAPI" in each.builders) for each in islice(asked, 6)] == [
        *[(10, True)] * 3,
        *[(20, False)] * 3,
    ]


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_the_exponent_is_that_of_the_power(power: float) -> None:
    points = [(size, 3e-6 * size**power) for size in (1, 10, 100, 1000)]
    assert growth.exponent(points) == pytest.approx(power)


async def doubling(
    frameworks: Sequence[Framework], rounds: int, clock: str
) -> AsyncIterator[Point]:
    for size in (1, 10, 100):
        until_10 = {"other": 5e-6} if size <= 10 else {}
        yield Point("lines", "words", size, {"one": size * 2e-6, **until_10})
        yield Point("memory", "words", size, {"one": size * 100}, "bytes")


def test_curves_are_reported_with_their_ends_and_exponents() -> None:
    report = growth.measure(SHORT, doubling)

    _, table = report.text.split("\n\n")
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines()]
    assert rows[0] == ["curve", "sizes", "one", "other", "one, exponent", "other, exponent"]
    assert rows[2:] == [
        [
            "lines",
            "1 to 100 words",
            "2.0 us to 200.0 us",
            "5.0 us to 5.0 us (at 10)",
            "1.00",
            "0.00",
        ],
        ["memory", "1 to 100 words", "100 bytes to 10,000 bytes", "-", "1.00", "-"],
    ]
    assert report.data["curves"] == [
        {
            "curve": "lines",
            "across": "words",
            "unit": "s",
            "points": {
                "one": [[1, 2e-6], [10, 2e-5], [100, 2e-4]],
                "other": [[1, 5e-6], [10, 5e-6]],
            },
            "exponents": {"one": 1, "other": 0},
        },
        {
            "curve": "memory",
            "across": "words",
            "unit": "bytes",
            "points": {"one": [[1, 100], [10, 1000], [100, 10_000]]},
            "exponents": {"one": 1},
        },
    ]
    assert [*report.pictures] == ["growth-lines", "growth-memory"]
    for picture in report.pictures.values():
        ET.fromstring(picture)


# ---------------------------------------------------------------- allocation


def leaking(log: Log) -> ASGIApp:
    kept: list[object] = []

    async def endpoint(request: StarletteRequest) -> Response:
        kept.append(object())
        kept.append(object())
        log.append("endpoint")
        return JSONResponse(result(0))

    return Starlette(routes=[Route("/orders", endpoint)])


def allocated_by(contender: Contender) -> Allocated:
    with event_loop("asyncio") as run:
        found: Allocated = run(allocated(PLAIN, contender))
    return found


def test_a_request_is_seen_to_hold_memory_and_to_give_it_back() -> None:
    found = allocated_by(raw())
    assert 0 < found.blocks < 100
    assert 0 < found.bytes <= found.peak
    assert found.kept == 0


def test_memory_that_a_request_keeps_is_seen() -> None:
    assert allocated_by(Contender("leaking", (), {"plain": leaking})).kept == 2


# ---------------------------------------------------------------- openapi


def test_openapi_measures_documents_and_what_they_cost_who_does_not_ask() -> None:
    report = openapi.measure(SHORT, routes=2)

    _, _, *rows = [line for line in report.text.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows] == [
        *(f"making the document of 2 routes, {size}" for size in openapi.SIZES),
        *openapi.OTHERS.values(),
    ]


def test_openapi_refuses_a_contender_that_fails() -> None:
    with pytest.raises(UnequalWorkError, match="absent has failed"):
        openapi.make("absent", 1, 1)


# ---------------------------------------------------------------- cold


@pytest.mark.parametrize("name", LARGE)
def test_all_large_applications_answer_the_same(name: str) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed; it is in the extra 'bench'")
    app = LARGE[name](3)

    async def ask(number: int) -> None:
        log = new_log()
        await Client(app, Request(path(number, "7")), log).call()
        assert answer_of(log) == json_answer(answer(number, 7, 3))

    for number in range(3):
        asyncio.run(ask(number))


def test_a_start_is_measured_in_a_process_of_its_own() -> None:
    report = cold.measure(SHORT, ["microfw", "absent"], routes=2)

    (figures,) = {frozenset(each) for each in report.data["figures"].values()}
    assert figures == {"microfw"}
    assert [*report.data["figures"]] == [*cold.FIGURES]
    assert "building 2 routes with 3 dependencies" in report.text


def test_a_start_that_fails_is_reported() -> None:
    with pytest.raises(UnequalWorkError, match=r"^absent has failed:\n(.*\n)*KeyError: 'absent'"):
        cold.start("absent", 1)


# ---------------------------------------------------------------- sockets

WRK = """\
Running 2s test @ http://127.0.0.1:43210/orders
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     7.82ms    3.20ms  60.35ms   89.93%
    Req/Sec     8.35k     1.10k   10.10k    70.00%
  Latency Distribution
     50%  950.00us
     75%    8.10ms
     90%    9.53ms
     99%    1.22s
  16618 requests in 2.00s, 2.38MB read
Requests/sec:   8293.57
Transfer/sec:      1.19MB
"""


def test_what_wrk_says_is_understood() -> None:
    found = sockets.parsed(WRK)
    assert (found.rate, found.p50, found.p99) == pytest.approx((8293.57, 950e-6, 1.22))


def test_a_server_is_loaded_and_its_memory_looked_at() -> None:
    report = sockets.measure(SHORT, ["microfw"], ["async-3"], seconds=0.2)

    (case,) = report.data["cases"]
    found = report.data["cases"][case]["microfw"]
    assert case == "async-3"
    assert found["memory"] > 2**20
    assert found["rate"][1] > 0
    assert 0 < found["p50"][1] <= found["p99"][1]
    assert report.data["client"] == ("wrk" if shutil.which("wrk") else "our own client")


def test_a_server_with_a_database_is_loaded_and_its_cpu_time_looked_at() -> None:
    report = sessions.measure(SHORT, ["microfw", "FastAPI"], ["session"], seconds=0.2)

    found = report.data["cases"]["session"]
    assert [*found] == ["microfw", "FastAPI"]
    assert all(figures["rate"][0] > 0 for figures in found.values())
    assert "requests/s, microfw / it" in report.text


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def loaded(serve: Serve) -> Load:
    handlers: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> Load:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            try:
                return await load(port, "/", connections=2, seconds=0.05)
            finally:
                await asyncio.gather(*filter(None, handlers))

    return asyncio.run(main())


async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        for piece in (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\n", b"o", b"k"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)


async def failing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for status in (b"200", b"500"):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %b X\r\ncontent-length: 0\r\n\r\n" % status)


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.read()


def test_answers_that_come_in_pieces_are_put_together() -> None:
    found = loaded(in_pieces)
    assert found.rate > 0
    assert 0 < found.p50 <= found.p99


@pytest.mark.parametrize(
    ("serve", "error", "words"),
    [
        (failing, ValueError, r"^an answer is b'HTTP/1\.1 500 X"),
        (hanging_up, ConnectionError, "^the server has closed the connection$"),
        (silent, ValueError, r"^0 answers came in 0\.05 seconds$"),
    ],
)
def test_a_server_that_does_less_is_not_measured(
    serve: Serve, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        loaded(serve)


def test_the_length_of_an_answer_is_known_once_its_head_is_there() -> None:
    assert length_of(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n") == 0
    assert length_of(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n") == 50


# ---------------------------------------------------------------- compare and profile


@pytest.fixture
def repository() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no clone of a repository")


def test_the_working_tree_is_compared_with_a_revision(repository: None) -> None:
    report = compare("HEAD", [PLAIN], Options("asyncio", rounds=2))
    (case,) = report.data["cases"]
    assert case["name"] == "plain"
    assert [*case["microseconds"]] == ["working tree", "HEAD"]
    assert [*case["ratios"]] == ["working tree / HEAD"]


def test_a_revision_that_is_not_there_is_reported(repository: None) -> None:
    with pytest.raises(LookupError) as raised:
        compare("no-such-revision", [PLAIN], SHORT)
    assert raised.value.args == ("fatal: not a valid object name: no-such-revision",)


def test_a_profile_says_which_functions_the_time_of_a_request_goes_to() -> None:
    report = profile(PLAIN, Options("asyncio", rounds=200))

    head, *rows = report.data["rows"]
    assert head == ["function", "where", "own (us)", "with callees (us)"]
    total = report.data["microseconds"]["microfw"]
    own = [float(row[2]) for row in rows]
    assert own == sorted(own, reverse=True)
    assert 0 < sum(own) <= total * 1.05
    assert any(row[0] == "`Client.call_repeatedly`" for row in rows)
    json.dumps(report.data)


# ---------------------------------------------------------------- what was measured last


def written(folder: Path, **parts: object) -> Path:
    for name, data in parts.items():
        (folder / f"{name.replace('_', '-')}.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


def test_goals_that_are_missed_are_reported(tmp_path: Path) -> None:
    ratios = {"microfw / by hand": [0.5, 0.55, 0.6], "microfw / FastAPI": [0.1, 0.16, 0.2]}
    case = {"name": "plain", "title": "no dependency", "ratios": ratios}
    curves = [
        {"curve": "routes static, first", "points": {"microfw": [[10, 1e-5], [10_000, 9e-5]]}},
        {"curve": "routes static, last", "points": {"microfw": [[10, 2e-5], [10_000, 1.1e-5]]}},
    ]
    figures = {name: {"microfw": [1, 2, 3], "fastapi": [1, 4, 5]} for name in goals.COLD}
    loads = {
        "microfw": {"rate": [1, 3, 5], "p99": [1, 2, 3]},
        "by hand": {"rate": [1, 2, 3], "p99": [1, 2, 3]},
        "FastAPI": {"rate": [1, 2, 3], "p99": [1, 1, 3]},
    }
    folder = written(
        tmp_path,
        lifecycle_uvloop={"cases": [case]},
        growth={"curves": curves},
        cold={"figures": figures},
        openapi={"figures": {"1,000 models": {"document": figures["import"]}}},
        socket={"cases": {"plain": loads}},
    )

    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in goals.table(folder).splitlines()
    ]

    assert rows[2:] == [
        ["no dependency", "by hand", "<= 0.55", "0.55 (0.50-0.60)", ""],
        ["no dependency", "FastAPI", "<= 0.15", "0.16 (0.10-0.20)", "missed"],
        ["routes static: the last of 10,000", "its own first of 10", "<= 1.20", "1.10", ""],
        ["import", "FastAPI", "<= 0.35", "0.50", "missed"],
        ["build 1,000 routes", "FastAPI", "<= 0.30", "0.50", "missed"],
        ["memory of a route", "FastAPI", "<= 0.50", "0.50", ""],
        [
            "OpenAPI document of 1,000 routes with 1,000 models",
            "FastAPI",
            "<= 0.35",
            "0.50",
            "missed",
        ],
        ["plain on a socket, requests/s", "by hand", ">= 1.00", "1.50", ""],
        ["plain on a socket, p99", "by hand", "<= 1.00", "1.00", ""],
        ["plain on a socket, requests/s", "FastAPI", ">= 1.80", "1.50", "missed"],
        ["plain on a socket, p99", "FastAPI", "<= 1.00", "2.00", "missed"],
    ]


@pytest.mark.parametrize(
    "name",
    ["lifecycle", "speed", "scope-use", "scope-function", "scope-request", "scope-app"],
)
def test_the_pictures_are_what_the_script_draws(name: str) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "picture"))
    drawn = (ROOT / "docs" / f"{name}.svg").read_text(encoding="utf-8")
    assert drawn == script["DRAWN"][name]()
