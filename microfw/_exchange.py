"""One request (or WebSocket) and what becomes of it: the `Run` of a route's plan."""

import copy
import logging
from collections.abc import Awaitable, Collection, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from microfw._answering import call_handler, handler_of
from microfw._environment import Environment
from microfw._forms import ReceivedForm, is_urlencoded, parse_whole, receive_form
from microfw._limits import BodyLimit, ContentTooLargeError, Limits, OuterLimit, allow
from microfw._passage import PASSAGE, Passage
from microfw._query_values import QueryValues
from microfw._receiving import GatheringReceive, ReplayedReceive
from microfw.background import BackgroundTasks, raise_failures, run_tasks
from microfw.dependencies import AppValues, Cleanup, Run, error_of_swallowing, place_of
from microfw.exception_handlers import Handler, close
from microfw.exceptions import SwallowedExceptionError
from microfw.responses import EmptyResponse

logger = logging.getLogger("microfw")

NO_CHANGES: Mapping[str, int | None] = MappingProxyType({})

UNSET_STATUS: Any = None
"""The status of the injected response, until a step sets it; `None`, as in FastAPI."""

NORMAL_CLOSURE = 1000
INTERNAL_ERROR = 1011
POLICY_VIOLATION = 1008


class _Connection(Run):
    """What the requests of both protocols have in common.

    Attributes:
        connection: Starlette's object for it; the same wherever it is injected.
        decoded_body: What the first reader of the body has made of it.
        started: Whether the response has started, so that nothing can change it any more (E7).
        query_values: What the first reader of the query string has found in it.
    """

    body: bytes = b""
    decoded_body: Any = None
    started = False
    query_values: QueryValues | None = None
    connection: Any

    def __init__(self, environment: Environment, scope: Scope) -> None:
        super().__init__(environment.cleanup, environment.app_values)
        self.environment = environment
        self.scope = scope

    def swallowed_error(self) -> Exception:
        """The error for an exception without which there is nothing to answer with.

        That the client has gone is no error, whoever swallowed it: there is nobody to answer.
        """
        swallowed = self.swallowed
        if swallowed and isinstance(swallowed.error, ClientDisconnect | WebSocketDisconnect):
            return swallowed.error
        return (
            error_of_swallowing(swallowed)
            if swallowed
            else SwallowedExceptionError("a dependency swallowed an exception")
        )


