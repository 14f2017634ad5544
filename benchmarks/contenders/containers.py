# pyright: reportMissingImports=false
# dishka and wireup are in the extra "bench", which the checks do without.
"""Containers for dependency injection, each with endpoints of plain Starlette.

Their middlewares close dependencies after the response has been sent. So both inject into the
endpoint itself, with a scope of its own: a response is made inside and sent when that is left.

They have no part in an async endpoint with sync dependencies, which they open on the event loop;
nor in middlewares and tasks, which are Starlette's; nor in overrides, which make another container.
dishka sends an exception to where a dependency yields and does not throw it.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from threading import get_ident
from typing import Any, NewType

import dishka
import wireup
from dishka.integrations.base import wrap_injection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from benchmarks.cases import Build, Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.work import CONFLICT, Dependency, async_chain, awaiting_chain, result, sync_chain

Inject = Callable[[Dependency], Any]
"""Wraps an endpoint, so that its parameters are injected."""

_new_type: Any = NewType
VALUES = [_new_type(f"Value{number}", int) for number in range(11)]
"""A container tells values apart by type: this is the type of each dependency's, by number."""


def typed(chain: list[Dependency], iterator: Any) -> list[Dependency]:
    """Annotate the dependencies of a chain with the types of what they take and yield."""
    for number, dependency in enumerate(chain, 1):
        dependency.__annotations__["return"] = iterator[VALUES[number]]
        if number > 1:
            dependency.__annotations__["value"] = VALUES[number - 1]
    return chain


def in_dishka(chain: list[Dependency], iterator: Any) -> Inject:
    """Make a container of dishka's."""
    provider = dishka.Provider(scope=dishka.Scope.REQUEST)
    for number, dependency in enumerate(typed(chain, iterator), 1):
        provider.provide(dependency, provides=VALUES[number])
    is_async = iterator is AsyncIterator
    make = dishka.make_async_container if is_async else dishka.make_container
    container: Any = make(provider)

    def inject(endpoint: Dependency) -> Any:
        wrap: Any = wrap_injection  # is typed for literal arguments
        return wrap(
            func=endpoint,
            container_getter=lambda _, __: container,
            is_async=is_async,
            manage_scope=True,
        )

    return inject


def in_wireup(chain: list[Dependency], iterator: Any) -> Inject:
    """Make a container of wireup's."""
    scoped = wireup.injectable(lifetime="scoped")
    injectables = [scoped(dependency) for dependency in typed(chain, iterator)]
    is_async = iterator is AsyncIterator
    make = wireup.create_async_container if is_async else wireup.create_sync_container
    inject: Inject = wireup.inject_from_container(make(injectables=injectables))
    return inject


def wanted_in_dishka(number: int) -> Any:
    """Annotate a parameter of an endpoint."""
    mark: Any = dishka.FromDishka
    return mark[VALUES[number]]


def wanted_in_wireup(number: int) -> Any:
    """Annotate a parameter of an endpoint."""
    mark: Any = wireup.Injected
    return mark[VALUES[number]]


class Containers:
    """Somebody who has a container beside Starlette."""

    def __init__(
        self,
        inject: Callable[[list[Dependency], Any], Inject],
        wanted: Callable[[int], Any],
    ) -> None:
        self._inject = inject
        self._wanted = wanted

    def with_async_endpoint(
        self, chain: Callable[[int, Log], list[Dependency]], count: int, log: Log
    ) -> ASGIApp:
        """Open some dependencies for an async endpoint."""

        async def endpoint(request: Request, value: Any) -> Response:
            log.append("endpoint")
            return JSONResponse(result(value))

        inject = self._inject(chain(count, log), AsyncIterator)
        return _application(Route("/orders", inject(self._annotated(endpoint, count))))

    def sync_3(self, log: Log) -> ASGIApp:
        """Open three sync dependencies in the one thread call that Starlette makes."""

        def endpoint(request: Request, value: Any) -> Response:
            log.append(("endpoint", get_ident()))
            return JSONResponse(result(value))

        inject = self._inject(sync_chain(3, log), Iterator)
        return _application(Route("/orders", inject(self._annotated(endpoint, 3))))

    def error_3(self, log: Log) -> ASGIApp:
        """Raise through three async dependencies; a handler answers."""

        async def endpoint(request: Request, value: Any) -> Response:
            log.append("endpoint")
            raise HTTPException(409, CONFLICT)

        async def handler(request: Request, error: Exception) -> Response:
            assert isinstance(error, HTTPException)
            log.append("handler")
            return JSONResponse({"detail": error.detail}, error.status_code)

        inject = self._inject(async_chain(3, log), AsyncIterator)
        route = Route("/orders", inject(self._annotated(endpoint, 3)))
        return _application(route, {HTTPException: handler})

    def websocket(self, log: Log) -> ASGIApp:
        """Echo one text."""

        async def endpoint(websocket: WebSocket, value: Any) -> None:
            await websocket.accept()
            log.append("endpoint")
            await websocket.send_text(await websocket.receive_text())
            await websocket.close()

        inject = self._inject(async_chain(1, log), AsyncIterator)
        return _application(WebSocketRoute("/orders", inject(self._annotated(endpoint, 1))))

    def _annotated(self, endpoint: Dependency, number: int) -> Dependency:
        endpoint.__annotations__["value"] = self._wanted(number)
        return endpoint

    def builders(self) -> dict[str, Build]:
        """Those for the cases that every container takes part in."""
        return {
            "async-1": partial(self.with_async_endpoint, async_chain, 1),
            "async-3": partial(self.with_async_endpoint, async_chain, 3),
            "async-10": partial(self.with_async_endpoint, async_chain, 10),
            "async-3-awaiting": partial(self.with_async_endpoint, awaiting_chain, 3),
            "sync-3": self.sync_3,
            "websocket": self.websocket,
        }


def _application(route: BaseRoute, exception_handlers: dict[Any, Any] | None = None) -> ASGIApp:
    return Starlette(routes=[route], exception_handlers=exception_handlers)


_DISHKA = Containers(in_dishka, wanted_in_dishka)
_WIREUP = Containers(in_wireup, wanted_in_wireup)

DISHKA = Contender("dishka", ("dishka", "starlette"), _DISHKA.builders())
WIREUP = Contender(
    "wireup", ("wireup", "starlette"), _WIREUP.builders() | {"error-3": _WIREUP.error_3}
)
