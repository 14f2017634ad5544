"""What is asked of each contender, and what has to come of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.client import (
    Answer,
    ASGIApp,
    Conversation,
    Log,
    Request,
    json_answer,
    text_answer,
)
from benchmarks.work import CONFLICT, OTHER_FIRST, TEXT, result

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
    request: Request | Conversation
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


def _success(
    name: str,
    title: str,
    count: int,
    where: str = "",
    endpoint: str = "",
    *,
    first: int = 1,
    around: int = 0,
    afterwards: tuple[str, ...] = (),
) -> Case:
    numbers = range(1, count + 1)
    into = [f"into middleware {number}" for number in range(1, around + 1)]
    setup = [f"setup {first if number == 1 else number}{where}" for number in numbers]
    leave = [f"exit {first if number == 1 else number}{where}" for number in reversed(numbers)]
    out_of = [f"out of middleware {number}" for number in range(around, 0, -1)]
    value = count and first + count - 1
    return Case(
        name,
        title,
        Request("/orders"),
        json_answer(result(value)),
        (*into, *setup, f"endpoint{endpoint}", *leave, *SENT, *afterwards, *out_of),
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


def _echo(name: str, title: str) -> Case:
    return Case(
        name,
        title,
        Conversation("/orders", TEXT),
        text_answer(TEXT),
        (
            "setup 1",
            "send websocket.accept",
            "endpoint",
            "send websocket.send",
            "send websocket.close",
            "exit 1",
        ),
    )


_THREAD = " in a thread"

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
        where=_THREAD,
        endpoint=_THREAD,
    ),
    _success(
        "sync-3-async-endpoint",
        "3 sync yield dependencies, async endpoint",
        3,
        where=_THREAD,
    ),
    _failure("error-3", "`HTTPException` through 3 async yield dependencies", 3),
    _success(
        "middleware-3",
        "3 async yield dependencies, 3 pure ASGI middlewares",
        3,
        around=3,
    ),
    _success("task", "an async background task", 0, afterwards=("task",)),
    _success("task-sync", "a sync background task", 0, afterwards=(f"task{_THREAD}",)),
    _echo("websocket", "WebSocket echo, 1 async yield dependency"),
    _success(
        "override-3",
        "3 async yield dependencies, the first one overridden",
        3,
        first=OTHER_FIRST,
    ),
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
