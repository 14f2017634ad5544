"""What a request allocates: what it holds while the endpoint runs, at its peak, and afterwards.

A probe takes the place of the log. Where the work notes that the endpoint runs, it looks at how
many blocks of memory CPython has handed out, and at how many bytes `tracemalloc` knows of.
"""

import gc
import sys
import tracemalloc
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.cases import LIFECYCLE, Case, Contender
from benchmarks.client import Client
from benchmarks.contenders import by_hand, fastapi, microfw, raw
from benchmarks.in_process import Options, installed
from benchmarks.measuring import event_loop, verify
from benchmarks.report import Report, environment, heading, markdown

CONTENDERS = (microfw, by_hand, fastapi, raw)
CASES = ("plain", "async-3", "async-10", "sync-3", "error-3", "task", "websocket")

WARM_UP = 200
CALLS = 101


@dataclass(frozen=True, slots=True)
class Allocated:
    """What a request allocates; medians.

    Attributes:
        blocks: Objects and other pieces of memory that are held while the endpoint runs.
        bytes: Their size.
        peak: The most bytes that are held at any time.
        kept: Blocks that the garbage collector has to find when the request is over.
    """

    blocks: float
    bytes: float
    peak: float
    kept: int


class Probe(deque[Any]):
    """A log that looks at the memory when the endpoint is noted."""

    def __init__(self) -> None:
        super().__init__(maxlen=0)
        self.blocks = 0
        self.bytes = 0

    def append(self, event: Any) -> None:
        """Look, and forget the event."""
        if event == "endpoint" or (isinstance(event, tuple) and event[0] == "endpoint"):
            self.blocks = sys.getallocatedblocks()
            if tracemalloc.is_tracing():
                self.bytes, _ = tracemalloc.get_traced_memory()


async def allocated(case: Case, contender: Contender) -> Allocated:
    """Look at some requests of a case.

    Raises:
        UnequalWorkError: The contender has done something else.
    """
    await verify(case, [contender])
    probe = Probe()
    client = Client(contender.builders[case.name](probe), case.request, probe)
    await client.call_repeatedly(WARM_UP)
    gc.collect()
    gc.disable()
    try:
        blocks = [await _blocks(client, probe) for _ in range(CALLS)]
        kept = await _kept(client)
        tracemalloc.start()
        held, peak = zip(*[await _bytes(client, probe) for _ in range(CALLS)], strict=True)
    finally:
        tracemalloc.stop()
        gc.enable()
    return Allocated(median(blocks), median(held), median(peak), kept)


async def _blocks(client: Client, probe: Probe) -> int:
    before = sys.getallocatedblocks()
    await client.call()
    return probe.blocks - before


async def _kept(client: Client) -> int:
    before = sys.getallocatedblocks()
    await client.call_repeatedly(CALLS)
    return round((sys.getallocatedblocks() - before) / CALLS)


async def _bytes(client: Client, probe: Probe) -> tuple[int, int]:
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    await client.call()
    _, peak = tracemalloc.get_traced_memory()
    return probe.bytes - before, peak - before


def measure(options: Options, cases: Sequence[str] = CASES) -> Report:
    """Look at what requests of some cases allocate."""
    contenders = installed(CONTENDERS)
    looked_at = [case for case in LIFECYCLE if case.name in cases]
    with event_loop(options.loop) as run:
        found = {
            case.name: {each.name: run(allocated(case, each)) for each in contenders}
            for case in looked_at
        }
    about = environment(contenders, options.loop, CALLS, pinned=False)
    rows = [["case", "", *(each.name for each in contenders)]]
    rows += [
        [f"`{case.name}`", case.title, *_cells(found[case.name].values())] for case in looked_at
    ]
    explained = (
        "Blocks held while the endpoint runs / bytes in them / bytes at the peak"
        " (+ blocks that are left for the garbage collector)"
    )
    text = f"{heading(about)}\n\n{explained}\n\n{markdown(rows)}"
    return Report("allocation", text, {**about, "cases": _as_data(found)})


def _cells(every: Any) -> Sequence[str]:
    return [
        f"{each.blocks:.0f} / {each.bytes:.0f} / {each.peak:.0f}"
        + (f" (+{each.kept:.0f})" if each.kept else "")
        for each in every
    ]


def _as_data(found: dict[str, dict[str, Allocated]]) -> dict[str, Any]:
    return {
        case: {name: asdict(each) for name, each in contenders.items()}
        for case, contenders in found.items()
    }
