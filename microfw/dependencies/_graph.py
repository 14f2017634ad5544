"""Declarations -> Plan: walk once, share, settle scopes, order, check.

The walk goes over the graph of callables first (who depends on whom, cycles, who reads security
scopes) and then over the uses of them (which are one step, which are several). Both are iterative
and visit each node once, so that neither depth nor diamonds cost more than their number of steps.
"""

import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncContextDecorator, ContextDecorator
from typing import Any

from msgspec import Struct, field

from microfw.dependencies._calls import EMPTY
from microfw.dependencies._declarations import (
    Declared,
    Dependency,
    Depends,
    Lifetime,
    Security,
    SecurityScopes,
)
from microfw.dependencies._plan import (
    AppValue,
    Argument,
    Bind,
    Constant,
    Plan,
    Reader,
    Site,
    Source,
    Step,
    Surrounding,
    Use,
)
from microfw.dependencies._signatures import (
    Parameter,
    Signature,
    describe,
    name_of,
    place_of,
    returns_a_value,
    signature_of,
)
from microfw.exceptions import (
    CycleError,
    DeclarationError,
    GeneratorError,
    NotCallableError,
    OverrideError,
    ScopeError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)

Overrides = Mapping[Any, Callable[..., Any]]

_DECLARING = {id(Depends), id(Security)}
_NO_CLASSES: tuple[Any, ...] = (EMPTY, Any, type(None))


class Declarations(Struct):
    """What a plan is made from.

    Args:
        endpoint: The callable at the end of the plan.
        bind: Fills the parameters that are no dependencies.
        bind_app: The same for dependencies of scope "app".
        dependencies: Those declared beside the endpoint's parameters, outermost first.
        overrides: Which dependency is replaced by which.
        default: The lifetime of a yield dependency for which none is given.
        is_passed_more: Whether the endpoint gets arguments besides those of the plan.
    """

    endpoint: Callable[..., Any]
    bind: Bind
    bind_app: Bind
    dependencies: Sequence[Dependency] = ()
    overrides: Overrides = field(default_factory=dict[Any, Callable[..., Any]])
    default: Lifetime = Lifetime.FUNCTION
    is_passed_more: bool = False


class _Callable(Struct):
    """A callable of the graph, with the dependencies it declares."""

    signature: Signature
    uses: list[tuple[Parameter | None, Dependency, "_Callable"]]
    reads_security_scopes: bool = False
    replaced: frozenset[Hashable] = frozenset()
    """The overrides in force below it: what is replaced, and by what."""


class _Node(Struct, eq=False):
    """A step in the making."""

    callable: _Callable
    dependency: Dependency
    security_scopes: tuple[str, ...]
    name: str
    user: "_Node | None"
    asker: "_Node | None" = None
    """The first that uses it with a scope."""
    lifetime: Lifetime = Lifetime.FUNCTION
    uses: list[tuple[Parameter | None, "_Node"]] = field(
        default_factory=list[tuple[Parameter | None, "_Node"]]
    )

    @property
    def signature(self) -> Signature:
        return self.callable.signature

    @property
    def path(self) -> tuple[str, ...]:
        """Names from the endpoint down to this step, by the use that was met first."""
        names = [self.signature.name]
        user = self.user
        while user is not None:
            names.append(user.signature.name)
            user = user.user
        return tuple(reversed(names))


def make_plan(declarations: Declarations) -> Plan:
    """Make the plan of one route, task or application.

    Raises:
        RegistrationError: The subclass tells the mistake.
    """
    root = _Callables(declarations).root
    nodes = _Nodes(root, declarations)
    _settle_lifetimes(nodes.in_order, declarations.default)
    return _plan(_shared(nodes.in_order), declarations)


