"""What is watched of an exchange: handlers as they are called, and the sending of the response."""

from typing import Any

from starlette.types import Message, Send

from microfw._answering.exchange import Exchange
from microfw.dependencies import (
    CompiledPlan,
    OpenSpan,
    Subject,
    Tracer,
    outcome_of,
    tracer,
)

_SEND = Subject("send")


def watched_plan(compiled: CompiledPlan) -> CompiledPlan:
    """A compiled plan that has the sending of what it makes watched, too."""
    call = compiled.call

    async def call_watched(run: Any, *args: Any) -> None:
        watch(run, compiled.source)
        await call(run, *args)

    return CompiledPlan(call_watched, compiled.source)


def watch(run: Any, source: str) -> None:
    """Have the sending of a response watched, and keep the source that runs."""
    watching = tracer()
    watching.source = watching.source or source
    if isinstance(run, Exchange) and not isinstance(run.send, _WatchedSend):
        run.send = _WatchedSend(run.send, watching)


class _WatchedSend:
    """A `send` that writes down when the first byte was sent, and when the last."""

    def __init__(self, send: Send, tracer: Tracer) -> None:
        self._send = send
        self._tracer = tracer
        self._span: OpenSpan | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._span = self._tracer.begin("send", _SEND)
        try:
            await self._send(message)
        except BaseException as error:
            self._end(error)
            raise
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        if self._span is not None:
            self._tracer.end(self._span, outcome_of(error), error)
