"""Router, Route and WebSocketRoute: from a decorated function to an ASGI application."""

import copy
import re
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypedDict, TypeVar, Unpack

import starlette.routing
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount, compile_path
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from microfw._binding import RequestBinder
from microfw._environment import Environment
from microfw._exchange import NORMAL_CLOSURE, Exchange, WebSocketExchange, handler_of
from microfw._handlers import RouteHandler
from microfw._limits import FormLimits, OuterLimit, changes_of
from microfw._mistakes import (
    check_dependencies,
    check_encoders,
    check_endpoint,
    check_event,
    check_is_path,
    check_methods,
    check_options,
    check_path,
    check_prefix,
    check_router,
    check_websocket_endpoint,
)
from microfw._readers import Bodies
from microfw._receiving import SharedReceive
from microfw._streaming import item_of, streamer
from microfw._validation import Selection, UnsupportedTypeError, parts_of
from microfw.dependencies import Lifetime, Shape, Signature, place_of
from microfw.dependencies import Scope as DependencyScope
from microfw.exceptions import (
    RequestValidationError,
    ResponseTypeError,
    UnresolvableAnnotationError,
    WebSocketRequestValidationError,
)
from microfw.responses import JSONResponse, responder

__all__ = ["IncludeOptions", "Route", "RouteOptions", "Router", "WebSocketRoute"]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
EventHandler = Callable[[], Any]
Event = TypeVar("Event", bound=EventHandler)
Finish = Callable[[Exchange, Any], Any]
IncEx = Collection[str] | Collection[int] | Mapping[str, Any] | Mapping[int, Any]
"""Names of fields, or places in a list; a dict maps them to `True` or to what is inside."""
Encoders = Mapping[type[Any], Callable[[Any], Any]]
AnyLifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


class RouteOptions(TypedDict, total=False):
    """What can be said of a route, whatever its method.

    `dependencies` run ahead of those of the endpoint's parameters, and `middleware` around the
    route; `response_model` stands in for the return annotation (`None`: no model).
    `max_body_size` (bytes; `None` is without limit) and `form_limits` stand in for the
    application's. What a schema tells its readers changes nothing else: `tags`, `summary`, ...

    What is sent of a result, `response_model_include` and `response_model_exclude` narrow down by
    the names of fields; a dict says more of what is inside of a field (in a list, of the items by
    their place, or of `"__all__"`). `exclude_unset` leaves out what the result did not say,
    `exclude_defaults` what equals its default, `exclude_none` fields that are `None`; `by_alias`
    is whether fields go by their names in JSON. `encoders`, by class, encode instances and those
    of subclasses which have none of their own; they are added to the application's.
    """

    name: str | None
    status_code: int | None
    response_class: type[Response]
    response_model: Any
    response_model_include: IncEx | None
    response_model_exclude: IncEx | None
    response_model_by_alias: bool
    response_model_exclude_unset: bool
    response_model_exclude_defaults: bool
    response_model_exclude_none: bool
    encoders: Encoders | None
    dependencies: Sequence[Any] | None
    middleware: Sequence[Middleware] | None
    max_body_size: int | None
    form_limits: FormLimits | None
    include_in_schema: bool
    tags: list[str] | None
    responses: Mapping[int | str, Any] | None
    summary: str | None
    description: str | None
    response_description: str
    deprecated: bool | None
    operation_id: str | None
    openapi_extra: dict[str, Any] | None


class IncludeOptions(TypedDict, total=False):
    """What can be said of a router that is included."""

    prefix: str
    tags: Sequence[str] | None
    dependencies: Sequence[Any] | None
    responses: Mapping[int | str, Any] | None
    default_response_class: type[Response] | None
    deprecated: bool | None
    include_in_schema: bool


