"""The namespace in which a compiled plan is watched: the same names, with probes behind them.

The source that runs is the same. What it calls writes down that it was called: each dependency and
the endpoint, the words that open and close, what reads values, and what the shape has done with the
endpoint's result.
"""

import functools
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter_ns
from typing import Any, TypeVar

from msgspec import Struct

from microfw.dependencies import _runtime as runtime
from microfw.dependencies import _thread_blocks as thread_blocks
from microfw.dependencies._cancellation import is_cancellation
from microfw.dependencies._exit_arguments import Error, ErrorClass, Traceback
from microfw.dependencies._limits import Limit, waiting_for
from microfw.dependencies._plan import Reading, Step
from microfw.dependencies._signatures import name_of, place_of
from microfw.dependencies._spans import (
    OpenSpan,
    Outcome,
    SpanKind,
    Subject,
    current_tracer,
    during,
    outcome_of,
    shown,
    tracer,
)
from microfw.exceptions import CleanupTimeoutError

Result = TypeVar("Result")

_PLACE = re.compile(r"(?P<file>.+):(?P<line>\d+)\)")


class Named(Struct, frozen=True):
    """The meanings of the names in the source of a plan.

    Attributes:
        steps: The steps, by the names of their functions.
        readings: What is read for which step, by the names of what reads it.
        finisher: What is called with the result of the endpoint, if that takes its time.
        opener: What opens scope "app".
        kind: What the endpoint is.
    """

    steps: Mapping[str, Step]
    readings: Mapping[str, Reading]
    endpoint: Step
    finisher: str
    opener: str
    kind: SpanKind


def subject_of(call: Callable[..., Any], name: str, at: int | None = None) -> Subject:
    """What a span of a function is about."""
    return _subject(call, place_of(call), name, at)


def _subject(
    call: Callable[..., Any], where: str, name: str, at: int | None, scope: Any = None
) -> Subject:
    qualname, _, rest = where.partition(" (")
    module = getattr(call, "__module__", None)
    function = f"{module}.{qualname}" if module else qualname
    place = _PLACE.fullmatch(rest)
    file, line = (place["file"], int(place["line"])) if place else (None, None)
    return Subject(name, function, file, line, scope, at)


def during_if_watched(kind: SpanKind, call: Callable[..., Any]) -> AbstractContextManager[object]:
    """Have a span of a function for the length of a `with` block, if somebody watches."""
    if current_tracer.get() is None:
        return nullcontext()
    return during(kind, subject_of(call, name_of(call)))


def probed(namespace: Mapping[str, Any], named: Named, source: str) -> dict[str, Any]:
    """Put probes behind the names of a namespace."""
    lines = source.splitlines()

    def of_step(step: Step, name: str) -> Subject:
        signature = step.signature
        scope = step.scope if step.opens else None
        line = _line_of(name, lines)
        return _subject(signature.call, signature.where, signature.name, line, scope)

    probes = {**namespace, **_WORDS}
    for name, step in named.steps.items():
        is_endpoint = step is named.endpoint
        if not (is_endpoint and step.opens):
            kind: SpanKind = named.kind if is_endpoint else "setup"
            probes[name] = _probe(kind, of_step(step, name), step, namespace[name])
    subjects: dict[int, Subject] = {}
    for name, reading in named.readings.items():
        subject = subjects.setdefault(id(reading.step), of_step(reading.step, name))
        probes[name] = _reader(subject, reading, namespace[name])
    if named.finisher:
        subject = of_step(named.endpoint, named.finisher)
        kind = "endpoint" if named.endpoint.opens else "response"
        probes[named.finisher] = called(
            kind, subject, namespace[named.finisher], is_async=named.endpoint.opens
        )
    if named.opener:
        subject = Subject('scope "app"', at=_line_of(named.opener, lines))
        probes[named.opener] = called("wait", subject, namespace[named.opener], is_async=True)
    return probes


def _line_of(name: str, lines: list[str]) -> int | None:
    """The first line that uses a function, not a comment, keyword or attribute of its name."""
    uses = re.compile(rf"^(?!.*\bdef )[^#]*(?<![\w.]){name}\b(?!=)")
    return next((number for number, line in enumerate(lines, 1) if uses.match(line)), None)


def called(
    kind: SpanKind, subject: Subject, call: Callable[..., Any], *, is_async: bool
) -> Callable[..., Any]:
    """Have a span for each call of a function."""

    async def probe_async(*args: Any, **kwargs: Any) -> Any:
        with during(kind, subject):
            return await call(*args, **kwargs)

    def probe(*args: Any, **kwargs: Any) -> Any:
        with during(kind, subject):
            return call(*args, **kwargs)

    found: Callable[..., Any] = probe_async if is_async else probe
    return functools.update_wrapper(found, call, assigned=(), updated=())


class _Opening(Struct):
    """What opens a yield dependency, and what that is."""

    generator: Any
    subject: Subject


def _probe(
    kind: SpanKind, subject: Subject, step: Step, call: Callable[..., Any]
) -> Callable[..., Any]:
    if not step.opens:
        return called(kind, subject, call, is_async=step.signature.is_async)

    def open_later(*args: Any, **kwargs: Any) -> _Opening:
        return _Opening(call(*args, **kwargs), subject)

    return open_later


