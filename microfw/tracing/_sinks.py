"""What traces go to."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.types import Message, Scope

from microfw.dependencies import OpenSpan
from microfw.tracing._trace import Trace

if TYPE_CHECKING:
    from microfw.tracing._ongoing import OngoingTrace

logger = logging.getLogger("microfw")

Predicate = Callable[[Scope], bool]


class Observer:
    """Watches one request or WebSocket while it runs. Override what is of interest.

    Its methods run as part of what they are about, and must not wait.
    """

    def began(self, span: OpenSpan) -> None:
        """Something begins, in the thread and the context in which it runs."""

    def ended(self, span: OpenSpan, error: BaseException | None) -> None:
        """It has ended, in the same context; or something is over whose begin was not reported."""

    def sends(self, message: Message) -> None:
        """A message is about to be sent to the server; it can be changed."""

    def sent(self, message: Message) -> None:
        """It has been."""

    def finished(self, error: BaseException | None) -> None:
        """All is over; this exception goes on to the server."""


class SafeObserver(Observer):
    """Calls an observer; where that fails, what is observed goes on, and the log tells of it.

    Args:
        observer: What is called.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._has_failed = False

    def began(self, span: OpenSpan) -> None:
        try:
            self._observer.began(span)
        except Exception as raised:
            self._tell(raised)

    def ended(self, span: OpenSpan, error: BaseException | None) -> None:
        try:
            self._observer.ended(span, error)
        except Exception as raised:
            self._tell(raised)
        finally:
            del error  # whose traceback may hold this frame

    def sends(self, message: Message) -> None:
        try:
            self._observer.sends(message)
        except Exception as raised:
            self._tell(raised)

    def sent(self, message: Message) -> None:
        try:
            self._observer.sent(message)
        except Exception as raised:
            self._tell(raised)

    def finished(self, error: BaseException | None) -> None:
        try:
            self._observer.finished(error)
        except Exception as raised:
            self._tell(raised)
        finally:
            del error  # as above

    def _tell(self, raised: Exception) -> None:
        """Log the first exception of this observer's."""
        if not self._has_failed:
            self._has_failed = True
            logger.error("an observer of a trace failed", exc_info=raised)


class Sink:
    """Something that traces go to. Override what is of interest.

    Its methods run as part of the request that they are about, and must not wait.

    Attributes:
        wants_values: Whether its traces are to have the values that were read; see `ShownValue`.
    """

    wants_values: bool = False

    def wants(self, scope: Scope) -> bool:
        """Whether a request or WebSocket with this ASGI scope is to be traced."""
        return True

    def observer(self, trace: "OngoingTrace") -> Observer | None:
        """Make what watches a request while it runs."""
        return None

    def ended(self, trace: Trace, scope: Scope) -> None:
        """Take the trace, now that all has happened; and the ASGI scope, as it is now."""


class Listener(Sink):
    """Calls a function with each trace."""

    def __init__(self, function: Callable[[Trace], object], when: Predicate | None) -> None:
        self._function = function
        self._when = when

    def wants(self, scope: Scope) -> bool:
        return self._when is None or self._when(scope)

    def ended(self, trace: Trace, scope: Scope) -> None:
        self._function(trace)
