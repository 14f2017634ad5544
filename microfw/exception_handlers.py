"""How exceptions are answered by default. Call these from handlers of one's own."""

from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState

from microfw.exceptions import RequestValidationError, WebSocketRequestValidationError
from microfw.responses import JSONResponse

__all__ = [
    "http_exception_handler",
    "request_validation_exception_handler",
    "websocket_exception_handler",
    "websocket_request_validation_exception_handler",
]

ExceptionHandler = Callable[..., Any]

POLICY_VIOLATION = 1008
LONGEST_REASON = 123
"""Bytes that the reason of a close frame may have (RFC 6455, section 5.5)."""

_OVER = frozenset({WebSocketState.DISCONNECTED, WebSocketState.RESPONSE})


async def http_exception_handler(request: Request, exc: HTTPException) -> Response:
    """Answer with the exception's status and headers, and `{"detail": ...}`."""
    if exc.status_code < 200 or exc.status_code in (204, 304):
        return Response(status_code=exc.status_code, headers=exc.headers)
    return JSONResponse({"detail": exc.detail}, exc.status_code, headers=exc.headers)


async def request_validation_exception_handler(
    request: Request, exc: RequestValidationError
) -> Response:
    """Answer 422 with all errors, `{"detail": [{"type", "loc", "msg", "input"}, ...]}`."""
    return JSONResponse({"detail": exc.errors()}, 422)


async def websocket_request_validation_exception_handler(
    websocket: WebSocket, exc: WebSocketRequestValidationError
) -> None:
    """Close with code 1008, policy violation (RFC 6455, section 7.4.1)."""
    await close(websocket, POLICY_VIOLATION, str(exc))


async def websocket_exception_handler(websocket: WebSocket, exc: WebSocketException) -> None:
    """Close with the exception's code, and with as much of its reason as a close frame may have."""
    await close(websocket, exc.code, exc.reason)


async def close(websocket: WebSocket, code: int, reason: str = "") -> None:
    """Close a connection, or refuse it where it has not been accepted.

    Where either side has closed it, or an HTTP response has begun to refuse it, that is left so.
    """
    if _OVER.isdisjoint((websocket.client_state, websocket.application_state)):
        shortened = reason.encode(errors="replace")[:LONGEST_REASON].decode(errors="ignore")
        await websocket.close(code, shortened)


DEFAULT_HANDLERS: dict[Any, ExceptionHandler] = {
    HTTPException: http_exception_handler,
    RequestValidationError: request_validation_exception_handler,
    WebSocketRequestValidationError: websocket_request_validation_exception_handler,
    WebSocketException: websocket_exception_handler,
}
