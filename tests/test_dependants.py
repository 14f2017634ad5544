# pyright: reportInvalidTypeForm=false
"""What routes tell libraries that were made for FastAPI: their attributes, and `dependant`."""

from collections.abc import Iterator
from typing import Annotated, Any

import fastapi
import fastapi.utils as fastapi_utils
import pytest
from pydantic import BaseModel
from starlette.requests import HTTPConnection

import microfw
from microfw import (
    App,
    Body,
    Depends,
    Header,
    Request,
    Response,
    Route,
    Router,
    Security,
    SecurityScopes,
    WebSocket,
)
from microfw.datastructures import Default, DefaultPlaceholder
from microfw.dependants import Dependant, get_dependant, get_parameterless_sub_dependant
from microfw.responses import JSONResponse, PlainTextResponse
from microfw.routing import RouteContext, iter_route_contexts, request_response
from microfw.testclient import TestClient
from microfw.utils import generate_unique_id, get_path_param_names, is_body_allowed_for_status_code


class Item(BaseModel):
    name: str


def declare(framework: Any) -> Any:
    """The same route, with a part of everything."""
    app = getattr(framework, "FastAPI", None) or framework.App

    def session() -> Iterator[int]:
        yield 1

    def user(
        token: Annotated[str, framework.Header()],
        db: Annotated[int, framework.Depends(session, use_cache=False)],
    ) -> str:
        return token

    def check(scopes: framework.security.SecurityScopes) -> None: ...

    made = app()

    @made.put(
        "/items/{item_id}",
        tags=["a"],
        status_code=201,
        responses={404: {"description": "none"}},
        deprecated=True,
        openapi_extra={"x-a": 1},
        dependencies=[framework.Depends(check)],
    )
    def put_item(
        item_id: int,
        item: Item,
        request: framework.Request,
        response: framework.Response,
        tasks: framework.BackgroundTasks,
        who: Annotated[str, framework.Security(user, scopes=["write"])],
        q: Annotated[str, framework.Query(alias="query", max_length=3)] = "x",
        session_id: Annotated[str | None, framework.Cookie()] = None,
    ) -> Item:
        """Put it.

        \f hidden
        """
        return item

    return next(r for r in made.routes if r.path == "/items/{item_id}")


def drawn(dependant: Any) -> dict[str, Any]:
    """What two frameworks tell alike."""
    lists = ("path_params", "query_params", "header_params", "cookie_params", "body_params")
    names = [name for name in Dependant.__dataclass_fields__ if name.endswith("_param_name")]
    return {
        "name": dependant.name,
        "call": getattr(dependant.call, "__name__", None),
        "use_cache": dependant.use_cache,
        "path": dependant.path,
        "params": {n: [(f.name, f.alias) for f in getattr(dependant, n)] for n in lists},
        "given": {name: getattr(dependant, name) for name in names},
        "below": [drawn(each) for each in dependant.dependencies],
    }


def test_a_dependant_tells_what_fastapis_does() -> None:
    import microfw.security

    ours, theirs = declare(microfw).dependant, declare(fastapi).dependant

    assert drawn(ours) == drawn(theirs)
    assert [f.required for f in ours.query_params] == [False]
    assert ours.query_params[0].field_info.alias == "query"


@pytest.mark.parametrize(
    "name",
    [
        "tags",
        "summary",
        "description",
        "operation_id",
        "unique_id",
        "status_code",
        "responses",
        "deprecated",
        "include_in_schema",
        "openapi_extra",
        "callbacks",
        "response_description",
        "response_model_include",
        "response_model_exclude",
        "response_model_by_alias",
        "response_model_exclude_unset",
        "response_model_exclude_defaults",
        "response_model_exclude_none",
        "response_model",
        "methods",
        "path_format",
        "name",
    ],
)
def test_a_route_has_the_attributes_of_fastapis(name: str) -> None:
    assert getattr(declare(microfw), name) == getattr(declare(fastapi), name)


def test_the_model_and_the_description_of_a_route_are_what_is_said_last(app: App) -> None:
    app.get("/", response_model=int)(lambda: "1")
    route: Any = app.routes[-1]

    route.description = "Count."

    assert (route.response_model, route.description) == (int, "Count.")


def test_what_fastapi_does_not_have_is_not_in_a_dependant(app: App) -> None:
    def pool() -> int:
        return 1

    def either(request: Request, websocket: WebSocket) -> None: ...

    @app.get("/")
    def show(
        it: Annotated[int, Depends(pool, scope="app")], both: Annotated[None, Depends(either)]
    ) -> None: ...

    dependant: Any = app.routes[-1].dependant  # type: ignore[attr-defined]
    assert [each.name for each in dependant.dependencies] == ["both"]
    assert dependant.dependencies[0].request_param_name == "request"
    assert dependant.dependencies[0].websocket_param_name is None


