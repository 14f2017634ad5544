"""S7, S8: dependencies of scope "use" close as soon as the last step that uses their value has run."""

from collections.abc import AsyncIterator, Callable, Iterator
from threading import get_ident
from typing import Annotated, Any

import pytest

from microfw import (
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    Router,
    Security,
    SecurityScopes,
    WebSocket,
)
from microfw.background import plan_of
from microfw.exceptions import ScopeError, SwallowedExceptionError
from microfw.responses import JSONResponse
from microfw.routing import Route
from tests.lifecycle.programs import Log, Oops, both, lines, opening, place, request
from tests.lifecycle.test_websockets import converse


def using(log: Log, name: str, *below: Any, is_async: bool = True) -> Callable[..., Any]:
    """Make a dependency that returns its name, and uses others."""

    async def use_async(a: Any = None, b: Any = None, c: Any = None) -> str:
        log(name)
        return name

    def use_sync(a: Any = None, b: Any = None, c: Any = None) -> str:
        log(name)
        return name

    function: Any = use_async if is_async else use_sync
    function.__defaults__ = (*below, None, None, None)[:3]
    function.__name__ = name
    used: Callable[..., Any] = function
    return used


# ---------------------------------------------------------------------- S7: when it closes


@both
async def test_it_is_closed_when_the_last_that_uses_it_has_run(is_async: bool) -> None:
    """S7"""
    log = Log()
    session = Depends(opening(log, "session", is_async=is_async), scope="use")
    user = Depends(using(log, "user", session, is_async=is_async))
    rights = Depends(using(log, "rights", session, is_async=is_async))
    app = App()

    @app.get("/", dependencies=[rights])
    async def endpoint(user: Annotated[str, user]) -> str:
        log("endpoint")
        return user

    answer = await request(app, log=log)

    assert answer.json() == "user"
    assert log == lines("session opens, rights, user, session exits, endpoint, sends 200")


@both
async def test_one_that_the_endpoint_uses_is_closed_before_the_response_is_built(
    log: Log, app: App, is_async: bool
) -> None:
    """S7"""
    session = Depends(opening(log, "session"), scope="use")
    work = Depends(opening(log, "work"))

    class LoggedResponse(JSONResponse):
        def render(self, content: Any) -> bytes:
            log("builds")
            return super().render(content)

    def write_endpoint(session: str) -> str:
        log("endpoint")
        return session

    async def async_endpoint(session: Annotated[str, session], work: Annotated[str, work]) -> str:
        return write_endpoint(session)

    def sync_endpoint(session: Annotated[str, session], work: Annotated[str, work]) -> str:
        return write_endpoint(session)

    endpoint = async_endpoint if is_async else sync_endpoint
    app.get("/", response_class=LoggedResponse)(endpoint)

    assert (await request(app, log=log)).json() == "session"
    assert log == lines(
        "work opens, session opens, endpoint, session exits, builds, work exits, sends 200"
    )


@both
async def test_one_whose_value_nobody_uses_is_closed_at_once(log: Log, is_async: bool) -> None:
    """S7"""
    app = App(
        dependencies=[
            Depends(opening(log, "first", is_async=is_async)),
            Depends(opening(log, "count", is_async=is_async), scope="use"),
            Depends(opening(log, "last", is_async=is_async)),
        ]
    )

    @app.get("/")
    async def endpoint() -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == lines(
        """first opens, count opens, count exits, last opens, endpoint, last exits, first exits,
        sends 200"""
    )


@both
async def test_its_value_may_be_used_again_by_one_of_function_scope_of_its_own(
    log: Log, app: App, is_async: bool
) -> None:
    """S7, O3"""
    get_session = opening(log, "session", is_async=is_async)
    user = Depends(using(log, "user", Depends(get_session, scope="use"), is_async=is_async))

    @app.get("/")
    async def endpoint(
        user: Annotated[str, user], session: Annotated[str, Depends(get_session)]
    ) -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == lines(
        """session opens, user, session exits, session opens, endpoint, session exits, sends 200"""
    )


