"""Put the pages of docs/ together, and have Zensical make the site of them.

Pages link to tests, results and other files of the repository. The site has a page for each of
these, so that every claim can be followed to its proof without another host.
"""

import argparse
import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs"
SOURCES = PAGES / "src"
CONFIGURATION = PAGES / "mkdocs.yml"
BESIDES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "examples/README.md",
)
STAGED = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"

FENCE = re.compile(r"^( *)(`{3,}|~{3,})[^\n]*\n.*?^\1\2[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=(?: \"[^\"]*\")?\))")
SCHEME = re.compile(r"[a-z]+:")
LANGUAGES = {".py": "python", ".json": "json", ".toml": "toml", "": "sh"}


def outside_of_fences(text: str, change: Callable[[str], str]) -> str:
    """Change what is no block of code."""
    parts: list[str] = []
    end = 0
    for fence in FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(text[end:])])


def links_of(text: str) -> Iterator[tuple[str, str]]:
    """The targets of a page's links to other files of the repository, each with its anchor."""
    for target, anchor in LINK.findall(FENCE.sub("", text)):
        if not SCHEME.match(target):
            yield target, anchor.removeprefix("#")


def staged_name(file: Path) -> PurePosixPath:
    """Where a file of the repository is found on the site."""
    name = PurePosixPath(file.relative_to(ROOT).as_posix())
    if name.parts[0] == "docs" and SOURCES not in file.parents:
        return PurePosixPath(*name.parts[1:])
    if len(name.parts) == 1:
        return PurePosixPath("project", name.name.lower())
    if name.suffix == ".md":
        return PurePosixPath("source", name.with_name(name.name.lower()))
    if name.suffix in {".svg", ".png"}:
        return PurePosixPath("source", name)
    return PurePosixPath("source", f"{name}.md")


def relative(target: PurePosixPath, page: PurePosixPath) -> str:
    """The link from one page of the site to another file of it."""
    common = 0
    while common < len(page.parts) - 1 and page.parts[common] == target.parts[common]:
        common += 1
    up = [".."] * (len(page.parts) - 1 - common)
    return "/".join([*up, *target.parts[common:]])


def shown(file: Path) -> str:
    """A page that shows a file of the repository."""
    name = file.relative_to(ROOT).as_posix()
    text = file.read_text(encoding="utf-8")
    language = LANGUAGES.get(file.suffix, "text")
    return (
        f"---\nsearch:\n  exclude: true\nhide: [toc]\n---\n\n# {name}\n\n"
        f'````{language} linenums="1"\n{text.rstrip()}\n````\n'
    )


def stage(pages: Path = PAGES, into: Path = STAGED) -> list[Path]:
    """Write all pages, and those of the files that they link to; return the files."""
    if into.exists():
        shutil.rmtree(into)
    waiting = [path for path in sorted(pages.rglob("*")) if path.is_file()]
    waiting = [path for path in waiting if SOURCES not in path.parents and path != CONFIGURATION]
    waiting += [ROOT / name for name in BESIDES]
    done: list[Path] = []
    while waiting:
        file = waiting.pop()
        if file in done:
            continue
        done.append(file)
        page = staged_name(file)
        target = into / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            text = file.read_text(encoding="utf-8")
            waiting += [
                linked for name, _ in links_of(text) if (linked := file.parent / name).is_file()
            ]
            target.write_text(moved(text, file, page), encoding="utf-8")
        elif page.suffix == ".md":
            target.write_text(shown(file), encoding="utf-8")
        else:
            shutil.copyfile(file, target)
        waiting = [path.resolve() for path in waiting]
    return done


def moved(text: str, file: Path, page: PurePosixPath) -> str:
    """A page's text with links that fit where it is on the site."""

    def change(found: re.Match[str]) -> str:
        linked = (file.parent / found[1]).resolve()
        if SCHEME.match(found[1]) or not linked.is_file():
            return found[0]  # which Zensical complains of, if it is no page
        return relative(staged_name(linked), page) + (found[2] or "")

    return outside_of_fences(text, functools.partial(LINK.sub, change))


def build() -> int:
    """Build the site; return Zensical's status."""
    stage()
    configuration = shutil.copy(CONFIGURATION, STAGED.parent)
    shutil.rmtree(STAGED.parent / ".cache", ignore_errors=True)  # Zensical's may be out of date
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    command += ["--config-file", str(configuration)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def serve(port: int) -> None:
    """Show the site, and build it anew when a page changes, until Ctrl-C."""
    from watchfiles import watch

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"The site is on http://127.0.0.1:{server.server_port}")
    for _ in watch(PAGES, ROOT / "microfw"):
        build()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--serve", nargs="?", type=int, const=8001, metavar="PORT")
    arguments = parser.parse_args()
    status = build()
    if arguments.serve is not None:
        serve(arguments.serve)
    return status


if __name__ == "__main__":
    sys.exit(main())
