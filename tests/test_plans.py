"""A plan can be read without being run."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest

from microfw import (
    App,
    BackgroundTasks,
    Cookie,
    Depends,
    Header,
    Query,
    Request,
    Route,
    WebSocket,
    WebSocketRoute,
)
from microfw._answering.state import AppState
from microfw.background import plan_of
from microfw.dependencies import AppValue, Attribute, Plan, Use
from microfw.exceptions import RequestValueError, ScopeError
from microfw.params import RequestValue, Source


def get_engine() -> str:
    return "engine"


async def get_session(
    engine: Annotated[str, Depends(get_engine, scope="app")],
) -> AsyncIterator[str]:
    yield engine


def get_user(
    session: Annotated[str, Depends(get_session, scope="request")],
    x_token: Annotated[str, Header()],
    limit: int = Query(10, le=100),
) -> Iterator[str]:
    yield session


def described(plan: Plan) -> list[tuple[str, str, bool, bool]]:
    return [
        (step.signature.name, step.scope, step.in_thread, step.opens)
        for step in (*plan.app_steps, *plan.steps)
    ]


def values(plan: Plan) -> list[tuple[Source, str, Any, Any]]:
    assert all(isinstance(value, RequestValue) for value in plan.values)
    return [
        (value.source, value.key, value.annotation, value.default)
        for value in plan.values
        if isinstance(value, RequestValue)
    ]


def make_tags() -> list[str]:
    return ["new"]


async def read_item(
    request: Request,
    item_id: int,
    user: Annotated[str, Depends(get_user)],
    session: Annotated[str, Depends(get_session, scope="request")],
    tags: Annotated[list[str], Query(default_factory=make_tags)],
    body: dict[str, int],
    theme: Annotated[str | None, Cookie(alias="Theme")] = None,
) -> None: ...


ROUTE = Route("/items/{item_id}", read_item)


def test_the_plan_of_a_route_names_its_steps_with_scopes_and_threads_in_the_order_of_setup() -> (
    None
):
    assert described(ROUTE.plan) == [
        ("get_engine", "app", True, False),
        ("get_session", "request", False, True),
        ("get_user", "function", True, True),
        ("read_item", "function", False, False),
    ]


def test_the_plan_of_a_route_lists_what_is_read_of_a_request_in_the_order_in_which_it_is() -> None:
    limits = ROUTE.plan.values[0].annotation.__metadata__
    assert values(ROUTE.plan) == [
        (Source.QUERY, "limit", Annotated[int, *limits], 10),
        (Source.HEADER, "x-token", str, ...),
        (Source.PATH, "item_id", int, ...),
        (Source.QUERY, "tags", list[str], ...),
        (Source.COOKIE, "Theme", str | None, None),
        (Source.BODY, "body", dict[str, int], ...),
    ]


def test_a_value_holds_what_its_author_declared() -> None:
    limit, _, item_id, tags, _, body = ROUTE.plan.values
    assert isinstance(limit, RequestValue)
    assert isinstance(tags, RequestValue)
    assert isinstance(body, RequestValue)
    assert isinstance(item_id, RequestValue)
    assert limit.declaration is not None
    assert limit.declaration.constraints.le == 100
    assert not limit.is_required
    assert tags.default_factory is make_tags
    assert not tags.is_required
    assert item_id.is_required
    assert body.declaration is None


def test_a_plan_says_where_each_argument_of_a_step_comes_from() -> None:
    endpoint = ROUTE.plan.endpoint
    sources = {argument.name: argument.source for argument in endpoint.arguments}
    assert sources["request"] == Attribute("request")
    assert sources["user"] == Use(1)
    assert sources["session"] == Use(0)
    (engine,) = ROUTE.plan.steps[0].arguments
    assert isinstance(engine.source, AppValue)
    assert engine.source.key == ROUTE.plan.app_steps[0].key


def test_the_plan_is_that_without_overrides(app: App) -> None:
    app.router.routes.append(ROUTE)
    with app.override({get_user: lambda: "nobody"}):
        assert described(ROUTE.plan)[2][0] == "get_user"


def test_the_plan_of_a_websocket_route_is_of_the_same_kind() -> None:
    async def talk(websocket: WebSocket, user: Annotated[str, Depends(get_user)]) -> None: ...

    plan = WebSocketRoute("/talk", talk).plan
    assert described(plan)[1:] == [
        ("get_session", "request", False, True),
        ("get_user", "function", True, True),
        ("talk", "function", False, False),
    ]
    assert [value.key for value in plan.values] == ["limit", "x-token"]


def send_mail(address: str, session: Annotated[str, Depends(get_session)]) -> str:
    return f"to {address}"


def test_the_plan_of_a_task_has_the_scopes_that_an_application_gives_it() -> None:
    assert described(plan_of(send_mail)) == [
        ("get_engine", "app", True, False),
        ("get_session", "function", False, True),
        ("send_mail", "function", True, False),
    ]
    assert described(plan_of(send_mail, default_scope="request"))[1] == (
        "get_session",
        "request",
        False,
        True,
    )
    assert plan_of(send_mail).values == ()


def test_the_plan_of_a_task_is_refused_as_the_task_is() -> None:
    def log_it(user: Annotated[str, Depends(get_user)]) -> None: ...

    with pytest.raises(RequestValueError, match="'x_token' needs a value of the request"):
        plan_of(log_it)
    with pytest.raises(ScopeError, match="there is no scope 'session'"):
        plan_of(log_it, default_scope="session")  # type: ignore[arg-type]


async def test_a_task_with_dependencies_returns_its_result_to_what_runs_it() -> None:
    def get_number() -> int:
        return 3

    def count(number: Annotated[int, Depends(get_number)]) -> int | None:
        return number or None

    tasks = BackgroundTasks()
    tasks.add_task(count)
    (task,) = tasks.tasks
    app_state = AppState()
    assert await task.run(app_state, 0) == 3  # type: ignore[attr-defined]
    app_state.overrides.everywhere[get_number] = lambda: 0
    assert await task.run(app_state, 0) is None  # type: ignore[attr-defined]


async def test_a_task_whose_error_a_dependency_swallows_has_no_result() -> None:
    def swallow() -> Iterator[None]:
        try:
            yield
        except LookupError:
            pass

    def fail(nothing: Annotated[None, Depends(swallow)]) -> int:
        raise LookupError

    tasks = BackgroundTasks()
    tasks.add_task(fail)
    (task,) = tasks.tasks
    assert await task.run(AppState(), 0) is None  # type: ignore[attr-defined]
