"""The index over a router's routes answers as a scan of all of them does."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
import starlette.routing
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from starlette.convertors import CONVERTOR_TYPES, Convertor, register_url_convertor
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount, Route, WebSocketRoute, compile_path

from microfw import App, Request, Router, WebSocket
from microfw._routes.matching import Matcher, Routes, _Index
from tests.asgi import get

EXAMPLES = 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 500

Answer = Any
"""What has come of a request, in a form that can be compared."""


# ---------------------------------------------------------------------- convertors of users


class Anything(Convertor[str]):
    """May hold slashes, or nothing at all."""

    regex = r"[ab/\n]*"

    def convert(self, value: str) -> str:
        return value


class Picky(Convertor[str]):
    """Raises for one of the texts that it matches."""

    regex = "[ab]+"

    def convert(self, value: str) -> str:
        if value == "b":
            raise ValueError("not b")
        return value


class Letter(Convertor[str]):
    """Has the pattern of "str", and makes something else of what it matches."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return value[0]


class Unbalanced(Convertor[str]):
    """Ends the group that Starlette puts it in."""

    regex = "a)|(/b"

    def convert(self, value: str | None) -> str:
        return str(value)


CONVERTORS = {
    "anything": Anything(),
    "letter": Letter(),
    "picky": Picky(),
    "unbalanced": Unbalanced(),
}


@pytest.fixture(scope="module", autouse=True)
def convertors() -> Iterator[None]:
    for name, convertor in CONVERTORS.items():
        register_url_convertor(name, convertor)
    yield
    for name in CONVERTORS:
        del CONVERTOR_TYPES[name]


# ---------------------------------------------------------------------- routes


class Endpoint:
    """Answers with what the routers have told it."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        params = list(scope["path_params"].items()) if "path_params" in scope else None
        told = [scope.get(key) for key in ("endpoint", "path", "root_path", "app_root_path")]
        await send((self.number, id(scope["route"]), params, told))


class Shouting(Route):
    """Matches by itself, what it is asked for in capitals."""

    def matches(self, scope: Any) -> Any:
        return super().matches({**scope, "path": scope["path"].lower()})


class Reluctant(BaseRoute):
    """Matches every path, and never wholly; has no methods to tell."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def matches(self, scope: Any) -> Any:
        return Match.PARTIAL, {"endpoint": self.endpoint}

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await self.endpoint(scope, receive, send)


class Nothing(BaseRoute):
    """Matches no path, and adds to the scope all the same."""

    def matches(self, scope: Any) -> Any:
        return Match.NONE, {"endpoint": "nobody's"}


def route_ignoring_case(path: str, endpoint: Endpoint) -> Route:
    route = Route(path, endpoint)
    route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
    return route


def route_patched(path: str, endpoint: Endpoint) -> Route:
    """A route that has another's eyes."""
    route = Route(path, endpoint)
    route.matches = Route("/a/{other}", endpoint).matches  # type: ignore[method-assign]
    return route


def host_in_its_own_way(host: str, endpoint: Endpoint) -> Host:
    """A host of which case counts."""
    route = Host(host, endpoint)
    route.host_regex = re.compile(route.host_regex.pattern)
    return route


HOSTS = [
    "one.test",
    "{name}.test",
    "{A}-{b}.Test",
    "{a}.{b}:8000",
    "{a}-{b:unbalanced}",
    "[::{a}:{b}]",
]
SEGMENTS = [
    *("a", "b", "a", "{}", "{}", "{}", "", "a.b", "{:int}", "{:float}", "{:path}", "{:path}b"),
    *(
        "{:uuid}",
        "{:anything}",
        "{:letter}",
        "{:picky}",
        "{:unbalanced}",
        "{}.{}",
        "a{}",
        "{:int}b",
    ),
    *("{}-{}", "{}-{}.b", "{}{}", "{}{:int}{}", "{:int}-{:float}", "{:float}.{}", "{:uuid}-{}"),
    *(
        "{:path}/a/{:path}",
        "{:path}{}",
        "{}-{:anything}-{}",
        "{:letter}-{}",
        "{:picky}{:unbalanced}",
    ),
]
METHODS = [["GET"], ["GET", "POST"], ["POST"], ["put"], ["HEAD"], None]


