"""S1 to S6: how long yield dependencies stay open."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Annotated, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from starlette.applications import Starlette
from starlette.routing import Mount

from microfw import App, BackgroundTasks, Depends, HTTPException, Router
from microfw.exceptions import (
    AppScopeError,
    RequestValueError,
    ScopeError,
    SwallowedExceptionError,
    YieldError,
)
from microfw.responses import FileResponse, StreamingResponse
from tests.lifecycle.programs import Log, Oops, both, lines, opening, place, request, told

# ---------------------------------------------------------------------- S1: request scope


@both
async def test_request_scope_feeds_a_returned_stream(log: Log, app: App, is_async: bool) -> None:
    """S1"""
    session = opening(log, "session", is_async=is_async)
    unit = opening(log, "unit", is_async=is_async)

    @app.get("/")
    async def endpoint(
        session: Annotated[str, Depends(session, scope="request")],
        unit: Annotated[str, Depends(unit)],
    ) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield f"row of {session}"

        return StreamingResponse(rows())

    await request(app, log=log)

    assert log == lines(
        """session opens, unit opens, unit exits, sends 200, sends row of session, ends,
        session exits"""
    )


@both
async def test_request_scope_feeds_a_file(app: App, is_async: bool, tmp_path: Any) -> None:
    """S1"""
    path = tmp_path / "report.txt"

    async def report_async() -> AsyncIterator[str]:
        path.write_text("report")
        yield str(path)
        path.unlink()

    def report_sync() -> Iterator[str]:
        path.write_text("report")
        yield str(path)
        path.unlink()

    report = report_async if is_async else report_sync

    @app.get("/")
    def endpoint(report: Annotated[str, Depends(report, scope="request")]) -> FileResponse:
        return FileResponse(report)

    answer = await request(app)

    assert (answer.status, answer.body, path.exists()) == (200, b"report", False)


# ---------------------------------------------------------------------- streams that come too late


class Session:
    """What is closed when its dependency has exited, as a database's session."""

    is_open = True

    def row(self) -> str:
        if not self.is_open:
            raise Oops("the session is closed")
        return "row"


async def session_async() -> AsyncIterator[Session]:
    session = Session()
    yield session
    session.is_open = False


def session_sync() -> Iterator[Session]:
    session = Session()
    yield session
    session.is_open = False


def transaction(session: Annotated[Session, Depends(session_async)]) -> Iterator[Session]:
    yield session


async def settings() -> str:
    return "settings"


def rows_of(session: Session) -> StreamingResponse:
    return StreamingResponse(session.row() for _ in range(2))


