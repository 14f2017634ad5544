"""Every error, with its text.

Three families: mistakes of an author, raised when a route is added (`RegistrationError`),
failures of the lifecycle at run time (`LifecycleError`), and the exceptions with which a request
is answered (`HTTPException`, `RequestValidationError`, ...).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypedDict

import starlette.exceptions
from starlette.exceptions import WebSocketException

__all__ = [
    "AlreadyImportedError",
    "AppScopeError",
    "CleanupTimeoutError",
    "CustomHandlerError",
    "CycleError",
    "DeclarationError",
    "EndpointContext",
    "EndpointError",
    "HTTPException",
    "IncludeError",
    "LifecycleError",
    "LimitError",
    "MissingPackageError",
    "MultipleBodiesError",
    "NotAwaitedError",
    "NotCallableError",
    "OverrideError",
    "PathError",
    "PathParameterError",
    "RegistrationError",
    "RequestValidationError",
    "RequestValueError",
    "ResponseTypeError",
    "ResponseValidationError",
    "ScopeError",
    "SwallowedExceptionError",
    "TaskQueueError",
    "TaskValidationError",
    "UnfillableParameterError",
    "UnresolvableAnnotationError",
    "ValidationError",
    "WebSocketException",
    "WebSocketRequestValidationError",
    "YieldError",
]


class MicrofwError(Exception):
    """The base of microfw's own errors."""


class RegistrationError(MicrofwError):
    """A mistake in a declaration, raised when the route (task, override) is added.

    Attributes:
        what: The mistake, in a sentence.
        where: `qualname (file.py:line)` of the callable that holds it.
        path: The names of the callables from the endpoint down to it.
        cure: What to write instead.
    """

    def __init__(self, what: str, *, where: str, cure: str, path: Sequence[str] = ()) -> None:
        self.what = what
        self.where = where
        self.path: tuple[str, ...] = tuple(path)
        self.cure = cure
        lines = [what, f"  in:   {where}"]
        if len(self.path) > 1:
            lines.append(f"  path: {' -> '.join(self.path)}")
        lines.append(f"  cure: {cure}")
        super().__init__("\n".join(lines))

    def below(self, path: Sequence[str]) -> Self:
        """The same mistake, with the path that led to it."""
        return type(self)(self.what, where=self.where, cure=self.cure, path=path)


class CycleError(RegistrationError):
    """A dependency depends on itself, directly or through others."""


class ScopeError(RegistrationError):
    """A dependency of a wider scope uses one of a narrower scope, or the scope is unknown."""


class UnfillableParameterError(RegistrationError):
    """A parameter that neither the request nor a dependency can fill."""


class PathParameterError(RegistrationError):
    """The path's parameters and the function's do not match."""


class NotCallableError(RegistrationError):
    """`Depends(...)`, or a background task, of something that cannot be called."""


class DeclarationError(RegistrationError):
    """A declaration is written so that it says nothing, or two things at once."""


class EndpointError(RegistrationError):
    """An endpoint cannot be called, or cannot answer: a class, a WebSocket's that is not async or
    yields.
    """


class ResponseTypeError(RegistrationError):
    """The return annotation, or `response_model=`, is no type that can be sent."""


class IncludeError(RegistrationError):
    """Something is included that is no router, or is the very router that includes it."""


class PathError(RegistrationError):
    """A path or prefix is malformed: without its first slash, for example, or empty."""


class MissingPackageError(RegistrationError):
    """What is declared needs a package that is not installed."""


class MultipleBodiesError(RegistrationError):
    """More than one parameter wants the request's body."""


class RequestValueError(RegistrationError):
    """A value of the request is declared where there is no request: app scope, or a task."""


class UnresolvableAnnotationError(RegistrationError):
    """An annotation names something that cannot be found."""


class AlreadyImportedError(RegistrationError):
    """FastAPI itself is imported already, where microfw was to take its place."""


class OverrideError(RegistrationError):
    """A dependency is overridden with something that cannot be called."""


class LifecycleError(MicrofwError, RuntimeError):
    """A function broke a rule of the lifecycle while a request, a task or start-up ran.

    It is raised where that was found, and answered with 500 like any other exception.
    """


class YieldError(LifecycleError):
    """A yield dependency did not yield, or yielded twice."""


class NotAwaitedError(LifecycleError):
    """A sync function returned a coroutine: `await` was forgotten."""


