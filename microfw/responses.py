"""A returned value -> a response; and the response classes."""

import inspect
from collections.abc import Callable
from functools import partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.responses import JSONResponse as StarletteJSONResponse

from microfw._models import ResultConverter, encode_json, parse_json
from microfw.dependencies import EMPTY, describe
from microfw.exceptions import UnresolvableAnnotationError
from microfw.sse import EventSourceResponse

__all__ = [
    "EventSourceResponse",
    "FileResponse",
    "FinalHeaders",
    "HTMLResponse",
    "JSONResponse",
    "PlainTextResponse",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
    "allows_body",
    "encode_json",
    "model_of",
    "responder",
    "response_classes_of",
]

Respond = Callable[[Any], Response]


class FinalHeaders(Response):
    """Headers and cookies of whatever response is sent, also of an exception handler's.

    Declare a parameter of this type, and set them on it. What is set on an injected `Response` is
    dropped where an exception decides. A header that the handler's response has itself stays.
    """

    status_code: Any = None
    """It has none: who decides the response decides its status."""

    def __init__(self) -> None:
        self.raw_headers: list[tuple[bytes, bytes]] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "status_code":
            raise AttributeError("FinalHeaders has no status: who decides the response decides it")
        super().__setattr__(name, value)


_UNREAD = (FileResponse, RedirectResponse, StreamingResponse)
_UNIONS = (Union, UnionType)
_TEXT = (str, bytes, bytearray, memoryview)


class JSONResponse(StarletteJSONResponse):
    """Any value as compact JSON in UTF-8, encoded by msgspec; NaN and infinity become `null`."""

    def render(self, content: Any) -> bytes:
        """Encode dataclasses, models, dates and whatever else the content holds."""
        return encode_json(content)


class EmptyResponse(Response):
    """What is sent of a result where the route's status allows no content.

    Attributes:
        with_content: What is sent of it if another status is set on the injected response.
    """

    def __init__(self, status_code: int, with_content: Response) -> None:
        super().__init__(status_code=status_code)
        self.with_content = with_content


def allows_body(status_code: int) -> bool:
    """Tell whether an answer with this status may have content (RFC 9110, section 15)."""
    return status_code >= 200 and status_code not in (204, 205, 304)


def responder(
    *,
    annotation: Any = EMPTY,
    response_class: Callable[..., Response] = JSONResponse,
    status_code: int | None = None,
    **choices: Any,
) -> Respond:
    """Make the function that turns what one route's endpoint returns into a response.

    A `Response` passes as it is. Other values are validated and filtered by the return annotation,
    by what it names beside a `Response`, then handed to `response_class` with the route's status.

    Args:
        annotation: What is returned.
        response_class: Makes a response of it.
        status_code: That of the response; the class's own where it is `None`.
        **choices: What is sent of it; see `ResultConverter`.

    Raises:
        UnsupportedTypeError: The annotation is no type of values.
    """
    made = made_by(response_class, Response)
    is_unread = issubclass(made, _UNREAD)  # a path, a URL, something to iterate over
    results = ResultConverter(None if is_unread else model_of(annotation), **choices)
    if response_class in (JSONResponse, StarletteJSONResponse):
        respond = _json_responder(results, 200 if status_code is None else status_code)
    else:
        content_of = _content_of(results, response_class, made)
        respond = _class_responder(content_of, maker_of(response_class), status_code)
    if status_code is not None and not allows_body(status_code):
        return _empty_responder(respond, status_code)
    return respond


def _json_responder(results: ResultConverter, status_code: int) -> Respond:
    content_type = (b"content-type", b"application/json")
    encode = results.encode

    def respond(value: Any) -> Response:
        if isinstance(value, Response):
            return value
        # What the constructor does, without what it would have to find out first.
        body = encode(value)
        response = JSONResponse.__new__(JSONResponse)
        response.status_code = status_code
        response.background = None
        response.body = body
        response.raw_headers = [(b"content-length", b"%d" % len(body)), content_type]
        return response

    return respond


def _empty_responder(respond: Respond, status_code: int) -> Respond:
    def respond_without_content(value: Any) -> Response:
        response = respond(value)  # it has to fit, even if it is not sent
        return response if response is value else EmptyResponse(status_code, response)

    return respond_without_content


def _class_responder(
    content_of: Callable[[Any], Any], make: Callable[..., Response], status_code: int | None
) -> Respond:
    arguments: dict[str, Any] = {} if status_code is None else {"status_code": status_code}

    def respond(value: Any) -> Response:
        if isinstance(value, Response):
            return value
        return make(content_of(value), **arguments)

    return respond


def _content_of(
    results: ResultConverter, response_class: Callable[..., Response], made: type[Response]
) -> Callable[[Any], Any]:
    """What a class of responses, or a function, is called with for a value that was returned."""
    if issubclass(made, _UNREAD) or (made is response_class and made.render is Response.render):
        return results.narrow
    encode, narrow = results.encode, results.narrow

    def plain(value: Any) -> Any:
        """What renders values its own way, gets plain data."""
        return narrow(value) if isinstance(value, _TEXT) else parse_json(encode(value))

    return plain


def made_by(response_class: Callable[..., Response], unsaid: type[Response]) -> type[Response]:
    """Find the class of the responses that a `response_class` makes, as far as that shows.

    Args:
        response_class: A class, a partial, or a function.
        unsaid: What a function makes whose return annotation does not say it.
    """
    if isinstance(response_class, type):
        return response_class
    signature, given = inspect.signature(response_class), dict[str, Any]()
    if isinstance(response_class, partial):
        kind, given = made_by(response_class.func, unsaid), response_class.keywords
    else:
        kind = _response_of(_returned_by(response_class)) or unsaid
    own = {
        "media_type": given.get("media_type", kind.media_type),
        "__signature__": signature,
    }
    return type(kind.__name__, (kind,), own)


def _returned_by(function: Callable[..., Any]) -> Any:
    try:
        return describe(function).returns
    except UnresolvableAnnotationError:
        return EMPTY


def maker_of(
    response_class: Callable[..., Any], kind: type[Response] = Response
) -> Callable[..., Any]:
    """Return what makes responses: a class as it is, a function held to its word."""
    if isinstance(response_class, type):
        return response_class

    def make(content: Any, **arguments: Any) -> Response:
        made = response_class(content, **arguments)
        if not isinstance(made, kind):
            raise TypeError(
                f"response_class={response_class!r} returned {made!r}, which is no {kind.__name__}"
            )
        return made

    return make


def model_of(annotation: Any) -> Any:
    """Find what results are validated by: the annotation without what it says of responses."""
    members = _members(annotation)
    values = [member for member in members if _response_of(member) is None]
    if annotation is EMPTY or not values:
        return None
    return annotation if len(values) == len(members) else Union[tuple(values)]  # noqa: UP007 - made


def response_classes_of(annotation: Any) -> list[type[Response] | None]:
    """Find which response each member of an annotation is; `None` of what is none."""
    return [_response_of(member) for member in _members(annotation)]


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)


def _response_of(kind: Any) -> type[Response] | None:
    if get_origin(kind) is Annotated:
        return _response_of(kind.__origin__)
    return kind if isinstance(kind, type) and issubclass(kind, Response) else None