def named(path: str) -> str:
    """Give the parameters of a path their names."""
    names = iter("abcdefghijklmnopqrstuvwxyz")
    return re.sub("{", lambda _: "{" + next(names), path)


paths = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(
    lambda segments: named("/" + "/".join(segments))
)
prefixes = st.one_of(st.just(""), paths)
endpoints = st.integers(0, 99).map(Endpoint)
plain_routes = st.builds(
    lambda path, endpoint, methods: Route(path, endpoint, methods=methods),
    paths,
    endpoints,
    st.sampled_from(METHODS),
)
leaves: st.SearchStrategy[BaseRoute] = st.one_of(
    *[plain_routes] * 8,
    st.builds(WebSocketRoute, paths, endpoints),
    st.builds(Shouting, paths, endpoints),
    st.builds(Reluctant, endpoints),
    st.builds(Nothing),
    st.builds(route_ignoring_case, paths, endpoints),
    st.builds(route_patched, paths, endpoints),
    st.builds(Mount, prefixes, endpoints),
    st.builds(Host, st.sampled_from(HOSTS), endpoints),
    st.builds(host_in_its_own_way, st.sampled_from(HOSTS), endpoints),
)


def mount_of_routes(prefix: str, routes: list[BaseRoute]) -> Mount:
    return Mount(prefix, routes=routes)


routes = st.one_of(leaves, st.builds(mount_of_routes, prefixes, st.lists(leaves, max_size=3)))
tables = st.lists(routes, max_size=12)


# ---------------------------------------------------------------------- requests


class Asked(NamedTuple):
    """A request, as far as it matters to routers."""

    path: str
    method: str = "GET"
    protocol: str = "http"
    root_path: str = ""
    host: str = "test"

    def scope(self) -> dict[str, Any]:
        return {
            "type": self.protocol,
            "path": self.path,
            "root_path": self.root_path,
            "query_string": b"",
            "headers": [(b"host", self.host.encode())],
        } | ({"method": self.method, "scheme": "http"} if self.protocol == "http" else {})


TEXTS = [
    *("a", "b", "a", "b", "c", "", "1", "1.5", "a.b", "1b", "ä", "A", "a\n", "a\nb", "a/b"),
    *("-", "a-b", "a-b-a.b", "--", "1.5.1", "1-1", "a/a/a/b", "\U0001f600", "%2F", "%41"),
    "12345678123456781234567812345678",
    "12345678-1234-5678-1234-567812345678",
]
ENDS = [*[""] * 5, "/", "\n", "/\n", "/a", "\n\n"]


class Question(NamedTuple):
    """A request that is likely to be for one of the routes of a table, whatever they are."""

    number: int
    texts: Sequence[str]
    end: str
    capitals: bool
    asked: Asked

    def about(self, table: Sequence[BaseRoute]) -> Asked:
        paths = [path for route in table for path in paths_of(route)] or ["/"]
        texts = iter(self.texts)
        path = re.sub("{.*?}", lambda _: next(texts, "a"), paths[self.number % len(paths)])
        path = path.upper() if self.capitals else path
        return self.asked._replace(path=self.asked.root_path + path + self.end)


def paths_of(route: BaseRoute) -> list[str]:
    path: str | None = getattr(route, "path", None)
    if path is None:
        return []
    return [
        path,
        *(path + below for each in getattr(route, "routes", ()) for below in paths_of(each)),
    ]


requests = st.builds(
    Asked,
    st.lists(st.sampled_from(TEXTS), max_size=4).map("/".join),
    st.sampled_from(["GET", "GET", "GET", "POST", "PUT", "HEAD"]),
    st.sampled_from(["http", "http", "http", "http", "websocket"]),
    st.sampled_from(["", "", "", "/a", "/a/b", "/"]),
    st.sampled_from(
        [
            "test",
            "one.test",
            "two.test:80",
            "a-B-c.tEst:80",
            "a.b",
            "[::1:2]",
            "-",
            "A-B-C.Test",
            "",
        ]
    ),
)
questions = st.builds(
    Question,
    st.integers(0, 30),
    st.lists(st.sampled_from(TEXTS), max_size=4),
    st.sampled_from(ENDS),
    st.sampled_from([False, False, False, True]),
    requests,
)


