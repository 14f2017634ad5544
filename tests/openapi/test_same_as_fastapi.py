"""The documents of programs that both frameworks run are equal, apart from what has a name."""

import importlib
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from microfw import App
from tests.openapi.comparing import compared
from tests.tutorial.twins import twin_of
from tests.twin.loading import ON_FASTAPI, ON_MICROFW, built_museum

SHOP = Path(__file__).parent.parent.parent / "examples" / "shop"
TUTORIAL = Path(__file__).parent.parent / "tutorial"
NOT_FOR_FASTAPI = {"test_structs"}
PAGES = [
    path.stem for path in sorted(TUTORIAL.glob("test_*.py")) if path.stem not in NOT_FOR_FASTAPI
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::fastapi.exceptions.FastAPIDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Duplicate Operation ID:UserWarning"),
]


PYDANTICS = {
    r"from msgspec import Meta, Struct": "from pydantic import BaseModel as Struct, Field as Meta"
}
ON_FASTAPI_TOO = {
    r"from microfw\.tasks import TaskQueue": "from unittest.mock import Mock\nTaskQueue = lambda *_: Mock()",
    r"\bmicrofw\b": "fastapi",
    r"\bApp\b": "FastAPI",
    r"\bRouter\b": "APIRouter",
}


def shop(folder: Path, package: str, changes: Mapping[str, str]) -> Any:
    """Import the shop with some words changed: FastAPI knows no Structs."""
    shutil.copytree(SHOP, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (folder / package).glob("*.py"):
        source = path.read_text().replace("examples.shop", package)
        for word, other in changes.items():
            source = re.sub(word, other, source)
        path.write_text(source)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(f"{package}.main").app
    finally:
        sys.path.remove(str(folder))


def assert_equal(ours: Any, theirs: Any) -> None:
    theirs.title = ours.title
    document = ours.openapi()
    own, other = compared(document, theirs.openapi())

    assert own == other
    OpenAPIV31SpecValidator(document).validate()


@pytest.mark.parametrize("page", PAGES)
def test_the_programs_of_a_page_are_described_alike(page: str) -> None:
    module = importlib.import_module(f"tests.tutorial.{page}")
    twin = twin_of(module.__name__)
    applications = [name for name, value in vars(module).items() if isinstance(value, App)]

    for name in applications:
        if getattr(module, name).openapi_url:
            assert_equal(getattr(module, name), getattr(twin, name))


def test_the_shop_is_described_alike(tmp_path: Path) -> None:
    ours = shop(tmp_path, "shop_of_microfw", PYDANTICS)
    theirs = shop(tmp_path, "shop_of_fastapi", {**PYDANTICS, **ON_FASTAPI_TOO})

    assert_equal(ours, theirs)


def test_the_museum_is_described_alike() -> None:
    with built_museum(ON_MICROFW) as ours, built_museum(ON_FASTAPI) as theirs:
        assert_equal(ours.app, theirs.app)
