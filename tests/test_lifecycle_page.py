"""docs/lifecycle.md is the specification: it names every rule that is cited, and the tests named exist."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.lifecycle.test_scenarios import SCENARIOS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
RULE = re.compile(
    r"^\*\*(?P<name>[A-Z]\d)\. .*?\n\nTest: \[(?P<text>[^\]]*)\]\((?P<file>[^)]*)\) `(?P<test>\w+)`$",
    re.MULTILINE | re.DOTALL,
)
RULES = {found["name"]: found for found in RULE.finditer(PAGE)}
CITED = re.compile(r"\(?\brules? ((?:[A-Z]\d(?:, | and | to )?)+)|\(([A-Z]\d)\)")


def test_each_rule_stands_on_the_page_once() -> None:
    declared = Counter(re.findall(r"^\*\*([A-Z]\d)\.", PAGE, re.MULTILINE))

    assert declared == Counter(list(RULES))


@pytest.mark.parametrize("name", RULES)
def test_the_test_of_a_rule_exists(name: str) -> None:
    rule = RULES[name]
    file = (ROOT / "docs" / rule["file"]).resolve()

    tests = {
        node.name
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    assert rule["test"] in tests
    assert rule["text"] == file.name


def test_each_rule_that_code_and_scenarios_cite_is_on_the_page() -> None:
    cited = {scenario.rule for scenario in SCENARIOS}
    for file in (ROOT / "microfw").rglob("*.py"):
        for several, one in CITED.findall(file.read_text(encoding="utf-8")):
            cited.update(re.findall(r"[A-Z]\d", several + one))

    assert {"B5", "C1", "E7", "T4", "V3"} <= cited
    assert cited <= set(RULES)
