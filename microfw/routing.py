"""Router: maps paths to endpoints."""

import copy
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from enum import Enum
from types import EllipsisType
from typing import Any, Unpack, cast
from urllib.parse import quote

import starlette.routing
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, compile_path
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from microfw._decorators import (
    Decorators,
    Encoders,
    Endpoint,
    Event,
    EventHandler,
    IncludeOptions,
    RouteOptions,
)
from microfw._environment import environment_of
from microfw._handlers import DirectRoute
from microfw._limits import FormLimits, OuterLimit
from microfw._matching import Matcher, Routes, path_of
from microfw._mistakes import (
    check_dependencies,
    check_encoders,
    check_event,
    check_path,
    check_prefix,
    check_router,
)
from microfw._routes import Route, WebSocketRoute
from microfw.dependencies import Dependency, Lifetime, place_of
from microfw.dependencies import Scope as DependencyScope

__all__ = ["IncludeOptions", "Mount", "Route", "RouteOptions", "Router", "WebSocketRoute"]

_ASCII = bytes(range(128))

AnyLifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


class Router(Decorators, starlette.routing.Router):
    """Maps paths to endpoints; an application has one, and includes others.

    The functions of its routes are read when an application includes it: until then, an outer
    router may add to their paths, and a decorator may replace their signatures.

    Args:
        routes: Routes of Starlette's or microfw's, to start with. They are taken as they are:
            what is said here of routes is said of those that are declared or included here.
        prefix: What the paths of the decorated routes begin with.
        tags: Put ahead of each route's own.
        dependencies: Run ahead of each route's own.
        responses: Documented for each route.
        callbacks: Documented for each route.
        generate_unique_id_function: Makes the names of the routes in a schema.
        default_response_class: For routes that name no `response_class`.
        encoders: Added to those of the routes; see `RouteOptions`.
        redirect_slashes: Redirect `/items/` to `/items` (or the reverse) where only that exists.
        default: The ASGI application for paths that no route matches; 404 where none is given.
        route_class: What the decorators make; see `Route.get_route_handler`.
        lifespan: Runs around the application's life.
        on_startup: Called at start-up, where no `lifespan` is given. Deprecated in FastAPI.
        on_shutdown: Called at shutdown, where no `lifespan` is given. Deprecated in FastAPI.
        max_body_size: For routes that name none; `...` is what the application allows.
        form_limits: For routes that name none.
        default_scope: Of yield dependencies for which no scope is given; `None` takes that of the
            router or application that includes this one.
        deprecated: Documented for each route.
        include_in_schema: Whether the routes are documented.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute] | None = None,
        *,
        prefix: str = "",
        tags: Sequence[str | Enum] | None = None,
        dependencies: Sequence[Any] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        callbacks: Sequence[BaseRoute] | None = None,
        generate_unique_id_function: Callable[[Any], str] | None = None,
        default_response_class: type[Response] | None = None,
        encoders: Encoders | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        route_class: type[Route] = Route,
        lifespan: Lifespan[Any] | None = None,
        on_startup: Sequence[EventHandler] | None = None,
        on_shutdown: Sequence[EventHandler] | None = None,
        max_body_size: int | EllipsisType | None = ...,
        form_limits: FormLimits | None = None,
        default_scope: DependencyScope | None = None,
        deprecated: bool | None = None,
        include_in_schema: bool = True,
    ) -> None:
        super().__init__(None, redirect_slashes, default, lifespan)
        entry = self.middleware_stack
        self._entry: ASGIApp | None = entry if entry == self.app else None
        self.routes: list[BaseRoute] = Routes(routes or ())
        self._matcher = Matcher()
        self.included: list[starlette.routing.Router] = []
        check_prefix(prefix, "Router")
        self.is_of_application: bool = False
        self.prefix = prefix
        self.route_class = route_class
        self.tags: list[str | Enum] = list(tags or ())
        self.dependencies: list[Dependency] = check_dependencies(
            dependencies, "Router(dependencies=...)"
        )
        self.responses: dict[int | str, Any] = dict(responses or {})
        self.callbacks: list[BaseRoute] = list(callbacks or ())
        self.generate_unique_id_function = generate_unique_id_function
        self.default_response_class = default_response_class
        self.encoders: dict[type[Any], Callable[[Any], Any]] = check_encoders(
            encoders, "Router(encoders=...)"
        )
        Lifetime.of(default_scope or "function", f"Router(default_scope={default_scope!r})")
        self.default_scope: DependencyScope | None = default_scope
        self.max_body_size = max_body_size
        self.form_limits = form_limits
        self.deprecated = deprecated
        self.include_in_schema = include_in_schema
        self.on_startup: list[EventHandler] = list(on_startup or ())
        self.on_shutdown: list[EventHandler] = list(on_shutdown or ())
        self._included: list[AnyLifespan] = []
        self._own_lifespan: AnyLifespan = self._run_events
        if lifespan is not None:
            self._own_lifespan = self.lifespan_context
        self.lifespan_context: AnyLifespan = self.run_lifespans

    def add_api_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        """Add a route; what the decorators do. Its class is the router's `route_class`."""
        if self.prefix:  # else the route tells the mistake
            check_path(path, endpoint)
        declared = options.get("dependencies")
        if declared:
            check_dependencies(declared, place_of(endpoint))
        merged = self._merged(options)
        route = self.route_class(
            self.prefix + path,
            endpoint,
            methods=methods,
            default_scope=self.default_scope,
            **merged,
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
        check_path(path, endpoint)
        route = WebSocketRoute(
            self.prefix + path,
            endpoint,
            name=name,
            dependencies=[
                *self.dependencies,
                *check_dependencies(dependencies, place_of(endpoint)),
            ],
            default_scope=self.default_scope,
        )
        self._add(route)

    def _add(self, route: Route | WebSocketRoute) -> None:
        if self.is_of_application:
            route.prepare()
            route.handler.check_outer(())
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

    def include_router(
        self,
        router: "Router",
        *,
        prefix: str = "",
        tags: Sequence[str | Enum] | None = None,
        dependencies: Sequence[Any] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        callbacks: Sequence[BaseRoute] | None = None,
        generate_unique_id_function: Callable[[Any], str] | None = None,
        default_response_class: type[Response] | None = None,
        max_body_size: int | EllipsisType | None = ...,
        form_limits: FormLimits | None = None,
        deprecated: bool | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Add another router's routes below a prefix: those that it has, and each added later.

        This router's dependencies run first, then those given here, then the other router's.

        Raises:
            RegistrationError: This is an application's router, and one of the routes has a mistake
                in its function or below it. None of them is included then. The mistakes of routes
                that are added later are raised at start-up, or by the first request.
        """
        check_router(router, contains_itself=router is self or _contains(router, self))
        check_prefix(prefix, "include_router")
        dependencies = check_dependencies(dependencies, "include_router(dependencies=...)")
        including = Router(
            prefix=prefix,
            tags=tags,
            dependencies=dependencies,
            responses=responses,
            callbacks=callbacks,
            generate_unique_id_function=generate_unique_id_function,
            default_response_class=default_response_class,
            max_body_size=max_body_size,
            form_limits=form_limits,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
        )
        included = [self._included_route(route, including) for route in router.routes]
        for route in included:
            if self.is_of_application and isinstance(route, Route | WebSocketRoute):
                route.prepare()
        for route in included:
            self.routes.append(route)
        if isinstance(router.routes, Routes):
            router.routes.followers.append(self._follower(including))
        self.included.append(router)
        if router.lifespan_context not in self._included:
            self._included.append(router.lifespan_context)

    def _follower(self, including: "Router") -> Callable[[BaseRoute], None]:
        """Make what includes each route that is added later, as long as this router is there."""
        reference = weakref.ref(self)

        def include(route: BaseRoute) -> None:
            router = reference()
            if router is not None:
                included = router._included_route(route, including)  # noqa: SLF001 - the same class
                router.routes.append(included)

        return include

    def _included_route(self, route: BaseRoute, including: "Router") -> BaseRoute:
        prefix = self.prefix + including.prefix
        if isinstance(route, Route):
            options = self._merged(including._merged(route.options))  # noqa: SLF001 - the same class
            return type(route)(
                prefix + route.path,
                route.endpoint,
                methods=route.methods,
                default_scope=route.default_scope or self.default_scope,
                **options,
            )
        if isinstance(route, WebSocketRoute):
            return WebSocketRoute(
                prefix + route.path,
                route.endpoint,
                name=route.name,
                dependencies=[*self.dependencies, *including.dependencies, *route.dependencies],
                middleware=route.middleware,
                default_scope=route.default_scope or self.default_scope,
            )
        return _moved(route, prefix)

    def _merged(self, options: RouteOptions) -> RouteOptions:
        """A route's options with those that this router gives to all of its routes."""
        merged = options.copy()
        merged["dependencies"] = [*self.dependencies, *(options.get("dependencies") or ())]
        merged["tags"] = [*self.tags, *(options.get("tags") or ())]
        merged["responses"] = {**self.responses, **(options.get("responses") or {})}
        merged["include_in_schema"] = self.include_in_schema and options.get(
            "include_in_schema", True
        )
        if self.encoders:
            merged["encoders"] = {**self.encoders, **(options.get("encoders") or {})}
        if self.callbacks:
            merged["callbacks"] = [*self.callbacks, *(options.get("callbacks") or ())]
        if self.generate_unique_id_function is not None:
            merged.setdefault("generate_unique_id_function", self.generate_unique_id_function)
        if not isinstance(self.max_body_size, EllipsisType):
            merged.setdefault("max_body_size", self.max_body_size)
        if self.form_limits is not None:
            merged.setdefault("form_limits", self.form_limits)
        if self.deprecated is not None:
            merged.setdefault("deprecated", self.deprecated)
        if self.default_response_class is not None:
            merged.setdefault("response_class", self.default_response_class)
        return merged

    def on_event(self, event_type: str) -> Callable[[Event], Event]:
        """Call the decorated function at "startup" or "shutdown". Deprecated; use `lifespan=`."""
        check_event(event_type)

        def decorate(handler: Event) -> Event:
            self.add_event_handler(event_type, handler)
            return handler

        return decorate

    def add_event_handler(self, event_type: str, func: EventHandler) -> None:
        """Call a function at "startup" or "shutdown". Deprecated; use `lifespan=`."""
        check_event(event_type)
        handlers = self.on_startup if event_type == "startup" else self.on_shutdown
        handlers.append(func)

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

        A path that matches with other methods only is answered with 405 and all of them in
        `Allow` (RFC 9110, section 15.5.6).
        """
        if scope["type"] not in ("http", "websocket"):
            await super().app(scope, receive, send)
            return
        scope.setdefault("router", self)
        route, child_scope, allowed = self._matcher.find(self.routes, scope)
        if allowed:
            await _refuse_method(allowed, scope, receive, send)
        elif route is None:
            await self._serve_unmatched(scope, receive, send)
        else:
            scope["route"] = route
            scope.update(child_scope)
            if scope["type"] == "http" and not getattr(route, "limits_body", False):
                receive, send = _limited(route, scope, receive, send)
            await route.handle(scope, receive, send)

    async def _serve_unmatched(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect to the path with a slash more or less, where there is one; or else give up."""
        path = path_of(scope)
        if scope["type"] == "http" and self.redirect_slashes and path != "/":
            whole: str = scope["path"]
            other = {**scope, "path": whole.rstrip("/") if path.endswith("/") else f"{whole}/"}
            if self._matcher.find(self.routes, other)[0] is not None:
                other["query_string"] = _escaped(scope["query_string"])
                response = RedirectResponse(str(URL(scope=other)))
                await response(scope, receive, send)
                return
        await self.default(scope, receive, send)

    @asynccontextmanager
    async def run_lifespans(self, app: Any) -> AsyncGenerator[dict[str, Any] | None]:
        """Run this router's lifespan, and those of the routers that it includes.

        Of two that give the state a value of one name, the outer one's is kept.
        """
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            for lifespan in (self._own_lifespan, *self._included):
                inner: dict[str, Any] | None = await stack.enter_async_context(lifespan(app))
                state = {**(inner or {}), **state}
            yield state or None

    @asynccontextmanager
    async def _run_events(self, app: Any) -> AsyncGenerator[None]:
        for handler in self.on_startup:
            await _call(handler)
        try:
            yield
        finally:
            for handler in self.on_shutdown:
                await _call(handler)


def _contains(router: object, other: Router) -> bool:
    """Whether a router includes another one, at any depth."""
    included = router.included if isinstance(router, Router) else ()
    return any(each is other or _contains(each, other) for each in included)


async def _call(handler: EventHandler) -> None:
    result = handler()
    if isinstance(result, Awaitable):
        await result


async def _refuse_method(
    allowed: Collection[str], scope: Scope, receive: Receive, send: Send
) -> None:
    headers = {"Allow": ", ".join(sorted(allowed))}
    if "app" in scope:
        raise HTTPException(405, headers=headers)
    await PlainTextResponse("Method Not Allowed", 405, headers)(scope, receive, send)


def _escaped(query: bytes) -> bytes:
    """Escape bytes that no URL holds (RFC 3986, section 2), though they may have been sent."""
    return quote(query, safe=_ASCII).encode()


def _moved(route: BaseRoute, prefix: str) -> BaseRoute:
    """A copy of one of Starlette's routes, below a prefix; of one that is not by path, the same."""
    if not isinstance(route, Mount | starlette.routing.Route | starlette.routing.WebSocketRoute):
        return route
    moved = copy.copy(route)
    moved.path = prefix + route.path
    pattern = f"{moved.path}/{{path:path}}" if isinstance(moved, Mount) else moved.path
    moved.path_regex, moved.path_format, moved.param_convertors = compile_path(pattern)
    return moved


def _limited(route: BaseRoute, scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Hold to the limit what reads a body outside of microfw's routes."""
    changes = route.limit_changes if isinstance(route, Route) else {}
    limits = environment_of(scope).limits.changed(changes)
    limit = OuterLimit(scope, receive, send, limits.max_body_size)
    return limit.receive, limit.send
