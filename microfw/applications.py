"""App: owns the parts, wraps them once."""

import logging
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Self, TypeVar, Unpack

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send
from starlette.websockets import WebSocket

from microfw._answering import (
    DEFAULT_CLEANUP_TIMEOUT,
    AppState,
    Calls,
    FirstStation,
    LastStation,
    Station,
    answer_through_middleware,
    is_original,
)
from microfw._reading import DEFAULT_MAX_BODY_SIZE, FormLimits, Limits, changes_of
from microfw._routes import (
    AppDocumentation,
    Decorators,
    DirectApplication,
    DirectRoutes,
    Encoders,
    Event,
    EventHandler,
    IncludeOptions,
    PlannedApp,
    RouteOptions,
    can_be_direct,
    check_declares_nothing,
    check_encoders,
    check_handled,
    check_known,
)
from microfw.dependencies import (
    DependencyScope,
    Lifetime,
    Overrides,
    name_of,
)
from microfw.exception_handlers import DEFAULT_HANDLERS
from microfw.openapi._application import DescribedApp
from microfw.routing import Route, Router, WebSocketRoute
from microfw.tracing import Tracing, listen_by_telemetry, without_layer

__all__ = ["App"]

logger: logging.Logger = logging.getLogger("microfw")

Function = TypeVar("Function", bound=Callable[..., Any])

_CALL: Any = (
    Starlette.__call__ if is_original(Starlette, "__call__", "starlette.applications") else None
)


