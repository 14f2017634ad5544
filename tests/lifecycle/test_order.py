"""O1 to O4: which steps there are, and the order in which they open."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

from microfw import App, Depends, Router, Security, SecurityScopes
from tests.lifecycle.programs import Log, both, lines, opening, request


@both
async def test_app_routers_decorator_and_parameters_open_in_this_order(is_async: bool) -> None:
    """O1"""
    log = Log()

    def declared(name: str) -> Any:
        return Depends(opening(log, name, is_async=is_async))

    app = App(dependencies=[declared("app"), declared("app_2")])
    inner = Router(dependencies=[declared("inner_router"), declared("inner_router_2")])
    outer = Router(dependencies=[declared("outer_router")])

    @inner.get("/", dependencies=[declared("decorator"), declared("decorator_2")])
    async def endpoint(
        first: Annotated[str, declared("first")],
        second: Annotated[str, declared("second")],
        third: str = declared("third"),
    ) -> None:
        log("endpoint")

    outer.include_router(inner, dependencies=[declared("include_inner")])
    app.include_router(outer, dependencies=[declared("include_outer"), declared("include_outer_2")])

    await request(app, log=log)

    opened = [
        "app",
        "app_2",
        "include_outer",
        "include_outer_2",
        "outer_router",
        "include_inner",
        "inner_router",
        "inner_router_2",
        "decorator",
        "decorator_2",
        "first",
        "second",
        "third",
    ]
    assert log == [
        *(f"{name} opens" for name in opened),
        "endpoint",
        *(f"{name} exits" for name in reversed(opened)),
        "sends 200",
    ]


async def test_a_websocket_route_has_the_same_order(log: Log) -> None:
    """O1"""

    def declared(name: str) -> Any:
        return Depends(opening(log, name, is_async=True))

    app = App(dependencies=[declared("app")])
    router = Router(dependencies=[declared("router")])

    @router.websocket("/", dependencies=[declared("decorator")])
    async def endpoint(parameter: Annotated[str, declared("parameter")]) -> None:
        log("endpoint")

    app.include_router(router, dependencies=[declared("include")])

    await app(
        {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "scheme": "ws"},
        _receive_connect,
        _send_nowhere,
    )

    opened = ["app", "include", "router", "decorator", "parameter"]
    assert log == [
        *(f"{name} opens" for name in opened),
        "endpoint",
        *(f"{name} exits" for name in reversed(opened)),
    ]


async def _receive_connect() -> Any:
    return {"type": "websocket.connect"}


async def _send_nowhere(message: Any) -> None: ...


async def test_sub_dependencies_open_depth_first_where_they_are_met(log: Log, app: App) -> None:
    """O1"""

    def leaf() -> str:
        log("leaf")
        return "leaf"

    async def branch(leaf: Annotated[str, Depends(leaf)]) -> AsyncIterator[str]:
        with log.opened("branch"):
            yield f"branch of {leaf}"

    def twig(branch: Annotated[str, Depends(branch)], leaf: Annotated[str, Depends(leaf)]) -> str:
        log("twig")
        return f"twig of {branch} and {leaf}"

    def other() -> Iterator[str]:
        with log.opened("other"):
            yield "other"

    @app.get("/")
    def endpoint(
        other: Annotated[str, Depends(other)],
        twig: Annotated[str, Depends(twig)],
        branch: Annotated[str, Depends(branch)],
    ) -> list[str]:
        log("endpoint")
        return [other, twig, branch]

    answer = await request(app, log=log)

    assert log == lines(
        "other opens, leaf, branch opens, twig, endpoint, branch exits, other exits, sends 200"
    )
    assert answer.json() == ["other", "twig of branch of leaf and leaf", "branch of leaf"]


@both
async def test_a_diamond_of_depth_30_is_31_steps(log: Log, app: App, is_async: bool) -> None:
    """O3"""

    def level(number: int, below: Callable[..., Any]) -> Callable[..., Any]:
        def sync_level(left: int = Depends(below), right: int = Depends(below)) -> int:
            log(f"level {number}")
            return left + right

        async def async_level(left: int = Depends(below), right: int = Depends(below)) -> int:
            log(f"level {number}")
            return left + right

        return async_level if is_async else sync_level

    def bottom() -> int:
        log("bottom")
        return 1

    top: Callable[..., Any] = bottom
    for number in range(1, 31):
        top = level(number, top)

    @app.get("/")
    def endpoint(value: Annotated[int, Depends(top)]) -> int:
        return value

    answer = await request(app)

    assert log == ["bottom", *(f"level {number}" for number in range(1, 31))]
    assert answer.json() == 2**30


async def test_one_value_is_shared_within_a_request_and_not_between_two() -> None:
    """O3"""
    values: list[object] = []

    def make() -> object:
        return object()

    def below(value: Annotated[object, Depends(make)]) -> object:
        return value

    app = App(dependencies=[Depends(make)])

    @app.get("/")
    async def endpoint(
        value: Annotated[object, Depends(make)], again: Annotated[object, Depends(below)]
    ) -> None:
        values.extend((value, again))

    await request(app)
    await request(app)

    first, first_again, second, second_again = values
    assert first is first_again
    assert second is second_again
    assert first is not second


async def test_use_cache_false_makes_a_step_of_its_own_for_that_use(log: Log, app: App) -> None:
    """O3"""

    def get_number() -> Iterator[int]:
        number = sum(line.endswith("opens") for line in log)
        with log.opened(f"number {number}"):
            yield number

    @app.get("/")
    async def endpoint(
        a: Annotated[int, Depends(get_number)],
        b: Annotated[int, Depends(get_number, use_cache=False)],
        c: Annotated[int, Depends(get_number)],
        d: Annotated[int, Depends(get_number, use_cache=False)],
    ) -> list[int]:
        log("endpoint")
        return [a, b, c, d]

    answer = await request(app, log=log)

    assert log == lines(
        """number 0 opens, number 1 opens, number 2 opens, endpoint, number 2 exits,
        number 1 exits, number 0 exits, sends 200"""
    )
    assert answer.json() == [0, 1, 0, 2]


async def test_use_cache_false_shares_what_is_below(log: Log, app: App) -> None:
    """O3"""

    def session() -> Iterator[str]:
        with log.opened("session"):
            yield "session"

    def repository(session: Annotated[str, Depends(session)]) -> str:
        log("repository")
        return session

    @app.get("/")
    def endpoint(
        a: Annotated[str, Depends(repository)],
        b: Annotated[str, Depends(repository, use_cache=False)],
    ) -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == lines("session opens, repository, repository, endpoint, session exits, sends 200")


async def test_another_explicit_scope_makes_a_step_of_its_own(log: Log, app: App) -> None:
    """O3"""

    async def session() -> AsyncIterator[int]:
        number = sum(line.endswith("opens") for line in log)
        with log.opened(f"session {number}"):
            yield number

    @app.get("/")
    async def endpoint(
        narrow: Annotated[int, Depends(session, scope="function")],
        wide: Annotated[int, Depends(session, scope="request")],
        narrow_again: Annotated[int, Depends(session, scope="function")],
    ) -> list[int]:
        log("endpoint")
        return [narrow, wide, narrow_again]

    answer = await request(app, log=log)

    assert log == lines(
        "session 0 opens, session 1 opens, endpoint, session 1 exits, sends 200, session 0 exits"
    )
    assert answer.json() == [1, 0, 1]


async def test_security_scopes_make_different_steps_only_where_they_are_read(
    log: Log, app: App
) -> None:
    """O3"""

    def token() -> str:
        log("token")
        return "token"

    def checked(scopes: SecurityScopes, token: Annotated[str, Depends(token)]) -> list[str]:
        log(f"checked for {scopes.scope_str or 'nothing'}")
        return scopes.scopes

    def user(checked: Annotated[list[str], Depends(checked)]) -> list[str]:
        log("user")
        return checked

    def settings() -> str:
        log("settings")
        return "settings"

    @app.get("/", dependencies=[Security(settings, scopes=["a"]), Security(user, scopes=["a"])])
    async def endpoint(
        settings: Annotated[str, Security(settings, scopes=["b"])],
        same: Annotated[list[str], Security(user, scopes=["a"])],
        other: Annotated[list[str], Security(user, scopes=["a", "b"])],
        none: Annotated[list[str], Depends(user)],
        checked: Annotated[list[str], Security(checked, scopes=["a", "b"])],
    ) -> list[list[str]]:
        return [same, other, none, checked]

    answer = await request(app, log=log)

    assert log == lines(
        """settings, token, checked for a, user, checked for a b, user, checked for nothing, user,
        sends 200"""
    )
    assert answer.json() == [["a"], ["a", "b"], [], ["a", "b"]]


async def test_security_scopes_add_up_from_the_outermost_declaration_down(app: App) -> None:
    """O3"""

    def checked(scopes: SecurityScopes) -> list[str]:
        return scopes.scopes

    def reader(checked: Annotated[list[str], Security(checked, scopes=["read", "all"])]) -> Any:
        return checked

    def writer(reader: Annotated[Any, Security(reader, scopes=["write"])]) -> Any:
        return reader

    @app.get("/")
    async def endpoint(
        writer: Annotated[Any, Security(writer, scopes=["all"])],
        reader: Annotated[Any, Depends(reader)],
    ) -> list[list[str]]:
        return [writer, reader]

    answer = await request(app)

    assert answer.json() == [["all", "write", "read"], ["read", "all"]]


async def test_only_what_must_move_behind_request_scope_moves(log: Log) -> None:
    """O4: a plain dependency ahead of a request-scope one stays where it was declared."""

    def plain(name: str, *below: Any) -> Any:
        def dependency(a: Any = None, b: Any = None) -> str:
            log(name)
            return name

        defaults = (*below, None, None)[:2]
        dependency.__defaults__ = defaults
        return Depends(dependency)

    def opens(name: str, scope: Any = None) -> Any:
        return Depends(opening(log, name, is_async=True), scope=scope)

    narrow, late_narrow = opens("narrow"), opens("late_narrow")
    wide, late_wide = opens("wide", "request"), opens("late_wide", "request")
    app = App(dependencies=[plain("first"), narrow, plain("second")])

    @app.get("/", dependencies=[plain("on narrow", narrow), plain("on wide", wide)])
    async def endpoint(
        third: Annotated[str, plain("third")],
        both: Annotated[str, plain("on both", narrow, late_wide)],
        late: Annotated[str, late_narrow],
        last: Annotated[str, plain("last")],
    ) -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == lines(
        """first, second, wide opens, on wide, third, late_wide opens, narrow opens, on narrow,
        on both, late_narrow opens, last, endpoint, late_narrow exits, narrow exits, sends 200,
        late_wide exits, wide exits"""
    )


async def test_without_request_scope_nothing_moves(log: Log, app: App) -> None:
    """O4"""

    def value() -> str:
        log("value")
        return "value"

    async def narrow() -> AsyncIterator[None]:
        with log.opened("narrow"):
            yield

    @app.get("/", dependencies=[Depends(narrow), Depends(value, scope="request")])
    def endpoint() -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == lines("narrow opens, value, endpoint, narrow exits, sends 200")


@both
async def test_three_hundred_open_dependencies_exit_in_reverse(log: Log, is_async: bool) -> None:
    """O2: more blocks than CPython nests in one function."""
    names = [f"step_{number}" for number in range(300)]
    app = App(dependencies=[Depends(opening(log, name, is_async=is_async)) for name in names])

    @app.get("/")
    def endpoint() -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == [
        *(f"{name} opens" for name in names),
        "endpoint",
        *(f"{name} exits" for name in reversed(names)),
        "sends 200",
    ]
