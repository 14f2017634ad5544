"""Have a worker do tasks for a long time, with Redis, and judge what grew or got lost.

`scripts/soak tasks`: tasks that succeed, fail, are cut off, run in threads, and send others; messages
that are not valid, name nothing, or are none. The worker comes to rest before each sample. Writes
soak-tasks.json and soak-tasks.svg.
"""

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from redis.asyncio import Redis
from taskiq import AsyncBroker, BrokerMessage
from taskiq.kicker import AsyncKicker
from taskiq_redis import RedisStreamBroker

from proof.soak import FLAT, MALLOC, Sample, Soak, conclude, show, versions
from tests.brokers import redis
from tests.tasks.workers import Workers

BATCH = 100
COMMAND = ("microfw", "worker", "proof.soaked_tasks:app", "--", "--max-async-tasks", "8")
"""With few tasks at once, so that the pool of connections to Redis is full when it is measured."""

GROUP, STREAM, STATE = "taskiq", "taskiq", "state"
NAMES = ("record", "fail", "fail_to_exit", "take_long", "block", "pass_on")
LABELS: dict[str, dict[str, float]] = {
    "record": {"retry_on_error": True},
    "fail_to_exit": {"retry_on_error": True},
    "take_long": {"timeout": 0.02},
}
ON_PURPOSE = re.compile(
    r"Exception found while executing function|Cannot parse message|is not found. Maybe you forgot"
    r"|Retrying|Task .* invocation has failed|Maximum retries"
    r"|Task was destroyed but it is pending! task: .*aiosqlite"  # see docs/proof.md
)
LEVEL = re.compile(
    r"\[(WARNING|ERROR|CRITICAL)|^(Exception ignored|Task was destroyed|.*never awaited)"
)


class Sender:
    """Sends what a worker is to cope with.

    Attributes:
        done: How often what was sent.
    """

    def __init__(self, url: str, seed: int) -> None:
        self.broker: AsyncBroker = RedisStreamBroker(url)
        self.redis: Redis = Redis.from_url(url)
        self.done: Counter[str] = Counter()
        self._chance = random.Random(seed)

    async def send(self, name: str, *args: object) -> None:
        kicker: AsyncKicker[..., object] = AsyncKicker(name, self.broker, {**LABELS.get(name, {})})
        await kicker.kiq(*args)

    async def send_batch(self) -> None:
        """Send some of each kind, at random."""
        for _ in range(BATCH):
            kind = self._chance.choice([*NAMES, *NAMES, *NAMES, "invalid", "unknown", "poisoned"])
            self.done[kind] += 1
            match kind:
                case "invalid":
                    await self.send("record", "many")
                case "unknown":
                    await self.send("nobody", 1)
                case "poisoned":
                    bytes_ = BrokerMessage(task_id="1", task_name="1", message=b"{", labels={})
                    await self.broker.kick(bytes_)
                case _:
                    await self.send(kind, self._chance.randrange(10_000))

    async def wait_until_done(self) -> None:
        """Wait until the worker has done and acknowledged all."""
        while True:
            (group,) = await self.redis.xinfo_groups(STREAM)
            if group["lag"] == 0 and group["pending"] == 0:
                return
            await asyncio.sleep(0.02)

    async def state_at_rest(self) -> dict[str, int]:
        """Ask the worker until nothing changes any more, but not for ever."""
        state = last = dict[str, int]()
        for _ in range(100):
            await self.redis.delete(STATE)
            await self.send("tell_state")
            await self.wait_until_done()
            state = json.loads(await self.redis.get(STATE) or "{}")
            if state.get("lost_exits") == 0 and all(state.get(n) == last.get(n) for n in FLAT):
                break
            last = state
            await asyncio.sleep(0.1)
        return state


async def load(
    url: str, minutes: float, every: float, seed: int
) -> tuple[Counter[str], Sequence[Sample]]:
    """Send tasks, and take a sample of the worker every so many seconds."""
    sender = Sender(url, seed)
    await sender.broker.startup()
    samples: list[Sample] = []
    begin = time.monotonic()
    while (gone := time.monotonic() - begin) < minutes * 60:
        until = time.monotonic() + min(every, minutes * 60 - gone)
        while time.monotonic() < until:
            await sender.send_batch()
            await sender.wait_until_done()
        state = await sender.state_at_rest()
        await sender.redis.xtrim(STREAM, maxlen=0)
        minute = round((time.monotonic() - begin) / 60, 3)
        samples.append(Sample(minute, sender.done.total(), state))
        show(minute, minutes, samples[-1])
    await sender.broker.shutdown()
    await sender.redis.aclose()
    return sender.done, samples


def unexpected(log: str) -> dict[str, int]:
    """Count the log's lines that what was sent does not explain."""
    one_line_each = log.replace("\ntask: ", " task: ")
    lines = (line for line in one_line_each.splitlines() if LEVEL.search(line))
    return dict(Counter(line for line in lines if not ON_PURPOSE.search(line)))


def soak(minutes: float, every: float, seed: int) -> Soak:
    """Run a worker, and have it work."""
    warm_up = minutes / 6
    with redis() as server, tempfile.TemporaryDirectory() as folder:
        database = f"sqlite+aiosqlite:///{folder}/soak.sqlite3?timeout=60"
        env = MALLOC | dict(os.environ) | {"DATABASE_URL": database, "BROKER": server.url}
        worker = Workers([*COMMAND], env, Path(folder, "log"))
        try:
            worker.wait_until_ready()
            done, samples = asyncio.run(load(server.url, warm_up + minutes, every, seed))
            log = worker.terminate()
        finally:
            worker.kill()
    return Soak(versions(), minutes, warm_up, seed, 1, samples, dict(done), {}, unexpected(log))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        "scripts/soak tasks", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="how long, after warm-up")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples")
    parser.add_argument("--seed", type=int, default=1, help="which tasks")
    parser.add_argument("--folder", type=Path, default=Path(), help="where the results are written")
    options = parser.parse_args(arguments)
    done = soak(options.minutes, options.every, options.seed)
    return conclude(done, options.folder, "soak-tasks")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
