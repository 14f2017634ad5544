"""Names that libraries import from inside of FastAPI, and what they are here."""

import inspect
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from microfw._routes.custom import handle_request
from microfw._routes.dependants import Dependant, ModelField
from microfw.exceptions import LifecycleError

logger: logging.Logger = logging.getLogger("microfw")


class FastAPIDeprecationWarning(UserWarning):
    """What FastAPI warns of; nothing here does."""


class PydanticV1NotSupportedError(LifecycleError):
    """What FastAPI raises for models of pydantic 1; nothing here does."""


class NothingHere:
    """A class of FastAPI's that nothing here is an instance of."""


class AsyncExitStackMiddleware:
    """FastAPI's middleware, which here does nothing: plans close what they open."""

    def __init__(self, app: ASGIApp, context_name: str = "") -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def get_typed_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The signature of a callable, with annotations that are evaluated as far as they can be."""
    try:
        return inspect.signature(call, eval_str=True)
    except NameError:
        return inspect.signature(call)


def get_typed_return_annotation(call: Callable[..., Any]) -> Any:
    """What a callable returns; `None` where nothing is written."""
    annotation = get_typed_signature(call).return_annotation
    return None if annotation is inspect.Signature.empty else annotation


def get_typed_annotation(annotation: Any, globalns: dict[str, Any]) -> Any:
    """An annotation that may be written as text."""
    return eval(annotation, globalns) if isinstance(annotation, str) else annotation  # noqa: S307 - as annotations are


def get_flat_params(dependant: Dependant) -> list[ModelField]:
    """The parameters of a tree of dependencies."""
    it = dependant
    fields = [*it.path_params, *it.query_params, *it.header_params, *it.cookie_params]
    for below in dependant.dependencies:
        fields += get_flat_params(below)
    return fields


def lenient_issubclass(cls: Any, class_or_tuple: Any) -> bool:
    """Whether something is a class, and below another one."""
    return isinstance(cls, type) and issubclass(cls, class_or_tuple)


def merge_lifespan_context(original_context: Any, nested_context: Any) -> Any:
    """One lifespan of two, the second inside of the first, as Tortoise ORM puts them together."""

    @asynccontextmanager
    async def merged(app: Any) -> AsyncGenerator[dict[str, Any] | None]:
        async with original_context(app) as outer, nested_context(app) as inner:
            yield {**(inner or {}), **(outer or {})} or None

    return merged


def get_body_field(*, body_params: list[ModelField], **_: Any) -> ModelField | None:
    """The body of a route, which is read as its plan says, whatever this returns."""
    return body_params[0] if len(body_params) == 1 else None


def get_request_handler(**_: Any) -> Any:
    """What handles a request of a route, as `Route.get_route_handler` returns it.

    Sentry replaces it. Nothing is lost: its integration with Starlette sees every request.
    """
    return handle_request


def _not_there(name: str, cure: str) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise LifecycleError(f"{name} is inside of FastAPI, and microfw has no such step: {cure}")

    fail.__name__ = fail.__qualname__ = name
    return fail


_PLAN = "a route's plan is compiled; `app.explain(path)` prints it"

solve_dependencies = _not_there(
    "solve_dependencies", "`app.call(function)` calls a function with its dependencies"
)
run_endpoint_function = _not_there("run_endpoint_function", _PLAN)
serialize_response = _not_there("serialize_response", "use `microfw.encoders.jsonable_encoder`")
get_websocket_app = _not_there("get_websocket_app", _PLAN)
websocket_session = _not_there("websocket_session", "use Starlette's `WebSocketRoute`")
