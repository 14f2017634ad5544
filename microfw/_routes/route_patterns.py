"""The patterns of routes: those of Starlette's, made when first asked for, and linear ones."""

import re
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, NamedTuple, cast

from starlette.convertors import (
    CONVERTOR_TYPES,
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    PathConvertor,
    StringConvertor,
    UUIDConvertor,
)
from starlette.routing import PARAM_REGEX, BaseRoute, Host, Match, Mount, Route, WebSocketRoute
from starlette.types import Scope

from microfw._routes.patterns import PARAMETER, LinearPattern, linear_pattern

_CONVERTORS = FloatConvertor, IntegerConvertor, PathConvertor, StringConvertor, UUIDConvertor
_OF_STARLETTE = {kind.regex for kind in _CONVERTORS}
_FLAGS = re.compile("").flags
_HOST_FLAGS = re.compile("", re.IGNORECASE).flags


class PathPattern:
    """The `path_regex` of a class of routes: what Starlette makes of the path, when first asked.

    A route that the index finds by the words of its path is never asked for it, and to compile it
    takes longer than all else that Starlette does for a route.
    """

    @staticmethod
    def set_path(route: Any, path: str) -> None:
        """Have a route match another path.

        Raises:
            re.error: The pattern of somebody's own convertor is none.
        """
        parameters: list[tuple[str, str]] = PARAM_REGEX.findall(path)
        route.path_format = PARAM_REGEX.sub(r"{\1}", path) if ":" in path else path
        route.param_convertors = {
            name: CONVERTOR_TYPES[kind.removeprefix(":") or "str"] for name, kind in parameters
        }
        own = route.__dict__
        own.pop("path_regex", None)
        if not {each.regex for each in route.param_convertors.values()} <= _OF_STARLETTE:
            own["path_regex"] = re.compile(pattern_of(route))

    def __get__(self, route: Any, owner: object = None) -> Any:
        if route is None:
            return self
        pattern = vars(route)["path_regex"] = re.compile(pattern_of(route))
        return pattern


def pattern_of(route: Any) -> str:
    """Return the pattern that Starlette makes of a route's path."""
    return _regex_of(route.path_format, route.param_convertors)


def _regex_of(path_format: str, convertors: Mapping[str, Convertor[Any]]) -> str:
    first, *others = PARAMETER.split(path_format)
    pattern = f"^{re.escape(first)}"
    for name, text in zip(others[::2], others[1::2], strict=True):
        convertor = convertors.get(name)
        pattern += f"(?P<{name}>{convertor and convertor.regex}){re.escape(text)}"
    return f"{pattern}$"


class MatchesInLinearTime(BaseRoute):
    """What microfw's own routes add to those of Starlette's."""

    path_regex: re.Pattern[str] = cast("Any", PathPattern())
    _linear: tuple[re.Pattern[str] | None, LinearPattern | None] = None, None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request is for this route, and what that adds to its scope."""
        regex, pattern = self._linear
        if regex is not self.path_regex:
            regex = self.path_regex
            pattern = _linear_pattern_of(self) if is_usual(regex, pattern_of(self)) else None
            self._linear = regex, pattern
        if pattern is None:
            return super().matches(scope)
        return _asked(self, pattern).matches(scope)


class _Asked(NamedTuple):
    """What answers in place of a route.

    Attributes:
        matches: That of the class of Starlette's that the route is of.
    """

    matches: Callable[[Scope], tuple[Match, Scope]]


class _WithPattern:
    """A route as it looks to that function, with another pattern."""

    def __init__(self, route: BaseRoute, pattern: LinearPattern) -> None:
        self.path_regex = self.host_regex = pattern
        self._route = route

    def __getattr__(self, name: str) -> Any:
        return getattr(self._route, name)


_KINDS = (Route, WebSocketRoute, Mount, Host)


def _asked(route: BaseRoute, pattern: LinearPattern | None) -> _Asked:
    kind = next(kind for kind in _KINDS if isinstance(route, kind))
    asked = route if pattern is None else _WithPattern(route, pattern)
    return _Asked(MethodType(kind.matches, asked))


def _linear_pattern_of(route: Any) -> LinearPattern | None:
    return linear_pattern(route.path_format, route.param_convertors)


def asked_for_path(route: BaseRoute, *, has_choices: bool) -> _Asked:
    """Return what to ask in place of a route that has the pattern that Starlette makes of its path.

    Args:
        has_choices: Whether `re` may have to try more than one end of a parameter.
    """
    return _asked(route, _linear_pattern_of(route) if has_choices else None)


def asked_for_host(route: Any) -> Any:
    """Return what to ask in place of a `Host`; for other routes, the route itself."""
    if matches_of(route) is not Host.matches:
        return route
    head, brace, tail = route.host_format.rpartition("}")
    if not tail.endswith("]"):
        tail = tail.rsplit(":", 1)[0]  # the port, of which Starlette takes no notice
    host_format = head + brace + tail
    if not is_usual(route.host_regex, _regex_of(host_format, route.param_convertors), _HOST_FLAGS):
        return route
    return _asked(route, linear_pattern(host_format, route.param_convertors, re.IGNORECASE))


def matches_of(route: Any) -> Any:
    """Return the class's function that matches a route; `None` if the route has its own."""
    found = getattr(route.__class__, "matches", None)
    return None if found is not None and "matches" in getattr(route, "__dict__", ()) else found


def is_usual(regex: re.Pattern[str], pattern: str, flags: int = _FLAGS) -> bool:
    """Tell whether a pattern is the one that Starlette makes."""
    return regex.pattern == pattern and regex.flags == flags


class _BoundedInteger(IntegerConvertor):
    """Leaves as text what has more digits than Python reads; no integer is declared as that."""

    def convert(self, value: str) -> Any:
        try:
            return super().convert(value)
        except ValueError:
            return value


def bounded(convertors: Mapping[str, Convertor[Any]]) -> dict[str, Convertor[Any]]:
    """Convertors of which none fails for a number of very many digits."""
    return {
        name: _BoundedInteger() if type(convertor) is IntegerConvertor else convertor
        for name, convertor in convertors.items()
    }
