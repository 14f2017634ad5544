"""What an author writes to declare where a value of the request comes from.

As a default, `q: str = Query("", max_length=50)`, or in the annotation,
`q: Annotated[str, Query(max_length=50)] = ""`.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import EllipsisType
from typing import Any, Literal, TypedDict, Unpack

from msgspec import Struct, field

from microfw._models import CONSTRAINTS, Constraints
from microfw.dependencies import Declared, ReadValue

__all__ = [
    "Body",
    "Cookie",
    "Declaration",
    "Documentation",
    "File",
    "Form",
    "Header",
    "Path",
    "Query",
    "RequestValue",
    "Source",
]


class Source(Enum):
    """The part of the request that holds a value.

    Attributes:
        place: The first entry of an error's `loc`.
    """

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"
    FORM = "form"
    FILE = "file"

    def __init__(self, value: str) -> None:
        self.place: str = "body" if value in ("form", "file") else value


class Documentation(Struct, frozen=True):
    """What a declaration tells the readers of a schema; it changes no value."""

    title: str | None = None
    description: str | None = None
    examples: Sequence[Any] | None = None
    openapi_examples: Mapping[str, Any] | None = None
    json_schema_extra: Mapping[str, Any] | None = None
    serialization_alias: str | None = None
    alias_priority: int | None = None
    deprecated: bool | str | None = None
    include_in_schema: bool = True


class Declaration(Declared, frozen=True, eq=False):
    """Where a value comes from, what is known of it, and what stands in when it is not sent."""

    source: Source
    default: Any = ...
    """`...` where the declaration names no default."""
    default_factory: Callable[[], Any] | None = None
    alias: str | None = None
    """The name in the request, where it is not the parameter's."""
    constraints: Constraints = field(default_factory=Constraints)
    documentation: Documentation = field(default_factory=Documentation)
    convert_underscores: bool = True
    """Whether a header's name has hyphens where the parameter's has underscores."""
    embed: bool = False
    """Whether the body is an object that holds the value under its name."""
    media_type: str = "application/json"

    def __repr__(self) -> str:
        """As it is written, with no more than the default."""
        default = "" if self.default is ... else self.default
        return f"{self.source.value.capitalize()}({default})"


class RequestValue(ReadValue, frozen=True, kw_only=True):
    """What a parameter of an endpoint or of a dependency reads from the request.

    Attributes:
        source: The part of the request.
        key: The name there. A body has it only where it is an object that holds several values.
        annotation: The type, in `Annotated` with what annotates it, the declaration's limits
            included.
        default: The value where none was sent; `...` where one is required or a function makes it.
        default_factory: The function.
        declaration: What the author wrote, `Query(...)`; `None` where the type alone decides.
    """

    source: Source
    default_factory: Callable[[], Any] | None = None
    declaration: Declaration | None = None

    @property
    def is_required(self) -> bool:
        """Whether a request without it is answered with an error."""
        return self.default is ... and self.default_factory is None


class Options(TypedDict, total=False):
    """What can be said of a value, wherever it comes from."""

    default_factory: Callable[[], Any]
    alias: str | None
    validation_alias: str | None
    gt: Any
    ge: Any
    lt: Any
    le: Any
    multiple_of: float | None
    min_length: int | None
    max_length: int | None
    pattern: str | None
    regex: str | None
    strict: bool | None
    allow_inf_nan: bool | None
    max_digits: int | None
    decimal_places: int | None
    title: str | None
    description: str | None
    examples: Sequence[Any] | None
    openapi_examples: Mapping[str, Any] | None
    json_schema_extra: Mapping[str, Any] | None
    serialization_alias: str | None
    alias_priority: int | None
    discriminator: Any
    union_mode: Literal["smart", "left_to_right"] | None
    fail_fast: bool | None
    deprecated: bool | str | None
    include_in_schema: bool


class HeaderOptions(Options, total=False):
    """What can be said of a header."""

    convert_underscores: bool


class BodyOptions(Options, total=False):
    """What can be said of a body."""

    embed: bool
    media_type: str


class FormOptions(Options, total=False):
    """What can be said of a form's field or file."""

    media_type: str


def Path(default: EllipsisType = ..., **options: Unpack[Options]) -> Any:  # noqa: N802
    """Declare that a value is a part of the path. It is always there, and so has no default."""
    given: Any = default
    if given is not ... or "default_factory" in options:
        raise TypeError("Path() takes no default: a path without the value is another path")
    return _declaration(Source.PATH, default, options)


