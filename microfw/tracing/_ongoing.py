"""One request or WebSocket while it is traced."""

import logging
import time
from collections.abc import Iterable
from time import perf_counter_ns
from types import TracebackType
from typing import Self

from msgspec.structs import replace
from starlette.types import Message, Receive, Scope, Send

from microfw.dependencies import Subject, Tracer, current_tracer, shown
from microfw.tracing._sinks import Observer, SafeObserver, Sink
from microfw.tracing._trace import Trace, TraceKind
from microfw.tracing._values import shown_value

logger = logging.getLogger("microfw")

KEY = "microfw.trace"
"""Under which name the scope holds the trace under way."""

_RECEIVE, _SEND, _ACCEPT = Subject("receive"), Subject("send"), Subject("accept")
_CLOSE, _DISCONNECT = Subject("close"), Subject("disconnect")


_KINDS: dict[str, TraceKind] = {
    "http": "request",
    "websocket": "websocket",
    "task": "task",
    "lifespan": "lifespan",
}


class OngoingTrace:
    """One request, WebSocket, task or start-up while it is traced: as long as a `with` block runs.

    Args:
        scope: Its ASGI scope; see `Tracing.of_task`.
        sinks: Who takes the trace.
        tracer: Writes down what happens, where there is one already.

    Attributes:
        scope: The same.
        tracer: Writes down what happens.
        status: Of the response, or of the end of a WebSocket, once there is one.
        began: When it began, in seconds since the epoch.
    """

    def __init__(self, scope: Scope, sinks: Iterable[Sink], tracer: Tracer | None = None) -> None:
        self.scope = scope
        self.status: int | None = None
        self.began: float = time.time()
        self.tracer: Tracer = tracer or Tracer()
        self._is_complete = False
        self._sinks: list[Sink] = []
        self._observers: list[Observer] = []
        self.add(sinks)
        scope[KEY] = self

    def add(self, sinks: Iterable[Sink]) -> None:
        """Have more sinks take the trace: those of a mounted application."""
        for sink in sinks:
            if sink not in self._sinks:
                self._sinks.append(sink)
                if sink.wants_values:
                    self.tracer.show = shown_value
                observer = self._observer_of(sink)
                if observer is not None:
                    self._observers.append(observer)
                    self.tracer.add_observer(observer)

    def _observer_of(self, sink: Sink) -> Observer | None:
        try:
            observer = sink.observer(self)
        except Exception:
            logger.exception("a listener to traces failed, and does not watch this one")
            return None
        return None if observer is None else SafeObserver(observer)

    @property
    def kind(self) -> TraceKind:
        return _KINDS[self.scope["type"]]

    @property
    def method(self) -> str:
        method: str = self.scope.get("method", "WEBSOCKET")
        return method

    @property
    def route(self) -> str | None:
        """The path of the route as it was declared, below those of mounts, once it is known."""
        path: str | None = getattr(self.scope.get("route"), "path", None)
        if path is None:
            return None
        inside: str = self.scope.get("root_path", "")
        return inside.removeprefix(self.scope.get("app_root_path", inside)) + path

    def __enter__(self) -> Self:
        self._token = current_tracer.set(self.tracer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_tracer.reset(self._token)
        try:
            self._end(error)
        finally:
            del error  # whose traceback holds this frame

    def _end(self, error: BaseException | None) -> None:
        """Make the trace, and hand it to the sinks."""
        spans, values = self.tracer.finish()
        for observer in reversed(self._observers):
            observer.finished(error)
        trace = Trace(
            kind=self.kind,
            name=self.scope["path"],
            method=self.method,
            route=self.route,
            status=self.status,
            began=self.began,
            duration=perf_counter_ns() - self.tracer.origin,
            error=None if error is None else shown(error),
            spans=spans,
            source=self.tracer.source,
            logs=tuple(self.tracer.logs),
        )
        for sink in self._sinks:
            try:
                own = replace(trace, values=values) if sink.wants_values else trace
                sink.ended(own, self.scope)
            except Exception:
                logger.exception("a listener to traces failed")

    def receiving(self, receive: Receive) -> Receive:
        """A `receive` that writes down how long the body takes, and when the client leaves."""
        began: int | None = None

        async def watched() -> Message:
            nonlocal began
            since = perf_counter_ns()
            message = await receive()
            kind = message["type"]
            if kind == "http.request":
                began = began or since
                if not message.get("more_body"):
                    self.tracer.add("receive", _RECEIVE, began)
            elif kind in ("http.disconnect", "websocket.disconnect") and not self._is_complete:
                self.tracer.add("disconnect", _DISCONNECT, perf_counter_ns())
            return message

        return watched

    def sending(self, send: Send) -> Send:
        """A `send` that keeps the status, and writes down the moments of a WebSocket.

        What no route of microfw's sends is written down here, too.
        """
        began: int | None = None

        async def watched(message: Message) -> None:
            nonlocal began
            kind = message["type"]
            if kind == "http.response.start" and not self.tracer.has("send"):
                began = perf_counter_ns()
            if kind in ("http.response.start", "websocket.http.response.start"):
                self.status = message["status"]
            elif kind == "websocket.accept":
                self.tracer.add("accept", _ACCEPT, perf_counter_ns())
            elif kind == "websocket.close":
                self.status = message.get("code", 1000)
                self.tracer.add("close", _CLOSE, perf_counter_ns())
            for observer in self._observers:
                observer.sends(message)
            await send(message)
            for observer in self._observers:
                observer.sent(message)
            if kind == "http.response.body" and not message.get("more_body"):
                self._is_complete = True
                if began is not None:
                    self.tracer.add("send", _SEND, began)

        return watched
