"""Makes OpenAPI documents of many routes with one contender, and prints what that costs, as JSON.

See `openapi`. Each route has a path parameter, a query parameter, a body and a result.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.client import Client, Request, new_log
from benchmarks.measuring import CLOCKS

APPLICATIONS = {"microfw": "App", "fastapi": "FastAPI"}
"""What an application is called, by package."""

CALLS = 500


def application(name: str, routes: int, models: int) -> Any:
    """Make an application of routes that share some models."""
    from pydantic import create_model

    app = getattr(import_module(name), APPLICATIONS[name])()
    made: list[Any] = [
        create_model(f"Model{number}", name=(str, ...), size=(int, 3), tags=(list[str], []))
        for number in range(models)
    ]

    def add(number: int) -> None:
        async def endpoint(item: int, body: Any, q: str = "a") -> Any:
            return body

        model = made[number % models]
        endpoint.__name__ = f"endpoint_{number}"
        endpoint.__annotations__.update({"body": model, "return": model})
        app.post(f"/things-{number}/{{item}}")(endpoint)

    for number in range(routes):
        add(number)
    return app


async def plain() -> list[int]:
    """Answer little."""
    return [1]


def main(name: str, routes: int, models: int, clock: str) -> None:
    """Make the document, ask for it, and look at the clock."""
    now = CLOCKS[clock]
    app = application(name, routes, models)
    gc.collect()
    begin = now()
    document = app.openapi()
    figures = {"document": now() - begin, "paths": float(len(document["paths"]))}
    make: Callable[[], Any] = type(app)
    begin = now()
    for _ in range(CALLS):
        make()
    figures["application"] = (now() - begin) / CALLS
    begin = now()
    for _ in range(CALLS):
        type(app)(openapi_url=None)
    figures["application without"] = (now() - begin) / CALLS
    small = type(app)()
    small.get("/plain")(plain)
    for path in ("/openapi.json", "/plain"):
        client = Client(small, Request(path), new_log())
        asyncio.run(client.call())
        begin = now()
        asyncio.run(client.call_repeatedly(CALLS))
        figures[path] = (now() - begin) / CALLS
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
