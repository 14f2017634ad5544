"""The functions that declare where a value comes from, under the names of FastAPI's."""

from collections.abc import Callable
from types import EllipsisType
from typing import Any, Unpack

from microfw import params
from microfw.dependencies import Depends, Security
from microfw.params import BodyOptions, FormOptions, HeaderOptions, Options

__all__ = [
    "Body",
    "Cookie",
    "Depends",
    "File",
    "Form",
    "Header",
    "Path",
    "Query",
    "Security",
]


def Path(default: EllipsisType = ..., **options: Unpack[Options]) -> Any:  # noqa: N802
    """Declare that a value is a part of the path. It is always there, and so has no default."""
    return params.Path(default, **options)


def Query(default: Any = ..., **options: Unpack[Options]) -> Any:  # noqa: N802
    """Declare that a value comes from the query string.

    Sequences take every value of a repeated key. `...` as the default means required.
    `default_factory` is called for each request that does not send the value.
    `regex` is the old name of `pattern`.

    A pattern is a regular expression of Rust's, which takes a time that is linear in the text, and
    knows neither look-around nor back-references.
    """
    return params.Query(default, **options)


def Header(default: Any = ..., **options: Unpack[HeaderOptions]) -> Any:  # noqa: N802
    """Declare that a value comes from a header: `user_agent` reads `User-Agent`.

    A list takes every value of a header that is sent several times. An alias is taken as it is;
    `convert_underscores=False` keeps the underscores.
    """
    return params.Header(default, **options)


def Cookie(default: Any = ..., **options: Unpack[Options]) -> Any:  # noqa: N802
    """Declare that a value comes from the cookie of the parameter's name, or of `alias`.

    Of several cookies of one name the last one counts.
    """
    return params.Cookie(default, **options)


def Body(default: Any = ..., **options: Unpack[BodyOptions]) -> Any:  # noqa: N802
    """Declare that a value is the request's body, or one of several that share it.

    With `embed=True`, or where a route takes several bodies, the body is an object that holds
    each value under its name. `media_type` is documented, and changes nothing else.
    """
    return params.Body(default, **options)


def Form(default: Any = ..., **options: Unpack[FormOptions]) -> Any:  # noqa: N802
    """Declare that a value is a field of a form: of `application/x-www-form-urlencoded`, or of
    `multipart/form-data` (RFC 7578).

    Sequences take every value of a repeated key. A field that is sent empty counts as not sent.
    `media_type` is documented, and changes nothing else. Needs the package python-multipart.
    """
    return params.Form(default, **options)


def File(default: Any = ..., **options: Unpack[FormOptions]) -> Any:  # noqa: N802
    """Declare that a value is a file of a form of `multipart/form-data` (RFC 7578).

    As `UploadFile`, a large one is on disk and is read as needed; as `bytes`, it is read into
    memory as a whole. A list takes every file that is sent under the name.
    Files are closed when the background tasks have run (rule B5).
    `media_type` is documented, and changes nothing else. Needs the package python-multipart.
    """
    return params.File(default, **options)


DECLARING: tuple[Callable[..., Any], ...] = (Path, Query, Header, Cookie, Body, Form, File)
"""Those that declare a value of the request."""
