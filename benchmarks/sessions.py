"""Behind a real server and on a real database: sessions of SQLAlchemy's on PostgreSQL.

The exit code of each session suspends several times, in between much other code: what shielding it
costs there is not what a hot loop shows. Servers run as those of `sockets` do, on a PostgreSQL of
their own. Each request's CPU time is what the server process has used, by the requests answered.
"""

import asyncio
import os
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.cases import Contender
from benchmarks.in_process import Options
from benchmarks.measuring import UnequalWorkError, one_core
from benchmarks.report import Report, environment, heading, markdown, ratio_with_spread, spread
from benchmarks.sockets import Client, Server, client, serving

CASES = {
    "session": ("a row changed, committed in exit code", 8),
    "objects": ("20 rows as pydantic models", 8),
    "held": ("5 connections; a user is looked up, then 20 ms of something else", 64),
    "sync": ("a row changed, committed in exit code, in worker threads", 8),
}
"""By name, what it is and how many connections ask."""

COMMITTING = ("session", "sync")
"""The cases in which each request changes a row."""

PACKAGES = {
    "microfw": "microfw",
    "microfw, gc_freeze": "microfw",
    "by hand": "starlette",
    "FastAPI": "fastapi",
    "Litestar": "litestar",
}
"""By contender."""

SECONDS = 2
ROUNDS = 10


def measure(
    options: Options,
    names: Sequence[str] = (*PACKAGES,),
    cases: Sequence[str] = (*CASES,),
    seconds: float = SECONDS,
) -> Report:
    """Serve and load each case.

    Raises:
        UnequalWorkError: A server has failed, or has changed other rows than it should.
    """
    from benchmarks.contenders import sync_sessions
    from benchmarks.contenders.sessions import create_rows
    from tests.examples.postgresql import postgresql

    names = [name for name in names if find_spec(PACKAGES[name])]
    cases = [case for case in cases if case != "sync" or find_spec("psycopg")]
    rounds = options.rounds or ROUNDS
    client_name, ask = client()
    text, found = [], {}
    with postgresql() as url:
        asyncio.run(create_rows(url))
        for case in cases:
            title, connections = CASES[case]
            print(f"{case}, on PostgreSQL ...", file=sys.stderr)
            with ExitStack() as stack:
                servers = [
                    stack.enter_context(serving(name, name, case, options.loop, url))
                    for name in names
                    if case != "sync" or name in sync_sessions.APPLICATIONS
                ]
                stack.enter_context(one_core())
                if case in COMMITTING:
                    _verify(servers, url)
                measured = _in_turns(case, servers, rounds, seconds, ask, connections)
            found[case] = measured
            text.append(f"`{case}`, {title}; {connections} connections ask\n\n{_table(measured)}")
    drivers = [driver for driver in ("asyncpg", "psycopg") if find_spec(driver)]
    packages = ("sqlalchemy", *drivers, "pydantic", *(PACKAGES[name] for name in names))
    contenders = [Contender("all", packages, {})]
    about = environment(contenders, options.loop, rounds, hasattr(os, "sched_setaffinity"), "cpu")
    how = f"asked by {client_name}, {seconds} s in each round; uvicorn with httptools, 1 worker"
    return Report(
        "session", "\n\n".join([f"{heading(about)};\n{how}", *text]), {**about, "cases": found}
    )


def _verify(servers: Sequence[Server], url: str) -> None:
    from benchmarks.contenders.sessions import count_visits

    for server in servers:
        before = asyncio.run(count_visits(url))
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/orders") as answer:
                answer.read()
        changed = asyncio.run(count_visits(url)) - before
        if changed != 3:
            raise UnequalWorkError(f"{server.name} has committed {changed} of 3 changes")


def _in_turns(
    case: str,
    servers: list[Server],
    rounds: int,
    seconds: float,
    ask: Client,
    connections: int,
) -> dict[str, dict[str, list[float]]]:
    measured: dict[str, dict[str, list[float]]] = {
        server.name: {"rate": [], "cpu": []} for server in servers
    }
    shuffle = Random(case).shuffle
    for server in servers:
        ask(server.port, min(seconds, 1), connections)  # warms up
    for _ in range(rounds):
        shuffle(servers)
        for server in servers:
            before = _cpu_seconds(server.process)
            rate = ask(server.port, seconds, connections).rate
            measured[server.name]["rate"].append(rate)
            used = _cpu_seconds(server.process) - before
            measured[server.name]["cpu"].append(used / (rate * seconds))
    return measured


def _cpu_seconds(process: int) -> float:
    """Return the CPU time that a process has used, on Linux."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _table(measured: dict[str, dict[str, list[float]]]) -> str:
    first, *_ = measured
    rows: list[list[Any]] = [
        ["", "CPU (us)", "requests/s", f"CPU, {first} / it", f"requests/s, {first} / it"]
    ]
    for name, figures in measured.items():
        cpu, rate = (spread(figures[each])[1] for each in ("cpu", "rate"))
        rows.append([name, f"{cpu * 1e6:,.0f}", f"{rate:,.0f}", "-", "-"])
        if name != first:
            rows[-1][3:] = [
                ratio_with_spread(
                    [
                        mine / its
                        for mine, its in zip(measured[first][each], figures[each], strict=True)
                    ]
                )
                for each in ("cpu", "rate")
            ]
    return markdown(rows, words=1)
