"""Match a text against the pattern of a path, in a time that grows with the text and no faster.

Rules
-----
1. The answer is that of `re` for the pattern that Starlette makes of the path: the first parameter
   takes as much as it can, then the second, and so on; `$` matches ahead of a last newline, too.
2. The work is a fixed number of passes over the text for each part of the pattern.
3. `re` does it where it needs no more than that: where no parameter but the last has a choice of
   where to end. It also does it where a convertor has a pattern that is not known here: one of a
   user's own, other than the repetition of one class of characters.

Theory of operation: `re` tries one end of the first parameter after another, for each of them one
end of the second after another, and so on. Here the pattern is read from right to left first. Each
part turns the set of positions from which what follows it matches into the set of positions from
which it matches, too. Then each part, from left to right, takes the end that `re` prefers among
those from which the rest matches. No choice is ever taken back.

A set of positions in a text of length n is an integer, with the bit n - p for the position p, so
that a part shifts it to the left. A repeated class of characters takes one addition: the carry
runs through as many of them as stand in a row. (Cameron et al., "Bitwise data parallelism in
regular expression matching", 2014, where that is called MatchStar.)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from starlette.convertors import Convertor, FloatConvertor, UUIDConvertor

PARAMETER = re.compile(r"{([a-z_]\w*)}", re.ASCII | re.IGNORECASE)
_REPEATED_CLASS = re.compile(r"(\.|\\[dDsSwW]|\[\^?(?:\\.|[^\\\[\]])+\])([*+])")


class _Digits(dict[int, str]):
    """A table by which `str.translate` makes a binary number of a text: 1 for each of a class."""

    def __init__(self, one: re.Pattern[str]) -> None:
        super().__init__()
        self._one = one

    def __missing__(self, code: int) -> str:
        digit = "1" if self._one.match(chr(code)) else "0"
        if len(self) == _MOST_DIGITS:  # clients may send a million different characters
            self.clear()
        self[code] = digit
        return digit


_MOST_DIGITS = 1000


class Characters:
    """A class of characters.

    Args:
        regex: Matches one of them.

    Attributes:
        one: Matches one of them.
        run: Matches one and more of them, as many as possible.
    """

    def __init__(self, regex: str, flags: int = 0) -> None:
        self.one = re.compile(regex, flags)
        self.run = re.compile(f"{regex}+", flags)
        self.digits = _Digits(self.one)


class Text:
    """What is matched, and where in it which characters are."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.length = len(text)
        self._sets: dict[Characters, int] = {}

    def before(self, ends: int, characters: Characters) -> int:
        """The positions that are one of these characters ahead of those given."""
        return (ends & self.ends_of(characters)) << 1

    def ends_of(self, characters: Characters) -> int:
        """Where one of these characters ends."""
        found = self._sets.get(characters)
        if found is None:
            digits = self.text.translate(characters.digits)
            found = self._sets[characters] = int(digits or "0", 2)
        return found


class Part(Protocol):
    def starts(self, ends: int, text: Text) -> int:
        """The positions from which it matches up to one of those given."""
        ...

    def end(self, start: int, ends: int, text: Text) -> int:
        """The one that `re` prefers among the ends that it can have from a start that has one."""
        ...


@dataclass(frozen=True, slots=True)
class Word:
    """So many characters, each of a class."""

    classes: Sequence[Characters]

    def starts(self, ends: int, text: Text) -> int:
        for characters in reversed(self.classes):
            ends = text.before(ends, characters)
        return ends

    def end(self, start: int, ends: int, text: Text) -> int:
        return start + len(self.classes)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Characters of a class, as many as possible.

    Attributes:
        may_be_none: Whether there may be none of them.
    """

    characters: Characters
    may_be_none: bool

    def starts(self, ends: int, text: Text) -> int:
        found = text.ends_of(self.characters)
        if not self.may_be_none:
            ends = text.before(ends, self.characters)
        return ((ends & found) + found) ^ found | ends

    def end(self, start: int, ends: int, text: Text) -> int:
        run = self.characters.run.match(text.text, start)
        last = run.end() if run else start
        within_reach = ends >> (text.length - last)
        return last - ((within_reach & -within_reach).bit_length() - 1)


@dataclass(frozen=True, slots=True)
class Maybe:
    """Another part, or nothing."""

    part: Part

    def starts(self, ends: int, text: Text) -> int:
        return ends | self.part.starts(ends, text)

    def end(self, start: int, ends: int, text: Text) -> int:
        starts = self.part.starts(ends, text)
        if starts >> (text.length - start) & 1:
            return self.part.end(start, ends, text)
        return start


@dataclass(frozen=True, slots=True)
class Chain:
    """Parts, one after another."""

    parts: Sequence[Part]

    def starts(self, ends: int, text: Text) -> int:
        return self.ends_of_parts(ends, text)[-1]

    def end(self, start: int, ends: int, text: Text) -> int:
        return self.places(start, self.ends_of_parts(ends, text), text)[-1]

    def ends_of_parts(self, ends: int, text: Text) -> list[int]:
        """Where each part may end so that the rest matches, last part first; then the starts."""
        sets = [ends]
        for part in reversed(self.parts):
            sets.append(part.starts(sets[-1], text))
        return sets

    def places(self, start: int, ends_of_parts: Sequence[int], text: Text) -> list[int]:
        """The start, and where each part ends."""
        places = [start]
        for part, ends in zip(self.parts, ends_of_parts[-2::-1], strict=True):
            places.append(part.end(places[-1], ends, text))
        return places


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a convertor matches.

    Attributes:
        characters: All that it may hold.
    """

    part: Part
    characters: Characters

    def ends_where_it_must(self, following: str) -> bool:
        """Whether what follows holds a character that this cannot hold, and so bounds it."""
        return any(self.characters.one.match(character) is None for character in following)