def Query(default: Any = ..., **options: Unpack[Options]) -> Any:  # noqa: N802
    """Declare that a value comes from the query string.

    Sequences take every value of a repeated key. `...` as the default means required.
    `default_factory` is called for each request that does not send the value.
    `regex` is the old name of `pattern`.

    A pattern is a regular expression of Rust's, which takes a time that is linear in the text, and
    knows neither look-around nor back-references.
    """
    return _declaration(Source.QUERY, default, options)


def Header(default: Any = ..., **options: Unpack[HeaderOptions]) -> Any:  # noqa: N802
    """Declare that a value comes from a header: `user_agent` reads `User-Agent`.

    An alias is taken as it is; `convert_underscores=False` keeps the underscores.
    """
    return _declaration(Source.HEADER, default, options)


def Cookie(default: Any = ..., **options: Unpack[Options]) -> Any:  # noqa: N802
    """Declare that a value comes from a cookie."""
    return _declaration(Source.COOKIE, default, options)


def Body(default: Any = ..., **options: Unpack[BodyOptions]) -> Any:  # noqa: N802
    """Declare that a value is the request's body, or one of several that share it.

    With `embed=True`, or where a route takes several bodies, the body is an object that holds
    each value under its name. `media_type` is told to the schema alone.
    """
    return _declaration(Source.BODY, default, options)


def Form(default: Any = ..., **options: Unpack[FormOptions]) -> Any:  # noqa: N802
    """Declare that a value is a field of a form: of `application/x-www-form-urlencoded`, or of
    `multipart/form-data` (RFC 7578).

    Sequences take every value of a repeated key. A field that is sent empty counts as not sent.
    `media_type` is told to the schema alone. Needs the package python-multipart.
    """
    options.setdefault("media_type", "application/x-www-form-urlencoded")
    return _declaration(Source.FORM, default, options)


def File(default: Any = ..., **options: Unpack[FormOptions]) -> Any:  # noqa: N802
    """Declare that a value is a file of a form of `multipart/form-data` (RFC 7578).

    As `UploadFile`, a large one is on disk and is read as needed; as `bytes`, it is read into
    memory as a whole. A list takes every file that is sent under the name.
    Files are closed when the background tasks have run (rule B5).
    `media_type` is told to the schema alone. Needs the package python-multipart.
    """
    options.setdefault("media_type", "multipart/form-data")
    return _declaration(Source.FILE, default, options)


DECLARING: tuple[Callable[..., Any], ...] = (Path, Query, Header, Cookie, Body, Form, File)
"""The functions that make declarations."""

_DOCUMENTATION = Documentation.__struct_fields__
_ALWAYS = ("default_factory", "alias")
_OF_SOURCE = {
    Source.HEADER: ("convert_underscores",),
    Source.BODY: ("embed", "media_type"),
    Source.FORM: ("media_type",),
    Source.FILE: ("media_type",),
}


def _check_alias(alias: object, source: Source) -> None:
    if alias is not None and not isinstance(alias, str):
        raise TypeError(
            f"the alias of {source.value.capitalize()}() is a name, not {alias!r}; fields of a"
            " group may have several"
        )


def _declaration(source: Source, default: Any, options: Mapping[str, Any]) -> Declaration:
    rest = dict(options)
    old_pattern = rest.pop("regex", None)
    alias = rest.pop("validation_alias", None)
    if old_pattern is not None:
        rest.setdefault("pattern", old_pattern)
    if alias is not None:
        rest["alias"] = alias
    _check_alias(rest.get("alias"), source)
    constraints = Constraints(**_taken(rest, CONSTRAINTS))
    documentation = Documentation(**_taken(rest, _DOCUMENTATION))
    own = _taken(rest, (*_ALWAYS, *_OF_SOURCE.get(source, ())))
    name = source.value.capitalize()
    if rest:
        raise TypeError(f"{name}() got an unexpected keyword argument {next(iter(rest))!r}")
    if default is not ... and own.get("default_factory") is not None:
        raise TypeError(f"{name}() takes a default or a default_factory, not both")
    return Declaration(
        source=source,
        default=default,
        constraints=constraints,
        documentation=documentation,
        **own,
    )


def _taken(options: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: options.pop(name) for name in names if name in options}
