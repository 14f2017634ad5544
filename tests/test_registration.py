"""Mistakes are told when they are declared: what, where, the path through the graph, the cure.

Each message is compared whole. `{...}` in an expected text stands for the place of one of the
functions under test: `qualname (file.py:line)`.
"""

import contextlib
import functools
import inspect
import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Optional

import msgspec
import pydantic
import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.responses import JSONResponse

from microfw import (
    App,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    Router,
    Security,
    WebSocket,
)
from microfw.exceptions import (
    CycleError,
    DeclarationError,
    EndpointError,
    IncludeError,
    MultipleBodiesError,
    NotCallableError,
    OverrideError,
    PathError,
    PathParameterError,
    RegistrationError,
    RequestValueError,
    ResponseTypeError,
    ScopeError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)
from microfw.responses import FinalHeaders
from microfw.routing import RouteOptions
from microfw.testclient import TestClient

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypeCheckers


def place(function: Any) -> str:
    """Where a function stands, as messages say it."""
    code = getattr(function, "__wrapped__", function).__code__
    return f"{function.__qualname__} ({__file__}:{code.co_firstlineno})"


def mistake(kind: type[Exception], declare: Callable[..., Any], *args: Any, **options: Any) -> str:
    """Declare something wrong; return the message."""
    with pytest.raises(kind) as raised:
        declare(*args, **options)
    assert type(raised.value) is kind
    return str(raised.value)


def added(kind: type[RegistrationError], endpoint: Any, path: str = "/", **options: Any) -> str:
    """Add a route that holds a mistake; return the message. The route is not added."""
    app = App(openapi_url=None)
    message = mistake(kind, app.post(path, **options), endpoint)
    assert app.routes == []
    return message


def message(what: str, where: str, cure: str, path: str = "") -> str:
    lines = [what, f"  in:   {where}"]
    if path:
        lines.append(f"  path: {path}")
    return "\n".join([*lines, f"  cure: {cure}"])


def warnings_of(declare: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        declare()
    assert {each.category for each in caught} <= {RuntimeWarning}
    return [str(each.message) for each in caught]


def get_it() -> int:
    return 1


def get_session() -> Iterator[str]:
    yield "session"


# ---------------------------------------------------------------------- what an error tells


def test_an_error_holds_what_its_message_says() -> None:
    def get_user(user_id: Annotated[int, Path()]): ...

    def read_item(user: Annotated[int, Depends(get_user)]): ...

    app = App()
    app.get("/")(read_item)
    with pytest.raises(RegistrationError) as raised, TestClient(app):
        pass
    error = raised.value
    assert error.what == "'user_id' is declared as Path(), but the path has no {user_id}"
    assert error.where == place(get_user)
    assert error.path == ("read_item", "get_user")
    assert error.cure == (
        "add {user_id} to the path, or to that of a mount around the route, or declare 'user_id'"
        " as Query()"
    )
    assert str(error) == message(error.what, error.where, error.cure, "read_item -> get_user")


def test_the_traceback_ends_at_the_line_that_declares_the_route() -> None:
    with pytest.raises(PathParameterError) as raised:

        @App().get("/{item_id}")
        def read_item(item_id: Annotated[int, Query()]): ...

    lines = [entry.path for entry in raised.traceback if str(entry.path) == __file__]
    assert lines


# ---------------------------------------------------------------------- cycles


def test_a_cycle_shows_the_way_round() -> None:
    def get_session(user: Any = Depends(get_it)): ...

    def get_user(session: Any = Depends(get_session)): ...

    get_session.__defaults__ = (Depends(get_user),)

    async def create_order(user: Annotated[int, Depends(get_user)]): ...

    assert added(CycleError, create_order) == message(
        "'get_user' depends on itself",
        place(get_user),
        "move what both sides need into a third dependency that depends on neither",
        "create_order -> get_user -> get_session -> get_user",
    )


def test_a_function_that_depends_on_itself_is_a_cycle_too() -> None:
    def get_user(user: Any = Depends(get_it)): ...

    get_user.__defaults__ = (Depends(get_user),)

    def create_order(): ...

    assert added(CycleError, create_order, dependencies=[Depends(get_user)]) == message(
        "'get_user' depends on itself",
        place(get_user),
        "move what both sides need into a third dependency that depends on neither",
        "create_order -> get_user -> get_user",
    )


def test_a_diamond_is_no_cycle() -> None:
    def get_left(it: Annotated[int, Depends(get_it)]): ...

    def get_right(it: Annotated[int, Depends(get_it)]): ...

    app = App()
    app.get("/")(lambda left=Depends(get_left), right=Depends(get_right): None)

    assert app.explain("/").count("get_it(") == 1


# ---------------------------------------------------------------------- scopes


@pytest.mark.parametrize("declare", [Depends, Security])
def test_an_unknown_scope_is_reported_where_it_is_written(declare: Callable[..., Any]) -> None:
    assert mistake(ScopeError, declare, get_it, scope="reqest") == message(
        "there is no scope 'reqest'",
        f"{declare.__name__}(scope='reqest')",
        'write "use", "function", "request" or "app"',
    )


@pytest.mark.parametrize("make", [App, Router])
def test_an_unknown_default_scope_is_reported_too(make: type[Any]) -> None:
    assert mistake(ScopeError, make, default_scope="session") == message(
        "there is no scope 'session'",
        f"{make.__name__}(default_scope='session')",
        'write "use", "function", "request" or "app"',
    )


def test_a_wider_scope_cannot_use_a_narrower_one() -> None:
    def get_engine(session: Annotated[str, Depends(get_session, scope="request")]):
        yield

    def create_order(engine: Annotated[str, Depends(get_engine, scope="app")]): ...

    assert added(ScopeError, create_order) == message(
        "'get_engine' lives in scope 'app' and uses 'get_session', which is closed earlier,"
        " at the end of scope 'request'",
        place(get_engine),
        "give 'get_session' the wider scope, `Depends(get_session, scope=\"app\")`,"
        " or none at all; or narrow 'get_engine'",
        "create_order -> get_engine -> get_session",
    )


def test_a_wider_scope_cannot_use_a_narrower_one_through_a_plain_function() -> None:
    def get_user(session: Annotated[str, Depends(get_session, scope="function")]): ...

    def get_account(user: Annotated[str, Depends(get_user)]): ...

    def get_repository(account: Annotated[str, Depends(get_account)]):
        yield

    def create_order(repository: Annotated[str, Depends(get_repository, scope="request")]): ...

    assert added(ScopeError, create_order) == message(
        "'get_user' lives in scope 'request' and uses 'get_session', which is closed earlier,"
        " at the end of scope 'function'",
        place(get_user),
        "give 'get_session' the wider scope, `Depends(get_session, scope=\"request\")`,"
        " or none at all; or narrow 'get_user'",
        "create_order -> get_repository -> get_account -> get_user -> get_session",
    )


def test_the_path_leads_through_the_one_that_needs_the_wider_scope() -> None:
    def get_user(session: Annotated[str, Depends(get_session, scope="function")]): ...

    def get_repository(user: Annotated[str, Depends(get_user)]):
        yield

    def create_order(
        user: Annotated[str, Depends(get_user)],
        repository: Annotated[str, Depends(get_repository, scope="request")],
    ): ...

    assert added(ScopeError, create_order).splitlines()[2] == (
        "  path: create_order -> get_repository -> get_user -> get_session"
    )


# ---------------------------------------------------------------------- parameters


def test_a_parameter_that_nothing_can_fill_is_named() -> None:
    class Mailer: ...

    def get_user(mailer: Mailer): ...

    async def create_order(user: Annotated[str, Depends(get_user)]): ...

    name = Mailer.__qualname__
    assert added(UnfillableParameterError, create_order) == message(
        f"'mailer' has the type {name}, which nothing in a request can become: {name} is not a type of"
        " values",
        place(get_user),
        f"if a dependency makes it, write mailer: Annotated[{name}, Depends(...)]",
        "create_order -> get_user",
    )


def test_a_websocket_in_a_route_for_http_is_named() -> None:
    def get_user(websocket: WebSocket): ...

    def create_order(user: Annotated[str, Depends(get_user)]): ...

    assert added(UnfillableParameterError, create_order) == message(
        "'websocket' has the type WebSocket, and a route for HTTP has none",
        place(get_user),
        "take a Request, or an HTTPConnection where routes of both kinds use it",
        "create_order -> get_user",
    )


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        (Request, "take a WebSocket, or an HTTPConnection where routes of both kinds use it"),
        (FinalHeaders, "give the headers to `websocket.accept`"),
    ],
)
def test_what_a_websocket_route_does_not_have_is_named(kind: type[Any], cure: str) -> None:
    async def feed(websocket: WebSocket, it): ...

    feed.__annotations__["it"] = kind
    assert mistake(UnfillableParameterError, App().websocket("/feed"), feed) == message(
        f"'it' has the type {kind.__name__}, and a WebSocket route has none", place(feed), cure
    )


