"""No link of the documents is dead: files are there, and headings for anchors."""

import re
import unicodedata
from pathlib import Path

import pytest

from scripts._docs import FENCE, ROOT, links_of

DOCUMENTS = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "examples" / "README.md",
]

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


@each_document
def test_a_link_leads_to_a_file_and_a_heading_of_it(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name, anchor in [*links_of(text), *(("", each) for each in own_anchors(text))]:
        file = document.parent / name if name else document
        assert file.exists(), f"{name} is not there"
        if anchor and file.suffix == ".md":
            assert anchor in anchors_of(file), f"{name}#{anchor} is not there"


@each_document
def test_a_link_to_another_host_is_secure(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))

    assert re.findall(r"http://(?!localhost|127\.0\.0\.1)\S+", text) == []


def own_anchors(text: str) -> list[str]:
    """The anchors to which a page links in itself."""
    return re.findall(r"\]\(#([^)\s]+)\)", FENCE.sub("", text))


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as both the site and a viewer of the repository make them."""
    headings = re.findall(
        r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE
    )
    return {anchor for each in headings if (anchor := slug(each)) == viewers_slug(each)}


def slug(heading: str) -> str:
    """As Python-Markdown makes it."""
    text = unicodedata.normalize("NFKD", plain(heading)).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def viewers_slug(heading: str) -> str:
    """As viewers of repositories make it: each space becomes a hyphen."""
    return re.sub(r"[^\w\- ]", "", plain(heading).lower()).replace(" ", "-")


def plain(heading: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
