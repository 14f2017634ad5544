"""One parameter -> how its value is read from the request.

Decided when a route is added, by these rules, in this order:

1. The type alone says what it is: `Request`, `WebSocket`, `HTTPConnection`, `Response`,
   `BackgroundTasks`.
2. A declaration, `Query()`, `Header()`, ..., says where the value comes from.
3. A name that stands in the path is read from there.
4. An `UploadFile`, or a list of them, comes from a form.
5. What one piece of text can hold comes from the query string, everything else from the body.

The values of one function are read from the path first, then from the query string, the headers,
the cookies and the body, so that errors are told in this order.
"""

from collections.abc import Callable, Collection
from functools import cache
from types import FunctionType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from starlette.background import BackgroundTasks
from starlette.datastructures import UploadFile
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import PARAM_REGEX
from starlette.websockets import WebSocket

from microfw._forms import can_parse
from microfw._groups import group_reader, members_of, names_of
from microfw._models import (
    ConstraintError,
    Constraints,
    Convert,
    Field,
    Group,
    JSONConverter,
    UnsupportedTypeError,
    group_of,
    is_builtin,
    is_field,
    is_scalar,
    is_scalar_sequence,
    text_converter,
)
from microfw._readers import (
    Bodies,
    Read,
    body_reader,
    form_reader,
    outer_reader,
    text_reader,
)
from microfw.dependencies import (
    EMPTY,
    Attribute,
    Constant,
    Declared,
    Parameter,
    Reader,
    Signature,
    Site,
    Surrounding,
)
from microfw.exceptions import (
    DeclarationError,
    MissingPackageError,
    MultipleBodiesError,
    PathParameterError,
    RegistrationError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)
from microfw.params import DECLARING, Declaration, RequestValue, Source

_BY_TYPE: tuple[tuple[type[Any], str], ...] = (
    (Request, "request"),
    (WebSocket, "websocket"),
    (HTTPConnection, "connection"),
    (Response, "response"),
    (BackgroundTasks, "tasks"),
)
_CONNECTIONS = {"request", "websocket", "connection"}
_CURES_IN_WEBSOCKET = {
    "request": "take a WebSocket, or an HTTPConnection where routes of both kinds use it",
    "response": "send through the WebSocket what is to be said",
}
_CURES_IN_HTTP = {
    "websocket": "take a Request, or an HTTPConnection where routes of both kinds use it"
}
_OF_ONE_PROTOCOL = {"request", "websocket"}
_JSON = "application/json"
_IN_FORM = (Source.FORM, Source.FILE)
_PLACES_IN_TURN = ("path", "query", "header", "cookie", "body")
_GROUPED = (Source.QUERY, Source.HEADER, Source.COOKIE, Source.FORM)


