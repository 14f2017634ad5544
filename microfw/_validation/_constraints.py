"""Limits on a value: what an author writes, and the tests made of it."""

import operator
import re
from collections.abc import Callable, Iterable, Sized
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import inf, isfinite
from typing import Any

from msgspec import Struct

from microfw._validation._errors import invalid, plural

_DECLARING_PACKAGES = {"annotated_types", "msgspec"}


class Family(Enum):
    """The kinds of values that constraints tell apart; the value is the name in messages."""

    INTEGER = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEMPORAL = "date"
    STRING = "String"
    BYTES = "Data"
    LIST = "List"
    TUPLE = "Tuple"
    SET = "Set"
    FROZENSET = "Frozenset"
    DICTIONARY = "Dictionary"
    DEQUE = "Deque"
    UNSIZED = "unsized"
    UNLIMITED = "such"
    OTHER = "value"


_OF_PYDANTIC = {"discriminator", "union_mode", "fail_fast"}
_NUMBERS = {Family.INTEGER, Family.FLOAT, Family.DECIMAL}
_ORDERED = _NUMBERS | {Family.TEMPORAL, Family.UNSIZED, Family.OTHER}
_UNORDERED = {Family.SET, Family.FROZENSET, Family.DICTIONARY}
_SIZED = {
    Family.STRING,
    Family.BYTES,
    Family.LIST,
    Family.TUPLE,
    Family.DEQUE,
    Family.OTHER,
} | _UNORDERED


class ConstraintError(TypeError):
    """A constraint says nothing about values of the declared type."""


class Constraints(Struct, frozen=True):
    """Limits on a value; `None` where there is none."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    strict: bool | None = None
    """Whether only values of the very type are taken, text never for a number."""
    allow_inf_nan: bool | None = None
    max_digits: int | None = None
    decimal_places: int | None = None
    discriminator: Any = None
    """What tells pydantic's models in a union apart; a tagged union of others tells by itself."""
    union_mode: str | None = None
    fail_fast: bool | None = None

    def __bool__(self) -> bool:
        return self != _NONE

    @property
    def given(self) -> dict[str, Any]:
        """Those that say something, by name."""
        values = {name: getattr(self, name) for name in CONSTRAINTS}
        return {name: value for name, value in values.items() if value is not None}

    def over(self, other: "Constraints") -> "Constraints":
        """Take these, and where they say nothing, those of `other`."""
        return Constraints(**other.given | self.given)


CONSTRAINTS = Constraints.__struct_fields__
_NONE = Constraints()


def constraints_of(metadata: Iterable[object]) -> Constraints:
    """Collect what `annotated_types`, `msgspec.Meta` and `Constraints` say in `Annotated`."""
    found = _NONE
    for entry in metadata:
        package = type(entry).__module__.partition(".")[0]
        if isinstance(entry, Constraints):
            found = entry.over(found)
        elif package in _DECLARING_PACKAGES:
            values = {name: getattr(entry, name, None) for name in CONSTRAINTS}
            found = Constraints(**values).over(found)
    return found


Test = Callable[[Any, Any], None]
"""Takes a converted value and what it was made of; raises `Invalid`."""


