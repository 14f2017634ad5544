"""One parameter -> how its value is read from the request.

Decided when a route is added, by these rules, in this order:

1. The type alone says what it is: `Request`, `WebSocket`, `HTTPConnection`, `Response`,
   `BackgroundTasks`, `Outcome`.
2. A declaration, `Query()`, `Header()`, ..., says where the value comes from.
3. A name that stands in the path is read from there.
4. An `UploadFile`, or a list of them, comes from a form.
5. What one piece of text can hold comes from the query string, everything else from the body.

The values of one function are read from the path first, then from the query string, the headers,
the cookies and the body, so that errors are reported in this order.
"""

from collections.abc import Collection
from functools import cache
from typing import Any

from msgspec import structs
from starlette.background import BackgroundTasks
from starlette.datastructures import UploadFile
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import PARAM_REGEX
from starlette.websockets import WebSocket

from microfw._models import (
    Convert,
    Group,
    JSONConverter,
    group_of,
    has_validators,
    is_builtin,
    is_scalar,
    is_scalar_sequence,
    text_converter,
)
from microfw._reading.forms import can_parse
from microfw._reading.groups import group_reader, members_of, names_of
from microfw._reading.mistakes import (
    check_field,
    check_is_bound,
    check_is_called,
    check_is_no_field,
    check_type,
    made,
)
from microfw._reading.outcomes import recorder_of
from microfw._reading.parameters import (
    declaration_of,
    declarations,
    error,
    holds,
    is_content,
    is_file_in_memory,
    unfolded,
    value_of,
    written,
)
from microfw._reading.sources import SOURCES, Read
from microfw._reading.values import (
    Bodies,
    body_reader,
    default_reader,
    form_reader,
    outer_reader,
    text_reader,
)
from microfw.dependencies import (
    EMPTY,
    Attribute,
    Constant,
    Parameter,
    Reader,
    Signature,
    Site,
    Surrounding,
    collected,
)
from microfw.exceptions import (
    MissingPackageError,
    MultipleBodiesError,
    PathParameterError,
    RegistrationError,
    UnfillableParameterError,
)
from microfw.params import Declaration, RequestValue, Source
from microfw.responses import FinalHeaders

_BY_TYPE: tuple[tuple[type[Any], str], ...] = (
    (Request, "request"),
    (WebSocket, "websocket"),
    (HTTPConnection, "connection"),
    (FinalHeaders, "final_headers"),
    (Response, "response"),
    (BackgroundTasks, "tasks"),
)
_CONNECTIONS = {"request", "websocket", "connection"}
_CURES_IN_WEBSOCKET = {
    "request": "take a WebSocket, or an HTTPConnection where routes of both kinds use it",
    "final_headers": "give the headers to `websocket.accept`",
}
_CURES_IN_HTTP = {
    "websocket": "take a Request, or an HTTPConnection where routes of both kinds use it"
}
_OF_ONE_PROTOCOL = {"request", "websocket"}
_JSON = "application/json"