def answer_of(router: Any, asked: Asked) -> Answer:
    """What a router answers; the routers under test never wait for anything."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    call = router(asked.scope(), receive, send)
    try:
        call.send(None)
    except StopIteration:
        return sent
    except Exception as error:
        return type(error), error.args
    raise AssertionError("the router waits")


def expected(table: Sequence[BaseRoute], asked: Asked, redirect_slashes: bool = True) -> Answer:
    """What Starlette's router answers; in `Allow`, the methods of all routes with that path.

    Where the path lacks the root path, mounts and redirects are those of the path that has it.
    """
    allowed: set[str] = set()
    whole = asked
    if not f"{asked.path}/".startswith(f"{asked.root_path}/"):
        whole = asked._replace(path=asked.root_path + asked.path)
    try:
        for route in table:
            match, child_scope = route.matches(asked.scope())
            if match is Match.FULL:
                allowed.clear()
                if "root_path" in child_scope:
                    asked = whole
                break
            if match is Match.PARTIAL:
                allowed |= getattr(route, "methods", set())
    except Exception:
        allowed.clear()
    if allowed:
        headers = {"Allow": ", ".join(sorted(allowed))}
        return answer_of(PlainTextResponse("Method Not Allowed", 405, headers), asked)
    reference = starlette.routing.Router(table, redirect_slashes=redirect_slashes)
    answer: Any = answer_of(reference, asked)
    is_redirect = (
        isinstance(answer, list) and isinstance(answer[0], dict) and answer[0].get("status") == 307
    )
    return answer_of(reference, whole) if is_redirect else answer


# ---------------------------------------------------------------------- the same answers


@settings(max_examples=EXAMPLES)
@given(tables, st.lists(questions, min_size=1, max_size=6), st.booleans())
def test_a_router_answers_as_starlettes_does(
    table: list[BaseRoute], several: list[Question], redirect_slashes: bool
) -> None:
    router = Router(table, redirect_slashes=redirect_slashes)
    for asked in [request for each in several for request in (each.about(table), each.asked)]:
        assert answer_of(router, asked) == expected(table, asked, redirect_slashes)


class ChangingRoutes(RuleBasedStateMachine):
    """Changes a router's list in all the ways that lists have, and asks in between."""

    @initialize(table=tables)
    def begin(self, table: list[BaseRoute]) -> None:
        self.router = Router(table)

    @rule(route=routes)
    def append(self, route: BaseRoute) -> None:
        self.router.routes.append(route)

    @rule(route=routes, place=st.integers(-3, 3))
    def insert(self, route: BaseRoute, place: int) -> None:
        self.router.routes.insert(place, route)

    @rule(some=st.lists(routes, max_size=3))
    def extend(self, some: list[BaseRoute]) -> None:
        self.router.routes.extend(some)

    @rule(some=st.lists(routes, max_size=3))
    def add_in_place(self, some: list[BaseRoute]) -> None:
        self.router.routes += some

    @rule(route=routes, place=st.integers(0, 20))
    def replace(self, route: BaseRoute, place: int) -> None:
        if self.router.routes:
            self.router.routes[place % len(self.router.routes)] = route

    @rule(some=st.lists(routes, max_size=3), start=st.integers(0, 4), stop=st.integers(0, 4))
    def replace_some(self, some: list[BaseRoute], start: int, stop: int) -> None:
        self.router.routes[start:stop] = some

    @rule(place=st.integers(0, 20))
    def delete(self, place: int) -> None:
        if self.router.routes:
            del self.router.routes[place % len(self.router.routes)]

    @rule(place=st.integers(0, 20))
    def pop(self, place: int) -> None:
        if self.router.routes:
            self.router.routes.pop(place % len(self.router.routes))

    @rule(place=st.integers(0, 20))
    def remove(self, place: int) -> None:
        if self.router.routes:
            self.router.routes.remove(self.router.routes[place % len(self.router.routes)])

    @rule()
    def reverse(self) -> None:
        self.router.routes.reverse()

    @rule()
    def sort(self) -> None:
        self.router.routes.sort(key=repr)

    @rule(times=st.integers(0, 2))
    def repeat(self, times: int) -> None:
        if len(self.router.routes) < 20:
            self.router.routes *= times

    @rule()
    def clear(self) -> None:
        self.router.routes.clear()

    @rule()
    def take_a_plain_list(self) -> None:
        """From now on, nothing but the routes themselves tells that they have changed."""
        self.router.routes = list(self.router.routes)

    @rule()
    def take_a_list_that_counts(self) -> None:
        self.router.routes = Routes(self.router.routes)

    @rule(question=questions)
    def ask(self, question: Question) -> None:
        table = list(self.router.routes)
        asked = question.about(table)
        assert answer_of(self.router, asked) == expected(table, asked)

    @rule(several=st.lists(questions, min_size=2, max_size=4))
    def ask_several(self, several: list[Question]) -> None:
        for question in several:
            self.ask(question)


