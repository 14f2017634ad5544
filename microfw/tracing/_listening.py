"""The listeners to the traces of an application, and the layer that makes them.

Without a listener there is no layer, and the routes' plans run as they are. The first listener puts
the layer around the application's middleware, and has executions below it use the watched variant
of each plan, which is compiled when it is first needed.
"""

import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Protocol, Self

from starlette.types import ASGIApp, Receive, Scope, Send

from microfw.dependencies import OverridesInForce, Tracer, current_tracer
from microfw.tracing._ongoing import KEY, OngoingTrace
from microfw.tracing._sinks import Listener, Predicate, Sink
from microfw.tracing._trace import Trace

logger = logging.getLogger("microfw")


class Traceable(Protocol):
    """An application, as far as tracing needs to know it."""

    middleware_stack: ASGIApp | None

    @property
    def tracing(self) -> "Tracing":
        """The listeners."""
        ...


class Tracing:
    """The listeners to the traces of an application: `app.tracing`.

    Args:
        app: The application.
        overrides: Those of the application and of the applications mounted in it.
    """

    def __init__(self, app: Traceable, overrides: Callable[[], Iterable[OverridesInForce]]) -> None:
        self._app = app
        self._overrides = overrides
        self._sinks: list[Sink] = []
        self._watched: list[OverridesInForce] = []

    @property
    def is_on(self) -> bool:
        """Whether there is a listener."""
        return bool(self._sinks)

    def listen(
        self, to: Sink | Callable[[Trace], object], *, when: Predicate | None = None
    ) -> "Listening":
        """Trace requests, WebSockets, tasks and the next start-up from now on.

        Args:
            to: Is called with each trace when all has happened: the response is sent, exit code
                and background tasks have run. It must not wait. Or a `Sink`.
            when: Chooses by the ASGI scope what is traced, before anything runs; for a function.

        Returns:
            What ends it, by `stop()` or as a context manager.
        """
        sink = to if isinstance(to, Sink) else Listener(to, when)
        self._sinks = [*self._sinks, sink]
        self.refresh()
        stack = self._app.middleware_stack
        if stack is not None and not isinstance(stack, Layer):
            self._app.middleware_stack = Layer(stack, self)
        return Listening(self, sink)

    def remove(self, sink: Sink) -> None:
        """Stop telling a sink of traces."""
        self._sinks = [each for each in self._sinks if each is not sink]
        if self._sinks:
            return
        for overrides in self._watched:
            overrides.unwatch(self)
        self._watched = []
        self._app.middleware_stack = without_layer(self._app.middleware_stack)

    def refresh(self) -> None:
        """Trace the applications that are mounted, too."""
        for overrides in self._overrides():
            overrides.watch(self)
            self._watched.append(overrides)

    def around(self, stack: ASGIApp) -> ASGIApp:
        """Put the layer around an application's middleware, if there is a listener."""
        if not self._sinks:
            return stack
        self.refresh()
        return Layer(stack, self)

    def of_task(self, name: str, app: object) -> AbstractContextManager[object]:
        """Trace what is called outside of a request while a `with` block runs, if that is wanted.

        Its ASGI scope, so to speak, is of the type `"task"`, and the name is its path.
        """
        scope: Scope = {"type": "task", "path": name, "method": "TASK", "app": app}
        sinks = self.wanted(scope)
        return OngoingTrace(scope, sinks) if sinks else nullcontext()

    def of_lifespan(self, app: object) -> Callable[[str], AbstractContextManager[object]]:
        """Trace a start-up, and the shutdown that ends it, if that is wanted at start-up.

        Returns:
            A function of the name of a phase, which is traced while a `with` block runs. It is
            called at start-up first, and at shutdown then.
        """
        tracer: Tracer | None = None

        def phase(name: str) -> AbstractContextManager[object]:
            nonlocal tracer
            scope: Scope = {"type": "lifespan", "path": name, "method": "LIFESPAN", "app": app}
            sinks = self.wanted(scope)
            if tracer is not None:
                tracer.restart()
            elif sinks and name == "start-up":
                tracer = Tracer()
            else:
                return nullcontext()
            return OngoingTrace(scope, sinks, tracer)

        return phase

    @contextmanager
    def of_message(self, name: str, app: object) -> Generator[None]:
        """Trace a task of a queue while a `with` block runs, apart from what has sent its message.

        In the process that sends it a task inherits the context of a request, whose trace ends
        without it.
        """
        token = current_tracer.set(None)
        try:
            with self.of_task(name, app):
                yield
        finally:
            current_tracer.reset(token)

    def wanted(self, scope: Scope) -> list[Sink]:
        """The listeners that want a trace of a request."""
        return [sink for sink in self._sinks if _wants(sink, scope)]


def _wants(sink: Sink, scope: Scope) -> bool:
    try:
        return sink.wants(scope)
    except Exception:
        logger.exception("a listener to traces failed to choose, and does not get this one")
        return False


def without_layer(stack: ASGIApp | None) -> ASGIApp | None:
    """The middleware inside of the layer."""
    return stack.app if isinstance(stack, Layer) else stack


class Listening:
    """Ends the listening of one sink, by `stop()` or as a context manager."""

    def __init__(self, tracing: Tracing, sink: Sink) -> None:
        self._tracing = tracing
        self._sink = sink

    def stop(self) -> None:
        """Listen no longer; what is under way is still traced."""
        self._tracing.remove(self._sink)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Layer:
    """The outermost layer of an application that has listeners.

    Attributes:
        app: What is inside of it.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sinks = self._tracing.wanted(scope) if scope["type"] in ("http", "websocket") else []
        outer: OngoingTrace | None = scope.get(KEY)
        if outer is not None:
            outer.add(sinks)
        if outer is not None or not sinks:
            await self.app(scope, receive, send)
            return
        await self._record(OngoingTrace(scope, sinks), receive, send)

    async def _record(self, recorded: OngoingTrace, receive: Receive, send: Send) -> None:
        with recorded:
            await self.app(recorded.scope, recorded.receiving(receive), recorded.sending(send))


@contextmanager
def trace_requests(app: Traceable) -> Generator[list[Trace]]:
    """Collect the traces of requests, WebSockets and tasks while a `with` block runs.

    ```python
    with trace_requests(app) as traces:
        client.post("/orders", json={"tea": 2})
    assert traces[0].order == ["setup get_session", "endpoint create_order", ...]
    ```
    """
    traces: list[Trace] = []
    with app.tracing.listen(traces.append, when=lambda scope: scope["type"] != "lifespan"):
        yield traces
