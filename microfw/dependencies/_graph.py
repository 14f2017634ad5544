"""Declarations -> Plan: walk, share, settle scopes, order, check.

`_walk` lists the steps. Here each gets its scope, uses that turn out to be the same step become
one, and the steps are ordered.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

from microfw.dependencies._collecting import collected
from microfw.dependencies._declared import Lifetime, SecurityScopes
from microfw.dependencies._order import in_order_of_setup
from microfw.dependencies._plan import (
    NO_RESPONSES,
    AppValue,
    Argument,
    ArgumentSource,
    Bind,
    Constant,
    Plan,
    Reader,
    Site,
    Step,
    Surrounding,
    Use,
)
from microfw.dependencies._signatures import Parameter
from microfw.dependencies._walk import Declarations, StepNode, hashable, steps_in_order
from microfw.exceptions import DeclarationError, ScopeError


def make_plan(declarations: Declarations) -> Plan:
    """Make the plan of one route, task or application.

    Raises:
        RegistrationError: The subclass names the mistake.
    """
    nodes = steps_in_order(declarations)
    with collected() as mistakes:
        _settle_lifetimes(nodes, declarations.default)
    shared = _shared(nodes)
    app_nodes = [node for node in shared if node.lifetime is Lifetime.APP]
    nodes = [node for node in shared if node.lifetime is not Lifetime.APP]
    if not mistakes.found:
        with collected():
            nodes = in_order_of_setup(nodes)
    return _plan(nodes, app_nodes, declarations)


def _settle_lifetimes(in_order: list[StepNode], default: Lifetime) -> None:
    """Give each node its lifetime: what it asks for, or the widest that its dependants need.

    Dependants come after what they use, so that going backwards meets them first.
    """
    asked = _asked_lifetimes(in_order)
    needed: dict[int, StepNode] = {}
    keeping: dict[int, StepNode] = {}
    for node in reversed(in_order):
        dependant = needed.get(id(node))
        need = dependant.need if dependant else Lifetime.FUNCTION
        explicit = node.dependency.lifetime
        if explicit is Lifetime.USE:
            if id(node) in keeping:
                with collected():
                    raise _narrower(node, keeping[id(node)], needed)
            node.lifetime, node.need = explicit, need
        elif explicit is not None:
            if dependant is not None and need > explicit:
                with collected():
                    raise _narrower(node, dependant, needed)
            node.lifetime = node.need = explicit
        else:
            base = default if node.signature.yields else Lifetime.FUNCTION
            asked_for = asked.get((id(node.callable), node.security_scopes), base)
            node.lifetime = node.need = max(need, base, asked_for)
        for _, used in node.uses:
            known = needed.get(id(used))
            if known is None or node.need > known.need:
                needed[id(used)] = node
            if _keeps_open(node):
                keeping[id(used)] = node


def _asked_lifetimes(nodes: list[StepNode]) -> dict[Hashable, Lifetime]:
    """The widest lifetime that is asked for of each callable."""
    asked: dict[Hashable, Lifetime] = {}
    for node in nodes:
        if node.dependency.lifetime is not None:
            key = (id(node.callable), node.security_scopes)
            asked[key] = max(node.dependency.lifetime, asked.get(key, Lifetime.USE))
    return asked


def _keeps_open(node: StepNode) -> bool:
    """Whether what a node uses has to be open when the node's own use has ended."""
    if node.lifetime is Lifetime.APP:
        return True
    return node.signature.yields and node.lifetime is not Lifetime.USE and node.user is not None


def _shared(in_order: list[StepNode]) -> list[StepNode]:
    """Make one of the nodes that turned out to be the same step after all.

    Uses of a callable are nodes apart where they ask for different scopes.
    """
    if all(node.dependency.lifetime is None for node in in_order[:-1]):
        return in_order
    kept: dict[Hashable, StepNode] = {}
    same: dict[int, StepNode] = {}
    result: list[StepNode] = []
    for node in in_order:
        node.uses = [(parameter, same[id(used)]) for parameter, used in node.uses]
        key: Hashable = (id(node.callable), node.lifetime, node.security_scopes)
        first = kept.setdefault(key, node) if node.dependency.use_cache else node
        if first.asker is None and node.dependency.lifetime is not None:
            first.asker = node.user
        first.limits |= node.limits
        same[id(node)] = first
        if first is node:
            result.append(node)
    return _used(result)


