"""Random programs, watched: they do the same, and their traces tell what their logs tell."""

import re
from collections.abc import Iterator
from typing import Any

from starlette.types import Scope

from microfw.tracing import Span, Trace
from proof.builds import microfw_app
from proof.observing import Laboratory, Observation
from proof.programs import Program

Event = tuple[str, str, str | None]
"""What went on, where, and of exit code the class of the exception it saw, where that is known."""

_LINES = {
    "setup": r"(?P<name>d\d+) (opens|is called) with ",
    "exit": r"(?P<name>d\d+) (exits|ends$|ends \(|sees (?!GeneratorExit)(?P<saw>a cancellation|\w+))",
    "endpoint": r"(?P<name>endpoint) (starts|is called) with ",
    "send": r"sends (?P<name>)response.start",
    "accept": r"sends (?P<name>)accept",
    "close": r"sends (?P<name>)close",
    "task": r"(?P<name>own task|task\d+) (starts|is called) with ",
}
_CANCELLATION = "a cancellation"


def with_trace(laboratory: Laboratory, program: Program) -> tuple[Any, Any]:
    """What a program does, and what it does while it is watched, with what its traces miss."""
    traces: list[Trace] = []

    def watched(program: Program, world: Any) -> Any:
        app = microfw_app(program, world)
        app.tracing.listen(traces.append, when=is_no_lifespan)
        return app

    expected = laboratory.observe(microfw_app, program)
    seen = laboratory.observe(watched, program)
    if isinstance(expected, str) or isinstance(seen, str):
        return expected, seen
    observed = [each for of_backend in seen.values() for each in requests_of(program, of_backend)]
    mistakes = [
        mistake
        for observation, trace in zip(observed, traces, strict=True)
        for mistake in (*missing(observation.log, trace), *disorder(trace))
    ]
    return (expected, []), (seen, mistakes)


def is_no_lifespan(scope: Scope) -> bool:
    """Whether something has a trace that is whole: what start-up opens exits in another one."""
    return bool(scope["type"] != "lifespan")


def requests_of(program: Program, observed: list[Observation]) -> list[Observation]:
    """The observations that are of requests."""
    has_lifespan = any(use.scope == "app" for use in program.uses)
    return observed[1:-1] if has_lifespan else observed


def missing(log: list[str], trace: Trace) -> list[Event]:
    """The events in a log that are not in a trace, in their order."""
    told = iter([(span.kind, span.name, span.saw) for span in trace.spans])
    return [event for event in events_of(log) if not any(agrees(event, each) for each in told)]


def agrees(event: Event, told: tuple[str, str, str | None]) -> bool:
    kind, name, saw = event
    if (kind, name or told[1]) != told[:2]:
        return False
    if saw is None or told[2] is None or saw.endswith("Group"):  # `except*` makes one of anything
        return saw is None or told[2] is not None
    return "Cancel" in told[2] if saw == _CANCELLATION else told[2].startswith(saw)


def events_of(log: list[str]) -> Iterator[Event]:
    """What a log tells; of exit code that writes several lines, only the first."""
    last: Event | None = None
    for line in log:
        for kind, pattern in _LINES.items():
            found = re.match(pattern, line)
            if found is not None:
                event = kind, found["name"], found.groupdict().get("saw")
                if kind != "exit" or last is None or last[:2] != event[:2]:
                    yield event
                last = event


def disorder(trace: Trace) -> list[str]:
    """What is wrong with the nesting of a trace's spans."""
    return [
        problem
        for number, span in enumerate(trace.spans)
        for problem in (*_outside(trace, number, span), *_half_open(trace, number, span))
    ]


def _outside(trace: Trace, number: int, span: Span) -> Iterator[str]:
    if not 0 <= span.start <= span.end <= trace.duration:
        yield f"{span.label} is outside of the trace"
    if span.parent is None:
        return
    outer = trace.spans[span.parent]
    if not (span.parent < number and outer.start <= span.start <= span.end <= outer.end):
        yield f"{span.label} is outside of {outer.label}"
    if span.depth != outer.depth + 1:
        yield f"{span.label} is not one deeper than {outer.label}"


def _half_open(trace: Trace, number: int, span: Span) -> Iterator[str]:
    if span.kind == "open":
        inside = [each for each in trace.spans if each.parent == number]
        first, exits = inside[0], [each for each in inside if each.kind == "exit"]
        if first.kind != "setup" or [each.name for each in exits] != [span.name] * (
            first.outcome == "ok"
        ):
            yield f"{span.label} holds {[each.label for each in inside]}"
    if span.outcome == "unfinished" and span.kind != "send":
        yield f"{span.label} has not ended"