class RequestBinder:
    """Says for each parameter of one route how its value is read: the `bind` of its plan.

    Args:
        path_parameters: The names in the route's path.
        prefix: What routers put before the route's own path. Its parameters are for those routes
            that need them.
        websocket: Whether the route is for WebSockets, whose handshake has no body.
        is_strict: Whether a body without a content type is no JSON.

    Attributes:
        outer: What is declared as `Path()` and is not in the route's path, by the name in the path;
            it has to be in the path of a mount.
    """

    def __init__(
        self,
        path_parameters: Collection[str] = (),
        *,
        prefix: str = "",
        websocket: bool = False,
        is_strict: bool = False,
    ) -> None:
        self._path_parameters = frozenset(path_parameters)
        self._unused = set(path_parameters)
        self._in_prefix = {name for name, _ in PARAM_REGEX.findall(prefix)}
        self.outer: dict[str, PathParameterError] = {}
        self._websocket = websocket
        self.bodies = Bodies(is_strict=is_strict)
        self._not_json: list[tuple[Parameter, Site, str]] = []
        self._in_json: list[tuple[Parameter, Site]] = []
        self._in_form: list[tuple[Parameter, Site]] = []
        self._names: dict[str, set[str]] = {}
        self._takes_connection = False

    @property
    def reads_body(self) -> bool:
        """Whether a step reads the body, whose bytes are then to be received first."""
        return bool(self.bodies.names)

    def __call__(self, parameter: Parameter, site: Site) -> Surrounding | None:
        """Say how a parameter is filled.

        Raises:
            DeclarationError: It is declared with a function that is not called.
            UnfillableParameterError: Nothing in the request can fill it.
            PathParameterError: It is in the path, and is declared as something else.
        """
        attribute = self._by_type(parameter)
        if attribute is not None:
            return self._given(attribute, parameter, site)
        _check_is_bound(parameter, site)
        _check_is_called(parameter, site)
        _check_fields(parameter, site)
        declaration = _declaration_of(parameter, site)
        source = self._source(parameter, declaration, site)
        value = _value_of(parameter, declaration, source)
        if source in _IN_FORM:
            self._check_form(parameter, site)
        group = group_of(value.annotation) if declaration and source in _GROUPED else None
        if group is not None:
            read = self._group_reader(value, group, parameter, declaration, site)
        elif source is Source.BODY:
            read = self._body_reader(value, parameter, declaration, site)
        else:
            read = self._text_reader(value, parameter, site)
        read.__name__ = read.__qualname__ = f"read_{parameter.name}"
        return Reader(read, value, _PLACES_IN_TURN.index(source.place))

    def finish(self, endpoint: Signature) -> None:
        """Check what can be known only when the whole plan has been made.

        Raises:
            PathParameterError: No step takes a value of the route's own path, and none takes the
                request; or one takes another value of the path instead.
            MultipleBodiesError: Several steps read a body that cannot be shared.
        """
        if self._unused and self.outer:
            raise next(iter(self.outer.values()))
        unused = sorted(self._unused - self._in_prefix)
        if unused and not self._takes_connection:
            names = ", ".join(f"{{{name}}}" for name in unused)
            raise PathParameterError(
                f"the path has {names}, but neither the function nor a dependency takes it",
                where=endpoint.where,
                cure=f"add a parameter {unused[0]!r}, or take it out of the path",
            )
        if self._in_json and self._in_form:
            (in_json, json_site), (in_form, form_site) = self._in_json[0], self._in_form[0]
            raise _error(
                MultipleBodiesError,
                f"{in_json.name!r} is read from a body of JSON, and {in_form.name!r} of"
                f" {form_site.signature.name!r} from a form: a request has one body",
                json_site,
                f"declare {in_json.name!r} as Form(), a part of the same form",
            )
        if self.bodies.embedded and self._not_json:
            parameter, site, media_type = self._not_json[0]
            raise _error(
                MultipleBodiesError,
                f"{parameter.name!r} is a body of {media_type}, which it cannot share with the"
                " others of this route",
                site,
                "read the body in one parameter, or let all of them be parts of a JSON object",
            )

    def _by_type(self, parameter: Parameter) -> str | None:
        kind = parameter.annotation
        if not isinstance(kind, type) or is_builtin(kind):
            return None
        return next((name for base, name in _BY_TYPE if issubclass(kind, base)), None)

    def _given(self, attribute: str, parameter: Parameter, site: Site) -> Surrounding:
        """Where the value of a parameter is whose type alone says what it is."""
        name, kind = parameter.name, parameter.annotation.__name__
        if _declarations(parameter):
            raise _error(
                UnfillableParameterError,
                f"{name!r} is a {kind}, and is declared as a value of the request, too",
                site,
                f"write {name}: {kind}, without a declaration",
            )
        cures = _CURES_IN_WEBSOCKET if self._websocket else _CURES_IN_HTTP
        if attribute in cures:
            if parameter.default is not EMPTY or (
                attribute in _OF_ONE_PROTOCOL and self._serves_both(site)
            ):
                return Constant(None)
            route = "a WebSocket route" if self._websocket else "a route for HTTP"
            raise _error(
                UnfillableParameterError,
                f"{name!r} is a {kind}, which {route} does not have",
                site,
                cures[attribute],
            )
        self._takes_connection |= attribute in _CONNECTIONS
        return Attribute(attribute)

    def _serves_both(self, site: Site) -> bool:
        """Whether a parameter is one of a dependency that takes what either protocol has."""
        kinds = {self._by_type(each) for each in site.signature.parameters}
        is_endpoint = len(site.path) == 1
        return not is_endpoint and kinds >= _OF_ONE_PROTOCOL

    def _source(self, parameter: Parameter, declaration: Declaration | None, site: Site) -> Source:
        name = parameter.name
        if declaration is None:
            if name in self._path_parameters:
                return Source.PATH
            if _holds(parameter.annotation, UploadFile):
                return Source.FILE
            scalar = parameter.annotation is EMPTY or is_scalar(parameter.annotation)
            return Source.QUERY if scalar else Source.BODY
        key = declaration.alias or name
        if declaration.source is Source.PATH and key not in self._path_parameters:
            mistake = _error(
                PathParameterError,
                f"{name!r} is declared as Path(), but the path has no {{{key}}}",
                site,
                f"add {{{key}}} to the path, or declare {name!r} as Query(); if a mount's path has"
                " it, add the route to a Router",
            )
            self.outer.setdefault(key, mistake)
        if declaration.source is not Source.PATH and name in self._path_parameters:
            raise _error(
                PathParameterError,
                f"{name!r} stands in the path, but is declared as {_written(declaration)}",
                site,
                "declare it as Path(), or give one of the two another name",
            )
        return declaration.source

    def _body_reader(
        self,
        value: RequestValue,
        parameter: Parameter,
        declaration: Declaration | None,
        site: Site,
    ) -> Read:
        self._check_has_body(parameter, site)
        converter = _made(JSONConverter, value, parameter, site)
        self._in_json.append((parameter, site))
        bodies = self.bodies
        bodies.names.add(parameter.name)
        bodies.embedded |= len(bodies.names) > 1
        if declaration is not None:
            bodies.embedded |= declaration.embed
            if declaration.media_type != _JSON and not declaration.media_type.endswith("+json"):
                self._not_json.append((parameter, site, declaration.media_type))
        return body_reader(value, converter, bodies)

    def _text_reader(self, value: RequestValue, parameter: Parameter, site: Site) -> Read:
        _check_type(value, parameter, site)
        convert = _made(_text_converter, value, parameter, site)
        self._unused.discard(value.key if value.source is Source.PATH else "")
        self._names_in(value.source).update(names_of(value.source, [value.key]))
        if value.source is Source.PATH and value.key in self.outer:
            read = text_reader(value, convert)
            return outer_reader(read, value.key, self.outer[value.key])
        if value.source not in _IN_FORM:
            return text_reader(value, convert)
        in_memory = value.source is Source.FILE and _is_content(value.annotation)
        if in_memory:
            self.bodies.in_memory.add(value.key)
        return form_reader(value, convert, in_memory=in_memory)

    def _group_reader(
        self,
        value: RequestValue,
        group: Group,
        parameter: Parameter,
        declaration: Declaration | None,
        site: Site,
    ) -> Read:
        source = value.source
        for field in group.fields:
            _check_field(field, value, parameter, site)
        hyphens = source is Source.HEADER and (not declaration or declaration.convert_underscores)
        members = members_of(group, source, hyphens=hyphens, in_memory=_is_file_in_memory)
        convert = _made(_text_converter, value, parameter, site)
        known = self._names_in(source)
        for member in members:
            known |= names_of(source, [member.sent, member.key])
        self.bodies.in_memory.update(member.sent for member in members if member.in_memory)
        return group_reader(value, convert, members, known, forbids=group.forbids_others)

    def _names_in(self, source: Source) -> set[str]:
        """The names that the parameters of the route ask for in one place."""
        return self._names.setdefault(source.place, set())

    def _check_form(self, parameter: Parameter, site: Site) -> None:
        self._check_has_body(parameter, site)
        if not can_parse():
            raise _error(
                MissingPackageError,
                f"{parameter.name!r} is a part of a form, and the package that parses forms is not"
                " installed",
                site,
                "pip install python-multipart",
            )
        self._in_form.append((parameter, site))
        self.bodies.names.add(parameter.name)
        self.bodies.is_form = True

    def _check_has_body(self, parameter: Parameter, site: Site) -> None:
        if self._websocket:
            raise _error(
                UnfillableParameterError,
                f"{parameter.name!r} is read from the body, which a WebSocket's handshake has not",
                site,
                "receive it as a message, or declare it as Query()",
            )