class RequestBinder:
    """Says for each parameter of one route how its value is read: the `bind` of its plan.

    Args:
        path_parameters: The names in the route's path.
        prefix: What routers put before the route's own path. Its parameters are for those routes
            that need them.
        websocket: Whether the route is for WebSockets, whose handshake has no body.
        is_strict: Whether a body without a content type is no JSON.

    Attributes:
        mistakes: How many parameters it could not say it of.
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
        self._misspelled: list[str] = []  # or so it seems, if the path has what nobody takes
        self._in_prefix = {name for name, _ in PARAM_REGEX.findall(prefix)}
        self.outer: dict[str, PathParameterError] = {}
        self._websocket = websocket
        self.bodies = Bodies(is_strict=is_strict)
        self._not_json: list[tuple[Parameter, Site, str]] = []
        self._in_json: list[tuple[RequestValue, Parameter, Site]] = []
        self._in_form: list[tuple[Parameter, Site]] = []
        self._names: dict[str, set[str]] = {}
        self._takes_connection = False
        self.mistakes = 0

    @property
    def reads_body(self) -> bool:
        """Whether a step reads the body, whose bytes are then to be received before."""
        return bool(self.bodies.names)

    def __call__(self, parameter: Parameter, site: Site) -> Surrounding | None:
        """Say how a parameter is filled.

        Raises:
            DeclarationError: It is declared with a function that is not called.
            UnfillableParameterError: Nothing in the request can fill it.
            PathParameterError: It is in the path, and is declared as something else.
        """
        try:
            return self._filled_by(parameter, site)
        except RegistrationError:
            self.mistakes += 1
            self._unused.discard(parameter.name)  # that it is not read is no further mistake
            raise

    def _filled_by(self, parameter: Parameter, site: Site) -> Surrounding | None:
        recorder = recorder_of(parameter, site)
        if recorder is not None:
            return recorder
        attribute = self._by_type(parameter)
        if attribute is not None:
            return self._given(attribute, parameter, site)
        parameter = unfolded(parameter)
        check_is_bound(parameter, site)
        check_is_no_field(parameter, site)
        declaration = declaration_of(parameter, site)
        source = self._source(parameter, declaration, site)
        check_is_called(parameter, source, site)
        value = value_of(parameter, declaration, source, site)
        if self._websocket and SOURCES[source].is_received and not value.is_required:
            read = default_reader(value)  # of a dependency that routes for HTTP have, too
            read.__name__ = f"read_{parameter.name}"
            return Reader(read, value)
        if declaration is None and source is Source.QUERY and value.is_required:
            self._misspelled.append(parameter.name)
        if SOURCES[source].in_form:
            self._check_form(parameter, site)
        group = group_of(value.annotation) if declaration and SOURCES[source].groups else None
        if group is not None:
            read = self._group_reader(value, group, parameter, declaration, site)
        elif source is Source.BODY:
            read = self._body_reader(value, parameter, declaration, site)
        else:
            read = self._text_reader(value, parameter, site)
        read.__name__ = read.__qualname__ = f"read_{parameter.name}"
        return Reader(read, value, SOURCES[source].turn, SOURCES[source].is_received)

    def finish(self, endpoint: Signature, *, is_whole: bool = True) -> None:
        """Check what can be known only when the whole plan has been made.

        Args:
            endpoint: What the route calls.
            is_whole: Whether all that the plan should have is there, parameters of which this
                binder could not say how they are filled aside.

        Raises:
            PathParameterError: No step takes a value of the route's own path, and none takes the
                request, but one takes a value of another name, from the path or the query string.
            MultipleBodiesError: Several steps read a body that cannot be shared.
        """
        with collected():
            if is_whole:
                self._check_path_is_read(endpoint)
        if self._in_form:
            for value, parameter, site in self._in_json:
                with collected():
                    self._read_from_form(value, parameter, site)
        if self.bodies.embedded and self._not_json:
            parameter, site, media_type = self._not_json[0]
            raise error(
                MultipleBodiesError,
                f"{parameter.name!r} is a body of {media_type}, which it cannot share with the"
                " others of this route",
                site,
                "read the body in one parameter, or let all of them be parts of a JSON object",
            )

    def _check_path_is_read(self, endpoint: Signature) -> None:
        if self._unused and self.outer:
            raise next(iter(self.outer.values()))
        unused = sorted(self._unused - self._in_prefix)
        if unused and self._misspelled and not self._takes_connection:
            names = ", ".join(f"{{{name}}}" for name in unused)
            raise PathParameterError(
                f"the path has {names}, but neither the function nor a dependency takes it",
                where=endpoint.where,
                cure=f"name it {unused[0]!r} instead of {self._misspelled[0]!r}, which is read from"
                " the query string as it is; or take it out of the path",
            )

    def _read_from_form(self, value: RequestValue, parameter: Parameter, site: Site) -> None:
        """Have a value that is declared as `Body()` read from the form that others are part of."""
        is_text = is_scalar(value.annotation) or is_scalar_sequence(value.annotation)
        if value.is_required and not (is_text or has_validators(value.annotation)):
            in_form, form_site = self._in_form[0]
            raise error(
                MultipleBodiesError,
                f"{parameter.name!r} is read from a body of JSON, and {in_form.name!r} of"
                f" {form_site.signature.name!r} from a form: a request has one body",
                site,
                f"declare {parameter.name!r} as Form(), a part of the same form",
            )
        convert = made(_text_converter, value, parameter, site)
        in_form_too = structs.replace(value, source=Source.FORM)
        self.bodies.fields[value.key] = form_reader(in_form_too, convert, in_memory=False)

    def _by_type(self, parameter: Parameter) -> str | None:
        kind = parameter.annotation
        if not isinstance(kind, type) or is_builtin(kind):
            return None
        return next((name for base, name in _BY_TYPE if issubclass(kind, base)), None)

    def _given(self, attribute: str, parameter: Parameter, site: Site) -> Surrounding:
        """Where the value of a parameter is whose type alone says what it is."""
        name, kind = parameter.name, parameter.annotation.__name__
        if declarations(parameter):
            raise error(
                UnfillableParameterError,
                f"{name!r} has the type {kind}, and is declared as a value of the request, too",
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
            raise error(
                UnfillableParameterError,
                f"{name!r} has the type {kind}, and {route} has none",
                site,
                cures[attribute],
            )
        self._takes_connection |= attribute in _CONNECTIONS
        return Attribute(attribute)

    def _serves_both(self, site: Site) -> bool:
        """Whether a parameter is one of a dependency that takes what either protocol has.

        So may an endpoint do that a library has wrapped for both.
        """
        kinds = {self._by_type(each) for each in site.signature.parameters}
        is_written = len(site.path) == 1 and not hasattr(site.signature.declared, "__signature__")
        return not is_written and kinds >= _OF_ONE_PROTOCOL

    def _source(self, parameter: Parameter, declaration: Declaration | None, site: Site) -> Source:
        name = parameter.name
        if declaration is None:
            if name in self._path_parameters:
                return Source.PATH
            if holds(parameter.annotation, UploadFile):
                return Source.FILE
            scalar = parameter.annotation is EMPTY or is_scalar(parameter.annotation)
            return Source.QUERY if scalar else Source.BODY
        key = next(iter(declaration.keys), name)
        if declaration.source is Source.PATH and key not in self._path_parameters:
            mistake = error(
                PathParameterError,
                f"{name!r} is declared as Path(), but the path has no {{{key}}}",
                site,
                f"add {{{key}}} to the path, or to that of a mount around the route, or declare"
                f" {name!r} as Query()",
            )
            self.outer.setdefault(key, mistake)
        if declaration.source is not Source.PATH and name in self._path_parameters:
            raise error(
                PathParameterError,
                f"{name!r} stands in the path, but is declared as {written(declaration)}",
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
        converter = made(JSONConverter, value, parameter, site)
        self._in_json.append((value, parameter, site))
        bodies = self.bodies
        bodies.names.add(parameter.name)
        bodies.embedded |= len(bodies.names) > 1
        if declaration is not None:
            bodies.embedded |= declaration.embed
            if declaration.media_type != _JSON and not declaration.media_type.endswith("+json"):
                self._not_json.append((parameter, site, declaration.media_type))
        return body_reader(value, converter, bodies)

    def _text_reader(self, value: RequestValue, parameter: Parameter, site: Site) -> Read:
        check_type(value, parameter, site)
        convert = made(_text_converter, value, parameter, site)
        self._unused.discard(value.key if value.source is Source.PATH else "")
        self._names_in(value.source).update(names_of(value.source, [value.key, *value.others]))
        if value.source is Source.PATH and value.key in self.outer:
            read = text_reader(value, convert)
            return outer_reader(read, value.key, self.outer[value.key])
        if not SOURCES[value.source].in_form:
            return text_reader(value, convert)
        in_memory = value.source is Source.FILE and is_content(value.annotation)
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
        hyphens = source is Source.HEADER and (not declaration or declaration.convert_underscores)
        for field in () if group.is_model else group.fields:
            check_field(field, value, parameter, site)
        members = members_of(group, source, hyphens=hyphens, in_memory=is_file_in_memory)
        convert = made(_text_converter, value, parameter, site)
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
            raise error(
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
            raise error(
                UnfillableParameterError,
                f"{parameter.name!r} is read from the body, which a WebSocket's handshake has not",
                site,
                "receive it as a message, or declare it as Query()",
            )


def _text_converter(annotation: Any) -> Convert:
    if is_builtin(annotation):
        return _builtin_converter(annotation)
    return text_converter(annotation, instances=holds(annotation, UploadFile))


@cache
def _builtin_converter(annotation: Any) -> Convert:
    """The same for all parameters of such a type, which most parameters are of."""
    return text_converter(annotation)
