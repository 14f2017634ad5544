"""One WebSocket and what becomes of it: the `Run` of a route's plan."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from microfw._answering.connection import ConnectionRun
from microfw._answering.errors import call_handler
from microfw._answering.injected import injected_response
from microfw._answering.outcomes import WebSocketOutcome
from microfw._answering.state import AppState
from microfw._answering.tasks import run_tasks, send_messages
from microfw.dependencies import AppValues, Cleanup, DependencyScope
from microfw.exception_handlers import ExceptionHandler, close
from microfw.outcome import Outcome

NORMAL_CLOSURE = 1000
INTERNAL_ERROR = 1011
POLICY_VIOLATION = 1008


class WebSocketExchange(ConnectionRun):
    """One WebSocket, from the handshake to its end.

    Attributes:
        connection: Starlette's object for it; the same wherever it is injected.
    """

    def __init__(self, app_state: AppState, scope: Scope, receive: Receive, send: Send) -> None:
        self.cleanup: Cleanup = app_state.cleanup
        self.app_values: AppValues = app_state.app_values
        self.app_state = app_state
        self.scope = scope
        self.websocket: WebSocket = WebSocket(scope, receive, send)
        self.connection: HTTPConnection = self.websocket

    @cached_property
    def response(self) -> Response:
        """What dependencies write into that routes for HTTP have, too; it is not sent."""
        return injected_response()

    def outcome(self, scope: DependencyScope) -> Outcome:
        """Make what shows a step of this scope what becomes of the WebSocket."""
        return WebSocketOutcome(self, scope, self.websocket)

    async def run_tasks(self, *, sends: bool = True) -> None:
        """Close the connection and run the background tasks, if there are any, once.

        Args:
            sends: Whether function scope has exited well, so that what was enqueued is sent.
        """
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            if sends:
                self.unsent: Sequence[Exception] = await send_messages(tasks)
            if tasks.tasks:
                await self.close(NORMAL_CLOSURE)
            self.failures: Sequence[Exception] = await run_tasks(
                tasks, self.app_state, self._threads
            )
            if sends:
                self._note_run(tasks)

    async def answer(self, handler: ExceptionHandler, error: Exception) -> None:
        """Have an exception handler refuse or close the connection."""
        if isinstance(error, HTTPException) and not self._can_be_denied():
            await self.close(POLICY_VIOLATION if error.status_code < 500 else INTERNAL_ERROR)
            return
        response = await call_handler(handler, self.websocket, error)
        if response is not None:
            websocket = self.websocket
            await response(self.scope, websocket.receive, websocket.send)

    async def close(self, code: int) -> None:
        """Close the connection, or refuse it (403) where it has not been accepted.

        Where the client has gone that fails, and does not matter. A refusal by an HTTP response
        that has begun is left as it is.
        """
        with suppress(WebSocketDisconnect, OSError):
            await close(self.websocket, code)

    async def fail(self) -> None:
        """End it for an exception that nothing has answered.

        The handshake is answered with 500. The connection is closed where that is too late, or the
        server has no other way to refuse it.
        """
        if not self._can_be_denied():
            await self.close(INTERNAL_ERROR)
            return
        with suppress(OSError):
            response = PlainTextResponse("Internal Server Error", 500)
            await self.websocket.send_denial_response(response)

    def _can_be_denied(self) -> bool:
        """Whether an HTTP response can still be the answer to the handshake."""
        return (
            self.websocket.client_state is not WebSocketState.DISCONNECTED
            and self.websocket.application_state is WebSocketState.CONNECTING
            and "websocket.http.response" in self.scope.get("extensions", {})
        )