def test_a_method_without_its_object_is_reported() -> None:
    class Views:
        def read(self): ...

    assert added(UnfillableParameterError, Views.read) == message(
        "'read' is a method without its object: nothing can be 'self'",
        place(Views.read),
        "name the method of an object, `views.method`, or make a function of it",
    )
    App().get("/")(Views().read)


def test_a_path_parameter_that_no_function_takes_is_named() -> None:
    def get_user(user_id: int): ...

    def read_item(user: Annotated[int, Depends(get_user)], itemid: int): ...

    path = "/users/{user_id}/items/{item_id}"
    assert added(PathParameterError, read_item, path) == message(
        "the path has {item_id}, but neither the function nor a dependency takes it",
        place(read_item),
        "name it 'item_id' instead of 'itemid', which is read from the query string as it is; or take"
        " it out of the path",
    )


def test_a_path_parameter_that_the_path_has_not_is_named() -> None:
    """At start-up: a mount around the application could have it."""

    def read_item(item_id: Annotated[int, Path()]): ...

    app = App()
    app.get("/items")(read_item)
    with pytest.raises(PathParameterError) as raised, TestClient(app):
        pass
    assert str(raised.value) == message(
        "'item_id' is declared as Path(), but the path has no {item_id}",
        place(read_item),
        "add {item_id} to the path, or to that of a mount around the route, or declare 'item_id'"
        " as Query()",
    )


def test_a_path_parameter_that_is_declared_as_something_else_is_named() -> None:
    def read_item(item_id: Annotated[int, Query()]): ...

    assert added(PathParameterError, read_item, "/items/{item_id}") == message(
        "'item_id' stands in the path, but is declared as Query()",
        place(read_item),
        "declare it as Path(), or give one of the two another name",
    )


def test_two_bodies_of_which_one_is_not_json_are_reported() -> None:
    def get_image(image: Annotated[bytes, Body(media_type="image/png")]): ...

    def upload(name: dict[str, str], image: Annotated[bytes, Depends(get_image)]): ...

    assert added(MultipleBodiesError, upload) == message(
        "'image' is a body of image/png, which it cannot share with the others of this route",
        place(get_image),
        "read the body in one parameter, or let all of them be parts of a JSON object",
        "upload -> get_image",
    )


# ---------------------------------------------------------------------- Depends(...)


def test_what_a_function_returned_is_no_dependency() -> None:
    returned: Any = get_it()

    def get_user(it: Annotated[int, Depends(returned)]): ...

    def create_order(user: Annotated[int, Depends(get_user)]): ...

    assert added(NotCallableError, create_order) == message(
        "parameter 'it' depends on 1, which cannot be called",
        place(get_user),
        "give `Depends` the function itself, `Depends(get_it)`, not what it returns",
        "create_order -> get_user",
    )


def test_a_generator_that_was_made_already_is_no_dependency() -> None:
    session: Any = get_session()

    def create_order(session: Annotated[str, Depends(session)]): ...

    assert added(NotCallableError, create_order) == message(
        f"parameter 'session' depends on {session!r}, which cannot be called",
        place(create_order),
        "give `Depends` the function itself, `Depends(get_it)`, not what it returns",
    )


def test_a_context_manager_that_was_made_already_is_no_dependency() -> None:
    session = contextlib.contextmanager(get_session)()

    def create_order(session: Annotated[str, Depends(session)]): ...

    assert added(NotCallableError, create_order) == message(
        f"parameter 'session' depends on {session!r}, a context manager that can be entered once",
        place(create_order),
        "give `Depends` the function itself, `Depends(get_it)`, not what it returns",
    )


def test_what_a_function_returned_is_no_dependency_beside_the_parameters() -> None:
    def create_order(): ...

    depends = Depends(get_it())  # type: ignore[arg-type]
    assert added(NotCallableError, create_order, dependencies=[depends]) == message(
        "one of `dependencies=` depends on 1, which cannot be called",
        place(create_order),
        "give `Depends` the function itself, `Depends(get_it)`, not what it returns",
    )


@pytest.mark.parametrize("annotation", [Any, int | None, None, "nothing"])
def test_depends_of_nothing_needs_a_class_as_annotation(annotation: Any) -> None:
    def create_order(it=Depends()): ...

    if annotation != "nothing":
        create_order.__annotations__["it"] = annotation
    assert added(NotCallableError, create_order) == message(
        "parameter 'it' has `Depends()` without a dependency, and no class as its annotation",
        place(create_order),
        "name the dependency, `Depends(get_it)`, or annotate the parameter with a class",
    )


