"""What schemas tell their readers is kept, changes nothing else, and is merged by routers."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from microfw import App, Body, Form, Query, Route, Router, param_functions, params
from microfw.exceptions import DeclarationError
from microfw.testclient import TestClient


class Tags(Enum):
    ITEMS = "items"


def name_route(route: Any) -> str:
    return f"route-{route.name}"


def name_otherwise(route: Any) -> str:
    return f"other-{route.name}"


async def endpoint() -> None: ...


def test_an_application_keeps_what_is_said_of_it() -> None:
    app = App(title="Shop", version="1.2", contact={"name": "Anna"}, openapi_tags=[{"name": "a"}])

    assert app.documentation == {
        "title": "Shop",
        "version": "1.2",
        "contact": {"name": "Anna"},
        "openapi_tags": [{"name": "a"}],
    }
    assert App().documentation == {}


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (App, "App"),
        (Router, "Router.__init__"),
        (partial(Router().include_router, Router()), "Router.include_router"),
    ],
    ids=["App", "Router", "include_router"],
)
def test_an_option_that_nobody_knows_is_refused(call: Callable[..., Any], name: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(tittle="Shop")
    assert str(caught.value) == f"{name}() got an unexpected keyword argument 'tittle'"


def test_routes_keep_what_applications_and_routers_say_of_them() -> None:
    of_app, of_router, of_inclusion, of_route = (Route(f"/{n}", endpoint) for n in range(4))
    app = App(
        openapi_url=None,
        callbacks=[of_app],
        deprecated=True,
        include_in_schema=False,
        generate_unique_id_function=name_route,
    )
    router = Router(tags=[Tags.ITEMS], callbacks=[of_router])
    router.get("/items", callbacks=[of_route], operation_id="read", summary="Read")(endpoint)
    app.include_router(router, callbacks=[of_inclusion], tags=["more"])

    (route,) = app.routes

    assert isinstance(route, Route)
    assert route.options == {
        "callbacks": [of_app, of_inclusion, of_router, of_route],
        "dependencies": [],
        "encoders": {},
        "deprecated": True,
        "generate_unique_id_function": name_route,
        "include_in_schema": False,
        "middleware": [],
        "operation_id": "read",
        "responses": {},
        "summary": "Read",
        "tags": ["more", Tags.ITEMS],
    }
    assert not route.include_in_schema


@pytest.mark.parametrize("place", ["route", "router", "inclusion", "app"])
def test_the_function_nearest_to_the_route_names_it(place: str) -> None:
    order = ["route", "router", "inclusion", "app"]
    said: dict[str, Any] = {
        each: {"generate_unique_id_function": name_route if each == place else name_otherwise}
        for each in order[order.index(place) :]
    }
    app = App(openapi_url=None, **said.get("app", {}))
    router = Router(**said.get("router", {}))
    router.get("/", **said.get("route", {}))(endpoint)
    app.include_router(router, prefix="/items", **said.get("inclusion", {}))

    (route,) = app.routes

    assert isinstance(route, Route)
    assert route.options.get("generate_unique_id_function") is name_route


def test_parameters_keep_names_that_only_schemas_have() -> None:
    documentation = Query(serialization_alias="q", alias_priority=1).documentation

    assert (documentation.serialization_alias, documentation.alias_priority) == ("q", 1)


def test_functions_that_declare_parameters_are_found_in_one_module() -> None:
    for name in ["Body", "Cookie", "File", "Form", "Header", "Path", "Query"]:
        assert isinstance(getattr(param_functions, name)(), getattr(params, name))


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: int


def test_a_discriminator_tells_models_of_pydantics_apart(app: App) -> None:
    @app.post("/")
    async def count(pet: Annotated[Cat | Dog, Body(discriminator="kind")]) -> int:
        return pet.lives if isinstance(pet, Cat) else pet.tricks

    client = TestClient(app)

    assert client.post("/", json={"kind": "dog", "tricks": 3}).json() == 3
    assert client.post("/", json={"kind": "cow"}).json()["detail"] == [
        {
            "type": "union_tag_invalid",
            "loc": ["body"],
            "msg": "Input tag 'cow' found using 'kind' does not match any of the expected tags: 'cat', 'dog'",
            "input": {"kind": "cow"},
            "ctx": {"discriminator": "'kind'", "tag": "cow", "expected_tags": "'cat', 'dog'"},
        }
    ]


def test_pydantic_is_told_how_to_try_the_members_of_a_union_and_when_to_stop(app: App) -> None:
    @app.post("/union")
    async def take(it: Annotated[float | int | Cat, Body(union_mode="left_to_right")]) -> str:
        return type(it).__name__

    @app.post("/list")
    async def take_all(cats: Annotated[list[Cat], Body(fail_fast=True)]) -> None: ...

    client = TestClient(app)

    assert client.post("/union", json=1).json() == "float"
    assert len(client.post("/list", json=[1, 2, 3]).json()["detail"]) == 1


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ({"discriminator": "kind"}, "'int' is not a valid discriminated union variant."),
        ({"union_mode": "smart"}, "to schema of type 'int'"),
        ({"fail_fast": True}, "to schema of type 'int'"),
    ],
)
def test_what_is_for_pydantics_unions_and_lists_fits_no_other_values(
    app: App, option: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DeclarationError) as caught:

        @app.get("/")
        async def read(number: Annotated[int, Query(**option)]) -> None: ...

    message = str(caught.value).splitlines()[0]
    assert message.startswith("'number' has the type int, for which a constraint makes no sense:")
    assert f" {next(iter(option))}=" in message
    assert message.endswith(problem)


@pytest.mark.parametrize("place", ["route", "inclusion", "router", "app"])
def test_the_limit_nearest_to_the_route_counts(place: str) -> None:
    order = ["route", "router", "inclusion", "app"]
    said: dict[str, Any] = {
        each: {"max_body_size": 5 if each == place else 100, "form_limits": {"max_fields": 1}}
        for each in order[order.index(place) :]
    }
    app = App(openapi_url=None, **said.get("app", {}))
    router = Router(**said.get("router", {}))

    @router.post("/body", **said.get("route", {}))
    async def count(body: list[int]) -> int:
        return len(body)

    @router.post("/form", **said.get("route", {}) | {"max_body_size": None})
    async def read(a: Annotated[str, Form()]) -> str:
        return a

    app.include_router(router, **said.get("inclusion", {}))
    client = TestClient(app)

    bodies = [client.post("/body", content=content) for content in (b"[1,2]", b"[1,23]")]
    forms = [client.post("/form", data=data) for data in ({"a": "x"}, {"a": "x", "b": "y"})]

    assert [answer.status_code for answer in bodies] == [200, 413]
    assert [answer.status_code for answer in forms] == [200, 400]


def test_a_router_may_lift_the_applications_limit() -> None:
    app = App(max_body_size=5)
    router = Router(max_body_size=None)

    @router.post("/")
    async def count(body: list[int]) -> int:
        return len(body)

    app.include_router(router)

    assert TestClient(app).post("/", json=[1] * 100).json() == 100
