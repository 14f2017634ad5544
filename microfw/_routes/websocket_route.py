"""A path whose WebSockets are handled by a function with dependencies."""

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import isawaitable
from typing import Any

import starlette.routing
from starlette.convertors import Convertor
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from microfw._answering import (
    NORMAL_CLOSURE,
    WebSocketExchange,
    answered,
    app_state_of,
    error_without_result,
    is_only,
)
from microfw._reading import Bodies, RequestBinder
from microfw._routes.mistakes import (
    check_endpoint,
    check_path,
    check_websocket_endpoint,
)
from microfw._routes.options import RouteOptions
from microfw._routes.planned import Prepared
from microfw._routes.route_patterns import MatchesInLinearTime, PathPattern, bounded
from microfw._routes.surroundings import wrapped
from microfw.dependencies import (
    DependencyScope,
    Shape,
    collected,
    is_async_callable,
    is_generator_function,
    place_of,
)
from microfw.exceptions import (
    WebSocketRequestValidationError,
)


class WebSocketRoute(MatchesInLinearTime, starlette.routing.WebSocketRoute, Prepared):
    """A path whose WebSockets are handled by a function with dependencies.

    The function is read by `prepare`: when an application gets the route, itself or in a router,
    and at the latest with the first request.

    Raises:
        RegistrationError: The path, an option or what is among `dependencies` cannot be.
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
        super().__init__("/", endpoint, name=name)
        PathPattern.set_path(self, path or "/")
        self.path = path
        self.param_convertors: dict[str, Convertor[Any]] = bounded(self.param_convertors)
        self.middleware = middleware
        self._set_plans(_awaited(endpoint), dependencies, default_scope)
        self.options: RouteOptions = {"dependencies": self.dependencies, "middleware": middleware}
        self.app: ASGIApp = wrapped(self._serve, middleware)
        self._can_be_direct = not middleware and type(self).handle is WebSocketRoute.handle

    def copied(
        self, path: str, default_scope: DependencyScope | None, options: RouteOptions
    ) -> "WebSocketRoute":
        """Make the same route with another path and other options, for an outer router."""
        return WebSocketRoute(
            path,
            self.endpoint,
            name=self.name,
            dependencies=options.get("dependencies"),
            middleware=options.get("middleware"),
            default_scope=default_scope,
        )

    def _prepare(self) -> None:
        with collected():
            check_websocket_endpoint(self.endpoint)
        _ = self.plan
        self.is_direct: bool = self._can_be_direct

    def _binder(self) -> RequestBinder:
        return RequestBinder(self.param_convertors, prefix=self.prefix, websocket=True)

    def exchange(self, scope: Scope, receive: Receive, send: Send) -> WebSocketExchange:
        """Make what accompanies one WebSocket of this route."""
        return WebSocketExchange(app_state_of(scope), scope, receive, send)

    async def respond(self, exchange: WebSocketExchange) -> None:
        """Serve a WebSocket to its end.

        Raises:
            Exception: What no exception handler of the application answers.
        """
        app_state = exchange.app_state
        app_state.requests.begin()
        unanswered: Exception | None = None
        try:
            try:
                await self.plans.get(app_state).call(exchange)
                if exchange.result is None:
                    raise error_without_result(exchange)
                await exchange.run_tasks()
                await exchange.close(NORMAL_CLOSURE)
            except Exception as error:
                if not is_only(WebSocketDisconnect, error):  # by which most connections end
                    exchange.drop_tasks()
                    try:
                        if not await answered(exchange, error, self.exception_handlers):
                            raise
                    except WebSocketDisconnect:  # while the handler was at it
                        pass
                    except Exception as raised:  # a handler's own, too
                        unanswered = raised
                        await exchange.fail()
            finally:
                exchange.swallowed = None
            await exchange.run_tasks(sends=False)
            await exchange.run_late_tasks()
            if unanswered is not None or exchange.failures:
                exchange.raise_failures(unanswered)
        finally:
            del unanswered  # whose traceback holds this frame
            app_state.requests.end()

    def _shape(self, _: Bodies) -> Shape:
        return Shape(
            title=f"WEBSOCKET {self.path}",
            run="exchange",
            finish="ended(returned)",
            names={"invalid": _invalid_websocket, "ended": _ended},
            between=("await exchange.run_tasks()",),
        )


def _awaited(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Await what a sync function returns, called where the event loop runs, as FastAPI does."""
    if is_async_callable(endpoint) or is_generator_function(endpoint):
        return endpoint

    @wraps(endpoint)
    async def call(*args: Any, **kwargs: Any) -> Any:
        returned = endpoint(*args, **kwargs)
        if not isawaitable(returned):
            raise TypeError(f"{place_of(endpoint)} returned {returned!r}, which nothing can await")
        return await returned

    return call


def _invalid_websocket(exchange: WebSocketExchange) -> WebSocketRequestValidationError:
    return WebSocketRequestValidationError(exchange.errors or ())


def _ended(_: object) -> bool:
    return True
