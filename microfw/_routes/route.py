"""A path whose requests are handled by a function with dependencies."""

import logging
import re
from collections.abc import Callable, Collection
from types import CoroutineType
from typing import Any, Self, Unpack, cast

import starlette.routing
from starlette.convertors import Convertor
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from microfw._answering import (
    Exchange,
    answered,
    app_state_of,
    error_of_request,
    error_without_result,
    is_only,
    item_of,
    streamer,
)
from microfw._models import Selection, UnsupportedTypeError, parts_of
from microfw._reading import Bodies, RequestBinder, SharedReceive, changes_of
from microfw._routes.custom import (
    CustomPlans,
    OfferingExchange,
    RequestHandler,
    handle_request,
)
from microfw._routes.described import Described
from microfw._routes.mistakes import (
    check_endpoint,
    check_methods,
    check_options,
    check_path,
    is_of_callback,
)
from microfw._routes.options import RouteOptions
from microfw._routes.planned import Prepared, RoutePlans
from microfw._routes.route_patterns import MatchesInLinearTime, PathPattern, bounded
from microfw._routes.surroundings import wrapped
from microfw._routes.watched import watched_app
from microfw.datastructures import without_placeholders
from microfw.dependencies import (
    DependencyScope,
    Shape,
    Signature,
    collected,
    not_awaited,
    place_of,
)
from microfw.exceptions import (
    ResponseTypeError,
    UnresolvableAnnotationError,
)
from microfw.responses import JSONResponse, responder

logger = logging.getLogger("microfw")

Finish = Callable[[Exchange, Any], Any]


