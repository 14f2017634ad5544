"""The last traces, and the clients that wait for the next one."""

import logging
import threading
from collections import deque
from heapq import merge

from msgspec import Struct
from starlette.types import Scope

from microfw.dependencies import Signal, current_tracer
from microfw.openapi._application import DocumentationRoute
from microfw.tracing import Observer, OngoingTrace, Sink, Trace


class Kept(Struct, frozen=True):
    """A trace, by its number."""

    number: int
    trace: Trace


class Summary(Struct, frozen=True):
    """A trace in the list.

    Attributes:
        number: Its number.
        kind: What it is of.
        method: The method.
        path: The path that was asked for.
        status: That of the response.
        began: In seconds since the epoch.
        duration: Nanoseconds.
        error: What nobody has answered.
        swallowed: Who has swallowed an exception.
        slowest: What took longest of the author's code.
    """

    number: int
    kind: str
    method: str
    path: str
    status: int | None
    began: float
    duration: int
    error: str | None
    swallowed: str | None
    slowest: str | None


def summary_of(kept: Kept) -> Summary:
    """What the list says of a trace."""
    trace = kept.trace
    swallowing = (span.name for span in trace.spans if span.outcome == "swallowed")
    own = [span for span in trace.spans if span.kind in _OWN]
    slowest = max(own, key=lambda span: span.duration, default=None)
    return Summary(
        kept.number,
        trace.kind,
        trace.method,
        trace.name,
        trace.status,
        trace.began,
        trace.duration,
        trace.error,
        next(swallowing, None),
        None if slowest is None else slowest.label,
    )


_OWN = ("setup", "endpoint", "exit", "handler", "task")


_SERVER_ERROR = 500
_UNASKED = ("/favicon.ico", "/.well-known/appspecific/com.chrome.devtools.json")
"""What browsers ask for on their own."""


class UnderWay(Struct, frozen=True):
    """A request that has not ended.

    Attributes:
        method: Its method.
        path: Its path.
        began: In seconds since the epoch.
        now: What goes on.
    """

    method: str
    path: str
    began: float
    now: str


class Traces(Sink):
    """Keeps the last traces of an application.

    Args:
        limit: How many; as many of tasks of queues and of calls, which displace no requests.
        own: The application whose requests are left out: that which shows the traces.
        values: Whether the values that are read are kept.
    """

    def __init__(self, limit: int, own: object, *, values: bool) -> None:
        self.wants_values = values
        self._kept: deque[Kept] = deque(maxlen=limit)
        self._kept_tasks: deque[Kept] = deque(maxlen=limit)
        self._own = own
        self._number = 0
        self._lock = threading.RLock()
        self._waiting: list[Signal] = []
        self._under_way: dict[int, OngoingTrace] = {}

    def wants(self, scope: Scope) -> bool:
        return scope.get("app") is not self._own

    def observer(self, trace: OngoingTrace) -> Observer:
        self._under_way[id(trace)] = trace
        return _Leaving(self._under_way, trace)

    def ended(self, trace: Trace, scope: Scope) -> None:
        if scope.get("app") is self._own or _is_of_browser(trace, scope):
            return  # the former is mounted in the one that is watched
        with self._lock:
            self._number += 1
            kept = self._kept_tasks if trace.kind == "task" else self._kept
            kept.append(Kept(self._number, trace))
            waiting, self._waiting = self._waiting, []
        for signal in waiting:
            signal.set()

    def clear(self) -> None:
        """Keep none of those that are there."""
        with self._lock:
            self._kept.clear()
            self._kept_tasks.clear()

    def after(self, number: int) -> list[Kept]:
        """Those that have ended since, the oldest first."""
        with self._lock:
            both = merge(self._kept, self._kept_tasks, key=lambda each: each.number)
            return [each for each in both if each.number > number]

    def find(self, number: int) -> Trace | None:
        """One by its number, if it is still kept."""
        return next((each.trace for each in self.after(0) if each.number == number), None)

    def under_way(self) -> list[UnderWay]:
        """The requests that have not ended; that for this list is none of them."""
        return [_described(each) for each in [*self._under_way.values()] if not self._is_own(each)]

    def _is_own(self, trace: OngoingTrace) -> bool:
        return trace.scope.get("app") is self._own

    async def next_after(self, number: int) -> list[Kept]:
        """Wait until there are some after a number; return them."""
        signal = Signal()
        with self._lock:
            self._waiting.append(signal)
        try:
            if not self.after(number):
                await signal.wait()
        finally:
            with self._lock:
                self._waiting = [each for each in self._waiting if each is not signal]
        return self.after(number)


def _is_of_browser(trace: Trace, scope: Scope) -> bool:
    """Whether nobody but a browser has asked, for what belongs to the pages of the documentation.

    What has failed of these is kept.
    """
    if trace.status is None or trace.status >= _SERVER_ERROR:
        return False
    is_asked_unasked = trace.route is None and trace.name in _UNASKED
    return is_asked_unasked or isinstance(scope.get("route"), DocumentationRoute)


class _Leaving(Observer):
    """Notes the end of a request."""

    def __init__(self, under_way: dict[int, OngoingTrace], trace: OngoingTrace) -> None:
        self._under_way = under_way
        self._trace = trace

    def finished(self, error: BaseException | None) -> None:
        self._under_way.pop(id(self._trace), None)


def _described(trace: OngoingTrace) -> UnderWay:
    innermost = trace.tracer.innermost
    now = "middleware" if innermost is None else innermost.label
    return UnderWay(trace.method, trace.scope["path"], trace.began, now)


class LogCollector(logging.Handler):
    """Adds what is logged during a request to its trace."""

    def emit(self, record: logging.LogRecord) -> None:
        handlers = logging.getLogger().handlers
        if next((each for each in handlers if isinstance(each, LogCollector)), self) is not self:
            return  # that of another timeline in this process adds it
        tracer = current_tracer.get()
        if tracer is not None:
            tracer.log(record.levelname, record.name, _message_of(record))
        # A handler of the root logger takes the place of the one that prints where there is none.
        last = logging.lastResort
        is_alone = all(isinstance(each, LogCollector) for each in handlers)
        if is_alone and last is not None and record.levelno >= last.level:
            last.handle(record)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # who prints it tells of that; it is no matter of who logs
        return f"what cannot be formatted ({record.pathname}:{record.lineno})"