def test_depends_of_nothing_makes_no_sense_beside_the_parameters() -> None:
    def create_order(): ...

    assert added(NotCallableError, create_order, dependencies=[Depends()]) == message(
        "one of `dependencies=` has `Depends()` without a dependency, and no class as its"
        " annotation",
        place(create_order),
        "name the dependency, `Depends(get_it)`, or annotate the parameter with a class",
    )


def test_two_dependencies_for_one_parameter_are_reported() -> None:
    def create_order(it: Annotated[int, Depends(get_it)] = Depends(lambda: 2)): ...

    assert added(DeclarationError, create_order) == message(
        "parameter 'it' has two dependencies, in `Annotated` and as its default value",
        place(create_order),
        "keep one of the two",
    )


@pytest.mark.parametrize("declare", [Depends, Security])
def test_depends_that_is_not_called_is_warned_of(declare: Callable[..., Any]) -> None:
    def get_user(it: Annotated[int, declare]): ...

    def get_admin(it: Any = declare): ...

    for dependency in (get_user, get_admin):

        def create_order(it: Annotated[int, Depends(dependency)]): ...

        with pytest.warns(RuntimeWarning) as warned:
            App().get("/")(create_order)
        assert str(warned[0].message) == message(
            "parameter 'it' is declared with `Depends` itself, which is not called and says nothing",
            place(dependency),
            "write `Depends(...)`",
        )


@pytest.mark.parametrize("declare", [Path, Query, Header, Cookie, Body, Form, File])
def test_a_declaration_that_is_not_called_is_warned_of(declare: Callable[..., Any]) -> None:
    def in_annotation(it: Annotated[int, declare]): ...

    def as_default(it: Any = declare): ...

    for create_order in (in_annotation, as_default)[declare is Path :]:
        with pytest.warns(RuntimeWarning) as warned:
            App().get("/{it}")(create_order)
        assert str(warned[0].message) == message(
            f"parameter 'it' is declared with `{declare.__name__}` itself, which is not called and"
            " says nothing",
            place(create_order),
            f"write `{declare.__name__}(...)`",
        )


@pytest.mark.parametrize("inner", [Depends(get_it), Query()], ids=["Depends", "Query"])
@pytest.mark.parametrize("declare", [Query, Header, Cookie, Body, Form, File])
def test_a_declaration_inside_of_another_one_is_reported(
    declare: Callable[..., Any], inner: Any
) -> None:
    """The function would get the inner one as a value."""

    declared = declare(inner)

    def get_user(it: Any = declared): ...

    def create_order(it: Annotated[int, Depends(get_user)]): ...

    assert added(DeclarationError, create_order) == message(
        f"'it' has another declaration inside of {declare.__name__}(), as its default",
        place(get_user),
        "keep one of the two",
        "create_order -> get_user",
    )


def in_default(*passed: Any, it: Any = Depends(get_it)) -> None: ...


def in_annotation(*passed: Any, it: Annotated[str, Header()] = "") -> None: ...


HOOKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "app.exception_handler": (App().exception_handler(404), "an exception handler"),
    "App(exception_handlers=)": (
        lambda f: App(exception_handlers={ValueError: f}),
        "an exception handler",
    ),
    "router.exception_handler": (
        Router().exception_handler(404),
        "an exception handler",
    ),
    "Router(exception_handlers=)": (
        lambda f: Router(exception_handlers={404: f}),
        "an exception handler",
    ),
    "app.add_exception_handler": (
        lambda f: App().add_exception_handler(404, f),
        "an exception handler",
    ),
    "App(lifespan=)": (lambda f: App(lifespan=f), "a lifespan"),
    "Router(lifespan=)": (
        lambda f: Router(lifespan=contextlib.asynccontextmanager(f)),
        "a lifespan",
    ),
    "app.middleware": (App().middleware("http"), "middleware"),
    "App(on_startup=)": (lambda f: App(on_startup=[f]), "a function for start-up or shutdown"),
    "Router(on_shutdown=)": (
        lambda f: Router(on_shutdown=[f]),
        "a function for start-up or shutdown",
    ),
    "app.on_event": (
        App().on_event("shutdown"),
        "a function for start-up or shutdown",
    ),
    "router.add_event_handler": (
        lambda f: Router().add_event_handler("startup", f),
        "a function for start-up or shutdown",
    ),
}


@pytest.mark.parametrize("function", [in_default, in_annotation])
@pytest.mark.parametrize(("add", "what"), HOOKS.values(), ids=HOOKS)
def test_what_is_called_outside_of_routes_gets_no_declaration(
    add: Callable[[Any], Any], what: str, function: Any
) -> None:
    assert mistake(DeclarationError, add, function) == message(
        f"'it' of {function.__name__!r} declares a dependency or a value of the request, and {what}"
        " gets neither",
        place(function),
        "call what makes the value in the function itself",
    )


@pytest.mark.parametrize("add", [add for add, _ in HOOKS.values()], ids=HOOKS)
def test_what_is_called_outside_of_routes_may_tell_no_signature(add: Callable[[Any], Any]) -> None:
    add(print)
    add(dict)  # of which `inspect` knows none


def test_depends_in_the_place_of_the_type_is_reported() -> None:
    def create_order(it: Depends(get_it)): ...  # type: ignore[valid-type]

    assert added(DeclarationError, create_order) == message(
        "parameter 'it' has `Depends(...)` in the place of its type",
        place(create_order),
        "write it: Annotated[<its type>, Depends(...)]",
    )


def test_a_function_among_the_dependencies_that_is_not_declared_is_reported() -> None:
    def create_order(): ...

    what = "`dependencies=` holds get_it, which is not declared with `Depends(...)`"
    cure = "write dependencies=[Depends(get_it)]"
    assert added(DeclarationError, create_order, dependencies=[get_it]) == message(
        what, place(create_order), cure
    )
    router = "Router(dependencies=...)"
    for make in (App, Router):
        assert mistake(DeclarationError, make, dependencies=[get_it]) == message(what, router, cure)
    include = App().include_router
    assert mistake(DeclarationError, include, Router(), dependencies=[get_it]) == message(
        what, "include_router(dependencies=...)", cure
    )


def test_one_dependency_in_the_place_of_a_list_is_reported() -> None:
    async def feed(websocket: WebSocket): ...

    what = "`dependencies=` is one `Depends(...)`, and not a list of them"
    cure = "write dependencies=[Depends(...)]"
    one: Any = Depends(get_it)
    assert added(DeclarationError, get_it, dependencies=one) == message(what, place(get_it), cure)
    decorate = App().websocket("/feed", dependencies=one)
    assert mistake(DeclarationError, decorate, feed) == message(what, place(feed), cure)


