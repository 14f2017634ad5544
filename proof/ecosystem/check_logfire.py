"""logfire.instrument_fastapi: spans of requests, with their arguments."""

import logfire
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from logfire.testing import TestExporter
from opentelemetry.sdk.trace.export import SimpleSpanProcessor


def spans(url: str) -> list[dict]:
    exporter = TestExporter()
    logfire.configure(
        send_to_logfire=False,
        console=False,
        additional_span_processors=[SimpleSpanProcessor(exporter)],
    )
    app = FastAPI()

    @app.get("/items/{item_id}")
    def item(item_id: int):
        return item_id

    @app.get("/fail")
    def fail():
        raise HTTPException(503)

    logfire.instrument_fastapi(app)
    TestClient(app, raise_server_exceptions=False).get(url)
    return exporter.exported_spans_as_dict()


def server_span(url: str) -> dict:
    return next(s for s in spans(url) if "http.route" in s["attributes"])


def test_a_request_is_a_span_with_its_route() -> None:
    span = server_span("/items/3")
    assert span["attributes"]["http.route"] == "/items/{item_id}"
    assert span["attributes"]["http.status_code"] == 200


def test_a_failure_is_a_span() -> None:
    assert server_span("/fail")["attributes"]["http.status_code"] == 503


def test_arguments_are_recorded() -> None:
    span = server_span("/items/3")
    assert '"item_id":3' in span["attributes"]["fastapi.arguments.values"]