class _Callables:
    """The graph of callables below an endpoint."""

    def __init__(self, declarations: Declarations) -> None:
        self._overrides = {hashable(k): v for k, v in declarations.overrides.items()}
        self._known: dict[Hashable, _Callable] = {}
        self._is_passed_more = declarations.is_passed_more
        self.root = self._add(declarations.endpoint, ())
        for dependency in declarations.dependencies:
            below = self._callable_of(dependency, None, [self.root])
            self.root.uses.append((None, dependency, below))
        self._descend(self.root)

    def _descend(self, root: _Callable) -> None:
        """Visit every callable once, depth first, and tell a cycle when it closes."""
        path = {id(root): root}
        done: set[int] = set()
        stack = [(root, self._declared(root, path))]
        while stack:
            current, pending = stack[-1]
            below = next(pending, None)
            if below is None:
                stack.pop()
                del path[id(current)]
                done.add(id(current))
                current.reads_security_scopes = any(
                    use.reads_security_scopes for _, _, use in current.uses
                ) or any(p.annotation is SecurityScopes for p in current.signature.parameters)
                if self._overrides:
                    current.replaced = frozenset(self._replaced(current))
            elif id(below) in path:
                raise _cycle([*path.values()], below)
            elif id(below) not in done:
                path[id(below)] = below
                stack.append((below, self._declared(below, path)))

    def _declared(self, current: _Callable, path: dict[int, _Callable]) -> Iterator[_Callable]:
        for _, _, below in current.uses:  # those of `dependencies=`
            yield below
        for parameter in current.signature.parameters:
            _check_declaration(parameter, current, path.values())
            dependency = dependency_of(parameter)
            if dependency is not None:
                below = self._callable_of(dependency, parameter, path.values())
                current.uses.append((parameter, dependency, below))
                yield below

    def _callable_of(
        self,
        dependency: Dependency,
        parameter: Parameter | None,
        path: Iterable[_Callable],
    ) -> _Callable:
        call = _declared_call(dependency, parameter)
        if not callable(call) or isinstance(call, ContextDecorator | AsyncContextDecorator):
            raise _not_callable(dependency, parameter, [*path])
        override = self._overrides.get(hashable(call))
        if override is not None:
            call = override
        known = self._known.get(hashable(call))
        return self._add(call, path) if known is None else known

    def _replaced(self, current: _Callable) -> Iterator[Hashable]:
        for parameter, dependency, below in current.uses:
            yield from below.replaced
            declared = hashable(_declared_call(dependency, parameter))
            if declared in self._overrides:
                yield declared, hashable(self._overrides[declared])

    def _add(self, call: Callable[..., Any], path: Iterable[_Callable]) -> _Callable:
        try:
            signature = signature_of(call) if self._known else describe(call)
        except (DeclarationError, UnresolvableAnnotationError) as error:
            raise error.below(_names(path, call)) from error.__cause__
        if signature.passed_on and (self._known or not self._is_passed_more):
            raise UnfillableParameterError(
                f"{signature.name!r} takes {signature.passed_on}: what it needs is not known, and"
                " nothing fills that",
                where=signature.where,
                path=_names(path, call),
                cure="name the parameters that it needs, and no others; mark a decorator's wrapper"
                " with `@functools.wraps(function)`",
            )
        if self._known and signature.yields and returns_a_value(signature):
            raise GeneratorError(
                f"the yield dependency {signature.name!r} returns a value, which nobody receives",
                where=signature.where,
                path=_names(path, call),
                cure="`yield` the value; a `return` in a generator must be bare",
            )
        added = _Callable(signature, [])
        self._known[hashable(call)] = added
        return added


def _declared_call(dependency: Dependency, parameter: Parameter | None) -> object:
    """What a use depends on: for `Depends()` the class in the annotation."""
    call: object = dependency.call
    if call is None and parameter is not None and parameter.annotation not in _NO_CLASSES:
        return parameter.annotation
    return call


def _names(path: Iterable[_Callable], call: Callable[..., Any]) -> list[str]:
    return [*(user.signature.name for user in path), name_of(call)]