# ---------------------------------------------------------------------- generators


def returns_what_it_yielded() -> Generator[int, None, int]:
    yield 1
    return 1


def returns_early(ready: bool = True) -> Generator[int, None, int | None]:
    if not ready:
        return 3
    yield 1
    return None


def returns_in_finally() -> Generator[int, None, int]:
    try:
        yield 1
    finally:
        return 2  # noqa: B012 - the mistake


@pytest.mark.parametrize("get_value", [returns_what_it_yielded, returns_early, returns_in_finally])
def test_an_author_is_warned_of_a_yield_dependency_that_returns_a_value(
    get_value: Callable[..., Any],
) -> None:
    def create_order(value: Annotated[int, Depends(get_value)]) -> int:
        return value

    app = App()
    assert warnings_of(lambda: app.get("/")(create_order)) == [
        message(
            f"the yield dependency {get_value.__name__!r} returns a value, which nobody receives",
            place(get_value),
            "`yield` the value; write a bare `return` where the generator is to end",
        )
    ]
    assert TestClient(app).get("/").json() == 1


lock = contextlib.nullcontext("held")


def ends() -> Iterator[int]:
    yield 1
    return


def ends_with_none() -> Iterator[int]:
    yield 1
    return None


def ends_early(ready: bool = True) -> Iterator[int]:
    if not ready:
        yield 1
        return
    with lock:
        yield 2
        return


def ends_inside() -> Iterator[int]:
    try:
        with lock:
            yield 1
            return
    except ValueError:
        return
    finally:
        print("closed")


def ends_in_a_loop(forever: bool = True) -> Iterator[int]:
    for number in range(3):
        if number:
            yield number
            return
    while forever:
        yield 1
        return


async def ends_async() -> AsyncGenerator[int]:
    async with lock:
        yield 1
        return


def delegates() -> Iterator[int]:
    yield from ends()


@pytest.mark.parametrize(
    "get_value",
    [ends, ends_with_none, ends_early, ends_inside, ends_in_a_loop, ends_async, delegates],
)
def test_a_bare_return_in_a_yield_dependency_is_no_mistake(get_value: Callable[..., Any]) -> None:
    app = App()
    app.get("/")(lambda value=Depends(get_value): value)
    assert TestClient(app).get("/").json() in (1, 2)


def test_an_author_is_warned_of_a_replacement_that_returns_a_value_as_well() -> None:
    app = App()
    app.get("/")(lambda value=Depends(get_it): None)
    app.dependency_overrides[get_it] = returns_early
    with pytest.warns(RuntimeWarning, match="'returns_early' returns a value"):
        assert TestClient(app).get("/").status_code == 200


# ---------------------------------------------------------------------- without a request


def test_a_dependency_of_scope_app_cannot_take_the_request() -> None:
    def get_settings(request: Request): ...

    def get_engine(settings: Annotated[str, Depends(get_settings)]):
        yield

    def create_order(engine: Annotated[str, Depends(get_engine, scope="app")]): ...

    assert added(RequestValueError, create_order) == message(
        "parameter 'request' needs a value of the request, and there is none in scope \"app\"",
        place(get_settings),
        "give the dependency a narrower scope, or the parameter a plain default value",
        "create_order -> get_engine -> get_settings",
    )


@pytest.mark.parametrize(
    "annotation",
    [
        str,
        pytest.param(Annotated[str, Query()], id="query"),
        pytest.param(Annotated[str, Header()], id="header"),
        dict,
        Response,
        BackgroundTasks,
        WebSocket,
    ],
)
def test_a_dependency_of_scope_app_cannot_take_a_value_of_the_request(annotation: Any) -> None:
    def get_engine(value):
        yield

    get_engine.__annotations__["value"] = annotation

    def create_order(engine: Annotated[str, Depends(get_engine, scope="app")]): ...

    assert added(RequestValueError, create_order).splitlines()[0] == (
        "parameter 'value' needs a value of the request, and there is none in scope \"app\""
    )


def test_a_dependency_of_scope_app_cannot_take_a_header_even_with_a_default() -> None:
    def get_engine(tenant: Annotated[str, Header()] = "none"):
        yield

    def create_order(engine: Annotated[str, Depends(get_engine, scope="app")]): ...

    assert added(RequestValueError, create_order).splitlines()[0] == (
        "parameter 'tenant' needs a value of the request, and there is none in scope \"app\""
    )


def test_a_dependency_of_scope_app_may_have_plain_defaults() -> None:
    def get_engine(url: str = "sqlite://"):
        yield url

    app = App()

    @app.get("/")
    def read_url(engine: Annotated[str, Depends(get_engine, scope="app")]):
        return engine

    with TestClient(app) as client:
        assert client.get("/").json() == "sqlite://"


def test_a_dependency_of_a_task_cannot_take_the_request() -> None:
    def get_user(request: Request): ...

    def send_mail(address: str, user: Annotated[str, Depends(get_user)]): ...

    assert mistake(RequestValueError, BackgroundTasks().add_task, send_mail, "a@b.c") == message(
        "parameter 'request' needs a value of the request, and there is none in a background task",
        place(get_user),
        "pass the value: add_task(..., value)",
        "send_mail -> get_user",
    )


# ---------------------------------------------------------------------- annotations

UNKNOWN_CURE = (
    "make {!r} importable from the function's module: define or import it at the module's top"
    " level, outside of `if TYPE_CHECKING:` and of other functions"
)


def test_an_annotation_known_to_type_checkers_only_is_named() -> None:
    def get_price(price: "OnlyForTypeCheckers"): ...

    def create_order(price: Annotated[int, Depends(get_price)]): ...

    assert added(UnresolvableAnnotationError, create_order) == message(
        "the annotation 'OnlyForTypeCheckers' of parameter 'price' names 'OnlyForTypeCheckers',"
        " which is not known",
        place(get_price),
        UNKNOWN_CURE.format("OnlyForTypeCheckers"),
        "create_order -> get_price",
    )


def test_an_annotation_that_names_something_of_another_function_is_named() -> None:
    class Local: ...

    def create_order(it: "Annotated[Local, Depends()]"): ...

    assert added(UnresolvableAnnotationError, create_order) == message(
        "the annotation 'Annotated[Local, Depends()]' of parameter 'it' names 'Local', which is"
        " not known",
        place(create_order),
        UNKNOWN_CURE.format("Local"),
    )


