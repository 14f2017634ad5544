"""What one request and one WebSocket have in common as the `Run` of a route's plan."""

from collections.abc import Sequence
from typing import Any

from starlette.types import Scope

from microfw._answering.state import AppState
from microfw._answering.tasks import (
    BackgroundTasks,
    OwnTasks,
    raise_failures,
    run_tasks,
    send_messages,
)
from microfw._reading import QueryValues
from microfw.dependencies import Run

_WAITED = "microfw.waited"


class ConnectionRun(OwnTasks, Run):
    """One request or one WebSocket.

    Attributes:
        body: The body, once it was received as a whole.
        decoded_body: What the first reader of the body has made of it.
        query_values: What the first reader of the query string has found in it.
        started: Whether the response has started, so that nothing can change it any more (E7). The
            handler of a WebSocket closes or refuses it anyway.
        unsent: Why messages that were enqueued could not be sent.
        failures: What background tasks have raised.
    """

    app_state: AppState
    scope: Scope
    body: bytes = b""
    decoded_body: Any = None
    query_values: QueryValues | None = None
    started: bool = False
    unsent: Sequence[Exception] = ()
    failures: Sequence[Exception] = ()

    def waited(self, name: str, seconds: float) -> None:
        self.scope.setdefault(_WAITED, {})[name] = seconds

    async def run_late_tasks(self) -> None:
        """Do what exit code of scope "request" has added when the tasks had run."""
        await send_messages(self.has_run)
        if self.has_run is not None and len(self.has_run.tasks) > self._ran:
            late = BackgroundTasks(self.has_run.tasks[self._ran :])
            # No name for the list: the frames of the tasks lead back to this one.
            self.failures = [
                *self.failures,
                *await run_tasks(late, self.app_state, self._threads),
            ]

    def raise_failures(self, unanswered: Exception | None) -> None:
        """Raise what nothing has answered, or else what background tasks have raised."""
        failures, self.failures = [*self.failures], ()
        try:
            if unanswered is not None:
                raise unanswered
            raise_failures(failures)
        finally:
            del unanswered, failures  # whose tracebacks hold this frame
