"""The `Response` that dependencies write into."""

from typing import Any

from starlette.responses import Response

UNSET_STATUS: Any = None
"""The status of the injected response, until a step sets it; `None`, as in FastAPI."""


def injected_response() -> Response:
    """Make a response without a status and headers, as dependencies get it."""
    response = Response()
    response.status_code = UNSET_STATUS
    response.raw_headers = []
    return response
