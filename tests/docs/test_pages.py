"""What the pages show is what happens: code runs, and answers, prints and raises what they say."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import BLOCK, ROOT, SOURCES, filled

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
PYTHON = re.compile(r"^ *```python[^\n]*\n", re.MULTILINE)

each_page_that_runs = pytest.mark.parametrize(
    "page",
    [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))],
    ids=lambda page: page.relative_to(DOCS).as_posix(),
)


@each_page_that_runs
def test_what_a_page_shows_is_what_happens(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert filled(text) == text  # `python -m tests.docs.pages` writes what happens now


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_a_page_that_shows_a_region_of_a_program_links_to_the_whole(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = {block["what"] for block in BLOCK.finditer(text) if block["kind"] == "code"}

    for program in {what.split(":")[0] for what in shown if ":" in what}:
        assert f"[{program}](src/{program})" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_each_block_of_python_is_one_that_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    run = {block.start("open") for block in BLOCK.finditer(text)}

    assert [fence[0] for fence in PYTHON.finditer(text) if fence.start() not in run] == []


def test_all_code_that_is_there_is_on_a_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    blocks = [block for text in texts for block in BLOCK.finditer(text)]
    shown = {block["what"] for block in blocks if block["kind"] == "code"}
    run = {block["what"].split()[0] for block in blocks if block["what"]}
    for file in SOURCES.rglob("*.py"):
        code, name = file.read_text(encoding="utf-8"), file.relative_to(SOURCES).as_posix()
        regions = re.findall(r"^# region (\w+)$", code, re.MULTILINE)
        expected = {f"{name}:{region}" for region in regions} or {name}
        assert expected <= shown or not code or file.stem in run
