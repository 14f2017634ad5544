"""No regular expression of the package takes more than linear time, whatever it is given."""

import re
from importlib import import_module
from pkgutil import walk_packages
from time import process_time

import pytest

import microfw
from microfw._validation import Constraints, Invalid, text_converter

PATTERNS = {
    f"{info.name}.{name}": value
    for info in walk_packages(microfw.__path__, "microfw.")
    for name, value in vars(import_module(info.name)).items()
    if isinstance(value, re.Pattern)
}
PIECES = ["1", "1_", "1.", "1,", "0.1e", "P1", "P1Y", "PT1.", "1d", "1 d", "1:", "00:00", "+-"]
PIECES += ["(", "{a", "{a:", "[", "[]", "[^]", "\\", "\\[", "$", " (byte 1", "(x.py:1", "a", " "]
PIECES += ["(?m", "(?", "{", "}", ")", ".py:"]
LENGTH = 20_000


def test_the_patterns_are_found():
    assert "microfw._validation._times._ISO_DURATION" in PATTERNS
    assert "microfw._validation._scalars._INTEGER" in PATTERNS


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_is_slow_with_hostile_text(name):
    pattern = PATTERNS[name]

    for piece in PIECES:
        for end in ("", "!", "\n"):
            text = (piece * LENGTH)[:LENGTH] + end
            started = process_time()
            pattern.fullmatch(text)
            assert process_time() - started < 0.5, piece


def test_max_length_is_checked_before_a_pattern():
    convert = text_converter(str, Constraints(max_length=9, pattern="(a+)+$"))

    with pytest.raises(Invalid) as caught:
        convert("a" * 60 + "!")
    assert caught.value.errors[0]["type"] == "string_too_long"