def _text_converter(annotation: Any) -> Convert:
    if is_builtin(annotation):
        return _builtin_converter(annotation)
    return text_converter(annotation, instances=_holds(annotation, UploadFile))


@cache
def _builtin_converter(annotation: Any) -> Convert:
    """The same for all parameters of such a type, which most parameters are of."""
    return text_converter(annotation)


def _holds(annotation: Any, kind: type[Any]) -> bool:
    """Tell whether a type is of a kind, or has a part that is."""
    if isinstance(annotation, type):
        return issubclass(annotation, kind)
    return any(_holds(part, kind) for part in get_args(annotation))


def _is_content(annotation: Any) -> bool:
    """Tell whether the content of a file is asked for, and not the file."""
    return _holds(annotation, bytes) and not _holds(annotation, UploadFile)


def _is_file_in_memory(field: Field) -> bool:
    return bool(_declarations_in(field)) and _is_content(field.annotation)


def _declarations_in(field: Field) -> list[Declaration]:
    metadata = getattr(field.annotation, "__metadata__", ())
    return [entry for entry in metadata if isinstance(entry, Declaration)]


def _check_is_bound(parameter: Parameter, site: Site) -> None:
    """A method that is taken from its class would read `self` from the query string."""
    is_bare = parameter.annotation is EMPTY and parameter.default is EMPTY
    if parameter.name == "self" and is_bare and parameter is site.signature.parameters[0]:
        raise _error(
            UnfillableParameterError,
            f"{site.signature.name!r} is a method without its object: nothing can be 'self'",
            site,
            "name the method of an object, `views.method`, or make a function of it",
        )