def _used(nodes: list[StepNode]) -> list[StepNode]:
    """Leave out what only those used that were left out themselves."""
    used = {id(nodes[-1])}
    for node in reversed(nodes):
        if id(node) in used:
            used.update(id(below) for _, below in node.uses)
    return [node for node in nodes if id(node) in used]


def _plan(nodes: list[StepNode], app_nodes: list[StepNode], declarations: Declarations) -> Plan:
    app_keys = {id(node): _app_key(node) for node in app_nodes}
    _check_limits(nodes)
    return Plan(
        _steps(nodes, app_keys, declarations.bind),
        _steps(app_nodes, app_keys, declarations.bind_app),
    )


def _check_limits(nodes: list[StepNode]) -> None:
    """Refuse what would wait for itself."""
    needs = Counter(limit for node in nodes for limit in node.limits)
    for node in nodes:
        for limit in node.limits:
            if needs[limit] > limit.max_concurrency:
                with collected():
                    raise DeclarationError(
                        f"{node.signature.name!r} is used {needs[limit]} times at once here, of"
                        f" max_concurrency={limit.max_concurrency}: it would wait for itself",
                        where=node.signature.where,
                        path=node.path,
                        cure="raise the limit, or share one value: leave out use_cache=False",
                    )


def _app_key(node: StepNode) -> Hashable:
    call = hashable(node.signature.declared)
    if not node.dependency.use_cache:
        return call, object()
    replaced = node.callable.replaced  # another dependency, where one below it is another
    return (call, node.security_scopes, replaced) if replaced else (call, node.security_scopes)


def _steps(nodes: list[StepNode], app_keys: dict[int, Hashable], bind: Bind) -> tuple[Step, ...]:
    numbers = {id(node): number for number, node in enumerate(nodes)}
    asked, said = _asked_scopes(nodes), _said_responses(nodes)
    steps: list[Step] = []
    reporting: set[Hashable] = set()
    for node in nodes:
        used = {parameter.name: use for parameter, use in node.uses if parameter is not None}
        mistaken = node.callable.mistaken
        arguments: list[Argument] = []
        for parameter in node.signature.parameters:
            source: ArgumentSource | None = None
            below = used.get(parameter.name)
            if below is None:
                with collected() as mistakes:
                    if parameter.name not in mistaken:
                        source = _surrounding(parameter, node, bind)
                if mistakes.found:
                    mistaken.add(parameter.name)
                if isinstance(source, Reader) and node.dependency.use_cache:
                    source = _reporting_once(source, parameter, node, reporting)
            elif id(below) in app_keys:
                source = AppValue(app_keys[id(below)], below.signature.name)
            else:
                source = Use(numbers[id(below)])
            if source is not None:
                arguments.append(Argument(parameter.name, parameter.positional_only, source))
        with collected():
            _check_is_filled(node, arguments)
        steps.append(
            Step(
                key=app_keys.get(id(node)),
                signature=node.signature,
                name=node.name,
                lifetime=node.lifetime,
                last_inside=_number(node.last_inside, numbers),
                in_thread=_runs_in_thread(node),
                fallible=any(_may_be_invalid(argument.source, steps) for argument in arguments),
                arguments=tuple(arguments),
                used_in=node.user.signature.where if node.user else "",
                asked_in=node.asker.signature.where if node.asker else None,
                security_scopes=asked.get(id(node), ()),
                responses=said.get(id(node), NO_RESPONSES),
                limits=() if id(node) in app_keys else tuple(node.limits),
            )
        )
    return tuple(steps)


