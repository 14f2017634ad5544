"""A folder of a user's own, and the command run in it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microfw.cli import main


class Folder:
    """The working directory of a user, with spaces in its name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, prog_name="microfw")

    def output(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def error(self, *arguments: str) -> str:
        """What a command that fails says."""
        result = self.run(*arguments)
        assert result.exit_code == 1, result.output
        return result.stderr.replace(str(self.path), "FOLDER")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    path = tmp_path / "a folder"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.delenv("MICROFW_APP", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield Folder(path)
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None) or ""
        if name not in before and file.startswith(str(tmp_path)):
            del sys.modules[name]