def test_a_name_inside_of_an_annotation_is_named() -> None:
    def create_order(items: list["OnlyForTypeCheckers"]): ...

    assert added(UnresolvableAnnotationError, create_order) == message(
        "the annotation list['OnlyForTypeCheckers'] of parameter 'items' names"
        " 'OnlyForTypeCheckers', which is not known",
        place(create_order),
        UNKNOWN_CURE.format("OnlyForTypeCheckers"),
    )


def test_an_attribute_that_is_not_there_is_named() -> None:
    def create_order(it: "contextlib.missing"): ...  # type: ignore[name-defined]

    assert added(UnresolvableAnnotationError, create_order) == message(
        "the annotation 'contextlib.missing' of parameter 'it' names 'contextlib.missing', which"
        " is not known",
        place(create_order),
        UNKNOWN_CURE.format("contextlib.missing"),
    )


def test_a_return_annotation_that_is_not_known_is_named() -> None:
    def read_price() -> "OnlyForTypeCheckers":
        raise NotImplementedError

    assert added(UnresolvableAnnotationError, read_price) == message(
        "the annotation 'OnlyForTypeCheckers' of the return value names 'OnlyForTypeCheckers',"
        " which is not known",
        place(read_price),
        UNKNOWN_CURE.format("OnlyForTypeCheckers"),
    )


def test_a_return_annotation_that_nothing_needs_may_be_unknown() -> None:
    async def get_price() -> "OnlyForTypeCheckers":
        return 3  # type: ignore[return-value]

    def read_price(price: Annotated[Any, Depends(get_price)]) -> "OnlyForTypeCheckers | int":
        return int(price)

    app = App()
    app.get("/price", response_model=int)(read_price)

    assert TestClient(app).get("/price").json() == 3


def test_an_annotation_that_is_no_expression_is_reported() -> None:
    def create_order(items): ...

    create_order.__annotations__["items"] = "list[int"
    assert added(UnresolvableAnnotationError, create_order) == message(
        "the annotation 'list[int' of parameter 'items' is no type: Forward reference must be an"
        " expression -- got 'list[int'",
        place(create_order),
        "write a type, without quotes if it is a type already",
    )


class LateItem(msgspec.Struct):
    name: str
    children: list["LateItem"] = []


def test_names_inside_of_annotations_are_found() -> None:
    app = App()

    @app.post("/")
    def create(items: list["LateItem"], more: Optional["LateItem"] = None) -> "list[LateItem]":
        return items if more is None else [*items, more]

    answer = TestClient(app).post("/", json={"items": [{"name": "a"}], "more": {"name": "b"}})
    assert answer.json() == [{"name": "a", "children": []}, {"name": "b", "children": []}]


def test_one_spelling_may_mean_different_classes_in_different_functions() -> None:
    def make(kind: type[Any]) -> Callable[..., Any]:
        Shadowed = kind

        def endpoint(value: Optional["Shadowed"] = None):  # type: ignore[valid-type]
            return [value, Shadowed.__name__]

        return endpoint

    app = App()
    app.get("/int")(make(int))
    app.get("/str")(make(str))
    client = TestClient(app)
    assert client.get("/int?value=1").json() == [1, "int"]
    assert client.get("/str?value=1").json() == ["1", "str"]


# ---------------------------------------------------------------------- results


def test_a_return_annotation_that_cannot_be_sent_is_reported() -> None:
    def read_item() -> 3: ...  # type: ignore[valid-type]

    assert added(ResponseTypeError, read_item) == message(
        "'read_item' returns 3, which cannot be sent: 3 is not a type of values",
        place(read_item),
        "annotate a type of values or a Response, or say response_model=None",
    )
    App().get("/", response_model=None)(read_item)


def test_a_returned_model_with_an_unknown_name_is_reported() -> None:
    class Broken(msgspec.Struct):
        price: "OnlyForTypeCheckers"

    def read_item() -> Broken:
        raise NotImplementedError

    assert added(UnresolvableAnnotationError, read_item) == message(
        f"'read_item' returns {Broken!r}, an annotation of which names 'OnlyForTypeCheckers',"
        " which is not known",
        place(read_item),
        "define or import 'OnlyForTypeCheckers' at the top level of that class's module",
    )


@pytest.mark.parametrize("status_code", ["201", 99, 100, 1000, 200.1])
def test_a_status_that_is_none_is_reported(status_code: Any) -> None:
    assert added(DeclarationError, get_it, status_code=status_code) == message(
        f"status_code={status_code!r} is no status of HTTP",
        place(get_it),
        "write a number of three digits, from 200 on",
    )


@pytest.mark.parametrize(
    "response_class", [dict, functools.partial(dict), "JSONResponse", JSONResponse(None), None]
)
def test_a_response_class_that_is_none_is_reported(response_class: Any) -> None:
    assert added(DeclarationError, get_it, response_class=response_class) == message(
        f"response_class={response_class!r} makes no responses",
        place(get_it),
        "name a subclass of microfw.Response, the class itself, or a function",
    )


def test_an_option_that_there_is_not_is_reported() -> None:
    known = ", ".join(sorted(RouteOptions.__optional_keys__))
    assert mistake(TypeError, App().get("/", status=201), get_it) == (  # type: ignore[call-arg]
        f"a route has no option 'status'; it has {known}"
    )


# ---------------------------------------------------------------------- overrides

OVERRIDE_CURE = "override a dependency with a callable: a function, `lambda: value`, a generator"


def overridden_by_key(app: App, overrides: dict[Any, Any]) -> None:
    for dependency, other in overrides.items():
        app.dependency_overrides[dependency] = other


def overridden_by_update(app: App, overrides: dict[Any, Any]) -> None:
    app.dependency_overrides.update(overrides)


def overridden_by_default(app: App, overrides: dict[Any, Any]) -> None:
    for dependency, other in overrides.items():
        app.dependency_overrides.pop(dependency, None)
        app.dependency_overrides.setdefault(dependency, other)


def overridden_by_union(app: App, overrides: dict[Any, Any]) -> None:
    app.dependency_overrides |= overrides


def overridden_by_assignment(app: App, overrides: dict[Any, Any]) -> None:
    app.dependency_overrides = overrides


def overridden_in_a_block(app: App, overrides: dict[Any, Any]) -> None:
    with app.override(overrides):
        pass


WAYS_TO_OVERRIDE = [
    overridden_by_key,
    overridden_by_update,
    overridden_by_default,
    overridden_by_union,
    overridden_by_assignment,
    overridden_in_a_block,
]


def overridden_and_used(override: Callable[..., None], overrides: dict[Any, Any]) -> None:
    """A mistake is reported with the override, or at the latest where a plan is made with it."""
    app = App()
    app.get("/")(lambda: None)
    override(app, overrides)
    TestClient(app).get("/")