def tests_of(constraints: Constraints, family: Family) -> list[Test]:
    """Make the tests that a value of the family has to pass, in pydantic's order.

    Raises:
        ConstraintError: One of the constraints does not fit the family.
    """
    tests: list[Test] = []
    for name in _OF_PYDANTIC.intersection(constraints.given):
        _require(family, set(), name)
    if constraints.allow_inf_nan is False or (
        family is Family.DECIMAL and not constraints.allow_inf_nan
    ):
        _require(family, _NUMBERS | {Family.OTHER}, "allow_inf_nan")
        tests.append(_finite)
    if constraints.max_digits is not None or constraints.decimal_places is not None:
        _require(family, {Family.DECIMAL}, "max_digits or decimal_places")
        tests.append(_digits_test(constraints.max_digits, constraints.decimal_places))
    if constraints.multiple_of is not None:
        _require(family, _NUMBERS | {Family.OTHER}, "multiple_of")
        tests.append(_multiple_test(_bound(constraints.multiple_of, family)))
    for name, kind, words, holds in _COMPARISONS:
        bound = getattr(constraints, name)
        if bound is not None:
            _require(family, _ORDERED, name)
            _check_bound(name, bound, family)
            tests.append(_comparison_test(name, kind, words, holds, _bound(bound, family)))
    for name in ("min_length", "max_length"):
        limit = getattr(constraints, name)
        if limit is not None:
            _require(family, _SIZED, name)
            tests.append(_length_test(name, limit, family))
    if constraints.pattern is not None:
        _require(family, {Family.STRING, Family.OTHER}, "pattern")
        tests.append(_pattern_test(constraints.pattern))
    return tests


def _require(family: Family, families: set[Family], name: str) -> None:
    if family not in families:
        raise ConstraintError(f"{name} says nothing about {family.value.lower()} values")


def check_for_any(constraints: Constraints, families: Iterable[Family]) -> None:
    """Check that each of the constraints says something about one of the families.

    Raises:
        ConstraintError: One does not.
    """
    for name, value in constraints.given.items():
        problems = [_problem_of(Constraints(**{name: value}), family) for family in families]
        if None not in problems:
            raise ConstraintError(*problems[:1])


def _problem_of(constraints: Constraints, family: Family) -> str | None:
    try:
        tests_of(constraints, family)
    except ConstraintError as problem:
        return str(problem)
    return None


def _check_factor(factor: object) -> None:
    if not isinstance(factor, int | float | Decimal) or not 0 < float(factor) < inf:
        raise ConstraintError(f"multiple_of={factor!r} is no finite number greater than 0")


def _check_bound(name: str, bound: Any, family: Family) -> None:
    kinds = _KINDS_OF_BOUNDS.get(family, object)
    if not isinstance(bound, kinds):
        raise ConstraintError(
            f"{name}={bound!r} cannot be compared with {family.value.lower()} values"
        )


def _check_count(name: str, count: Any) -> None:
    if not isinstance(count, int):
        raise ConstraintError(f"{name}={count!r} is no number of anything: an int counts")


def _bound(bound: Any, family: Family) -> Any:
    """Make the bound a value of the family, as it is shown in `ctx`."""
    if family is Family.FLOAT and isinstance(bound, int):
        return float(bound)
    if family is Family.DECIMAL and isinstance(bound, int | float):
        return Decimal(str(bound))
    return bound


def _shown(bound: Any) -> str:
    if isinstance(bound, date | datetime | time):
        return bound.isoformat().replace("+00:00", "Z")
    if isinstance(bound, float) and bound.is_integer():
        return f"{bound:.0f}"
    return str(bound)


_KINDS_OF_BOUNDS: dict[Family, Any] = {
    **dict.fromkeys(_NUMBERS, (int, float, Decimal)),
    Family.TEMPORAL: (date, time, timedelta),
}
_COMPARISONS: tuple[tuple[str, str, str, Callable[[Any, Any], bool]], ...] = (
    ("le", "less_than_equal", "less than or equal to", operator.le),
    ("lt", "less_than", "less than", operator.lt),
    ("ge", "greater_than_equal", "greater than or equal to", operator.ge),
    ("gt", "greater_than", "greater than", operator.gt),
)


def _comparison_test(
    name: str, kind: str, words: str, holds: Callable[[Any, Any], bool], bound: Any
) -> Test:
    shown = _shown(bound)
    context = shown if isinstance(bound, date | time | timedelta) else bound

    def test(value: Any, given: Any) -> None:
        try:
            if holds(value, bound):
                return
        except (TypeError, ArithmeticError):  # such as times with and without a zone, or a NaN
            pass
        raise invalid(kind, f"Input should be {words} {shown}", given, **{name: context})

    return test