@both
async def test_a_stream_begins_when_it_is_closed(log: Log, app: App, is_async: bool) -> None:
    """S7, S6"""
    session = Depends(opening(log, "session", is_async=is_async), scope="use")
    user = Depends(using(log, "user", session, is_async=is_async))

    @app.get("/")
    async def endpoint(user: Annotated[str, user]) -> AsyncIterator[str]:
        log("first item")
        yield user

    await request(app, log=log)

    assert log == lines(
        'session opens, user, session exits, first item, sends 200, sends "user", ends'
    )


@both
async def test_one_that_a_stream_uses_is_open_until_it_ends(is_async: bool) -> None:
    """S7, S6"""
    log = Log()
    session = Depends(opening(log, "session", is_async=is_async), scope="use")
    app = App()

    async def async_endpoint(session: Annotated[str, session]) -> AsyncIterator[str]:
        log("first item")
        yield session

    def sync_endpoint(session: Annotated[str, session]) -> Iterator[str]:
        log("first item")
        yield session

    app.get("/")(async_endpoint if is_async else sync_endpoint)

    await request(app, log=log)

    assert log == lines(
        'session opens, first item, sends 200, sends "session", ends, session exits'
    )


@both
async def test_a_websocket_is_served_when_it_is_closed(log: Log, app: App, is_async: bool) -> None:
    """S7, W1"""
    session = Depends(opening(log, "session", is_async=is_async), scope="use")
    user = Depends(using(log, "user", session, is_async=is_async))

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, user: Annotated[str, user]) -> None:
        await websocket.accept()
        await websocket.send_text(user)

    await converse(app, log=log)

    assert log == lines(
        "session opens, user, session exits, sends accept, sends text user, sends close 1000"
    )


@both
async def test_a_task_uses_it_and_lets_it_go(log: Log, app: App, is_async: bool) -> None:
    """S7, B3"""
    session = Depends(opening(log, "session", is_async=is_async), scope="use")
    user = Depends(using(log, "user", session, is_async=is_async))

    async def mail(text: str, user: Annotated[str, user]) -> None:
        log(f"mails {text} to {user}")

    def sync_mail(text: str, session: Annotated[str, session]) -> None:
        log(f"mails {text} in {session}")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(mail, "hello")
        tasks.add_task(sync_mail, "hello")

    await request(app, log=log)

    assert log == lines(
        """sends 200, session opens, user, session exits, mails hello to user,
        session opens, mails hello in session, session exits"""
    )


@both
async def test_security_overrides_and_scopes_hold_for_it(is_async: bool) -> None:
    """S7, X1"""
    log = Log()
    get_session = opening(log, "session", is_async=is_async)
    app = App()

    def get_user(
        scopes: SecurityScopes, session: Annotated[str, Depends(get_session, scope="use")]
    ) -> str:
        log(f"user {scopes.scope_str} in {session}")
        return "user"

    @app.get("/")
    async def endpoint(user: Annotated[str, Security(get_user, scopes=["read"])]) -> None:
        log("endpoint")

    await request(app, log=log)
    with app.override({get_session: opening(log, "other", is_async=is_async)}):
        await request(app, log=log)
    with app.override({get_session: lambda: "nothing"}):
        await request(app, log=log)

    assert log == lines(
        """session opens, user read in session, session exits, endpoint, sends 200,
        other opens, user read in other, other exits, endpoint, sends 200,
        user read in nothing, endpoint, sends 200"""
    )


async def test_the_error_names_the_one_that_swallowed_an_exception_of_what_uses_it(
    log: Log, app: App
) -> None:
    """S7, E5"""

    def session() -> Iterator[str]:
        try:
            yield "session"
        except Oops:
            log("swallows")

    def user(session: Annotated[str, Depends(session, scope="use")]) -> str:
        raise Oops

    @app.get("/")
    async def endpoint(
        user: Annotated[str, Depends(user)], other: Annotated[str, Depends(using(log, "other"))]
    ) -> None:
        log("endpoint")

    answer = await request(app, log=log)

    assert log == lines("swallows, sends 500")
    assert isinstance(answer.raised, SwallowedExceptionError)
    assert place(session) in str(answer.raised)


# ---------------------------------------------------------------------- S7: threads and depth