ChangingRoutes.TestCase.settings = settings(max_examples=EXAMPLES // 10, stateful_step_count=30)
TestChangingRoutes = ChangingRoutes.TestCase


# ---------------------------------------------------------------------- odd cases, one by one

UNKNOWN = 404


def number_of(routes: Sequence[BaseRoute], asked: Asked) -> int:
    """The number of the endpoint that answers, or the status; Starlette's router says the same."""
    answer = answer_of(Router(routes, redirect_slashes=False), asked)
    assert answer == expected(routes, asked, redirect_slashes=False)
    first = answer[0]
    number: int = first[0] if isinstance(first, tuple) else first["status"]
    return number


def table_of(*paths: str, make: Callable[[str, Endpoint], BaseRoute] = Route) -> list[BaseRoute]:
    """A route for each path, with its number, and more of them than are asked one by one."""
    others = [Route(f"/never/{{name}}/{number}", Endpoint(-1)) for number in range(3)]
    return [*(make(path, Endpoint(number)) for number, path in enumerate(paths)), *others]


@pytest.mark.parametrize(
    ("paths", "path", "number"),
    [
        (["/a"], "/a\n", 0),
        (["/a"], "/a\n\n", UNKNOWN),
        (["/a\n"], "/a\n", 0),
        (["/a\n"], "/a", UNKNOWN),
        (["/{p}"], "/\n", 0),
        (["/{p}", "/a"], "/a\n", 0),
        (["/{p:int}", "/a"], "/1\n", 0),
        (["/{p:path}"], "/a\nb", UNKNOWN),
        (["/{p:anything}"], "/a\nb\n\n", 0),
        (["/a/{p}"], "/a/", UNKNOWN),
        (["/a/{p}/b"], "/a//b", UNKNOWN),
        (["/a/{p}", "/a/"], "/a/", 1),
        (["/a/{p:path}"], "/a", UNKNOWN),
        (["/a/{p:path}"], "/a/", 0),
        (["/a/{p:path}/b"], "/a/c/d/b", 0),
        (["/{p:path}", "/a"], "/a", 0),
        (["/a", "/{p:path}"], "/a", 0),
        (["/a/{p}", "/{p}/b", "/a/b"], "/a/b", 0),
        (["/{p}/b", "/a/{p}", "/a/b"], "/a/b", 0),
        (["/{p}/c", "/a/{p}", "/a/b"], "/a/b", 1),
        (["/{p}.{q}", "/{p}"], "/a.b", 0),
        (["/{p}.{q}", "/{p}"], "/ab", 1),
        (["/{p}{q}"], "/ab", 0),
        (["/{p:int}", "/{p:float}", "/{p}"], "/1.5", 1),
        (["/{p:unbalanced}"], "/b", 0),
        (["/a{p:unbalanced}"], "/b", 0),
        (["/{{p}}"], "/{a}", 0),
        (["/{p-q}"], "/{p-q}", 0),
        (["/a.b"], "/aXb", UNKNOWN),
        (["/a"], "", UNKNOWN),
        (["/{p}"], "a/b", UNKNOWN),
        (["//"], "//", 0),
        (["/" + "/".join("ab" * 40) + "/{p}"], "/" + "/".join("ab" * 40) + "/c", 0),
        (["/{p}"], "/a" + "/" * 100_000, UNKNOWN),
        (["/a"], "/a" + "\n" * 100_000, UNKNOWN),
    ],
)
def test_the_first_route_whose_pattern_matches_answers(
    paths: list[str], path: str, number: int
) -> None:
    assert number_of(table_of(*paths), Asked(path)) == number


@pytest.mark.parametrize("make", [Shouting, route_patched, route_ignoring_case])
def test_routes_that_match_in_their_own_way_are_asked_in_their_turn(
    make: Callable[[str, Endpoint], BaseRoute],
) -> None:
    other = make("/a/b", Endpoint(10))
    assert number_of([*table_of("/a/b"), other], Asked("/a/b")) == 0
    assert number_of([other, *table_of("/a/b")], Asked("/a/b")) == 10
    assert number_of([*table_of("/a/{p}"), other], Asked("/a/b")) == 0
    assert number_of([other, *table_of("/a/{p}")], Asked("/a/b")) == 10
    expects_capitals = UNKNOWN if make is route_patched else 10
    assert number_of([*table_of("/a/b"), other], Asked("/A/B")) == expects_capitals


def test_a_pattern_made_by_hand_need_not_begin_with_a_slash() -> None:
    route = Route("/{p}", Endpoint(10))
    route.path_regex, route.path_format = re.compile("^(?P<p>[^/]+)$"), "{p}"
    assert number_of([*table_of("/a"), route], Asked("a")) == 10


def test_what_a_convertor_raises_comes_out_when_its_route_is_asked() -> None:
    table = table_of("/{p:picky}", "/b", "/{p}")
    assert answer_of(Router(table), Asked("/b")) == (ValueError, ("not b",))
    assert number_of(table_of("/b", "/{p:picky}"), Asked("/b")) == 0


@pytest.mark.parametrize(
    ("root_path", "path", "number"),
    [
        ("/a", "/a/b", 1),
        ("/a", "/a", UNKNOWN),
        ("/a", "/ab", 2),
        ("/b", "/a/b", 0),
        ("/a/", "/a/b", 0),
    ],
)
def test_routes_look_at_what_is_below_the_root_path(root_path: str, path: str, number: int) -> None:
    assert number_of(table_of("/a/b", "/b", "/ab"), Asked(path, root_path=root_path)) == number


# ---------------------------------------------------------------------- many choices


def own_route(path: str) -> BaseRoute:
    return added(path)[-2]  # type: ignore[no-any-return]


def own_websocket_route(path: str) -> BaseRoute:
    return added(path)[-1]  # type: ignore[no-any-return]


def host_route(path: str) -> BaseRoute:
    return Host(path.removeprefix("/"), Endpoint(0))


ANY_KIND = [
    own_route,
    own_websocket_route,
    lambda path: Route(path, Endpoint(0)),
    lambda path: WebSocketRoute(path, Endpoint(0)),
    lambda path: Mount(path, Endpoint(0)),
    host_route,
]
KIND_NAMES = [
    *("Route", "WebSocketRoute", "Starlette's Route", "Starlette's WebSocketRoute", "Mount", "Host")
]


def regexes_asked(function: Callable[[], Any]) -> list[Any]:
    """The patterns of `re` by which something is matched while a function runs."""
    asked: list[Any] = []

    def note(_frame: Any, event: str, argument: Any) -> None:
        if event == "c_call" and isinstance(argument.__self__, re.Pattern):
            asked.append(argument.__self__)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return asked


def asked_for(path: str, route: BaseRoute) -> Asked:
    protocol = "websocket" if isinstance(route, WebSocketRoute) else "http"
    return Asked(path, protocol=protocol, host=path.removeprefix("/"))


def regex_of(route: Any) -> Any:
    return route.host_regex if isinstance(route, Host) else route.path_regex


@pytest.mark.parametrize("make", ANY_KIND, ids=KIND_NAMES)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_route_with_choices_is_never_matched_by_re(
    make: Callable[[str], BaseRoute], end: str
) -> None:
    route = make("/{a}-{b}.txt")
    regex = regex_of(route)
    below = "/" if isinstance(route, Mount) else ""
    asked = asked_for(f"/1-2-3.txt{below}{end}", route)
    found: list[Any] = []
    regexes = regexes_asked(lambda: found.append(Matcher().find([route], asked.scope())))
    assert regex not in regexes
    if isinstance(route, Host) and end:
        assert found == [(None, {}, frozenset())]
    else:
        assert found[0][0] is route
        assert found[0][1]["path_params"] == {"a": "1-2", "b": "3"}


@pytest.mark.parametrize("make", ANY_KIND, ids=KIND_NAMES)
def test_a_route_without_choices_is_matched_by_re(make: Callable[[str], BaseRoute]) -> None:
    route = make("/a{a:float}!{b}.txt")
    regex = regex_of(route)
    asked = asked_for("/a1.5!b.txt", route)
    assert regex in regexes_asked(lambda: Matcher().find([route], asked.scope()))


@pytest.mark.parametrize("make", [own_route, own_websocket_route])
def test_routes_of_microfw_are_not_matched_by_re_either_if_they_are_asked_themselves(
    make: Callable[[str], Any],
) -> None:
    route = make("/{a}-{b}")
    scope = asked_for("/1-2-3", route).scope()
    regex = route.path_regex
    assert regex not in regexes_asked(lambda: route.matches(scope))
    match, child_scope = route.matches(scope)
    assert match is Match.FULL
    assert child_scope["path_params"] == {"a": "1-2", "b": "3"}
    assert child_scope["endpoint"] is route.endpoint


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("{a}-{b}.Test", "1-2-3.test"),
        ("{a}-{b}.test:8000", "1-2-3.TEST:80"),
        ("[v1.{a}-{b}]", "[v1.1-2-3]:80"),
        ("[v1.{a}-{b}]:80", "[v1.1-2-3]"),
        ("[v1.{a}-{b}:9]", "[v1.1-2-3:9]"),
    ],
)
def test_hosts_with_choices_are_not_matched_by_re(pattern: str, host: str) -> None:
    route = Host(pattern, Endpoint(0))
    scope = Asked("/", host=host).scope()
    found: list[Any] = []
    regexes = regexes_asked(lambda: found.append(Matcher().find([route], scope)))
    assert route.host_regex not in regexes
    assert (
        found[0][1]["path_params"]
        == {"a": "1-2", "b": "3"}
        == route.matches(scope)[1]["path_params"]
    )