class _Nodes:
    """The uses of callables: which of them are one step, and the order of their setup."""

    def __init__(self, root: _Callable, declarations: Declarations) -> None:
        self._nodes: dict[Hashable, _Node] = {}
        self.in_order: list[_Node] = []
        endpoint = Dependency(declarations.endpoint, True, Lifetime.FUNCTION, True)
        self._descend(_Node(root, endpoint, (), root.signature.name, None))

    def _descend(self, root: _Node) -> None:
        stack = [(root, self._used(root))]
        while stack:
            current, pending = stack[-1]
            below = next(pending, None)
            if below is None:
                stack.pop()
                self.in_order.append(current)
            else:
                stack.append((below, self._used(below)))

    def _used(self, current: _Node) -> Iterator[_Node]:
        """Link a node to those it uses; yield the ones that are new."""
        for parameter, dependency, below in current.callable.uses:
            scopes: tuple[str, ...] = ()
            if below.reads_security_scopes:
                scopes = tuple(
                    dict.fromkeys((*current.security_scopes, *dependency.security_scopes))
                )
            key: Hashable = (id(below), dependency.lifetime, scopes)
            node = self._nodes.get(key) if dependency.use_cache else None
            if node is not None:
                current.uses.append((parameter, node))
                continue
            name = parameter.name if parameter else below.signature.name
            node = _Node(below, dependency, scopes, name, current)
            if dependency.use_cache:
                self._nodes[key] = node
            current.uses.append((parameter, node))
            yield node


def _settle_lifetimes(in_order: list[_Node], default: Lifetime) -> None:
    """Give each node its lifetime: what it asks for, or the widest that its dependants need.

    Dependants come after what they use, so that going backwards meets them first.
    """
    asked: dict[Hashable, Lifetime] = {}
    for node in in_order:
        if node.dependency.lifetime is not None:
            key = (id(node.callable), node.security_scopes)
            asked[key] = max(node.dependency.lifetime, asked.get(key, Lifetime.FUNCTION))
    needed: dict[int, _Node] = {}
    for node in reversed(in_order):
        dependant = needed.get(id(node))
        need = dependant.lifetime if dependant else Lifetime.FUNCTION
        explicit = node.dependency.lifetime
        if explicit is not None:
            if dependant is not None and need > explicit:
                raise _narrower(node, dependant, needed)
            node.lifetime = explicit
        else:
            base = default if node.signature.yields else Lifetime.FUNCTION
            key = (id(node.callable), node.security_scopes)
            node.lifetime = max(need, base, asked.get(key, Lifetime.FUNCTION))
        for _, used in node.uses:
            known = needed.get(id(used))
            if known is None or node.lifetime > known.lifetime:
                needed[id(used)] = node


def _shared(in_order: list[_Node]) -> list[_Node]:
    """Make one of the nodes that turned out to be the same step after all.

    Uses of a callable are nodes apart where they ask for different scopes.
    """
    if all(node.dependency.lifetime is None for node in in_order[:-1]):
        return in_order
    kept: dict[Hashable, _Node] = {}
    same: dict[int, _Node] = {}
    result: list[_Node] = []
    for node in in_order:
        node.uses = [(parameter, same[id(used)]) for parameter, used in node.uses]
        key: Hashable = (id(node.callable), node.lifetime, node.security_scopes)
        first = kept.setdefault(key, node) if node.dependency.use_cache else node
        if first.asker is None and node.dependency.lifetime is not None:
            first.asker = node.user
        same[id(node)] = first
        if first is node:
            result.append(node)
    return _used(result)


def _used(nodes: list[_Node]) -> list[_Node]:
    """Leave out what only those used that were left out themselves."""
    used = {id(nodes[-1])}
    for node in reversed(nodes):
        if id(node) in used:
            used.update(id(below) for _, below in node.uses)
    return [node for node in nodes if id(node) in used]


def _plan(in_order: list[_Node], declarations: Declarations) -> Plan:
    app_nodes = [node for node in in_order if node.lifetime is Lifetime.APP]
    nodes = _wider_scopes_first([node for node in in_order if node.lifetime is not Lifetime.APP])
    app_keys = {id(node): _app_key(node) for node in app_nodes}
    return Plan(
        _steps(nodes, app_keys, declarations.bind),
        _steps(app_nodes, app_keys, declarations.bind_app),
    )