class _RequestBehindMiddleware(Request):
    """A request that asks the server itself whether the client has gone.

    What `BaseHTTPMiddleware` has in the place of the server's `receive` never answers at once.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, outermost: OuterLimit) -> None:
        super().__init__(scope, receive, send)
        self._outermost = outermost

    async def is_disconnected(self) -> bool:
        return await self._outermost.has_left()


class Exchange(_Connection):
    """One HTTP request, and the response to it.

    Attributes:
        is_sending: Whether sending it has begun and not come to its end.
        delivered: Whether the response was sent and the background tasks have run.
        built: Whether the response was built from a value, not returned by the endpoint.
        form: The form, until its files are closed.
    """

    cleanup: Cleanup
    app_values: AppValues
    body: bytes
    decoded_body: Any
    result: Any
    started: bool
    is_sending: bool = False
    delivered: bool = False
    built: bool = False
    form: ReceivedForm | None = None
    _request: Request | None = None
    _has_body = False
    _limited: Receive | None = None
    _response: Response | None = None
    _tasks: BackgroundTasks | None = None
    _failures: list[Exception] | None = None

    def __init__(
        self,
        environment: Environment,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit_changes: Mapping[str, int | None] = NO_CHANGES,
    ) -> None:
        # What the constructors above this one would do, by two more calls for each request.
        self.cleanup = environment.cleanup
        self.app_values = environment.app_values
        self.environment = environment
        self.scope = scope
        self.receive = receive
        self.send = send
        self._limit_changes = limit_changes

    @property
    def request(self) -> Request:
        """The request, the same wherever it is injected; its body is held to the limit."""
        if self._request is None:
            if self._has_body:
                message = {"type": "http.request", "body": self.body}
                self._request = self._request_from(ReplayedReceive(message, self.receive))
                with suppress(StopIteration):  # it keeps the body; there is nothing to wait for
                    self._request.body().send(None)
            else:
                self._request = self._request_from(self.limited_receive)
        return self._request

    def _request_from(self, receive: Receive) -> Request:
        passage: Passage | None = self.scope.get(PASSAGE)
        if passage is None:
            return Request(self.scope, receive, self.send)
        return _RequestBehindMiddleware(self.scope, receive, self.send, passage.outermost)

    def read_from(self, request: Request) -> None:
        """Read the body from a request from which others may have read it before."""
        self._request = request

    @property
    def limited_receive(self) -> Receive:
        """What receives the body, held to the limit; one for all who do."""
        if self._limited is None:
            self._limited = self._limit()
        return self._limited

    def _limit(self) -> BodyLimit:
        max_size = self.limits.max_body_size
        allow(self.scope, max_size)
        return BodyLimit(self.scope, self.receive, max_size)

    @property
    def limits(self) -> Limits:
        """What the body may be: the application's limits, with the route's own."""
        return self.environment.limits.changed(self._limit_changes)

    connection = request

    @property
    def response(self) -> Response:
        """The response under construction, to which dependencies add status and headers."""
        if self._response is None:
            self._response = Response()
            self._response.status_code = UNSET_STATUS
            self._response.raw_headers = []
        return self._response

    @property
    def tasks(self) -> BackgroundTasks:
        """The request's one list of background tasks."""
        if self._tasks is None:
            self._tasks = BackgroundTasks()
        return self._tasks

    async def receive_body(self) -> None:
        """Receive the whole body, before anything is opened."""
        if self._request is not None:
            self.body = await self._request.body()
        else:
            self._limited = limit = self._limit()
            self.body = await limit.receive_whole()
            self._has_body = True

    async def receive_form(self, in_memory: Collection[str] = ()) -> None:
        """Receive the form as it comes, before anything is opened.

        Args:
            in_memory: The names of files to be read as a whole.
        """
        form = None
        if self._request is None and is_urlencoded(self.scope):
            form = await self._receive_urlencoded()
        elif self._request is None:
            self._limited = GatheringReceive(self.limited_receive)
        self.form = form = form or await receive_form(self.request, self.limits)
        self.decoded_body = form.data
        await form.read(in_memory)

    async def _receive_urlencoded(self) -> ReceivedForm | None:
        receive = self.limited_receive
        message = await receive()
        form = parse_whole(message, self.limits)
        if form is None:
            self._limited = ReplayedReceive(message, receive)
        else:
            self.body, self._has_body = message.get("body", b""), True
        return form

    async def close_form(self, form: ReceivedForm) -> None:
        """Close the files that were sent in the form (rule B5)."""
        self.form = None
        await form.close()

    async def deliver(self) -> None:
        """Send the response, unless it was streamed already; then run the background tasks.

        Raises:
            ClientDisconnect: The client has gone before the end of a response that sends itself.
        """
        is_whole = True
        response: Response = self.result
        background = response.background
        if not self.started:
            self.is_sending = True
            if background is not None or self._response is not None:
                response = self._completed(response)
            if type(response).__call__ is Response.__call__:
                await self._send_head(response)
                await self.send({"type": "http.response.body", "body": response.body})
            else:
                is_whole = await self._run(response)
            self.is_sending = False
        self.delivered = True
        if background is not None or self._tasks is not None:
            environment, threads = self.environment, self._threads
            self._failures = await run_tasks(background, environment, threads)
            if self._tasks is not background:
                self._failures += await run_tasks(self._tasks, environment, threads)
        if self.form is not None:
            await self.close_form(self.form)
        if not is_whole:
            raise ClientDisconnect

    async def offered(self, response: Response) -> Response:
        """Return what is to be sent in place of a response: the same, but for custom handlers."""
        return response

    async def start(self, response: Response) -> None:
        """Send the head of a streamed response."""
        self.built = True
        await self._send_head(self._completed(response))

    def _send_head(self, response: Response) -> Awaitable[None]:
        self.started = True
        status, headers = response.status_code, response.raw_headers
        return self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def _run(self, response: Response) -> bool:
        """Let a response send itself; return whether its client has stayed until the end.

        Starlette's streams and files end as if they were complete where they receive that the
        client has gone. Where the server raises that from `send` (ASGI 2.4), they raise
        `ClientDisconnect`.
        """
        has_left = is_complete = False

        async def receive() -> Message:
            nonlocal has_left
            message = await self.receive()
            has_left = has_left or message["type"] == "http.disconnect"
            return message

        async def send(message: Message) -> None:
            nonlocal is_complete
            if message["type"] == "http.response.start":
                self.started = True
            else:
                is_complete = not message.get("more_body")
            await self.send(message)

        try:
            await response(self.scope, receive, send)
        except ClientDisconnect:
            return False
        return is_complete or not has_left

    def raise_failures(self) -> None:
        """Raise what background tasks have raised, now that everything has exited."""
        if self._failures:
            failures, self._failures = self._failures, None
            raise_failures(failures)

    async def answer(self, handler: Handler, error: Exception) -> None:
        """Have an exception handler make the response; what was prepared until now is dropped.

        Then it is sent.

        Raises:
            TypeError: The handler has returned none.
        """
        self._response = None
        self._tasks = None
        self.is_sending = False
        self.result = await call_handler(handler, self.request, error)
        if self.result is None:
            raise TypeError(f"the exception handler {place_of(handler)} returned no response")
        with suppress(ClientDisconnect):
            await self.deliver()

    def _completed(self, response: Response) -> Response:
        """The response with what was set on the one under construction.

        The endpoint's own object is left as it is: it may be sent more than once.
        """
        injected = self._response
        sets_status = injected is not None and injected.status_code is not UNSET_STATUS
        if sets_status and isinstance(response, EmptyResponse):
            response = response.with_content
        response = copy.copy(response)
        response.__dict__.pop("_headers", None)
        response.background = None
        response.raw_headers = list(response.raw_headers)
        if injected is not None:
            _merge_headers(response, injected, replace=self.built)
            if self.built and injected.status_code is not UNSET_STATUS:
                _set_status(response, injected.status_code)
        return response