def test_a_host_with_a_pattern_made_by_hand_is_matched_by_that() -> None:
    route = host_in_its_own_way("{a}-{b}.Test", Endpoint(0))
    found: list[Any] = []
    for host in ("1-2.test", "1-2.TEST"):
        scope = Asked("/", host=host).scope()
        asked = regexes_asked(lambda scope=scope: found.append(Matcher().find([route], scope)))  # type: ignore[misc]
        assert route.host_regex in asked
    assert found == [(None, {}, frozenset())] * 2


def test_a_pattern_made_by_hand_is_asked_for_a_route_of_microfw() -> None:
    route: Any = own_route("/{a}-{b}")
    scope = Asked("/1-2-3").scope()
    assert route.matches(scope)[1]["path_params"] == {"a": "1-2", "b": "3"}
    route.path_regex = re.compile("^/(?P<a>[^-]+)-(?P<b>.+)$")
    assert route.matches(scope)[1]["path_params"] == {"a": "1", "b": "2-3"}
    assert Matcher().find([route], scope)[1]["path_params"] == {"a": "1", "b": "2-3"}


# ---------------------------------------------------------------------- many routes


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/static/{number}", "/static/none"),
        ("/items/{number}/{{item}}", "/items/none/1"),
        ("/items/{{item}}/{number}", "/items/1/none"),
        ("/{{item:int}}/{number}/{{name}}.txt", "/1/none/a.txt"),
        ("/files/{number}/{{path:path}}", "/files/none/a"),
        ("/{{tenant}}/{number}/{{path:anything}}", "/a/none/b"),
    ],
)
def test_of_many_routes_only_those_are_asked_that_begin_as_the_path_does(
    path: str, missing: str
) -> None:
    index = _Index(table_of(*(path.format(number=number) for number in range(100))))
    for number in (0, 99):
        asked = re.sub("{.*?}", "1", path.format(number=number))
        assert [each[0] for each in index.known.get(asked) or index.look_up(asked)] == [number]
    assert list(index.look_up(missing)) == []


