"""Loads a server as `wrk` does, for where there is none, and prints what came of it as JSON.

Some connections are kept alive, and each asks again as soon as it has its answer.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from statistics import quantiles
from time import perf_counter
from typing import cast

from benchmarks.measuring import event_loop


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did.

    Attributes:
        rate: Requests per second.
        p50: The median of the seconds that an answer took.
        p99: The seconds in which 99 of 100 answers came.
    """

    rate: float
    p50: float
    p99: float


class Connection(asyncio.Protocol):
    """Asks again and again, and keeps the seconds that each answer took.

    Every answer has to be as long as the first one, and a success.
    """

    def __init__(self, request: bytes, seconds: list[float]) -> None:
        self._request = request
        self._seconds = seconds
        self._answer = b""
        self._length = 0
        self._asked = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.failure: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask(self._transport)

    def data_received(self, data: bytes) -> None:
        """Ask again when the answer is complete."""
        self._answer += data
        self._length = self._length or length_of(self._answer)
        if not self._length or len(self._answer) < self._length or self._transport is None:
            return
        self._seconds.append(perf_counter() - self._asked)
        if self._answer.startswith(b"HTTP/1.1 200") and len(self._answer) == self._length:
            self._answer = b""
            self._ask(self._transport)
        else:
            self.failure = ValueError(f"an answer is {self._answer!r}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Know whether the server has hung up."""
        if self._transport is not None:
            self.failure = exc or ConnectionError("the server has closed the connection")

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _ask(self, transport: asyncio.WriteTransport) -> None:
        self._asked = perf_counter()
        transport.write(self._request)


def length_of(answer: bytes) -> int:
    """Return how long an answer will be in the end, or 0 while its head is not there yet."""
    head, end, _ = answer.partition(b"\r\n\r\n")
    if not end:
        return 0
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    return len(head) + len(end) + int(fields[b"content-length"])


async def load(port: int, path: str, connections: int, seconds: float) -> Load:
    """Ask a server for some time.

    Raises:
        ConnectionError: The server has hung up.
        ValueError: It has answered something else than before, or hardly ever.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    taken: list[float] = []
    loop = asyncio.get_running_loop()
    begin = perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(request, taken), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    end = perf_counter()
    for _, connection in made:
        connection.close()
    await asyncio.sleep(0)  # now they are closed
    for _, connection in made:
        if connection.failure is not None:
            raise connection.failure
    if len(taken) < 2:
        raise ValueError(f"{len(taken)} answers came in {seconds} seconds")
    hundredths = quantiles(taken, n=100)
    return Load(len(taken) / (end - begin), hundredths[49], hundredths[98])


def main(port: str, path: str, connections: str, seconds: str) -> None:
    """Load, and print."""
    with event_loop("uvloop") as run:
        print(json.dumps(asdict(run(load(int(port), path, int(connections), float(seconds))))))


if __name__ == "__main__":
    main(*sys.argv[1:])
