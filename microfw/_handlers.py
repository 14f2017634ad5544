"""A route's plan: made when the route is prepared, compiled when it is first used."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, Protocol

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from microfw._answering import RouterHandlers
from microfw._binding import RequestBinder
from microfw._environment import Environment, Overrides, Variants
from microfw._outside_request import refuse_request_values
from microfw._readers import Bodies
from microfw.dependencies import (
    Declarations,
    Dependency,
    Handler,
    Lifetime,
    Plan,
    Shape,
    Signature,
    compile_plan,
    hashable,
    make_plan,
)
from microfw.exceptions import PathParameterError

_bind_app = refuse_request_values(
    'scope "app"', "give the dependency a narrower scope, or the parameter a plain default value"
)

KEPT_VARIANTS = 16


class _Planned(Struct):
    plan: Plan
    bodies: Bodies
    outer: dict[str, PathParameterError] | None
    handler: Handler | None = None


class RouteHandler:
    """Makes the function that handles a route's requests.

    Args:
        endpoint: The route's function.
        dependencies: Those declared beside its parameters, outermost first.
        default: The lifetime of yield dependencies for which no scope is given.
        binder: Makes a binder for the route's path.
        shape: Makes the shape of the handler; is told what is read of the body.
    """

    def __init__(
        self,
        endpoint: Callable[..., Any],
        dependencies: Sequence[Dependency],
        default: Lifetime,
        binder: Callable[[], RequestBinder],
        shape: Callable[[Bodies], Shape],
    ) -> None:
        self._endpoint = endpoint
        self._dependencies = dependencies
        self._default = default
        self._binder = binder
        self._shape = shape
        self._variants: Variants[_Planned] = Variants(KEPT_VARIANTS)
        self._planned: _Planned | None = None

    @property
    def plan(self) -> Plan:
        """The plan without overrides."""
        return self._unchanged().plan

    @property
    def endpoint(self) -> Signature:
        """What the plan's last step calls."""
        return self.plan.endpoint.signature

    def check_outer(self, outer: Collection[str]) -> None:
        """Check that what the route's path does not have is among the names of the outer paths.

        Raises:
            PathParameterError: A value of the path is declared that no path has.
        """
        for name, mistake in (self._unchanged().outer or {}).items():
            if name not in outer:
                raise mistake

    def plan_in(self, environment: Environment) -> Plan:
        """The plan with the overrides that are in force."""
        return self._planned_for(environment).plan

    def stays_open(self, environment: Environment) -> bool:
        """Whether something is open until the response is sent."""
        plan = self.plan_in(environment)
        return plan.endpoint.opens or any(
            step.opens and step.lifetime is Lifetime.REQUEST for step in plan.steps
        )

    def closed_before_sending(self, environment: Environment) -> list[Signature]:
        """The dependencies that have exited when a response is sent, in the order of setup."""
        plan = self.plan_in(environment)
        return [
            step.signature
            for step in plan.steps[:-1]
            if step.opens and step.lifetime is Lifetime.FUNCTION
        ]

    def get(self, environment: Environment) -> Handler:
        """The compiled plan, with the overrides that are in force."""
        overrides = environment.active_overrides()
        planned = self._planned if overrides is None else self._variant(overrides, environment)
        planned = planned or self._unchanged()
        return planned.handler or self._compile(planned)

    def _compile(self, planned: _Planned) -> Handler:
        planned.handler = compile_plan(planned.plan, self._shape(planned.bodies))
        return planned.handler

    def _planned_for(self, environment: Environment) -> _Planned:
        overrides = environment.active_overrides()
        return self._unchanged() if overrides is None else self._variant(overrides, environment)

    def _unchanged(self) -> _Planned:
        """What is planned without overrides."""
        if self._planned is None:
            self._planned = self._make_plan(None)
        return self._planned

    def _variant(self, overrides: Overrides, environment: Environment) -> _Planned:
        def make() -> _Planned:
            environment.report_unused(overrides)
            return self._make_plan(overrides)

        return self._variants.get(None, overrides, make)

    def uses(self, overrides: Overrides | None) -> set[Hashable]:
        """The callables that the plan calls, as their keys."""
        planned = self._make_plan(overrides) if overrides else self._unchanged()
        steps = (*planned.plan.app_steps, *planned.plan.steps)
        return {hashable(step.signature.declared) for step in steps}

    def _make_plan(self, overrides: Overrides | None) -> _Planned:
        binder = self._binder()
        plan = make_plan(
            Declarations(
                self._endpoint,
                binder,
                _bind_app,
                dependencies=self._dependencies,
                overrides=overrides or {},
                default=self._default,
            )
        )
        if overrides is None:
            binder.finish(plan.endpoint.signature)
        return _Planned(plan, binder.bodies, binder.outer or None)


class DirectRoute(Protocol):
    """What a request that matches can be handed to, with nothing in between."""

    def exchange(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Make what accompanies one request, or one WebSocket."""

    async def respond(self, exchange: Any) -> None:
        """Handle it to its end."""


_ENTRIES = frozenset({"app", "handle"})
"""The attributes of a route that others replace to get at its requests."""


class Prepared:
    """A route that reads its function when it gets an application, not when it is made.

    Until then, an outer router may add to its path, and a decorator may replace the function's
    signature.

    Attributes:
        is_direct: Whether a request that matches can go straight to `respond`.
        exception_handlers: Those of the routers that the route is in, the innermost router's first.
        prefix: What routers have put before the path that the route was declared with.
    """

    handler: RouteHandler
    exception_handlers: tuple[RouterHandlers, ...] = ()
    prefix: str = ""
    is_direct: bool = False
    _can_be_direct: bool = False
    _is_prepared = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ENTRIES:
            self.is_direct = self._can_be_direct = False
        super().__setattr__(name, value)

    def prepare(self) -> None:
        """Read the function and plan the route, unless that is done.

        Raises:
            RegistrationError: The subclass tells the mistake in the function or below it.
        """
        if not self._is_prepared:
            self._prepare()
            self._is_prepared = True

    @abstractmethod
    def _prepare(self) -> None: ...