def _app_key(node: _Node) -> Hashable:
    call = hashable(node.signature.declared)
    if not node.dependency.use_cache:
        return call, object()
    replaced = node.callable.replaced  # another dependency, where one below it is another
    return (call, node.security_scopes, replaced) if replaced else (call, node.security_scopes)


def _wider_scopes_first(nodes: list[_Node]) -> list[_Node]:
    """Move what opens in function scope, and what uses it, behind the last that opens in request's.

    Everything else keeps its place.
    """
    last = max(
        (
            number
            for number, node in enumerate(nodes[:-1])
            if node.signature.yields and node.lifetime is Lifetime.REQUEST
        ),
        default=-1,
    )
    bound: set[int] = set()
    for node in nodes[: last + 1]:
        opens = node.signature.yields and node.lifetime is Lifetime.FUNCTION
        if opens or any(id(used) in bound for _, used in node.uses):
            bound.add(id(node))
    early = [node for node in nodes[: last + 1] if id(node) not in bound]
    moved = [node for node in nodes[: last + 1] if id(node) in bound]
    return early + moved + nodes[last + 1 :]


def _steps(nodes: list[_Node], app_keys: dict[int, Hashable], bind: Bind) -> tuple[Step, ...]:
    numbers = {id(node): number for number, node in enumerate(nodes)}
    steps: list[Step] = []
    for node in nodes:
        used = {parameter.name: use for parameter, use in node.uses if parameter is not None}
        arguments: list[Argument] = []
        for parameter in node.signature.parameters:
            source: Source | None
            below = used.get(parameter.name)
            if below is None:
                source = _surrounding(parameter, node, bind)
            elif id(below) in app_keys:
                source = AppValue(app_keys[id(below)], below.signature.name)
            else:
                source = Use(numbers[id(below)])
            if source is not None:
                arguments.append(Argument(parameter.name, parameter.positional_only, source))
        _check_is_filled(node, arguments)
        steps.append(
            Step(
                key=app_keys.get(id(node)),
                signature=node.signature,
                name=node.name,
                lifetime=node.lifetime,
                in_thread=_runs_in_thread(node),
                fallible=any(_may_be_invalid(argument.source, steps) for argument in arguments),
                arguments=tuple(arguments),
                used_in=node.user.signature.where if node.user else "",
                asked_in=node.asker.signature.where if node.asker else None,
            )
        )
    return tuple(steps)


def _check_is_filled(node: _Node, arguments: list[Argument]) -> None:
    """A parameter that is left out has its default, and a declaration is no value."""
    filled = {argument.name for argument in arguments}
    for name in node.signature.declaring:
        if name not in filled:
            raise DeclarationError(
                f"parameter {name!r} of {node.signature.name!r} is declared by its default, and"
                " its signature hides it: nothing would fill it",
                where=node.signature.where,
                path=node.path,
                cure=f"name {name!r} in `__signature__`, or give it a plain default",
            )


def _runs_in_thread(node: _Node) -> bool:
    streams = node.user is None and node.signature.yields  # its items are asked for one by one
    return not node.signature.is_async and node.dependency.in_thread and not streams


def _surrounding(parameter: Parameter, node: _Node, bind: Bind) -> Surrounding | None:
    if parameter.annotation is SecurityScopes:
        return Constant(SecurityScopes(node.security_scopes))
    return bind(parameter, Site(node.signature, node.path))


def _may_be_invalid(source: Source, steps: list[Step]) -> bool:
    if isinstance(source, Use):
        return steps[source.step].fallible
    return isinstance(source, Reader)


def dependency_of(parameter: Parameter) -> Dependency | None:
    """The `Depends(...)` of a parameter: its default value, or the last one in `Annotated`.

    Of several declarations in `Annotated` the last one counts.
    """
    if isinstance(parameter.default, Dependency):
        return parameter.default
    declared = [each for each in parameter.metadata if isinstance(each, Declared)]
    return declared[-1] if declared and isinstance(declared[-1], Dependency) else None


def hashable(call: Any) -> Hashable:
    """A key for a callable: itself; its identity, where it cannot be hashed."""
    try:
        hash(call)
    except TypeError:
        return id(call)
    return call  # type: ignore[no-any-return]


