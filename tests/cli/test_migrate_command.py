"""What `microfw migrate` shows, lists and writes."""

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="libcst is not installed")

from microfw.cli import _migrate
from tests.cli.conftest import Folder


def test_it_shows_a_diff_and_writes_when_asked(folder: Folder) -> None:
    main = folder.write("app/main.py", "from fastapi import FastAPI\r\n\r\napp = FastAPI()")
    folder.write("app/.venv/lib.py", "import fastapi\n")
    folder.write("env/pyvenv.cfg", "")
    folder.write("env/lib.py", "import fastapi\n")
    folder.write("node_modules/gen.py", "import fastapi\n")
    before = main.read_bytes()

    shown = folder.run("migrate", ".")

    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "--- a/app/main.py",
        "+++ b/app/main.py",
        "@@ -1,3 +1,3 @@",
        "-from fastapi import FastAPI",
        "+from microfw import App",
        " ",
        "-app = FastAPI()",
        "\\ No newline at end of file",
        "+app = App()",
        "\\ No newline at end of file",
    ]
    assert shown.stderr.splitlines() == [
        (
            'app/main.py:3: note: the default scope of FastAPI 0.118 and later is "request":'
            ' App(default_scope="request") keeps it'
            ' (the page "From FastAPI" says what changes otherwise)'
        ),
        "1 files, 1 to change, 0 things left to do",
    ]
    assert main.read_bytes() == before

    written = folder.run("migrate", "--write", "app/main.py")

    assert (written.exit_code, written.stdout) == (0, "")
    assert written.stderr.splitlines()[-2:] == [
        "app/main.py is changed",
        "1 files, 1 changed, 0 things left to do",
    ]
    assert main.read_bytes() == b"from microfw import App\r\n\r\napp = App()"
    assert folder.run("migrate", ".").stderr == "1 files, 0 to change, 0 things left to do\n"


def test_what_is_left_is_listed_and_the_exit_status_is_1(folder: Folder) -> None:
    folder.write("main.py", "\nfrom fastapi.logger import logger\n")
    folder.write("broken.py", "from fastapi import FastAPI (\n")

    result = folder.run("migrate", "main.py", "broken.py")

    assert result.exit_code == 1
    assert result.stdout == ""
    first, *_, last = result.stderr.splitlines()
    assert first == (
        'main.py:2: microfw has no fastapi.logger.logger (the page "Compatibility", fastapi.logger)'
    )
    assert "broken.py: cannot be parsed, and stays: Syntax Error @ 1:" in result.stderr
    assert last == "2 files, 0 to change, 2 things left to do"


def test_a_default_scope_that_is_given_needs_no_note(folder: Folder) -> None:
    folder.write("main.py", "import fastapi\nfastapi.FastAPI(default_scope='request')\n")

    assert "note" not in folder.run("migrate", ".").stderr


def test_a_name_that_another_file_imports_stays(folder: Folder) -> None:
    folder.write("base.py", "from fastapi import APIRouter, FastAPI\n")
    user = folder.write(
        "user.py", "import os\nfrom base import FastAPI\nfrom fastapi import Path\n"
    )
    folder.run("migrate", "--write", ".")

    assert Path("base.py").read_text() == "from microfw import Router, App as FastAPI\n"
    assert "from base import FastAPI\nfrom microfw import Path\n" in user.read_text()


def test_without_libcst_it_says_what_to_install(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(_migrate, "find_spec", nothing)

    assert folder.error("migrate", ".") == (
        "Error: libcst is not installed\n  cure: pip install 'microfw-asgi[migrate]'\n"
    )
