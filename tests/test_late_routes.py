"""When a route reads its function: on an application at once, on a router when it is included.

Until then an outer router may add to the path. What is only known later is checked at start-up, or
by the first request.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Host, Mount

from microfw import (
    App,
    Depends,
    Path,
    Query,
    Request,
    Route,
    Router,
    WebSocket,
    WebSocketRoute,
)
from microfw.exceptions import (
    EndpointError,
    PathError,
    PathParameterError,
    RegistrationError,
    ResponseTypeError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)
from microfw.testclient import TestClient
from tests.asgi import get


def place(function: Any) -> str:
    """Where a function stands, as messages say it."""
    return f"{function.__qualname__} ({__file__}:{function.__code__.co_firstlineno})"


def no_such(name: str, where: Any, path: str = "") -> str:
    """What is said of a value of the path that no path has."""
    lines = [
        f"{name!r} is declared as Path(), but the path has no {{{name}}}",
        f"  in:   {place(where)}",
        *([f"  path: {path}"] if path else []),
        f"  cure: add {{{name}}} to the path, or to that of a mount around the route, or declare",
    ]
    return "\n".join(lines) + f" {name!r} as Query()"


async def start(app: Any) -> None:
    async with app.router.lifespan_context(app):
        pass


Declared = Annotated[str, Path()]


def read_declared(shop: Declared) -> str:
    return shop


def read_bare(shop: str) -> str:
    return shop


async def read_async(shop: Declared) -> str:
    return shop


def get_shop(shop: Declared) -> str:
    return shop


def get_bare_shop(shop: str) -> str:
    return shop


def read_depending(shop: Annotated[str, Depends(get_shop)]) -> str:
    return shop


def read_depending_bare(shop: Annotated[str, Depends(get_bare_shop)]) -> str:
    return shop


def read_request(request: Request) -> str:
    found: str = request.path_params["shop"]
    return found


READERS = [
    read_declared,
    read_bare,
    read_async,
    read_depending,
    read_depending_bare,
    read_request,
]


# ---------------------------------------------------------------------- the whole path


@pytest.mark.parametrize("read", READERS)
def test_a_parameter_of_the_path_may_stand_in_a_prefix(app: App, read: Any) -> None:
    router = Router()
    router.get("/books")(read)
    app.include_router(router, prefix="/shops/{shop}")
    assert get(app, "/shops/a/books").json() == "a"


@pytest.mark.parametrize("read", READERS)
def test_a_parameter_of_the_path_may_stand_in_the_prefix_of_the_router_itself(read: Any) -> None:
    router = Router(prefix="/shops/{shop}")
    router.get("/books")(read)
    app = App()
    app.include_router(router)
    assert get(app, "/shops/a/books").json() == "a"
    assert get(router, "/shops/a/books").json() == "a"


@pytest.mark.parametrize("get_shop", [get_shop, get_bare_shop])
def test_dependencies_of_a_router_take_what_stands_in_the_prefix(app: App, get_shop: Any) -> None:
    taken: list[str] = []

    def take(shop: Annotated[str, Depends(get_shop)]) -> None:
        taken.append(shop)

    router = Router(dependencies=[Depends(take)])
    router.get("/books", dependencies=[Depends(get_shop)])(lambda: "books")
    app.include_router(router, prefix="/shops/{shop}", dependencies=[Depends(take)])
    assert get(app, "/shops/a/books").json() == "books"
    assert taken == ["a"]


@given(
    read=st.sampled_from(READERS),
    prefixes=st.lists(st.sampled_from(["", "/a", "/{other}"]), max_size=4, unique=True),
    data=st.data(),
)
def test_it_may_stand_in_any_prefix_whatever_is_included_first(
    read: Any, prefixes: list[str], data: st.DataObject
) -> None:
    prefixes.insert(data.draw(st.integers(0, len(prefixes))), "/{shop}")
    taken: list[str] = []

    def take_other(request: Request) -> None:
        taken.extend(request.path_params.values())

    routers = [Router(dependencies=[Depends(take_other)]) for _ in prefixes]
    app = App()
    inclusions: list[Callable[[], object]] = [partial(routers[-1].get("/books"), read)]
    outers: list[App | Router] = [app, *routers]
    for outer, inner, prefix in zip(outers, routers, prefixes, strict=False):
        inclusions.append(partial(outer.include_router, inner, prefix=prefix))
    for include in data.draw(st.permutations(inclusions)):
        include()

    whole = "".join(prefixes) + "/books"
    assert get(app, whole.format(shop="mine", other="its")).json() == "mine"
    assert sorted(set(taken)) == sorted({"mine", "its"} if "/{other}" in prefixes else {"mine"})


def test_websockets_take_what_stands_in_the_prefix(app: App) -> None:
    router = Router()

    @router.websocket("/feed")
    async def feed(
        websocket: WebSocket, shop: Declared, same: Annotated[str, Depends(get_bare_shop)]
    ) -> None:
        await websocket.accept()
        await websocket.send_json([shop, same])

    app.include_router(router, prefix="/shops/{shop}")
    with TestClient(app).websocket_connect("/shops/a/feed") as websocket:
        assert websocket.receive_json() == ["a", "a"]


def test_a_route_that_is_made_by_hand_is_included_below_a_prefix_too(app: App) -> None:
    router = Router([Route("/books", read_declared)])
    app.include_router(router, prefix="/shops/{shop}")
    assert get(app, "/shops/a/books").json() == "a"


# ---------------------------------------------------------------------- which mistake shows when


def returns_missing(shop: str) -> "Missing":  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
    raise NotImplementedError


def read_group(shop: Annotated[list[str], Path()]) -> None: ...


def read_self(self, shop: str) -> None: ...


def returns_three(shop: str) -> 3: ...  # type: ignore[valid-type]


def read_misnamed(shops: Declared) -> None: ...


def read_nothing() -> str:
    return "nothing"


def read_misspelled(shopp: str) -> str:
    return shopp


MISTAKES: list[tuple[Any, type[RegistrationError]]] = [
    (read_group, UnfillableParameterError),
    (read_self, UnfillableParameterError),
    (returns_missing, UnresolvableAnnotationError),
    (returns_three, ResponseTypeError),
    (read_misspelled, PathParameterError),
    (read_misnamed, PathParameterError),
]


@pytest.mark.parametrize(("endpoint", "kind"), MISTAKES)
def test_an_application_refuses_a_mistake_at_once(
    endpoint: Any, kind: type[RegistrationError]
) -> None:
    app = App(openapi_url=None)
    with pytest.raises(kind) as at_once:
        app.get("/shops/{shop}")(endpoint)
    with pytest.raises(kind) as given_to_it:
        App(routes=[Route("/shops/{shop}", endpoint)])
    assert app.routes == []
    assert str(given_to_it.value) == str(at_once.value)
    assert f"  in:   {place(endpoint)}" in str(at_once.value).splitlines()


@pytest.mark.parametrize(("endpoint", "kind"), [e for e in MISTAKES if e[0] is not read_misspelled])
def test_a_mistake_on_a_router_shows_when_an_application_includes_it(
    endpoint: Any, kind: type[RegistrationError]
) -> None:
    with pytest.raises(kind) as at_once:
        App().get("/shops/{shop}")(endpoint)
    inner, router, app = Router(), Router(), App(openapi_url=None)
    inner.get("/before")(read_declared)
    inner.get("")(endpoint)
    router.include_router(inner, prefix="/{shop}")
    with pytest.raises(kind) as included:
        app.include_router(router, prefix="/shops")
    assert str(included.value) == str(at_once.value)
    assert app.routes == []  # all of a router is included, or nothing


@pytest.mark.parametrize(("endpoint", "kind"), MISTAKES)
async def test_a_mistake_that_is_added_after_the_inclusion_shows_at_start_up_or_when_used(
    endpoint: Any, kind: type[RegistrationError]
) -> None:
    with pytest.raises(kind) as at_once:
        App().get("/shops/{shop}")(endpoint)
    router = Router()
    opened: list[str] = []

    async def open_it() -> None:
        opened.append("opened")

    app = App(on_startup=[open_it])
    app.include_router(router, prefix="/shops")
    router.get("/{shop}")(endpoint)
    for use in (
        lambda: TestClient(app).get("/shops/a"),
        lambda: app.explain("/shops/{shop}"),
        lambda: app.explain("/shops/a"),
    ):
        with pytest.raises(kind) as used:
            use()
        assert str(used.value) == str(at_once.value)
    with pytest.raises(kind) as started:
        await start(app)
    assert str(started.value) == str(at_once.value)
    assert opened == []


def test_a_handler_may_answer_requests_for_a_route_with_a_mistake(app: App) -> None:
    router = Router()
    app.include_router(router, prefix="/shops")
    router.get("/{shop}")(lambda store: None)
    router.get("/{shop}/books")(read_bare)

    @app.exception_handler(RegistrationError)
    async def answer(_: Request, error: RegistrationError) -> Any:
        return JSONResponse(error.what, 500)

    client = TestClient(app)
    for _ in range(2):
        answered = client.get("/shops/a")
        assert (answered.status_code, answered.json()) == (
            500,
            "the path has {shop}, but neither the function nor a dependency takes it",
        )
    assert client.get("/shops/a/books").json() == "a"


def test_a_route_with_a_mistake_does_not_hide_overrides_that_replace_nothing(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    def unused() -> None: ...

    router = Router()
    app.include_router(router, prefix="/shops")
    router.get("/{shop}")(lambda store: None)
    router.get("/{shop}/books")(read_bare)

    with app.override({unused: lambda: None}):
        assert TestClient(app).get("/shops/a/books").json() == "a"

    (record,) = caplog.records
    assert record.getMessage().endswith(
        "is overridden, but no route depends on it; only a task may"
    )


def test_a_websocket_with_a_mistake_on_a_router_shows_when_it_is_included() -> None:
    def feed(websocket: WebSocket) -> None: ...

    router = Router()
    router.websocket("/feed")(feed)
    with pytest.raises(EndpointError, match="is not an async function"):
        App().include_router(router)
    with (
        pytest.raises(EndpointError, match="is not an async function"),
        TestClient(router).websocket_connect("/feed"),
    ):
        pass


def test_what_a_route_in_an_application_of_starlettes_lacks_shows_with_the_first_request() -> None:
    async def feed(websocket: WebSocket, shop: Declared) -> None: ...

    app = Starlette(routes=[Route("/books", read_declared), WebSocketRoute("/feed", feed)])
    with pytest.raises(PathParameterError) as raised:
        TestClient(app).get("/books?shop=a")
    assert str(raised.value) == no_such("shop", read_declared)
    with (
        pytest.raises(PathParameterError) as raised,
        TestClient(app).websocket_connect("/feed?shop=a"),
    ):
        pass
    assert str(raised.value) == no_such("shop", feed)


def test_what_prefixes_bring_is_for_those_routes_that_take_it() -> None:
    """As in FastAPI: the path of a route is its own to change, the prefix is the others', too."""
    inner, router, app = Router(prefix="/{shelf}"), Router(prefix="/{shop}"), App()
    inner.get("/nothing")(read_nothing)
    inner.get("/declared")(read_declared)
    inner.get("/{book}/nothing")(lambda title: None)

    @inner.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()

    with pytest.raises(PathParameterError) as raised:
        app.include_router(inner, prefix="/{shop}")
    assert raised.value.what == (
        "the path has {book}, but neither the function nor a dependency takes it"
    )
    del inner.routes[2]
    router.include_router(inner)
    app.include_router(router, prefix="/{town}")
    with TestClient(app) as client:
        assert client.get("/t/s/1/nothing").json() == "nothing"
        assert client.get("/t/s/1/declared").json() == "s"
        with client.websocket_connect("/t/s/1/feed"):
            pass


