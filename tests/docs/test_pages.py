"""What the pages show is what happens: code runs, and answers, prints and raises what they say."""

import re
from pathlib import Path

import pytest

from scripts._docs import INCLUDE
from tests.docs.pages import BLOCK, ROOT, SOURCES, filled

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix()
)
each_page_that_runs = pytest.mark.parametrize(
    "page",
    [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))],
    ids=lambda page: page.relative_to(DOCS).as_posix(),
)


@each_page_that_runs
def test_what_a_page_shows_is_what_happens(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert filled(text) == text  # `python -m tests.docs.pages` writes what happens now


@each_page
def test_the_code_that_a_page_includes_is_there(page: Path) -> None:
    for name, section in INCLUDE.findall(page.read_text(encoding="utf-8")):
        source = (SOURCES / name).read_text(encoding="utf-8")
        for mark in ("start", "end"):
            assert not section or f"# --8<-- [{mark}:{section}]\n" in source


def test_all_code_that_is_there_is_on_a_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    shown = {found for text in texts for found in INCLUDE.findall(text)}
    run = {
        block["what"].split()[0]
        for text in texts
        for block in BLOCK.finditer(text)
        if block["what"]
    }
    for file in SOURCES.rglob("*.py"):
        code, name = file.read_text(encoding="utf-8"), file.relative_to(SOURCES).as_posix()
        sections = re.findall(r"\[start:(\w+)\]", code)
        expected = {(name, section) for section in sections} or {(name, "")}
        assert expected <= shown or not code or file.stem in run
