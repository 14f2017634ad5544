"""The OpenAPI documents of the project's own applications: examples, museum, the tutorial's programs."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microfw import App
from tests.twin.loading import ON_MICROFW, built_museum

ROOT = Path(__file__).parent.parent
EXAMPLES = {"shop": "examples.shop.main", "oauth2_jwt": "examples.oauth2_jwt"}
MUSEUM = "museum_of_microfw"


def applications(folder: Path) -> Iterator[tuple[str, App]]:
    """Make them, by name.

    Args:
        folder: Where to write the museum's files.
    """
    for name, place in EXAMPLES.items():
        yield name, importlib.import_module(place).app
    with built_museum(folder, MUSEUM, ON_MICROFW) as museum:
        yield "museum", museum.app
    for page in sorted((ROOT / "tests" / "tutorial").glob("test_*.py")):
        module = importlib.import_module(f"tests.tutorial.{page.stem}")
        for name, value in vars(module).items():
            if isinstance(value, App) and value.openapi_url:
                yield f"{page.stem.removeprefix('test_')}-{name}", value


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """Make their documents."""
    return {name: app.openapi() for name, app in applications(folder)}
