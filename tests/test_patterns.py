"""Patterns of paths give the answers of `re`, in a time that grows no faster than the text."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.convertors import CONVERTOR_TYPES, Convertor
from starlette.routing import compile_path

from microfw._routes.patterns import Characters, LinearPattern, linear_pattern

EXAMPLES = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 1_000


def convertor(regex: str) -> Convertor[str]:
    made = Convertor[str]()
    made.regex = regex  # type: ignore[misc]
    return made


REPEATED = {
    "ab": r"[ab]+",
    "none": r"[^-\]/]*",
    "digits": r"\d+",
    "slashes": r"[/\n]*",
    "words": r"\w*",
    "any": r".+",
    "capitals": "[A-Z]+",
}
OTHERS = {
    "lazy": "[ab]+?",
    "alternative": "a+|b",
    "grouped": "(a+)+",
    "closing": "[]a]+",
    "two": "[ab]+[cd]*",
    "counted": "[ab]{2}",
}


@pytest.fixture(scope="module", autouse=True)
def convertors() -> Iterator[None]:
    for name, regex in {**REPEATED, **OTHERS}.items():
        CONVERTOR_TYPES[name] = convertor(regex)
    yield
    for name in {**REPEATED, **OTHERS}:
        del CONVERTOR_TYPES[name]


# ---------------------------------------------------------------------- patterns and texts

KNOWN = ["str", "str", "path", "path", "int", "float", "uuid", *REPEATED]
WORDS = [
    "",
    "",
    "-",
    "-",
    ".",
    "/",
    "/",
    "//",
    "--",
    "-.",
    "a",
    "a-a",
    "1",
    ".1",
    "/a/",
    "ä",
    "\n",
    "%2F",
]
UUIDS = ["12345678-1234-5678-1234-567812345678", "A" * 32, "a" * 8 + "-" + "1" * 24, "1" * 40]
TEXTS = [
    *("a", "b", "-", "-", "/", "/", ".", "1", "2", "1.1", "\n", "ä", "😀", "%2F", "A", "]", ""),
    *UUIDS,
]


def path_of(first: str, pieces: Sequence[tuple[str, str]]) -> str:
    placed = enumerate(pieces)
    return "/" + first + "".join(f"{{p{number}:{kind}}}{word}" for number, (kind, word) in placed)


words = st.sampled_from(WORDS)
paths = st.builds(
    path_of, words, st.lists(st.tuples(st.sampled_from(KNOWN), words), min_size=1, max_size=5)
)
texts = st.lists(st.sampled_from(TEXTS), max_size=12).map("".join)


@st.composite
def paths_and_texts(draw: st.DrawFn) -> tuple[str, str]:
    """A path, and a text that its pattern might match."""
    path = draw(paths)
    if draw(st.booleans()):
        return path, "/" + draw(texts)
    filled = re.sub("{.*?}", lambda _: draw(texts), path)
    return path, filled + draw(st.sampled_from(["", "", "\n", "/", "\n\n"]))


def linear(path: str, flags: int = 0) -> LinearPattern | None:
    _, path_format, convertors = compile_path(path)
    return linear_pattern(path_format, convertors, flags)


def answer_of(pattern: Any, text: str) -> list[tuple[str, str]] | None:
    match = pattern.match(text)
    return list(match.groupdict().items()) if match else None


# ---------------------------------------------------------------------- the same answers


@settings(max_examples=EXAMPLES)
@given(paths_and_texts())
@example(("/{a}-{b}", "/-\n"))
@example(("/{a}-{b}", "/-a-\n"))
@example(("/{a:path}{b:path}", "/\n"))
@example(("/{a:float}{b:float}", "/1.1.1"))
@example(("/{a:float}.{b}", "/1.1."))
@example(("/{a:uuid}{b:uuid}", "/" + UUIDS[0] * 2))
@example(("/{a:uuid}{b:int}", "/" + UUIDS[3]))
def test_a_linear_pattern_gives_the_answer_of_re(case: tuple[str, str]) -> None:
    path, text = case
    pattern = linear(path)
    if pattern is not None:
        assert answer_of(pattern, text) == answer_of(compile_path(path)[0], text)


def test_what_is_known_of_characters_is_limited_however_many_different_ones_come() -> None:
    characters = Characters("[^/a]")
    text = "/a" + "".join(map(chr, range(0x400, 0x2400))) + "/a"
    assert text.translate(characters.digits) == "00" + "1" * 0x2000 + "00"
    assert len(characters.digits) <= 1000


@settings(max_examples=EXAMPLES // 10)
@given(paths_and_texts())
@example(("/{a:capitals}{b:capitals}", "/AB"))
def test_with_letters_of_any_case_it_is_that_for_a_text_of_small_ones(
    case: tuple[str, str],
) -> None:
    path, text = case[0], case[1].lower()
    regex = re.compile(compile_path(path)[0].pattern, re.IGNORECASE)
    pattern = linear(path, re.IGNORECASE)
    if pattern is not None:
        assert answer_of(pattern, text) == answer_of(regex, text)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_convertor_of_another_pattern_leaves_the_path_to_re(kind: str) -> None:
    assert linear(f"/{{a}}-{{b:{kind}}}") is None


@pytest.mark.parametrize("kind", REPEATED)
def test_a_convertor_of_repeated_characters_is_known(kind: str) -> None:
    assert linear(f"/{{a}}-{{b:{kind}}}") is not None


@pytest.mark.parametrize("path", ["/ä{a}-{b}", "/{a}ß{b}-{c}"])
def test_where_case_does_not_count_letters_beyond_ascii_are_left_to_re(path: str) -> None:
    assert linear(path) is not None
    assert linear(path, re.IGNORECASE) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/x-1.2-3.4", [("a", "-1.2"), ("b", "3.4")]),
        ("/x1-2-3\n", [("a", "1-2"), ("b", "3\n")]),
        ("/x1-\n", [("a", "1"), ("b", "\n")]),
        ("/y1-2", None),
        ("/x1-2/", None),
        ("/x1-", None),
        ("/x", None),
        ("", None),
    ],
)
def test_a_text_is_matched_from_its_beginning_to_its_end(text: str, answer: Any) -> None:
    assert answer_of(linear("/x{a}-{b}"), text) == answer
    assert answer_of(compile_path("/x{a}-{b}")[0], text) == answer


def test_where_case_does_not_count_a_class_of_capitals_holds_small_letters() -> None:
    assert linear("/{a:capitals}x{b:capitals}") is None
    assert linear("/{a:capitals}x{b:capitals}", re.IGNORECASE) is not None


def test_braces_that_are_no_parameter_are_left_to_re() -> None:
    convertors = compile_path("/{a}-{b}")[2]
    assert linear_pattern("/{a}-{b}-{c}", convertors) is None


# ---------------------------------------------------------------------- the work


ATTACKS = {
    "/{name}-{version}.tar.gz": "-",
    "/{a}-{b}-{c}-{d}": "-",
    "/{a}{b}{c}{d}.x": "a",
    "/{a:path}/edit/{b:path}/z": "/edit/",
    "/{a:path}{b}/{c}x": "/a",
    "/{a:float}{b:float}-": "1.1",
    "/{a:float}.{b:float}.{c}": "1.1",
    "/{a:int}{b:int}{c:int}-": "1",
    "/{a:uuid}-{b}-{c}": "a" * 32 + "-",
    "/{a:ab}{b:none}-{c:digits}/": "ab-1",
    "/{a:path}b{b:path}": "b\n",
    "/{a}ä{b}-": "ä",
}


def steps(pattern: LinearPattern, text: str) -> tuple[int, int]:
    """How many functions are called for a match: Python's, those of C."""
    counts = {"call": 0, "c_call": 0}

    def count(_frame: Any, event: str, _argument: Any) -> None:
        if event in counts:
            counts[event] += 1

    sys.setprofile(count)
    try:
        pattern.match(text)
    finally:
        sys.setprofile(None)
    return counts["call"], counts["c_call"]


