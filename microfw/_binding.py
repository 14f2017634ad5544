"""One parameter -> how its value is read from the request.

Decided when a route is added, by these rules, in this order:

1. The type alone says what it is: `Request`, `WebSocket`, `HTTPConnection`, `Response`,
   `BackgroundTasks`.
2. A declaration, `Query()`, `Header()`, ..., says where the value comes from.
3. A name that stands in the path is read from there.
4. What one piece of text can hold comes from the query string, everything else from the body.
"""

import copy
from collections.abc import Callable, Collection
from typing import Any

from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from microfw._readers import Bodies, Read, Value, body_reader, text_reader
from microfw._validation import (
    ConstraintError,
    Constraints,
    JSONConverter,
    UnsupportedTypeError,
    constraints_of,
    is_scalar,
    is_scalar_sequence,
    text_converter,
)
from microfw.dependencies import EMPTY, Attribute, Parameter, Reader, Signature, Site, Surrounding
from microfw.exceptions import (
    MultipleBodiesError,
    PathParameterError,
    RegistrationError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)
from microfw.params import Declaration, Source

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
    "tasks": "do the work in the endpoint, which may go on as long as the connection",
}
_CURE_IN_HTTP = "take a Request, or an HTTPConnection where routes of both kinds use it"
_JSON = "application/json"


class RequestBinder:
    """Says for each parameter of one route how its value is read: the `bind` of its plan.

    Args:
        path_parameters: The names in the route's path.
        websocket: Whether the route is for WebSockets, whose handshake has no body.
    """

    def __init__(self, path_parameters: Collection[str] = (), *, websocket: bool = False) -> None:
        self._path_parameters = frozenset(path_parameters)
        self._unused = set(path_parameters)
        self._websocket = websocket
        self._bodies = Bodies()
        self._not_json: list[tuple[Parameter, Site, str]] = []
        self._takes_connection = False

    @property
    def reads_body(self) -> bool:
        """Whether a step reads the body, whose bytes are then to be received first."""
        return bool(self._bodies.names)

    def __call__(self, parameter: Parameter, site: Site) -> Surrounding | None:
        """Say how a parameter is filled.

        Raises:
            UnfillableParameterError: Nothing in the request can fill it.
            PathParameterError: It and the path do not fit each other.
        """
        attribute = self._by_type(parameter, site)
        if attribute is not None:
            return Attribute(attribute)
        _check_is_bound(parameter, site)
        declaration = _declaration_of(parameter, site)
        source = self._source(parameter, declaration, site)
        value = _value_of(parameter, declaration, source)
        _check_type(value, parameter, site)
        constraints = constraints_of(parameter.metadata)
        if declaration is not None:
            constraints = declaration.constraints.over(constraints)
        if source is Source.BODY:
            read = self._body_reader(value, constraints, parameter, declaration, site)
        else:
            self._unused.discard(value.key if source is Source.PATH else "")
            read = text_reader(value, _made(text_converter, value, constraints, parameter, site))
        read.__name__ = read.__qualname__ = f"read_{parameter.name}"
        return Reader(read)

    def finish(self, endpoint: Signature) -> None:
        """Check what can be known only when the whole plan has been made.

        Raises:
            PathParameterError: No step takes a value of the path, and none takes the request.
            MultipleBodiesError: Several steps read a body that cannot be shared.
        """
        if self._unused and not self._takes_connection:
            names = ", ".join(f"{{{name}}}" for name in sorted(self._unused))
            raise PathParameterError(
                f"the path has {names}, but neither the function nor a dependency takes it",
                where=endpoint.where,
                cure=f"add a parameter {min(self._unused)!r}, or take it out of the path",
            )
        if self._bodies.embedded and self._not_json:
            parameter, site, media_type = self._not_json[0]
            raise _error(
                MultipleBodiesError,
                f"{parameter.name!r} is a body of {media_type}, which it cannot share with the"
                " others of this route",
                site,
                "read the body in one parameter, or let all of them be parts of a JSON object",
            )

    def _by_type(self, parameter: Parameter, site: Site) -> str | None:
        kind = parameter.annotation
        if not isinstance(kind, type):
            return None
        attribute = next((name for base, name in _BY_TYPE if issubclass(kind, base)), None)
        if attribute is None:
            return None
        name = parameter.name
        if _declarations(parameter):
            raise _error(
                UnfillableParameterError,
                f"{name!r} is a {kind.__name__}, and is declared as a value of the request, too",
                site,
                f"write {name}: {kind.__name__}, without a declaration",
            )
        if self._websocket and attribute in _CURES_IN_WEBSOCKET:
            raise _error(
                UnfillableParameterError,
                f"{name!r} is a {kind.__name__}, which a WebSocket route does not have",
                site,
                _CURES_IN_WEBSOCKET[attribute],
            )
        if not self._websocket and attribute == "websocket":
            raise _error(
                UnfillableParameterError,
                f"{name!r} is a {kind.__name__}, which a route for HTTP does not have",
                site,
                _CURE_IN_HTTP,
            )
        self._takes_connection |= attribute in _CONNECTIONS
        return attribute

    def _source(self, parameter: Parameter, declaration: Declaration | None, site: Site) -> Source:
        name = parameter.name
        if declaration is None:
            if name in self._path_parameters:
                return Source.PATH
            scalar = parameter.annotation is EMPTY or is_scalar(parameter.annotation)
            return Source.QUERY if scalar else Source.BODY
        key = declaration.alias or name
        if declaration.source is Source.PATH and key not in self._path_parameters:
            raise _error(
                PathParameterError,
                f"{name!r} is declared as Path(), but the path has no {{{key}}}",
                site,
                f"add {{{key}}} to the path, or declare {name!r} as Query()",
            )
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
        value: Value,
        constraints: Constraints,
        parameter: Parameter,
        declaration: Declaration | None,
        site: Site,
    ) -> Read:
        if self._websocket:
            raise _error(
                UnfillableParameterError,
                f"{parameter.name!r} is read from the body, which a WebSocket's handshake has not",
                site,
                "receive it as a message, or declare it as Query()",
            )
        converter = _made(JSONConverter, value, constraints, parameter, site)
        bodies = self._bodies
        bodies.names.add(parameter.name)
        bodies.embedded |= len(bodies.names) > 1
        if declaration is not None:
            bodies.embedded |= declaration.embed
            if declaration.media_type != _JSON and not declaration.media_type.endswith("+json"):
                self._not_json.append((parameter, site, declaration.media_type))
        return body_reader(value, converter, bodies)


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