class Route(starlette.routing.Route):
    """A path whose requests are handled by a function with dependencies.

    Raises:
        RegistrationError: The subclass tells the mistake in the function or below it.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        default_scope: DependencyScope | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        check_endpoint(endpoint)
        check_path(path, endpoint)
        check_methods(methods, endpoint)
        check_options(options, RouteOptions.__optional_keys__, endpoint)
        self.options = options
        self.limit_changes = changes_of(options, place_of(endpoint))
        self.limits_body = not options.get("middleware")  # what is around a route limits the others
        self.default_scope: DependencyScope | None = default_scope
        super().__init__(
            path or "/",
            endpoint,
            methods=methods or ["GET"],
            name=options.get("name"),
            include_in_schema=options.get("include_in_schema", True),
        )
        self.path = path
        self.methods = {method.upper() for method in methods or ["GET"]}
        self.dependencies = check_dependencies(options.get("dependencies"), place_of(endpoint))
        self.handler = RouteHandler(
            endpoint,
            self.dependencies,
            Lifetime.of(default_scope or "function", f"default_scope={default_scope!r}"),
            lambda: RequestBinder(self.param_convertors),
            self._shape,
        )
        self._streams = self.handler.endpoint.yields
        self._finish = self._make_finish()
        self.app = _wrapped(self._respond, options.get("middleware"))

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        environment = _environment_of(scope)
        if self._streams:
            receive = SharedReceive(receive)
        exchange = Exchange(environment, scope, receive, send, self.limit_changes)
        environment.requests.begin()
        try:
            try:
                await self.handler.get(environment).call(exchange)
                if exchange.result is None or exchange.is_sending:
                    raise exchange.swallowed_error()
            except ClientDisconnect:
                return
            except Exception as error:
                handler = None if exchange.sent else handler_of(scope, error)
                if handler is None:
                    raise
                await exchange.answer(handler, error)
                error.__traceback__ = None
            finally:
                exchange.swallowed = None
            if exchange.result is not None and not exchange.delivered:
                await exchange.deliver()
            exchange.raise_failures()
        finally:
            environment.requests.end()
            if exchange.form is not None:
                await exchange.close_form(exchange.form)

    def _shape(self, bodies: Bodies) -> Shape:
        receive = bodies.receive
        finish = (
            "await stream(exchange, returned)" if self._streams else "respond(exchange, returned)"
        )
        name = "stream" if self._streams else "respond"
        return Shape(
            title=f"{' '.join(sorted(self.methods or ()))} {self.path}",
            run="exchange",
            finish=finish,
            names={
                "invalid": _invalid_request,
                name: self._finish,
                "in_memory": frozenset(bodies.in_memory),
            },
            before=(f"await exchange.{receive}",) if receive else (),
            between=("await exchange.deliver()",),
            last="now the result is sent, if it was not; then background tasks run",
        )

    def _make_finish(self) -> Finish:
        options = self.options
        endpoint = self.handler.endpoint
        annotation = options.get("response_model", endpoint.returns)
        response_class = options.get("response_class", JSONResponse)
        choices: dict[str, Any] = {
            "status_code": options.get("status_code"),
            "selection": _selection(options),
            "encoders": options.get("encoders") or {},
            "endpoint": _context(endpoint, self),
        }
        try:
            if self._streams:
                default = options.get("response_model", Any)
                item = item_of(annotation, default)
                return streamer(item=item, response_class=response_class, **choices)
            build = responder(annotation=annotation, response_class=response_class, **choices)
        except UnsupportedTypeError as problem:
            raise ResponseTypeError(
                f"{endpoint.name!r} returns {annotation!r}, which cannot be sent: {problem}",
                where=endpoint.where,
                cure="annotate a type of values or a Response, or say response_model=None",
            ) from None
        except NameError as problem:
            raise UnresolvableAnnotationError(
                f"{endpoint.name!r} returns {annotation!r}, an annotation of which names"
                f" {problem.name!r}, which is not known",
                where=endpoint.where,
                cure=f"define or import {problem.name!r} at the top level of that class's module",
            ) from problem
        return _respond_with(build)


class WebSocketRoute(starlette.routing.WebSocketRoute):
    """A path whose WebSockets are handled by a function with dependencies.

    Raises:
        RegistrationError: The subclass tells the mistake in the function or below it.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        name: str | None = None,
        dependencies: Sequence[Any] | None = None,
        middleware: Sequence[Middleware] | None = None,
        default_scope: DependencyScope | None = None,
    ) -> None:
        check_endpoint(endpoint)
        check_path(path, endpoint)
        check_websocket_endpoint(endpoint)
        super().__init__(path or "/", endpoint, name=name)
        self.path = path
        self.middleware = middleware
        self.default_scope: DependencyScope | None = default_scope
        self.dependencies = check_dependencies(dependencies, place_of(endpoint))
        self.handler = RouteHandler(
            endpoint,
            self.dependencies,
            Lifetime.of(default_scope or "function", f"default_scope={default_scope!r}"),
            lambda: RequestBinder(self.param_convertors, websocket=True),
            self._shape,
        )
        self.app = _wrapped(self._serve, middleware)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        environment = _environment_of(scope)
        exchange = WebSocketExchange(environment, scope, receive, send)
        environment.requests.begin()
        try:
            await self.handler.get(environment).call(exchange)
            if exchange.result is None:
                raise exchange.swallowed_error()
            await exchange.close(NORMAL_CLOSURE)
        except WebSocketDisconnect:
            return
        except Exception as error:
            handler = handler_of(scope, error)
            if handler is None:
                await exchange.close()
                raise
            await exchange.answer(handler, error)
            error.__traceback__ = None
        finally:
            exchange.swallowed = None
            environment.requests.end()

    def _shape(self, _: Bodies) -> Shape:
        return Shape(
            title=f"WEBSOCKET {self.path}",
            run="exchange",
            finish="ended(returned)",
            names={"invalid": _invalid_websocket, "ended": _ended},
        )


