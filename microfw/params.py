"""What an author writes to declare where a value of the request comes from, as FastAPI has it.

As a default, `q: str = Query("", max_length=50)`, or in the annotation,
`q: Annotated[str, Query(max_length=50)] = ""`. The functions of these names, which `microfw` has,
return what the classes here make; so do those for dependencies.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from enum import Enum
from functools import cache, cached_property
from typing import Any, ClassVar, Literal, TypedDict, Unpack

from msgspec import Struct

from microfw._models import CONSTRAINTS, Constraints
from microfw.dependencies import Declared, ReadValue
from microfw.dependencies import Dependency as Depends
from microfw.dependencies import SecurityDependency as Security

__all__ = [
    "AnyOptions",
    "Body",
    "BodyOptions",
    "Cookie",
    "Declaration",
    "Depends",
    "Documentation",
    "File",
    "Form",
    "FormOptions",
    "Header",
    "HeaderOptions",
    "Options",
    "Param",
    "ParamTypes",
    "Path",
    "Query",
    "RequestValue",
    "Security",
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
    """The documentation in a declaration; it changes no value."""

    title: str | None = None
    description: str | None = None
    examples: Sequence[Any] | None = None
    openapi_examples: Mapping[str, Any] | None = None
    json_schema_extra: Mapping[str, Any] | None = None
    serialization_alias: str | None = None
    alias_priority: int | None = None
    deprecated: bool | str | None = None
    include_in_schema: bool = True


class Options(TypedDict, total=False):
    """The options of a value, wherever it comes from."""

    default_factory: Callable[[], Any]
    alias: str | None
    validation_alias: Any
    validate_default: bool | None
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
    example: Any
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
    """The options of a header."""

    convert_underscores: bool


class BodyOptions(Options, total=False):
    """The options of a body."""

    embed: bool
    media_type: str


class FormOptions(Options, total=False):
    """The options of a form's field or file."""

    media_type: str


class AnyOptions(HeaderOptions, BodyOptions, total=False):
    """The options of some kinds of values."""


_DOCUMENTATION = Documentation.__struct_fields__
_OWN = frozenset(
    {"include_in_schema", "openapi_examples", "convert_underscores", "embed", "media_type"}
)
"""The options that are attributes here, which pydantic's fields do not have."""


