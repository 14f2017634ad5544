"""What happens in one execution, written down as it happens: spans that nest as `with` blocks do.

Rules
-----
1. One execution does one thing at a time, now on the event loop, now in a worker thread. So the
   spans that are open form a stack: what begins is inside of what began last and has not ended.
2. What happens beside it (the client sends, or leaves) is written down when it is over, inside of
   what is open then.
3. Nothing of the values is kept, nor of an exception but its class: a trace can be shown. Where
   somebody wants to see values, `show` writes those that are read.
4. Times are nanoseconds of the monotonic clock.

Theory of operation: `current_tracer` holds the `Tracer` of the current context. There is none
unless somebody listens, and then nothing here is called.
"""

from collections.abc import Callable
from contextvars import ContextVar
from threading import get_ident
from time import perf_counter_ns
from typing import Any, Literal, Protocol, cast

from msgspec import Struct, structs

from microfw.dependencies._cancellation import is_cancellation
from microfw.dependencies._exit_arguments import Error, ErrorClass, Traceback
from microfw.dependencies._own_lines import innermost_place, own_place

# fmt: off
SpanKind = Literal[
    "receive", "read", "open", "setup", "wait", "endpoint", "response", "exit",
    "around", "handler", "send", "background", "task", "accept", "close", "disconnect",
]
# fmt: on
"""What goes on in a span.

- `"receive"`: the body arrives.
- `"read"`: the values that one function takes from the request are read and validated.
- `"open"`: a yield dependency is open; setup, all that is inside of its `with` block, exit.
- `"setup"`, `"endpoint"`, `"exit"`, `"handler"`, `"task"`: that code of the author's runs. `"exit"`
  is what stands behind the `yield`, `"handler"` an exception handler, `"task"` the function of a
  background task, of a queue's task or of `app.call`.
- `"background"`: a background task that has dependencies: their setup, the task, their exit.
- `"wait"`: there is no free worker thread yet, scope "app" is not open yet, or a dependency is used
  as often at once as its `max_concurrency` allows.
- `"response"`: what the endpoint returned is validated and encoded.
- `"around"`: a route's custom handler runs, outside of the route's own.
- `"send"`: from the first byte of the response to the last.
- `"accept"`, `"close"`, `"disconnect"`: moments in the life of a connection.
"""

# fmt: off
Outcome = Literal[
    "ok", "raised", "passed", "replaced", "swallowed", "cut off", "cancelled", "invalid",
    "unfinished",
]
# fmt: on
"""How a span has ended.

- `"raised"`: with an exception. Where exit code raises another one than it saw: `"replaced"`.
- `"passed"`: exit code saw an exception, and that went on. `"swallowed"`: it did not.
- `"cut off"`: exit code did not end within `cleanup_timeout`.
- `"cancelled"`: a cancellation went through it.
- `"invalid"`: a value that was read is not valid.
- `"unfinished"`: it had not ended when something else began, or when the trace did.
"""

SpanScope = Literal["use", "function", "request", "app"]


_MOMENTS: tuple[SpanKind, ...] = ("receive", "send", "accept", "close", "disconnect")
"""What is about no function."""


def _label(kind: SpanKind, name: str) -> str:
    return kind if kind in _MOMENTS else f"{kind} {name}"


class Subject(Struct, frozen=True):
    """What a span is about."""

    name: str
    function: str | None = None
    """Its name with those of what it is inside of, the module's first."""
    file: str | None = None
    line: int | None = None
    scope: SpanScope | None = None
    at: int | None = None
    """The line of the generated source that calls it."""


class Span(Struct, frozen=True):
    """Something that took its time in one request, WebSocket or task.

    Attributes:
        kind: What went on; see `SpanKind`.
        name: Of the function that it is about, or of what happened.
        function: The same with the names of what it is inside of, `"shop.orders.get_session"`.
        file: Where that function is written.
        line: Its first line there.
        scope: Of a dependency: when it exits.
        at: The line of the generated source (`Trace.source`) that calls it.
        thread: 0 for the event loop's, others in the order of their appearance.
        start: Nanoseconds since the trace began, by the monotonic clock.
        end: The same.
        outcome: How it ended; see `Outcome`.
        saw: The class of the exception that exit code saw, with its status.
        raised: That of the exception with which it ended.
        raised_at: The author's own line that raised it, or called what did: `file:line`.
        raised_in: Where that was, where it is a library's line.
        parent: The index, in `Trace.spans`, of the span that it is inside of.
        depth: How many spans it is inside of.
    """

    kind: SpanKind
    name: str
    function: str | None
    file: str | None
    line: int | None
    scope: SpanScope | None
    at: int | None
    thread: int
    start: int
    end: int
    outcome: Outcome
    saw: str | None
    raised: str | None
    raised_at: str | None
    raised_in: str | None
    parent: int | None
    depth: int

    @property
    def duration(self) -> int:
        """Nanoseconds."""
        return self.end - self.start

    @property
    def label(self) -> str:
        """What went on and where: `"exit get_session"`."""
        return _label(self.kind, self.name)