@pytest.mark.parametrize("override", WAYS_TO_OVERRIDE)
def test_a_value_cannot_override_a_dependency(override: Callable[..., None]) -> None:
    assert mistake(OverrideError, overridden_and_used, override, {get_it: 3}) == message(
        "'get_it' is overridden with 3, which cannot be called", place(get_it), OVERRIDE_CURE
    )


@pytest.mark.parametrize("override", WAYS_TO_OVERRIDE)
def test_what_is_no_dependency_cannot_be_overridden(override: Callable[..., None]) -> None:
    assert mistake(OverrideError, overridden_and_used, override, {get_it(): get_it}) == message(
        "1 is overridden, which is no dependency: it cannot be called",
        "dependency_overrides",
        "name the function itself, overrides[get_it], not what it returns",
    )


@pytest.mark.parametrize("override", WAYS_TO_OVERRIDE[:-1])
def test_overrides_are_in_force_however_they_were_given(override: Callable[..., None]) -> None:
    app = App()

    @app.get("/")
    def read(value: Annotated[int, Depends(get_it)]):
        return value

    override(app, {get_it: lambda: 2})
    override(app, {get_it: lambda: 3})
    assert TestClient(app).get("/").json() == 3
    app.dependency_overrides = {}
    assert TestClient(app).get("/").json() == 1


# ---------------------------------------------------------------------- endpoints


def test_a_sync_function_that_returns_nothing_cannot_serve_a_websocket() -> None:
    def feed(websocket: WebSocket): ...

    assert mistake(EndpointError, App().websocket("/feed"), feed) == message(
        "the WebSocket endpoint 'feed' is not an async function, and returns nothing that could be"
        " awaited",
        place(feed),
        "write `async def`: a WebSocket is received from and sent to with `await`",
    )


def test_a_generator_cannot_serve_a_websocket() -> None:
    async def feed(websocket: WebSocket):
        yield "news"

    assert mistake(EndpointError, App().websocket("/feed"), feed) == message(
        "the WebSocket endpoint 'feed' yields, and nobody takes what it yields",
        place(feed),
        "send with `await websocket.send_json(...)`",
    )


@pytest.mark.parametrize("add", ["add_api_route", "add_api_websocket_route"])
def test_what_a_function_returned_is_no_endpoint(add: str) -> None:
    assert mistake(EndpointError, getattr(App(), add), "/", get_it()) == message(
        "the endpoint is 1, which cannot be called",
        "add_api_route(path, endpoint)",
        "give the function itself, not what it returns",
    )


def test_an_endpoint_class_of_starlette_is_added_as_starlette_does() -> None:
    class Home(HTTPEndpoint):
        def get(self, request: Request) -> Response:
            return JSONResponse("home")

    with pytest.raises(EndpointError) as raised:
        App().get("/")(Home)
    assert str(raised.value) == message(
        "the endpoint 'Home' is a class that answers requests by itself",
        raised.value.where,
        "add it as a route of Starlette's: app.add_route(path, endpoint), or"
        " app.add_websocket_route",
    )
    assert "Home" in raised.value.where
    app = App()
    app.add_route("/", Home)  # type: ignore[arg-type] # Starlette takes it
    assert TestClient(app).get("/").json() == "home"


# ---------------------------------------------------------------------- paths

CONVERTOR_CURE = (
    "use one of float, int, path, str, uuid, or leave it out and annotate the function's parameter"
)


@pytest.mark.parametrize("method", ["get", "websocket"])
@pytest.mark.parametrize("router", [App(), Router()])
def test_a_path_without_a_slash_is_reported_unless_a_prefix_begins_it(
    method: str, router: Any
) -> None:
    async def serve() -> None: ...

    def add() -> None:
        getattr(router, method)("items")(serve)
        App().include_router(router)

    assert mistake(PathError, add) == message(
        "the path 'items' does not start with '/'", place(serve), "write '/items'"
    )


@pytest.mark.parametrize("ahead", [{"prefix": "/all"}, {}])
def test_a_prefix_may_begin_a_path(ahead: Any) -> None:
    router, app = Router(**ahead), App()
    router.get("-items")(lambda: "items")
    app.include_router(router, prefix="" if ahead else "/all")

    assert TestClient(app).get("/all-items").json() == "items"


@pytest.mark.parametrize(
    ("path", "what", "cure"),
    [
        (
            "/{it}/{its}/{it}",
            "the path '/{it}/{its}/{it}' has {it} more than once",
            "give each parameter a name of its own",
        ),
        (
            "/{it:itn}",
            "the path '/{it:itn}' has the convertor 'itn', which is not known",
            CONVERTOR_CURE,
        ),
    ],
)
@pytest.mark.parametrize("method", ["get", "websocket"])
@pytest.mark.parametrize("router", [App(), Router(prefix="/prefix")])
def test_a_path_that_is_not_written_as_paths_are_is_reported(
    path: str, what: str, cure: str, method: str, router: Any
) -> None:
    async def serve(it: int): ...

    assert mistake(PathError, getattr(router, method)(path), serve) == message(
        what, place(serve), cure
    )


def of_braces(what: str, where: str) -> str:
    return message(
        f"the {what} has a brace that is no part of a parameter: it matches only requests that have"
        " this brace",
        where,
        "write {name} or {name:convertor}, in letters, digits and underscores",
    )


@pytest.mark.parametrize(
    "path", ["/{item-id}", "/{it", "/it}", "/{}", "/{ it }", "/{it:}", "/{1}", "/{{it}}/{its}"]
)
def test_a_brace_that_is_no_part_of_a_parameter_is_text_and_an_author_is_warned(path: str) -> None:
    def read() -> str:
        return "read"

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()

    app, router = App(), Router()

    def declare() -> None:
        app.get(path)(read)
        router.get(path)(read)
        app.include_router(router, prefix="/included")
        app.websocket(path)(serve)

    what = f"path {path!r}"
    assert warnings_of(declare) == [
        *[of_braces(what, place(read))] * 2,
        of_braces(what, place(serve)),
    ]
    client = TestClient(app)
    for prefix in ("", "/included"):
        assert client.get(prefix + path).json() == "read"
        assert client.get(f"{prefix}/it").status_code == 404
    with client.websocket_connect(path):
        pass


@pytest.mark.filterwarnings("ignore:the path")
def test_a_brace_that_is_text_is_quoted_in_the_document() -> None:
    app = App()
    app.get("/{item-id}/{it}")(lambda it: it)

    (path,) = app.openapi()["paths"]
    assert path == "/%7Bitem-id%7D/{it}"
    assert TestClient(app).get(path).json() == "{it}"


