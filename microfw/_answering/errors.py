"""Which of an application's exception handlers answers, and how it is called."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import Scope
from starlette.websockets import WebSocketDisconnect

from microfw.dependencies import (
    Run,
    arriving,
    current_tracer,
    during,
    error_of_swallowing,
    is_async_callable,
    name_of,
    shown,
    subject_of,
)
from microfw.exception_handlers import DEFAULT_HANDLERS, ExceptionHandler

HANDLERS = "starlette.exception_handlers"
"""The key in the scope of the handlers of Starlette's layer: by class, and by status."""

Handlers = tuple[Mapping[Any, ExceptionHandler], Mapping[int, ExceptionHandler]]

_OUTERMOST = (Exception, BaseException, object)
_NO_HANDLERS: Handlers = {}, {}
_DEFAULTS_OF_STARLETTE = (
    ExceptionMiddleware.http_exception,
    ExceptionMiddleware.websocket_exception,
)

RouterHandlers = Mapping[Any, ExceptionHandler]
"""Those of a router, by status or by class."""


def handler_of(scope: Scope, error: Exception) -> ExceptionHandler | None:
    """Find the handler of an exception: by status, then by class along the MRO.

    Those in Starlette's layer count, where others may have put theirs; then those that the
    application has got since. Its handlers for 500 and `Exception` answer at the outermost layer.
    """
    by_class, by_status = scope.get(HANDLERS, _NO_HANDLERS)
    added: dict[Any, ExceptionHandler] = getattr(scope.get("app"), "exception_handlers", {})
    if isinstance(error, HTTPException) and error.status_code != 500:
        handler = by_status.get(error.status_code) or added.get(error.status_code)
        if handler is not None:
            return handler
    for cls in type(error).__mro__:
        handler = by_class.get(cls)
        if handler is None or getattr(handler, "__func__", None) in _DEFAULTS_OF_STARLETTE:
            handler = None if cls in _OUTERMOST else added.get(cls) or DEFAULT_HANDLERS.get(cls)
        if handler is not None:
            return handler
    return None


def _of_routers(
    routers: Sequence[RouterHandlers], error: Exception
) -> tuple[ExceptionHandler | None, Sequence[RouterHandlers]]:
    """Find the handler of the innermost router that has one, and the routers around that."""
    if not any(routers):
        return None, ()
    classes = type(error).__mro__
    keys: tuple[Any, ...] = classes[: classes.index(Exception)]
    if isinstance(error, HTTPException) and error.status_code != 500:
        keys = (error.status_code, *keys)
    for number, handlers in enumerate(routers, 1):
        for key in keys:
            if key in handlers:
                return handlers[key], routers[number:]
    return None, ()


async def _answer_unhandled(
    exchange: "Answerable", error: Exception, routers: Sequence[RouterHandlers]
) -> None:
    """Have the innermost router that has a handler for 500 or `Exception` answer with it."""
    scope = exchange.scope
    if scope["type"] == "http" and not getattr(scope.get("app"), "debug", False):
        for handlers in routers:
            for key in (500, Exception):
                if key in handlers:
                    await exchange.answer(handlers[key], error)
                    return


class Answerable(Protocol):
    """What is answered: a request, or a WebSocket.

    Attributes:
        scope: Tells the application.
        started: Whether an answer has started already.
    """

    scope: Scope
    started: bool

    async def answer(self, handler: ExceptionHandler, error: Exception) -> None:
        """Have an exception handler answer."""


async def answered(
    exchange: Answerable,
    error: Exception,
    routers: Sequence[RouterHandlers] = (),
    *,
    again: bool = True,
) -> bool:
    """Have an exception answered, if there is a handler for it, and it is not too late.

    The handlers of the routers come first, the innermost router's ahead of the others. Theirs for
    500 and `Exception` answer what no other handler does, and it is raised all the same.

    What the handler raises is answered too, once: a handler may turn its exception into an
    `HTTPException`. Starlette does that by a layer around each route and one around them all.
    """
    if exchange.started:
        return False
    handler, outer = _of_routers(routers, error)
    is_of_router = handler is not None
    handler = handler or handler_of(exchange.scope, error)
    if handler is None:
        await _answer_unhandled(exchange, error, routers)
        return False
    try:
        await exchange.answer(handler, error)
    except Exception as raised:
        if not (again and await answered(exchange, raised, outer, again=is_of_router)):
            raise
    error.with_traceback(None)
    return True


def is_only(kind: type[Exception], error: BaseException | None) -> bool:
    """Whether an exception is of a class, or a group, as of a task group, of nothing else."""
    if isinstance(error, ExceptionGroup):
        group = cast("ExceptionGroup[Exception]", error)
        return all(is_only(kind, each) for each in group.exceptions)
    return isinstance(error, kind)


def error_without_result(run: Run) -> Exception:
    """The error for an exception without which there is nothing to answer with.

    That the client has gone is no error, whoever swallowed it: there is nobody to answer.
    """
    swallowed: Any = run.swallowed  # nothing else leaves a run without a result
    error: Exception = swallowed.error
    if is_only(ClientDisconnect, error) or is_only(WebSocketDisconnect, error):
        return error
    return error_of_swallowing(swallowed)


async def call_handler(handler: ExceptionHandler, connection: Any, error: Exception) -> Any:
    """Call an exception handler, in a worker thread if it is sync."""
    if current_tracer.get() is not None:
        return await _call_watched(handler, connection, error)
    if _is_async(handler):
        return await handler(connection, error)
    return await anyio.to_thread.run_sync(handler, connection, error)


async def _call_watched(handler: ExceptionHandler, connection: Any, error: Exception) -> Any:
    """Do the same, and write down that it is called."""
    subject = subject_of(handler, name_of(handler))
    with during("handler", subject) as span:
        span.saw = shown(error)
        if _is_async(handler):
            return await handler(connection, error)
        call = arriving(handler, subject, span)
        return await anyio.to_thread.run_sync(call, connection, error)


_known: WeakKeyDictionary[Callable[..., Any], bool] = WeakKeyDictionary()


def _is_async(handler: ExceptionHandler) -> bool:
    try:
        known = _known.get(handler)
    except TypeError:  # neither hashed nor referred to weakly
        return is_async_callable(handler)
    if known is None:
        known = _known[handler] = is_async_callable(handler)
    return known
