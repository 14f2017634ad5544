"""Plans are data: they can be compared, printed, and asked what is in them."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from microfw.dependencies import (
    INVALID,
    Attribute,
    Constant,
    Declarations,
    Depends,
    Lifetime,
    Parameter,
    Plan,
    Reader,
    ReadValue,
    Security,
    SecurityScopes,
    Site,
    Surrounding,
    make_plan,
)
from microfw.dependencies._plan import AppValue, Argument, Use
from tests.dependencies.execution import plan_of


def get_engine() -> Iterator[str]:
    yield "engine"


async def get_session(
    engine: Annotated[str, Depends(get_engine, scope="app")],
) -> Any:
    yield "session"


def get_user(session: Annotated[str, Depends(get_session)], token: str = "") -> str:
    return "user"


async def endpoint(
    user: Annotated[str, Depends(get_user)],
    session: Annotated[str, Depends(get_session, scope="request")],
    /,
    again: Annotated[str, Depends(get_user, use_cache=False)],
) -> None: ...


async def other_endpoint(user: Annotated[str, Depends(get_user)]) -> None: ...


def read_token(_: Any) -> str:
    return "token"


TOKEN = Reader(read_token, ReadValue("token", str, ...))


def bind(parameter: Parameter, site: Site) -> Surrounding | None:
    return TOKEN if parameter.name == "token" else None


def test_a_plan_lists_its_steps_in_the_order_of_their_setup() -> None:
    plan = make_plan(Declarations(endpoint, bind, bind))
    assert [step.name for step in plan.steps] == ["session", "user", "again", "endpoint"]
    assert [step.lifetime for step in plan.steps] == [
        Lifetime.REQUEST,
        Lifetime.FUNCTION,
        Lifetime.FUNCTION,
        Lifetime.FUNCTION,
    ]
    assert [step.opens for step in plan.steps] == [True, False, False, False]
    assert [step.in_thread for step in plan.steps] == [False, True, True, False]
    assert [step.fallible for step in plan.steps] == [False, True, True, True]
    assert [step.arguments for step in plan.steps] == [
        (Argument("engine", False, AppValue((get_engine, ()), "get_engine")),),
        (Argument("session", False, Use(0)), Argument("token", False, TOKEN)),
        (Argument("session", False, Use(0)), Argument("token", False, TOKEN)),
        (
            Argument("user", True, Use(1)),
            Argument("session", True, Use(0)),
            Argument("again", False, Use(2)),
        ),
    ]
    assert [step.signature.declared for step in plan.app_steps] == [get_engine]
    assert plan.app_steps[0].key == (get_engine, ())
    assert plan.endpoint is plan.steps[-1]
    assert plan.fallible
    assert plan.sources(Reader) == [TOKEN] * 2
    assert plan.values == (TOKEN.value, TOKEN.value)
    assert [step.scope for step in plan.steps] == ["request", "function", "function", "function"]
    assert plan.sources(Attribute) == []


def test_plans_made_alike_are_equal() -> None:
    assert plan_of(endpoint) == plan_of(endpoint)
    assert hash(plan_of(endpoint).endpoint.signature) == hash(plan_of(endpoint).endpoint.signature)


@pytest.mark.parametrize(
    "other",
    [
        plan_of(other_endpoint),
        plan_of(endpoint, [Depends(lambda: None)]),
        plan_of(endpoint, default=Lifetime.REQUEST, overrides={get_user: lambda: "other"}),
        plan_of(endpoint, overrides={get_engine: lambda: "other"}),
        make_plan(Declarations(endpoint, bind, bind)),
    ],
)
def test_plans_made_differently_are_not(other: Plan) -> None:
    assert plan_of(endpoint) != other


def test_a_plan_cannot_be_changed() -> None:
    plan = plan_of(endpoint)
    with pytest.raises(AttributeError, match="immutable type"):
        plan.steps = ()  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable type"):
        plan.endpoint.name = "other"  # type: ignore[misc]


def test_a_printed_plan_shows_what_each_step_is_and_uses() -> None:
    printed = str(plan_of(other_endpoint, overrides={get_session: lambda: "session"}))
    for text in (
        "Plan(steps=(Step(",
        "name='session'",
        "name='user'",
        "Argument(name='session', positional_only=False, source=Use(step=0))",
        "Argument(name='user', positional_only=False, source=Use(step=1))",
        "lifetime=<Lifetime.FUNCTION: 1>",
        "app_steps=()",
    ):
        assert text in printed


def test_security_scopes_are_known_when_the_plan_is_made() -> None:
    async def check(scopes: SecurityScopes) -> None: ...

    async def both(
        first: Annotated[None, Security(check, scopes=["read"])],
        second: Annotated[None, Security(check, scopes=["read", "write"])],
    ) -> None: ...

    plan = plan_of(both)
    constants = plan.sources(Constant)
    assert [constant.value.scopes for constant in constants] == [["read"], ["read", "write"]]
    assert [constant.value.scope_str for constant in constants] == ["read", "read write"]


def test_what_cannot_be_hashed_can_be_a_dependency() -> None:
    class Unhashable(list[int]):
        def __call__(self) -> int:
            return 1

    dependency = Depends(Unhashable())

    async def twice(a: int = dependency, b: int = dependency) -> None: ...

    plan = plan_of(twice)
    assert [step.name for step in plan.steps] == ["a", "twice"]


def test_what_stands_for_an_invalid_value_says_so() -> None:
    assert repr(INVALID) == "INVALID"