class ShownValue(Struct, frozen=True):
    """A value that was read from the request.

    Attributes:
        span: The index, in `Trace.spans`, of the span in which it was.
        name: The parameter's.
        text: What it is, shortened, without secrets.
    """

    span: int
    name: str
    text: str


class LogLine(Struct, frozen=True):
    """Something that was logged meanwhile.

    Attributes:
        at: Nanoseconds since the trace began.
        level: The name of the level, `"INFO"`.
        logger: The name of the logger.
        message: What it says.
    """

    at: int
    level: str
    logger: str
    message: str


class OpenSpan(Struct, eq=False):
    """A span that has not ended yet."""

    kind: SpanKind
    subject: Subject
    thread: int
    start: int
    parent: "OpenSpan | None"
    depth: int
    end: int = -1
    outcome: Outcome = "unfinished"
    saw: str | None = None
    raised: str | None = None
    raised_at: str | None = None
    raised_in: str | None = None

    @property
    def label(self) -> str:
        """What goes on and where, as `Span.label`."""
        return _label(self.kind, self.subject.name)


class SpanObserver(Protocol):
    """Watches one execution while it runs."""

    def began(self, span: OpenSpan) -> None:
        """Something begins, in the thread and the context in which it runs."""

    def ended(self, span: OpenSpan, error: Error) -> None:
        """It has ended, in the same context; or something is over that did not begin here."""


