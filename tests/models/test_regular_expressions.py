"""No regular expression takes more than linear time, whatever it is given."""

import re
from importlib import import_module
from importlib.util import find_spec
from pkgutil import walk_packages
from time import process_time
from typing import Annotated

import pytest

import microfw
from microfw._models import Constraints, Invalid, text_converter

PATTERNS = {
    f"{info.name}.{name}": value
    for info in walk_packages(microfw.__path__, "microfw.")
    if find_spec("libcst") or not info.name.startswith("microfw.cli._migrating")
    for name, value in vars(import_module(info.name)).items()
    if isinstance(value, re.Pattern)
}
PIECES = ["1", "1_", "1.", "1,", "0.1e", "P1", "P1Y", "PT1.", "1d", "1 d", "1:", "00:00", "+-"]
PIECES += ["(", "{a", "{a:", "[", "[]", "[^]", "\\", "\\[", "$", " (byte 1", "(x.py:1", "a", " "]
PIECES += ["(?m", "(?", "{", "}", ")", ".py:", "$.a", "[1]", "[...]", " - at `$", " - at `key in $"]
PIECES += [
    "Object missing required field `",
    "Unable to generate pydantic-core schema for <class '",
]
LENGTH = 20_000


def test_the_patterns_are_found():
    assert "microfw._models.parsing._OFFSET" in PATTERNS
    assert "microfw._models.msgspec_errors._PATH" in PATTERNS


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_is_slow_with_hostile_text(name):
    pattern = PATTERNS[name]

    for piece in PIECES:
        for end in ("", "!", "\n"):
            text = (piece * LENGTH)[:LENGTH] + end
            started = process_time()
            pattern.fullmatch(text)
            assert process_time() - started < 0.5, piece


def test_no_pattern_of_an_author_backtracks():
    convert = text_converter(Annotated[str, Constraints(pattern="^(a+)+$")])

    assert convert("a" * LENGTH) == "a" * LENGTH
    with pytest.raises(Invalid):
        convert("a" * LENGTH + "!")
    with pytest.raises(Invalid):
        convert("a\n")
