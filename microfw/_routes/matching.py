"""Path -> route, whatever the number of routes.

Rules
-----
1. The answer is that of a scan of all routes: the first one that matches, in their order.
2. The index names candidates, and all that match are among them; whether they do, the routes say
   themselves. Only a plain `Route` is not asked that has no parameters, or none but whole segments
   of any text: that its words stand where they should is proof.
3. A route with a `matches` of its own, or with a pattern other than Starlette makes of its path, is
   a candidate for every path. So is a `Host`.
4. What routes of Starlette's classes are asked, they answer with Starlette's own code, but by a
   pattern that does not backtrack where that of `re` could: see `_patterns`.

Theory of operation: the segments of a route's path are words or parameters. Routes that have words
in the same places share a table, in which the words of a request's path are looked up; there are as
many tables as there are such patterns, few even where routes are many. From a parameter on that may
hold a slash, whatever follows makes a candidate. What was found for the paths of routes without
parameters is kept. A newline at the end of a path is cut off, since `$` matches ahead of it; all
candidates are asked then.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from operator import is_, itemgetter
from typing import Any

from starlette.convertors import (
    FloatConvertor,
    IntegerConvertor,
    StringConvertor,
    UUIDConvertor,
)
from starlette.routing import BaseRoute, Match, Mount, Route, WebSocketRoute
from starlette.types import Scope

from microfw._routes.patterns import PARAMETER
from microfw._routes.route_patterns import (
    MatchesInLinearTime,
    PathPattern,
    asked_for_host,
    asked_for_path,
    is_usual,
    matches_of,
    pattern_of,
)

Places = Sequence[tuple[str, int]]
"""The names of parameters, and in which segments they stand."""

Candidate = tuple[int, BaseRoute, Any, Places | None]
"""A route's number; the route; what to ask by its `matches`; where the route's parameters stand,
`None` where there is something to be asked.
"""

Found = tuple[BaseRoute | None, Scope, frozenset[str]]
"""The route that matches, and what it adds to the scope; the methods of those that would match."""

# Bound once: looking up a member of an enum takes as long as splitting a path.
_FULL, _PARTIAL, _NONE = Match.FULL, Match.PARTIAL, Match.NONE
_NO_METHODS: frozenset[str] = frozenset()

_WITHIN_SEGMENT = {
    kind.regex for kind in (FloatConvertor, IntegerConvertor, StringConvertor, UUIDConvertor)
}
_INDEXED = (Route.matches, WebSocketRoute.matches, Mount.matches, MatchesInLinearTime.matches)


class Routes(list[BaseRoute]):
    """A list that counts its changes, by which an index knows whether it is out of date.

    Anybody may change it, and looking through it would cost each request more, the longer it is.

    Attributes:
        followers: Are called with each route that is appended: routers that include these.
    """

    changes = 0

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        super().__init__(routes)
        self.followers: list[Callable[[BaseRoute], None]] = []

    def append(self, route: BaseRoute) -> None:
        super().append(route)
        self.changes += 1
        for follow in self.followers:
            follow(route)


def _counted(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def change(self: Routes, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        finally:
            self.changes += 1  # afterwards: an index of the new number has the change

    return change


_CHANGING = "__delitem__ __iadd__ __imul__ __setitem__ clear extend insert pop remove reverse sort"
for _name in _CHANGING.split():
    setattr(Routes, _name, _counted(getattr(list, _name)))


class Matcher:
    """Finds routes in a list that may change between two requests."""

    def __init__(self) -> None:
        self._index = _Index(())

    def find(self, routes: Sequence[BaseRoute], scope: Scope) -> Found:
        """Find the first route that matches, or else the first that only lacks the method."""
        index = self._index
        if index.source is not routes or index.changes != getattr(routes, "changes", None):
            index = self._renewed(routes)
        path = path_of(scope) if scope.get("root_path") else scope["path"]
        candidates = index.known.get(path) or index.look_up(path)
        allowed = _NO_METHODS
        nearest: BaseRoute | None = None
        nearest_scope: Scope = {}
        for _, route, asked, places in candidates:
            if places is None:
                match, child_scope = asked.matches(scope)
            else:
                match, child_scope = _match(route, places, path, scope)
            if match is _FULL:
                return route, child_scope, _NO_METHODS
            if match is _PARTIAL:
                allowed = allowed.union(getattr(route, "methods", None) or ())
                if nearest is None:
                    nearest, nearest_scope = route, child_scope
        return nearest, nearest_scope, allowed

    def _renewed(self, routes: Sequence[BaseRoute]) -> "_Index":
        index = self._index
        if index.source is not routes or isinstance(routes, Routes) or not index.is_of(routes):
            index = self._index = _Index(routes)
        return index


def path_of(scope: Scope) -> str:
    """The part of a request's path that routes look at: what is below `root_path`."""
    path: str = scope["path"]
    root_path = scope.get("root_path")
    if not root_path or not path.startswith(root_path):
        return path
    below = path[len(root_path) :]
    return below if below[:1] in ("", "/") else path