def _asked_scopes(nodes: list[StepNode]) -> dict[int, tuple[str, ...]]:
    """Find the security scopes that are asked for above each node, if there are any.

    Dependants come after what they use, so that going backwards meets them first.
    """
    asked: dict[int, tuple[str, ...]] = {}
    for node in reversed(nodes):
        above = asked.get(id(node), ())
        for (_, dependency, _), (_, below) in zip(node.callable.uses, node.uses, strict=True):
            if above or dependency.security_scopes:
                scopes = (*above, *dependency.security_scopes, *asked.get(id(below), ()))
                asked[id(below)] = tuple(dict.fromkeys(scopes))
    return asked


def _said_responses(nodes: list[StepNode]) -> dict[int, dict[int | str, Any]]:
    """Collect what the declarations say that each node may answer, if they say anything."""
    said: dict[int, dict[int | str, Any]] = {}
    for node in nodes:
        for (_, dependency, _), (_, below) in zip(node.callable.uses, node.uses, strict=True):
            if dependency.responses:
                said[id(below)] = {**dependency.responses, **said.get(id(below), {})}
    return said


def _check_is_filled(node: StepNode, arguments: list[Argument]) -> None:
    """A parameter that is left out has its default, and a declaration is no value."""
    filled = {argument.name for argument in arguments} | node.callable.mistaken
    for name in node.signature.declaring:
        if name not in filled:
            raise DeclarationError(
                f"parameter {name!r} of {node.signature.name!r} is declared by its default, and"
                " its signature hides it: nothing would fill it",
                where=node.signature.where,
                path=node.path,
                cure=f"name {name!r} in `__signature__`, or give it a plain default",
            )


def _runs_in_thread(node: StepNode) -> bool:
    streams = node.user is None and node.signature.yields  # its items are asked for one by one
    return not node.signature.is_async and node.dependency.sync_to_thread and not streams


def _surrounding(parameter: Parameter, node: StepNode, bind: Bind) -> Surrounding | None:
    if parameter.annotation is SecurityScopes:
        return Constant(SecurityScopes(node.security_scopes))
    return bind(parameter, Site(node.signature, node.path))


def _reporting_once(
    reader: Reader, parameter: Parameter, node: StepNode, reporting: set[Hashable]
) -> Reader:
    """V2: of several steps of one dependency, the first reports what is invalid."""
    key: Hashable = (id(node.callable), node.security_scopes, parameter.name)
    if key in reporting:
        return reader.again()
    reporting.add(key)
    return reader


def _may_be_invalid(source: ArgumentSource, steps: list[Step]) -> bool:
    if isinstance(source, Use):
        return steps[source.step].fallible
    return isinstance(source, Reader)


def _number(node: StepNode | None, numbers: Mapping[int, int]) -> int | None:
    return None if node is None else numbers[id(node)]


def _narrower(node: StepNode, dependant: StepNode, needed: Mapping[int, StepNode]) -> ScopeError:
    path = [node.signature.name]
    while dependant.lifetime is Lifetime.USE:  # it is open while those run that use it
        path.insert(0, dependant.signature.name)
        dependant = needed[id(dependant)]
    path.insert(0, dependant.signature.name)
    widest = dependant
    while widest.dependency.lifetime is None and id(widest) in needed:
        widest = needed[id(widest)]  # up to the one that asks for the wide scope
        path.insert(0, widest.signature.name)
    name, scope = node.signature.name, Lifetime(node.dependency.lifetime or Lifetime.USE)
    end = f"at the end of scope {scope.scope!r}"
    if scope is Lifetime.USE:
        end = "when the last step that uses it has run, by scope 'use'"
    return ScopeError(
        f"{dependant.signature.name!r} lives in scope {dependant.lifetime.scope!r} and uses"
        f" {name!r}, which is closed earlier, {end}",
        where=dependant.signature.where,
        path=(*widest.path[:-1], *path),
        cure=f"give {name!r} the wider scope,"
        f' `Depends({name}, scope="{dependant.lifetime.scope}")`, or none at all;'
        f" or narrow {dependant.signature.name!r}",
    )