def test_a_route_names_the_classes_that_stand_in() -> None:
    route = declare(microfw)

    assert route.response_class is JSONResponse
    assert route.generate_unique_id_function is generate_unique_id
    assert route.response_field.type_ is Item
    assert (route.body_field.name, route.body_field.type_) == ("item", Item)


def test_what_is_set_on_a_route_is_reported_and_documented(app: App) -> None:
    app.get("/")(lambda: None)
    route: Any = app.routes[-1]
    route.include_in_schema = False
    route.body_field = "other"

    assert app.openapi()["paths"] == {}
    assert route.body_field == "other"
    assert Route.tags is vars(Route.__mro__[1])["tags"]
    assert isinstance(Route.tags, object)


def test_several_values_of_a_body_are_one_field(app: App) -> None:
    @app.post("/")
    def take(one: Annotated[int, Body()], two: Annotated[int, Body()]) -> Response:
        return Response()

    @app.get("/")
    def show() -> None: ...

    taking, showing = app.routes[-2:]
    assert isinstance(taking, Route)
    assert isinstance(showing, Route)
    assert (taking.body_field.name, taking.response_field) == ("body", None)
    assert showing.body_field is None
    assert showing.response_field is None


def test_a_websocket_s_route_has_a_dependant(app: App) -> None:
    @app.websocket("/{room}")
    async def feed(room: str, websocket: WebSocket, connection: HTTPConnection) -> None: ...

    dependant: Any = app.routes[-1].dependant  # type: ignore[attr-defined]
    assert (dependant.websocket_param_name, dependant.http_connection_param_name) == (
        "websocket",
        "connection",
    )
    assert [each.name for each in dependant.path_params] == ["room"]


# ---------------------------------------------------------------------- what others change


def client_of(endpoint: Any) -> tuple[Any, TestClient]:
    app = App()
    app.get("/")(endpoint)
    return app.routes[-1], TestClient(app)


def test_another_function_in_the_place_of_the_endpoint_is_called() -> None:
    def show(q: int) -> int:
        return q

    async def doubled(q: int) -> int:
        return 2 * q

    route, client = client_of(show)
    route.dependant.call = doubled

    assert client.get("/?q=2").json() == 4
    assert client.get("/?q=x").status_code == 422


def test_the_function_may_take_the_connection_too() -> None:
    def show() -> str:
        return ""

    def showing(_connection: Request) -> str:
        return _connection.url.path

    route, client = client_of(show)
    route.dependant.http_connection_param_name = "_connection"
    route.dependant.call = showing

    assert client.get("/").json() == "/"


def test_a_dependency_that_is_appended_runs() -> None:
    ran: list[str] = []

    def first(q: str = "q") -> None:
        ran.append(q)

    route, client = client_of(lambda: None)
    sub = get_parameterless_sub_dependant(depends=Depends(first), path="/")
    route.dependant.dependencies.append(sub)

    assert client.get("/?q=it").status_code == 200
    assert ran == ["it"]
    assert client.get("/?q=again").status_code == 200
    assert ran == ["it", "again"]


def test_a_route_is_planned_anew_when_its_app_is_set() -> None:
    ran: list[str] = []
    route, client = client_of(lambda: "it")
    assert client.get("/").json() == "it"

    route.dependencies.append(Depends(lambda: ran.append("added")))
    route.app = request_response(route.get_route_handler())

    assert client.get("/").json() == "it"
    assert ran == ["added"]


def test_a_route_is_served_by_another_handler() -> None:
    route, client = client_of(lambda: "it")
    handle = route.get_route_handler()

    async def shouting(request: Request) -> Response:
        response = await handle(request)
        return PlainTextResponse(response.body.upper())

    route.app = request_response(shouting)

    assert [client.get("/").text for _ in range(2)] == ['"IT"', '"IT"']


def test_a_function_of_a_request_is_served_alone() -> None:
    async def show(request: Request) -> Response:
        return PlainTextResponse(request.url.path)

    assert TestClient(request_response(show)).get("/path").text == "/path"


# ---------------------------------------------------------------------- functions


def test_a_callable_is_read_without_a_route() -> None:
    def check(scopes: SecurityScopes, token: Annotated[str, Header()]) -> None: ...

    dependant = get_dependant(path="/{a}", call=check, name="it", use_cache=False, scope="request")
    secured = get_parameterless_sub_dependant(depends=Security(check, scopes=["a"]), path="/")

    assert (dependant.name, dependant.use_cache, dependant.scope) == ("it", False, "request")
    assert dependant.security_scopes_param_name == "scopes"
    assert secured.own_oauth_scopes == ["a"]
    with pytest.raises(TypeError, match="has to name what it calls"):
        get_parameterless_sub_dependant(depends=Depends(), path="/")


