"""One parameter -> how its value is read from the request.

Decided when a route is added, by rules in this order: the type alone (`Request`, `Response`, ...);
a name in the path; a declaration (`Query()`, `Header()`, ...); the kind of type: what one piece of
text can hold comes from the query string, everything else is the body.

A reader looks its value up and converts it, nothing more. Where the value does not fit it notes
the errors at the exchange, and returns what the exchange gives it to stand for an invalid value.
"""

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol

from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from microfw._validation import (
    ConstraintError,
    Constraints,
    Error,
    Invalid,
    JSONConverter,
    UnsupportedTypeError,
    below,
    constraints_of,
    is_scalar,
    is_scalar_sequence,
    is_sequence,
    missing,
    parse_json,
    text_converter,
)
from microfw.dependencies import EMPTY, Attribute, Parameter, Reader, Signature, Site, Surrounding
from microfw.exceptions import MultipleBodiesError, PathParameterError, UnfillableParameterError
from microfw.params import Declaration, Source


class RequestBinder:
    """Says for the parameters of one route how their values are read. `bind` of a plan.

    Args:
        path_parameters: The names in the route's path.
        websocket: Whether the route takes WebSocket connections, which have no body.
    """

    def __init__(self, path_parameters: Collection[str] = (), *, websocket: bool = False) -> None:
        self._path_parameters = frozenset(path_parameters)
        self._unused = set(path_parameters)
        self._is_websocket = websocket
        self._bodies = _Bodies(set())
        self._takes_connection = False

    @property
    def reads_body(self) -> bool:
        """Whether a step reads the body, so that its bytes are to be received first."""
        return bool(self._bodies.names)

    def __call__(self, parameter: Parameter, site: Site) -> Surrounding | None:
        """Say how a parameter is filled.

        Raises:
            UnfillableParameterError: Nothing in the request can fill it.
            PathParameterError: It is declared as a part of the path and is not, or the reverse.
            MultipleBodiesError: It wants a body where there can be none.
        """
        attribute = self._by_type(parameter, site)
        if attribute is not None:
            return Attribute(attribute)
        value = self._value(parameter, site)
        read = self._reader(value, site)
        read.__name__ = f"read_{parameter.name}"
        read.__qualname__ = read.__name__
        return Reader(read)

    def finish(self, endpoint: Signature) -> None:
        """Check what can be known only when the whole plan is made.

        Raises:
            PathParameterError: A value of the path is taken by no step, and none takes the request.
        """
        if self._unused and not self._takes_connection:
            names = ", ".join(f"{{{name}}}" for name in sorted(self._unused))
            first = min(self._unused)
            raise PathParameterError(
                f"the path has {names}, but neither the function nor a dependency takes it",
                where=endpoint.where,
                cure=f"add a parameter named {first!r} to {endpoint.name}, or remove it from the path",
            )

    # ------------------------------------------------------------------ by type alone

    def _by_type(self, parameter: Parameter, site: Site) -> str | None:
        kind = parameter.annotation
        if not isinstance(kind, type):
            return None
        for base, attribute in _BY_TYPE:
            if issubclass(kind, base):
                break
        else:
            return None
        if _declarations(parameter):
            raise UnfillableParameterError(
                f"{parameter.name!r} is a {kind.__name__} and is declared as a value, too",
                where=site.signature.where,
                path=site.path,
                cure=f"write {parameter.name}: {kind.__name__} alone",
            )
        self._check_protocol(attribute, parameter, site)
        self._takes_connection |= attribute in _CONNECTIONS
        return attribute

    def _check_protocol(self, attribute: str, parameter: Parameter, site: Site) -> None:
        if self._is_websocket and attribute in ("request", "response", "tasks"):
            what = f"{parameter.name!r} is a {parameter.annotation.__name__}, in a WebSocket route"
            cure = {
                "request": "take a WebSocket or, where both kinds of routes use it, an HTTPConnection",
                "response": "send what is to be said through the WebSocket",
                "tasks": "start the work in a task group of the endpoint, or pass it to a queue",
            }[attribute]
        elif not self._is_websocket and attribute == "websocket":
            what = f"{parameter.name!r} is a WebSocket, in a route for HTTP requests"
            cure = "take a Request or, where both kinds of routes use it, an HTTPConnection"
        else:
            return
        raise UnfillableParameterError(what, where=site.signature.where, path=site.path, cure=cure)

    # ------------------------------------------------------------------ what is declared

    def _value(self, parameter: Parameter, site: Site) -> _Value:
        declaration = self._declaration(parameter, site)
        in_path = ((declaration and declaration.alias) or parameter.name) in self._path_parameters
        source = self._source(parameter, declaration, in_path, site)
        annotation = Any if parameter.annotation is EMPTY else parameter.annotation
        constraints = constraints_of(parameter.metadata)
        if declaration is None:
            make_default = None if in_path else _default_maker(parameter.default, None)
            return _Value(parameter, source, None, annotation, constraints, make_default)
        default = parameter.default
        if default is declaration or default is EMPTY:
            default = declaration.default
        return _Value(
            parameter=parameter,
            source=source,
            alias=declaration.alias,
            annotation=annotation,
            constraints=declaration.constraints.over(constraints),
            make_default=_default_maker(default, declaration.default_factory),
            embed=declaration.embed,
            convert_underscores=declaration.convert_underscores,
        )

    def _declaration(self, parameter: Parameter, site: Site) -> Declaration | None:
        found = _declarations(parameter)
        if len(found) > 1:
            raise UnfillableParameterError(
                f"{parameter.name!r} is declared {len(found)} times, as {_written(found)}",
                where=site.signature.where,
                path=site.path,
                cure="keep one of the declarations",
            )
        if not found:
            return None
        declaration = found[0]
        if declaration is not parameter.default and declaration.default is not ...:
            raise UnfillableParameterError(
                f"{_written(found)} has a default inside of Annotated, for {parameter.name!r}",
                where=site.signature.where,
                path=site.path,
                cure=f"write the default behind the parameter: = {declaration.default!r}",
            )
        return declaration

    def _source(
        self, parameter: Parameter, declaration: Declaration | None, in_path: bool, site: Site
    ) -> Source:
        if declaration is None:
            if in_path:
                return Source.PATH
            scalar = parameter.annotation is EMPTY or is_scalar(parameter.annotation)
            return Source.QUERY if scalar else Source.BODY
        if in_path and declaration.alias is None and declaration.source is not Source.PATH:
            raise PathParameterError(
                f"{parameter.name!r} is in the path, but is declared as {_written([declaration])}",
                where=site.signature.where,
                path=site.path,
                cure="declare it as Path(), or give one of the two another name",
            )
        if declaration.source is Source.PATH and not in_path:
            name = declaration.alias or parameter.name
            raise PathParameterError(
                f"{parameter.name!r} is declared as Path(), but the path has no {{{name}}}",
                where=site.signature.where,
                path=site.path,
                cure=f"add {{{name}}} to the path, or declare {parameter.name!r} as Query()",
            )
        return declaration.source

    # ------------------------------------------------------------------ readers

    def _reader(self, value: _Value, site: Site) -> Read:
        if value.source is Source.PATH:
            self._unused.discard(value.key)
        if value.source is Source.BODY:
            return self._body_reader(value, site)
        self._check_textual(value, site)
        convert = _built(text_converter, value, site)
        return _text_reader(value, convert)

    def _check_textual(self, value: _Value, site: Site) -> None:
        annotation = value.annotation
        if is_scalar(annotation):
            return
        if value.source is not Source.PATH and is_scalar_sequence(annotation):
            return
        what = f"{_shown(annotation)} is no type that a {value.source.value} value can have"
        cure = "use a type that one piece of text can hold, such as str, int or datetime"
        if value.source is not Source.PATH:
            cure += ", or a list of these"
        raise UnfillableParameterError(
            f"{value.parameter.name!r}: {what}",
            where=site.signature.where,
            path=site.path,
            cure=cure,
        )

    def _body_reader(self, value: _Value, site: Site) -> Read:
        if self._is_websocket:
            raise MultipleBodiesError(
                f"{value.parameter.name!r} is read from a body, and a WebSocket handshake has none",
                where=site.signature.where,
                path=site.path,
                cure="receive it as a message, or take it from the query string",
            )
        converter = _built(JSONConverter, value, site)
        bodies = self._bodies
        bodies.names.add(value.parameter.name)
        bodies.embedded |= value.embed or len(bodies.names) > 1
        read_whole = _whole_body_reader(value, converter)
        read_field = _body_field_reader(value, converter)

        def read(exchange: Exchange) -> Any:
            # Which one it is can be known only when all parameters have been bound.
            return read_field(exchange) if bodies.embedded else read_whole(exchange)

        return read