async def test_sync_steps_with_it_among_them_are_one_call_in_one_thread(app: App) -> None:
    """S7, T2"""
    threads: list[int] = []

    def session() -> Iterator[str]:
        threads.append(get_ident())
        yield "session"
        threads.append(get_ident())

    def user(session: Annotated[str, Depends(session, scope="use")]) -> str:
        threads.append(get_ident())
        return session

    def work() -> Iterator[str]:
        threads.append(get_ident())
        yield "work"
        threads.append(get_ident())

    @app.get("/sync")
    def endpoint(user: Annotated[str, Depends(user)], work: Annotated[str, Depends(work)]) -> str:
        threads.append(get_ident())
        return user

    @app.get("/async")
    async def async_endpoint(user: Annotated[str, Depends(user)]) -> str:
        return user

    assert (await request(app, "/sync")).json() == "session"
    assert (len(threads), len(set(threads))) == (6, 1)
    assert app.explain("/sync").count("call_in_thread") == 1
    assert (await request(app, "/async")).json() == "session"
    assert app.explain("/async").count("call_in_thread") == 1
    assert "in_thread(session" not in app.explain("/async")


FLAVOURS = ["a", "t", "at", "ta", "tta", "aat"]
"""In turn, async and in a worker thread."""

deep = pytest.mark.parametrize("flavours", FLAVOURS)


def swallowing(log: Log, name: str, below: Any) -> Callable[..., Any]:
    def swallow(below: Any = below) -> Iterator[str]:
        log(f"{name} opens")
        try:
            yield name
        except HTTPException:
            log(f"{name} swallows")

    return swallow


def forty_below(log: Log, flavours: str, swallows: int = -1) -> list[Any]:
    """Declare dependencies of scope "use" each of which uses the one before it."""
    below: list[Any] = []
    for number in range(40):
        is_async = flavours[number % len(flavours)] == "a"
        function = opening(log, f"{number}", *below[-1:], is_async=is_async)
        if number == swallows:
            function = swallowing(log, f"{number}", below[-1])
        below.append(Depends(function, scope="use"))
    return below


def add_endpoint(app: App, log: Log, user: Any, under: Any, *, is_async: bool) -> None:
    async def async_endpoint(user: Annotated[str, user], under: Annotated[str, under]) -> str:
        log("endpoint")
        return user

    def sync_endpoint(user: Annotated[str, user], under: Annotated[str, under]) -> str:
        log("endpoint")
        return user

    app.get("/")(async_endpoint if is_async else sync_endpoint)


OPENS = [f"{number} opens" for number in range(40)]


@both
@deep
async def test_forty_inside_of_each_other_close_in_reverse_each_in_its_turn(
    log: Log, app: App, flavours: str, is_async: bool
) -> None:
    """S7"""
    below = forty_below(log, flavours)
    user = Depends(using(log, "user", below[-1], below[20], is_async=is_async))
    add_endpoint(app, log, user, below[5], is_async=is_async)

    assert (await request(app, log=log)).json() == "user"
    exits = [f"{number} exits" for number in reversed(range(40))]
    assert log == [*OPENS, "user", *exits[:34], "endpoint", *exits[34:], "sends 200"]


@both
@deep
async def test_forty_inside_of_each_other_see_an_exception_until_one_swallows_it(
    log: Log, app: App, flavours: str, is_async: bool
) -> None:
    """S7, E5"""
    below = forty_below(log, flavours, swallows=10)

    def user(last: Annotated[str, below[-1]]) -> str:
        log("user")
        raise HTTPException(401)

    add_endpoint(app, log, Depends(user), below[5], is_async=is_async)

    answer = await request(app, log=log)

    assert isinstance(answer.raised, SwallowedExceptionError)
    assert log == [
        *OPENS,
        "user",
        *(f"{number} sees HTTPException(401)" for number in reversed(range(11, 40))),
        "10 swallows",
        *(f"{number} exits" for number in reversed(range(10))),
        "sends 500",
    ]


# ---------------------------------------------------------------------- S8: what else is open


