"""What an application does with the plans of its routes: it shows them and runs scope "app"."""

import logging
from abc import abstractmethod
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Generator,
    Hashable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.routing import PARAM_REGEX, BaseRoute, Host, Mount, compile_path

from microfw._answering import AppState, source_of
from microfw._routes.lifespans import frozen_garbage
from microfw._routes.monitored import unseen_by
from microfw._routes.planned import RoutePlans
from microfw._routes.route import Route
from microfw._routes.websocket_route import WebSocketRoute
from microfw.dependencies import (
    Overrides,
    OverridesInForce,
    Plan,
    Step,
    app_scope,
    collected,
    scope_conflicts,
    source_of_app_scope,
)
from microfw.exceptions import RegistrationError

logger = logging.getLogger("microfw")


class PlannedApp(Starlette):
    """The part of an application that knows the plans of its routes, and keeps scope "app" open.

    Attributes:
        app_state: What its routes and tasks share at run time.
        gc_freeze: Whether the lifespan freezes what there is for the garbage collector.
        share_app_scope: Whether it shares scope "app" with the application that it is mounted in.
    """

    app_state: AppState
    gc_freeze: bool
    share_app_scope: bool
    router: Any

    def _unused(self, overrides: Overrides) -> list[Any]:
        """Those of some overrides whose dependency is below none of the routes they are for."""
        handlers = [
            each.route.plans
            for app in self.app_state.overridden_together or [self]
            for each in _handled_routes(app)
            if each.owner is app
        ]
        used = set[Hashable]().union(*(_used_by(each, None) for each in handlers))
        unused = {key: partial(overrides[key]) for key in overrides if key not in used}
        if unused:  # it may be that another override depends on them
            together: Overrides = {**overrides, **unused}
            used = set[Hashable]().union(*(_used_by(each, together) for each in handlers))
        return [key for key, other in unused.items() if other not in used]

    @contextmanager
    def _overriding(
        self, overrides: Mapping[Any, Callable[..., Any]], *, mounted: bool
    ) -> Generator[None]:
        applications = [*dict.fromkeys(_applications(self))] if mounted else [self]
        with ExitStack() as stack:
            for each in applications:
                stack.enter_context(each.app_state.overriding(overrides, applications))
            yield

    def _overrides_of_all(self) -> Iterator[OverridesInForce]:
        """Those of this application and of those mounted in it."""
        return (each.app_state.overrides for each in _applications(self))

    def explain(self, path: str | Callable[..., Any], method: str = "GET") -> str:
        """Return the source of the function that handles a route, or runs a task, as it runs.

        Args:
            path: The route's path as it was declared, or one that it matches; or a task of a
                queue, or a function that `call` takes.
            method: An HTTP method, or "WEBSOCKET".

        Raises:
            LookupError: No route of microfw's matches.
            RegistrationError: The function cannot be called outside of a request.
        """
        if not isinstance(path, str):
            return source_of(path, self.app_state)
        wanted = method.upper()
        handled = [each for each in _handled_routes(self) if wanted in _methods(each.route)]
        for owner, route, declared, _ in handled:
            if declared == path:
                return _source_of(route, owner)
        for owner, route, declared, _ in handled:
            if compile_path(declared or "/")[0].match(path):
                return _source_of(route, owner)
        raise LookupError(f"no route of microfw's handles {wanted} {path}")

    def explain_lifespan(self) -> str:
        """Return the source of the function that keeps scope "app" open, as it runs from start-up.

        It is that for the routes that there are now and the overrides that are in force. What is
        first needed later opens by another function like it, inside of this one. Applications that
        are mounted in this one and do not share scope "app" have functions of their own.
        """
        return source_of_app_scope(self._app_steps())

    @asynccontextmanager
    async def _run_lifespan(self, app: Any) -> AsyncGenerator[Any]:
        """Run the lifespans of this application and of those mounted in it, then scope "app"."""
        applications = list(dict.fromkeys(_applications(self)))
        self.check_routes()
        state: dict[str, Any] = {}
        traced = self._traced_phases()
        with ExitStack() as phase:
            phase.enter_context(traced("start-up"))
            async with AsyncExitStack() as stack:
                for each in applications:
                    own = await stack.enter_async_context(each.router.run_lifespans(each))
                    state.update(own or {})
                left: list[PlannedApp] = applications
                while left:
                    together = [each for each in dict.fromkeys(_sharing(left[0])) if each in left]
                    await stack.enter_async_context(left[0].open_app_scope(together))
                    left = [each for each in left if each not in together]
                if self.gc_freeze:
                    stack.enter_context(frozen_garbage())
                phase.close()
                try:
                    yield state or None
                finally:
                    phase.enter_context(traced("shutdown"))

    @abstractmethod
    def _traced_phases(self) -> Callable[[str], AbstractContextManager[object]]:
        """What is around start-up and around shutdown, for who watches."""

    def check_routes(self) -> None:
        """Check all routes, as start-up does, also those that were added later to routers.

        Raises:
            RegistrationError: The subclass names the mistake.
        """
        for _, route, _, outer in _handled_routes(self):
            route.prepare()
            with collected():
                route.plans.check_outer(outer)

    @asynccontextmanager
    async def open_app_scope(self, together: Sequence["PlannedApp"]) -> AsyncGenerator[None]:
        """Keep the dependencies of scope "app" open that the applications' routes need.

        Others open when they are first needed: those of background tasks, of routes that are added
        later, of later overrides. A lifespan that runs within another of the same application
        shares what that has opened, and closes only what it has opened itself; the first to start
        has to be the last to end.

        Args:
            together: This application, and those that share what it opens.

        Raises:
            SwallowedExceptionError: A dependency swallowed the error in the setup of another.
        """
        states = [each.app_state for each in together]

        async def wait_for_requests() -> None:  # a server out of patience does not wait itself
            for state in states:
                await state.requests.wait(state.cleanup.timeout)
            for queue in chain.from_iterable(state.queues for state in states):
                await queue.stop()

        for each in together:
            plans = each._own_plans()  # noqa: SLF001 - the same class
            for warning in filter(None, (*scope_conflicts(plans), unseen_by(each))):
                logger.warning(warning)
        values, cleanup = self.app_state.app_values, self.app_state.cleanup
        async with AsyncExitStack() as stack:
            for state in states[1:]:
                stack.enter_context(state.sharing(values))
            steps = self._app_steps()
            await stack.enter_async_context(app_scope(values, steps, cleanup, wait_for_requests))
            for queue in chain.from_iterable(state.queues for state in states):
                await stack.enter_async_context(queue.scheduling())
            yield

    def _app_steps(self) -> Iterator[Step]:
        """Those of this application, and of those that share what it opens."""
        for each in _sharing(self):
            for plan in each._own_plans():  # noqa: SLF001 - the same class
                yield from plan.app_steps

    def _own_plans(self) -> Iterator[Plan]:
        """The plans of all routes and tasks but those of applications mounted in this one."""
        for owner, route, *_ in _handled_routes(self):
            if owner is self:
                route.prepare()
                yield route.plans.plan_in(self.app_state)
        for queue in self.app_state.queues:
            yield from queue.plans()