_BY_TYPE: tuple[tuple[type[Any], str], ...] = (
    (Request, "request"),
    (WebSocket, "websocket"),
    (HTTPConnection, "connection"),
    (Response, "response"),
    (BackgroundTasks, "tasks"),
)
_CONNECTIONS = ("request", "websocket", "connection")


def _declarations(parameter: Parameter) -> list[Declaration]:
    entries = (*parameter.metadata, parameter.default)
    return [entry for entry in entries if isinstance(entry, Declaration)]


def _written(declarations: list[Declaration]) -> str:
    return " and ".join(f"{entry.source.value.capitalize()}()" for entry in declarations)


def _shown(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)


def _built(make: Callable[[Any, Constraints], Any], value: _Value, site: Site) -> Any:
    name, kind = value.parameter.name, _shown(value.annotation)
    try:
        return make(value.annotation, value.constraints)
    except UnsupportedTypeError:
        raise UnfillableParameterError(
            f"nothing in a request can become {name!r}, a {kind}",
            where=site.signature.where,
            path=site.path,
            cure=f"if a dependency makes it, write {name}: Annotated[{kind}, Depends(...)]",
        ) from None
    except ConstraintError as problem:
        raise UnfillableParameterError(
            f"{name!r}, a {kind}, cannot have its constraints: {problem}",
            where=site.signature.where,
            path=site.path,
            cure="remove the constraint, or change the type",
        ) from None


def _default_maker(default: Any, factory: Callable[[], Any] | None) -> Callable[[], Any] | None:
    if factory is not None:
        return factory
    if default is EMPTY or default is ...:
        return None
    if copy.copy(default) is default:
        return lambda: default
    return lambda: copy.deepcopy(default)