def test_an_author_is_warned_of_a_brace_in_a_prefix() -> None:
    def read() -> str:
        return "read"

    app = App()

    def declare() -> None:
        router = Router(prefix="/{shop-id}")
        router.get("/it")(read)
        app.include_router(router, prefix="/{all}}")

    assert warnings_of(declare) == [
        of_braces("path '/{shop-id}'", "Router(prefix='/{shop-id}')"),
        of_braces("path '/{all}}'", "include_router(prefix='/{all}}')"),
    ]
    assert TestClient(app).get("/x}/{shop-id}/it").json() == "read"


def test_a_parameter_that_a_prefix_repeats_is_reported() -> None:
    router = Router(prefix="/{it}")

    @router.get("/more")
    def read(it: int): ...

    assert mistake(PathError, App().include_router, router, prefix="/{it}") == message(
        "the path '/{it}/{it}/more' has {it} more than once",
        place(read),
        "give each parameter a name of its own",
    )


@pytest.mark.parametrize(
    ("prefix", "cure"),
    [("items", "write '/items'"), ("/items/", "write '/items'"), ("/", "leave it out")],
)
def test_a_prefix_begins_with_a_slash_and_does_not_end_with_one(prefix: str, cure: str) -> None:
    what = f"the prefix {prefix!r} does not start with '/', or ends with it"
    assert mistake(PathError, Router, prefix=prefix) == message(
        what, f"Router(prefix={prefix!r})", cure
    )
    assert mistake(PathError, App().include_router, Router(), prefix=prefix) == message(
        what, f"include_router(prefix={prefix!r})", cure
    )


@pytest.mark.parametrize("decorator", ["get", "post", "api_route", "websocket"])
def test_a_decorator_without_brackets_is_reported(decorator: str) -> None:
    assert mistake(PathError, getattr(App(), decorator), get_it) == message(
        "the path is 'get_it', a function",
        place(get_it),
        'write the path in brackets, as in `@app.get("/path")`',
    )


def test_methods_are_a_list() -> None:
    assert mistake(DeclarationError, App().api_route("/", methods="GET"), get_it) == message(
        "methods='GET' is one string", place(get_it), "write methods=['GET']"
    )


# ---------------------------------------------------------------------- routers and handlers


def test_a_router_cannot_include_itself() -> None:
    router = Router()
    router.get("/")(get_it)
    assert mistake(IncludeError, router.include_router, router) == message(
        "a router is included in itself",
        "include_router(...)",
        "include it in the application or in another router",
    )
    app = App()
    assert mistake(IncludeError, app.include_router, app.router)


def test_routers_cannot_include_each_other() -> None:
    one, other, third = Router(), Router(), Router()
    one.include_router(other)
    other.include_router(third)
    assert mistake(IncludeError, third.include_router, one) == message(
        "a router is included in itself",
        "include_router(...)",
        "include it in the application or in another router",
    )


def test_an_application_is_mounted_and_not_included() -> None:
    other = App()
    app = App(openapi_url=None)
    assert mistake(IncludeError, app.include_router, other) == message(
        f"{other!r} is included, and is no router",
        "include_router(...)",
        'include a Router; an application is mounted, `app.mount("/path", other)`',
    )
    assert app.routes == []


@pytest.mark.parametrize("key", ["404", dict, None, KeyboardInterrupt])
def test_an_exception_handler_is_for_a_status_or_a_class_of_exceptions(key: Any) -> None:
    assert mistake(TypeError, App().exception_handler, key) == (
        f"exceptions are handled by status code or by class, not by {key!r}"
    )


def test_there_are_two_events() -> None:
    assert mistake(ValueError, App().on_event, "start") == (
        'the events are "startup" and "shutdown", not \'start\''
    )


def test_a_mistake_in_what_is_included_is_reported_when_it_is_included() -> None:
    """What a router declares may be complete only with the prefix."""
    router = Router()
    options: Sequence[Any] = [Depends(get_session, scope="request")]

    def get_engine(session: Annotated[str, Depends(get_session, scope="function")]):
        yield

    @router.get("/items")
    def read(it: int = 1): ...

    app = App()
    depends = [Depends(get_engine, scope="request"), *options]
    assert mistake(ScopeError, app.include_router, router, dependencies=depends).splitlines()[
        2
    ] == ("  path: read -> get_engine -> get_session")


# ---------------------------------------------------------------------- limits that say nothing


class Thing(msgspec.Struct):
    name: str


class Described(pydantic.BaseModel):
    name: str


NO_LIMIT = [
    (Annotated[Thing, Body(gt=3)], "Thing", "gt says nothing about such values"),
    (
        Annotated[Thing | None, Body(min_length=3)],
        f"{__name__}.Thing | None",
        "min_length says nothing about such values",
    ),
    (Annotated[Thing, Body(strict=True)], "Thing", "strict says nothing about such values"),
    (Annotated[Described, Body(gt=3)], "Described", "gt says nothing about such values"),
    (
        Annotated[Described | None, Body(min_length=3)],
        f"{__name__}.Described | None",
        "min_length says nothing about such values",
    ),
    (
        Annotated[list[Described], Body(pattern="a")],
        f"list[{__name__}.Described]",
        "pattern says nothing about list values",
    ),
    (
        Annotated[pydantic.HttpUrl | str, Query(pattern="(")],
        "pydantic.networks.HttpUrl | str",
        "pattern='(': unclosed group",
    ),
    (Annotated[int, Query(min_length=3)], "int", "min_length says nothing about int values"),
    (
        Annotated[int, Query(multiple_of=0)],
        "int",
        "multiple_of=0: 'multiple_of' must be a finite number greater than 0",
    ),
    (
        Annotated[list[str], Query(pattern="a")],
        "list[str]",
        "pattern says nothing about list values",
    ),
    (
        Annotated[str, Query(pattern="a(")],
        "str",
        "pattern='a(': unclosed group",
    ),
]


@pytest.mark.parametrize(("annotation", "kind", "problem"), NO_LIMIT)
def test_a_limit_that_says_nothing_is_reported_with_the_path_to_it(
    annotation: Any, kind: str, problem: str
) -> None:
    def get_value(value: Any): ...

    def read_item(it: Annotated[Any, Depends(get_value)]): ...

    get_value.__annotations__["value"] = annotation

    assert added(DeclarationError, read_item) == message(
        f"'value' has the type {kind}, for which a constraint makes no sense: {problem}",
        place(get_value),
        "remove the constraint, or change the type",
        "read_item -> get_value",
    )


def test_limits_that_no_value_is_within_are_taken() -> None:
    def endpoint(number: Annotated[int, Query(ge=3, le=2)]): ...

    app = App()
    app.get("/")(endpoint)

    assert TestClient(app).get("/?number=3").status_code == 422


