"""Type checkers in their strict modes accept what users write, and refuse mistakes."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILES = [str(Path(__file__).with_name(name)) for name in ("mistakes.py", "usage.py")]


def check(tool: str, *arguments: str) -> str:
    """Run a type checker; return the last line that it prints, or all where it finds errors."""
    if find_spec(tool) is None:
        pytest.skip(f"{tool} comes with the extra dev")
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    return output.strip().splitlines()[-1] if done.returncode == 0 else output


@pytest.mark.slow
def test_mypy_accepts_what_users_write_and_refuses_mistakes() -> None:
    options = ("--strict", "--python-version=3.11", "--explicit-package-bases", "--config-file=")
    assert check("mypy", *options, *FILES) == "Success: no issues found in 2 source files"


@pytest.mark.slow
def test_pyright_accepts_what_users_write_and_refuses_mistakes(tmp_path: Path) -> None:
    configuration = {
        "include": [os.path.relpath(file, tmp_path) for file in FILES],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "enableTypeIgnoreComments": False,  # those are mypy's
        "reportUnnecessaryTypeIgnoreComment": True,
    }
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(configuration))
    found = check("pyright", f"--project={project}", f"--pythonpath={sys.executable}")
    assert found == "0 errors, 0 warnings, 0 informations"
