"""What a route reads of a request: its parameters and its body."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from microfw._models import group_of
from microfw._routes import Route
from microfw.dependencies import Plan, Step, Use
from microfw.openapi._schemas import Schemas
from microfw.openapi._wants import NO_DOCUMENTATION, Want, title_of
from microfw.openapi.constants import REF_PREFIX
from microfw.params import Documentation, RequestValue, Source

_PARAMETERS = (Source.PATH, Source.QUERY, Source.HEADER, Source.COOKIE)
_JSON = "application/json"
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


def steps_from_endpoint(plan: Plan) -> Iterator[Step]:
    """The steps of a plan, each ahead of those it uses: the order in which they are written."""
    used = {
        argument.source.step
        for step in plan.steps
        for argument in step.arguments
        if isinstance(argument.source, Use)
    }
    endpoint = len(plan.steps) - 1
    beside = [number for number in range(endpoint) if number not in used]
    seen: set[int] = set()
    left = [endpoint]
    while left:
        number = left.pop()
        if number in seen:
            continue
        seen.add(number)
        step = plan.steps[number]
        yield step
        below = [a.source.step for a in step.arguments if isinstance(a.source, Use)]
        if number == endpoint:
            below = beside + below
        left += reversed(below)


def label_of(route: Route) -> str:
    """Name a route in messages."""
    return f"{' '.join(sorted(route.methods))} {route.path_format}"


class Value(Struct):
    """One value of the request, with its schema; or a group of such."""

    read: RequestValue
    want: Want
    is_group: bool

    @property
    def documentation(self) -> Documentation:
        declaration = self.read.declaration
        return declaration.documentation if declaration else NO_DOCUMENTATION


def values_of(route: Route, schemas: Schemas) -> list[Value]:
    """Ask for the schemas of what a route reads."""
    return [
        _value(value, step, route, schemas)
        for step in steps_from_endpoint(route.plan)
        for argument in step.arguments
        if isinstance(value := getattr(argument.source, "value", None), RequestValue)
    ]


def _value(value: RequestValue, step: Step, route: Route, schemas: Schemas) -> Value:
    endpoint = route.plan.endpoint
    declaration = value.declaration
    is_group = (
        declaration is not None
        and value.source not in (Source.PATH, Source.BODY, Source.FILE)
        and group_of(value.annotation) is not None
    )
    want = Want(
        value.annotation,
        "validation",
        value.key,
        step.signature.where,
        () if step is endpoint else (endpoint.signature.name, step.signature.name),
        label_of(route),
        f"{value.key!r}, which {step.signature.name!r} reads,",
        declaration.documentation if declaration else NO_DOCUMENTATION,
        ... if is_group else value.default,
    )
    return Value(value, schemas.want(want), is_group)


# ---------------------------------------------------------------------- parameters


def parameters_of(values: list[Value], schemas: Schemas) -> list[dict[str, Any]]:
    """Describe what is read from the path, the query string, the headers and the cookies.

    Of several of one name, the first that is required counts, or else the last.
    """
    described = [
        parameter
        for source in _PARAMETERS
        for value in values
        if value.read.source is source and value.documentation.include_in_schema
        for parameter in _parameters(value, schemas)
    ]
    by_name = {(each["in"], each["name"]): each for each in described}
    by_name |= {(each["in"], each["name"]): each for each in described if each["required"]}
    return [*by_name.values()]


def _parameters(value: Value, schemas: Schemas) -> Iterator[dict[str, Any]]:
    read, said = value.read, value.documentation
    place = read.source.value
    if value.is_group:
        for member in members_of(value, schemas):
            is_required = member.is_required and read.is_required
            yield _parameter(member.sent, place, is_required, member.schema)
        return
    parameter = _parameter(read.key, place, read.is_required, value.want.titled())
    if said.openapi_examples:
        parameter["examples"] = said.openapi_examples
    yield parameter


def _parameter(name: str, place: str, is_required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a parameter; its schema's description and `deprecated` are its own, too."""
    parameter = {"name": name, "in": place, "required": is_required, "schema": schema}
    said = {word: schema[word] for word in ("description", "deprecated") if schema.get(word)}
    return {**parameter, **said}


