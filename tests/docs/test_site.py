"""The site is built without a complaint, holds every page, and loads nothing from another host."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts._docs import ROOT, SITE, STAGED, stage

CONFIGURATION = (ROOT / "docs/mkdocs.yml").read_text(encoding="utf-8")
LISTED = re.findall(r"^ +- (?:[^:\n]+: )?([\w./-]+\.md)$", CONFIGURATION, re.MULTILINE)


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"^ +- (?:[^:\n]+: )?([\w./-]+\.md)$", CONFIGURATION, re.MULTILINE)
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}

    assert len(listed) == len(set(listed))
    assert pages - set(listed) == set()


def test_files_of_the_repository_to_which_pages_link_have_a_page(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    files = stage(into=tmp_path)

    assert ROOT / "tests/lifecycle/test_order.py" in files
    page = (tmp_path / "lifecycle.md").read_text(encoding="utf-8")
    assert "[test_order.py](source/tests/lifecycle/test_order.py.md)" in page
    proof = (tmp_path / "source/tests/lifecycle/test_order.py.md").read_text(encoding="utf-8")
    assert "def test_a_diamond_of_depth_30_is_31_steps" in proof
    assert "](../../proof.md)" not in (tmp_path / "project/changelog.md").read_text()


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    if find_spec("zensical") is None:
        pytest.skip("Zensical, of the extra `docs`, is not installed")
    command = [sys.executable, "scripts/_docs.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield SITE
    shutil.rmtree(STAGED)


class Loaded(HTMLParser):
    """Collects what a browser fetches for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "img", "iframe", "source"}:
            self.urls.append(given.get("src") or "")
        if tag == "link" and given.get("rel") not in {"canonical", "next", "prev"}:
            self.urls.append(given.get("href") or "")


@pytest.mark.slow
def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert [url for url in loaded.urls if re.match(r"(https?:)?//", url)] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8"))