def test_routes_are_listed_with_those_of_routers() -> None:
    router = Router(prefix="/in")
    router.get("/it")(lambda: None)
    app = App(openapi_url=None)
    app.include_router(router)

    contexts = [*iter_route_contexts(iter_route_contexts(app.routes))]

    assert [(each.path, each.original_route is each.route) for each in contexts] == [
        ("/in/it", True)
    ]
    assert isinstance(contexts[0], RouteContext)


@pytest.mark.parametrize("framework", [microfw, fastapi])
def test_each_of_the_dependencies_beside_is_in_the_tree_also_if_a_parameter_uses_it_too(
    framework: Any,
) -> None:
    def shared() -> int:
        return 1

    def own() -> int:
        return 2

    def endpoint(it: Annotated[int, framework.Depends(shared)]) -> int:
        return it

    of = framework.Depends
    beside = [of(shared), of(own), of(shared), of(own, use_cache=False)]
    router = framework.APIRouter()
    router.get("/", dependencies=beside)(endpoint)

    uses = router.routes[0].dependant.dependencies
    assert [(each.name, each.call) for each in uses] == [
        (None, shared),
        (None, own),
        (None, shared),
        (None, own),
        ("it", shared),
    ]


def test_what_is_appended_to_the_dependencies_of_a_route_is_included_with_it() -> None:
    ran: list[str] = []
    router = Router(prefix="/in")
    router.get("/it")(lambda: "it")
    route: Any = router.routes[0]
    route.dependencies.append(Depends(lambda: ran.append("appended")))
    app = App()
    app.include_router(router)

    assert TestClient(app).get("/in/it").json() == "it"
    assert ran == ["appended"]


def test_the_context_of_a_route_matches_by_path_and_methods_not_by_a_function_of_its_class() -> (
    None
):
    class Late(Route):
        def matches(self, scope: Any) -> Any:
            raise AssertionError("the middleware has not run")

    app = App(openapi_url=None)
    router = Router(route_class=Late)
    router.get("/late/{number}")(lambda number: None)
    app.include_router(router)

    @app.websocket("/socket")
    async def serve(websocket: WebSocket) -> None: ...

    app.mount("/below", App(openapi_url=None))

    def found(path: str, method: str = "GET", kind: str = "http") -> list[str]:
        scope = {"type": kind, "path": path, "method": method, "headers": []}
        matches = [context.matches(scope)[0] for context in iter_route_contexts(app.routes)]
        return [match.name for match in matches]

    assert found("/late/3") == ["FULL", "NONE", "NONE"]
    assert found("/late/3", "POST") == ["PARTIAL", "NONE", "NONE"]
    assert found("/socket", kind="websocket") == ["NONE", "FULL", "NONE"]
    assert found("/below/it") == ["NONE", "NONE", "FULL"]


def test_values_that_stand_in_say_nothing_or_what_they_are() -> None:
    class Shouting(PlainTextResponse):
        media_type = "text/loud"

    router = Router(
        default_response_class=Default(Shouting), generate_unique_id_function=Default(None)
    )
    router.get("/", response_model=Default(None))(lambda: "it")

    assert TestClient(router).get("/").headers["content-type"].startswith("text/loud")
    assert router.routes[0].response_model is None  # type: ignore[attr-defined]
    assert Default(3) == DefaultPlaceholder(3) != DefaultPlaceholder(4)
    assert bool(Default(0)) is False
    assert len({Default(3), Default(3)}) == 1


@pytest.mark.parametrize("status", [None, "2XX", "default", 200, "201", 204, 205, 304, 100])
def test_bodies_are_allowed_as_fastapi_says(status: Any) -> None:
    assert is_body_allowed_for_status_code(status) == (
        fastapi_utils.is_body_allowed_for_status_code(status)
    )


def test_the_names_in_a_path_are_found() -> None:
    assert get_path_param_names("/{a}/b/{c:path}") == fastapi_utils.get_path_param_names(
        "/{a}/b/{c:path}"
    )


def test_the_unique_id_of_a_route_is_fastapis() -> None:
    assert generate_unique_id(declare(microfw)) == fastapi_utils.generate_unique_id(
        declare(fastapi)
    )


def test_what_is_open_for_the_whole_application_is_no_part_of_the_tree() -> None:
    def pool() -> Iterator[int]:
        yield 1

    def check() -> None: ...

    app = App()

    @app.get("/", dependencies=[Depends(pool, scope="app"), Depends(check)])
    def read(pool: Annotated[int, Depends(pool, scope="app")]) -> None: ...

    route: Any = app.routes[-1]
    assert [each.call for each in route.dependant.dependencies] == [check]
