"""Every block of code in the README runs, and prints what the README says."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from microfw.testclient import TestClient

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHELL = [text for language, text in BLOCKS if language == "sh"]


def run(blocks: list[str]) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "readme"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"README.md, block {number + 1}", "exec"), names)
    return names


def test_the_example_keeps_orders_and_refuses_them() -> None:
    names = run(PYTHON[:1])

    with TestClient(names["app"]) as client:
        accepted = client.post("/orders", json={"item": "book", "quantity": 2})
        refused = client.post("/orders", json={"item": "book", "quantity": 20})
    assert (accepted.status_code, accepted.json()) == (201, {"item": "book", "quantity": 2})
    assert (refused.status_code, refused.json()) == (409, {"detail": "not in stock"})


def test_explain_prints_what_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    example, printed = PYTHON
    (call,) = re.findall(r"`(print\(app\.explain\(.*?\)\))`", TEXT)

    run([example, call])

    assert capsys.readouterr().out.strip() == printed.strip()


def test_the_commands_are_there_and_can_be_run() -> None:
    commands = [line.split("#")[0].strip() for block in SHELL for line in block.splitlines()]

    assert commands == ["scripts/serve", "scripts/test"]
    assert all(os.access(ROOT / command, os.X_OK) for command in commands)


def test_the_readme_is_two_screens() -> None:
    assert len(TEXT.splitlines()) <= 110