class Tracer:
    """Writes down what happens in one execution.

    Attributes:
        origin: When it began.
        source: The generated source that runs.
        logs: What was logged meanwhile, where that is collected.
        show: Writes a value that was read, which is described by a `ReadValue`; if that is wanted.
        values: Those that were read, by the span and the name.
        heir: What writes down what is still to come, once this one has been adopted.
    """

    def __init__(self) -> None:
        self.show: Callable[[Any, Any], str] | None = None
        self._threads = {get_ident(): 0}
        self.heir: Tracer | None = None
        self._open: list[OpenSpan] = []
        self._observers: list[SpanObserver] = []
        self.restart()

    def restart(self) -> None:
        """Begin anew; what is open now is no part of what is written down from here on."""
        self._end_all()
        self.origin: int = perf_counter_ns()
        self.source: str = ""
        self.logs: list[LogLine] = []
        self.values: list[tuple[OpenSpan, str, str]] = []
        self._observers.clear()
        self._spans: list[OpenSpan] = []
        self._has_finished = False

    def add_observer(self, observer: SpanObserver) -> None:
        """Report each event from now on, at once."""
        self._observers.append(observer)

    @property
    def innermost(self) -> OpenSpan | None:
        """What has begun last and has not ended."""
        return self._open[-1] if self._open else None

    def has(self, kind: SpanKind) -> bool:
        """Whether something of a kind has begun."""
        return any(span.kind == kind for span in self._spans)

    def begin(self, kind: SpanKind, subject: Subject) -> OpenSpan:
        """Begin a span inside of the innermost one."""
        if self._open and self._open[-1].kind == "send":  # nothing is inside of that
            self.end(self._open[-1], "unfinished")
        span = self._new(kind, subject, perf_counter_ns())
        self.move(span)
        self._spans.append(span)
        self._open.append(span)
        for observer in self._observers:
            observer.began(span)
        return span

    def _new(self, kind: SpanKind, subject: Subject, start: int) -> OpenSpan:
        return OpenSpan(kind, subject, 0, start, self.innermost, len(self._open))

    def move(self, span: OpenSpan) -> None:
        """Note that a span goes on in the current thread."""
        span.thread = self._threads.setdefault(get_ident(), len(self._threads))

    def end(self, span: OpenSpan, outcome: Outcome, error: Error = None) -> None:
        """End a span, and what has begun inside of it and was not ended.

        Args:
            span: The span; nothing happens if it has ended.
            outcome: How it ended.
            error: The exception with which it did.
        """
        if span.end >= 0:
            return
        while self._open[-1] is not span:
            self._end(self._open.pop(), "unfinished", None)
        self._end(self._open.pop(), outcome, error)

    def _end(self, span: OpenSpan, outcome: Outcome, error: Error) -> None:
        span.end = perf_counter_ns()
        span.outcome = outcome
        if error is not None:
            span.raised = shown(error)
            innermost = innermost_place(error.__traceback__)
            span.raised_at = own_place(error.__traceback__) or innermost
            span.raised_in = innermost if innermost != span.raised_at else None
        for observer in self._observers:
            observer.ended(span, error)

    def add(
        self, kind: SpanKind, subject: Subject, start: int, outcome: Outcome = "ok"
    ) -> OpenSpan:
        """Add what is over now; of one function's values, to what was read of them before."""
        last = self._spans[-1] if self._spans else None
        if last is not None and kind == "read" and last.kind == kind and last.subject == subject:
            last.end = perf_counter_ns()
            if outcome != "ok":
                last.outcome = outcome
            return last
        span = self._new(kind, subject, start)
        if span.parent is not None:
            span.start = max(start, span.parent.start)
        if kind == "read":
            self.move(span)
        span.end, span.outcome = perf_counter_ns(), outcome
        self._spans.append(span)
        for observer in self._observers:
            observer.ended(span, None)
        return span

    def adopt(self, other: "Tracer") -> None:
        """Add what another one has written down of what this execution has waited for.

        That was in a task of its own, which need not have ended. What it holds open outlives it:
        only what ran in its setup is added.
        """
        outer = self.innermost
        numbers = {number: ident for ident, number in other._threads.items()}  # noqa: SLF001 - the same class
        adopted: dict[int, OpenSpan | None] = {}
        for span in [*other._spans]:  # noqa: SLF001
            parent = outer if span.parent is None else adopted[id(span.parent)]
            adopted[id(span)] = parent
            if span.kind == "open":
                continue
            thread = self._threads.setdefault(numbers[span.thread], len(self._threads))
            copy = structs.replace(
                span,
                subject=structs.replace(span.subject, at=None),  # of a source of its own
                thread=thread,
                parent=parent,
                depth=0 if parent is None else parent.depth + 1,
                end=span.end if span.end >= 0 else perf_counter_ns(),
            )
            adopted[id(span)] = copy
            self._spans.append(copy)
            for observer in self._observers:
                observer.ended(copy, None)
        for line in other.logs:
            at = line.at + other.origin - self.origin
            self.logs.append(LogLine(at, line.level, line.logger, line.message))

    def log(self, level: str, name: str, message: str) -> None:
        """Keep something that was logged; not of what goes on when all is over."""
        if self._has_finished:
            return
        self.logs.append(LogLine(perf_counter_ns() - self.origin, level, name, message))

    def finish(self) -> tuple[tuple[Span, ...], tuple[ShownValue, ...]]:
        """End what is open; return all spans, in the order in which they began, and the values."""
        self._end_all()
        self._has_finished = True
        spans = sorted(self._spans, key=lambda span: (span.start, span.depth))
        numbers = {id(span): number for number, span in enumerate(spans)}
        values = (ShownValue(numbers[id(span)], *told) for span, *told in self.values)
        return tuple(self._finished(span, numbers) for span in spans), tuple(values)

    def _end_all(self) -> None:
        while self._open:
            self._end(self._open.pop(), "unfinished", None)

    def _finished(self, span: OpenSpan, numbers: dict[int, int]) -> Span:
        subject = span.subject
        return Span(
            kind=span.kind,
            name=subject.name,
            function=subject.function,
            file=subject.file,
            line=subject.line,
            scope=subject.scope,
            at=None if _is_in_background(span) else subject.at,
            thread=span.thread,
            start=span.start - self.origin,
            end=span.end - self.origin,
            outcome=span.outcome,
            saw=span.saw,
            raised=span.raised,
            raised_at=span.raised_at,
            raised_in=span.raised_in,
            parent=None if span.parent is None else numbers[id(span.parent)],
            depth=span.depth,
        )


current_tracer: ContextVar[Tracer | None] = ContextVar("microfw_tracer", default=None)
"""What writes down the current execution."""


def tracer() -> Tracer:
    """What writes down the current execution, where that is known to be watched."""
    return cast("Tracer", current_tracer.get())


class during:  # noqa: N801 - reads as a word in a `with` statement
    """Have a span for the length of a `with` block."""

    __slots__ = ("_kind", "_span", "_subject", "_tracer")

    def __init__(self, kind: SpanKind, subject: Subject) -> None:
        self._kind: SpanKind = kind
        self._subject = subject
        self._tracer = tracer()

    def __enter__(self) -> OpenSpan:
        self._span = self._tracer.begin(self._kind, self._subject)
        return self._span

    def __exit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> None:
        try:
            self._tracer.end(self._span, outcome_of(error), error)
        finally:
            del error  # whose traceback may hold this frame


def outcome_of(error: Error) -> Outcome:
    """How something ended that this exception came out of."""
    if error is None:
        return "ok"
    return "cancelled" if is_cancellation(error) else "raised"


def shown(error: BaseException) -> str:
    """The class of an exception, and its status if it has one."""
    status = getattr(error, "status_code", None)
    name = type(error).__name__
    return f"{name}({status})" if isinstance(status, int) else name


def _is_in_background(span: OpenSpan | None) -> bool:
    """Whether a span belongs to a background task, which has a source of its own."""
    while span is not None and span.kind != "background":
        span = span.parent
    return span is not None