class Member(Struct):
    """One field of a group."""

    sent: str
    is_required: bool
    schema: dict[str, Any]


def members_of(value: Value, schemas: Schemas) -> list[Member]:
    """The fields of a group, by the names that requests have for them."""
    group = group_of(value.read.annotation)
    names = {key: field.name for field in group.fields for key in field.keys} if group else {}
    declaration = value.read.declaration
    hyphens = value.read.source is Source.HEADER and (
        declaration is None or declaration.convert_underscores
    )
    members: list[Member] = []
    for schema in _objects(value.want.schema, schemas):
        required = schema.get("required", ())
        for key, inner in schema.get("properties", {}).items():
            converts = hyphens and names.get(key) == key
            titled = (
                inner if "title" in inner or "$ref" in inner else {**inner, "title": title_of(key)}
            )
            sent = key.replace("_", "-") if converts else key
            members.append(Member(sent, key in required, titled))
    return members


def _objects(schema: Mapping[str, Any], schemas: Schemas) -> Iterator[Mapping[str, Any]]:
    schema = schemas.resolved(schema)
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices is None:
        yield schema
    for choice in choices or ():
        yield from _objects(choice, schemas)


# ---------------------------------------------------------------------- bodies


class Body(Struct):
    """What a route reads from the body.

    Attributes:
        values: The parts; one alone may be the whole.
        is_embedded: Whether each part stands under its name.
    """

    values: list[Value]
    is_embedded: bool

    @property
    def is_form(self) -> bool:
        return any(value.read.source is not Source.BODY for value in self.values)


def body_of(values: list[Value]) -> Body | None:
    """Find what is read from the body; of several values of one name the first counts."""
    by_name: dict[str, Value] = {}
    for value in values:
        if value.read.source not in _PARAMETERS:
            by_name.setdefault(value.read.key, value)
    if not by_name:
        return None
    parts = [*by_name.values()]
    declaration = parts[0].read.declaration
    is_form = any(value.read.source is not Source.BODY for value in parts)
    embeds = bool(declaration and declaration.embed) or (is_form and not parts[0].is_group)
    return Body(parts, len(parts) > 1 or embeds)


def request_body(
    body: Body, name: str, schemas: Schemas, components: dict[str, Any]
) -> dict[str, Any]:
    """Describe a body; one of several parts becomes the component `name`."""
    first = body.values[0]
    described: dict[str, Any] = {}
    if any(value.read.is_required for value in body.values):
        described["required"] = True
    content: dict[str, Any] = {}
    if body.is_embedded:
        components[name] = _object_of(body, name, schemas)
        content["schema"] = {"$ref": REF_PREFIX + name}
    else:
        content["schema"] = first.want.titled()
        if first.documentation.openapi_examples:
            content["examples"] = first.documentation.openapi_examples
    described["content"] = {_media_type(body): content}
    return described


def _object_of(body: Body, name: str, schemas: Schemas) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for value in body.values:
        if value.is_group:
            for member in members_of(value, schemas):
                properties[member.sent] = member.schema
                required += [member.sent] if member.is_required and value.read.is_required else []
        else:
            properties[value.read.key] = value.want.as_field()
            required += [value.read.key] if value.read.is_required else []
    described = {"properties": properties, "type": "object", "title": name}
    return {**described, "required": required} if required else described


def _media_type(body: Body) -> str:
    declared = [value.read.declaration for value in body.values]
    types = {each.media_type for each in declared if each is not None}
    files = any(value.read.source is Source.FILE for value in body.values)
    if files or _MULTIPART in types:
        return _MULTIPART
    if len(types) == 1:
        return types.pop()
    return _URLENCODED if body.is_form else _JSON


# ---------------------------------------------------------------------- what may be wrong

_ANY_TEXT: tuple[Any, ...] = (str, Any)


def can_be_invalid(value: Value) -> bool:
    """Whether there are requests that have another value than the route takes, or none."""
    read, want = value.read, value.want
    if read.source not in _PARAMETERS or value.is_group:
        return True
    if read.is_required and read.source is not Source.PATH:
        return True
    bare = want.bare
    return bool(want.limits) or not (bare in _ANY_TEXT or bare == (str | None))