def _reader(subject: Subject, reading: Reading, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def probe(run: Any) -> Any:
        start = perf_counter_ns()
        value = read(run)
        outcome: Outcome = "invalid" if value is runtime.INVALID else "ok"
        watching = tracer()
        span = watching.add("read", subject, start, outcome)
        if watching.show is not None:
            watching.values.append((span, reading.argument, watching.show(reading.value, value)))
        return value

    return probe


# ---------------------------------------------------------------------- the words


class _Watched(runtime.opened):
    """Opens a dependency, and writes that down."""

    def __init__(self, opening: _Opening, run: runtime.Run) -> None:
        super().__init__(opening.generator, run)
        self._subject = opening.subject
        self._tracer = tracer()
        self._gave_up = False

    def __enter__(self) -> Any:
        span = self._begin()
        try:
            with during("setup", self._subject):
                return super().__enter__()
        except BaseException as error:
            self._tracer.end(span, outcome_of(error), error)
            raise

    async def __aenter__(self) -> Any:
        span = self._begin()
        try:
            with during("setup", self._subject):
                return await super().__aenter__()
        except BaseException as error:
            self._tracer.end(span, outcome_of(error), error)
            raise

    def __exit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        span = self._begin_exit(error)
        try:
            swallowed = super().__exit__(kind, error, traceback)
            self._end_exit(span, error, swallowed=swallowed)
        except BaseException as raised:
            self._fail_exit(span, error, raised)
            raise
        finally:
            del error  # whose traceback may hold this frame
        return swallowed

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        span = self._begin_exit(error)
        try:
            swallowed = await super().__aexit__(kind, error, traceback)
            self._end_exit(span, error, swallowed=swallowed)
        except BaseException as raised:
            self._fail_exit(span, error, raised)
            raise
        finally:
            del error  # whose traceback may hold this frame
        return swallowed

    def _begin(self) -> OpenSpan:
        self._span = self._tracer.begin("open", self._subject)
        return self._span

    def _begin_exit(self, error: Error) -> OpenSpan:
        self._tracer = self._tracer.heir or self._tracer
        span = self._tracer.begin("exit", self._subject)
        span.saw = None if error is None else shown(error)
        return span

    def _end_exit(self, span: OpenSpan, error: Error, *, swallowed: bool) -> None:
        if error is None or swallowed:
            self._tracer.end(span, "ok" if error is None else "swallowed")
            self._tracer.end(self._span, "ok")
            return
        # Exit code did not let the exception out, and it goes on all the same.
        self._tracer.end(span, "cut off" if self._gave_up else "passed")
        self._tracer.end(self._span, outcome_of(error), error)

    def _fail_exit(self, span: OpenSpan, error: Error, raised: BaseException) -> None:
        outcome: Outcome = "raised" if error is None else "replaced"
        if isinstance(raised, CleanupTimeoutError):
            outcome = "cut off"
        elif error is None and is_cancellation(raised):
            outcome = "cancelled"
        self._tracer.end(span, outcome, raised)
        self._tracer.end(self._span, outcome_of(raised), raised)

    def _lets_out(self, error: BaseException, raised: BaseException, traceback: Traceback) -> bool:
        lets_out = super()._lets_out(error, raised, traceback)
        self._gave_up = not lets_out
        return lets_out


class _WatchedShielded(_Watched, runtime.shielded):
    """The same of one that is shielded from cancellation."""


class _WaitingForThread(thread_blocks.in_thread):
    """Writes down how long a call has waited for a worker thread."""

    _since: int

    def _named(self) -> Subject:
        return Subject(self._generator.gi_code.co_name)

    def _enter(self) -> Any:
        self._arrived()
        return super()._enter()

    def _exit(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        try:
            self._arrived()
            return super()._exit(kind, error, traceback)
        finally:
            del error  # whose traceback may hold this frame

    async def __aenter__(self) -> Any:
        self._since = perf_counter_ns()
        return await super().__aenter__()

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        self._since = perf_counter_ns()
        try:
            return await super().__aexit__(kind, error, traceback)
        finally:
            del error  # whose traceback may hold this frame

    def _arrived(self) -> None:
        tracer().add("wait", self._named(), self._since)


class _WatchedInThread(_WaitingForThread):
    """Opens a sync dependency in a worker thread, and writes that down."""

    def __init__(self, opening: _Opening, run: runtime.Run) -> None:
        super().__init__(opening.generator, run)
        self._subject = opening.subject
        self._block = _Watched(opening, run)

    def _named(self) -> Subject:
        return self._subject


class _WatchedStepsInThread(_WaitingForThread, thread_blocks.steps_in_thread):
    """Opens neighbouring sync dependencies in one call, which have probes of their own."""


class _WatchedWaiting(waiting_for):
    """Writes down how long it has waited for a place."""

    def _note(self, limit: Limit, name: str, since: int) -> None:
        tracer().add("wait", Subject(name), since)
        super()._note(limit, name, since)


async def _call_in_thread(run: runtime.Run, function: Callable[..., Result], *args: Any) -> Result:
    call = arriving(function, Subject(function.__name__.removesuffix("_in_thread")))
    return await thread_blocks.call_in_thread(run, call, *args)


def arriving(
    function: Callable[..., Result], subject: Subject, span: OpenSpan | None = None
) -> Callable[..., Result]:
    """A function that is to be called in a worker thread: when it is, the wait for that is over.

    Args:
        function: What is called.
        subject: What that is.
        span: One that has begun for it, and goes on in that thread.
    """
    since = perf_counter_ns()

    def arrive(*args: Any, **kwargs: Any) -> Result:
        tracer().add("wait", subject, since)
        if span is not None:
            tracer().move(span)
        return function(*args, **kwargs)

    return arrive


def _no_coroutine(value: Result, of: Any) -> Result:
    return runtime.no_coroutine(value, of.__wrapped__)


_WORDS: dict[str, object] = {
    "call_in_thread": _call_in_thread,
    "in_thread": _WatchedInThread,
    "no_coroutine": _no_coroutine,
    "opened": _Watched,
    "shielded": _WatchedShielded,
    "steps_in_thread": _WatchedStepsInThread,
    "waiting_for": _WatchedWaiting,
}