class _Handled(NamedTuple):
    """A route of microfw's, with the application it belongs to and its path from the outermost.

    Attributes:
        outer: The names of the parameters in the paths of the mounts, and in the names of the
            hosts, through which a request gets to it.
    """

    owner: PlannedApp
    route: Route | WebSocketRoute
    path: str
    outer: frozenset[str]


def _applications(app: PlannedApp) -> Iterator[PlannedApp]:
    """An application, and those that are mounted in it, however deep."""
    yield app
    for mounted in _mounted_among(app.routes):
        yield from _applications(mounted)


def _sharing(app: PlannedApp) -> Iterator[PlannedApp]:
    """An application, and those that share its scope "app", mounted in it or in one another."""
    yield app
    for mounted in _mounted_among(app.routes):
        if mounted.share_app_scope:
            yield from _sharing(mounted)


def _mounted_among(routes: Sequence[BaseRoute]) -> Iterator[PlannedApp]:
    for route in routes:
        if isinstance(route, Mount | Host) and isinstance(route.app, PlannedApp):
            yield route.app
        elif isinstance(route, Mount | Host):
            yield from _mounted_among(route.routes)


def _handled_routes(owner: PlannedApp) -> Iterator[_Handled]:
    return _handled_among(owner, owner.routes, "", frozenset())


def _handled_among(
    owner: PlannedApp, routes: Sequence[BaseRoute], prefix: str, outer: frozenset[str]
) -> Iterator[_Handled]:
    for route in routes:
        if isinstance(route, Route | WebSocketRoute):
            yield _Handled(owner, route, prefix + route.path, outer)
        elif isinstance(route, Mount | Host):
            inner = route.app if isinstance(route.app, PlannedApp) else owner
            path, text = (route.path,) * 2 if isinstance(route, Mount) else ("", route.host)
            names = {name for name, _ in PARAM_REGEX.findall(text)}
            yield from _handled_among(inner, route.routes, prefix + path, outer | names)


def _used_by(handler: RoutePlans, overrides: Overrides | None) -> set[Hashable]:
    try:
        return handler.uses(overrides)
    except RegistrationError:  # which the first request for this route raises
        return set()


def _source_of(route: Route | WebSocketRoute, owner: PlannedApp) -> str:
    route.prepare()
    return route.plans.get(owner.app_state).source


def _methods(route: Route | WebSocketRoute) -> Collection[str]:
    return {"WEBSOCKET"} if isinstance(route, WebSocketRoute) else route.methods or ()