# ---------------------------------------------------------------------- values of no path


def test_path_of_a_name_that_only_differs_is_refused_in_place_of_the_one_nobody_takes() -> None:
    router = Router(dependencies=[Depends(get_shop)])
    router.get("/books")(lambda: "books")
    app = App()
    with pytest.raises(PathParameterError) as raised:
        app.include_router(router, prefix="/shops/{shop_id}")
    assert str(raised.value) == no_such("shop", get_shop, "<lambda> -> get_shop")


async def test_a_value_of_no_path_is_refused_at_start_up_and_never_missing_from_a_request() -> None:
    router = Router()
    router.get("/books")(read_depending)
    app = App()
    app.include_router(router)
    expected = no_such("shop", get_shop, "read_depending -> get_shop")
    with pytest.raises(PathParameterError) as started:
        await start(app)
    with pytest.raises(PathParameterError) as first:
        TestClient(app).get("/books?shop=a")
    with pytest.raises(PathParameterError) as second:
        TestClient(app).get("/books?shop=a")
    assert [str(each.value) for each in (started, first, second)] == [expected] * 3
    assert first.value is not second.value  # whose tracebacks would grow


def test_the_dependencies_that_are_open_see_that_a_value_is_of_no_path(app: App) -> None:
    seen: list[type[Exception]] = []

    def watch() -> Any:
        try:
            yield
        except Exception as error:
            seen.append(type(error))
            raise

    router = Router()
    router.get("/books", dependencies=[Depends(watch)])(read_declared)
    app.include_router(router)
    assert TestClient(app, raise_server_exceptions=False).get("/books").status_code == 500
    assert seen == [PathParameterError]


