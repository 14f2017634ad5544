"""The OpenAPI documents of the project's own applications: examples, museum, the tutorial's programs."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microfw import App

ROOT = Path(__file__).parent.parent
PLACES = {
    "shop": "examples.shop.main",
    "oauth2_jwt": "examples.oauth2_jwt",
    "museum": "tests.twin.museum.main",
}


def applications() -> Iterator[tuple[str, App]]:
    """Import them, by name."""
    for name, place in PLACES.items():
        yield name, importlib.import_module(place).app
    for page in sorted((ROOT / "tests" / "tutorial").glob("test_*.py")):
        module = importlib.import_module(f"tests.tutorial.{page.stem}")
        for name, value in vars(module).items():
            if isinstance(value, App) and value.openapi_url:
                yield f"{page.stem.removeprefix('test_')}-{name}", value


def documents() -> dict[str, dict[str, Any]]:
    """Make their documents."""
    return {name: app.openapi() for name, app in applications()}
