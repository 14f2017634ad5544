"""Whoever follows the first steps word by word gets what they promise, from the wheel."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts._docs import FENCE, ROOT
from tests.docs.pages import BLOCK
from tests.servers import PATIENCE, READY
from tests.test_packaging import address_of, environment

PAGE = (ROOT / "docs" / "first-steps.md").read_text(encoding="utf-8")
BLOCKS = [fence[0].split("\n", 1) for fence in FENCE.finditer(PAGE)]
INSTALL, DEV, TEST = (text.removesuffix("```") for head, text in BLOCKS if head == "```sh")
HARBOUR = ("bigger", "sql", "settings", "testing", "deployment")


def titled(page: str) -> Iterator[tuple[str, str]]:
    """The files of a page, with their code."""
    for fence in FENCE.finditer(page):
        head, text = fence[0].split("\n", 1)
        if found := re.fullmatch(r'```(?:python|toml) title="(.*)"', head):
            yield found[1], text.removesuffix("```")


RUN, LOOK = (block["text"] for block in BLOCK.finditer(PAGE) if block["kind"] == "run")
(PRINTED,) = (block["text"] for block in BLOCK.finditer(PAGE) if block["kind"] == "printed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]


class Reader:
    """Somebody who has an empty folder and a shell."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {
            **environment(),
            "PATH": paths,
            "PIP_FIND_LINKS": str(wheels),
            "COLUMNS": "100",
        }

    def type(self, text: str) -> str:
        """Type commands into the shell in which the environment is active; return what they print."""
        active = "" if text == INSTALL else ". .venv/bin/activate\n"
        done = subprocess.run(
            ["bash", "-euc", active + text],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def type_each(self, console: str, port: int) -> str:
        """Type each command of a console; return commands and output as the console shows them."""
        shown = []
        for command in re.findall(r"^\$ (.*)$", console, re.MULTILINE):
            aimed = command.replace("localhost:8000", f"127.0.0.1:{port}")
            quiet = aimed.replace("curl ", "curl -sS ", 1)
            shown.append(f"$ {command}\n{self.type(quiet).rstrip()}\n")
        return "".join(shown)


def test_the_first_steps_lead_where_they_say(built: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path, built)
    reader.type(INSTALL)
    for name, text in titled(PAGE):
        (tmp_path / name).write_text(text, encoding="utf-8")
    program, *arguments = shlex.split(DEV)

    with subprocess.Popen(
        [str(tmp_path / ".venv/bin" / program), *arguments, "--port", "0"],
        cwd=tmp_path,
        env=reader.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            port = int(address_of(server).rsplit(":", 1)[1])
            assert server.stderr is not None
            assert any(READY in line for line in server.stderr)
            answered = reader.type_each(RUN, port)
        finally:
            server.terminate()
            printed, _ = server.communicate(timeout=PATIENCE)

    assert answered == RUN
    assert PRINTED in printed
    assert reader.type_each(LOOK, port) == LOOK
    assert "2 passed" in reader.type(TEST)


def test_the_bigger_application_is_what_its_pages_hold(built: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path, built)
    reader.type(INSTALL)
    pages = [(ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in HARBOUR]
    for packages in re.findall(r"`pip install (.*?)`", "\n".join(pages)):
        reader.type(f"pip install {packages}")
    for name, text in (found for page in pages for found in titled(page)):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (tmp_path / "harbour" / "__init__.py").touch()

    assert "6 passed" in reader.type("python -m pytest -q")
    assert reader.type("microfw check harbour.main:app").endswith("0 mistakes, 0 warnings\n")
    reader.type("pip install --no-deps .")
    reader.type("HARBOUR_DATABASE=sqlite+aiosqlite:///new.sqlite3 python -m harbour.deploy")
    environment = "HARBOUR_DATABASE=sqlite+aiosqlite:///new.sqlite3 HARBOUR_CREATE_TABLES=false"
    assert reader.type(f"{environment} python -m harbour.report") == "0\n"