@both
async def test_what_is_open_longer_opens_outside_of_it_and_nothing_else_moves(
    log: Log, app: App, is_async: bool
) -> None:
    """S8"""
    session = Depends(opening(log, "session", is_async=is_async), scope="use")
    needed = Depends(opening(log, "needed", is_async=is_async), scope="request")
    other = Depends(opening(log, "other", is_async=is_async))
    user = Depends(using(log, "user", session, is_async=is_async))
    unit = Depends(using(log, "unit", other, is_async=is_async))
    rights = Depends(using(log, "rights", session, needed, is_async=is_async))
    plain = Depends(using(log, "plain", is_async=is_async))

    @app.get("/", dependencies=[user, plain, unit, rights])
    async def endpoint() -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == lines(
        """plain, needed opens, session opens, user, rights, session exits, other opens, unit,
        endpoint, other exits, sends 200, needed exits"""
    )


def get_session() -> Iterator[str]:
    yield "session"


def get_other() -> Iterator[str]:
    yield "other"


InUse = Annotated[str, Depends(get_session, scope="use")]
OtherInUse = Annotated[str, Depends(get_other, scope="use")]


def get_user(session: InUse) -> str:
    return session


UserDep = Annotated[str, Depends(get_user)]


def get_work(user: UserDep) -> Iterator[str]:
    yield user


def get_rights(work: Annotated[str, Depends(get_work)], session: InUse) -> str:
    return session


def get_wide_rights(
    work: Annotated[str, Depends(get_work, scope="request")], session: InUse
) -> str:
    return session


def get_narrow() -> Iterator[str]:
    yield "narrow"


def get_rights_of_narrow(
    session: InUse, narrow: Annotated[str, Depends(get_narrow, scope="function")]
) -> str:
    return session


@both
async def test_of_two_that_overlap_the_inner_one_keeps_the_outer_one_open(is_async: bool) -> None:
    """S8"""
    log = Log()
    outer = Depends(opening(log, "outer", is_async=is_async), scope="use")
    inner = Depends(opening(log, "inner", is_async=is_async), scope="use")
    uses = [(outer, "first"), (inner, "second"), (outer, "third"), (inner, "fourth")]
    app = App(
        dependencies=[Depends(using(log, name, used, is_async=is_async)) for used, name in uses]
    )
    app.get("/")(lambda: "done")

    await request(app, log=log)

    assert log == [
        *("outer opens", "first", "inner opens", "second", "third", "fourth"),
        *("inner exits", "outer exits", "sends 200"),
    ]


@pytest.mark.parametrize(
    ("rights", "scope"), [(get_rights, "function"), (get_wide_rights, "request")]
)
def test_two_uses_that_are_too_far_apart_are_named(app: App, rights: Any, scope: str) -> None:
    """S8"""

    def endpoint(rights: Annotated[str, Depends(rights)]) -> None: ...

    with pytest.raises(ScopeError) as raised:
        app.get("/")(endpoint)

    name = rights.__name__
    assert str(raised.value) == (
        f"'get_session' of scope 'use' is used by 'get_user' and {name!r}, and 'get_work' of scope"
        f" {scope!r}, which stays open longer, has to open between the two\n"
        f"  in:   {place(rights)}\n"
        f"  path: endpoint -> {name}\n"
        '  cure: let the second have one of its own, `Depends(get_session, scope="use",'
        f' use_cache=False)`; or widen it, `Depends(get_session, scope="{scope}")`'
    )


def test_two_uses_with_a_border_of_scopes_between_them_are_named(app: App) -> None:
    """S8, O4"""

    def endpoint(
        work: Annotated[str, Depends(get_work, scope="request")],
        rights: Annotated[str, Depends(get_rights_of_narrow)],
    ) -> None: ...

    with pytest.raises(ScopeError, match="used by 'get_user' and 'get_rights_of_narrow', and"):
        app.get("/")(endpoint)


def test_two_uses_that_others_keep_apart_are_named(app: App) -> None:
    """S8: those of `get_session` are together, but one of them needs one of the two."""

    def early(other: OtherInUse) -> str:
        return other

    def bridge(early: Annotated[str, Depends(early)], session: InUse) -> str:
        return session

    def work(user: UserDep, bridge: Annotated[str, Depends(bridge)]) -> Iterator[str]:
        yield bridge

    def late(work: Annotated[str, Depends(work)], other: OtherInUse) -> str:
        return other

    def endpoint(late: Annotated[str, Depends(late)]) -> None: ...

    with pytest.raises(ScopeError, match="'get_other' of scope 'use' is used by 'early' and"):
        app.get("/")(endpoint)


