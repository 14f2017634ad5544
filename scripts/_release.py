"""Make a release: version, changelog, wheel and sdist, their tests, the tag."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
VERSION = re.compile(r'^version = "([\d.]+)"$', re.MULTILINE)
UNRELEASED = "## [Unreleased]\n"
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
TESTS = ("tests/test_packaging.py", "tests/docs/test_quick_start.py", "tests/test_readme.py")
SID = Path(os.environ.get("SID", "/var/tmp/microfw-sid"))
NOT_THERE = 75  # a status of .ci/sid


class NotReleasableError(Exception):
    """What has to be put right before a release."""


def numbers(version: str) -> list[int]:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise NotReleasableError(f"{version} is no version, X.Y.Z")
    return [int(part) for part in version.split(".")]


def with_version(project: str, version: str) -> str:
    """The text of pyproject.toml with another version, which has to be a later one."""
    (before,) = VERSION.findall(project)
    if numbers(version) <= numbers(before):
        raise NotReleasableError(f"{version} does not come after {before}")
    return VERSION.sub(f'version = "{version}"', project)


def with_section(changelog: str, version: str, day: date) -> str:
    """The text of CHANGELOG.md in which what was unreleased is that of a version."""
    head, _, rest = changelog.partition(UNRELEASED)
    changes = rest.partition("\n## [")[0]
    if not changes.strip():
        raise NotReleasableError("nothing is unreleased: CHANGELOG.md has no section for it")
    return f"{head}{UNRELEASED}\n## [{version}] - {day.isoformat()}\n{rest}"


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def installed(version: str) -> str | None:
    """The Python of a version, on PATH or made by pyenv, whose shims may be there and fail."""
    made = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in (f"python{version}", *map(str, made.glob(f"{version}.*/bin/python"))):
        command = [python, "-c", "import ensurepip, sys; print(sys.executable)"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return done.stdout.strip()
    return None


def run_tests(command: list[str], **environment: str) -> int:
    """Test what was made; return the status."""
    print("Testing:", *command[:2])
    given = {**os.environ, "RELEASE": str(DIST), **environment}
    return subprocess.run([*command, "-q", *TESTS], cwd=ROOT, env=given, check=False).returncode


def build() -> None:
    """Make the wheel and the sdist, and test them."""
    shutil.rmtree(DIST, ignore_errors=True)
    made = [sys.executable, "-m", "hatchling", "build", "-d", str(DIST)]
    subprocess.run(made, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for file in sorted(DIST.iterdir()):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")
    ours = "{}.{}".format(*sys.version_info)
    others = {version: installed(version) for version in PYTHONS if version != ours}
    found = ":".join(filter(None, others.values()))
    failed = run_tests([sys.executable, "-m", "pytest"], RELEASE_PYTHONS=found)
    for version in (version for version, python in others.items() if python is None):
        if not (SID / ".complete").exists():
            print(f"Python {version} is not installed here: not tested.")
        elif status := run_tests([".ci/sid", version]):
            print(f"Python {version}: {'not tested' if status == NOT_THERE else 'failed'}.")
            failed = failed or status != NOT_THERE
    if failed:
        raise NotReleasableError("the tests of what was built have failed")


def release(version: str) -> None:
    if git("status", "--porcelain"):
        raise NotReleasableError("commit what has changed, or put it away")
    if f"v{version}" in git("tag").splitlines():
        raise NotReleasableError(f"there is a tag v{version}")
    project, changelog = ROOT / "pyproject.toml", ROOT / "CHANGELOG.md"
    today = datetime.now(UTC).date()
    written = {
        project: with_version(project.read_text(encoding="utf-8"), version),
        changelog: with_section(changelog.read_text(encoding="utf-8"), version, today),
    }
    for file, text in written.items():
        file.write_text(text, encoding="utf-8")
    try:
        build()
    except BaseException:
        git("checkout", "--", *map(str, written))
        raise
    git("commit", "--quiet", "--message", f"Release {version}", *map(str, written))
    git("tag", "--annotate", f"v{version}", "--message", f"microfw {version}")
    print(f"Tagged v{version}. To publish it: git push --follow-tags, then upload dist/*.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/release", description=__doc__)
    parser.add_argument("version", nargs="?", help="without it, only build and test")
    arguments = parser.parse_args()
    try:
        build() if arguments.version is None else release(arguments.version)
    except NotReleasableError as error:
        print(f"Not released: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
