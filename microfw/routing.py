"""Router: maps paths to endpoints."""

import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Unpack, cast

import starlette.routing
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from microfw._routes import (
    Decorators,
    DirectRoute,
    Endpoint,
    EventHandler,
    IncludeOptions,
    Lifespans,
    Matcher,
    ProvidedOverrides,
    Route,
    RouteContext,
    RouteDefaults,
    RouteOptions,
    RouterOptions,
    Routes,
    Surroundings,
    WebSocketRoute,
    check_dependencies,
    check_handled,
    check_is_whole,
    check_known,
    check_router,
    check_starts_with_slash,
    checked_path,
    iter_route_contexts,
    limited,
    moved,
    redirect_to,
    refuse_method,
    request_response,
    surrounded,
    whole_path,
    with_other_slash,
)
from microfw.dependencies import DependencyScope, Lifetime, collected, place_of

__all__ = [
    "IncludeOptions",
    "Mount",
    "Route",
    "RouteContext",
    "RouteOptions",
    "Router",
    "RouterOptions",
    "WebSocketRoute",
    "iter_route_contexts",
    "request_response",
]


class Router(Decorators, Lifespans, starlette.routing.Router, RouteDefaults):
    """Maps paths to endpoints; an application has one, and includes others.

    The functions of its routes are read when an application includes it: until then, an outer
    router may add to their paths, and a decorator may replace their signatures.

    Args:
        routes: Routes of Starlette or microfw to start with. They are not changed: the other
            arguments apply to routes that are declared or included here.
        redirect_slashes: Redirect `/items/` to `/items` (or the reverse) if only that exists.
        default: The ASGI application for paths that no route matches; without one they are 404.
        route_class: The class of the routes that the decorators make; see
            `Route.get_route_handler`.
        lifespan: Runs around the application's life.
        on_startup: Called at start-up if there is no `lifespan`. Deprecated in FastAPI.
        on_shutdown: Called at shutdown if there is no `lifespan`. Deprecated in FastAPI.
        default_scope: The scope of yield dependencies that name none; `None` is that of the router
            or application that includes this one.
        middleware: Around the requests for this router's routes, even if another router or an
            application includes it. The first is outermost, and the middleware of outer routers
            is around it. Each is made once. Requests that no route matches do not pass through.
        exception_handlers: By status code or exception class; see `exception_handler`.
        dependency_overrides_provider: An object with `dependency_overrides`, such as an
            application. They apply to the routes that this router declares or includes.
        **options: What its routes inherit; see `RouterOptions`.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute] | None = None,
        *,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        route_class: type[Route] = Route,
        lifespan: Lifespan[Any] | None = None,
        on_startup: Sequence[EventHandler] | None = None,
        on_shutdown: Sequence[EventHandler] | None = None,
        default_scope: DependencyScope | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, Callable[..., Any]] | None = None,
        dependency_overrides_provider: Any = None,
        **options: Unpack[RouterOptions],
    ) -> None:
        check_known(options, RouterOptions.__optional_keys__, "Router.__init__")
        for handled in (exception_handlers or {}).items():
            check_handled(*handled)
        super().__init__(None, redirect_slashes, default, lifespan)
        entry = self.middleware_stack
        self._entry: ASGIApp | None = entry if entry == self.app else None
        self.routes: list[BaseRoute] = Routes(routes or ())
        self._matcher = Matcher()
        self.included: list[starlette.routing.Router] = []
        self.is_of_application: bool = False
        self.route_class = route_class
        RouteDefaults.__init__(self, "Router", options)
        Lifetime.of_default(default_scope, f"Router(default_scope={default_scope!r})")
        self.default_scope: DependencyScope | None = default_scope
        self.exception_handlers: dict[Any, Callable[..., Any]] = dict(exception_handlers or {})
        if dependency_overrides_provider is not None:
            self.middleware: Sequence[Middleware] = (
                Middleware(ProvidedOverrides, dependency_overrides_provider),
            )
        if middleware:
            self.middleware = (Middleware(Surroundings(middleware)), *self.middleware)
        self._set_lifespans(lifespan, on_startup, on_shutdown)

    def add_api_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        route_class_override: type[Any] | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        """Add a route; what the decorators do."""
        route_class = route_class_override or self.route_class
        with collected():
            path = checked_path(path, endpoint)
            declared = options.get("dependencies")
            if declared:
                check_dependencies(declared, place_of(endpoint))
            route = route_class(
                self.prefix + path,
                endpoint,
                methods=methods,
                default_scope=self.default_scope,
                **self.inherited_by(options),
            )
            self._add(route)

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[Any] | None = None,
    ) -> None:
        """Add a WebSocket route; what `websocket` does."""
        with collected():
            path = checked_path(path, endpoint)
            own = check_dependencies(dependencies, place_of(endpoint))
            options = self.inherited_by({"dependencies": own})
            route = WebSocketRoute(
                self.prefix + path,
                endpoint,
                name=name,
                dependencies=options.get("dependencies"),
                middleware=options.get("middleware"),
                default_scope=self.default_scope,
            )
            self._add(route)

    def _add(self, route: Route | WebSocketRoute) -> None:
        route.exception_handlers = (self.exception_handlers,)
        route.prefix = self.prefix
        if self.is_of_application:
            with collected():
                check_starts_with_slash(route.path, route.endpoint)
            route.prepare()
        self.routes.append(route)

    def route(
        self,
        path: str,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> Callable[[Endpoint], Endpoint]:
        """Map a path to the decorated function, `function(request)`; what `add_route` does.

        It is a route of Starlette's, without dependencies.
        """

        def decorate(endpoint: Endpoint) -> Endpoint:
            self.add_route(path, endpoint, methods, name, include_in_schema)
            return endpoint

        return decorate

    def websocket_route(self, path: str, name: str | None = None) -> Callable[[Endpoint], Endpoint]:
        """Map a path's WebSockets to the decorated function; what `add_websocket_route` does.

        It is a route of Starlette's, without dependencies.
        """

        def decorate(endpoint: Endpoint) -> Endpoint:
            self.add_websocket_route(path, endpoint, name)
            return endpoint

        return decorate

    def include_router(self, router: "Router", **options: Unpack[IncludeOptions]) -> None:
        """Add another router's routes below a prefix: those that it has, and each added later.

        This router's dependencies run first, then those given here, then the other router's.

        Raises:
            RegistrationError: This is an application's router, and one of the routes has a mistake
                in its function or below it. None of them is included then. The mistakes of routes
                that are added later are raised at start-up, or by the first request.
        """
        check_known(options, IncludeOptions.__optional_keys__, "Router.include_router")
        check_router(router, contains_itself=router is self or _contains(router, self))
        including = RouteDefaults("include_router", options)
        middleware = getattr(router, "middleware", ())
        included = [self._included_route(route, including, middleware) for route in router.routes]
        for route in included:
            if self.is_of_application and isinstance(route, Route | WebSocketRoute):
                route.prepare()
        for route in included:
            self.routes.append(route)
        if isinstance(router.routes, Routes):
            router.routes.followers.append(self._follower(including, middleware))
        self.included.append(router)
        self.add_lifespan(router.lifespan_context)

    def _follower(
        self, including: RouteDefaults, middleware: Sequence[Middleware]
    ) -> Callable[[BaseRoute], None]:
        """Make what includes each route that is added later, as long as this router is there."""
        reference = weakref.ref(self)

        def include(route: BaseRoute) -> None:
            router = reference()
            if router is not None:
                included = router._included_route(route, including, middleware)  # noqa: SLF001 - the same class
                router.routes.append(included)

        return include

    def _included_route(
        self, route: BaseRoute, including: RouteDefaults, middleware: Sequence[Middleware]
    ) -> BaseRoute:
        prefix = self.prefix + including.prefix
        if not isinstance(route, Route | WebSocketRoute):
            return surrounded(moved(route, prefix), middleware)
        if self.is_of_application:
            with collected():
                check_is_whole(prefix + route.path, route.endpoint)
        included = route.copied(
            prefix + route.path,
            route.default_scope or self.default_scope,
            self.inherited_by(including.inherited_by(route.options)),
        )
        included.exception_handlers = (*route.exception_handlers, self.exception_handlers)
        included.prefix = prefix + route.prefix
        return included

    def exception_handler(
        self, exc_class_or_status_code: int | type[Exception]
    ) -> Callable[[Endpoint], Endpoint]:
        """Answer exceptions of this router's routes with the decorated function.

        It is called as those of an application are, after every dependency has exited, for the
        routes of microfw's that this router declares or includes. The innermost router that has a
        handler for the status or the class answers, then the application. Handlers for 500 and
        `Exception` answer what nothing else does, and the exception is raised to the server all
        the same. What the handler raises is for the outer routers.
        """
        check_handled(exc_class_or_status_code)

        def decorate(handler: Endpoint) -> Endpoint:
            check_handled(exc_class_or_status_code, handler)
            self.exception_handlers[exc_class_or_status_code] = handler
            return handler

        return decorate

    def direct_route(self, scope: Scope) -> DirectRoute | None:
        """Find the route for a request, if there is nothing to be done but to call it.

        Otherwise the scope stays as it is.
        """
        if scope["type"] not in ("http", "websocket") or self.middleware_stack is not self._entry:
            return None
        route, child_scope, allowed = self._matcher.find(self.routes, scope)
        if allowed or not getattr(route, "is_direct", False):
            return None
        scope.setdefault("router", self)
        scope["route"] = route
        scope.update(child_scope)
        return cast("DirectRoute", route)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the first route that matches it.

        A path that matches with other methods only is answered with 405 and all of them.
        """
        if scope["type"] not in ("http", "websocket"):
            await super().app(scope, receive, send)
            return
        scope.setdefault("router", self)
        route, child_scope, allowed = self._matcher.find(self.routes, scope)
        if route is None:
            await self._serve_unmatched(scope, receive, send)
            return
        scope["route"] = route
        if "root_path" in child_scope:
            child_scope = {**whole_path(scope), **child_scope}
        scope.update(child_scope)
        if allowed:
            await refuse_method(allowed, scope, receive, send)
        else:
            if scope["type"] == "http" and not getattr(route, "limits_body", False):
                receive, send = limited(route, scope, receive, send)
            if self.middleware and not isinstance(route, Route | WebSocketRoute):
                route = surrounded(route, self.middleware)
            await route.handle(scope, receive, send)

    async def _serve_unmatched(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect to the path with a slash more or less, where there is one; or else give up."""
        other = with_other_slash(scope) if self.redirect_slashes else None
        if other is not None and self._matcher.find(self.routes, other)[0] is not None:
            await redirect_to(other)(scope, receive, send)
            return
        await self.default(scope, receive, send)


def _contains(router: object, other: Router) -> bool:
    """Whether a router includes another one, at any depth."""
    included = router.included if isinstance(router, Router) else ()
    return any(each is other or _contains(each, other) for each in included)