def test_an_override_that_takes_a_value_of_no_path_says_so(app: App) -> None:
    app.get("/books")(lambda it=Depends(lambda: 1): it)

    def get_it() -> str:
        return "it"

    @app.get("/shelves")
    def read(it: Annotated[str, Depends(get_it)]) -> str:
        return it

    with app.override({get_it: get_shop}), pytest.raises(PathParameterError) as raised:
        get(app, "/shelves?shop=a")
    assert str(raised.value) == no_such("shop", get_shop, "read -> get_shop")
    assert get(app, "/shelves").json() == "it"


# ---------------------------------------------------------------------- mounts and hosts


def router_of_books() -> Router:
    router = Router()
    router.get("/books")(read_declared)
    router.get("/depending")(read_depending)
    return router


def application_of_books() -> App:
    app = App()
    app.include_router(router_of_books())
    return app


def application_that_decorates() -> App:
    app = App()
    app.get("/books")(read_declared)
    app.get("/depending")(read_depending)
    return app


def application_that_is_given_routes() -> App:
    return App(routes=[Route("/books", read_declared), Route("/depending", read_depending)])


MAKERS = [
    router_of_books,
    application_of_books,
    application_that_decorates,
    application_that_is_given_routes,
]


@pytest.mark.parametrize("make", MAKERS)
async def test_the_path_of_a_mount_and_the_name_of_a_host_give_values(
    make: Callable[[], Any],
) -> None:
    outer = App()
    outer.mount("/shops/{shop}", make())
    outer.routes.append(Mount("/in", routes=[Mount("/{shop}", app=make())]))
    outer.routes.append(Host("{shop}.example.org", make()))
    await start(outer)
    client = TestClient(outer)
    for name in ("books", "depending"):
        assert client.get(f"/shops/a/{name}").json() == "a"
        assert client.get(f"/in/a/{name}").json() == "a"
        assert client.get(f"http://b.example.org/{name}").json() == "b"


