"""What is asked of each contender, and what has to come of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.client import Answer, ASGIApp, Log, Request, json_answer
from benchmarks.work import CONFLICT, result

Build = Callable[[Log], ASGIApp]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request.

    Attributes:
        answer: What every contender has to answer, to the byte.
        events: What has to happen, in this order: the work, and the messages that are sent.
    """

    name: str
    title: str
    request: Request
    answer: Answer
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the work.

    Attributes:
        packages: Those whose versions a reader of the figures wants to know.
        builders: For each case that it takes part in, what makes the application.
    """

    name: str
    packages: tuple[str, ...]
    builders: Mapping[str, Build]


SENT = ("send response.start", "send response.body")


def _success(name: str, title: str, count: int, where: str = "", endpoint: str = "") -> Case:
    setup = [f"setup {number}{where}" for number in range(1, count + 1)]
    leave = [f"exit {number}{where}" for number in range(count, 0, -1)]
    return Case(
        name,
        title,
        Request("/orders"),
        json_answer(result(count)),
        (*setup, f"endpoint{endpoint}", *leave, *SENT),
    )


def _failure(name: str, title: str, count: int) -> Case:
    setup = [f"setup {number}" for number in range(1, count + 1)]
    leave = [f"{word} {number}" for number in range(count, 0, -1) for word in ("error", "exit")]
    return Case(
        name,
        title,
        Request("/orders"),
        json_answer({"detail": CONFLICT}, status=409),
        (*setup, "endpoint", *leave, "handler", *SENT),
    )


LIFECYCLE: Sequence[Case] = (
    _success("plain", "no dependency", 0),
    _success("async-1", "1 async yield dependency", 1),
    _success("async-3", "3 async yield dependencies", 3),
    _success("async-10", "10 async yield dependencies", 10),
    _success("async-3-awaiting", "3 async yield dependencies, exit code awaits", 3),
    _success(
        "sync-3",
        "3 sync yield dependencies, sync endpoint",
        3,
        where=" in a thread",
        endpoint=" in a thread",
    ),
    _success(
        "sync-3-async-endpoint",
        "3 sync yield dependencies, async endpoint",
        3,
        where=" in a thread",
    ),
    _failure("error-3", "`HTTPException` through 3 async yield dependencies", 3),
)


def chosen(cases: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """Pick the cases with these names; a name that no case has picks those that begin with it.

    Raises:
        LookupError: No case has a name or begins with it.
    """
    if not names:
        return list(cases)
    picked: list[Case] = []
    for name in names:
        found = [case for case in cases if case.name == name]
        found = found or [case for case in cases if case.name.startswith(name)]
        if not found:
            known = ", ".join(case.name for case in cases)
            raise LookupError(f"no case is called {name!r}; there are {known}")
        picked += [case for case in found if case not in picked]
    return picked