def _match(route: Any, places: Places, path: str, scope: Scope) -> tuple[Match, Scope]:
    """Say what `Route.matches` says of a path that has the route's words in their places."""
    if scope["type"] != "http":
        return _NONE, {}
    outer = scope.get("path_params")
    path_params = dict(outer) if outer else {}
    if places:
        segments = path.split("/")
        for name, place in places:
            if not segments[place]:
                return _NONE, {}
            path_params[name] = segments[place]
    child_scope = {"endpoint": route.endpoint, "path_params": path_params}
    if route.methods and scope["method"] not in route.methods:
        return _PARTIAL, child_scope
    return _FULL, child_scope


class _Table:
    """The candidates whose paths have words in the same segments, by these words."""

    __slots__ = ("candidates", "last", "words_of")

    def __init__(self, places: Sequence[int]) -> None:
        self.last = places[-1]
        self.words_of: Callable[[Sequence[str]], Any] = itemgetter(*places)
        self.candidates: dict[Any, list[Candidate]] = {}


_Tables = dict[tuple[int, ...], _Table]
_NO_TABLES: _Tables = {}
_FEW = 2  # asking so many routes takes less time than looking up which to ask


class _Index:
    """Names the candidates for a path, in order.

    Attributes:
        source: The list whose routes these are.
        changes: How many changes of it are in here, if it counts them.
        known: The candidates for the paths that routes have word for word.
    """

    def __init__(self, source: Sequence[BaseRoute]) -> None:
        self.source = source
        self.changes: int = getattr(source, "changes", 0)  # read first: the routes may be newer
        self._routes: tuple[Any, ...] = tuple(source)
        self._always: list[Candidate] = []
        self._closed: dict[int, _Tables] = {}
        self._open: _Tables = {}
        self._few: list[Candidate] | None = None
        word_for_word: dict[str, list[Candidate]] = {}
        with_parameters: list[Candidate] = []
        for number, route in enumerate(self._routes):
            if not _is_indexed(route):
                self._always.append((number, route, asked_for_host(route), None))
                continue
            places = _places_of(route)
            asked = asked_for_path(route, has_choices=places is None)
            candidate = (number, route, asked, places)
            if route.param_convertors:
                with_parameters.append(candidate)
                self._add(route, candidate)
            else:
                word_for_word.setdefault(route.path_format, []).append(candidate)
        if len(with_parameters) <= _FEW and all(places is None for *_, places in with_parameters):
            self._few = sorted((*self._always, *with_parameters))
        self.known = {
            path: self._with_parameters(path, sorted((*self._always, *candidates)))
            for path, candidates in word_for_word.items()
        }

    def is_of(self, routes: Sequence[BaseRoute]) -> bool:
        return len(routes) == len(self._routes) and all(map(is_, routes, self._routes))

    def look_up(self, path: str) -> Sequence[Candidate]:
        """Name the candidates for a path that is not known."""
        if "\n" in path:
            path = path.rstrip("\n")
            found = self.known.get(path) or self._with_parameters(path, self._always)
            return [(number, route, asked, None) for number, route, asked, _ in found]
        if self._few is not None:
            return self._few
        return self._with_parameters(path, self._always)

    def _add(self, route: Any, candidate: Candidate) -> None:
        """File a route under the words of its path, up to a parameter that may hold a slash."""
        segments: list[str] = route.path_format.split("/")
        tables = self._closed.setdefault(len(segments), {})
        places: list[int] = []
        for place, segment in enumerate(segments):
            names = PARAMETER.findall(segment)
            if not names:
                places.append(place)
            elif any(route.param_convertors[name].regex not in _WITHIN_SEGMENT for name in names):
                tables = self._open
                break
        table = tables.setdefault(tuple(places), _Table(places))
        table.candidates.setdefault(table.words_of(segments), []).append(candidate)

    def _with_parameters(self, path: str, found: list[Candidate]) -> list[Candidate]:
        """Add those with parameters to the candidates that have been found."""
        segments = path.split("/")
        length = len(segments)
        tables: Iterable[_Table] = self._closed.get(length, _NO_TABLES).values()
        if self._open:
            tables = [*tables, *(table for table in self._open.values() if table.last < length)]
        for table in tables:
            candidates = table.candidates.get(table.words_of(segments))
            if candidates is not None:
                found = sorted((*found, *candidates)) if found else candidates
        return found


def _is_indexed(route: Any) -> bool:
    """Whether a route's path determines what it matches."""
    if not any(matches_of(route) is each for each in _INDEXED):
        return False
    pattern = pattern_of(route)
    if not pattern.startswith("^/") or "\n" in pattern:
        return False
    is_made_here = isinstance(getattr(route.__class__, "path_regex", None), PathPattern)
    may_be_another = not is_made_here or "path_regex" in vars(route)
    if may_be_another and not is_usual(route.path_regex, pattern):
        return False
    return all(_is_whole(each.regex) for each in route.param_convertors.values())


def _is_whole(regex: str) -> bool:
    """Whether a regular expression does not end the group that it is put in."""
    try:
        re.compile(regex)
    except re.error:
        return False
    return True


def _places_of(route: Any) -> Places | None:
    """The places of the parameters; `None` unless each is a whole segment of any text."""
    if not isinstance(route, Route):
        return None
    segments: list[str] = route.path_format.split("/")
    places: list[tuple[str, int]] = []
    for name, convertor in route.param_convertors.items():
        segment = f"{{{name}}}"
        if type(convertor) is not StringConvertor or segment not in segments:
            return None
        places.append((name, segments.index(segment)))
    return places
