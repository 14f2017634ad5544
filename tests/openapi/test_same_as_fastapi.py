"""The documents of programs that both frameworks run are equal, apart from what has a name."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from microfw import App
from tests.openapi.comparing import compared
from tests.tutorial.twins import twin_of
from tests.twin.loading import ON_FASTAPI, ON_MICROFW, built_museum

TUTORIAL = Path(__file__).parent.parent / "tutorial"
NOT_FOR_FASTAPI = {"test_structs"}
PAGES = [
    path.stem for path in sorted(TUTORIAL.glob("test_*.py")) if path.stem not in NOT_FOR_FASTAPI
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::fastapi.exceptions.FastAPIDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Duplicate Operation ID:UserWarning"),
]


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


def test_the_museum_is_described_alike(tmp_path: Path) -> None:
    with (
        built_museum(tmp_path, "museum_of_microfw", ON_MICROFW) as ours,
        built_museum(tmp_path, "museum_of_fastapi", ON_FASTAPI) as theirs,
    ):
        assert_equal(ours.app, theirs.app)