def _multiple_test(factor: Any) -> Test:
    _check_factor(factor)

    def test(value: Any, given: Any) -> None:
        try:
            rest = value % factor
        except (TypeError, ArithmeticError):
            rest = None
        if rest == 0 or (
            isinstance(rest, float) and min(abs(rest), abs(rest - factor)) <= abs(value) / 1e9
        ):
            return
        message = f"Input should be a multiple of {_shown(factor)}"
        raise invalid("multiple_of", message, given, multiple_of=factor)

    return test


def _finite(value: Any, given: Any) -> None:
    is_number = isinstance(value, float | Decimal)
    if is_number and not (value.is_finite() if isinstance(value, Decimal) else isfinite(value)):
        raise invalid("finite_number", "Input should be a finite number", given)


def _digits_test(max_digits: int | None, decimal_places: int | None) -> Test:
    for name, count in (("max_digits", max_digits), ("decimal_places", decimal_places)):
        if count is not None:
            _check_count(name, count)

    def test(value: Decimal, given: Any) -> None:
        count, places = _digits_of(value)
        if max_digits is not None and count > max_digits:
            raise invalid(
                "decimal_max_digits",
                f"Decimal input should have no more than {plural(max_digits, 'digit')} in total",
                given,
                max_digits=max_digits,
            )
        if decimal_places is not None and places > decimal_places:
            raise invalid(
                "decimal_max_places",
                f"Decimal input should have no more than {plural(decimal_places, 'decimal place')}",
                given,
                decimal_places=decimal_places,
            )

    return test


def _digits_of(value: Decimal) -> tuple[int, int]:
    """Count the digits, and those behind the point, without zeros at the end of the latter."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):  # NaN or infinity, of which another test tells
        return 0, 0
    count = len(digits)
    while exponent < 0 and count and digits[count - 1] == 0:
        count -= 1
        exponent += 1
    places = max(-exponent, 0)
    return max(count + max(exponent, 0), places), places


def _length_test(name: str, limit: int, family: Family) -> Test:
    _check_count(name, limit)
    too_short = name == "min_length"
    most_or_least = "at least" if too_short else "at most"
    suffix = "too_short" if too_short else "too_long"
    counted = {Family.STRING: ("string", "character"), Family.BYTES: ("bytes", "byte")}

    def test(value: Any, given: Any) -> None:
        length = len(value) if isinstance(value, Sized) else limit
        if length >= limit if too_short else length <= limit:
            return
        if family in counted:
            prefix, noun = counted[family]
            message = f"{family.value} should have {most_or_least} {plural(limit, noun)}"
            raise invalid(f"{prefix}_{suffix}", message, given, **{name: limit})
        exact = length if too_short or family not in _UNORDERED else None
        raise invalid(
            suffix,
            f"{family.value.capitalize()} should have {most_or_least} {plural(limit, 'item')}"
            f" after validation, not {'more' if exact is None else exact}",
            given,
            **{"field_type": family.value.capitalize(), name: limit, "actual_length": exact},
        )

    return test


_ESCAPE_CLASS_OR_END = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


def _strict_end(pattern: str) -> str:
    """Have `$` match at the very end only, as pydantic does; Python's allows a newline there."""
    if re.search(r"\(\?[a-z]*m", pattern):  # of many lines, `$` ends each
        return pattern
    return _ESCAPE_CLASS_OR_END.sub(lambda m: r"\Z" if m[0] == "$" else m[0], pattern)


def _pattern_test(pattern: str) -> Test:
    try:
        search = re.compile(_strict_end(pattern)).search
    except (re.error, TypeError) as problem:
        raise ConstraintError(f"pattern={pattern!r} is no regular expression: {problem}") from None

    def test(value: Any, given: Any) -> None:
        if not isinstance(value, str) or search(value) is None:
            message = f"String should match pattern '{pattern}'"
            raise invalid("string_pattern_mismatch", message, given, pattern=pattern)

    return test
