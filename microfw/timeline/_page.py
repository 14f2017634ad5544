"""The page, and what it asks for."""

import logging
from collections.abc import AsyncIterator, Sequence
from html import escape
from importlib.resources import files
from typing import Annotated, Any

from starlette.datastructures import URL

from microfw.applications import App
from microfw.exceptions import HTTPException
from microfw.param_functions import Header
from microfw.requests import Request
from microfw.responses import HTMLResponse, Response
from microfw.sse import EventSourceResponse, ServerSentEvent
from microfw.timeline._application import Application, described
from microfw.timeline._keeping import LogCollector, Summary, Traces, summary_of
from microfw.tracing import Listening, Trace

DEFAULT_KEPT = 1000

_FILES = {
    "timeline.css": "text/css",
    **dict.fromkeys(["timeline.js", "trace.js", "application.js", "html.js"], "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Timeline(App):
    """A page that shows what the last requests of an application ran through.

    It shows the code and the names of an application; so mount it behind a dependency that lets in
    only those who may see that:

    ```python
    app.mount("/timeline", Timeline(app, dependencies=[Depends(require_admin)]))
    ```

    `microfw dev` serves it at `/_microfw`, to the machine itself only. Requests for the pages of
    the documentation are left out. Bodies and values of parameters are kept only if asked for.

    Args:
        app: The application that is watched, from now on.
        dependencies: Run ahead of each of the page's own requests.
        kept: How many traces are kept, and how many of tasks.
        values: Whether what was read of requests is shown, shortened and without secrets; see
            `ShownValue`.

    Attributes:
        traces: What is kept.
    """

    def __init__(
        self,
        app: App,
        *,
        dependencies: Sequence[Any] | None = None,
        kept: int = DEFAULT_KEPT,
        values: bool = False,
    ) -> None:
        super().__init__(openapi_url=None, dependencies=dependencies)
        self.traces: Traces = Traces(kept, self, values=values)
        self._watched = app
        self._listening: Listening = app.tracing.listen(self.traces)
        self._collector = LogCollector()
        logging.getLogger().addHandler(self._collector)
        self.get("/")(self._show)
        self.get("/traces")(self._list)
        self.delete("/traces", status_code=204)(self._clear)
        self.get("/traces/{number}")(self._read)
        self.get("/events", response_class=EventSourceResponse)(self._follow)
        self.get("/application")(self._describe)
        self.get("/{name}")(self._serve)

    def stop(self) -> None:
        """Watch the application no longer; what is kept can still be seen."""
        self._listening.stop()
        logging.getLogger().removeHandler(self._collector)

    async def _show(self, request: Request) -> Response:
        base = escape(URL(scope=request.scope).path.rstrip("/"))
        text = (files("microfw.timeline") / "assets" / "timeline.html").read_text(encoding="utf-8")
        page = text.replace("{base}", base).replace("{title}", escape(self._watched.title))
        return HTMLResponse(page, headers=_HEADERS)

    async def _serve(self, name: str) -> Response:
        if name not in _FILES:
            raise HTTPException(404)
        content = (files("microfw.timeline") / "assets" / name).read_bytes()
        return Response(content, headers=_HEADERS, media_type=_FILES[name])

    async def _list(self) -> list[Summary]:
        return [summary_of(each) for each in self.traces.after(0)]

    async def _clear(self) -> None:
        self.traces.clear()

    async def _read(self, number: int) -> Trace:
        trace = self.traces.find(number)
        if trace is None:
            raise HTTPException(404, "it is kept no longer")
        return trace

    async def _follow(
        self, after: int = 0, last_event_id: Annotated[int, Header()] = 0
    ) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(comment="here")  # so that the page knows that it is connected
        number = max(after, last_event_id)
        while True:
            for kept in await self.traces.next_after(number):
                number = kept.number
                yield ServerSentEvent(data=summary_of(kept), id=str(number))

    async def _describe(self) -> Application:
        return described(self._watched, self.traces.under_way())
