"""Behind a real server: uvicorn with httptools, one worker, connections that are kept alive.

Each contender is served by a process of its own on one core; `wrk`, or where that is not installed
`benchmarks.load`, asks one after the other from another core.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from benchmarks.cases import LIFECYCLE
from benchmarks.contenders import by_hand, fastapi, microfw
from benchmarks.in_process import Options, installed
from benchmarks.load import Load
from benchmarks.measuring import UnequalWorkError, one_core
from benchmarks.memory import resident
from benchmarks.report import (
    Report,
    environment,
    heading,
    markdown,
    ratio_with_spread,
    rounded,
    spread,
)

CONTENDERS = {"microfw": microfw, "by hand": by_hand, "FastAPI": fastapi}
CASES = ("plain", "async-3")
CONNECTIONS = 64
SECONDS = 2
ROUNDS = 10
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    name: str
    process: int
    port: int


def measure(
    options: Options,
    names: Sequence[str] = (*CONTENDERS,),
    cases: Sequence[str] = CASES,
    seconds: float = SECONDS,
) -> Report:
    """Serve and load each case.

    Raises:
        UnequalWorkError: A server has failed, or has answered something else.
    """
    rounds = options.rounds or ROUNDS
    contenders = installed([CONTENDERS[name] for name in names])
    names = [each.name for each in contenders]
    client_name, ask = client()
    text, found = [], {}
    for case in (case for case in LIFECYCLE if case.name in cases):
        print(f"{case.name}, on sockets ...", file=sys.stderr)
        loads, memory = _in_turns(case.name, names, options.loop, rounds, seconds, ask)
        found[case.name] = {
            name: {**_as_data(loads[name]), "memory": memory[name]} for name in names
        }
        text.append(f"`{case.name}`, {case.title}\n\n{_table(loads, memory)}")
    about = environment(contenders, options.loop, rounds, hasattr(os, "sched_setaffinity"))
    how = (
        f"{CONNECTIONS} connections, asked by {client_name}, {seconds} s in each round;"
        " uvicorn with httptools, 1 worker"
    )
    data = {
        **about,
        "client": client_name,
        "connections": CONNECTIONS,
        "seconds": seconds,
        "cases": found,
    }
    return Report("socket", "\n\n".join([f"{heading(about)};\n{how}", *text]), data)


class Client(Protocol):
    """What loads a server."""

    def __call__(self, port: int, seconds: float, connections: int = CONNECTIONS) -> Load:
        """Ask the server at a port for some seconds, by so many connections."""
        raise NotImplementedError


def client() -> tuple[str, Client]:
    """Find what loads servers here, with its name."""
    return ("wrk", wrk) if shutil.which("wrk") else ("our own client", own_client)


def wrk(port: int, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Load a server with wrk."""
    url = f"http://127.0.0.1:{port}/orders"
    options = ["-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--latency"]
    said = _said_by(["wrk", *options, url])
    if "Non-2xx" in said or "Socket errors" in said:
        raise UnequalWorkError(f"not every answer is a success:\n{said}")
    return parsed(said)


def own_client(port: int, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Load a server with `benchmarks.load`."""
    command = [sys.executable, "-m", "benchmarks.load"]
    said = _said_by([*command, str(port), "/orders", str(connections), str(seconds)])
    return Load(**json.loads(said))


UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def parsed(said: str) -> Load:
    """Read what wrk says."""
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", said)
    ranks = {
        rank: float(value) * UNITS[unit]
        for rank, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", said)
    }
    return Load(float(rate), ranks["50"], ranks["99"])


def _said_by(command: list[str]) -> str:
    done = subprocess.run(
        command, env=_environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UnequalWorkError(f"{command[0]} has failed:\n{done.stderr}")
    return done.stdout


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def _in_turns(
    case: str, names: Sequence[str], loop: str, rounds: int, seconds: float, ask: Client
) -> tuple[dict[str, list[Load]], dict[str, int]]:
    loads: dict[str, list[Load]] = {name: [] for name in names}
    shuffle = Random(case).shuffle
    with ExitStack() as stack:
        makes = {name: CONTENDERS[name].__name__ for name in names}
        servers = [
            stack.enter_context(serving(name, make, case, loop)) for name, make in makes.items()
        ]
        stack.enter_context(one_core())
        for server in servers:
            ask(server.port, min(seconds, 1))  # warms up
        for _ in range(rounds):
            shuffle(servers)
            for server in servers:
                loads[server.name].append(ask(server.port, seconds))
        return loads, {server.name: resident(server.process) for server in servers}


@contextmanager
def serving(name: str, *arguments: str) -> Iterator[Server]:
    """Serve a contender by `benchmarks.serve`, which gets these arguments.

    Raises:
        UnequalWorkError: It cannot be served.
    """
    command = [sys.executable, "-m", "benchmarks.serve", *arguments]
    with subprocess.Popen(
        command, env=_environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        if not port:
            raise UnequalWorkError(f"{name} cannot be served; the reason is above")
        try:
            yield Server(name, process.pid, int(port))
        finally:
            process.terminate()


def _table(loads: Mapping[str, Sequence[Load]], memory: Mapping[str, int]) -> str:
    first, *others = loads
    rows = [["", "requests/s", "p50 (ms)", "p99 (ms)", "memory (MiB)", "requests/s", "p99"]]
    rows[0][-2:] = [f"requests/s, {first} / it", f"p99, {first} / it"]
    for name, every in loads.items():
        rate, p50, p99 = (spread(values)[1] for values in _columns(every))
        row = [name, f"{rate:,.0f}", f"{p50 * 1e3:.2f}", f"{p99 * 1e3:.2f}"]
        row.append(f"{memory[name] / 2**20:.0f}")
        if name in others:
            pairs = [*zip(loads[first], every, strict=True)]
            row.append(ratio_with_spread([one.rate / other.rate for one, other in pairs]))
            row.append(ratio_with_spread([one.p99 / other.p99 for one, other in pairs]))
        else:
            row += ["-", "-"]
        rows.append(row)
    return markdown(rows, words=1)


def _columns(loads: Sequence[Load]) -> list[list[float]]:
    columns = zip(*[asdict(load).values() for load in loads], strict=True)
    return [list(column) for column in columns]


def _as_data(loads: Sequence[Load]) -> dict[str, Any]:
    rate, p50, p99 = (rounded(spread(values)) for values in _columns(loads))
    return {"rate": rate, "p50": p50, "p99": p99}
