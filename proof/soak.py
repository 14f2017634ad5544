"""Load a real server with mixed traffic for a long time, and judge what grew or got lost.

The traffic stops for each sample, so that nothing but what stays is measured. A sixth
of the time is warm-up and comes on top. Writes soak.json and soak.svg.

So that RSS tells what is held and not what was freed, glibc's malloc has one arena for all threads
(each of several keeps freed memory for itself), and does not learn from large blocks to give less
back: MALLOC_ARENA_MAX=1 and MALLOC_TRIM_THRESHOLD_=131072, where the environment says nothing else.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from proof.soak_picture import picture
from proof.traffic import Customer, Traffic, read_answer
from tests.servers import serve

RECORD = re.compile(r"(INFO|WARNING|ERROR|CRITICAL): +(.*)")
EXPECTED = re.compile(
    r"Started server process.*|Waiting for .*|Application (startup|shutdown) complete\.|Shutting down"
    r"|Uvicorn running on .*|Finished server process.*|The database is .*"
    r"|connection (open|closed)|\S+ - \"WebSocket .*"
    r"|Exception in ASGI application|.*failing_task.*"
)
RAISED = re.compile(r"[\s|+]*([\w.]+(?:Error|Exception|Group|Warning)): (.*)")
ON_PURPOSE = re.compile(r"(of an endpoint|of a task)$")
CONTINUED = re.compile(r"\s|$|Traceback \(most recent call last\)|During handling of|The above exc")

MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}
MOSTLY_FLAT = ("rss", "allocated", "blocks", "objects")
FLAT = ("open_files", "threads", "tasks", "generators", "connections", "followers")
ALLOWED = {**dict.fromkeys(MOSTLY_FLAT, 0.01), **dict.fromkeys(FLAT, 0.0)}


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server held when it had nothing to do, and what customers had done until then."""

    minute: float
    actions: int
    state: dict[str, int]


