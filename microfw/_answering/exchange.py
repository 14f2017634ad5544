"""One request and what becomes of it: the `Run` of a route's plan."""

import copy
import logging
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from microfw._answering.connection import ConnectionRun
from microfw._answering.errors import call_handler
from microfw._answering.injected import UNSET_STATUS, injected_response
from microfw._answering.outcomes import RequestOutcome, Sending
from microfw._answering.passage import PASSAGE, Passage
from microfw._answering.state import AppState
from microfw._answering.tasks import (
    BackgroundTask,
    run_tasks,
    send_messages,
)
from microfw._reading import (
    BodyLimit,
    GatheringReceive,
    LateReceive,
    Limits,
    OuterLimit,
    PeekedReceive,
    ReceivedForm,
    ReplayedReceive,
    SharedReceive,
    allow,
    expects_to_be_asked,
    is_urlencoded,
    parse_whole,
    receive_form,
)
from microfw.dependencies import AppValues, Cleanup, DependencyScope, place_of
from microfw.exception_handlers import ExceptionHandler
from microfw.outcome import Outcome, ResponseHead
from microfw.responses import EmptyResponse, FinalHeaders, allows_body

logger = logging.getLogger("microfw")

NO_CHANGES: Mapping[str, int | None] = MappingProxyType({})