def _check_is_called(parameter: Parameter, site: Site) -> None:
    """The function itself in place of what it returns would say nothing."""
    for entry in (*parameter.metadata, parameter.default):
        if isinstance(entry, FunctionType) and entry in DECLARING:
            name = entry.__name__
            raise _error(
                DeclarationError,
                f"parameter {parameter.name!r} is declared with `{name}` itself, which is not"
                " called",
                site,
                f"write `{name}()`",
            )


def _check_fields(parameter: Parameter, site: Site) -> None:
    """What pydantic's `Field()` says of limits counts; what of defaults and names, does not."""
    name = parameter.name
    if is_field(parameter.default):
        raise _error(
            DeclarationError,
            f"{name!r} has pydantic's Field() as its default, which is for the fields of models",
            site,
            "write Query(), Header(), Cookie() or Body(), which take the same options",
        )
    for entry in filter(is_field, parameter.metadata):
        alias = entry.validation_alias or entry.alias
        if alias is not None:
            raise _error(
                DeclarationError,
                f"{name!r} has the alias {alias!r} from pydantic's Field(), which is for the fields"
                " of models",
                site,
                f"write it in the declaration, such as Query(alias={alias!r})",
            )


def _declarations(parameter: Parameter) -> list[Declaration]:
    entries = (*parameter.metadata, parameter.default)
    return [entry for entry in entries if isinstance(entry, Declaration)]


def _declaration_of(parameter: Parameter, site: Site) -> Declaration | None:
    """The declaration of a parameter: its default, or the last one in `Annotated`."""
    declarations = _declarations(parameter)
    if len(declarations) > 1 and declarations[-1] is parameter.default:
        raise _error(
            UnfillableParameterError,
            f"{parameter.name!r} is declared as {' and '.join(map(_written, declarations))}",
            site,
            "keep one of the declarations",
        )
    if not declarations:
        return None
    for declaration in declarations:
        if isinstance(declaration.default, Declared):
            raise _error(
                DeclarationError,
                f"{parameter.name!r} has another declaration inside of {_written(declaration)}, as"
                " its default",
                site,
                "keep one of the two",
            )
        if declaration is parameter.default or declaration.default is ...:
            continue
        raise _error(
            UnfillableParameterError,
            f"{parameter.name!r} has a default inside of Annotated[..., {_written(declaration)}]",
            site,
            f"write it behind the annotation, {parameter.name}: ... = <default>",
        )
    return declarations[-1]


def _value_of(
    parameter: Parameter, declaration: Declaration | None, source: Source
) -> RequestValue:
    default, factory, key = parameter.default, None, None
    if declaration is not None:
        if default is declaration or default is EMPTY:
            default, factory = declaration.default, declaration.default_factory
        key = declaration.alias
    if key is None:
        hyphens = source is Source.HEADER and (not declaration or declaration.convert_underscores)
        key = parameter.name.replace("_", "-") if hyphens else parameter.name
    if source is Source.PATH or default is EMPTY:
        default = ...
    return RequestValue(
        key,
        _annotation_of(parameter),
        default,
        source=source,
        default_factory=factory,
        declaration=declaration,
    )