def test_a_mount_in_an_application_of_starlettes_gives_values() -> None:
    app = Starlette(routes=[Mount("/shops/{shop}", app=application_of_books())])
    assert TestClient(app).get("/shops/a/books").json() == "a"


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("path", ["/shops/{shops}", "/shops", ""])
async def test_a_mount_whose_path_lacks_the_value_shows_at_start_up(
    app: App, make: Callable[[], Any], path: str
) -> None:
    app.mount(path, make())
    with pytest.raises(PathParameterError) as raised:
        await start(app)
    assert str(raised.value) == no_such("shop", read_declared)


@pytest.mark.parametrize("make", MAKERS[1:])
async def test_an_application_that_no_mount_is_around_shows_the_value_it_lacks_at_start_up(
    make: Callable[[], App],
) -> None:
    app = make()
    with pytest.raises(PathParameterError) as started:
        await start(app)
    with pytest.raises(PathParameterError) as used:
        TestClient(app).get("/books?shop=a")
    assert [str(each.value) for each in (started, used)] == [no_such("shop", read_declared)] * 2


def test_the_lifespan_of_an_application_may_run_that_of_a_mounted_one() -> None:
    """FastAPI runs no lifespans of mounted applications, so that its users do."""
    mounted = application_that_decorates()

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[None]:
        async with mounted.router.lifespan_context(mounted):
            yield

    app = App(lifespan=lifespan)
    app.mount("/shops/{shop}", mounted)
    with TestClient(app) as client:
        assert client.get("/shops/a/books").json() == "a"