class SwallowedExceptionError(LifecycleError):
    """A dependency swallowed the exception on which the answer depended.

    The swallowed exception is this one's `__cause__`.
    """


class AppScopeError(LifecycleError):
    """A dependency of scope `"app"` is used while the application's lifespan does not run."""


class TaskQueueError(LifecycleError):
    """Tasks cannot be sent or run here."""


class LimitError(LifecycleError):
    """What holds all places of a `max_concurrency` waits for more of them."""


class CustomHandlerError(LifecycleError):
    """A custom handler (`Route.get_route_handler`) returned no response, or the handler that it
    wraps was called elsewhere.
    """


class CleanupTimeoutError(LifecycleError, TimeoutError):
    """Exit code took longer than `App(cleanup_timeout=...)` seconds and was cancelled."""


class HTTPException(starlette.exceptions.HTTPException):
    """Answer the request with this status, raised from an endpoint or a dependency.

    Args:
        status_code: The answer's status (RFC 9110, section 15).
        detail: Any JSON value, sent as `{"detail": ...}`; the status's phrase where it is left out.
        headers: Headers of the answer.
    """

    def __init__(
        self, status_code: int, detail: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status_code=status_code, detail=detail, headers=headers)


class EndpointContext(TypedDict, total=False):
    """Where an endpoint is, for `ValidationError(errors, endpoint_ctx=...)`.

    Attributes:
        function: Its name.
        path: The method and the path, `GET /items`.
        file: Where it is defined.
        line: And in which line.
    """

    function: str
    path: str
    file: str
    line: int


class ValidationError(MicrofwError):
    """Values that do not fit their declarations.

    Attributes of each error: `type` (one of pydantic's list of error types), `loc` (source, then
    names and indices down to the value), `msg`, `input` (what was received).

    Attributes:
        body: What was received, or returned.
        endpoint_function: The endpoint's name, where it is known.
        endpoint_path: The route, `GET /items`.
        endpoint_file: Where the endpoint is defined.
        endpoint_line: And in which line.
    """

    def __init__(
        self,
        errors: Sequence[Mapping[str, Any]],
        *,
        body: Any = None,
        endpoint_ctx: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(errors)
        self._errors = list(errors)
        self.body = body
        endpoint = endpoint_ctx or {}
        self.endpoint_function: str | None = endpoint.get("function")
        self.endpoint_path: str | None = endpoint.get("path")
        self.endpoint_file: str | None = endpoint.get("file")
        self.endpoint_line: int | None = endpoint.get("line")

    def errors(self) -> list[Mapping[str, Any]]:
        """All errors, in the order in which the steps of the request read their values."""
        return self._errors

    def __str__(self) -> str:
        count = len(self._errors)
        lines = [f"{count} validation error{'s' if count != 1 else ''}"]
        for error in self._errors:
            place = ".".join(str(part) for part in error["loc"])
            lines.append(_on_one_line(f"  {place}: {error['msg']} ({error['type']})"))
        if self.endpoint_path is not None:
            lines.append(f"  in: {self.endpoint_path}, {self.endpoint_function}")
        if self.endpoint_path is not None and self.endpoint_file is not None:
            lines[-1] += f" ({self.endpoint_file}:{self.endpoint_line})"
        return "\n".join(lines)


def _on_one_line(text: str) -> str:
    """Escape what would break a line of a log; keys are a client's."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class RequestValidationError(ValidationError):
    """The client's values are invalid; answered with 422.

    It is raised ahead of the endpoint, when the dependencies have run that need no invalid value
    (rule V2). Those that are open see it at their `yield`. An exception handler for this class can
    answer otherwise; `errors()` has all errors, and `body` the body that was received.

    Of each parameter the first 1,000 errors are kept: looking for more would let a client decide
    how long an answer takes. Only pydantic's models are checked to their end, whatever is wrong.
    """


class WebSocketRequestValidationError(ValidationError):
    """The values of a WebSocket handshake are invalid; it is refused (1008, or 403)."""


class TaskValidationError(ValidationError):
    """The message for a task holds invalid values; the task does not run."""


class ResponseValidationError(ValidationError):
    """What an endpoint returned does not fit its return annotation, or `response_model=`.

    The client gets a 500 without details; dependencies that are open see this at their `yield`.
    `errors()` says what does not fit, and `body` is what was returned.
    """
