"""How many uses of a dependency there are at once, and the wait for that.

Rules
-----
1. An execution takes the places that it needs before it opens anything, and so holds nothing else
   while it waits. It gives each back when the step that needed it has ended.
2. It takes them in the order in which the limits were made. So no two executions each hold what the
   other one waits for.
3. Who came first gets places first, whoever needs fewer.
4. What runs inside of an execution, such as its background tasks, may need more while that holds
   places, of the same limit or of others. Where those who hold what is waited for wait themselves,
   nobody can go on: one of those that run inside fails.
"""

import logging
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from itertools import count
from threading import get_ident
from time import perf_counter_ns
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import current_token
from msgspec import Struct

from microfw.dependencies._signals import Loop
from microfw.exceptions import LimitError

logger = logging.getLogger("microfw")

_serial = count(1)


class Limit:
    """How many uses of a dependency there are at once, on each event loop.

    Attributes:
        max_concurrency: How many at most.
        waited: For how many seconds all that have ever waited did so together.
    """

    def __init__(self, max_concurrency: int) -> None:
        self.max_concurrency = max_concurrency
        self.waited: float = 0.0
        self.number: int = next(_serial)
        self._by_loop: WeakKeyDictionary[Any, Places] = WeakKeyDictionary()

    @property
    def in_use(self) -> int:
        """How many uses there are now, on all event loops."""
        return sum(self.max_concurrency - places.free for places in self._by_loop.values())

    @property
    def waiting(self) -> int:
        """How many wait now, on all event loops."""
        return sum(len(places.queue) for places in self._by_loop.values())

    def places(self) -> "Places":
        """Those of the event loop that runs now."""
        loop = current_token().native_token
        places = self._by_loop.get(loop)
        if places is None:
            places = self._by_loop[loop] = Places(self.max_concurrency)
        return places


class Places:
    """The free places of a limit on one event loop, and its queue."""

    def __init__(self, free: int) -> None:
        self.all: int = free
        self.free: int = free
        self.queue: deque[_Waiting] = deque()
        self.held_by: list[_Waiting] = []
        """Those who hold some, and wait for some of whatever limit."""

    def take_at_once(self, needs: int) -> bool:
        """Take places, if there are enough and the queue is empty."""
        if self.queue or self.free < needs:
            return False
        self.free -= needs
        return True

    async def take(
        self,
        needs: int,
        holds: "Mapping[Places, int] | None" = None,
        name: str = "",
        *,
        is_inside: bool = False,
    ) -> None:
        """Wait until there are enough places, and it is one's turn.

        Args:
            needs: How many.
            holds: How many one has already, of which limits, and keeps while waiting.
            name: The dependency for which they are.
            is_inside: Whether some of these are held by an execution around this one.

        Raises:
            LimitError: Those who have what is waited for wait themselves.
        """
        waiting = _Waiting(self, needs, anyio.Event(), holds or {}, is_inside=is_inside)
        self.queue.append(waiting)
        for held in waiting.holds:
            held.held_by.append(waiting)
        try:
            if holds:
                _fail_one_if_stuck(waiting)
            await waiting.event.wait()
            if waiting.has_failed:
                raise _stuck(name, self.all, once_more=self in waiting.holds)
        except BaseException:
            if waiting.has_places:
                self.give_back(needs)
            else:
                self.queue.remove(waiting)
                self.give_back(0)  # who came later may need fewer
            raise
        finally:
            for held in waiting.holds:
                held.held_by.remove(waiting)

    def give_back(self, places: int) -> None:
        """Give places back, to the queue first."""
        self.free += places
        while self.queue and self.queue[0].needs <= self.free:
            waiting = self.queue.popleft()
            self.free -= waiting.needs
            waiting.has_places = True
            waiting.event.set()


class _Waiting(Struct, eq=False):
    places: Places
    """Of which it needs some."""
    needs: int
    event: anyio.Event
    holds: Mapping[Places, int]
    is_inside: bool
    has_places: bool = False
    has_failed: bool = False


def _fail_one_if_stuck(last: _Waiting) -> None:
    """Have one of those fail who wait for each other, if the last to wait is one of them."""
    stuck = _stuck_with(last)
    if last in stuck:
        failing = last if last.is_inside else next(each for each in stuck if each.is_inside)
        failing.has_failed = True
        failing.event.set()


