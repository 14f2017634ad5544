"""What a plan says, as the tree of FastAPI's that libraries read: a `Dependant` for each use.

It is made when it is asked for. Libraries put another function in the place of the endpoint
(`dependant.call = wrapped`), or append a dependency; both count until the route is first used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import structs
from starlette.routing import PARAM_REGEX

from microfw._reading import RequestBinder, refuse_in_app_scope
from microfw.dependencies import (
    Argument,
    Attribute,
    Constant,
    Declarations,
    Dependency,
    Plan,
    Reader,
    SecurityScopes,
    Step,
    Use,
    dependency_of,
    describe,
    make_plan,
)
from microfw.params import RequestValue, Source

_PARAMETERS = {
    Source.PATH: "path_params",
    Source.QUERY: "query_params",
    Source.HEADER: "header_params",
    Source.COOKIE: "cookie_params",
}
_GIVEN = {
    "request": "request_param_name",
    "websocket": "websocket_param_name",
    "connection": "http_connection_param_name",
    "response": "response_param_name",
    "tasks": "background_tasks_param_name",
}


@dataclass(frozen=True)
class ModelField:
    """A value of the request, or of the response.

    Attributes:
        name: The parameter's.
        alias: The name in the request.
        type_: The type, in `Annotated` with what annotates it.
        default: What stands in where it is not sent; `...` where it is required.
        field_info: What it is declared with, `Query(...)`; `None` where the type alone decides.
    """

    name: str
    alias: str
    type_: Any
    default: Any = ...
    field_info: Any = None

    @property
    def required(self) -> bool:
        """Whether a request without it is answered with an error."""
        return self.default is ...


@dataclass(eq=False)
class Dependant:
    """One use of a callable, with those that it depends on.

    Attributes:
        name: The parameter that it is for; `None` where nobody takes the value.
        call: What is called.
        own_oauth_scopes: What the declarations above it ask for.
        scope: Until when it is open, if something of it is.
        path: The route's.
    """

    path_params: list[ModelField] = field(default_factory=list[ModelField])
    query_params: list[ModelField] = field(default_factory=list[ModelField])
    header_params: list[ModelField] = field(default_factory=list[ModelField])
    cookie_params: list[ModelField] = field(default_factory=list[ModelField])
    body_params: list[ModelField] = field(default_factory=list[ModelField])
    dependencies: "list[Dependant]" = field(default_factory=list["Dependant"])
    name: str | None = None
    call: Callable[..., Any] | None = None
    request_param_name: str | None = None
    websocket_param_name: str | None = None
    http_connection_param_name: str | None = None
    response_param_name: str | None = None
    background_tasks_param_name: str | None = None
    security_scopes_param_name: str | None = None
    own_oauth_scopes: list[str] | None = None
    use_cache: bool = True
    path: str | None = None
    scope: str | None = None


def dependant_of(plan: Plan, path: str, declared: Sequence[Dependency] = ()) -> Dependant:
    """Make the tree of a plan. A step that is used several times is shared by its uses.

    Args:
        plan: The plan.
        path: The route's.
        declared: Its `dependencies=`, whose values nobody takes.
    """
    made: list[Dependant] = []
    used: set[int] = set()
    for step in plan.steps:
        used.update(a.source.step for a in step.arguments if isinstance(a.source, Use))
        made.append(_of_step(step, made, path))
    endpoint = made.pop()
    beside: list[Dependant] = []
    for dependency in declared:
        found = [number for number, it in enumerate(made) if it.call == dependency.dependency]
        if found:  # one of its own, or else the one that it shares
            number = next((each for each in found if each not in used), found[0])
            used.add(number)
            beside.append(replace(made[number], name=None))
    endpoint.dependencies[:0] = beside
    return endpoint


def _of_step(step: Step, made: Sequence[Dependant], path: str) -> Dependant:
    it = Dependant(call=step.signature.declared, path=path)
    it.own_oauth_scopes = list(step.security_scopes)
    it.scope = step.scope if step.opens else None
    declared = {each.name: dependency_of(each) for each in step.signature.parameters}
    for argument in step.arguments:
        name, source = argument.name, argument.source
        if isinstance(source, Use):
            dependency = declared.get(name)
            cached = dependency is None or dependency.use_cache
            below = replace(made[source.step], name=name, use_cache=cached)
            it.dependencies.append(below)
        elif isinstance(source, Attribute):
            setattr(it, _GIVEN[source.name], name)
        elif isinstance(source, Constant):
            if isinstance(source.value, SecurityScopes):
                it.security_scopes_param_name = name
        elif isinstance(source, Reader) and isinstance(source.value, RequestValue):
            _fields(it, source.value).append(_field(name, source.value))
    return it


def _fields(dependant: Dependant, value: RequestValue) -> list[ModelField]:
    fields: list[ModelField] = getattr(dependant, _PARAMETERS.get(value.source, "body_params"))
    return fields


def _field(name: str, value: RequestValue) -> ModelField:
    default = None if value.default_factory else value.default
    return ModelField(name, value.key, value.annotation, default, value.declaration)


def get_dependant(
    *,
    path: str,
    call: Callable[..., Any],
    name: str | None = None,
    own_oauth_scopes: Sequence[str] | None = None,
    use_cache: bool = True,
    scope: Any = None,
) -> Dependant:
    """Read a callable as a dependency of a route of this path.

    Raises:
        RegistrationError: The subclass names the mistake in the callable or below it.
    """
    names = [each for each, _ in PARAM_REGEX.findall(path)]
    plan = make_plan(Declarations(call, RequestBinder(names), refuse_in_app_scope))
    it = dependant_of(plan, path)
    it.own_oauth_scopes = list(own_oauth_scopes or ())
    it.name, it.use_cache, it.scope = name, use_cache, scope or it.scope
    return it


def get_parameterless_sub_dependant(*, depends: Dependency, path: str) -> Dependant:
    """Read one of the `dependencies=` of a route."""
    if depends.dependency is None:
        raise TypeError("a dependency that no parameter takes has to name what it calls")
    return get_dependant(
        path=path,
        call=depends.dependency,
        own_oauth_scopes=depends.security_scopes,
        use_cache=depends.use_cache,
        scope=depends.scope,
    )


def flat_body_params(dependant: Dependant) -> list[ModelField]:
    """What a tree reads from the body, from top to bottom."""
    fields = [*dependant.body_params]
    for below in dependant.dependencies:
        fields += flat_body_params(below)
    return fields


def body_field_of(dependant: Dependant) -> ModelField | None:
    """The one value that is the body, or an object that holds several."""
    fields = {each.name: each for each in flat_body_params(dependant)}
    if len(fields) < 2:
        return next(iter(fields.values()), None)
    return ModelField("body", "body", dict[str, Any])


class ReadDependant:
    """The tree that others were given, and what they have changed in it since."""

    def __init__(self, plan: Plan, path: str, declared: Sequence[Dependency]) -> None:
        self.it = dependant_of(plan, path, declared)
        self._known = self.it.call, [*self.it.dependencies], self.it.http_connection_param_name
        self._is_changed = False

    def is_changed(self) -> bool:
        """Whether there is something that plans made before do not have."""
        before, self._is_changed = self._is_changed, bool(self.added() or self._replaces())
        return self._is_changed and not before

    def _replaces(self) -> bool:
        call, _, connection = self._known
        return self.it.call is not call or self.it.http_connection_param_name != connection

    def added(self) -> list[Dependency]:
        """The dependencies that were appended."""
        known = {id(each) for each in self._known[1]}
        added = [each for each in self.it.dependencies if id(each) not in known]
        return [Dependency(each.call, each.use_cache) for each in added]

    def applied_to(self, plan: Plan) -> Plan:
        """The plan with the function that was put in the place of its endpoint."""
        if not self._replaces():
            return plan
        *steps, last = plan.steps
        call: Any = self.it.call
        signature = describe(call)
        changed = structs.replace(
            last.signature, call=call, is_async=signature.is_async, yields=signature.yields
        )
        in_thread = not signature.is_async and not signature.yields
        arguments = [*last.arguments]
        connection = self.it.http_connection_param_name
        if connection is not None and connection != self._known[2]:
            arguments.append(Argument(connection, False, Attribute("connection")))
        last = structs.replace(
            last, signature=changed, in_thread=in_thread, arguments=tuple(arguments)
        )
        return structs.replace(plan, steps=(*steps, last))