def _annotation_of(parameter: Parameter) -> Any:
    """The type with what annotates it, and the limits of a declaration where that stands."""
    annotation = Any if parameter.annotation is EMPTY else parameter.annotation
    entries = (parameter.default, *parameter.metadata)
    metadata = [e.constraints if isinstance(e, Declaration) else e for e in entries]
    if not isinstance(parameter.default, Declaration):
        del metadata[0]
    metadata = [entry for entry in metadata if not isinstance(entry, Constraints) or entry]
    return Annotated[(annotation, *metadata)] if metadata else annotation


def _check_type(value: RequestValue, parameter: Parameter, site: Site) -> None:
    source = value.source
    if source is Source.FILE:
        _check_file(value, parameter, site)
    if is_scalar(value.annotation):
        return
    one = "use a type that one piece of text can hold, such as str, int or datetime"
    if source is Source.PATH:
        cure = one
    elif is_scalar_sequence(value.annotation):
        return
    else:
        cure = f"{one}, or a list of these"
    raise _error(
        UnfillableParameterError,
        f"{parameter.name!r} is a {_shown(value.annotation)}, which no value of the"
        f" {_PLACES[source]} can be",
        site,
        cure,
    )


_PLACES = {
    Source.PATH: "path",
    Source.QUERY: "query string",
    Source.HEADER: "headers",
    Source.COOKIE: "cookies",
    Source.FORM: "form",
    Source.FILE: "form",
}


def _check_file(value: RequestValue, parameter: Parameter, site: Site) -> None:
    annotation = _bare(value.annotation)
    if annotation is not Any and not (_holds(annotation, UploadFile) or _is_content(annotation)):
        raise _error(
            UnfillableParameterError,
            f"{parameter.name!r} is a {_shown(annotation)}, which no file can be",
            site,
            "use UploadFile, or bytes for its content, or a list of these; or declare it as Form()",
        )


def _check_field(field: Field, value: RequestValue, parameter: Parameter, site: Site) -> None:
    """A group's field is one value, or several under one name, and is declared by the group."""
    what = f"{parameter.name!r} is a {_shown(value.annotation)}, whose field {field.name!r}"
    for declaration in _declarations_in(field):
        if value.source is not Source.FORM or declaration.source is not Source.FILE:
            raise _error(
                UnfillableParameterError,
                f"{what} is declared as {_written(declaration)}",
                site,
                "leave that out: the group's declaration says where the fields come from; limits"
                " are set by msgspec.Meta, annotated_types or pydantic.Field",
            )
    if not (is_scalar(field.annotation) or is_scalar_sequence(field.annotation)):
        raise _error(
            UnfillableParameterError,
            f"{what} is a {_shown(field.annotation)}, which no value of the"
            f" {_PLACES[value.source]} can be",
            site,
            "use fields that one piece of text can hold, such as str, int or datetime, or lists of"
            " these",
        )


def _made(make: Callable[[Any], Any], value: RequestValue, parameter: Parameter, site: Site) -> Any:
    """Make the converter of a value, or say what about its type makes that impossible."""
    name, kind = parameter.name, _shown(value.annotation)
    try:
        return make(value.annotation)
    except UnsupportedTypeError as problem:
        raise _error(
            UnfillableParameterError,
            f"{name!r} is a {kind}, which nothing in a request can become: {problem}",
            site,
            problem.cure
            or f"if a dependency makes it, write {name}: Annotated[{kind}, Depends(...)]",
        ) from None
    except ConstraintError as problem:
        raise _error(
            DeclarationError,
            f"{name!r} is a {kind}, for which a constraint makes no sense: {problem}",
            site,
            "remove the constraint, or change the type",
        ) from None
    except NameError as problem:
        raise _error(
            UnresolvableAnnotationError,
            f"{name!r} is a {kind}, an annotation of which names {problem.name!r}, which is not"
            " known",
            site,
            f"define or import {problem.name!r} at the top level of the module of {kind}",
        ) from problem


_Mistake = TypeVar("_Mistake", bound=RegistrationError)


def _error(kind: type[_Mistake], what: str, site: Site, cure: str) -> _Mistake:
    return kind(what, where=site.signature.where, path=site.path, cure=cure)


def _written(declaration: Declaration) -> str:
    return f"{declaration.source.value.capitalize()}()"


def _bare(annotation: Any) -> Any:
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


def _shown(annotation: Any) -> str:
    annotation = _bare(annotation)
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