def _with_new_names(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options with `pattern` for `regex`, and `examples` for `example`."""
    pattern, example = options.get("regex"), options.get("example", ...)
    if pattern is None and example is ...:
        return options
    renamed = {name: value for name, value in options.items() if name not in ("regex", "example")}
    if pattern is not None:
        renamed.setdefault("pattern", pattern)
    if example is not ...:
        renamed.setdefault("examples", [example])
    return renamed


def keys_in(alias: Any) -> tuple[str, ...]:
    """The names in an alias: one, or those of `AliasChoices`.

    None of one with an `AliasPath`, which says nothing about a parameter, as in FastAPI.
    """
    choices = getattr(alias, "choices", [alias])
    return tuple(choices) if all(isinstance(choice, str) for choice in choices) else ()


class Kept(Struct, frozen=True):
    """Keeps a declaration among what annotates a model's field, which pydantic merges with it."""

    declaration: "Declaration"


@cache
def _field_class() -> Any:
    """A class of pydantic's fields: of a subclass pydantic keeps what others change in a field."""
    from pydantic.fields import FieldInfo

    return type("FieldInfo", (FieldInfo,), {"__slots__": (), "__module__": FieldInfo.__module__})


_OF_FIELDS = ("default_factory", "alias", "validation_alias", "title", "description", "deprecated")


class Declaration(Declared):
    """Where a value comes from, its limits and documentation, and its default.

    To pydantic it is a field, as FastAPI's are: a model may have it as a default, and what a field
    tells can be read here. The field is made when something asks, for pydantic need not be
    imported; most declarations are read by routes alone.

    Attributes:
        source: The part of the request.
        given: The options, as they are written.
        convert_underscores: Whether a header's name has hyphens where the parameter's has
            underscores.
        embed: Whether the body is an object that holds the value under its name.

    Raises:
        TypeError: There is no such option, or two exclude each other.
    """

    source: ClassVar[Source]
    accepted: ClassVar[frozenset[str]] = Options.__optional_keys__
    given: Mapping[str, Any]
    include_in_schema: bool = True
    openapi_examples: Mapping[str, Any] | None = None
    convert_underscores: bool = True
    embed: bool = False
    media_type: str = "application/json"

    def __init__(
        self, default: Any = ..., *, annotation: Any = None, **options: Unpack[AnyOptions]
    ) -> None:
        self.given = _with_new_names(options) if options else {}
        if default is not ...:
            self.default = default
        if annotation is not None:
            self.annotation = annotation
        if options:
            self._check()
            for name in _OWN.intersection(options):
                setattr(self, name, self.given[name])

    def _check(self) -> None:
        word = type(self).__name__
        for name in self.given:
            if name not in self.accepted:
                raise TypeError(f"{word}() got an unexpected keyword argument {name!r}")
        if self.has_default and self.given.get("default_factory") is not None:
            raise TypeError(f"{word}() takes a default or a default_factory, not both")

    @property  # type: ignore[misc] # it is not set
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class that `isinstance` finds besides its own: that of pydantic's fields."""
        fields: Any = sys.modules.get("pydantic.fields")
        return getattr(fields, "FieldInfo", type(self))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "given" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return getattr(self.field, name)

    @cached_property
    def field(self) -> Any:
        """The field of pydantic's that says the same."""
        from pydantic.fields import FieldInfo

        given = {name: value for name, value in self.given.items() if name not in _OWN}
        for alias in ("validation_alias", "serialization_alias"):
            given[alias] = given.get(alias) or given.get("alias")
        names = {*vars(self)}.intersection(FieldInfo.__slots__)
        field = _field_class()(**given, **{name: getattr(self, name) for name in names})
        field.metadata.append(Kept(self))
        return field

    def of_field(self, field: Any, required: bool) -> "Declaration":
        """The same declaration, with what a model's field says that was made of it."""
        it = copy(self)
        vars(it).pop("field", None)
        vars(it).pop("default", None)
        said = {name: getattr(field, name, None) for name in _OF_FIELDS}
        kept = {name: value for name, value in self.given.items() if name not in CONSTRAINTS}
        it.given = {**kept, **{name: value for name, value in said.items() if value is not None}}
        if not required and field.default_factory is None:
            it.default = field.default
        return it

    def __repr__(self) -> str:
        """As it is written, with no more than the default."""
        return f"{type(self).__name__}({self.default if self.has_default else ''})"

    @property
    def has_default(self) -> bool:
        """Whether a default is named, or `None` is."""
        return "default" in vars(self)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names in the request, where they are not the parameter's."""
        return keys_in(self.given.get("validation_alias") or self.given.get("alias"))

    @property
    def constraints(self) -> Constraints:
        """The limits on the value."""
        return Constraints(**{n: self.given[n] for n in CONSTRAINTS if n in self.given})

    @property
    def documentation(self) -> Documentation:
        """What it says to the readers of a schema."""
        return Documentation(**{n: self.given[n] for n in _DOCUMENTATION if n in self.given})


class ParamTypes(Enum):
    """Where parameters are, in OpenAPI's words."""

    query = "query"
    header = "header"
    path = "path"
    cookie = "cookie"


class Param(Declaration):
    """A value that is a parameter in OpenAPI; of the query string, where no subclass says more."""

    source = Source.QUERY
    in_: ClassVar[ParamTypes]


class Path(Param):
    """A part of the path. It is always there, and so has no default."""

    source = Source.PATH
    in_ = ParamTypes.path

    def __init__(self, default: Any = ..., **options: Unpack[AnyOptions]) -> None:
        if default is not ...:
            raise TypeError("Path() takes no default: a path without the value is another path")
        super().__init__(**options)


class Query(Param):
    """A value of the query string."""

    in_ = ParamTypes.query


class Header(Param):
    """A header."""

    source = Source.HEADER
    in_ = ParamTypes.header
    accepted: ClassVar[frozenset[str]] = HeaderOptions.__optional_keys__


class Cookie(Param):
    """A cookie."""

    source = Source.COOKIE
    in_ = ParamTypes.cookie


class Body(Declaration):
    """The body, or one of several values that share it."""

    source = Source.BODY
    accepted: ClassVar[frozenset[str]] = BodyOptions.__optional_keys__


class Form(Body):
    """A field of a form."""

    source = Source.FORM
    accepted: ClassVar[frozenset[str]] = FormOptions.__optional_keys__
    media_type = "application/x-www-form-urlencoded"


class File(Form):
    """A file of a form."""

    source = Source.FILE
    media_type = "multipart/form-data"


class RequestValue(ReadValue, frozen=True, kw_only=True):
    """What a parameter of an endpoint or of a dependency reads from the request.

    Attributes:
        source: The part of the request.
        key: The name there. A body has it only where it is an object that holds several values.
        annotation: The type, in `Annotated` with what annotates it, the declaration's limits
            included.
        default: The value where none was sent; `...` where one is required or a function makes it.
        default_factory: The function.
        others: Further names, where the value may be sent under one of several.
        validates_default: Whether the default has to fit, as what is sent has.
        declaration: What the author wrote, `Query(...)`; `None` where the type alone decides.
    """

    source: Source
    default_factory: Callable[[], Any] | None = None
    others: tuple[str, ...] = ()
    validates_default: bool = False
    declaration: Declaration | None = None

    @property
    def is_required(self) -> bool:
        """Whether a request without it is answered with an error."""
        return self.default is ... and self.default_factory is None
