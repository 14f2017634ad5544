"""What the requests of both protocols have in common."""

from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Scope
from starlette.websockets import WebSocketDisconnect

from microfw._answering.state import AppState
from microfw._reading import QueryValues
from microfw.dependencies import Run, error_of_swallowing
from microfw.exceptions import SwallowedExceptionError


class Connection(Run):
    """What the requests of both protocols have in common.

    Attributes:
        connection: Starlette's object for it; the same wherever it is injected.
        decoded_body: What the first reader of the body has made of it.
        started: Whether the response has started, so that nothing can change it any more (E7).
        query_values: What the first reader of the query string has found in it.
    """

    body: bytes = b""
    decoded_body: Any = None
    started = False
    query_values: QueryValues | None = None
    connection: Any

    def __init__(self, app_state: AppState, scope: Scope) -> None:
        super().__init__(app_state.cleanup, app_state.app_values)
        self.app_state = app_state
        self.scope = scope

    def swallowed_error(self) -> Exception:
        """The error for an exception without which there is nothing to answer with.

        That the client has gone is no error, whoever swallowed it: there is nobody to answer.
        """
        swallowed = self.swallowed
        if swallowed and isinstance(swallowed.error, ClientDisconnect | WebSocketDisconnect):
            return swallowed.error
        return (
            error_of_swallowing(swallowed)
            if swallowed
            else SwallowedExceptionError("a dependency swallowed an exception")
        )