# ---------------------------------------------------------------------- S3, S4, S5 of scope "use"


def keeper(session: InUse) -> Iterator[str]:
    yield session


def plain_in_app_scope(session: InUse) -> str:
    return session


@pytest.mark.parametrize(
    ("user", "scope"),
    [
        (keeper, "function"),
        (keeper, "request"),
        (keeper, "app"),
        (plain_in_app_scope, "app"),
    ],
)
def test_a_yield_dependency_of_a_wider_scope_cannot_use_it(user: Any, scope: Any) -> None:
    """S3"""
    app = App()

    def endpoint(user: Annotated[None, Depends(user, scope=scope)]) -> None: ...

    with pytest.raises(ScopeError) as raised:
        app.get("/")(endpoint)

    name = user.__name__
    assert str(raised.value) == (
        f"{name!r} lives in scope {scope!r} and uses 'get_session', which is closed earlier,"
        " when the last step that uses it has run, by scope 'use'\n"
        f"  in:   {place(user)}\n"
        f"  path: endpoint -> {name} -> get_session\n"
        f"  cure: give 'get_session' the wider scope, `Depends(get_session, scope=\"{scope}\")`,"
        f" or none at all; or narrow {name!r}"
    )


def test_what_it_uses_is_as_wide_as_those_need_that_use_it(app: App) -> None:
    """S4: it has to be open before what opens in that scope."""

    def engine() -> Iterator[str]:
        yield "engine"

    def session(engine: Annotated[str, Depends(engine)]) -> Iterator[str]:
        yield engine

    def user(session: Annotated[str, Depends(session, scope="use")]) -> str:
        return session

    def work(user: Annotated[str, Depends(user)]) -> Iterator[str]:
        yield user

    @app.get("/")
    def endpoint(work: Annotated[str, Depends(work, scope="request")]) -> None: ...

    route = app.routes[-1]
    assert isinstance(route, Route)
    steps = route.plan.steps
    assert [(step.signature.name, step.scope, step.last_inside) for step in steps] == [
        ("engine", "request", None),
        ("session", "use", 2),
        ("user", "request", None),
        ("work", "request", None),
        ("endpoint", "function", None),
    ]


def test_what_it_uses_cannot_be_narrower_than_those_need_that_use_it(app: App) -> None:
    """S3"""

    def engine() -> Iterator[str]:
        yield "engine"

    def session(engine: Annotated[str, Depends(engine, scope="function")]) -> Iterator[str]:
        yield engine

    def user(session: Annotated[str, Depends(session, scope="use")]) -> str:
        return session

    def work(user: Annotated[str, Depends(user)]) -> Iterator[str]:
        yield user

    def endpoint(work: Annotated[str, Depends(work, scope="request")]) -> None: ...

    with pytest.raises(ScopeError) as raised:
        app.get("/")(endpoint)

    assert str(raised.value) == (
        "'user' lives in scope 'request' and uses 'engine', which is closed earlier, at the end of"
        " scope 'function'\n"
        f"  in:   {place(user)}\n"
        "  path: endpoint -> work -> user -> session -> engine\n"
        "  cure: give 'engine' the wider scope, `Depends(engine, scope=\"request\")`,"
        " or none at all; or narrow 'user'"
    )


async def endpoint_of_nothing() -> None: ...


@pytest.mark.parametrize(
    ("declare", "where"),
    [
        (lambda: App(default_scope="use"), "App(default_scope='use')"),
        (lambda: Router(default_scope="use"), "Router(default_scope='use')"),
        (
            lambda: plan_of(endpoint_of_nothing, default_scope="use"),
            "plan_of(default_scope='use')",
        ),
    ],
)
def test_it_cannot_be_the_default(declare: Callable[[], Any], where: str) -> None:
    """S5"""
    with pytest.raises(ScopeError) as raised:
        declare()

    assert str(raised.value) == (
        'scope "use" cannot be the default: what uses such a value has to let go of it\n'
        f"  in:   {where}\n"
        '  cure: ask for it where it is meant, `Depends(get_it, scope="use")`'
    )