def override_error(dependency: object, override: object) -> OverrideError:
    """The error for an override where one of the two cannot be called."""
    cure = "override a dependency with a callable: a function, `lambda: value`, a generator"
    if callable(dependency):
        what = f"{name_of(dependency)!r} is overridden with {override!r}, which cannot be called"
        return OverrideError(what, where=place_of(dependency), cure=cure)
    return OverrideError(
        f"{dependency!r} is overridden, which is no dependency: it cannot be called",
        where="dependency_overrides",
        cure="name the function itself, overrides[get_it], not what it returns",
    )


def _check_declaration(parameter: Parameter, current: _Callable, path: Iterable[_Callable]) -> None:
    """Raise a `DeclarationError` unless a parameter is declared as one dependency, or as none."""
    name = parameter.name
    default, metadata = parameter.default, parameter.metadata
    if isinstance(default, Dependency) and any(isinstance(each, Dependency) for each in metadata):
        what = f"parameter {name!r} has two dependencies, in `Annotated` and as its default value"
        cure = "keep one of the two"
    elif isinstance(parameter.annotation, Dependency):
        what = f"parameter {name!r} has `Depends(...)` in the place of its type"
        cure = f"write {name}: Annotated[<its type>, Depends(...)]"
    elif not _DECLARING.isdisjoint(map(id, (*metadata, default))):
        what = f"parameter {name!r} is declared with `Depends` itself, which is not called"
        cure = "write `Depends(get_it)`; `Depends()` calls the class in the annotation"
    elif name == "__debug__" or not unicodedata.is_normalized("NFKC", name):
        what = f"parameter {name!r} has a name that Python lets no call pass a value to"
        cure = (
            "name it otherwise in `__signature__`; no parameter written in a `def` has such a name"
        )
    else:
        return
    names = [callable_.signature.name for callable_ in path]
    raise DeclarationError(what, where=current.signature.where, path=names, cure=cure)


def _not_callable(
    dependency: Dependency, parameter: Parameter | None, path: list[_Callable]
) -> NotCallableError:
    use = f"parameter {parameter.name!r}" if parameter else "one of `dependencies=`"
    call: object = dependency.call
    cure = "give `Depends` the function itself, `Depends(get_it)`, not what it returns"
    if call is None:
        what = f"{use} has `Depends()` without a dependency, and no class as its annotation"
        cure = "name the dependency, `Depends(get_it)`, or annotate the parameter with a class"
    elif callable(call):
        what = f"{use} depends on {call!r}, a context manager that can be entered once"
    else:
        what = f"{use} depends on {call!r}, which cannot be called"
    names = [callable_.signature.name for callable_ in path]
    return NotCallableError(what, where=path[-1].signature.where, path=names, cure=cure)


def _cycle(path: list[_Callable], again: _Callable) -> CycleError:
    names = [callable_.signature.name for callable_ in path]
    return CycleError(
        f"{again.signature.name!r} depends on itself",
        where=again.signature.where,
        path=(*names, again.signature.name),
        cure="move what both sides need into a third dependency that depends on neither",
    )


def _narrower(node: _Node, dependant: _Node, needed: Mapping[int, _Node]) -> ScopeError:
    path = [dependant.signature.name, node.signature.name]
    widest = dependant
    while widest.dependency.lifetime is None and id(widest) in needed:
        widest = needed[id(widest)]  # up to the one that asks for the wide scope
        path.insert(0, widest.signature.name)
    name, scope = node.signature.name, Lifetime(node.dependency.lifetime or 0).scope
    return ScopeError(
        f"{dependant.signature.name!r} lives in scope {dependant.lifetime.scope!r} and uses"
        f" {name!r}, which is closed earlier, at the end of scope {scope!r}",
        where=dependant.signature.where,
        path=(*widest.path[:-1], *path),
        cure=f"give {name!r} the wider scope,"
        f' `Depends({name}, scope="{dependant.lifetime.scope}")`, or none at all;'
        f" or narrow {dependant.signature.name!r}",
    )