def _declarations(parameter: Parameter) -> list[Declaration]:
    entries = (*parameter.metadata, parameter.default)
    return [entry for entry in entries if isinstance(entry, Declaration)]


def _declaration_of(parameter: Parameter, site: Site) -> Declaration | None:
    declarations = _declarations(parameter)
    if len(declarations) > 1:
        raise _error(
            UnfillableParameterError,
            f"{parameter.name!r} is declared as {' and '.join(map(_written, declarations))}",
            site,
            "keep one of the declarations",
        )
    if not declarations:
        return None
    declaration = declarations[0]
    if declaration is not parameter.default and declaration.default is not ...:
        raise _error(
            UnfillableParameterError,
            f"{parameter.name!r} has a default inside of Annotated[..., {_written(declaration)}]",
            site,
            f"write it behind the annotation, {parameter.name}: ... = {declaration.default!r}",
        )
    return declaration


def _value_of(parameter: Parameter, declaration: Declaration | None, source: Source) -> Value:
    annotation = Any if parameter.annotation is EMPTY else parameter.annotation
    default, factory, key = parameter.default, None, None
    if declaration is not None:
        if default is declaration or default is EMPTY:
            default, factory = declaration.default, declaration.default_factory
        key = declaration.alias
    if key is None:
        hyphens = source is Source.HEADER and (not declaration or declaration.convert_underscores)
        key = parameter.name.replace("_", "-") if hyphens else parameter.name
    make_default = None if source is Source.PATH else _default_maker(default, factory)
    return Value(source, key, annotation, make_default)


def _default_maker(default: Any, factory: Callable[[], Any] | None) -> Callable[[], Any] | None:
    if factory is not None:
        return factory
    if default is EMPTY or default is ...:
        return None
    if is_scalar(type(default)):
        return lambda: default
    return lambda: copy.deepcopy(default)  # what one request changes, the next must not see


def _check_type(value: Value, parameter: Parameter, site: Site) -> None:
    source = value.source
    if source is Source.BODY or is_scalar(value.annotation):
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
}


def _made(
    make: Callable[[Any, Constraints], Any],
    value: Value,
    constraints: Constraints,
    parameter: Parameter,
    site: Site,
) -> Any:
    """Make the converter of a value, or say what about its type makes that impossible."""
    name, kind = parameter.name, _shown(value.annotation)
    try:
        return make(value.annotation, constraints)
    except UnsupportedTypeError as problem:
        raise _error(
            UnfillableParameterError,
            f"{name!r} is a {kind}, which nothing in a request can become: {problem}",
            site,
            f"if a dependency makes it, write {name}: Annotated[{kind}, Depends(...)]",
        ) from None
    except ConstraintError as problem:
        raise _error(
            UnfillableParameterError,
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


def _error(kind: type[RegistrationError], what: str, site: Site, cure: str) -> RegistrationError:
    return kind(what, where=site.signature.where, path=site.path, cure=cure)


def _written(declaration: Declaration) -> str:
    return f"{declaration.source.value.capitalize()}()"


def _shown(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