def test_mounted_applications_are_looked_up_too() -> None:
    index = _Index([Mount(f"/app{number}", Endpoint(number)) for number in range(100)])
    assert [each[0] for each in index.look_up("/app99/a")] == [99]


def test_an_index_is_made_anew_only_when_the_routes_have_changed() -> None:
    router = Router(table_of("/a"))
    matcher = Matcher()
    indexes: list[_Index] = []
    for routes in (router.routes, list(router.routes)):
        for _ in range(2):
            matcher.find(routes, Asked("/a").scope())
            indexes.append(matcher._index)
        routes.append(Route("/b", Endpoint(1)))
        matcher.find(routes, Asked("/b").scope())
        indexes.append(matcher._index)
    assert [indexes.index(each) for each in indexes] == [0, 0, 2, 3, 3, 5]


def test_every_method_that_changes_a_list_counts() -> None:
    changing = set(dir(list)) - set(dir(tuple)) - {"__reversed__", "copy"}
    assert changing - set(vars(Routes)) == set()


def test_a_change_counts_once_it_is_made() -> None:
    routes = Routes(())
    seen: list[tuple[int, int]] = []

    def key(route: BaseRoute) -> int:
        seen.append((routes.changes, len(routes)))
        raise LookupError("no order")

    routes.extend(table_of("/a"))
    with pytest.raises(LookupError, match="no order"):
        routes.sort(key=key)
    assert seen == [(1, 0)]
    assert routes.changes == 2