class App(Decorators, DescribedApp, Calls, PlannedApp):
    """An application: routes, middleware, exception handlers, and the dependencies' settings.

    Attributes:
        tracing: The listeners for what requests run through; see `microfw.tracing`.

    Args:
        debug: Answer errors with tracebacks.
        routes: Routes of Starlette or microfw to start with. They are not changed: the other
            arguments apply to routes that are declared or included here.
        middleware: The first is outermost.
        exception_handlers: By status code or exception class; see `exception_handler`.
        lifespan: Runs around the application's life, outside of scope "app".
        dependencies: Run before each route's own.
        responses: Documented for each route.
        callbacks: Documented for each route.
        deprecated: Documented for each route.
        include_in_schema: Whether the routes are documented.
        generate_unique_id_function: Makes the names of the routes in a schema.
        default_response_class: For routes that name no `response_class`.
        encoders: Functions by class. Each encodes instances of its class in the results of the
            routes that are declared or included here.
        redirect_slashes: Redirect `/items/` to `/items` (or the reverse) if only that exists.
        root_path: The prefix under which a proxy serves the application, and which it strips. Not
            needed if the server sets it (`uvicorn --root-path`).
        on_startup: Called at start-up if there is no `lifespan`. Deprecated in FastAPI.
        on_shutdown: Called at shutdown if there is no `lifespan`. Deprecated in FastAPI.
        max_body_size: Bytes that a request's body may have, by default 16 MiB; `None` is without
            limit. A larger body is answered with 413 as soon as its size is known. Routes may have
            a limit of their own; a body that middleware reads has the application's limit.
        form_limits: How many fields and files a form may have, and how many bytes a field; see
            `FormLimits`. Other forms are answered with 400.
        strict_content_type: Whether a body without a content type is read as text, not as JSON.
            `True` is what newer FastAPI does.
        echo_input: Whether the 422 for invalid values shows them as `input`, as FastAPI does.
            Routers and routes may set it, too.
        default_scope: The scope of yield dependencies that name none. `"request"` is the default
            of FastAPI 0.118 and later.
        cleanup_timeout: Seconds that the exit code of an async dependency may take, shielded from
            cancellation; then it is cancelled, and logged by name. `None` is without limit.
        share_app_scope: Whether, mounted in another application, it shares what that has opened in
            scope "app": one engine for both. Otherwise each has its own.
        gc_freeze: Whether the lifespan calls `gc.freeze` after start-up, so that full collections
            no longer walk through the objects that exist by then. For a process that serves only
            this application; `microfw run` sets it.
        telemetry: FastAPI's settings for OpenTelemetry: `tracer_provider`, `meter_provider`,
            `tracing`, `metrics`, `operation_spans`, `exclude`. Without it nothing is traced. See
            `microfw.tracing.opentelemetry`.
        **documentation: `title`, `version`, ..., for the OpenAPI document; see
            `AppDocumentation`. Each is an attribute of the same name.
    """

    router: Router
    user_middleware: list[Middleware]
    gc_freeze: bool

    def __init__(
        self,
        debug: bool = False,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, Callable[..., Any]] | None = None,
        lifespan: Lifespan[Any] | None = None,
        *,
        dependencies: Sequence[Any] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        callbacks: Sequence[BaseRoute] | None = None,
        deprecated: bool | None = None,
        include_in_schema: bool = True,
        generate_unique_id_function: Callable[[Any], str] | None = None,
        default_response_class: Callable[..., Response] | None = None,
        encoders: Encoders | None = None,
        redirect_slashes: bool = True,
        root_path: str = "",
        on_startup: Sequence[EventHandler] | None = None,
        on_shutdown: Sequence[EventHandler] | None = None,
        max_body_size: int | None = DEFAULT_MAX_BODY_SIZE,
        form_limits: FormLimits | None = None,
        strict_content_type: bool = False,
        echo_input: bool = True,
        default_scope: DependencyScope = "function",
        cleanup_timeout: float | None = DEFAULT_CLEANUP_TIMEOUT,
        share_app_scope: bool = False,
        gc_freeze: bool = False,
        telemetry: Mapping[str, Any] | None = None,
        **documentation: Unpack[AppDocumentation],
    ) -> None:
        check_known(documentation, AppDocumentation.__optional_keys__, "App")
        for handled in (exception_handlers or {}).items():
            check_handled(*handled)
        super().__init__(
            debug,
            None,
            middleware,
            {**DEFAULT_HANDLERS, **(exception_handlers or {})},
        )
        limits = {"max_body_size": max_body_size, "form_limits": form_limits}
        self.app_state: AppState = AppState(
            cleanup_timeout,
            Lifetime.of_default(default_scope, f"App(default_scope={default_scope!r})"),
            Limits().changed(changes_of(limits, "App(...)")),
            echo_input,
        )
        self.app_state.find_unused = self._unused
        self.tracing: Tracing = Tracing(self, self._overrides_of_all)
        if telemetry is not None:
            listen_by_telemetry(self.tracing, telemetry)
        self.root_path = root_path
        self.gc_freeze = gc_freeze
        self.share_app_scope = share_app_scope
        self._document(documentation, limits_bodies=max_body_size is not None)
        self.router = Router(
            routes,
            dependencies=dependencies,
            responses=responses,
            callbacks=callbacks,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
            generate_unique_id_function=generate_unique_id_function,
            default_response_class=default_response_class,
            encoders=check_encoders(encoders, "App(encoders=...)"),
            redirect_slashes=redirect_slashes,
            lifespan=lifespan,
            on_startup=on_startup,
            on_shutdown=on_shutdown,
            strict_content_type=strict_content_type or None,
            default_scope=default_scope,
        )
        self.router.lifespan_context = self._run_lifespan
        self.router.is_of_application = True
        self.setup()
        for route in self.router.routes:
            if isinstance(route, Route | WebSocketRoute):
                route.prepare()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.root_path:
            scope["root_path"] = self.root_path
        stack = self.middleware_stack
        if stack is None or Starlette.__call__ is not _CALL:
            await super().__call__(scope, receive, send)
        else:  # the same, without a coroutine of its own
            scope["app"] = self
            await stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap the routes in the middleware, once; Starlette calls it at the first request.

        Outermost is Starlette's `ServerErrorMiddleware`, innermost its `ExceptionMiddleware`.
        """
        is_direct = can_be_direct(self.router, Router)
        own = self.user_middleware
        if not own:
            stack = super().build_middleware_stack()
            return self.tracing.around(
                DirectApplication(stack, self.router) if is_direct else stack
            )
        first = Middleware(FirstStation, self.app_state.limits.max_body_size)
        last = Middleware(DirectRoutes, self.router) if is_direct else Middleware(LastStation)
        stations = [Middleware(Station) for _ in own[:-1]]
        passed = chain.from_iterable(zip(own, (*stations, last), strict=True))
        self.user_middleware = [first, *passed]
        try:
            stack = super().build_middleware_stack()
        finally:
            self.user_middleware = own
        if isinstance(stack, ServerErrorMiddleware):
            answer_through_middleware(stack)
        return self.tracing.around(stack)

    @property
    def dependency_overrides(self) -> Overrides:
        """Which dependency is replaced by which: `app.dependency_overrides[get_db] = fake_db`.

        A dependency is replaced with all that is below it, at any depth, in background tasks and in
        scope "app", where the replacement opens when it is first needed.
        """
        return self.app_state.overrides.everywhere

    @dependency_overrides.setter
    def dependency_overrides(self, overrides: Mapping[Any, Callable[..., Any]] | None) -> None:
        self.app_state.overrides.replace(overrides or {})

    def __copy__(self) -> Self:
        """A shallow copy whose dependencies are overridden apart from the original's."""
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        copied.app_state = self.app_state.copy()
        copied.tracing = Tracing(copied, copied._overrides_of_all)
        copied.middleware_stack = without_layer(self.middleware_stack)
        return copied

    async def _execute(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        if not self.tracing.is_on:
            return await super()._execute(function, args, kwargs)
        with self.tracing.of_task(name_of(function), self):
            return await super()._execute(function, args, kwargs)

    def _traced_phases(self) -> Callable[[str], AbstractContextManager[object]]:
        return self.tracing.of_lifespan(self)

    def override(
        self, overrides: Mapping[Any, Callable[..., Any]], *, mounted: bool = False
    ) -> AbstractContextManager[None]:
        """Replace dependencies while a `with` block runs, for the current context only.

        Tests that run at the same time do not see each other's overrides.

        Args:
            overrides: The replacements, by the dependencies that they replace.
            mounted: Whether they also hold in applications that are mounted in this one.

        Raises:
            OverrideError: A replacement cannot be called.
        """
        return self._overriding(overrides, mounted=mounted)

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
        self.router.add_api_route(
            path, endpoint, methods=methods, route_class_override=route_class_override, **options
        )

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[Any] | None = None,
    ) -> None:
        """Add a WebSocket route; what `websocket` does."""
        self.router.add_api_websocket_route(path, endpoint, name, dependencies=dependencies)

    def add_websocket_route(
        self, path: str, endpoint: Callable[[WebSocket], Awaitable[None]], name: str | None = None
    ) -> None:
        """Add a WebSocket route of Starlette's, without dependencies."""
        self.router.add_websocket_route(path, endpoint, name)

    def websocket_route(self, path: str, name: str | None = None) -> Callable[[Function], Function]:
        """Map a path's WebSockets to the decorated function; what `add_websocket_route` does."""
        return self.router.websocket_route(path, name)

    def include_router(self, router: Router, **options: Unpack[IncludeOptions]) -> None:
        """Add the routes of a router, and those that it gets later; see `Router.include_router`."""
        self.router.include_router(router, **options)

    def on_event(self, event_type: str) -> Callable[[Event], Event]:
        """Call the decorated function at "startup" or "shutdown". Deprecated; use `lifespan=`."""
        return self.router.on_event(event_type)

    def exception_handler(
        self, exc_class_or_status_code: int | type[Exception]
    ) -> Callable[[Function], Function]:
        """Answer exceptions of a class, or of a status, with the decorated function.

        It is called with the request and the exception, after every dependency has exited, and
        returns a response. Those for 500 and `Exception` answer at the outermost layer, and the
        exception is raised to the server all the same.
        """
        check_handled(exc_class_or_status_code)

        def decorate(handler: Function) -> Function:
            self.add_exception_handler(exc_class_or_status_code, handler)
            return handler

        return decorate

    def add_exception_handler(
        self, exc_class_or_status_code: int | type[Exception], handler: Callable[..., Any]
    ) -> None:
        """Answer exceptions with a function; what `exception_handler` does."""
        check_handled(exc_class_or_status_code, handler)
        super().add_exception_handler(exc_class_or_status_code, handler)

    def middleware(self, middleware_type: str) -> Callable[[Function], Function]:
        """Wrap requests in the decorated function, `async def wrap(request, call_next)`.

        Args:
            middleware_type: Always `"http"`, as in FastAPI.
        """

        def decorate(function: Function) -> Function:
            check_declares_nothing(function, "middleware")
            self.add_middleware(BaseHTTPMiddleware, dispatch=function)
            return function

        return decorate
