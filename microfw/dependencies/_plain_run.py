"""The `Run` of an execution without a response."""

from microfw.dependencies._app_values import AppValues
from microfw.dependencies._cleanup import Cleanup
from microfw.dependencies._runtime import Run


class PlainRun(Run):
    """Accompanies an execution without a response: of a task, or of scope "app"."""

    def __init__(self, cleanup: Cleanup, app_values: AppValues) -> None:
        self.cleanup = cleanup
        self.app_values = app_values
