"""A route's plan: made when the route is prepared, compiled when it is first used."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from microfw._answering import AppState, RouterHandlers, watched_plan
from microfw._reading import Bodies, RequestBinder, refuse_in_app_scope
from microfw._routes.mistakes import check_dependencies
from microfw.dependencies import (
    CompiledPlan,
    Declarations,
    Dependency,
    DependencyScope,
    Lifetime,
    Overrides,
    Plan,
    PlanCache,
    Shape,
    Signature,
    Watched,
    collected,
    compile_plan,
    hashable,
    make_plan,
    place_of,
)
from microfw.exceptions import PathParameterError

if TYPE_CHECKING:
    from microfw._routes.dependants import ReadDependant

KEPT_VARIANTS = 16


class _Planned(Struct):
    plan: Plan
    bodies: Bodies
    outer: dict[str, PathParameterError] | None
    compiled: CompiledPlan | None = None
    is_watched: bool = False


class RoutePlans:
    """Makes the function that handles a route's requests.

    Args:
        endpoint: The route's function.
        dependencies: Those declared beside its parameters, outermost first.
        default: The lifetime of yield dependencies for which no scope is given.
        binder: Makes a binder for the route's path.
        shape: Makes the shape of the handler from what is read of the body.
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
        self._by_overrides: PlanCache[_Planned] = PlanCache(KEPT_VARIANTS)
        self._planned: _Planned | None = None
        self._read: ReadDependant | None = None
        self._outer: Collection[str] = ()

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

        Where no path is around it, those count that an earlier check found: the lifespan of an
        application may run that of a mounted one by itself.

        Raises:
            PathParameterError: A value of the path is declared that no path has.
        """
        outer = outer or self._outer
        for name, mistake in (self._unchanged().outer or {}).items():
            if name not in outer:
                with collected():
                    raise mistake
        self._outer = outer

    def dependant(self, path: str) -> Any:
        """The plan as FastAPI's tree. What is changed in it counts until the first request."""
        if self._read is None:
            from microfw._routes.dependants import ReadDependant

            self._read = ReadDependant(self.plan, path, self._dependencies)
        return self._read.it

    def forget(self) -> None:
        """Plan anew: what the plan is made of has changed."""
        self._planned = None
        self._by_overrides = PlanCache(KEPT_VARIANTS)

    def plan_in(self, app_state: AppState) -> Plan:
        """The plan with the overrides that are in force."""
        return self._planned_for(app_state).plan

    def stays_open(self, app_state: AppState) -> bool:
        """Whether something is open until the response is sent."""
        plan = self.plan_in(app_state)
        return plan.endpoint.opens or any(
            step.opens and step.lifetime is Lifetime.REQUEST for step in plan.steps
        )

    def closed_before_sending(self, app_state: AppState) -> list[Signature]:
        """The dependencies that have exited when a response is sent, in the order of setup."""
        plan = self.plan_in(app_state)
        return [
            step.signature
            for step in plan.steps[:-1]
            if step.opens and step.lifetime <= Lifetime.FUNCTION
        ]

    def get(self, app_state: AppState) -> CompiledPlan:
        """The compiled plan, with the overrides that are in force."""
        overrides = app_state.overrides.active()
        planned = self._planned if overrides is None else self._overridden(overrides, app_state)
        planned = planned or self._unchanged()
        return planned.compiled or self._compile(planned)

    def _compile(self, planned: _Planned) -> CompiledPlan:
        if self._read is not None and self._read.is_changed():
            self.forget()
            planned = self._unchanged()
        shape = self._shape(planned.bodies)
        compiled = compile_plan(planned.plan, shape, is_watched=planned.is_watched)
        planned.compiled = watched_plan(compiled) if planned.is_watched else compiled
        return planned.compiled

    def _planned_for(self, app_state: AppState) -> _Planned:
        overrides = app_state.overrides.active()
        return self._unchanged() if overrides is None else self._overridden(overrides, app_state)

    def _unchanged(self) -> _Planned:
        """What is planned without overrides."""
        if self._planned is not None:
            return self._planned
        mistakes = collected()
        planned = self._make_plan(None)
        if not mistakes.found:
            self._planned = planned
        return planned

    def _overridden(self, overrides: Overrides, app_state: AppState) -> _Planned:
        def make() -> _Planned:
            if isinstance(overrides, Watched):
                return self._watched(dict(overrides), app_state)
            planned = self._make_plan(overrides)
            app_state.report_unused(overrides)
            return planned

        return self._by_overrides.get(None, overrides, make)

    def _watched(self, overrides: Overrides, app_state: AppState) -> _Planned:
        """The same plan, compiled to be watched."""
        planned = self._overridden(overrides, app_state) if overrides else self._unchanged()
        return _Planned(planned.plan, planned.bodies, planned.outer, is_watched=True)

    def uses(self, overrides: Overrides | None) -> set[Hashable]:
        """The callables that the plan calls, as their keys."""
        planned = self._make_plan(overrides) if overrides else self._unchanged()
        steps = (*planned.plan.app_steps, *planned.plan.steps)
        return {hashable(step.signature.declared) for step in steps}

    def _make_plan(self, overrides: Overrides | None) -> _Planned:
        binder = self._binder()
        mistakes = collected()
        plan = make_plan(
            Declarations(
                self._endpoint,
                binder,
                refuse_in_app_scope,
                dependencies=[*self._dependencies, *(self._read.added() if self._read else ())],
                overrides=overrides or {},
                default=self._default,
            )
        )
        if self._read is not None:
            plan = self._read.applied_to(plan)
        if overrides is None:
            binder.finish(plan.endpoint.signature, is_whole=mistakes.found == binder.mistakes)
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

    plans: RoutePlans
    path_format: str
    dependencies: list[Dependency]
    default_scope: DependencyScope | None
    exception_handlers: tuple[RouterHandlers, ...] = ()
    prefix: str = ""
    is_direct: bool = False
    _can_be_direct: bool = False
    _is_prepared = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ENTRIES:
            self.is_direct = self._can_be_direct = False
            if "plans" in vars(self):
                self.plans.forget()
        super().__setattr__(name, value)

    @property
    def is_prepared(self) -> bool:
        """Whether the function has been read and the route planned."""
        return self._is_prepared

    def prepare(self) -> None:
        """Read the function and plan the route, unless that is done.

        Raises:
            RegistrationError: The subclass names the mistake in the function or below it.
        """
        if not self._is_prepared:
            with collected() as mistakes:
                self._prepare()
                self._is_prepared = not mistakes.found

    def _set_plans(
        self,
        endpoint: Callable[..., Any],
        dependencies: Sequence[Any] | None,
        default_scope: DependencyScope | None,
    ) -> None:
        self.dependencies = check_dependencies(dependencies, place_of(endpoint))
        self.default_scope = default_scope
        self.plans = RoutePlans(
            endpoint,
            self.dependencies,
            Lifetime.of_default(default_scope, f"default_scope={default_scope!r}"),
            self._binder,
            self._shape,
        )

    @property
    def plan(self) -> Plan:
        """What a request or WebSocket runs through, step by step, and the values that steps read.

        The plan is the one without overrides. Each of its `values` is a
        `microfw.params.RequestValue`.
        """
        return self.plans.plan

    @property
    def dependant(self) -> Any:
        """The same as FastAPI's tree of dependencies, for libraries that read one.

        It is a `microfw.dependants.Dependant`. Another `call`, and dependencies that are appended,
        count until the route has its first request; nothing else does that is changed in it.
        """
        return self.plans.dependant(self.path_format)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.prepare()
        await self.respond(self.exchange(scope, receive, send))

    @abstractmethod
    def exchange(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Make what accompanies one request, or one WebSocket."""

    @abstractmethod
    async def respond(self, exchange: Any) -> None:
        """Handle it to its end."""

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _binder(self) -> RequestBinder: ...

    @abstractmethod
    def _shape(self, bodies: Bodies, /) -> Shape: ...