class Decorators:
    """The decorators with which routes are declared, on an application or a router."""

    @abstractmethod
    def add_api_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        """Add a route; what the decorators do.

        Args:
            path: With parameters in braces, `/items/{item_id}` or `/files/{path:path}`.
            endpoint: The function that is called for each request.
            methods: `["GET"]` where none are given.
            **options: See `RouteOptions`.

        Raises:
            RegistrationError: The subclass tells the mistake in the function or below it.
        """

    @abstractmethod
    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[Any] | None = None,
    ) -> None:
        """Add a WebSocket route; what `websocket` does."""

    def api_route(
        self,
        path: str,
        *,
        methods: Collection[str] | None = None,
        **options: Unpack[RouteOptions],
    ) -> Callable[[Endpoint], Endpoint]:
        """Map a path and some methods to the decorated function."""
        check_is_path(path)

        def decorate(endpoint: Endpoint) -> Endpoint:
            self.add_api_route(path, endpoint, methods=methods, **options)
            return endpoint

        return decorate

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's GET requests to the decorated function."""
        return self.api_route(path, methods=["GET"], **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's PUT requests to the decorated function."""
        return self.api_route(path, methods=["PUT"], **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's POST requests to the decorated function."""
        return self.api_route(path, methods=["POST"], **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's DELETE requests to the decorated function."""
        return self.api_route(path, methods=["DELETE"], **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's PATCH requests to the decorated function."""
        return self.api_route(path, methods=["PATCH"], **options)

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's HEAD requests to the decorated function."""
        return self.api_route(path, methods=["HEAD"], **options)

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's OPTIONS requests to the decorated function."""
        return self.api_route(path, methods=["OPTIONS"], **options)

    def trace(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Endpoint], Endpoint]:
        """Map a path's TRACE requests to the decorated function."""
        return self.api_route(path, methods=["TRACE"], **options)

    def websocket(
        self,
        path: str,
        name: str | None = None,
        *,
        dependencies: Sequence[Any] | None = None,
    ) -> Callable[[Endpoint], Endpoint]:
        """Map a path's WebSockets to the decorated async function."""
        check_is_path(path)

        def decorate(endpoint: Endpoint) -> Endpoint:
            self.add_api_websocket_route(path, endpoint, name, dependencies=dependencies)
            return endpoint

        return decorate


class Router(Decorators, starlette.routing.Router):
    """Maps paths to endpoints; an application has one, and includes others.

    Args:
        routes: Routes of Starlette's or microfw's, to start with.
        prefix: What the paths of the decorated routes begin with.
        tags: Put ahead of each route's own.
        dependencies: Run ahead of each route's own.
        responses: Documented for each route.
        default_response_class: For routes that name no `response_class`.
        encoders: Added to those of the routes; see `RouteOptions`.
        redirect_slashes: Redirect `/items/` to `/items` (or the reverse) where only that exists.
        default: The ASGI application for paths that no route matches; 404 where none is given.
        lifespan: Runs around the application's life.
        on_startup: Called at start-up, where no `lifespan` is given. Deprecated in FastAPI.
        on_shutdown: Called at shutdown, where no `lifespan` is given. Deprecated in FastAPI.
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
        tags: Sequence[str] | None = None,
        dependencies: Sequence[Any] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        default_response_class: type[Response] | None = None,
        encoders: Encoders | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        lifespan: Lifespan[Any] | None = None,
        on_startup: Sequence[EventHandler] | None = None,
        on_shutdown: Sequence[EventHandler] | None = None,
        default_scope: DependencyScope | None = None,
        deprecated: bool | None = None,
        include_in_schema: bool = True,
    ) -> None:
        super().__init__(routes, redirect_slashes, default, lifespan)
        check_prefix(prefix, "Router")
        self.prefix = prefix
        self.tags = list(tags or ())
        self.dependencies = check_dependencies(dependencies, "Router(dependencies=...)")
        self.responses = dict(responses or {})
        self.default_response_class = default_response_class
        self.encoders = check_encoders(encoders, "Router(encoders=...)")
        Lifetime.of(default_scope or "function", f"Router(default_scope={default_scope!r})")
        self.default_scope: DependencyScope | None = default_scope
        self.deprecated = deprecated
        self.include_in_schema = include_in_schema
        self.on_startup = list(on_startup or ())
        self.on_shutdown = list(on_shutdown or ())
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
        """Add a route; what the decorators do."""
        check_path(path, endpoint)
        check_dependencies(options.get("dependencies"), place_of(endpoint))
        merged = self._merged(options)
        route = Route(
            self.prefix + path,
            endpoint,
            methods=methods,
            default_scope=self.default_scope,
            **merged,
        )
        self.routes.append(route)

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
        self.routes.append(route)

    def include_router(
        self,
        router: "Router",
        *,
        prefix: str = "",
        tags: Sequence[str] | None = None,
        dependencies: Sequence[Any] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        default_response_class: type[Response] | None = None,
        deprecated: bool | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Add the routes that another router has now, below a prefix.

        This router's dependencies run first, then those given here, then the other router's.
        """
        check_router(router, self)
        check_prefix(prefix, "include_router")
        dependencies = check_dependencies(dependencies, "include_router(dependencies=...)")
        including = Router(
            prefix=prefix,
            tags=tags,
            dependencies=dependencies,
            responses=responses,
            default_response_class=default_response_class,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
        )
        for route in router.routes:
            self.routes.append(self._included_route(route, including))
        if router.lifespan_context not in self._included:
            self._included.append(router.lifespan_context)

    def _included_route(self, route: BaseRoute, including: "Router") -> BaseRoute:
        prefix = self.prefix + including.prefix
        if isinstance(route, Route):
            options = self._merged(including._merged(route.options))  # noqa: SLF001 - the same class
            return Route(
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
        if self.deprecated is not None:
            merged.setdefault("deprecated", self.deprecated)
        if self.default_response_class is not None:
            merged.setdefault("response_class", self.default_response_class)
        return merged

    def on_event(self, event_type: str) -> Callable[[Event], Event]:
        """Call the decorated function at "startup" or "shutdown". Deprecated; use `lifespan=`."""
        check_event(event_type)
        handlers = self.on_startup if event_type == "startup" else self.on_shutdown

        def decorate(handler: Event) -> Event:
            handlers.append(handler)
            return handler

        return decorate

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the first route that matches it.

        A path that matches with other methods only is answered with 405 and all of them in
        `Allow` (RFC 9110, section 15.5.6).
        """
        allowed: set[str] = set()
        if scope["type"] != "lifespan":
            scope.setdefault("router", self)
            for route in self.routes:
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    scope["route"] = route
                    scope.update(child_scope)
                    if scope["type"] == "http" and not getattr(route, "limits_body", False):
                        receive, send = _limited(route, scope, receive, send)
                    await route.handle(scope, receive, send)
                    return
                if match is Match.PARTIAL:
                    allowed |= getattr(route, "methods", None) or set()
        if not allowed:
            await super().app(scope, receive, send)
            return
        headers = {"Allow": ", ".join(sorted(allowed))}
        if "app" in scope:
            raise HTTPException(405, headers=headers)
        await PlainTextResponse("Method Not Allowed", 405, headers)(scope, receive, send)

    @asynccontextmanager
    async def run_lifespans(self, app: Any) -> AsyncGenerator[dict[str, Any] | None]:
        """Run this router's lifespan, and those of the routers that it includes."""
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            for lifespan in (self._own_lifespan, *self._included):
                state.update(await stack.enter_async_context(lifespan(app)) or {})
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


async def _call(handler: EventHandler) -> None:
    result = handler()
    if isinstance(result, Awaitable):
        await result


def _environment_of(scope: Scope) -> Environment:
    environment = getattr(scope.get("app"), "environment", None)
    return environment if isinstance(environment, Environment) else _DEFAULT_ENVIRONMENT


_DEFAULT_ENVIRONMENT = Environment()
"""For routes that run inside of an application that is not microfw's."""


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
    limits = _environment_of(scope).limits.changed(changes)
    limit = OuterLimit(scope, receive, send, limits.max_body_size)
    return limit.receive, limit.send


def _wrapped(app: ASGIApp, middleware: Sequence[Middleware] | None) -> ASGIApp:
    for cls, args, kwargs in reversed(middleware or ()):
        app = cls(app, *args, **kwargs)
    return app


def _selection(options: RouteOptions) -> Selection:
    return Selection(
        parts_of(options.get("response_model_include")),
        parts_of(options.get("response_model_exclude")),
        options.get("response_model_by_alias", True),
        options.get("response_model_exclude_unset", False),
        options.get("response_model_exclude_defaults", False),
        options.get("response_model_exclude_none", False),
    )


def _context(endpoint: Signature, route: Route) -> dict[str, Any]:
    """What an error of the endpoint's results says of it."""
    path = f"{' '.join(sorted(route.methods or ()))} {route.path}"
    place = _PLACE.search(endpoint.where)
    known = {"file": place[1], "line": int(place[2])} if place else {}
    return {"function": endpoint.name, "path": path, **known}


_PLACE = re.compile(r"\((.+\.py):(\d+)\)$")


def _respond_with(build: Callable[[Any], Response]) -> Callable[[Exchange, Any], Response]:
    def respond(exchange: Exchange, value: Any) -> Response:
        response = build(value)
        exchange.built = response is not value
        return response

    return respond


def _invalid_request(exchange: Exchange) -> Exception:
    if exchange.form is not None and exchange.form.error is not None:
        return exchange.form.error
    return RequestValidationError(exchange.errors or (), body=exchange.decoded_body)


def _invalid_websocket(exchange: WebSocketExchange) -> WebSocketRequestValidationError:
    return WebSocketRequestValidationError(exchange.errors or ())


def _ended(_: object) -> bool:
    return True
