"""Run libraries that were made for FastAPI on FastAPI and on microfw, and compare.

Each library has a virtual environment of its own, with pinned versions, and a file of tests that
uses it as its documentation says (`check_NAME.py`). Where the library's source distribution carries
tests, those run too; `--checkouts` names a folder with the repositories of those that carry none,
each by the name of its distribution. The same tests run twice: on FastAPI, and with
`-p microfw.as_fastapi`.
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FASTAPI = "fastapi==0.165.0"
COMMON = (FASTAPI, "pytest>=9", "httpx", "httpx2>=2.0", "python-multipart", "itsdangerous")
OURS = ("-p", "microfw.as_fastapi")
_RANDOM = re.compile(r"[\w-]{40,}")


@dataclass(frozen=True)
class Library:
    """A library, and what its tests need.

    Attributes:
        pinned: The distribution that is tested.
        needs: Others that its tests import.
        suite: Its own tests in its source distribution, what pytest is told of them.
        in_repository: Whether these are in its repository only.
    """

    pinned: str
    needs: tuple[str, ...] = ()
    suite: tuple[str, ...] = ()
    in_repository: bool = False

    @property
    def name(self) -> str:
        return re.split(r"[=\[]", self.pinned)[0]


SQL = ("sqlalchemy[asyncio]>=2.0.58", "aiosqlite>=0.22", "greenlet>=3")
TESTED = ("pytest-asyncio", "pytest-cov", "asgi-lifespan", "dirty-equals", "uvicorn")
LIBRARIES = {
    "application": Library(
        "dishka==1.10.1",
        (
            *("fastapi-users[sqlalchemy]==15.0.5", "sqlmodel==0.0.50", "sentry-sdk==2.75.0"),
            *("aiosqlite>=0.22", "uvicorn>=0.54", "libcst>=1.9"),
        ),
    ),
    "asgi_correlation_id": Library("asgi-correlation-id==5.0.1"),
    "authlib": Library("authlib==1.9.10"),
    "dishka": Library(
        "dishka==1.10.1",
        (*TESTED, "pytest-repeat"),
        ("tests/integrations/fastapi", "tests/integrations/starlette"),
    ),
    "elastic_apm": Library("elastic-apm==6.26.2"),
    "fastapi_cache": Library(
        "fastapi-cache2==0.2.2", (*TESTED, "jinja2"), ("tests",), in_repository=True
    ),
    "fastapi_filter": Library(
        "fastapi-filter[sqlalchemy]==3.0.0", (*SQL, *TESTED), ("tests/test_sqlalchemy",), True
    ),
    "fastapi_injector": Library(
        "fastapi-injector==0.9.0", (*TESTED, "httpx<0.28"), ("tests",), in_repository=True
    ),
    "fastapi_mcp": Library(
        "fastapi-mcp==0.4.0",
        ("mcp<2", "pyjwt", "cryptography", *TESTED),
        ("tests",),
        in_repository=True,
    ),
    "fastapi_pagination": Library(
        "fastapi-pagination[sqlalchemy,sqlmodel,tortoise,peewee]==0.16.1",
        (
            *(*TESTED, "sqlalchemy[asyncio]", "aiosqlite", "Faker", "flaky"),
            *("asyncpg", "pymongo", "scylla-driver"),
        ),
        (
            *(f"--{name}-dsn=none" for name in ("postgres", "mongodb", "cassandra", "firestore")),
            *("-k", "not postgres", "--ignore=tests/ext/test_pymongo.py", "tests"),
        ),
    ),
    "fastapi_users": Library(
        "fastapi-users[sqlalchemy]==15.0.5",
        ("aiosqlite>=0.22", *TESTED, "pytest-mock", "httpx-oauth", "redis"),
        ("tests",),
    ),
    "fastapi_utils": Library("fastapi-utils==0.8.0", ("typing-inspect",)),
    "httpx2": Library("httpx2==2.16.2", ("anyio",)),
    "jinja2": Library("jinja2==3.1.6"),
    "logfire": Library("logfire[fastapi]==5.4.0"),
    "opentelemetry": Library(
        "opentelemetry-instrumentation-fastapi==0.66b1",
        (
            "opentelemetry-instrumentation-starlette==0.66b1",
            *("opentelemetry-sdk", "opentelemetry-test-utils==0.66b1"),
        ),
        ("tests",),
    ),
    "prometheus": Library("prometheus-fastapi-instrumentator==8.1.0"),
    "schemathesis": Library("schemathesis==4.32.5", ("hypothesis",)),
    "sentry": Library(
        "sentry-sdk==2.75.0",
        (
            *TESTED,
            "pytest-localserver",
            "jsonschema",
            "werkzeug",
            "jinja2",
            "brotli",
            "pytest-forked",
        ),
        tuple(f"tests/integrations/{name}" for name in ("fastapi", "starlette", "asgi")),
    ),
    "servers": Library(
        "hypercorn==0.18.0", ("granian==2.8.9", "daphne==4.2.3", "uvicorn==0.54.0", "websockets")
    ),
    "slowapi": Library("slowapi==0.1.10"),
    "sqladmin": Library("sqladmin==0.32.0", SQL),
    "sqlmodel": Library("sqlmodel==0.0.50", (*SQL, *TESTED), ("tests/test_tutorial/test_fastapi",)),
    "sse_starlette": Library("sse-starlette==3.7.0", TESTED, ("tests",)),
    "starlette_admin": Library("starlette-admin==1.0.3", SQL),
    "strawberry": Library("strawberry-graphql[fastapi]==0.341.2"),
    "svcs": Library(
        "svcs==26.2.0",
        (*TESTED, "sybil"),
        ("tests/integrations/test_fastapi.py", "tests/integrations/test_starlette.py"),
    ),
    "taskiq": Library("taskiq-fastapi==0.5.0"),
    "wireup": Library("wireup==2.13.0"),
}


def main() -> int:
    """Print a line for each library; fail where fewer tests pass on microfw."""
    parser = argparse.ArgumentParser(prog="scripts/ecosystem", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(LIBRARIES))
    parser.add_argument("--keep", type=Path, help="Keep the environments in this folder.")
    parser.add_argument(
        "--checkouts", type=Path, help="A folder with repositories, by the names of distributions."
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in LIBRARIES]
    if unknown:
        parser.error(f"there is no {unknown[0]}")
    print("| library | tests | on FastAPI | on microfw | on both | only on FastAPI |")
    print("|---|---|---|---|---|---|", flush=True)
    fails = False
    for name in arguments.names or LIBRARIES:
        with tempfile.TemporaryDirectory(prefix="ecosystem-") as temporary:
            folder = (arguments.keep or Path(temporary)) / name
            fails |= compared(name, LIBRARIES[name], folder, arguments.checkouts)
    return int(fails)


def compared(name: str, library: Library, folder: Path, checkouts: Path | None) -> bool:
    """Run the tests of one library twice; tell whether there is a difference."""
    python = environment(library, folder)
    runs: dict[str, tuple[Path, tuple[str, ...]]] = {"ours": (HERE, (f"check_{name}.py",))}
    checkout = checkouts and checkouts / library.name
    if library.suite and checkout is not None and checkout.exists():
        runs["its own"] = (checkout, library.suite)
    elif library.suite and not library.in_repository:
        runs["its own"] = (source(library, python, folder), library.suite)
    differs = False
    for kind, (where, tests) in runs.items():
        theirs, ours = (passed(python, where, (*options, *tests)) for options in ((), OURS))
        lost = sorted(theirs - ours)
        differs |= bool(lost)
        counts = [str(each.total()) for each in (theirs, ours, theirs & ours)]
        row = (library.pinned, kind, *counts, ", ".join(lost))
        print(f"| {' | '.join(row)} |", flush=True)
    return differs


def environment(library: Library, folder: Path) -> Path:
    """Make a virtual environment, with microfw of this checkout; return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        wanted = (*COMMON, library.pinned, *library.needs)
        _pip(python, "install", *wanted)
        _pip(python, "install", "-e", str(ROOT))
    return python


def source(library: Library, python: Path, folder: Path) -> Path:
    """Fetch and unpack the source distribution."""
    unpacked = folder / "source"
    if not unpacked.exists():
        pinned = library.pinned.replace(
            f"[{library.pinned.partition('[')[2].partition(']')[0]}]", ""
        )
        _pip(
            python, "download", "--no-deps", "--no-binary", library.name, "-d", str(folder), pinned
        )
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as opened:
            opened.extractall(unpacked, filter="data")
    (inside,) = unpacked.iterdir()
    return inside


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def passed(python: Path, where: Path, arguments: tuple[str, ...]) -> Counter[str]:
    """The tests that pass, by their ids; what is random in their parameters is left out."""
    command = [str(python), "-W", "ignore", "-m", "pytest", "-rA", "-q", "--tb=no", "--no-header"]
    command += ["-p", "no:cacheprovider", "-o", "addopts=", "-W", "ignore", *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^PASSED (\S+\.py::.*)$", done.stdout, re.MULTILINE)
    if not found:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return Counter(re.sub(r"\[.*", lambda it: _RANDOM.sub("*", it[0]), each) for each in found)


if __name__ == "__main__":
    sys.exit(main())