def test_a_websocket_of_an_application_takes_values_from_the_path_of_a_mount() -> None:
    mounted, app = App(), App()

    @mounted.websocket("/feed")
    async def feed(websocket: WebSocket, shop: Declared) -> None:
        await websocket.accept()
        await websocket.send_text(shop)

    app.mount("/shops/{shop}", mounted)
    with TestClient(app) as client, client.websocket_connect("/shops/a/feed") as connection:
        assert connection.receive_text() == "a"


def test_a_bare_parameter_is_not_read_from_the_path_of_a_mount(app: App) -> None:
    """As in FastAPI."""
    router = Router()
    router.get("/books")(read_bare)
    app.mount("/shops/{shop}", router)
    assert get(app, "/shops/a/books?shop=b").json() == "b"


async def test_the_lifespan_of_an_application_may_add_routes() -> None:
    opened: list[str] = []

    def get_engine() -> Any:
        opened.append("opened")
        yield "engine"

    def read(engine: Annotated[str, Depends(get_engine, scope="app")]) -> str:
        return engine

    router = Router()

    def add() -> None:
        router.get("/late")(read)

    app = App(on_startup=[add])
    app.include_router(router)
    with anyio.fail_after(5):
        async with app.router.lifespan_context(app):
            assert opened == ["opened"]


def test_a_query_of_the_name_of_a_prefix_is_refused_when_it_is_included(app: App) -> None:
    def read(shop: Annotated[str, Query()]) -> None: ...

    router = Router()
    router.get("/books")(read)
    with pytest.raises(PathParameterError, match="stands in the path, but is declared as Query"):
        App().include_router(router, prefix="/{shop}")
    app.include_router(router)
    assert get(app, "/books?shop=a").status_code == 200


# ---------------------------------------------------------------------- empty paths


def read_root() -> str:
    return "root"


def empty(function: Any) -> str:
    return (
        f"the path of {function.__name__!r} is empty, and it is included without a prefix\n"
        f"  in:   {place(function)}\n"
        '  cure: write "/", or include the router with a prefix'
    )


def test_an_empty_path_needs_a_prefix_where_an_application_includes_it() -> None:
    """As in FastAPI, but for routers in routers: the prefix may be that of any of them."""

    async def feed(websocket: WebSocket) -> None: ...

    router, outer, sockets, app = Router(), Router(), Router(), App(openapi_url=None)
    router.get("")(read_root)
    sockets.websocket("")(feed)
    outer.include_router(router)
    for refused, function in ((router, read_root), (outer, read_root), (sockets, feed)):
        with pytest.raises(PathError) as raised:
            app.include_router(refused)
        assert str(raised.value) == empty(function)
    assert app.routes == []
    app.include_router(router, prefix="/one")
    app.include_router(outer, prefix="/two")
    assert [get(app, path).json() for path in ("/one", "/two")] == ["root", "root"]


def test_an_empty_path_is_refused_also_where_it_is_added_after_the_inclusion() -> None:
    router, app = Router(), App(openapi_url=None)
    app.include_router(router)
    with pytest.raises(PathError) as raised:
        router.get("")(read_root)
    assert str(raised.value) == empty(read_root)
    assert app.routes == []
