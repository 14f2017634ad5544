"""Classes as groups of endpoints, by a decorator that rewrites the signatures of their methods.

The decorator is written by hand here, by the idea of those that packages for FastAPI have: routes
are declared within the class, then `self` becomes a dependency that makes the object, and the
annotated attributes of the class become parameters of its `__init__`.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar, get_type_hints

import pytest
from starlette.routing import BaseRoute

from microfw import App, Depends, Header, HTTPException, Query, Router, WebSocket
from microfw.exceptions import UnfillableParameterError
from microfw.testclient import TestClient

View = TypeVar("View", bound=type[Any])
KEYWORD = inspect.Parameter.KEYWORD_ONLY


def view(router: Router) -> Callable[[View], View]:
    """Have the methods of a class serve those routes of the router that are declared in it."""

    def decorate(cls: View) -> View:
        attributes_from_dependencies(cls)
        own = Router()
        own.routes = [route for route in router.routes if is_of(route, cls)]
        for route in own.routes:
            each: Any = route
            router.routes.remove(route)
            each.path = each.path.removeprefix(router.prefix)  # which including puts there again
            take_self_from_a_dependency(each.endpoint, cls)
        router.include_router(own)
        return cls

    return decorate


def is_of(route: BaseRoute, cls: type[Any]) -> bool:
    return getattr(route, "endpoint", None) in vars(cls).values()


def take_self_from_a_dependency(method: Any, cls: type[Any]) -> None:
    signature = inspect.signature(method)
    first, *others = signature.parameters.values()
    method.__signature__ = signature.replace(
        parameters=[
            first.replace(default=Depends(cls)),
            *(parameter.replace(kind=KEYWORD) for parameter in others),
        ]
    )


def attributes_from_dependencies(cls: Any) -> None:
    names = get_type_hints(cls, include_extras=True)
    parameters = [
        inspect.Parameter(
            name, KEYWORD, annotation=hint, default=getattr(cls, name, inspect.Parameter.empty)
        )
        for name, hint in names.items()
    ]

    def init(self: Any, **given: Any) -> None:
        for name in names:
            setattr(self, name, given[name])

    cls.__init__ = init
    cls.__signature__ = inspect.Signature(parameters)


log: list[str] = []


def get_session(shop: str) -> Iterator[str]:
    log.append(f"{shop} opens")
    try:
        yield f"session of {shop}"
    except HTTPException as error:
        log.append(f"{shop} sees {error.status_code}")
        raise
    finally:
        log.append(f"{shop} closes")


def views() -> Router:
    router = Router(prefix="/books")

    @view(router)
    class Books:
        session: Annotated[str, Depends(get_session)]
        agent: Annotated[str, Header(alias="x-agent")] = "none"

        @router.get("/{number}")
        def read(self, number: int, mark: Annotated[str, Query()] = "") -> list[Any]:
            return [self.session, self.agent, number, mark]

        @router.delete("/{number}", status_code=204)
        async def remove(self, number: int) -> None:
            raise HTTPException(404, f"{self.session}: {number}")

        @router.websocket("/feed")
        async def feed(self, websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(self.session)

    return router


@pytest.fixture
def client() -> TestClient:
    log.clear()
    app = App()
    app.include_router(views(), prefix="/{shop}")
    return TestClient(app)


def test_methods_serve_with_the_dependencies_of_their_class(client: TestClient) -> None:
    answer = client.get("/mine/books/7?mark=x", headers={"x-agent": "me"})
    assert answer.json() == ["session of mine", "me", 7, "x"]
    assert log == ["mine opens", "mine closes"]


def test_an_async_method_serves_too(client: TestClient) -> None:
    answer = client.delete("/mine/books/7")
    assert (answer.status_code, answer.json()) == (404, {"detail": "session of mine: 7"})
    assert log == ["mine opens", "mine sees 404", "mine closes"]


def test_a_method_serves_websockets(client: TestClient) -> None:
    with client.websocket_connect("/mine/books/feed") as websocket:
        assert websocket.receive_text() == "session of mine"


def test_what_a_client_gets_wrong_is_said_of_the_methods_own_parameters(client: TestClient) -> None:
    answer = client.get("/mine/books/seven")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["path", "number"])


def test_methods_serve_also_where_the_router_was_included_before() -> None:
    outer, app = Router(), App()
    app.include_router(outer, prefix="/{shop}")
    outer.include_router(views())
    assert TestClient(app).get("/mine/books/1").json() == ["session of mine", "none", 1, ""]


def test_a_class_that_no_decorator_has_made_a_view_is_refused_when_it_is_included() -> None:
    router = Router()

    class Books:
        @router.get("/books")
        def read(self) -> None: ...

    with pytest.raises(UnfillableParameterError) as raised:
        App().include_router(router)
    assert raised.value.what == "'read' is a method without its object: nothing can be 'self'"
