"""The source that runs, whole, for typical routes: files that a reviewer can read.

Each application below has its source in `explained/`, as `app.explain` returns it. When the
compiler's output changes on purpose, write them anew, and read the difference:

    REWRITE_EXPLAINED=1 scripts/test tests/lifecycle/test_explained.py
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from anyio.lowlevel import checkpoint
from starlette.responses import StreamingResponse

from examples.shop.main import app as shop
from microfw import App, BackgroundTasks, Body, Depends, Header, Outcome, Response, WebSocket
from microfw._answering.tasks import _FUNCTIONS
from tests.lifecycle.programs import request

EXPLAINED = Path(__file__).with_name("explained")

# ---------------------------------------------------------------------- what routes depend on


async def get_engine() -> AsyncIterator[str]:
    yield "engine"
    await checkpoint()


EngineDep = Annotated[str, Depends(get_engine, scope="app")]


async def get_session() -> AsyncIterator[str]:
    yield "session"
    await checkpoint()


async def get_timer() -> AsyncIterator[str]:
    """Never gives way to the event loop."""
    yield "timer"


def get_connection() -> Iterator[str]:
    yield "connection"


def get_lock() -> Iterator[str]:
    yield "lock"


def get_settings() -> str:
    return "settings"


SessionDep = Annotated[str, Depends(get_session)]
WideSessionDep = Annotated[str, Depends(get_session, scope="request")]
ConnectionDep = Annotated[str, Depends(get_connection)]
WideConnectionDep = Annotated[str, Depends(get_connection, scope="request")]


async def get_user(session: SessionDep, token: Annotated[str, Header()]) -> str:
    return f"user {token} in {session}"


UserDep = Annotated[str, Depends(get_user)]


async def get_work(session: SessionDep, user: UserDep) -> AsyncIterator[str]:
    yield f"work of {user} on {session}"
    await checkpoint()


async def get_audit(outcome: Outcome) -> AsyncIterator[str]:
    yield "audit"
    await checkpoint()


def get_transaction(connection: ConnectionDep, outcome: Outcome) -> Iterator[str]:
    yield f"transaction on {connection}"


def get_cursor(connection: ConnectionDep) -> Iterator[str]:
    yield f"cursor on {connection}"


# ---------------------------------------------------------------------- the routes


def no_dependencies(app: App) -> None:
    @app.get("/")
    async def read_root() -> str:
        return "hello"


def no_dependencies_sync(app: App) -> None:
    @app.get("/")
    def read_root() -> str:
        return "hello"


def values(app: App) -> None:
    @app.put("/items/{item_id}")
    async def replace_item(
        item_id: int,
        item: dict[str, int],
        response: Response,
        tasks: BackgroundTasks,
        q: str | None = None,
        user_agent: Annotated[str, Header()] = "",
    ) -> dict[str, int]:
        return item


def one_async(app: App) -> None:
    @app.get("/")
    async def read_items(session: SessionDep) -> str:
        return session


def one_async_that_never_suspends(app: App) -> None:
    @app.get("/")
    async def read_items(timer: Annotated[str, Depends(get_timer)]) -> str:
        return timer


def chain_of_three(app: App) -> None:
    @app.post("/orders")
    async def create_order(
        work: Annotated[str, Depends(get_work)], user: UserDep, order: Annotated[int, Body()]
    ) -> str:
        return f"{user} {work} {order}"


def all_sync(app: App) -> None:
    @app.get("/")
    def read_items(
        cursor: Annotated[str, Depends(get_cursor)],
        settings: Annotated[str, Depends(get_settings)],
    ) -> list[str]:
        return [cursor, settings]


def sync_in_the_middle(app: App) -> None:
    @app.get("/")
    async def read_items(
        session: SessionDep,
        settings: Annotated[str, Depends(get_settings)],
        cursor: Annotated[str, Depends(get_cursor)],
        timer: Annotated[str, Depends(get_timer)],
    ) -> list[str]:
        return [session, settings, cursor, timer]


def one_sync_under_async(app: App) -> None:
    @app.get("/")
    async def read_items(connection: ConnectionDep) -> str:
        return connection


def both_scopes_async(app: App) -> None:
    @app.get("/export")
    async def export(
        timer: Annotated[str, Depends(get_timer)],
        settings: Annotated[str, Depends(get_settings)],
        session: WideSessionDep,
    ) -> StreamingResponse:
        return StreamingResponse(iter((timer, settings, session)))


def both_scopes_sync(app: App) -> None:
    @app.get("/export")
    def export(
        lock: Annotated[str, Depends(get_lock)], connection: WideConnectionDep
    ) -> StreamingResponse:
        return StreamingResponse(iter((lock, connection)))


def both_scopes_mixed(app: App) -> None:
    @app.get("/export")
    def export(
        session: WideSessionDep,
        lock: Annotated[str, Depends(get_lock)],
        connection: WideConnectionDep,
    ) -> list[str]:
        return [session, lock, connection]


def app_scope(app: App) -> None:
    async def get_engine_session(engine: EngineDep) -> AsyncIterator[str]:
        yield f"session on {engine}"

    @app.get("/")
    async def read_items(
        session: Annotated[str, Depends(get_engine_session)], engine: EngineDep
    ) -> list[str]:
        return [session, engine]


def fallible(app: App) -> None:
    def get_page(page: int) -> Iterator[int]:
        yield page

    async def get_rows(
        page: Annotated[int, Depends(get_page)], session: SessionDep
    ) -> AsyncIterator[str]:
        yield f"page {page} of {session}"

    @app.get("/")
    async def read_items(rows: Annotated[str, Depends(get_rows)], user: UserDep) -> list[str]:
        return [rows, user]


def stream(app: App) -> None:
    @app.get("/events")
    async def read_events(session: SessionDep) -> AsyncIterator[str]:
        yield session


def sync_stream(app: App) -> None:
    @app.get("/events")
    def read_events(connection: ConnectionDep) -> Iterator[str]:
        yield connection


def websocket(app: App) -> None:
    @app.websocket("/orders/{shop}/feed")
    async def feed_orders(websocket: WebSocket, shop: str, session: SessionDep) -> None:
        await websocket.accept()


def twenty_deep(app: App) -> None:
    async def level_1() -> AsyncIterator[int]:
        yield 1

    below: Callable[..., Any] = level_1
    for number in range(2, 21):
        below = _level(number, below)

    @app.get("/")
    async def read_depth(depth: Annotated[int, Depends(below)]) -> int:
        return depth


def _level(number: int, below: Callable[..., Any]) -> Callable[..., Any]:
    async def level(under: Annotated[int, Depends(below)]) -> AsyncIterator[int]:
        yield under + 1

    level.__name__ = f"level_{number}"
    return level


InUse = Annotated[str, Depends(get_session, scope="use")]
ConnectionInUse = Annotated[str, Depends(get_connection, scope="use")]


async def find_user(session: InUse, token: Annotated[str, Header()]) -> str:
    return f"user {token} in {session}"


def look_user_up(connection: ConnectionInUse) -> str:
    return f"user in {connection}"


def in_use_async(app: App) -> None:
    @app.get("/")
    async def read_items(
        user: Annotated[str, Depends(find_user)], session: SessionDep
    ) -> list[str]:
        return [user, session]


def in_use_sync(app: App) -> None:
    @app.get("/")
    def read_items(
        user: Annotated[str, Depends(look_user_up)], connection: ConnectionDep
    ) -> list[str]:
        return [user, connection]


def in_use_sync_under_async(app: App) -> None:
    @app.get("/")
    async def read_items(user: Annotated[str, Depends(look_user_up)]) -> str:
        return user


def in_use_by_the_endpoint(app: App) -> None:
    @app.get("/")
    def read_items(
        user: Annotated[str, Depends(look_user_up)], session: InUse, connection: ConnectionInUse
    ) -> list[str]:
        return [user, session, connection]


def equal_names(app: App) -> None:
    def session() -> Iterator[str]:
        yield "another"

    @app.get("/")
    def response(session: Annotated[str, Depends(session)], exchange: ConnectionDep) -> list[str]:
        return [session, exchange]


def outcomes(app: App) -> None:
    @app.put("/items")
    def replace_item(
        audit: Annotated[str, Depends(get_audit, scope="request")],
        timer: Annotated[str, Depends(get_timer)],
        transaction: Annotated[str, Depends(get_transaction)],
    ) -> list[str]:
        return [audit, timer, transaction]


def limited(app: App) -> None:
    @app.post("/orders")
    def create_order(
        timer: Annotated[str, Depends(get_timer, scope="request")],
        user: UserDep,
        connection: Annotated[str, Depends(get_connection, max_concurrency=5)],
        settings: Annotated[str, Depends(get_settings, max_concurrency=2)],
    ) -> list[str]:
        return [timer, user, connection, settings]


ROUTES = [
    (no_dependencies, "/", "GET"),
    (no_dependencies_sync, "/", "GET"),
    (values, "/items/{item_id}", "PUT"),
    (one_async, "/", "GET"),
    (one_async_that_never_suspends, "/", "GET"),
    (chain_of_three, "/orders", "POST"),
    (all_sync, "/", "GET"),
    (sync_in_the_middle, "/", "GET"),
    (one_sync_under_async, "/", "GET"),
    (both_scopes_async, "/export", "GET"),
    (both_scopes_sync, "/export", "GET"),
    (both_scopes_mixed, "/export", "GET"),
    (app_scope, "/", "GET"),
    (fallible, "/", "GET"),
    (stream, "/events", "GET"),
    (sync_stream, "/events", "GET"),
    (websocket, "/orders/{shop}/feed", "WEBSOCKET"),
    (twenty_deep, "/", "GET"),
    (in_use_async, "/", "GET"),
    (in_use_sync, "/", "GET"),
    (in_use_sync_under_async, "/", "GET"),
    (in_use_by_the_endpoint, "/", "GET"),
    (equal_names, "/", "GET"),
    (outcomes, "/items", "PUT"),
    (limited, "/orders", "POST"),
]


def check(name: str, source: str) -> None:
    """Compare a source with its file, or write it."""
    path = EXPLAINED / f"{name}.py.txt"
    if "REWRITE_EXPLAINED" in os.environ:
        path.write_text(source)
    assert source == path.read_text()


@pytest.mark.parametrize(
    ("add_route", "path", "method"), ROUTES, ids=lambda x: getattr(x, "__name__", None)
)
def test_the_source_of_a_route_is_that_in_its_file(
    app: App, add_route: Callable[[App], None], path: str, method: str
) -> None:
    add_route(app)

    check(add_route.__name__, app.explain(path, method))


def test_the_source_of_a_background_task_is_that_in_its_file() -> None:
    async def audit(session: SessionDep, connection: ConnectionDep, what: str) -> None: ...

    check("background_task", _FUNCTIONS.handler(audit, None, App().app_state).source)


def test_the_source_of_the_shop_s_order_is_that_in_its_file() -> None:
    check("shop_order", shop.explain("/orders", "POST"))


def test_every_file_belongs_to_a_route() -> None:
    others = {"background_task", "lifespan", "shop_order"}
    names = {add_route.__name__ for add_route, _, _ in ROUTES} | others
    assert {path.name for path in EXPLAINED.iterdir()} == {f"{name}.py.txt" for name in names}


@pytest.mark.parametrize(
    ("add_route", "path", "method"),
    [route for route in ROUTES if route[2] != "WEBSOCKET"],
    ids=lambda x: getattr(x, "__name__", None),
)
async def test_the_routes_in_the_files_answer(
    app: App, add_route: Callable[[App], None], path: str, method: str
) -> None:
    add_route(app)

    async with app.router.lifespan_context(app):
        answer = await request(
            app,
            path.replace("{item_id}", "1"),
            method,
            query="page=1",
            headers={"token": "t"},
            body=b'{"a": 1}' if method == "PUT" else b"1",
        )

    assert (answer.status, answer.raised) == (200, None)


def test_a_path_that_no_route_of_ours_matches_cannot_be_explained(app: App) -> None:
    no_dependencies(app)

    for path, method in (("/other", "GET"), ("/", "POST"), ("/", "WEBSOCKET")):
        with pytest.raises(LookupError) as raised:
            app.explain(path, method)
        assert raised.value.args == (f"no route of microfw's handles {method} {path}",)


def test_a_route_is_explained_by_a_path_that_it_matches_or_by_its_own(app: App) -> None:
    values(app)

    assert app.explain("/items/7", "put") == app.explain("/items/{item_id}", "PUT")


def test_the_source_of_a_mounted_route_is_found_below_its_mount() -> None:
    app, inner = App(), App()
    one_async(inner)
    app.mount("/inner", inner)

    assert app.explain("/inner/") == inner.explain("/")


def test_overrides_in_force_are_explained(app: App) -> None:
    """X1, X2"""
    one_async(app)

    def fake_session() -> str:
        return "fake"

    with app.override({get_session: fake_session}):
        assert "fake_session" in app.explain("/")
    assert "get_session" in app.explain("/")


async def get_clock(engine: EngineDep) -> AsyncIterator[str]:
    yield f"clock on {engine}"


def get_pool(clock: Annotated[str, Depends(get_clock, scope="app")]) -> Iterator[str]:
    yield f"pool on {clock}"


def test_the_source_of_scope_app_is_that_in_its_file(app: App) -> None:
    @app.get("/")
    async def read_items(
        engine: EngineDep, pool: Annotated[str, Depends(get_pool, scope="app")]
    ) -> list[str]:
        return [engine, pool]

    @app.get("/settings")
    async def read_settings(
        settings: Annotated[str, Depends(get_settings, scope="app")],
        timer: Annotated[str, Depends(get_timer, scope="app")],
    ) -> list[str]:
        return [settings, timer]

    check("lifespan", app.explain_lifespan())


def test_an_override_is_in_the_source_of_scope_app(app: App) -> None:
    @app.get("/")
    async def read_items(engine: EngineDep) -> str:
        return engine

    with app.override({get_engine: lambda: "another engine"}):
        assert "get_engine" not in app.explain_lifespan()
    assert "get_engine" in app.explain_lifespan()
