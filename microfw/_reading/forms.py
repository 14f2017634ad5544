"""Forms: received before a step reads them, parsed as they come, large files put on disk."""

import importlib.util
from collections.abc import Collection, Iterable
from typing import Any

import anyio
from anyio import CancelScope, to_thread
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as AnyUploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Scope

from microfw._models import Error, is_array, is_mapping
from microfw._reading.body_limits import Limits
from microfw._reading.query import parse_pairs
from microfw.exceptions import HTTPException

PACKAGE = "python_multipart"
_URLENCODED = b"application/x-www-form-urlencoded"


class ReceivedForm:
    """A form of one request.

    Attributes:
        data: Its fields and files, without the inputs for files in which none was selected.
        error: The answer where it could not be parsed; raised in its turn (rule V3).
    """

    __slots__ = ("_contents", "_files", "data", "error")

    def __init__(self, sent: FormData, error: HTTPException | None = None) -> None:
        items = sent.multi_items()
        self._files = [value for _, value in items if isinstance(value, AnyUploadFile)]
        self.data: FormData = sent
        if any(map(_is_unselected, self._files)):
            self.data = FormData([item for item in items if not _is_unselected(item[1])])
        self.error: HTTPException | None = error
        self._contents: dict[AnyUploadFile, bytes] = {}

    async def read(self, names: Collection[str]) -> None:
        """Read into memory the files that a step declares as `bytes`."""
        for name, value in self.data.multi_items():
            if name in names and isinstance(value, AnyUploadFile):
                self._contents[value] = await value.read()
                await value.seek(0)

    def content(self, value: Any) -> Any:
        """The content of a file, or of each in a list; text as it is."""
        if is_array(value):
            return [self._contents.get(each, each) for each in value]
        return self._contents.get(value, value)

    async def close(self) -> None:
        """Close the files, also while the request is being cancelled."""
        files = [upload.file for upload in self._files]
        self._contents.clear()
        if any(getattr(file, "_rolled", True) for file in files):
            with CancelScope(shield=True):
                # It waits for no other thread: none might be free before this request has ended.
                await to_thread.run_sync(_close, files, limiter=anyio.CapacityLimiter(1))
        else:
            _close(files)


def _is_unselected(value: Any) -> bool:
    """Tell whether a browser has sent an input for files with none in it (HTML, 4.10.21.4)."""
    return isinstance(value, AnyUploadFile) and not value.filename and not value.size


def _close(files: Iterable[Any]) -> None:
    for file in files:
        file.close()


async def receive_form(request: Request, limits: Limits) -> ReceivedForm:
    """Receive a form to its end, or to the first mistake in it.

    Raises:
        ContentTooLargeError: The body is too large.
        ClientDisconnect: The client has gone.
    """
    try:
        data = await request.form(
            max_fields=limits.max_fields,
            max_files=limits.max_files,
            max_part_size=limits.max_part_size,
        )
    except StarletteHTTPException as error:
        if error.status_code != 400:
            raise
        detail = error.detail
    except MultiPartException as error:  # outside of any application
        detail = error.message
    except ValueError:  # from an encoding that cannot be decoded
        detail = "There was an error parsing the body"
    else:
        return ReceivedForm(data)
    return ReceivedForm(FormData(), HTTPException(400, detail))


def is_urlencoded(scope: Scope) -> bool:
    """Tell whether the content type is that of a form written like a query string."""
    for name, content_type in scope["headers"]:
        if name == b"content-type":
            return bool(content_type.partition(b";")[0] == _URLENCODED)
    return False


def parse_whole(message: Message, limits: Limits) -> ReceivedForm | None:
    """Parse a form that is written like a query string, and has come in one message as most do.

    Return `None` for what has to be parsed as it comes, or is about to break a limit.
    """
    body = message.get("body", b"")
    fields = body.count(b"&") + 1
    has_more = message["type"] != "http.request" or message.get("more_body")
    if has_more or len(body) > limits.max_part_size or fields > limits.max_fields:
        return None
    pairs: Any = parse_pairs(body)
    return ReceivedForm(FormData(pairs))


def can_parse() -> bool:
    """Tell whether the package is installed that parses forms."""
    return importlib.util.find_spec(PACKAGE) is not None


def sendable(errors: list[Error]) -> list[Error]:
    """Make errors about a form fit to be sent: bytes as text, files by what is known of them."""
    for error in errors:
        error["input"] = _sendable(error["input"])
    return errors


def _sendable(value: Any) -> Any:
    if isinstance(value, AnyUploadFile):
        return {
            "filename": value.filename,
            "size": value.size,
            "headers": dict(value.headers),
        }
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if is_mapping(value):
        return {key: _sendable(each) for key, each in value.items()}
    return [_sendable(each) for each in value] if is_array(value) else value