class Found(dict[str, str]):
    """The texts of the parameters; a match, as far as Starlette looks at it."""

    def groupdict(self) -> dict[str, str]:
        """Return them by their names."""
        return dict(self)


class LinearPattern:
    """What Starlette takes for a pattern of `re`."""

    def __init__(self, prefix: str, names: Sequence[str], parts: Sequence[Part]) -> None:
        self._prefix = prefix
        self._names = names
        self._chain = Chain(parts)

    def match(self, whole: str) -> Found | None:
        """Match a text from its beginning to its end."""
        if not whole.startswith(self._prefix):
            return None
        text = Text(whole[len(self._prefix) :])
        ends = 0b11 if text.text.endswith("\n") else 0b1
        ends_of_parts = self._chain.ends_of_parts(ends, text)
        if not ends_of_parts[-1] >> text.length & 1:
            return None
        places = self._chain.places(0, ends_of_parts, text)
        spans = zip(self._names, places[::2], places[1::2], strict=False)
        return Found((name, text.text[start:end]) for name, start, end in spans)


def linear_pattern(
    path_format: str, convertors: Mapping[str, Convertor[Any]], flags: int = 0
) -> LinearPattern | None:
    """Make a pattern of what Starlette makes of a path; `None` where `re` is to match it.

    Args:
        flags: Those of `re`. With `re.IGNORECASE` it matches texts of small letters only.
    """
    prefix, *rest = PARAMETER.split(path_format)
    names, words = rest[::2], rest[1::2]
    if flags & re.IGNORECASE:
        if not path_format.isascii():
            return None
        prefix, words = prefix.lower(), [word.lower() for word in words]
    parts: list[Part] = []
    has_choices = False
    for name, word in zip(names, words, strict=True):
        kind = _kind_of(convertors[name].regex, flags) if name in convertors else None
        if kind is None:
            return None
        parts += kind.part, _word(word)
        has_choices = has_choices or not (name is names[-1] or kind.ends_where_it_must(word))
    return LinearPattern(prefix, names, parts) if has_choices else None


@cache
def _kind_of(regex: str, flags: int) -> _Kind | None:
    repeated = _REPEATED_CLASS.fullmatch(regex)
    if repeated is not None:
        characters = Characters(repeated[1], flags)
        return _Kind(Repeated(characters, may_be_none=repeated[2] == "*"), characters)
    return _KINDS.get(regex)


def _word(word: str) -> Word:
    return Word([_character(each) for each in word])


@cache
def _character(character: str) -> Characters:
    return Characters(re.escape(character))


_digits = Repeated(Characters("[0-9]"), may_be_none=False)
_fraction = Maybe(Chain([_word("."), _digits]))
_hexadecimal = Characters("[0-9a-fA-F]")
_dash = Maybe(_word("-"))
_uuid: list[Part] = [
    Word([_hexadecimal] * 8),
    *(_dash, Word([_hexadecimal] * 4)) * 3,
    *(_dash, Word([_hexadecimal] * 12)),
]
_KINDS = {
    FloatConvertor.regex: _Kind(Chain([_digits, _fraction]), Characters("[0-9.]")),
    UUIDConvertor.regex: _Kind(Chain(_uuid), Characters("[0-9a-fA-F-]")),
}