def test_pydantics_field_with_a_factory_as_a_default_is_reported() -> None:
    default: Any = pydantic.Field(default_factory=int)

    def read_items(number: int = default): ...

    assert added(DeclarationError, read_items) == message(
        "'number' has pydantic's Field() as its default, which is for the fields of models",
        place(read_items),
        "write Query(), Header(), Cookie() or Body(), which take the same options",
    )


def test_pydantics_field_says_what_values_may_be() -> None:
    def read_items(number: Annotated[int, pydantic.Field(gt=0)]) -> int:
        return number

    app = App()
    app.get("/")(read_items)
    client = TestClient(app)

    assert client.get("/?number=1").json() == 1
    assert client.get("/?number=0").json()["detail"][0]["type"] == "greater_than"


# ---------------------------------------------------------------------- what is called


def passing_on(*args: Any) -> Any: ...


def passing_on_more(name: str, *rest: Any) -> Any: ...


class PassingOn:
    def __init__(self, *args: Any) -> None: ...


class CalledPassingOn:
    def __call__(self, *args: Any) -> Any: ...


@pytest.mark.parametrize(
    ("call", "name", "function", "taken"),
    [
        (passing_on, "passing_on", passing_on, "*args"),
        (passing_on_more, "passing_on_more", passing_on_more, "*rest"),
        (PassingOn, "PassingOn", PassingOn.__init__, "*args"),
        (CalledPassingOn(), "CalledPassingOn", CalledPassingOn.__call__, "*args"),
        (functools.cache(passing_on), "passing_on", passing_on, "*args"),
        (functools.partial(passing_on), "passing_on", passing_on, "*args"),
    ],
    ids=["function", "more", "class", "object", "cached", "partial"],
)
def test_what_passes_on_all_that_it_gets_by_place_is_reported(
    call: Any, name: str, function: Any, taken: str
) -> None:
    def read_item(it: Any = Depends(call)) -> None: ...

    where = f"{name} ({__file__}:{function.__code__.co_firstlineno})"
    what = f"{name!r} takes {taken}: what it needs is not known, and nothing fills that"
    cure = "name the parameters that it needs, and no others; mark a decorator's wrapper with `@functools.wraps(function)`"
    told = added(UnfillableParameterError, read_item)
    assert told == message(what, where, cure, path=f"read_item -> {name}")
    if call is passing_on:
        assert added(UnfillableParameterError, call) == message(what, where, cure)


def unmarked(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Unmarked:
    def __init__(self, name: str = "", *rest: Any, **more: Any) -> None: ...


def warned_of(endpoint: Callable[..., Any]) -> list[str]:
    return warnings_of(lambda: App().get("/")(endpoint))


def of_wrapper(name: str, taken: str, function: Any) -> str:
    return message(
        f"{name!r} takes {taken}: these two names are read from the query string, and nothing that"
        " a function inside of it needs",
        f"{function.__qualname__.removesuffix('.__init__')}"
        f" ({__file__}:{function.__code__.co_firstlineno})",
        "mark a decorator's wrapper with `@functools.wraps(function)`; elsewhere name the"
        " parameters",
    )


def test_an_author_is_warned_of_a_wrapper_that_does_not_show_what_is_inside_of_it() -> None:
    wrapper = unmarked(get_it)
    told = of_wrapper("wrapper", "*args and **kwargs", wrapper)

    assert warned_of(wrapper) == [told]
    assert warned_of(lambda it=Depends(wrapper): None) == [told]
    assert warned_of(lambda it=Depends(Unmarked): None) == [
        of_wrapper("Unmarked", "*rest and **more", Unmarked.__init__)
    ]


def declared(*args: Annotated[Any, Query()], **kwargs: Any) -> None: ...


def typed(*args: Any, **kwargs: str) -> None: ...


def by_name_alone(**kwargs: str) -> None: ...


def signed(*args: Any, **kwargs: Any) -> None: ...


signed.__signature__ = inspect.Signature()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "endpoint", [functools.wraps(get_it)(unmarked(get_it)), declared, typed, by_name_alone, signed]
)
def test_nothing_is_said_where_it_shows_what_a_function_takes(endpoint: Any) -> None:
    assert warned_of(endpoint) == []


def test_a_declaration_that_a_partial_passes_by_place_is_reported() -> None:
    def get_user(session: str, name: str = ""): ...

    bound = functools.partial(get_user, Depends(get_session))

    def read_item(user: Any = Depends(bound)) -> None: ...

    assert added(DeclarationError, read_item) == message(
        "a partial passes 'get_user' a declaration by its place, as a value",
        place(get_user),
        "pass it by name, functools.partial(function, name=Depends(...))",
        path="read_item -> get_user",
    )


@pytest.mark.parametrize("arguments", [{"other": 1}, {"other": Depends(get_it)}])
def test_a_partial_that_gives_what_the_function_does_not_take_is_reported(
    arguments: dict[str, Any],
) -> None:
    def get_user(name: str = ""): ...

    bound = functools.partial(get_user, **arguments)

    def read_item(user: Any = Depends(bound)) -> None: ...

    assert added(DeclarationError, read_item) == message(
        "'get_user' cannot be called: a partial gives it arguments that it does not take",
        place(get_user),
        "give the partial arguments that the function takes, or correct `__signature__`",
        path="read_item -> get_user",
    )


@pytest.mark.parametrize("default", [Depends(get_it), Query(1)], ids=["depends", "query"])
def test_a_declaration_that_a_signature_made_by_hand_hides_is_reported(default: Any) -> None:
    def get_user(name: str = "", session: Any = default): ...

    only_name = [inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY)]
    get_user.__signature__ = inspect.Signature(only_name)  # type: ignore[attr-defined]

    def read_item(user: Any = Depends(get_user)) -> None: ...

    assert added(DeclarationError, read_item) == message(
        "parameter 'session' of 'get_user' is declared by its default, and its signature hides it:"
        " nothing would fill it",
        place(get_user),
        "name 'session' in `__signature__`, or give it a plain default",
        path="read_item -> get_user",
    )


def test_a_signature_made_by_hand_that_leaves_out_what_is_passed_by_place_is_reported() -> None:
    def get_user(session: str = "", name: str = "", /): ...

    only_name = [inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY)]
    get_user.__signature__ = inspect.Signature(only_name)  # type: ignore[attr-defined]

    def read_item(user: Any = Depends(get_user)) -> None: ...

    assert added(DeclarationError, read_item) == message(
        "the `__signature__` of 'get_user' leaves out, or has in another order, what it takes by"
        " place",
        place(get_user),
        "name in `__signature__` what stands before `/`, in its order",
        path="read_item -> get_user",
    )
