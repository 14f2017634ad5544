"""What is packed is the package alone, and it works where nothing else is installed."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHONS = [sys.executable, *filter(None, os.environ.get("RELEASE_PYTHONS", "").split(":"))]
"""This one, and those that `scripts/release` has found."""

APP = """
from typing import Annotated

from microfw import App, Depends

app = App()


async def get_greeting():
    yield "hello"


@app.get("/greetings/{name}")
async def greet(name: str, greeting: Annotated[str, Depends(get_greeting)]) -> dict[str, str]:
    return {"message": f"{greeting} {name}"}
"""


def test_no_file_has_another_project_installed() -> None:
    """The name `microfw` on PyPI is another's; ours is imported by it, and installed by no name yet."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("which files are tracked is known to git")
    git = ("git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z")
    listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    taken = re.compile(
        r"\bmicrofw\[\w"  # with extras
        r"|pip3? (install|download)\b[^\n`]*[ \t]microfw(?![-\w/.])"
        r"|\bname = \"microfw\"\s*$",  # in a pyproject.toml
        re.MULTILINE,
    )
    texts = ((file, file.read_bytes().decode(errors="replace")) for file in files if file.is_file())
    assert [f"{file}: {found[0]}" for file, text in texts for found in taken.finditer(text)] == []
    assert ROOT / "README.md" in files
    for line in ("pip install {}", "pip install -U '{}[standard]'", "{}[test]", 'name = "{}"'):
        assert taken.search(line.format("microfw"))
        assert not taken.search(line.format("microfw-asgi"))


def environment() -> dict[str, str]:
    """Return this process's environment without what would measure or redirect another Python."""
    ours = ("COVERAGE_", "PYTHON", "UVICORN_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sources() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "microfw").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_alone(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"
    assert names == sources() | {
        f"{about}/METADATA",
        f"{about}/RECORD",
        f"{about}/WHEEL",
        f"{about}/entry_points.txt",
        f"{about}/licenses/LICENSE",
        f"{about}/licenses/microfw/openapi/assets/LICENSE",
        f"{about}/licenses/microfw/openapi/assets/NOTICE",
        f"{about}/licenses/microfw/openapi/assets/swagger-ui-bundle.js.LICENSE.txt",
    }
    assert {"microfw/py.typed", "microfw/openapi/assets/swagger-ui-bundle.js.gz"} <= names


def test_the_sdist_holds_all_that_a_distributor_needs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert names >= sources() | {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "scripts/test",
        "tests/conftest.py",
    }
    assert {name.split("/", 1)[0] for name in names} <= {
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "SECURITY.md",
        "benchmarks",
        "docs",
        "examples",
        "microfw",
        "proof",
        "pyproject.toml",
        "scripts",
        "tests",
    }


def test_what_is_packed_is_small(built: Path) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")

    assert wheel.stat().st_size < 2**20
    assert sdist.stat().st_size < 2 * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("versions", ["newest", "lowest"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_wheel_serves_a_request_in_an_environment_with_nothing_else(
    python: str, versions: str, built: Path, tmp_path: Path
) -> None:
    (wheel,) = built.glob("*.whl")
    run(python, "-m", "venv", "--without-pip", str(tmp_path / "env"), cwd=tmp_path)
    python = str(tmp_path / "env" / "bin" / "python")
    pip = (sys.executable, "-m", "pip", "--python", python)
    bounds = tmp_path / "bounds.txt"
    bounds.write_text(lowest(python) if versions == "lowest" else "", encoding="utf-8")
    quietly = ("-qq", "--disable-pip-version-check")
    run(*pip, "install", *quietly, "-c", str(bounds), str(wheel), cwd=tmp_path)
    (tmp_path / "main.py").write_text(APP, encoding="utf-8")

    with subprocess.Popen(
        [python, "-m", "uvicorn", "main:app", "--port", "0"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            with urllib.request.urlopen(
                f"{address_of(server)}/greetings/ada", timeout=10
            ) as answer:
                assert answer.read() == b'{"message":"hello ada"}'
        finally:
            server.terminate()


def lowest(python: str) -> str:
    """The lowest versions of what microfw needs on a Python, as constraints."""
    command = [python, "scripts/_lowest.py"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def address_of(server: "subprocess.Popen[str]") -> str:
    """Return the address that a starting uvicorn says it listens on, once it does."""
    assert server.stderr is not None
    said = []
    for line in server.stderr:
        said.append(line)
        if found := re.search(r"running on (http://[\d.:]+)", line):
            return found[1]
    raise AssertionError("uvicorn did not start:\n" + "".join(said))