def _stuck_with(last: _Waiting) -> list[_Waiting]:
    """Those who could never go on, among all whom one that waits may have to wait for."""
    known = [last.places]
    for places in known:
        for each in (*places.queue, *places.held_by):
            if each.places not in known:
                known.append(each.places)
    queues = {
        places: deque(each for each in places.queue if not each.has_failed) for places in known
    }
    free = Counter({places: places.all for places in known})
    for queue in queues.values():
        for each in queue:
            free.subtract(each.holds)
    goes_on = True
    while goes_on:
        goes_on = False
        for places, queue in queues.items():
            while queue and queue[0].needs <= free[places]:
                free.update(queue.popleft().holds)  # which it gives back in the end
                goes_on = True
    return [each for queue in queues.values() for each in queue]


class Limited(Struct, frozen=True):
    """A step with limits: its name, and one limit for each declaration that has one."""

    name: str
    limits: tuple[Limit, ...]


class Slot:
    """The places of one step. Whatever thread runs the step gives them back."""

    __slots__ = ("_loop", "_taken", "_thread")

    def __init__(self) -> None:
        self._loop = Loop()
        self._thread = get_ident()
        self._taken: list[Places] = []

    def count(self) -> Counter[Places]:
        """How many are taken of each limit."""
        return Counter(self._taken)

    def put(self, places: Places) -> None:
        """Keep a place that was taken."""
        self._taken.append(places)

    def give_back(self) -> None:
        """Give back what is taken, if it was not given back before."""
        if get_ident() == self._thread:
            self._give_back()
        else:
            self._loop.call_soon(self._give_back)

    def _give_back(self) -> None:
        while self._taken:
            self._taken.pop().give_back(1)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.give_back()


_around: ContextVar[tuple[int, tuple[Slot, ...]]] = ContextVar("microfw_slots", default=(0, ()))
"""The slots of the executions that the current code is inside of, and in which task they are."""


class Waiter(Protocol):
    """An execution that may have to wait."""

    def waited(self, name: str, seconds: float) -> None:
        """Note for which dependency it has waited."""


class waiting_for:  # noqa: N801 - reads as a word in generated code
    """Wait for the places of some steps; the block's value is a slot for each.

    What was not given back by then is when the block ends.
    """

    __slots__ = ("_around", "_run", "_slots", "_steps")

    def __init__(self, run: Waiter, *steps: Limited) -> None:
        self._run = run
        self._steps = steps
        self._slots: tuple[Slot, ...] = ()

    async def __aenter__(self) -> tuple[Slot, ...]:
        self._slots = tuple(Slot() for _ in self._steps)
        task, around = anyio.get_current_task().id, _around.get()
        self._around = around[1] if around[0] == task else ()
        try:
            for limit, name, slots in self._in_order():
                await self._take(limit, name, slots)
        except BaseException:
            await self.__aexit__()
            raise
        _around.set((task, self._around + self._slots))
        return self._slots

    async def __aexit__(self, *_: object) -> None:
        for slot in self._slots:
            slot.give_back()
        task, _ = _around.get()
        _around.set((task, self._around))

    def _in_order(self) -> Iterator[tuple[Limit, str, list[Slot]]]:
        needed: dict[Limit, tuple[str, list[Slot]]] = {}
        for step, slot in zip(self._steps, self._slots, strict=True):
            for limit in step.limits:
                needed.setdefault(limit, (step.name, []))[1].append(slot)
        for limit in sorted(needed, key=lambda limit: limit.number):
            yield limit, *needed[limit]

    async def _take(self, limit: Limit, name: str, slots: list[Slot]) -> None:
        places = limit.places()
        if not places.take_at_once(len(slots)):
            since = perf_counter_ns()
            around = sum((slot.count() for slot in self._around), Counter[Places]())
            own = sum((slot.count() for slot in self._slots), Counter[Places]())
            await places.take(len(slots), around + own, name, is_inside=bool(around))
            self._note(limit, name, since)
        for slot in slots:
            slot.put(places)

    def _note(self, limit: Limit, name: str, since: int) -> None:
        seconds = (perf_counter_ns() - since) / 1e9
        limit.waited += seconds
        at_once = limit.max_concurrency
        logger.debug("waited %.3f s for %s: %d at once", seconds, name, at_once)
        self._run.waited(name, seconds)


def _stuck(name: str, places: int, *, once_more: bool) -> LimitError:
    inside = "once more inside of what holds a place for it"
    if not once_more:
        inside = "inside of what holds a place of another limit"
    return LimitError(
        f"{name!r} is needed {inside}, as by a background task of scope 'request', and those who"
        f" hold all of max_concurrency={places} wait so, too: it would wait for ever. Raise the"
        " limit, let go of the place first (a narrower scope), or pass the value on"
    )