def _merge_headers(response: Response, injected: Response, *, replace: bool) -> None:
    """Add headers; of two with one name keep the added one, or the one that is there.

    Cookies are added each.
    """
    own, added = response.raw_headers, injected.raw_headers
    if replace:
        names = {name for name, _ in added} - {b"set-cookie"}
        own = [header for header in own if header[0] not in names]
    else:
        names = {name for name, _ in own} - {b"set-cookie"}
        added = [header for header in added if header[0] not in names]
    response.raw_headers = own + added


def _set_status(response: Response, status_code: int) -> None:
    response.status_code = status_code
    if status_code < 200 or status_code in (204, 304):
        response.body = b""
        without = (b"content-length", b"content-type")
        response.raw_headers = [h for h in response.raw_headers if h[0] not in without]


class WebSocketExchange(_Connection):
    """One WebSocket, from the handshake to its end."""

    def __init__(
        self, environment: Environment, scope: Scope, receive: Receive, send: Send
    ) -> None:
        super().__init__(environment, scope)
        self.websocket: WebSocket = WebSocket(scope, receive, send)
        self.connection: HTTPConnection = self.websocket
        self._tasks: BackgroundTasks | None = None
        self._failures: list[Exception] = []

    @property
    def tasks(self) -> BackgroundTasks:
        """The one list of background tasks, which run when the endpoint has ended."""
        if self._tasks is None:
            self._tasks = BackgroundTasks()
        return self._tasks

    async def run_tasks(self) -> None:
        """Close the connection and run the background tasks, if there are any, once."""
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            await self.close(NORMAL_CLOSURE)
            self._failures = await run_tasks(tasks, self.environment, self._threads)

    def raise_failures(self) -> None:
        """Raise what background tasks have raised, now that everything has exited."""
        failures, self._failures = self._failures, []
        raise_failures(failures)

    async def answer(self, handler: Handler, error: Exception) -> None:
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


class BodyLimitMiddleware:
    """Holds middleware to the limit, which may read a body before its route is known."""

    def __init__(self, app: ASGIApp, max_size: int | None) -> None:
        self.app = app
        self._max_size = max_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = OuterLimit(scope, receive, send, self._max_size)
        passage = Passage(scope, limit)
        try:
            await self.app(scope, limit.receive, limit.send)
        except ContentTooLargeError as error:
            handler = handler_of(scope, error)
            if limit.started or handler is None:
                raise
            response = await call_handler(handler, Request(scope, receive, send), error)
            await response(scope, receive, send)
        else:
            passage.sends.clear()
