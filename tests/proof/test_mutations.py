"""The faults that `scripts/mutate` puts into the heart, and what it tells of them."""

from pathlib import Path

import pytest

from proof.mutations import (
    HANGS,
    MUTATIONS,
    ROOT,
    Mutation,
    failing_test,
    mutated,
    stages_for,
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda it: f"{it.module}: {it.what}")
def test_a_fault_has_one_place_and_leaves_the_module_python(mutation: Mutation) -> None:
    source = (ROOT / mutation.path).read_text(encoding="utf-8")
    assert source.count(mutation.text) == 1
    changed = source.replace(mutation.text, mutation.instead)
    assert changed != source
    compile(changed, mutation.path, "exec")


def test_there_are_faults_enough_and_no_two_are_the_same() -> None:
    assert len({it.what for it in MUTATIONS}) == len(MUTATIONS) >= 30
    assert len({(it.module, it.text, it.instead) for it in MUTATIONS}) == len(MUTATIONS)


def test_the_tests_that_are_asked_for_first_are_there() -> None:
    first = {path for it in MUTATIONS for path in stages_for(it)[0] if path.endswith(".py")}
    assert [path for path in sorted(first) if not (ROOT / path).exists()] == []


FAULT = Mutation("_graph", "one is two", "1", "2")

TESTS = """
import time
from pathlib import Path

def test_the_value_is_one():
    assert Path("{path}").read_text() == "1"

def test_that_takes_long():
    time.sleep({seconds})
"""


UNSURE = """
from pathlib import Path

def test_the_value():
    tried = Path("tried")
    is_second = tried.exists()
    tried.touch()
    assert is_second

def test_a_second_value():
    assert False
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one module."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    module = tmp_path / FAULT.path
    module.parent.mkdir(parents=True)
    module.write_text("1")
    return tmp_path


STAGES = [("-k", "value"), ("-k", "long")]


def test_a_fault_is_there_for_a_while_and_the_first_test_that_sees_it_is_reported(
    project: Path,
) -> None:
    (project / "test_it.py").write_text(TESTS.format(path=FAULT.path, seconds=0))
    with mutated(project, FAULT):
        assert failing_test(project, STAGES) == "test_it.py::test_the_value_is_one"
    assert failing_test(project, STAGES) is None


def test_a_test_that_fails_once_has_seen_nothing(project: Path) -> None:
    (project / "test_it.py").write_text(UNSURE)
    assert failing_test(project, STAGES[:1]) == "test_it.py::test_a_second_value"


def test_a_test_that_hangs_is_ended_and_told(project: Path) -> None:
    (project / "test_it.py").write_text(TESTS.format(path=FAULT.path, seconds=60))
    assert failing_test(project, STAGES[1:], patience=0.5) == HANGS


def test_tests_that_do_not_run_are_no_answer(project: Path) -> None:
    with pytest.raises(RuntimeError, match=r"the tests did not run:\s+no tests ran"):
        failing_test(project, STAGES)
