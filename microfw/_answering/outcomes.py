"""What exit code is shown of what became of a request, a WebSocket or a background task."""

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from microfw._answering.errors import is_only
from microfw._reading import OuterLimit, PeekedReceive
from microfw.dependencies import DependencyScope, PlainRun, Run
from microfw.outcome import Outcome, ResponseHead

_FIRST_ERROR = 400


class RunOutcome(Outcome):
    """The outcome of anything that runs, as one step sees it.

    It is the `Record` of that step, too.
    """

    _seen: BaseException | None = None
    _failed: bool = False

    def __init__(self, run: Run, scope: DependencyScope) -> None:
        self._run = run
        self._scope = scope

    def begin(self, error: BaseException | None) -> None:
        """Exit code begins; it sees this exception."""
        self._seen = error
        self._failed = error is not None

    def end(self) -> None:
        """Exit code has ended; the exception is not kept any longer."""
        self._seen = None

    @property
    def error(self) -> BaseException | None:
        swallowed = self._run.swallowed
        if self._seen is None and self._run.result is None and swallowed is not None:
            return swallowed.error
        return self._seen

    @property
    def response(self) -> ResponseHead | None:
        return None

    @property
    def disconnected(self) -> bool:
        return False

    @property
    def unsent(self) -> Sequence[Exception]:
        errors: Sequence[Exception] = getattr(self._run, "unsent", ())
        return errors

    @property
    def ok(self) -> bool:
        return self._has_ended and not (self._failed or self.disconnected)

    @property
    def _has_ended(self) -> bool:
        """Whether all has run that this step was open for."""
        if self._scope == "use":
            return self._run.swallowed is None and not self._run.errors
        return self._run.result is not None


class ObservedRun(PlainRun):
    """One execution without a request, which steps may observe."""

    def outcome(self, scope: DependencyScope) -> Outcome:
        """Make what shows a step of this scope what becomes of it."""
        return RunOutcome(self, scope)


class Answering(Protocol):
    """A request that is being answered."""

    result: Any

    def head(self) -> ResponseHead | None:
        """The head of the response that has been built."""


class Sending:
    """A `send` that notes what it sends, and whether there was anybody to send it to.

    Attributes:
        head: What was sent of the response first.
        has_left: Whether the client had left by then, or as the rest was sent.
    """

    __slots__ = ("_receive", "_send", "has_left", "head")

    def __init__(self, send: Send, receive: PeekedReceive | OuterLimit | None) -> None:
        self.head: ResponseHead | None = None
        self.has_left: bool = False
        self._send = send
        self._receive = receive

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.head = ResponseHead(message["status"], Headers(raw=[*message["headers"]]))
            if self._receive is not None:
                self.has_left = await self._receive.has_left()
        try:
            await self._send(message)
        except OSError:  # by which servers tell that the client has gone
            self.has_left = True
            raise


class RequestOutcome(RunOutcome):
    """The outcome of a request, as one step sees it."""

    def __init__(self, exchange: Any, scope: DependencyScope, sending: Sending) -> None:
        super().__init__(exchange, scope)
        self._exchange: Answering = exchange
        self._sending = sending

    @property
    def response(self) -> ResponseHead | None:
        sent = self._sending.head
        if sent is not None or self._failed or self._scope != "function":
            return sent
        return self._exchange.head()

    @property
    def disconnected(self) -> bool:
        return self._sending.has_left or is_only(ClientDisconnect, self.error)

    @property
    def ok(self) -> bool:
        response = self.response
        if response is None:
            return self._scope == "use" and super().ok
        return super().ok and response.status_code < _FIRST_ERROR


class WebSocketOutcome(RunOutcome):
    """The outcome of a WebSocket, as one step sees it."""

    def __init__(self, run: Run, scope: DependencyScope, websocket: WebSocket) -> None:
        super().__init__(run, scope)
        self._websocket = websocket

    @property
    def disconnected(self) -> bool:
        has_left = self._websocket.client_state is WebSocketState.DISCONNECTED
        return has_left or is_only(WebSocketDisconnect, self.error)
