"""What it costs to be watched, and what it costs when nobody watches."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.cases import LIFECYCLE, Contender
from benchmarks.contenders import Make, fastapi, framework_fastapi, framework_microfw, microfw
from benchmarks.contenders.declared import Framework
from benchmarks.in_process import Options, Part
from benchmarks.report import Report

CASES = ("plain", "async-3", "sync-3", "error-3")


def measure(options: Options) -> Report:
    """Time requests that nobody watches beside those that somebody does.

    The SDK of OpenTelemetry makes spans and exports none: how they are exported is another matter.
    """
    cases = [case for case in LIFECYCLE if case.name in CASES]
    return Part("tracing", cases, CONTENDERS).report(cases, options)


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
