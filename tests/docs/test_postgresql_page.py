"""The tests of the pages' harbour pass on PostgreSQL, in parallel, as `docs/testing.md` says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import SOURCES
from tests.examples.postgresql import postgresql


@pytest.mark.slow
def test_each_process_has_a_database_and_each_test_a_transaction_in_it(tmp_path: Path) -> None:
    tests = Path(shutil.copytree(SOURCES / "harbour", tmp_path / "harbour")) / "tests"
    (tests / "conftest_postgresql.py").replace(tests / "conftest.py")
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider"]

    with postgresql() as url:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "TEST_SERVER": url},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "6 passed" in done.stdout, done.stdout
