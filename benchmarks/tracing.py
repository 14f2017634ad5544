"""What it costs to be watched, and what it costs when nobody watches."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any, Self

from benchmarks.cases import LIFECYCLE, Case, Contender
from benchmarks.contenders import Make, fastapi, framework_fastapi, framework_microfw, microfw
from benchmarks.contenders.declared import Framework
from benchmarks.in_process import Options, Part
from benchmarks.measuring import verify
from benchmarks.report import Report, markdown

TraceFunction = Callable[[FrameType, str, Any], Any]

CASES = ("plain", "async-3", "sync-3", "error-3")
COUNTED = ("plain", "async-3", "error-3")
"""Those that stay in one thread."""


def measure(options: Options) -> Report:
    """Time requests that nobody watches beside those that somebody does; count instructions.

    The SDK of OpenTelemetry makes spans and exports none: how they are exported is another matter.
    """
    cases = [case for case in LIFECYCLE if case.name in CASES]
    report = Part("tracing", cases, CONTENDERS).report(cases, options)
    counts = [(case, asyncio.run(instructions_of(case))) for case in cases if case.name in COUNTED]
    rows = [["case", *(name for name in counts[0][1])]]
    rows += [
        [f"`{case.name}`", *(f"{each.all} ({each.of_tracing})" for each in found.values())]
        for case, found in counts
    ]
    told = "Instructions of Python's that one request executes (those of tracing's modules):"
    return replace(report, text=f"{report.text}\n\n{told}\n\n{markdown(rows)}")


class Instructions:
    """Counts the instructions of Python's that run in this thread while a `with` block does.

    Attributes:
        all: How many.
        of_tracing: How many of them belong to modules that only tracing needs.
    """

    def __init__(self) -> None:
        self.all = self.of_tracing = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _: object) -> TraceFunction:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self.all += 1
            self.of_tracing += any(part in frame.f_code.co_filename for part in _OF_TRACING)
        return self._trace


_OF_TRACING = ("/microfw/tracing/", "/dependencies/_probes.py", "/dependencies/_spans.py")


async def instructions_of(case: Case) -> dict[str, Instructions]:
    """Count what one request executes, of each of microfw's that is called in this thread."""
    found: dict[str, Instructions] = {}
    for trial in await verify(case, [microfw(), unwatched(), listened()]):
        for _ in range(2):  # the first has Python prepare the code to be watched (3.12 and later)
            with Instructions() as found[trial.contender]:
                await trial.call_repeatedly(1)
    return found


def _watched(name: str, framework: Framework, watch: Callable[[Any], Any]) -> Contender:
    """A framework whose applications are watched."""

    def application() -> Any:
        app = framework.application()
        return watch(app) or app

    return replace(framework, name=name, application=application).contender()


def unwatched() -> Contender:
    """Make microfw's, with a listener that has come and gone."""
    return _watched(
        "microfw, off again",
        framework_microfw(),
        lambda app: app.tracing.listen(lambda trace: None).stop(),
    )


def listened() -> Contender:
    """Make microfw's, with a listener."""

    def watch(app: Any) -> None:
        app.tracing.listen(lambda trace: None)

    return _watched("microfw, traced", framework_microfw(), watch)


def rendered() -> Contender:
    """Make microfw's, with each trace written as a terminal shows it."""
    from microfw.tracing import render

    def watch(app: Any) -> None:
        app.tracing.listen(render)

    return _watched("microfw, rendered", framework_microfw(), watch)


def with_opentelemetry() -> Contender:
    """Make microfw's, with spans of OpenTelemetry's SDK.

    Raises:
        ImportError: It is not installed.
    """
    from microfw.tracing.opentelemetry import OpenTelemetry

    def watch(app: Any) -> None:
        app.tracing.listen(OpenTelemetry(**_providers()))

    return _watched("microfw, OpenTelemetry", framework_microfw(), watch)


def fastapi_with_telemetry() -> Contender:
    """Make FastAPI's, with the same of its own.

    Raises:
        ImportError: It is not installed.
    """
    from fastapi import FastAPI

    framework = framework_fastapi()

    def application() -> Any:
        telemetry: Any = {**_providers(), "logs": False}
        return FastAPI(openapi_url=None, telemetry=telemetry)

    return replace(framework, name="FastAPI, telemetry", application=application).contender()


def fastapi_instrumented() -> Contender:
    """Make FastAPI's, with OpenTelemetry's instrumentation.

    Raises:
        ImportError: It is not installed.
    """
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    def watch(app: Any) -> None:
        FastAPIInstrumentor.instrument_app(app, **_providers())

    return _watched("FastAPI, instrumented", framework_fastapi(), watch)


def _providers() -> dict[str, Any]:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    return {"tracer_provider": TracerProvider(), "meter_provider": MeterProvider()}


CONTENDERS: tuple[Make, ...] = (
    *(microfw, unwatched, listened, rendered, with_opentelemetry),
    *(fastapi, fastapi_with_telemetry, fastapi_instrumented),
)