@dataclass(frozen=True, slots=True)
class Soak:
    """A run, warm-up included."""

    versions: dict[str, str]
    minutes: float
    warm_up: float
    seed: int
    customers: int
    samples: Sequence[Sample]
    done: dict[str, int]
    unexpected_answers: dict[str, int]
    unexpected_lines: dict[str, int]

    @property
    def measured(self) -> Sequence[Sample]:
        return [sample for sample in self.samples if sample.minute >= self.warm_up]

    def thirds(self, figure: str) -> tuple[float, float]:
        """The figure in the first third of the time and in the last.

        Of bytes and objects, which a sample holds more or less of, the median; of what there are
        few, what at least three samples of four hold: a leak stays, and an idle thread does not.
        """
        values = [sample.state[figure] for sample in self.measured]
        third = max(len(values) // 3, 1)
        typical = median if figure in MOSTLY_FLAT else lower_quartile
        return typical(values[:third]), typical(values[-third:])

    def growth(self, figure: str) -> float:
        """How much more it is in the last third of the time, as a share of the first."""
        first, last = self.thirds(figure)
        return (last - first) / max(first, 1)

    @property
    def figures(self) -> Sequence[str]:
        """What may not grow, as far as it was counted."""
        return [figure for figure in ALLOWED if figure in self.samples[0].state]

    def losses(self) -> list[str]:
        """Say what was answered, logged or left open that nothing explains."""
        lost = max(sample.state["lost_exits"] for sample in self.samples)
        taken = max(sample.state["connections"] for sample in self.samples)
        return [
            *(
                f"{count} unexpected answers: {what}"
                for what, count in self.unexpected_answers.items()
            ),
            *(f"{count} unexpected lines: {what}" for what, count in self.unexpected_lines.items()),
            *([f"{lost} exits are lost"] if lost else []),
            *([f"{taken} connections are not given back"] if taken else []),
        ]

    def growths(self) -> list[str]:
        """Say what is more in the end than after the warm-up, of bytes and objects by over 1 %."""
        return [
            f"{figure} has grown by {self.growth(figure):.2%}"
            for figure in self.figures
            if self.growth(figure) > ALLOWED[figure]
        ]


def lower_quartile(values: Sequence[int]) -> int:
    return sorted(values)[len(values) // 4]


async def load(
    port: int, minutes: float, every: float, customers: int, seed: int
) -> tuple[Traffic, list[Sample]]:
    """Let customers come, and take a sample of the server every so many seconds."""
    traffic = Traffic(port)
    samples: list[Sample] = []
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(Customer(traffic, random.Random(f"{seed} {number}")).live())
            for number in range(customers)
        ]
        while (gone := time.monotonic() - begin) < minutes * 60:
            traffic.open.set()
            await asyncio.sleep(min(every, minutes * 60 - gone))
            traffic.open.clear()
            state = await state_at_rest(traffic)
            minute = (time.monotonic() - begin) / 60
            samples.append(Sample(round(minute, 3), traffic.done.total(), state))
            show(minute, minutes, samples[-1])
        for task in tasks:
            task.cancel()
    return traffic, samples


async def state_at_rest(traffic: Traffic) -> dict[str, int]:
    """Wait until nothing changes any more; give up after some seconds, and tell how it is then."""
    await traffic.all_gone()
    await ask(traffic.port, "POST /soak/closing")
    state = last = dict[str, int]()
    for _ in range(100):
        state = json.loads(await ask(traffic.port, "GET /state"))
        if state["lost_exits"] == 0 and all(state[name] == last.get(name) for name in FLAT):
            break
        last = state
        await asyncio.sleep(0.1)
    return state


async def ask(port: int, what: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{what} HTTP/1.1\r\nhost: soak\r\nconnection: close\r\n\r\n".encode())
    _, answer, _ = await read_answer(reader)
    writer.close()
    return answer


def show(minute: float, minutes: float, sample: Sample) -> None:
    state = sample.state
    line = f"{minute:.1f} of {minutes:.1f} min, {sample.actions} actions, " + ", ".join(
        f"{name} {value:,}" for name, value in state.items()
    )
    print(line, file=sys.stderr, flush=True)


def unexpected(
    log: str, expected: re.Pattern[str] = EXPECTED, on_purpose: re.Pattern[str] = ON_PURPOSE
) -> dict[str, int]:
    """Count the log's lines that nothing in the traffic explains.

    Args:
        log: All lines.
        expected: Matches whole lines, without the level.
        on_purpose: Is found in the texts of exceptions that have to be there.
    """
    found: Counter[str] = Counter()
    for line in log.splitlines():
        record, raised = RECORD.match(line), RAISED.match(line)
        if record is not None:
            if not expected.fullmatch(record[2]):
                found[line] += 1
        elif raised is not None:
            if not on_purpose.search(raised[2]):
                found[line.strip()] += 1
        elif not CONTINUED.match(line) and not expected.fullmatch(line):
            found[line] += 1
    return dict(found)


def versions() -> dict[str, str]:
    packages = ("anyio", "msgspec", "sqlalchemy", "starlette", "uvicorn", "uvloop")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def soak(minutes: float, every: float, customers: int, seed: int) -> Soak:
    """Serve the shop from a process of its own, and load it."""
    warm_up = minutes / 6
    with tempfile.TemporaryDirectory() as folder:
        database = {"DATABASE_URL": f"sqlite+aiosqlite:///{folder}/shop.sqlite3?timeout=60"}
        environment = MALLOC | dict(os.environ) | database
        with serve("proof.soaked:app", env=environment, access_log=False) as server:
            traffic, samples = asyncio.run(
                load(server.port, warm_up + minutes, every, customers, seed)
            )
        lines = unexpected(server.log)
    return Soak(
        versions(),
        minutes,
        warm_up,
        seed,
        customers,
        samples,
        dict(traffic.done),
        dict(traffic.unexpected),
        lines,
    )


def main(arguments: list[str] | None = None) -> int:
    """Soak as the command line asks; the exit status says whether all is as it should be."""
    parser = argparse.ArgumentParser("scripts/soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long, after warm-up")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples")
    parser.add_argument("--customers", type=int, default=8, help="how many connections")
    parser.add_argument("--seed", type=int, default=1, help="which traffic")
    parser.add_argument("--folder", type=Path, default=Path(), help="where the results are written")
    options = parser.parse_args(arguments)
    done = soak(options.minutes, options.every, options.customers, options.seed)
    return conclude(done, options.folder, "soak")


def conclude(done: Soak, folder: Path, name: str) -> int:
    """Write a run down, and say what is wrong with it; the exit status says whether anything is."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(asdict(done), indent=1), encoding="utf-8")
    figures = {
        figure: [(sample.minute, sample.state[figure]) for sample in done.samples]
        for figure in done.samples[0].state
        if figure != "entered"
    }
    (folder / f"{name}.svg").write_text(picture(figures, done.warm_up), encoding="utf-8")
    print(f"{sum(done.done.values())} actions: {done.done}")
    print(f"{done.samples[-1].state['entered']} dependencies entered")
    for figure in done.figures:
        first, last = done.thirds(figure)
        print(f"{figure}: {first:,.0f}, then {last:,.0f}: {done.growth(figure):+.2%}")
    findings = [*done.losses(), *done.growths()]
    for finding in findings:
        print(f"finding: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
