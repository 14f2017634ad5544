"""microfw: an ASGI micro-framework whose request lifecycle is exact, visible and free."""

from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from microfw.applications import App
from microfw.background import BackgroundTasks
from microfw.datastructures import UploadFile
from microfw.dependencies import Depends, Security, SecurityScopes
from microfw.exceptions import (
    HTTPException,
    RequestValidationError,
    ResponseValidationError,
    WebSocketException,
    WebSocketRequestValidationError,
)
from microfw.outcome import Outcome
from microfw.param_functions import Body, Cookie, File, Form, Header, Path, Query
from microfw.responses import Response
from microfw.routing import Route, Router, WebSocketRoute

APIRouter = Router


def install_as_fastapi() -> None:
    """Answer `import fastapi`, for libraries that import it; call it before anything does.

    Every module of FastAPI's that docs/compatibility.md names is there, with microfw's names.
    FastAPI need not be installed. It is done once, however often it is called.

    Raises:
        AlreadyImportedError: FastAPI itself has been imported; the message names by whom.
    """
    from microfw._as_fastapi import install

    install()


__all__ = [
    "APIRouter",
    "App",
    "BackgroundTask",
    "BackgroundTasks",
    "Body",
    "Cookie",
    "Depends",
    "File",
    "Form",
    "HTTPConnection",
    "HTTPException",
    "Header",
    "Outcome",
    "Path",
    "Query",
    "Request",
    "RequestValidationError",
    "Response",
    "ResponseValidationError",
    "Route",
    "Router",
    "Security",
    "SecurityScopes",
    "UploadFile",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketException",
    "WebSocketRequestValidationError",
    "WebSocketRoute",
    "install_as_fastapi",
]