@both
async def test_a_stream_that_outlives_what_it_reads_is_reported_with_the_cure(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """E7, S1"""
    session = session_async if is_async else session_sync
    app = App(dependencies=[Depends(settings)])

    @app.get("/")
    async def endpoint(session: Annotated[Session, Depends(session)]) -> StreamingResponse:
        return rows_of(session)

    answer = await request(app)

    assert told(answer.raised or Exception()) == "Oops(the session is closed)"
    (message,) = caplog.messages
    assert message == (
        f"the response that {place(endpoint)} returned failed with Oops while it was being sent."
        f" These dependencies had closed before: {place(session)}. One that the response still"
        f' needs is to stay open for it: Depends({session.__name__}, scope="request")'
    )
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_what_had_closed_before_a_stream_is_reported_in_the_order_of_setup(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """E7, S1: what has request scope is still open, and not named."""
    app = App(dependencies=[Depends(session_sync, scope="request")])

    @app.get("/")
    async def endpoint(session: Annotated[Session, Depends(transaction)]) -> StreamingResponse:
        return rows_of(session)

    await request(app)

    (message,) = caplog.messages
    assert message == (
        f"the response that {place(endpoint)} returned failed with Oops while it was being sent."
        f" These dependencies had closed before: {place(session_async)}, {place(transaction)}. One"
        ' that the response still needs is to stay open for it: Depends(transaction, scope="request")'
    )


async def test_the_replacement_of_a_dependency_is_named_where_it_is_overridden(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """E7, S1, X2"""

    @app.get("/")
    async def endpoint(session: Annotated[Session, Depends(session_async)]) -> StreamingResponse:
        return rows_of(session)

    with app.override({session_async: session_sync}):
        await request(app)

    assert f"had closed before: {place(session_sync)}. One" in caplog.text


async def test_nothing_is_reported_of_a_stream_that_fails_while_what_it_reads_is_open(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """E7, S1, S6"""

    @app.get("/")
    async def wide(
        session: Annotated[Session, Depends(session_async, scope="request")],
    ) -> StreamingResponse:
        session.is_open = False
        return rows_of(session)

    @app.get("/generator")
    async def generator(session: Annotated[Session, Depends(session_async)]) -> AsyncIterator[str]:
        yield session.row()
        session.is_open = False
        yield session.row()

    @app.get("/whole")
    async def whole(session: Annotated[Session, Depends(session_async)]) -> None: ...

    async def send_nothing(_: Any) -> None:
        raise OSError("gone")

    for path in ("/", "/generator"):
        assert told((await request(app, path)).raised or Exception()).startswith("Oops")
    with pytest.raises(OSError, match="gone"):
        await app(SCOPE | {"path": "/whole"}, receive_nothing, send_nothing)
    assert caplog.messages == []


SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}


async def receive_nothing() -> Any:
    await anyio.sleep_forever()


# ---------------------------------------------------------------------- S2: app scope


@both
async def test_app_scope_opens_once_in_order_and_exits_in_reverse(log: Log, is_async: bool) -> None:
    """S2"""

    def settings() -> str:
        log("settings")
        return "settings"

    config = opening(log, "config", Depends(settings), is_async=not is_async)
    engine = opening(log, "engine", Depends(config), is_async=is_async)
    cache = opening(log, "cache", is_async=is_async)

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        with log.opened("lifespan"):
            yield

    app = App(lifespan=lifespan, dependencies=[Depends(engine, scope="app")])

    @app.get("/")
    async def first(engine: Annotated[str, Depends(engine, scope="app")]) -> str:
        log("endpoint")
        return engine

    @app.get("/second")
    def second(
        cache: Annotated[str, Depends(cache, scope="app")],
        config: Annotated[str, Depends(config, scope="app")],
    ) -> list[str]:
        return [cache, config]

    async with app.router.lifespan_context(app):
        assert (await request(app, log=log)).json() == "engine"
        assert (await request(app, log=log)).json() == "engine"
        assert (await request(app, "/second", log=log)).json() == ["cache", "config"]

    assert log == lines(
        """lifespan opens, settings, config opens, engine opens, cache opens,
        endpoint, sends 200, endpoint, sends 200, sends 200,
        cache exits, engine exits, config exits, lifespan exits"""
    )


@both
async def test_all_requests_share_the_value_of_app_scope(app: App, is_async: bool) -> None:
    """S2"""
    seen: list[object] = []

    async def engine_async() -> AsyncIterator[object]:
        yield object()

    def engine_sync() -> object:
        return object()

    engine = engine_async if is_async else engine_sync

    @app.get("/")
    async def endpoint(engine: Annotated[object, Depends(engine, scope="app")]) -> None:
        seen.append(engine)

    async with app.router.lifespan_context(app):
        await request(app)
        await request(app)
    async with app.router.lifespan_context(app):
        await request(app)

    assert [seen.index(value) for value in seen] == [0, 0, 2]


@both
async def test_app_scope_that_is_not_shared_opens_for_each_use(is_async: bool) -> None:
    """S2, O3"""
    log = Log()
    numbers = count(1)

    async def engine_async() -> AsyncIterator[int]:
        number = next(numbers)
        with log.opened(str(number)):
            yield number

    def engine_sync() -> Iterator[int]:
        number = next(numbers)
        with log.opened(str(number)):
            yield number

    engine = engine_async if is_async else engine_sync
    own = Depends(engine, scope="app", use_cache=False)
    shared = Depends(engine, scope="app")
    app = App()

    @app.get("/")
    async def endpoint(
        a: Annotated[int, own],
        b: Annotated[int, shared],
        c: Annotated[int, own],
        d: Annotated[int, shared],
    ) -> list[int]:
        return [a, b, c, d]

    async with app.router.lifespan_context(app):
        assert (await request(app)).json() == [1, 2, 3, 2]
        assert (await request(app)).json() == [1, 2, 3, 2]
    assert log == lines("1 opens, 2 opens, 3 opens, 3 exits, 2 exits, 1 exits")


@both
async def test_what_was_entered_exits_when_start_up_fails_half_way(is_async: bool) -> None:
    """S2"""
    log = Log()
    first = opening(log, "first", is_async=is_async)
    second = opening(log, "second", is_async=not is_async)

    async def broken_async() -> AsyncIterator[None]:
        log("broken")
        if log:
            raise Oops("start-up")
        yield

    def broken_sync() -> Iterator[None]:
        log("broken")
        if log:
            raise Oops("start-up")
        yield

    never = opening(log, "never")

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        with log.opened("lifespan"):
            yield

    app = App(
        lifespan=lifespan,
        dependencies=[
            Depends(first, scope="app"),
            Depends(second, scope="app"),
            Depends(broken_async if is_async else broken_sync, scope="app"),
            Depends(never, scope="app"),
        ],
    )

    @app.get("/")
    async def endpoint() -> None:
        log("endpoint")

    with pytest.raises(Oops, match="start-up"):
        async with app.router.lifespan_context(app):
            log("started")

    assert log == lines(
        """lifespan opens, first opens, second opens, broken, second sees Oops(start-up),
        first sees Oops(start-up), lifespan sees Oops(start-up)"""
    )


@both
async def test_a_start_up_opens_what_an_earlier_one_had_opened_before_it_failed(
    log: Log, is_async: bool
) -> None:
    """S2"""
    first = opening(log, "first", is_async=is_async)
    failures = [Oops("start-up")]

    async def sometimes_broken() -> None:
        if failures:
            raise failures.pop()

    app = App(
        dependencies=[Depends(first, scope="app"), Depends(sometimes_broken, scope="app")],
    )

    @app.get("/")
    async def endpoint(first: Annotated[str, Depends(first, scope="app")]) -> None:
        log(f"endpoint with {first}")

    with pytest.raises(Oops, match="start-up"):
        async with app.router.lifespan_context(app):
            log("started")
    async with app.router.lifespan_context(app):
        await request(app)

    assert log == lines(
        """first opens, first sees Oops(start-up),
        first opens, endpoint with first, first exits"""
    )


@both
async def test_a_lifespan_within_another_shares_what_that_has_opened_and_leaves_it_open(
    log: Log, is_async: bool
) -> None:
    """S2"""
    engine = opening(log, "engine", is_async=is_async)
    app = App(dependencies=[Depends(engine, scope="app")])

    @app.get("/")
    async def endpoint(engine: Annotated[str, Depends(engine, scope="app")]) -> None:
        log(f"endpoint with {engine}")

    async with app.router.lifespan_context(app):
        async with app.router.lifespan_context(app):
            await request(app)
        log("inner ended")
        await request(app)

    assert log == lines(
        "engine opens, endpoint with engine, inner ended, endpoint with engine, engine exits"
    )


@both
async def test_a_start_up_error_that_a_dependency_swallows_is_reported_with_the_dependency(
    log: Log, is_async: bool
) -> None:
    """S2, E5"""

    async def swallows_async() -> AsyncIterator[None]:
        with suppress(Oops):
            yield

    def swallows_sync() -> Iterator[None]:
        with suppress(Oops):
            yield

    swallows = swallows_async if is_async else swallows_sync
    oops = Oops("start-up")

    async def broken() -> None:
        raise oops

    app = App(dependencies=[Depends(swallows, scope="app"), Depends(broken, scope="app")])

    @app.get("/")
    async def endpoint() -> None: ...

    with pytest.raises(SwallowedExceptionError) as raised:
        async with app.router.lifespan_context(app):
            log("started")

    assert str(raised.value) == f"{place(swallows)} swallowed Oops('start-up')"
    assert raised.value.__cause__ is oops
    assert log == []


@pytest.mark.parametrize("flavour", ["async", "suspending", "thread", "loop"])
async def test_errors_at_shutdown_are_chained_as_those_of_nested_with_blocks(flavour: str) -> None:
    """S2, E8: an exit stack alone does not chain what comes of the error that exit code sees."""

    async def quick() -> AsyncIterator[None]:
        with suppress(Oops):
            yield
        yield

    async def suspending() -> AsyncIterator[None]:
        with suppress(Oops):
            yield
        await checkpoint()
        yield

    def sync() -> Iterator[None]:
        with suppress(Oops):
            yield
        yield

    async def broken() -> AsyncIterator[None]:
        yield
        raise oops

    oops = Oops("shutdown")
    flavours: dict[str, Any] = {"async": quick, "suspending": suspending}
    twice = flavours.get(flavour, sync)
    first = Depends(twice, scope="app", sync_to_thread=flavour != "loop")
    app = App(dependencies=[first, Depends(broken, scope="app")])

    @app.get("/")
    async def endpoint() -> None: ...

    with pytest.raises(YieldError) as raised:
        async with app.router.lifespan_context(app):
            pass

    assert str(raised.value) == f"{place(twice)} yielded twice"
    assert raised.value.__context__ is oops
    assert oops.__context__ is None


async def test_a_lifespan_within_another_closes_what_it_has_opened_itself(log: Log) -> None:
    """S2: what was declared since the other one has started."""
    engine, cache = opening(log, "engine"), opening(log, "cache")
    app = App(dependencies=[Depends(engine, scope="app")])

    @app.get("/")
    async def endpoint() -> None:
        log("endpoint")

    async with app.router.lifespan_context(app):

        @app.get("/cached")
        async def cached(cache: Annotated[str, Depends(cache, scope="app")]) -> None:
            log(f"endpoint with {cache}")

        async with app.router.lifespan_context(app):
            await request(app, "/cached")
        await request(app, "/cached")
        await request(app)

    assert log == lines(
        """engine opens, cache opens, endpoint with cache, cache exits,
        cache opens, endpoint with cache, endpoint, cache exits, engine exits"""
    )


async def test_an_error_at_shutdown_lets_the_other_dependencies_exit(log: Log) -> None:
    """S2, O2"""
    first = opening(log, "first")

    async def broken() -> AsyncIterator[None]:
        yield
        raise Oops("shutdown")

    app = App(dependencies=[Depends(first, scope="app"), Depends(broken, scope="app")])

    @app.get("/")
    async def endpoint() -> None: ...

    with pytest.raises(Oops, match="shutdown"):
        async with app.router.lifespan_context(app):
            log("started")

    assert log == lines("first opens, started, first sees Oops(shutdown)")


async def test_app_scope_without_a_lifespan_is_an_error_that_says_so(log: Log, app: App) -> None:
    """S2"""
    engine = opening(log, "engine")

    @app.get("/")
    async def endpoint(engine: Annotated[str, Depends(engine, scope="app")]) -> None:
        log("endpoint")

    answer = await request(app)

    assert log == []
    assert isinstance(answer.raised, AppScopeError)
    assert str(answer.raised) == (
        "'engine' has scope 'app', and the application's lifespan is not running. A server has to"
        " speak ASGI's lifespan protocol: daphne and some adapters do not, and neither does"
        " `uvicorn --lifespan off`. A test enters it with `with TestClient(app)`, or with"
        " `async with app.router.lifespan_context(app)` where the client is httpx's. An application"
        " that is mounted in one of another framework needs the lifespan of that one to do the same"
    )


async def test_app_scope_is_closed_after_the_lifespan(app: App) -> None:
    """S2"""
    engine = opening(Log(), "engine")

    @app.get("/")
    async def endpoint(engine: Annotated[str, Depends(engine, scope="app")]) -> str:
        return engine

    async with app.router.lifespan_context(app):
        assert (await request(app)).status == 200

    assert isinstance((await request(app)).raised, AppScopeError)


@both
async def test_the_lifespan_of_an_application_opens_app_scope_of_those_mounted_in_it(
    log: Log, is_async: bool
) -> None:
    """S2"""
    shared = opening(log, "shared", is_async=is_async)
    inner_engine = opening(log, "inner_engine", is_async=is_async)
    app, inner, innermost = App(), App(), App()

    @app.get("/")
    async def outer_endpoint(engine: Annotated[str, Depends(shared, scope="app")]) -> str:
        return engine

    @inner.get("/")
    async def inner_endpoint(
        engine: Annotated[str, Depends(inner_engine, scope="app")],
        shared: Annotated[str, Depends(shared, scope="app")],
    ) -> list[str]:
        return [engine, shared]

    @innermost.get("/")
    async def innermost_endpoint(engine: Annotated[str, Depends(inner_engine, scope="app")]) -> str:
        return engine

    inner.mount("/innermost", innermost)
    app.mount("/inner", inner)

    async with app.router.lifespan_context(app):
        log("started")
        assert (await request(app, "/")).json() == "shared"
        assert (await request(app, "/inner/")).json() == ["inner_engine", "shared"]
        assert (await request(app, "/inner/innermost/")).json() == "inner_engine"

    # Each application has its own: what is mounted does not know what it is mounted in.
    assert log == lines(
        """shared opens, inner_engine opens, shared opens, inner_engine opens, started,
        inner_engine exits, shared exits, inner_engine exits, shared exits"""
    )


async def test_an_application_mounted_in_starlettes_opens_its_own_with_its_own_lifespan() -> None:
    """S2"""
    log = Log()
    engine = opening(log, "engine")
    inner = App()

    @inner.get("/")
    async def endpoint(engine: Annotated[str, Depends(engine, scope="app")]) -> str:
        return engine

    outer = Starlette(
        routes=[Mount("/inner", inner)],
        lifespan=lambda _: inner.router.lifespan_context(inner),
    )

    async with outer.router.lifespan_context(outer):
        assert (await request(outer, "/inner/")).json() == "engine"

    assert log == lines("engine opens, engine exits")


async def test_app_scope_runs_in_the_lifespan_protocol_and_its_failure_is_told_to_the_server(
    log: Log,
) -> None:
    """S2"""

    async def broken() -> AsyncIterator[None]:
        if log:
            yield
        raise Oops("start-up")

    first = opening(log, "first")
    app = App(dependencies=[Depends(first, scope="app"), Depends(broken, scope="app")])

    @app.get("/")
    async def endpoint() -> None: ...

    async def broken_now() -> AsyncIterator[None]:
        if not log:
            yield
        raise Oops("start-up")

    app.dependency_overrides[broken] = broken_now

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        log(message["type"])

    with pytest.raises(Oops, match="start-up"):
        await app({"type": "lifespan", "state": {}}, receive, send)

    assert log == lines("first opens, first sees Oops(start-up), lifespan.startup.failed")


@pytest.mark.parametrize("kind", ["request", "value"])
def test_a_request_value_in_app_scope_is_refused_when_the_route_is_added(kind: str) -> None:
    """S2"""
    from microfw import Request

    def by_request(request: Request) -> None: ...

    def by_value(item_id: int) -> None: ...

    needs = by_request if kind == "request" else by_value
    parameter = "request" if kind == "request" else "item_id"

    def engine(value: Annotated[None, Depends(needs)]) -> None: ...

    app = App()

    def endpoint(engine: Annotated[None, Depends(engine, scope="app")]) -> None: ...

    with pytest.raises(RequestValueError) as raised:
        app.get("/{item_id}")(endpoint)

    assert str(raised.value) == (
        f'parameter {parameter!r} needs a value of the request, and there is none in scope "app"\n'
        f"  in:   {place(needs)}\n"
        f"  path: endpoint -> engine -> {needs.__name__}\n"
        "  cure: give the dependency a narrower scope, or the parameter a plain default value"
    )


# ---------------------------------------------------------------------- S3: narrower in wider


def session() -> Iterator[None]:
    yield


NarrowSession = Annotated[None, Depends(session, scope="function")]


def through_plain(session: NarrowSession) -> None: ...


def through_two(plain: Annotated[None, Depends(through_plain)]) -> None: ...


def directly(session: NarrowSession) -> Iterator[None]:
    yield


def by_one(plain: Annotated[None, Depends(through_plain)]) -> Iterator[None]:
    yield


def by_two(plain: Annotated[None, Depends(through_two)]) -> Iterator[None]:
    yield


@pytest.mark.parametrize("scope", ["request", "app"])
@pytest.mark.parametrize(
    ("wide", "user", "path"),
    [
        (directly, directly, "endpoint -> directly -> session"),
        (by_one, through_plain, "endpoint -> by_one -> through_plain -> session"),
        (by_two, through_plain, "endpoint -> by_two -> through_two -> through_plain -> session"),
    ],
    ids=["directly", "through a plain function", "through two"],
)
def test_a_narrower_scope_in_a_wider_one_is_refused_and_the_path_is_shown(
    wide: Any, user: Any, path: str, scope: Any
) -> None:
    """S3"""
    app = App()

    def endpoint(wide: Annotated[None, Depends(wide, scope=scope)]) -> None: ...

    with pytest.raises(ScopeError) as raised:
        app.get("/")(endpoint)

    assert str(raised.value) == (
        f"{user.__name__!r} lives in scope {scope!r} and uses 'session', which is closed earlier,"
        " at the end of scope 'function'\n"
        f"  in:   {place(user)}\n"
        f"  path: {path}\n"
        f"  cure: give 'session' the wider scope, `Depends(session, scope=\"{scope}\")`,"
        f" or none at all; or narrow {user.__name__!r}"
    )


def test_request_scope_in_app_scope_is_refused(app: App) -> None:
    """S3"""

    def engine(session: Annotated[None, Depends(session, scope="request")]) -> None: ...

    def endpoint(engine: Annotated[None, Depends(engine, scope="app")]) -> None: ...

    with pytest.raises(ScopeError, match="'engine' lives in scope 'app' and uses 'session'"):
        app.get("/")(endpoint)


@both
async def test_a_wider_scope_in_a_narrower_one_is_fine(log: Log, app: App, is_async: bool) -> None:
    """S3"""
    engine = opening(log, "engine", is_async=is_async)
    session = opening(log, "session", Depends(engine, scope="app"), is_async=not is_async)
    unit = opening(log, "unit", Depends(session, scope="request"), is_async=is_async)

    @app.get("/")
    async def endpoint(unit: Annotated[str, Depends(unit, scope="function")]) -> None:
        log("endpoint")

    async with app.router.lifespan_context(app):
        await request(app, log=log)

    assert log == lines(
        """engine opens, session opens, unit opens, endpoint, unit exits, sends 200, session exits,
        engine exits"""
    )


# ---------------------------------------------------------------------- S4: widened


@both
async def test_an_unscoped_dependency_takes_the_scope_that_its_user_needs(is_async: bool) -> None:
    """S4"""
    log = Log()
    session = opening(log, "session", is_async=is_async)

    def repository(session: Annotated[str, Depends(session)]) -> str:
        return f"repository of {session}"

    unit = opening(log, "unit", Depends(session), is_async=is_async)
    app = App()

    @app.get("/")
    async def endpoint(
        repository: Annotated[str, Depends(repository, scope="request")],
        unit: Annotated[str, Depends(unit)],
    ) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield f"row of {repository}"

        return StreamingResponse(rows())

    await request(app, log=log)

    assert log == lines(
        """session opens, unit opens, unit exits, sends 200, sends row of repository of session,
        ends, session exits"""
    )


@both
async def test_it_takes_the_widest_scope_asked_for_on_that_route_and_no_other(
    log: Log, is_async: bool
) -> None:
    """S4"""
    session = opening(log, "session", is_async=is_async)
    app = App(dependencies=[Depends(session)])

    @app.get("/wide")
    async def wide(session: Annotated[str, Depends(session, scope="request")]) -> str:
        return session

    @app.get("/narrow")
    async def narrow(session: Annotated[str, Depends(session)]) -> str:
        return session

    await request(app, "/wide", log=log)
    await request(app, "/narrow", log=log)

    assert log == lines(
        """session opens, sends 200, session exits, session opens, session exits, sends 200"""
    )


@both
async def test_uses_that_turn_out_to_be_one_step_open_once_what_that_step_does_not_share(
    log: Log, app: App, is_async: bool
) -> None:
    """S4, O3"""
    lock = opening(log, "lock", is_async=is_async)
    session = opening(log, "session", Depends(lock, use_cache=False), is_async=is_async)

    @app.get("/")
    async def endpoint(
        unscoped: Annotated[str, Depends(session)],
        session: Annotated[str, Depends(session, scope="request")],
    ) -> None: ...

    await request(app, log=log)

    assert log == lines("lock opens, session opens, sends 200, session exits, lock exits")


@both
async def test_it_is_widened_through_other_unscoped_dependencies(is_async: bool) -> None:
    """S4"""
    log = Log()
    connection = opening(log, "connection", is_async=is_async)
    session = opening(log, "session", Depends(connection), is_async=not is_async)
    repository = opening(log, "repository", Depends(session), is_async=is_async)
    app = App()

    @app.get("/")
    async def endpoint(
        connection: Annotated[str, Depends(connection)],
        repository: Annotated[str, Depends(repository, scope="request")],
        session: Annotated[str, Depends(session)],
    ) -> None:
        log("endpoint")

    await request(app, log=log)

    assert log == lines(
        """connection opens, session opens, repository opens, endpoint, sends 200,
        repository exits, session exits, connection exits"""
    )


async def test_it_is_widened_to_app_scope_too(log: Log, app: App) -> None:
    """S4, S2"""
    pool = opening(log, "pool")
    engine = opening(log, "engine", Depends(pool))

    @app.get("/")
    async def endpoint(
        engine: Annotated[str, Depends(engine, scope="app")], pool: Annotated[str, Depends(pool)]
    ) -> None:
        log("endpoint")

    async with app.router.lifespan_context(app):
        await request(app, log=log)

    assert log == lines("pool opens, engine opens, endpoint, sends 200, engine exits, pool exits")


# ---------------------------------------------------------------------- S5: the default


@both
async def test_the_default_scope_of_an_application_is_for_all_its_routes(is_async: bool) -> None:
    """S5"""
    log = Log()
    session = opening(log, "session", is_async=is_async)
    narrow = opening(log, "narrow", is_async=is_async)
    app = App(default_scope="request")
    router = Router(dependencies=[Depends(session)])

    @router.get("/")
    async def endpoint(narrow: Annotated[str, Depends(narrow, scope="function")]) -> None:
        log("endpoint")

    app.include_router(router)

    await request(app, log=log)

    assert log == lines(
        "session opens, narrow opens, endpoint, narrow exits, sends 200, session exits"
    )


@both
async def test_the_default_scope_is_for_the_dependencies_of_tasks_as_well(is_async: bool) -> None:
    """S5, B3: a function-scope dependency below an unscoped one is refused there, too."""
    from microfw import BackgroundTasks

    log = Log()
    session = opening(log, "session", is_async=is_async)
    app = App(default_scope="request")

    async def audit(session: Annotated[str, Depends(session)]) -> None:
        log("audit")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(audit)

    await request(app, log=log)

    assert log == lines("sends 200, session opens, audit, session exits")


# ---------------------------------------------------------------------- S6: generators


@both
@pytest.mark.parametrize("endpoint_is_async", [True, False], ids=["async stream", "sync stream"])
async def test_a_generator_endpoint_ends_function_scope_when_the_stream_ends(
    log: Log, is_async: bool, endpoint_is_async: bool
) -> None:
    """S6"""
    narrow = opening(log, "narrow", is_async=is_async)
    wide = opening(log, "wide", is_async=not is_async)
    app = App(dependencies=[Depends(wide, scope="request")])

    async def stream_async(narrow: Annotated[str, Depends(narrow)]) -> AsyncIterator[str]:
        with log.opened("stream"):
            yield "one"
            yield "two"

    def stream_sync(narrow: Annotated[str, Depends(narrow)]) -> Iterator[str]:
        with log.opened("stream"):
            yield "one"
            yield "two"

    app.get("/")(stream_async if endpoint_is_async else stream_sync)

    answer = await request(app, log=log)

    assert log == lines(
        """wide opens, narrow opens, stream opens, sends 200, sends "one", sends "two",
        stream exits, ends, narrow exits, wide exits"""
    )
    assert answer.body == b'"one"\n"two"\n'
    assert answer.header("content-type") == ["application/jsonl"]


@both
async def test_an_error_before_the_first_item_is_answered_like_any_other(is_async: bool) -> None:
    """S6, E2"""
    log = Log()
    narrow = opening(log, "narrow", is_async=is_async)
    app = App(dependencies=[Depends(narrow)])

    async def stream_async() -> AsyncIterator[str]:
        if log:
            raise HTTPException(404)
        yield "never"

    def stream_sync() -> Iterator[str]:
        if log:
            raise HTTPException(404)
        yield "never"

    app.get("/")(stream_async if is_async else stream_sync)

    answer = await request(app, log=log)

    assert log == lines("narrow opens, narrow sees HTTPException(404), sends 404")
    assert answer.json() == {"detail": "Not Found"}


@both
async def test_an_error_after_the_start_is_raised_to_the_server(log: Log, is_async: bool) -> None:
    """S6, E7"""
    narrow = opening(log, "narrow", is_async=is_async)
    app = App(dependencies=[Depends(narrow)])

    async def stream_async() -> AsyncIterator[int]:
        yield 1
        raise Oops("stream")

    def stream_sync() -> Iterator[int]:
        yield 1
        raise Oops("stream")

    app.get("/")(stream_async if is_async else stream_sync)

    answer = await request(app, log=log)

    assert log == lines("narrow opens, sends 200, sends 1, narrow sees Oops(stream)")
    assert (answer.complete, told(answer.raised or Exception())) == (False, "Oops(stream)")


@both
async def test_an_error_after_the_start_that_is_swallowed_is_reported_all_the_same(
    log: Log, is_async: bool
) -> None:
    """S6, E5, E7: the client has half of an answer."""

    async def swallowing_async() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            log("swallowed")

    def swallowing_sync() -> Iterator[None]:
        try:
            yield
        except Oops:
            log("swallowed")

    app = App(dependencies=[Depends(swallowing_async if is_async else swallowing_sync)])

    @app.get("/")
    async def stream() -> AsyncIterator[int]:
        yield 1
        raise Oops("stream")

    answer = await request(app, log=log)

    assert log == lines("sends 200, sends 1, swallowed")
    assert not answer.complete
    assert answer.raised is not None
    assert told(answer.raised.__cause__ or Exception()) == "Oops(stream)"


@both
async def test_a_stream_without_items_is_an_empty_answer(is_async: bool) -> None:
    """S6"""
    log = Log()
    app = App()

    async def stream_async() -> AsyncIterator[str]:
        if log:
            yield "never"

    def stream_sync() -> Iterator[str]:
        yield from ()

    app.get("/")(stream_async if is_async else stream_sync)

    answer = await request(app, log=log)

    assert (log, answer.body, answer.complete, answer.raised) == (["sends 200"], b"", True, None)


@both
async def test_exit_code_that_fails_after_a_stream_is_raised_to_the_server(is_async: bool) -> None:
    """S6, E3, E7"""
    log = Log()

    async def broken_async() -> AsyncIterator[None]:
        yield
        raise HTTPException(409)

    def broken_sync() -> Iterator[None]:
        yield
        raise HTTPException(409)

    outer = opening(log, "outer")
    app = App(dependencies=[Depends(outer), Depends(broken_async if is_async else broken_sync)])

    @app.get("/")
    async def stream() -> AsyncIterator[int]:
        yield 1

    answer = await request(app, log=log)

    assert log == lines("outer opens, sends 200, sends 1, ends, outer sees HTTPException(409)")
    assert answer.raised is not None


@both
async def test_invalid_values_are_answered_before_a_stream_starts(is_async: bool) -> None:
    """S6, V2"""
    log = Log()
    app = App()

    async def stream_async(count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number

    def stream_sync(count: int) -> Iterator[int]:
        yield from range(count)

    app.get("/")(stream_async if is_async else stream_sync)

    await request(app, query="count=x", log=log)
    await request(app, query="count=2", log=log)

    assert log == lines("sends 422, sends 200, sends 0, sends 1, ends")


async def test_a_stream_that_breaks_off_is_reported_even_where_request_scope_swallows_it() -> None:
    """E5, E7, B2"""
    log = Log()
    app = App()

    async def swallowing() -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            log.append("swallows")

    @app.get("/", dependencies=[Depends(swallowing, scope="request")])
    async def endpoint(tasks: BackgroundTasks) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield "row"
            raise ValueError("cut")

        tasks.add_task(log.append, "task")
        return StreamingResponse(rows())

    answer = await request(app, log=log)

    assert log == ["sends 200", "sends row", "swallows"]
    assert isinstance(answer.raised, SwallowedExceptionError)
    assert repr(answer.raised.__cause__) == "ValueError('cut')"
