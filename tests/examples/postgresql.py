"""A PostgreSQL server of our own, where one is installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a new server that listens on a socket in a folder of its own, and yield the URL for it.

    Skips the test where PostgreSQL is not installed.
    """
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: there is no initdb")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        folder, user = Path(name), unprivileged_user()
        if user is not None:
            shutil.chown(folder, user)

        def run(program: str, *arguments: str) -> None:
            command = [str(programs / program), "-D", str(folder / "data"), *arguments]
            subprocess.run(command, cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL)

        run("initdb", "--username=shop", "--auth=trust", "--no-sync", "--locale=C", "-E", "UTF8")
        settings = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        run("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "--options", settings)
        try:
            yield f"postgresql+asyncpg://shop@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "--wait", "--mode=fast")


def find_programs() -> Path | None:
    """Find the folder of `initdb` and `pg_ctl`: on PATH, or where Debian puts the newest."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    return newest and newest.parent


def unprivileged_user() -> str | None:
    """Return whom to run as: PostgreSQL refuses root. `None`: as we are."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
