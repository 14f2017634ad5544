"""The museum on either framework: its files, written for FastAPI, with the imports changed."""

import importlib
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("museum")

ON_MICROFW = {"fastapi": "microfw", "FastAPI": "App", "APIRouter": "Router"}
ON_FASTAPI: Mapping[str, str] = {}


@dataclass(frozen=True)
class Museum:
    """One museum, with modules and a state of its own."""

    app: Any
    entries: list[str]
    """The journal of what has happened in it."""


@contextmanager
def built_museum(directory: Path, package: str, changes: Mapping[str, str]) -> Iterator[Museum]:
    """Write the museum as a package with some words changed, and import that.

    Args:
        directory: Where to write it.
        package: Its name, which nothing else has.
        changes: Words by what they are changed to.
    """
    target = directory / package
    shutil.copytree(SOURCE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in target.glob("*.py"):
        path.write_text(_changed(path.read_text(), {"tests.twin.museum": package, **changes}))
    sys.path.insert(0, str(directory))
    try:
        main = importlib.import_module(f"{package}.main")
        journal = importlib.import_module(f"{package}.journal")
        yield Museum(main.app, journal.entries)
    finally:
        sys.path.remove(str(directory))
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]


def _changed(source: str, changes: Mapping[str, str]) -> str:
    words = "|".join(map(re.escape, changes))
    return re.sub(rf"\b({words})\b", lambda found: changes[found[0]], source)
