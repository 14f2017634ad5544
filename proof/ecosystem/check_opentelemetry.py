"""opentelemetry-instrumentation-fastapi and -starlette: server spans, routes, errors."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.testclient import TestClient
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def spans(instrumentor: Any, url: str) -> list[Any]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app, router = FastAPI(), APIRouter()

    @app.get("/items/{i}")
    def item(i: int):
        return i

    @app.get("/boom/{i}")
    def boom(i: int):
        raise ValueError("x")

    @app.get("/503")
    def five():
        raise HTTPException(503)

    @router.get("/sub/{y}")
    def sub(y: int, z: str):
        return y

    app.include_router(router, prefix="/pre/{z}")
    instrumentor.instrument_app(app, tracer_provider=provider)
    TestClient(app, raise_server_exceptions=False).get(url)
    return [span for span in exporter.get_finished_spans() if span.kind.name == "SERVER"]


@pytest.mark.parametrize("instrumentor", [FastAPIInstrumentor, StarletteInstrumentor])
@pytest.mark.parametrize(
    ("url", "route", "status"),
    [
        ("/items/3", "/items/{i}", 200),
        ("/boom/4", "/boom/{i}", 500),
        ("/503", "/503", 503),
        ("/nope", None, 404),
    ],
)
def test_a_request_is_a_span(instrumentor: Any, url: str, route: str, status: int) -> None:
    (span,) = spans(instrumentor, url)
    assert span.attributes.get("http.route") == route
    assert span.attributes.get("http.status_code") == status


def test_a_router_s_route_has_its_whole_path() -> None:
    (span,) = spans(FastAPIInstrumentor, "/pre/1/sub/2")
    assert span.name == "GET /pre/{z}/sub/{y}"


def test_an_error_is_recorded() -> None:
    (span,) = spans(FastAPIInstrumentor, "/boom/4")
    assert [event.name for event in span.events] == ["exception"]
    assert span.status.status_code.name == "ERROR"