@pytest.mark.parametrize(("path", "text"), ATTACKS.items())
@pytest.mark.parametrize("end", ["", "!", "x"])
def test_the_work_doubles_at_most_with_the_length_of_the_text(
    path: str, text: str, end: str
) -> None:
    pattern = linear(path)
    assert pattern is not None
    once, twice = (steps(pattern, "/" + text * number + end) for number in (500, 1000))
    assert twice[0] <= 2 * once[0]
    assert twice[1] <= 2 * once[1]


class Steps:
    """Counts what `re` does: each attempt of a character, of a word, and of the end."""

    def __init__(self, path: str) -> None:
        _, path_format, convertors = compile_path(path)
        pieces = re.split("{(.*?)}", path_format)
        self.parts = [
            re.compile(convertors[each].regex if number % 2 else re.escape(each))
            for number, each in enumerate(pieces)
        ]
        self.number = 0

    def matches(self, text: str, start: int = 0, part: int = 0) -> bool:
        if part == len(self.parts):
            self.number += 1
            return start == len(text) or text[start:] == "\n"
        for end in self.ends(self.parts[part], text, start):
            if self.matches(text, end, part + 1):
                return True
        return False

    def ends(self, regex: re.Pattern[str], text: str, start: int) -> Iterator[int]:
        """Where a part may end, the longest first, one step for each that is tried."""
        self.number += 1
        longest = regex.match(text, start)
        for end in range(longest.end() if longest else -1, start - 1, -1):
            self.number += 1
            if regex.fullmatch(text, start, end):
                yield end


@settings(max_examples=EXAMPLES)
@given(paths_and_texts())
def test_re_is_asked_only_where_it_needs_no_more_than_a_few_steps_for_each_character(
    case: tuple[str, str],
) -> None:
    path, text = case
    if linear(path) is None:
        steps = Steps(path)
        assert steps.matches(text) == bool(compile_path(path)[0].match(text))
        longest_word = max(len(each) for each in re.split("{.*?}", path))
        assert steps.number <= (4 + longest_word) * (len(steps.parts) + len(text))