class _RequestBehindMiddleware(Request):
    """A request that asks the server itself whether the client has gone.

    What `BaseHTTPMiddleware` has in the place of the server's `receive` never answers at once.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, outermost: OuterLimit) -> None:
        super().__init__(scope, receive, send)
        self._outermost = outermost

    async def is_disconnected(self) -> bool:
        return await self._outermost.has_left()


class Exchange(ConnectionRun):
    """One HTTP request, and the response to it.

    Attributes:
        is_sending: Whether sending it has begun and not come to its end.
        delivered: Whether the response was sent and the background tasks have run.
        built: Whether the response was built from a value, not returned by the endpoint.
        form: The form, until its files are closed.
    """

    is_sending: bool = False
    delivered: bool = False
    built: bool = False
    form: ReceivedForm | None = None
    _request: Request | None = None
    _has_body = False
    _limited: LateReceive | None = None
    _response: Response | None = None
    _sending: Sending | None = None
    _final_headers: FinalHeaders | None = None
    _background: BackgroundTask | None = None

    def __init__(
        self,
        app_state: AppState,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit_changes: Mapping[str, int | None] = NO_CHANGES,
    ) -> None:
        self.cleanup: Cleanup = app_state.cleanup
        self.app_values: AppValues = app_state.app_values
        self.app_state = app_state
        self.scope = scope
        self.receive: Receive = receive
        self.send: Send = send
        self._limit_changes = limit_changes

    @property
    def request(self) -> Request:
        """The request, the same wherever it is injected; its body is held to the limit."""
        if self._request is None:
            self._request = self._request_from(self.limited_receive)
            if self._has_body:
                self._hand_body_over(self._request)
        return self._request

    def _hand_body_over(self, request: Request) -> None:
        """Have the request keep the body that has been received, and replay it once."""
        message = {"type": "http.request", "body": self.body}
        self.limited_receive.receive = ReplayedReceive(message, self.receive)
        with suppress(StopIteration):  # there is nothing to wait for
            request.body().send(None)

    def _request_from(self, receive: Receive) -> Request:
        passage: Passage | None = self.scope.get(PASSAGE)
        if passage is None:
            return Request(self.scope, receive, self.send)
        return _RequestBehindMiddleware(self.scope, receive, self.send, passage.at_server)

    def read_from(self, request: Request) -> None:
        """Read the body from a request from which others may have read it before."""
        self._request = request
        self.limited_receive.was_called = True

    @property
    def limited_receive(self) -> LateReceive:
        """The `receive` of the body, held to the limit; everything receives by this one."""
        if self._limited is None:
            self._limited = LateReceive(self._limit())
        return self._limited

    def _limit(self) -> BodyLimit:
        max_size = self.limits.max_body_size
        allow(self.scope, max_size)
        return BodyLimit(self.scope, self.receive, max_size)

    @property
    def limits(self) -> Limits:
        """What the body may be: the application's limits, with the route's own."""
        return self.app_state.limits.changed(self._limit_changes)

    connection = request

    @property
    def response(self) -> Response:
        """The response under construction, to which dependencies add status and headers."""
        if self._response is None:
            self._response = injected_response()
        return self._response

    @property
    def final_headers(self) -> FinalHeaders:
        """Headers and cookies for whatever response is sent."""
        if self._final_headers is None:
            _ = self.response  # so that it is completed
            self._final_headers = FinalHeaders()
        return self._final_headers

    def outcome(self, scope: DependencyScope) -> Outcome:
        """Make what shows a step of this scope what becomes of the request."""
        if self._sending is None:
            self.send = self._sending = Sending(self.send, self._looking_out())
        return RequestOutcome(self, scope, self._sending)

    def _looking_out(self) -> PeekedReceive | OuterLimit | None:
        """What tells outcomes whether the client has gone, and loses no message.

        Behind middleware that asks the server itself: a look through the `receive` of Starlette's
        `BaseHTTPMiddleware` would lose one.
        """
        if isinstance(self.receive, SharedReceive):  # which is watched as it is
            return None
        is_unread = not self._has_body and not self._is_being_read
        is_awaited = is_unread and expects_to_be_asked(self.scope)
        passage: Passage | None = self.scope.get(PASSAGE)
        if passage is not None:
            return None if is_awaited else passage.at_server
        self.receive = peeked = PeekedReceive(self.receive, is_awaited=is_awaited)
        limit = self._limited and self._limited.receive
        if isinstance(limit, BodyLimit):  # by which the rest of the body comes
            limit.receive = peeked
        return peeked

    def head(self) -> ResponseHead | None:
        """The head of the response that has been built, as it would be sent now."""
        if self.result is None:
            return None
        response = self._completed(self.result)
        return ResponseHead(response.status_code, Headers(raw=response.raw_headers))

    @property
    def _is_being_read(self) -> bool:
        """Whether a part of the body may have been received from the request."""
        return self._limited is not None and self._limited.was_called

    async def receive_body(self) -> None:
        """Receive the whole body, while nothing is open."""
        if self._is_being_read:
            self.body: bytes = await self.request.body()
            return
        limit = self._limit()
        if self._limited is None:
            self._limited = LateReceive(limit)
        self._limited.receive = limit
        self.body = await limit.receive_whole()
        self._has_body = True
        if self._request is not None:
            self._hand_body_over(self._request)

    async def receive_form(self, in_memory: Collection[str] = ()) -> None:
        """Receive the form as it comes, while nothing is open.

        Args:
            in_memory: The names of files to be read as a whole.
        """
        form = None
        if not self._is_being_read:
            limited = self.limited_receive
            if is_urlencoded(self.scope):
                form = await self._receive_urlencoded(limited)
            else:
                limited.receive = GatheringReceive(limited.receive)
        self.form = form = form or await receive_form(self.request, self.limits)
        self.decoded_body: Any = form.data
        await form.read(in_memory)

    async def _receive_urlencoded(self, limited: LateReceive) -> ReceivedForm | None:
        message = await limited()
        form = parse_whole(message, self.limits)
        if form is None:
            limited.receive = ReplayedReceive(message, limited.receive)
            return None
        self.body = message.get("body", b"")
        self._has_body = True
        if self._request is not None:
            self._hand_body_over(self._request)
        return form

    async def close_form(self, form: ReceivedForm) -> None:
        """Close the files that were sent in the form (rule B5)."""
        self.form = None
        await form.close()

    async def deliver(self, *, runs_tasks: bool = True) -> None:
        """Send the response, unless it was streamed already; then run the background tasks.

        Args:
            runs_tasks: Whether they run now, and not when what has been raised is handled.

        Raises:
            ClientDisconnect: The client has gone before the end of a response that sends itself.
        """
        is_whole = True
        response: Response = self.result
        background, tasks = response.background, self._tasks
        if background is not None or (tasks is not None and tasks.outbox is not None):
            self.unsent: Sequence[Exception] = await send_messages(background, tasks)
        if not self.started:
            self.is_sending = True
            if background is not None or self._response is not None:
                response = self._completed(response)
            if type(response).__call__ is Response.__call__:
                await self._send_head(response)
                await self.send({"type": "http.response.body", "body": response.body})
            else:
                is_whole = await self._run(response)
                if not is_whole:
                    self.note_disconnect()
            self.is_sending = False
        if not runs_tasks:
            self._background = background
            return
        self.delivered = True
        if background is not None or tasks is not None:
            await self._run_tasks(background)
        if self.form is not None:
            await self.close_form(self.form)
        if not is_whole:
            raise ClientDisconnect

    def note_disconnect(self) -> None:
        """Note, for outcomes, that the client has left before the whole response was sent."""
        if self._sending is not None:
            self._sending.has_left = True

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

    async def _run_tasks(self, background: BackgroundTask | None) -> None:
        app_state, threads = self.app_state, self._threads
        # No name for the list: the frames of the tasks lead back to this one.
        if background is not None:
            self.failures: Sequence[Exception] = await run_tasks(background, app_state, threads)
        if self._tasks is not None and self._tasks is not background:
            self.failures = [*self.failures, *await run_tasks(self._tasks, app_state, threads)]
        if self._tasks is not None:
            self._note_run(self._tasks)

    async def finish_tasks(self) -> None:
        """Run the tasks that have not run with the response."""
        await (self.run_late_tasks() if self.delivered else self.run_left_tasks())

    async def run_left_tasks(self) -> None:
        """Run what an exception leaves: those of its handler's response, and those for always."""
        self.drop_tasks()
        if self._background is not None or self._tasks is not None:
            await self._run_tasks(self._background)

    async def answer(self, handler: ExceptionHandler, error: Exception) -> None:
        """Have an exception handler make the response; what was prepared until now is dropped.

        Then it is sent. Its background tasks run when the exception has been handled.

        Raises:
            TypeError: The handler has returned none.
        """
        self.drop()
        self.is_sending = False
        self.result: Any = await call_handler(handler, self.request, error)
        if self.result is None:
            raise TypeError(f"the exception handler {place_of(handler)} returned no response")
        with suppress(ClientDisconnect):
            await self.deliver(runs_tasks=False)

    def drop(self) -> None:
        """Drop what was prepared for a response in whose place an exception has come."""
        self.give_way()
        self.drop_tasks()

    def give_way(self) -> None:
        """Prepare for a response of another's, which gets the final headers alone."""
        self._response = self._final_headers
        self.built = False

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
        final = self._final_headers
        if final is not None and final is not injected:
            _merge_headers(response, final, replace=self.built)
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
    if not allows_body(status_code):
        response.body = b""
        without = (b"content-length", b"content-type")
        response.raw_headers = [h for h in response.raw_headers if h[0] not in without]
