"""The decorators that declare routes."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar, Unpack

from microfw._routes.mistakes import check_is_path
from microfw._routes.options import RouteOptions

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
EventHandler = Callable[[], Any]
Event = TypeVar("Event", bound=EventHandler)


class Decorators:
    """The decorators with which routes are declared, on an application or a router."""

    @abstractmethod
    def add_api_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        route_class_override: type[Any] | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        """Add a route; what the decorators do.

        Args:
            path: With parameters in braces, `/items/{item_id}` or `/files/{path:path}`.
            endpoint: The function that is called for each request.
            methods: `["GET"]` where none are given.
            route_class_override: The class of the route, a subclass of `Route`; the router's
                `route_class` where none is given.
            **options: See `RouteOptions`.

        Raises:
            RegistrationError: The subclass names the mistake. One in the function, or below it, is
                raised on an application. A router raises it when an application includes it.
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
