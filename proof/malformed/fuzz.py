"""Send malformed input for some minutes, and look for what is answered wrongly.

The parts take turns: requests and WebSockets go straight to the application, bytes go to a real
server, and the compiler gets texts that would be code. What is found is shrunk, and written to a Python file that
sends it again.
"""

import argparse
import asyncio
import random
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from platform import python_version
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from proof.malformed import sending, served
from proof.malformed.application import opened
from proof.malformed.mutations import everything
from proof.malformed.raw import raw_requests
from proof.malformed.sockets import talks
from tests import servers
from tests.proof import test_hostile_names as hostile
from tests.servers import ServerProcess, serve

BATCH = 1000
MOST_MEMORY = 1024 * 1024 * 1024
"""Bytes that this process may ever have held: inputs and their search among them."""
PACKAGES = ["microfw-asgi", "starlette", "uvicorn", "h11", "httptools", "python-multipart"]
PACKAGES += ["anyio", "msgspec", "pydantic", "hypothesis"]

Check = Callable[[Any], object]


@dataclass(frozen=True)
class Part:
    """What is attacked.

    Attributes:
        inputs: With what.
        opened: Makes it ready, and gives the function that tries one input and raises if it finds
            something.
    """

    inputs: st.SearchStrategy[Any]
    opened: Callable[[], AbstractContextManager[Check]]


@contextmanager
def application() -> Iterator[Check]:
    with asyncio.Runner() as runner:

        def check(sent: sending.Sent | sending.Talk) -> None:
            opened.clear()  # of an input that has been found before
            if isinstance(sent, sending.Talk):
                sending.check_talk(runner, sent)
            else:
                sending.check(runner, sent)

        yield check
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MOST_MEMORY


def server(http: str) -> Callable[[], AbstractContextManager[Check]]:
    @contextmanager
    def serving() -> Iterator[Check]:
        with serve("proof.malformed.served:app", http=http, proxy_headers=False) as running:
            assert isinstance(running, ServerProcess)
            yield lambda data: served.check(running, data)
            assert served.peak(running) < served.MOST_MEMORY

    return serving


@contextmanager
def compiler() -> Iterator[Check]:
    harmless = hostile.harmless_shapes()
    yield lambda texts: hostile.check(texts, harmless)


PARTS = {
    "application": Part(everything, application),
    "websockets": Part(talks, application),
    "httptools": Part(raw_requests, server("httptools")),
    "h11": Part(raw_requests, server("h11")),
    "compiler": Part(hostile.programs, compiler),
}


@dataclass
class Finding:
    """An input that does what none may do."""

    part: str
    found: object
    error: str

    @property
    def file(self) -> str:
        """Python code that tries it again."""
        return f'''"""Found by scripts/fuzz. Run it in the project's root: python FILE"""

import sys

sys.path.insert(0, ".")

from proof.malformed.fuzz import again
from proof.malformed.sending import Sent, Talk
from tests.proof.test_hostile_names import Texts

found = {self.found!r}

if __name__ == "__main__":
    again({self.part!r}, found)

{"".join(f"# {line}".rstrip() + chr(10) for line in ascii_lines(self.error))}'''


def ascii_lines(text: str) -> list[str]:
    return text.encode("ascii", "backslashreplace").decode().splitlines()


def again(name: str, found: object) -> None:
    """Try one input, and raise if it still does what none may do."""
    with PARTS[name].opened() as check:
        check(found)
    print("all is well")


def attack(name: str, part: Part, number: int, examples: int, ends: float) -> tuple[int, Any]:
    """Try so many inputs, or fewer if time is over; return their number and what was found."""
    tried = 0
    found: Finding | None = None

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(part.inputs)
    def try_one(value: Any) -> None:
        nonlocal tried, found
        if found is None and time.monotonic() > ends:
            return
        tried += 1
        try:
            check(value)
        except Exception:
            found = Finding(name, value, traceback.format_exc())
            raise

    try:
        with part.opened() as check:
            try_one()
    except Exception:
        found = found or Finding(name, number, traceback.format_exc())
    return tried, found


def main(arguments: list[str] | None = None) -> int:
    """Attack as the command line asks for; the exit status says whether nothing was found."""
    options = parsed(arguments)
    servers.PATIENCE = sending.PATIENCE  # others may be using the cores
    print(f"seed {options.seed}, CPython {python_version()}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES), flush=True)
    started = time.monotonic()
    ends = started + 60 * options.minutes
    tried, findings = Counter[str](), 0
    for number in count(options.seed * 1_000_000):
        name = options.parts[number % len(options.parts)]
        inputs, finding = attack(name, PARTS[name], number, BATCH, ends)
        tried[name] += inputs
        if finding:
            findings += 1
            path = Path(options.folder) / f"finding_{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(finding.file, encoding="utf-8")
            print(f"found: {path}", flush=True)
        show(tried, findings, time.monotonic() - started, 60 * options.minutes)
        if time.monotonic() > ends:
            break
    print(file=sys.stderr)
    print(told(tried, findings, seconds_of_cpu()))
    return 1 if findings else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5, help="how long")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="which inputs")
    parser.add_argument("--folder", default=".", help="where files are written that reproduce")
    parser.add_argument("parts", nargs="*", default=[*PARTS], help=f"some of {', '.join(PARTS)}")
    return parser.parse_args(arguments)


def seconds_of_cpu() -> float:
    """What this process has taken of the cores, and the servers that it has started."""
    all_of = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in all_of)


def told(tried: Counter[str], findings: int, cpu: float) -> str:
    inputs = ", ".join(f"{number} {name}" for name, number in tried.items())
    return f"{tried.total()} inputs ({inputs}) in {cpu:.0f} s of CPU, {findings} found"


def show(tried: Counter[str], findings: int, seconds: float, all_seconds: float) -> None:
    line = f"{tried.total()} inputs, {max(0, all_seconds - seconds):.0f} s to go, {findings} found"
    print(f"\r{line:<80}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
