"""The museum on either framework."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.editions import Edition

HOME = "tests.twin.museum"

ON_MICROFW = Edition("_on_microfw", HOME, "microfw")
ON_FASTAPI = Edition("_on_fastapi", HOME, "fastapi")


@dataclass(frozen=True)
class Museum:
    """One museum, with modules and a state of its own."""

    app: Any
    entries: list[str]
    """The journal of what has happened in it."""


@contextmanager
def built_museum(edition: Edition) -> Iterator[Museum]:
    """Import the museum in an edition; one at a time."""
    try:
        yield Museum(edition.of(f"{HOME}.main").app, edition.of(f"{HOME}.journal").entries)
    finally:
        edition.forget()
