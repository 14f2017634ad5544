"""What Sentry records, beside FastAPI's applications."""

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.servers import ROOT

pytest.importorskip("sentry_sdk")


@cache
def recorded(*arguments: str) -> list[Any]:
    command = [sys.executable, "-m", "tests.integrations.sentry_program", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_sentry_records_errors_routes_and_bodies() -> None:
    assert recorded("microfw") == [
        ["GET", "/items/3", 200, ["transaction", "/items/{number}", None]],
        [
            *("POST", "/orders/1", 500, "open", "ValueError", "close"),
            ["event", "/orders/{number}", "ValueError: session", {"number": 500}],
            ["transaction", "/orders/{number}", {"number": 500}],
        ],
        [
            *("POST", "/orders/1", 200, "open", "close"),
            ["transaction", "/orders/{number}", {"number": 1}],
        ],
        [
            *("POST", "/orders/1", 422, "open", "RequestValidationError", "close"),
            ["transaction", "/orders/{number}", {"number": "x"}],
        ],
        [
            *("POST", "/sync/1", 500, "open", "ValueError", "close"),
            ["event", "/sync/{number}", "ValueError: session", {"number": 1}],
            ["transaction", "/sync/{number}", {"number": 1}],
        ],
        [
            *("POST", "/forms", 500),
            ["event", "/forms", "ValueError: ('Ann', {'name': 'Ann'})", {"name": "Ann"}],
            ["transaction", "/forms", {"name": "Ann"}],
        ],
        ["POST", "/raw", 200, ["transaction", "/raw", ""]],
        ["POST", "/raw", 200, ["transaction", "/raw", ""]],
        [
            *("GET", "/503", 503),
            ["event", "/503", "HTTPException: no", None],
            ["transaction", "/503", None],
        ],
        ["GET", "/404", 404, ["transaction", "/404", None]],
        [
            *("GET", "/teapot", 418),
            ["event", "/teapot", "Teapot: ", None],
            ["transaction", "/teapot", None],
        ],
        [
            *("GET", "/task", 200),
            ["event", "/task", "KeyError: 'task'", None],
            ["transaction", "/task", None],
        ],
        ["GET", "/pre/1/sub/2", 200, ["transaction", "/pre/{outer}/sub/{name}", None]],
        ["GET", "/nowhere", 404, ["transaction", "http://testserver/nowhere", None]],
    ]


def test_sentry_records_the_same_of_fastapi() -> None:
    assert recorded("microfw") == recorded("fastapi")


def test_sentry_may_start_after_the_import_of_microfw() -> None:
    assert recorded("microfw", "later") == recorded("microfw")
