"""Serves the timeline beside an application, outside of all that is around that."""

from starlette.types import Receive, Scope, Send

from microfw.applications import App
from microfw.param_functions import Depends
from microfw.timeline._loopback import require_loopback
from microfw.timeline._page import Timeline

PATH = "/_microfw"


class WithTimeline:
    """An application, and its timeline at `/_microfw` for the machine itself.

    Attributes:
        app: The application; everything else goes to it.
        timeline: The page.
    """

    def __init__(self, app: App, *, values: bool = False) -> None:
        self.app = app
        guards = [Depends(require_loopback)]
        self.timeline: Timeline = Timeline(app, dependencies=guards, values=values)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        inner = path.removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not (inner == PATH or inner.startswith(f"{PATH}/")):
            await self.app(scope, receive, send)
            return
        own = {**scope, "root_path": scope.get("root_path", "") + PATH}
        if inner == PATH:
            own["path"] = f"{path}/"
        await self.timeline(own, receive, send)
