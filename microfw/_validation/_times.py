"""Dates, times and durations: RFC 3339, ISO 8601 and timestamps, as pydantic reads them."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from math import isfinite
from typing import Any

import msgspec

from microfw._validation._errors import Invalid, invalid

_NUMBER = re.compile(r"[+-]?(?:\d{1,20}|(?:\d{1,20}\.\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_TIME = re.compile(
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_ISO_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?=[\dT])(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?"
    r"(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?",
    re.ASCII,
)
_CLOCK_DURATION = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<days>\d+) ?d(?:ays?)?,? ?)?"
    r"(?:(?P<hours>\d+):(?P<minutes>\d\d)(?::(?P<seconds>\d\d(?:\.\d+)?))?)?",
    re.ASCII,
)
_MILLISECONDS_FROM = 2e10  # larger timestamps are milliseconds, those below seconds
_NUMBERS_END = 2**63
_LAST_TIMESTAMP = 253_402_300_800
_DAY = 86_400
_MORE = "unexpected extra characters at the end of the input"
_TOO_LONG = "durations may not exceed 999,999,999 days"


class _Unreadable(Exception):
    pass


def to_datetime(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        try:
            return msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            return _datetime_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("datetime_type", "Input should be a valid datetime", value)
    return _datetime_of_number(value)


def _datetime_of_text(text: str) -> datetime:
    try:
        number = _number(text)
        return _moment(text) if number is None else _of_timestamp(number)
    except _Unreadable as problem:
        raise invalid(
            "datetime_from_date_parsing",
            f"Input should be a valid datetime or date, {problem}",
            text,
            error=str(problem),
        ) from None


def _datetime_of_number(number: float) -> datetime:
    try:
        return _of_timestamp(number)
    except _Unreadable as problem:
        raise invalid(
            "datetime_parsing",
            f"Input should be a valid datetime, {problem}",
            number,
            error=str(problem),
        ) from None


def _number(text: str) -> float | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    number = int(text) if "." not in text else float(text)
    return number if abs(number) < _NUMBERS_END else None


def _of_timestamp(number: float) -> datetime:
    if number != number:
        raise _Unreadable("NaN values not permitted")
    try:
        seconds = number / 1000 if abs(number) > _MILLISECONDS_FROM else number
        if seconds < _LAST_TIMESTAMP:
            # Milliseconds are counted exactly.
            exact = {"seconds": seconds} if seconds is number else {"milliseconds": number}
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(**exact)
    except OverflowError:
        pass
    bound = "after 9999" if number > 0 else "before 0000"
    raise _Unreadable(f"dates {bound} are not supported as unix timestamps")


def _moment(text: str) -> datetime:
    day = _date(text[:10])
    if len(text) == 10:
        return datetime(day.year, day.month, day.day)
    if text[10] not in "Tt_ ":
        raise _Unreadable(_MORE)
    try:
        return datetime.combine(day, _time(text[11:]))
    except _Unreadable:
        raise _Unreadable(_MORE) from None


def to_date(value: Any) -> date:
    if isinstance(value, datetime):
        return _whole_day(value, value)
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return msgspec.convert(value, date)
        except msgspec.ValidationError:
            pass
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("date_type", "Input should be a valid date", value)
    try:
        moment = to_datetime(value)
    except Invalid as problem:
        reason = problem.errors[0]["ctx"]["error"]
        if reason == _MORE and isinstance(value, str) and value[10] not in "Tt_ ":
            reason = "invalid datetime separator, expected `T`, `t`, `_` or space"
        raise invalid(
            "date_from_datetime_parsing",
            f"Input should be a valid date or datetime, {reason}",
            value,
            error=reason,
        ) from None
    return _whole_day(moment, value)


def _whole_day(moment: datetime, value: object) -> date:
    if moment.time() != time():
        raise invalid(
            "date_from_datetime_inexact",
            "Datetimes provided to dates should have zero time - e.g. be exact dates",
            value,
        )
    return moment.date()


def to_time(value: Any) -> time:
    if isinstance(value, time):
        return value
    try:
        if isinstance(value, str):
            return _time(value)
        if not isinstance(value, bool) and isinstance(value, int | float):
            return _time_of_number(value)
    except _Unreadable as problem:
        raise invalid(
            "time_parsing",
            f"Input should be in a valid time format, {problem}",
            value,
            error=str(problem),
        ) from None
    raise invalid("time_type", "Input should be a valid time", value)


def _time_of_number(number: float) -> time:
    if not number >= 0:
        raise _Unreadable("time in seconds should be positive")
    if number >= _DAY:
        raise _Unreadable("numeric times may not exceed 86,399 seconds")
    return _of_timestamp(number).timetz()


def to_timedelta(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        if isinstance(value, str):
            return _timedelta_of_text(value)
        if isinstance(value, int | float):
            return timedelta(seconds=value) if isfinite(value) else _too_long()
    except (_Unreadable, OverflowError) as problem:
        reason = str(problem) if isinstance(problem, _Unreadable) else _TOO_LONG
        raise invalid(
            "time_delta_parsing",
            f"Input should be a valid timedelta, {reason}",
            value,
            error=reason,
        ) from None
    raise invalid("time_delta_type", "Input should be a valid timedelta", value)


def _too_long() -> timedelta:
    raise _Unreadable(_TOO_LONG)


def _timedelta_of_text(text: str) -> timedelta:
    if text.strip("+-P") == "":
        raise _Unreadable("input is too short")
    found = _ISO_DURATION.fullmatch(text) or _CLOCK_DURATION.fullmatch(text)
    if found is None:
        if _NUMBER.fullmatch(text):
            raise _Unreadable('"day" identifier in duration not correctly formatted')
        raise _Unreadable("invalid digit in duration")
    parts = found.groupdict()

    def amount(name: str) -> float:
        return float((parts.get(name) or "0").replace(",", "."))

    if _CLOCK_DURATION.fullmatch(text):
        _in_range("minute", int(amount("minutes")), 0, 59)
        _in_range("second", int(amount("seconds")), 0, 59)
    length = timedelta(
        days=amount("years") * 365 + amount("months") * 30 + amount("weeks") * 7 + amount("days"),
        hours=amount("hours"),
        minutes=amount("minutes"),
        seconds=amount("seconds"),
    )
    return -length if parts["sign"] == "-" else length


def _date(text: str) -> date:
    if len(text) < 10:
        raise _Unreadable("input is too short")
    year = _digits(text[0:4], "year")
    _separator(text[4], "date", "-")
    month = _digits(text[5:7], "month")
    _separator(text[7], "date", "-")
    day = _digits(text[8:10], "day")
    _in_range("month", month, 1, 12)
    try:
        return date(year, month, day)
    except ValueError:
        raise _Unreadable(
            "day value is outside expected range" if year else "year 0 is out of range"
        ) from None


def _time(text: str) -> time:
    if len(text) < 5:
        raise _Unreadable("input is too short")
    hour = _digits(text[0:2], "hour")
    _separator(text[2], "time", ":")
    minute = _digits(text[3:5], "minute")
    _in_range("hour", hour, 0, 23)
    _in_range("minute", minute, 0, 59)
    found = _TIME.fullmatch(text)
    if found is None:
        sign_is_wrong = text[5] not in "+-Zz:"
        raise _Unreadable("invalid timezone sign" if sign_is_wrong else _MORE)
    second = int(found["second"] or 0)
    _in_range("second", second, 0, 59)
    microsecond = int((found["fraction"] or "").ljust(6, "0")[:6])
    return time(hour, minute, second, microsecond, _zone(found["zone"]))


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in "Zz":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    if offset >= timedelta(days=1):
        raise _Unreadable("timezone offset must be less than 24 hours")
    return timezone(-offset if text[0] == "-" else offset)


def _digits(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _Unreadable(f"invalid character in {name}")
    return int(text)


def _separator(text: str, name: str, expected: str) -> None:
    if text != expected:
        raise _Unreadable(f"invalid {name} separator, expected `{expected}`")


def _in_range(name: str, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        raise _Unreadable(f"{name} value is outside expected range of {low}-{high}")
