"""Thousands of requests at once, many of them cancelled at a random moment."""

import asyncio
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Annotated, Any

import anyio
import anyio.to_thread
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from microfw import App, BackgroundTasks, Depends
from proof.faults import BACKENDS

Cancel = Callable[[], object]

NOBODY = -1

current: ContextVar[int] = ContextVar("current", default=NOBODY)
"""The request to which the code that runs belongs."""


def shift_by(shift: int) -> Callable[[], int]:
    return lambda: shift


SHIFTS = [shift_by(shift) for shift in range(5)]
"""The first is what the application declares; requests replace it by one of the others."""


class Race:
    """An application, requests that run at once, and what has happened in each.

    Attributes:
        open: The dependencies that are open, by request, outermost first.
        entered: How many were entered in all.
        exited: How many have exited.
        mistakes: What should not have happened.
        answered: How many requests got their whole answer.
        cancelled: How many have ended because they were cancelled.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.open: dict[int, list[str]] = {}
        self.entered = self.exited = self.answered = self.cancelled = 0
        self.mistakes: list[str] = []
        self.app = self.make_app()
        self._cancels: dict[int, Cancel] = {}
        self._running = 0
        self._lock = threading.Lock()

    def make_app(self) -> App:
        app, race = App(), self

        async def outer(number: int) -> Any:
            current.set(number)
            with race.block(number, "outer"):
                yield number
                await checkpoint()

        def in_thread(number: Annotated[int, Depends(outer, scope="request")]) -> Any:
            with race.block(number, "in thread"):
                yield number

        async def inner(number: Annotated[int, Depends(in_thread)]) -> Any:
            await checkpoint()
            with race.block(number, "inner"):
                try:
                    yield number
                finally:
                    await checkpoint()

        async def task(number: int, helper: Annotated[None, Depends(self.helper)]) -> None:
            race.check(number)
            await checkpoint()

        @app.get("/{number}")
        async def endpoint(
            number: Annotated[int, Depends(inner)],
            shift: Annotated[int, Depends(SHIFTS[0])],
            choice: Annotated[str, Depends(choose_first)],
            tasks: BackgroundTasks,
        ) -> int:
            tasks.add_task(task, number)
            if shift != number % len(SHIFTS):
                race.mistakes.append(f"{number} sees the override of {shift}")
            if choice not in ("first", "second"):
                race.mistakes.append(f"{number} sees {choice}")
            await checkpoint()
            race.check(number)
            return number

        return app

    async def helper(self) -> Any:
        number = current.get()
        with self.block(number, "helper"):
            yield
            await checkpoint()

    @contextmanager
    def block(self, number: int, name: str) -> Iterator[None]:
        """Be open; count it, and check that the last one entered exits first."""
        with self._lock:
            self.entered += 1
        opened = self.open.setdefault(number, [])
        opened.append(name)
        self.check(number)
        try:
            yield
        finally:
            self.check(number)
            if opened.pop() != name:
                self.mistakes.append(f"{name} of {number} does not exit in order")
            with self._lock:
                self.exited += 1

    def check(self, number: int) -> None:
        """Check whose context variables are seen."""
        if current.get() != number:
            self.mistakes.append(f"{number} sees the variables of {current.get()}")

    async def run(self, count: int) -> None:
        """Send so many requests, all at once, and cancel some whenever it comes to that."""
        self._running = count
        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(self.run_one, number)
            while self._running:
                await checkpoint()
                for number in self.random.sample([*self._cancels], min(3, len(self._cancels))):
                    if self.random.random() < 0.5:
                        self._cancels.pop(number)()
        self.check(NOBODY)

    async def run_one(self, number: int) -> None:
        self.check(NOBODY)
        if is_on_asyncio() and number % 3 == 0:
            task = asyncio.ensure_future(self.request(number))
            self._cancels[number] = task.cancel
            await asyncio.wait([task])
            self.cancelled += task.cancelled()
            if not task.cancelled():
                task.result()
        else:
            with CancelScope() as scope:
                self._cancels[number] = scope.cancel
                await self.request(number)
            self.cancelled += scope.cancelled_caught
        self._cancels.pop(number, None)
        self._running -= 1

    async def request(self, number: int) -> None:
        path = f"/{number}"
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [],
        }
        sent: list[Any] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            await checkpoint()
            sent.append(message.get("status") or message["body"])

        with ExitStack() as stack:
            shift = SHIFTS[number % len(SHIFTS)]
            if shift is not SHIFTS[0]:
                stack.enter_context(self.app.override({SHIFTS[0]: shift}))
            await self.app(scope, receive_nothing, send)
        if sent == [200, str(number).encode()]:
            self.answered += 1
        else:
            self.mistakes.append(f"{number} is sent {sent}")


async def choose_first() -> str:
    return "first"


async def choose_second() -> str:
    return "second"


async def receive_nothing() -> MutableMapping[str, Any]:
    await anyio.sleep_forever()
    raise AssertionError


def is_on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextmanager
def changing_overrides(app: App) -> Iterator[None]:
    """Add an override and take it away again, from another thread, as often as possible."""
    has_ended = threading.Event()

    def change() -> None:
        while not has_ended.is_set():
            app.dependency_overrides[choose_first] = choose_second
            app.dependency_overrides.pop(choose_first)
            has_ended.wait(0.0005)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


@contextmanager
def switching_often() -> Iterator[None]:
    """Have threads take turns as often as Python can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


async def raced(count: int, seed: int, *, hard: bool) -> Race:
    """Run a race, and check what has to be true after any."""
    race = Race(seed)
    with ExitStack() as stack:
        if hard:
            stack.enter_context(switching_often())
            stack.enter_context(changing_overrides(race.app))
        await race.run(count)
    assert race.mistakes == []
    assert race.entered == race.exited
    assert not any(race.open.values())
    assert race.answered + race.cancelled == count
    assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
    return race


def main() -> None:
    """Run races of 10,000 requests, on every backend."""
    for backend, options in BACKENDS.items():
        for hard in (False, True):
            seed = random.randrange(10_000)
            started = time.monotonic()
            race = anyio.run(partial(raced, 10_000, seed, hard=hard), **options)
            seconds = time.monotonic() - started
            how = "overrides change" if hard else "plain"
            print(
                f"{backend}, {how}, seed {seed}: {race.answered} answered,"
                f" {race.cancelled} cancelled, {race.entered} entered, {race.exited} exited,"
                f" {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