def test_the_routes_of_an_application_may_change_while_it_runs() -> None:
    app = App(openapi_url=None)

    @app.get("/old/{name}")
    def old(name: str) -> str:
        return f"old {name}"

    assert get(app, "/old/a").json() == "old a"
    assert get(app, "/new").status_code == 404

    @app.get("/new")
    def new() -> str:
        return "new"

    assert get(app, "/new").json() == "new"
    app.routes.insert(0, Route("/{path:path}", Endpoint(0)))
    del app.routes[0]
    app.router.routes = app.routes[1:]
    assert get(app, "/old/a").status_code == 404
    assert get(app, "/new").json() == "new"


def test_a_route_finds_in_the_scope_what_the_index_knows(app: App) -> None:
    router = Router(prefix="/{tenant}")

    @router.get("/items/{item}")
    def serve(request: Request, tenant: str, item: int) -> Any:
        scope = request.scope
        assert scope["route"] is app.routes[-1]
        assert scope["endpoint"] is serve
        assert scope["router"] is app.router
        return [tenant, item, request.path_params]

    app.include_router(router)
    answer = get(app, "/one/items/2").json()
    assert answer == ["one", 2, {"tenant": "one", "item": "2"}]


# ---------------------------------------------------------------------- patterns of microfw's routes


def added(path: str) -> list[Any]:
    app = App(openapi_url=None)

    @app.get(path)
    def serve(request: Request) -> str:
        return "here"

    @app.websocket(path)
    async def converse(websocket: WebSocket) -> None: ...

    return app.routes


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1.0/a+b (c)/",
        "/{name}",
        "/{a}-{b:int}/x{c:float}y/{d:uuid}",
        "/files/{rest:path}",
        "/{first:anything}{second:picky}",
        "/{odd:unbalanced}/x",
    ],
)
def test_a_path_has_the_pattern_that_starlette_makes_of_it(path: str) -> None:
    regex, path_format, convertors = compile_path(path)
    for route in added(path):
        assert (route.path_regex, route.path_format) == (regex, path_format)
        assert {name: each.regex for name, each in route.param_convertors.items()} == {
            name: each.regex for name, each in convertors.items()
        }


def test_the_pattern_of_a_route_that_is_found_by_its_words_is_never_made(app: App) -> None:
    @app.get("/items/{item}")
    def serve(item: str) -> str:
        return item

    assert get(app, "/items/one").json() == "one"
    assert get(app, "/items").status_code == 404
    assert "path_regex" not in vars(app.routes[-1])


def test_a_convertor_whose_pattern_is_none_is_reported_when_a_route_is_added() -> None:
    class Broken(Anything):
        regex = "[a"

    register_url_convertor("broken", Broken())
    try:
        with pytest.raises(re.error):
            added("/{it:broken}")
    finally:
        del CONVERTOR_TYPES["broken"]