class Route(Described, MatchesInLinearTime, starlette.routing.Route, Prepared):
    """A path whose requests are handled by a function with dependencies.

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
        methods: Collection[str] | None = None,
        default_scope: DependencyScope | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        check_endpoint(endpoint)
        check_path(path, endpoint)
        check_methods(methods, endpoint)
        where = place_of(endpoint)
        options = cast("RouteOptions", without_placeholders(options))
        if not options.get("response_model", ...):
            options["response_model"] = None  # an empty one, too
        with collected() as mistakes:
            check_options(options, RouteOptions.__optional_keys__, where)
        if mistakes.found:
            options = {"dependencies": options.get("dependencies")}
        self.options = options
        self.limit_changes: dict[str, int | None] = changes_of(options, where)
        # What is around a route limits the others.
        self.limits_body: bool = not options.get("middleware")
        super().__init__(
            "/",
            endpoint,
            methods=methods or ["GET"],
            name=options.get("name"),
            include_in_schema=options.get("include_in_schema", True),
        )
        if is_of_callback(path):
            pattern, path_format, self.param_convertors = compile_path(path)
            self.path_regex: re.Pattern[str] = pattern
            self.path_format: str = path_format
        else:
            PathPattern.set_path(self, path or "/")
        self.path = path
        self.param_convertors: dict[str, Convertor[Any]] = bounded(self.param_convertors)
        self.methods: set[str] = {method.upper() for method in methods or ["GET"]}
        self._set_plans(endpoint, options.get("dependencies"), default_scope)
        self.options["dependencies"] = self.dependencies  # to which others may append
        self._set_handler(self.get_route_handler())
        watched = watched_app(self)
        self._served = wrapped(watched or self._serve, options.get("middleware"))
        self.app: ASGIApp = self._served
        self._can_be_direct = self.limits_body and not watched and type(self).handle is Route.handle

    def _set_handler(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._entry: RoutePlans | CustomPlans = self.plans
        self._exchange_class = Exchange
        if handler is not handle_request:
            self._entry = CustomPlans(self.plans, handler)
            self._exchange_class = OfferingExchange

    async def serve_by(
        self, handler: RequestHandler, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Handle a request by another function than `get_route_handler` has returned."""
        if handler is not self._handler:
            self._set_handler(handler)
        await self._served(scope, receive, send)

    def copied(
        self, path: str, default_scope: DependencyScope | None, options: RouteOptions
    ) -> Self:
        """Make the same route with another path and other options, for an outer router."""
        return type(self)(
            path, self.endpoint, methods=self.methods, default_scope=default_scope, **options
        )

    def _prepare(self) -> None:
        self._streams = self.plans.endpoint.yields
        self._finish = self._make_finish()
        self.is_direct: bool = self._can_be_direct

    def get_route_handler(self) -> RequestHandler:
        """Return the function that makes the response to a request.

        Override it to put code around that; it is called once, when the route is made.

        ```python
        class TimedRoute(Route):
            def get_route_handler(self):
                handle = super().get_route_handler()

                async def handle_timed(request: Request) -> Response:
                    begin = time.perf_counter()
                    response = await handle(request)
                    response.headers["X-Seconds"] = str(time.perf_counter() - begin)
                    return response

                return handle_timed
        ```

        Dependencies of scope "function" have exited when the response is there, unless it is a
        stream. What the code raises goes the way of an exception from the endpoint from then on:
        dependencies of scope "request" see it, then exception handlers. The code may call the
        function with a request of another class, and more than once; the last response is sent.

        Where something stays open until the response is sent, the dependencies and the endpoint run
        in a task of their own, and the code does not see the context variables that they set.
        """
        return handle_request

    def _binder(self) -> RequestBinder:
        is_strict = self.options.get("strict_content_type", False)
        return RequestBinder(self.param_convertors, prefix=self.prefix, is_strict=is_strict)

    def exchange(self, scope: Scope, receive: Receive, send: Send) -> Exchange:
        """Make what accompanies one request of this route."""
        if self._streams:
            receive = SharedReceive(receive)
        app_state = app_state_of(scope)
        return self._exchange_class(app_state, scope, receive, send, self.limit_changes)

    async def respond(self, exchange: Exchange) -> None:
        """Handle a request, to the end of its background tasks.

        Raises:
            Exception: What no exception handler of the application answers.
        """
        app_state = exchange.app_state
        app_state.requests.begin()
        unanswered: Exception | None = None
        try:
            try:
                await self._entry.get(app_state).call(exchange)
                if exchange.result is None or exchange.is_sending:
                    raise error_without_result(exchange)
                if not exchange.delivered:
                    await exchange.deliver()
            except Exception as error:
                if not is_only(ClientDisconnect, error):  # else there is nobody to answer
                    self._log_closed(exchange, error)
                    try:
                        if not await answered(exchange, error, self.exception_handlers):
                            raise
                    except Exception as raised:  # a handler's own, too
                        unanswered = raised
            finally:
                exchange.swallowed = None
            if exchange.has_run is not None or not exchange.delivered:
                await exchange.finish_tasks()
            if unanswered is not None or exchange.failures:
                exchange.raise_failures(unanswered)
        finally:
            del unanswered  # whose traceback holds this frame
            app_state.requests.end()
            if exchange.form is not None:
                await exchange.close_form(exchange.form)

    def _log_closed(self, exchange: Exchange, error: Exception) -> None:
        """Name what had closed before a stream (or file) failed, which may have read from it."""
        if not exchange.is_sending:
            return
        closed = self.plans.closed_before_sending(exchange.app_state)
        if closed and type(exchange.result).__call__ is not Response.__call__:
            logger.error(
                "the response that %s returned failed with %s while it was being sent. These"
                " dependencies had closed before: %s. One that the response still needs is to stay"
                ' open for it: Depends(%s, scope="request")',
                self.plans.endpoint.where,
                type(error).__name__,
                ", ".join(each.where for each in closed),
                closed[-1].name,
            )

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
                "invalid": error_of_request(self.options.get("echo_input")),
                name: self._finish,
                "in_memory": frozenset(bodies.in_memory),
            },
            receive=f"await exchange.{receive}" if receive else "",
            receives_for=("request",),
            between=("await exchange.deliver()",),
            last="now the result is sent, if it was not; then background tasks run",
            finisher=name,
        )

    def _make_finish(self) -> Finish:
        options = self.options
        endpoint = self.plans.endpoint
        annotation = options["response_model"] if "response_model" in options else endpoint.returns  # noqa: SIM401 - it may name something unknown
        response_class = options.get("response_class", JSONResponse)
        choices: dict[str, Any] = {
            "status_code": options.get("status_code"),
            "selection": _selection(options),
            "encoders": options.get("encoders") or {},
            "endpoint": _context(endpoint, self),
        }
        try:
            if self._streams:
                item = item_of(annotation, options.get("response_model"))
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
        return _respond_with(build, endpoint.call)


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


def _respond_with(
    build: Callable[[Any], Response], endpoint: Callable[..., Any]
) -> Callable[[Exchange, Any], Response]:
    def respond(exchange: Exchange, value: Any) -> Response:
        if type(value) is CoroutineType:
            raise not_awaited(value, endpoint)
        response = build(value)
        exchange.built = response is not value
        return response

    return respond
