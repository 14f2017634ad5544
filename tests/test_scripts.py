"""The scripts: one word each, from a fresh clone, and a sentence where something is missing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Answers as a Python would, and writes down what it is asked to install and to run.
STAND_IN = """#!/bin/sh
case "$*" in
    *sys.version_info*) echo {version} ;;
    *"import ensurepip"*) exit {venv_missing} ;;
    *"import pip"*) exit 0 ;;
    "-m venv "*) mkdir -p "$3/bin" && touch "$3/pyvenv.cfg" && cp "{path}" "$3/bin/python"
        echo "made $3" >>"{log}" ;;
    "-m pip install "*) echo "installed $7" >>"{log}"
        [ ! -e "{log}.offline" ] || { echo "pip: no network" >&2; exit 1; } ;;
    *) echo "ran $*" >>"{log}" ;;
esac
"""

LINES = """The shop is on {url} - try, in another terminal:

  curl {url}/users -H 'content-type: application/json' -d '{{"name": "ada"}}'
"""


class Clone:
    """A copy of the project in a folder with spaces, and its scripts run from elsewhere."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "a folder with spaces" / "microfw"
        ignored = shutil.ignore_patterns(".*", "__pycache__", "*.db", "*.egg-info")
        shutil.copytree(ROOT, self.root, ignore=ignored)
        self.elsewhere = tmp_path
        self.log = tmp_path / "log"
        self.offline = tmp_path / "log.offline"

    def stand_in(self, version: str = "3.11", *, venv_missing: bool = False) -> str:
        path = self.elsewhere / f"python-{version}"
        script = STAND_IN.replace("{version}", version).replace("{path}", str(path))
        script = script.replace("{log}", str(self.log)).replace(
            "{venv_missing}", str(int(venv_missing))
        )
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def command(self, name: str, *arguments: str) -> list[str]:
        return [str(self.root / "scripts" / name), *arguments]

    def run(
        self, name: str, *arguments: str, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(name, *arguments),
            cwd=self.elsewhere,
            env=environment() | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self) -> list[str]:
        """Return what the stand-in did since the last time."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def environment() -> dict[str, str]:
    ours = ("COVERAGE_", "PYTHON", "UVICORN_", "VENV", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def test_the_first_start_makes_the_environment_and_the_second_uses_it(clone: Clone) -> None:
    python = clone.stand_in()

    assert clone.run("test", "-k", "some words", PYTHON=python).returncode == 0
    assert clone.done() == [
        "made .venv",
        "installed .[test]",
        "ran -m pytest -k some words",
    ]

    assert clone.run("test", "-x", PYTHON=python).returncode == 0
    assert clone.done() == ["ran -m pytest -x"]


def test_without_arguments_the_tests_are_measured(clone: Clone) -> None:
    assert clone.run("test", PYTHON=clone.stand_in()).returncode == 0
    assert clone.done()[2:] == [
        "ran -m coverage erase",
        "ran -m coverage run -m pytest --numprocesses auto --dist worksteal",
        "ran -m coverage combine --quiet",
        "ran -m coverage report",
    ]


def test_bench_passes_its_arguments_on(clone: Clone) -> None:
    assert clone.run("bench", "sync", PYTHON=clone.stand_in()).returncode == 0
    assert clone.done()[-1] == "ran -m benchmarks sync"


def test_mutate_passes_its_arguments_on(clone: Clone) -> None:
    assert clone.run("mutate", "shield", PYTHON=clone.stand_in()).returncode == 0
    assert clone.done()[-1] == "ran -m proof.mutations shield"


def test_prove_passes_its_arguments_on(clone: Clone) -> None:
    assert clone.run("prove", "--examples", "5", PYTHON=clone.stand_in()).returncode == 0
    assert clone.done()[-1] == "ran -m proof.prove --examples 5"


@pytest.mark.parametrize("what", ["faults", "races", "databases --seed 3"])
def test_prove_runs_other_proofs_by_name(clone: Clone, what: str) -> None:
    assert clone.run("prove", *what.split(), PYTHON=clone.stand_in()).returncode == 0
    assert clone.done()[-1] == f"ran -m proof.{what}"


def test_a_changed_pyproject_is_installed_again(clone: Clone) -> None:
    python = clone.stand_in()
    clone.run("test", "-x", PYTHON=python)
    clone.done()

    with (clone.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")

    clone.run("test", "-x", PYTHON=python)
    assert clone.done() == ["installed .[test]", "ran -m pytest -x"]


def test_an_interrupted_start_is_made_good_by_the_next_one(clone: Clone) -> None:
    python = clone.stand_in()
    clone.run("test", "-x", PYTHON=python)
    clone.done()
    with subprocess.Popen(["true"]) as gone:
        pass
    (clone.root / ".venv" / ".busy").write_text(str(gone.pid), encoding="utf-8")

    done = clone.run("test", "-x", PYTHON=python)

    assert "An interrupted start left .venv half made." in done.stderr
    assert clone.done() == ["made .venv", "installed .[test]", "ran -m pytest -x"]


def test_the_lowest_versions_have_an_environment_of_their_own(clone: Clone) -> None:
    assert clone.run("test", "--lowest", "-x", PYTHON=clone.stand_in()).returncode == 0
    assert clone.done() == [
        "ran scripts/_lowest.py",
        "made .venv-lowest",
        "installed .[test]",
        "ran -m pytest -x",
    ]


def test_the_lowest_versions_are_those_that_the_project_allows(clone: Clone) -> None:
    (clone.root / "pyproject.toml").write_text(
        '[project]\ndependencies = ["anyio>=4.4", "msgspec>=0.20", "click>=8.0",'
        " \"msgspec>=9; python_version >= '3.99'\", \"click>=8.1; python_version >= '3.11'\"]\n"
        "[project.optional-dependencies]\n"
        'standard = ["uvicorn[standard]>=0.35"]\nexamples = []\ntest = ["anyio>=4.11", "pytest>=9.0"]\n'
    )
    told = subprocess.run(
        [sys.executable, "scripts/_lowest.py"],
        cwd=clone.root,
        capture_output=True,
        check=True,
        text=True,
    )
    assert told.stdout == "anyio==4.11\nmsgspec==0.20\nclick==8.1\nuvicorn==0.35\n"


@pytest.mark.parametrize("left", ["nothing", "a folder", "a Python that does not run"])
def test_an_environment_that_does_not_work_is_made_anew(clone: Clone, left: str) -> None:
    if left != "nothing":
        (clone.root / ".venv" / "bin").mkdir(parents=True)
        (clone.root / ".venv" / "pyvenv.cfg").touch()
    if left == "a Python that does not run":
        (clone.root / ".venv" / "bin" / "python").symlink_to("/nowhere/python")

    clone.run("test", "-x", PYTHON=clone.stand_in())
    assert clone.done() == ["made .venv", "installed .[test]", "ran -m pytest -x"]


def test_a_moved_folder_gets_a_new_environment(clone: Clone) -> None:
    python = clone.stand_in()
    clone.run("test", "-x", PYTHON=python)
    clone.done()

    clone.root = clone.root.rename(clone.root.with_name("moved"))

    clone.run("test", "-x", PYTHON=python)
    assert clone.done() == ["made .venv", "installed .[test]", "ran -m pytest -x"]


def test_another_python_gets_a_new_environment(clone: Clone) -> None:
    clone.run("test", "-x", PYTHON=clone.stand_in("3.11"))
    clone.done()

    clone.run("test", "-x", PYTHON=clone.stand_in("3.12"))
    assert clone.done() == ["made .venv", "installed .[test]", "ran -m pytest -x"]


def test_a_folder_of_something_else_is_left_alone(clone: Clone) -> None:
    mine = clone.root / "mine"
    mine.mkdir()
    (mine / "letter").touch()

    done = clone.run("test", "-x", PYTHON=clone.stand_in(), VENV="mine")

    assert done.returncode == 1
    assert done.stderr == (
        "mine is there and is no virtual environment. "
        "Move it away, or set VENV to another folder.\n"
    )
    assert (mine / "letter").exists()


def test_without_a_network_a_sentence_says_so_and_the_next_start_tries_again(clone: Clone) -> None:
    python = clone.stand_in()
    clone.offline.touch()

    done = clone.run("test", "-x", PYTHON=python)

    assert done.returncode == 1
    assert done.stderr.endswith(
        "pip: no network\n"
        "The packages could not be installed (pip's reason is above).\n"
        "The first start fetches them from PyPI and needs the network. Then run this again.\n"
    )

    clone.offline.unlink()
    clone.done()
    clone.run("test", "-x", PYTHON=python)
    assert clone.done() == ["installed .[test]", "ran -m pytest -x"]


def test_a_python_that_is_too_old_gets_a_sentence(clone: Clone) -> None:
    python = clone.stand_in("3.10")
    done = clone.run("serve", PYTHON=python)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"microfw needs Python 3.11 or later, and {python} is Python 3.10.\n"
        f"Install a newer one, or name it: "
        f"PYTHON=/path/to/python3.12 {clone.root / 'scripts' / 'serve'}\n"
    )


def test_a_python_without_venv_gets_a_sentence(clone: Clone) -> None:
    python = clone.stand_in(venv_missing=True)
    done = clone.run("serve", PYTHON=python)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{python} cannot make virtual environments: its venv module is missing.\n"
        "On Debian and Ubuntu it comes with 'apt install python3-venv'. Then run this again.\n"
    )


def test_a_python_that_does_not_run_gets_a_sentence(clone: Clone) -> None:
    done = clone.run("serve", PYTHON="/nowhere/python")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "PYTHON is '/nowhere/python', which does not run. "
        "Name a Python 3.11 or later, or unset PYTHON.\n"
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Make a folder with the few tools that the scripts use, to be the whole PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("bash", "cat", "cksum", "cp", "dirname", "ls", "mkdir", "rm", "sh", "touch"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def test_a_machine_without_python_gets_a_sentence(clone: Clone, tools: Path) -> None:
    done = clone.run("serve", PATH=str(tools))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "No Python was found. Install Python 3.11 or later, or name it: "
        f"PYTHON=/path/to/python3.12 {clone.root / 'scripts' / 'serve'}\n"
    )


def test_the_first_python_that_will_do_is_taken(clone: Clone, tools: Path) -> None:
    (tools / "python3").symlink_to(clone.stand_in("3.10"))
    (tools / "python3.13").write_text("#!/bin/sh\necho 'shim: not installed' >&2; exit 127\n")
    (tools / "python3.13").chmod(0o755)
    (tools / "python3.12").symlink_to(clone.stand_in("3.12"))

    done = clone.run("test", "-x", PATH=str(tools))

    assert done.stderr.splitlines()[0] == "Making .venv with python3.12 (3.12) ..."
    assert clone.done() == ["made .venv", "installed .[test]", "ran -m pytest -x"]


@pytest.mark.parametrize(
    ("arguments", "variables", "url"),
    [
        ([], {}, "http://127.0.0.1:8000"),
        (["--port", "8001"], {}, "http://127.0.0.1:8001"),
        (["--port=8001", "--reload"], {}, "http://127.0.0.1:8001"),
        (["--host", "0.0.0.0"], {}, "http://127.0.0.1:8000"),
        (["--host", "::1", "--port", "8001"], {}, "http://[::1]:8001"),
        ([], {"UVICORN_PORT": "8001"}, "http://127.0.0.1:8001"),
    ],
)
def test_serve_says_where_the_shop_is_and_passes_its_arguments_on(
    clone: Clone, arguments: list[str], variables: dict[str, str], url: str
) -> None:
    done = clone.run("serve", *arguments, PYTHON=clone.stand_in(), **variables)
    assert done.stdout.startswith(LINES.format(url=url))
    assert done.stdout.count("curl") == 5
    assert clone.done() == [
        "made .venv",
        "installed .[standard,examples]",
        " ".join(["ran -m uvicorn examples.shop.main:app", *arguments]),
    ]


@pytest.fixture
def serve(clone: Clone) -> Iterator[Callable[[int], "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def start(port: int) -> "subprocess.Popen[str]":
        server = subprocess.Popen(
            clone.command("serve", "--port", str(port)),
            cwd=clone.elsewhere,
            env=environment() | {"PYTHON": sys.executable},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(server)
        return server

    yield start
    for server in started:
        with server:
            server.kill()


def said_until(server: "subprocess.Popen[str]", end: str) -> str:
    """Return what the server says up to and with the first line that has `end` in it."""
    assert server.stdout is not None
    said = ""
    for line in server.stdout:
        said += line
        if end in line:
            return said
    raise AssertionError(f"never said {end!r}:\n{said}")


@pytest.mark.slow
def test_a_fresh_clone_serves_the_shop_until_ctrl_c(
    clone: Clone, serve: Callable[[int], "subprocess.Popen[str]"]
) -> None:
    for start in ("first", "second"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]

        server = serve(port)
        said = said_until(server, "Application startup complete")

        assert ("Making .venv" in said) == (start == "first")
        assert ("Installing microfw" in said) == (start == "first")
        assert LINES.format(url=f"http://127.0.0.1:{port}") in said
        said_until(server, "Uvicorn running on")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            assert answer.status == 200

        server.send_signal(signal.SIGINT)
        said_until(server, "Application shutdown complete")
        assert server.wait(timeout=10) == 0
