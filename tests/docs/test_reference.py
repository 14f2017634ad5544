"""The reference holds every public name."""

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.test_public_names import each_module

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md")}
DOCUMENTED = re.findall(r"^::: ([\w.]+)$", "\n".join(PAGES.values()), re.MULTILINE)


def value_of(path: str) -> Any:
    """What a dotted path names: a module, or a name of one."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


VALUES = [value_of(path) for path in DOCUMENTED]


def is_documented(module: ModuleType, name: str) -> bool:
    if any(value is module for value in VALUES):
        return True
    value = getattr(module, name)
    if any(value is each for each in VALUES):
        return True
    if module.__name__ == "microfw.status":
        return f"`{module.__name__}`" in PAGES["starlette"]
    row = re.search(rf"^\| `{re.escape(module.__name__)}` \|.*$", PAGES["starlette"], re.MULTILINE)
    return row is not None and f"`{name}`" in row[0]


@each_module
def test_the_reference_holds_each_public_name_of_a_module(module: ModuleType) -> None:
    names = [name for name in module.__all__ if not is_documented(module, name)]

    if module.__name__ == "microfw.cli":
        names.remove("main")  # the command has a page of its own
    assert names == [], "write them into docs/reference"


@pytest.mark.parametrize("path", sorted(set(DOCUMENTED)))
def test_a_name_is_documented_once(path: str) -> None:
    assert DOCUMENTED.count(path) == 1
