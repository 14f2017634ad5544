"""Walks the graph below an endpoint: wires its callables, then lists their uses as steps.

The walk goes over the graph of callables first (who depends on whom, cycles, who reads security
scopes) and then over the uses of them (which are one step, which are several). Both are iterative
and visit each node once, so that neither depth nor diamonds cost more than their number of steps.
"""

import unicodedata
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncContextDecorator, ContextDecorator
from typing import Any

from msgspec import Struct, field, structs

from microfw.dependencies._calls import EMPTY
from microfw.dependencies._collecting import collected
from microfw.dependencies._declarations import is_not_called
from microfw.dependencies._declared import Declared, Lifetime, SecurityScopes
from microfw.dependencies._declared import Depends as Dependency
from microfw.dependencies._limits import Limit
from microfw.dependencies._plan import Bind
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
    NotCallableError,
    OverrideError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)

Overrides = Mapping[Any, Callable[..., Any]]

_NO_TYPES: tuple[Any, ...] = (EMPTY, Any, object)
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


class CallableNode(Struct):
    """A callable of the graph, with the dependencies it declares."""

    signature: Signature
    uses: list[tuple[Parameter | None, Dependency, "CallableNode"]]
    reads_security_scopes: bool = False
    replaced: frozenset[Hashable] = frozenset()
    """The overrides in force below it: what is replaced, and by what."""
    mistaken: set[str] = field(default_factory=set[str])
    """The parameters with mistakes, where these are collected."""

    def leave_out(self, used: "CallableNode") -> None:
        """Go without something that it uses."""
        uses = [use for use in self.uses if use[2] is used]
        self.mistaken.update(parameter.name for parameter, _, _ in uses if parameter is not None)
        self.uses = [use for use in self.uses if use[2] is not used]


class StepNode(Struct, eq=False):
    """A step in the making."""

    callable: CallableNode
    dependency: Dependency
    security_scopes: tuple[str, ...]
    name: str
    user: "StepNode | None"
    asker: "StepNode | None" = None
    """The first that uses it with a scope."""
    lifetime: Lifetime = Lifetime.FUNCTION
    limits: dict[Limit, None] = field(default_factory=dict[Limit, None])
    """Those of all that use it."""
    need: Lifetime = Lifetime.FUNCTION
    """How long what it uses has to be open: its lifetime, or longer where that is "use"."""
    last_inside: "StepNode | None" = None
    """The last that runs inside of its block, for one of scope "use" that is used."""
    uses: list[tuple[Parameter | None, "StepNode"]] = field(
        default_factory=list[tuple[Parameter | None, "StepNode"]]
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


def steps_in_order(declarations: Declarations) -> list[StepNode]:
    """List the steps below an endpoint, each behind those that it uses; the endpoint is the last.

    Raises:
        RegistrationError: The subclass names the mistake.
    """
    return _StepNodes(_Callables(declarations).root, declarations).in_order


class _Callables:
    """The graph of callables below an endpoint."""

    def __init__(self, declarations: Declarations) -> None:
        check_overrides(declarations.overrides)
        self._overrides = {hashable(k): v for k, v in declarations.overrides.items()}
        self._known: dict[Hashable, CallableNode] = {}
        self._is_passed_more = declarations.is_passed_more
        self.root = self._add(declarations.endpoint, ())
        for dependency in declarations.dependencies:
            with collected():
                below = self._callable_of(dependency, None, [self.root])
                self.root.uses.append((None, dependency, below))
        self._descend(self.root)

    def _descend(self, root: CallableNode) -> None:
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
                with collected():
                    raise _cycle([*path.values()], below)
                current.leave_out(below)
            elif id(below) not in done:
                path[id(below)] = below
                stack.append((below, self._declared(below, path)))

    def _declared(
        self, current: CallableNode, path: dict[int, CallableNode]
    ) -> Iterator[CallableNode]:
        for _, _, below in current.uses:  # those of `dependencies=`
            yield below
        for parameter in current.signature.parameters:
            found: CallableNode | None = None
            with collected() as mistakes:
                _check_declaration(parameter, current, path.values())
                if any(map(is_not_called, (*parameter.metadata, parameter.default))):
                    warn_of_uncalled(parameter.name, "Depends", current.signature.where)
                dependency = dependency_of(parameter)
                if dependency is not None:
                    found = self._callable_of(dependency, parameter, path.values())
                    current.uses.append((parameter, dependency, found))
            if mistakes.found:
                current.mistaken.add(parameter.name)
            if found is not None:
                yield found

    def _callable_of(
        self,
        dependency: Dependency,
        parameter: Parameter | None,
        path: Iterable[CallableNode],
    ) -> CallableNode:
        call = _declared_call(dependency, parameter)
        if not callable(call) or isinstance(call, ContextDecorator | AsyncContextDecorator):
            raise _not_callable(dependency, parameter, [*path])
        override = self._overrides.get(hashable(call))
        if override is not None:
            call = override
        known = self._known.get(hashable(call))
        return self._add(call, path) if known is None else known

    def _replaced(self, current: CallableNode) -> Iterator[Hashable]:
        for parameter, dependency, below in current.uses:
            yield from below.replaced
            declared = hashable(_declared_call(dependency, parameter))
            if declared in self._overrides:
                yield declared, hashable(self._overrides[declared])

    def _add(self, call: Callable[..., Any], path: Iterable[CallableNode]) -> CallableNode:
        unresolved: dict[str, UnresolvableAnnotationError] = {}
        try:
            signature = (
                signature_of(call, unresolved) if self._known else describe(call, (), unresolved)
            )
        except DeclarationError as error:
            raise error.below(_names(path, call)) from error.__cause__
        for mistake in unresolved.values():
            with collected():
                raise mistake.below(_names(path, call)) from mistake.__cause__
        with collected():
            signature = self._passed_all(signature, _names(path, call))
        if self._known and signature.yields and returns_a_value(signature):
            warn(
                f"the yield dependency {signature.name!r} returns a value, which nobody receives",
                where=signature.where,
                cure="`yield` the value; write a bare `return` where the generator is to end",
            )
        added = CallableNode(signature, [], mistaken={*unresolved})
        self._known[hashable(call)] = added
        return added

    def _passed_all(self, signature: Signature, path: list[str]) -> Signature:
        if signature.passed_on and (self._known or not self._is_passed_more):
            return _filled_by_name(signature, path)
        return signature


def _filled_by_name(signature: Signature, path: Sequence[str]) -> Signature:
    """Have `**kwargs`, and `*args` beside them, be parameters of these names, as in FastAPI."""
    if not signature.takes_any_name:
        raise UnfillableParameterError(
            f"{signature.name!r} takes *{signature.passed_on[0].name}: what it needs is not known,"
            " and nothing fills that",
            where=signature.where,
            path=path,
            cure="name the parameters that it needs, and no others; mark a decorator's wrapper"
            " with `@functools.wraps(function)`",
        )
    _warn_of_wrapper(signature)
    return structs.replace(
        signature, parameters=(*signature.parameters, *signature.passed_on), passed_on=()
    )


def _warn_of_wrapper(signature: Signature) -> None:
    """Warn of what looks like a decorator's wrapper that does not show what is inside of it."""
    if len(signature.passed_on) < 2 or not all(map(_says_nothing, signature.passed_on)):
        return
    by_place, by_name = signature.passed_on
    warn(
        f"{signature.name!r} takes *{by_place.name} and **{by_name.name}: these two names are read"
        " from the query string, and nothing that a function inside of it needs",
        where=signature.where,
        cure="mark a decorator's wrapper with `@functools.wraps(function)`; elsewhere name the"
        " parameters",
    )


def _says_nothing(parameter: Parameter) -> bool:
    """Whether a parameter is neither declared nor of a type."""
    is_declared = any(isinstance(each, Declared) for each in parameter.metadata)
    return parameter.annotation in _NO_TYPES and not is_declared


def _declared_call(dependency: Dependency, parameter: Parameter | None) -> object:
    """What a use depends on: for `Depends()` the class in the annotation."""
    call: object = dependency.dependency
    if call is None and parameter is not None and parameter.annotation not in _NO_CLASSES:
        return parameter.annotation
    return call


def _names(path: Iterable[CallableNode], call: Callable[..., Any]) -> list[str]:
    return [*(user.signature.name for user in path), name_of(call)]


class _StepNodes:
    """The uses of callables: which of them are one step, and the order of their setup."""

    def __init__(self, root: CallableNode, declarations: Declarations) -> None:
        self._nodes: dict[Hashable, StepNode] = {}
        self.in_order: list[StepNode] = []
        endpoint = Dependency(declarations.endpoint, True, Lifetime.FUNCTION.scope)
        self._descend(StepNode(root, endpoint, (), root.signature.name, None))

    def _descend(self, root: StepNode) -> None:
        stack = [(root, self._used(root))]
        while stack:
            current, pending = stack[-1]
            below = next(pending, None)
            if below is None:
                stack.pop()
                self.in_order.append(current)
            else:
                stack.append((below, self._used(below)))

    def _used(self, current: StepNode) -> Iterator[StepNode]:
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
                node.limits |= _limits(dependency)
                current.uses.append((parameter, node))
                continue
            name = parameter.name if parameter else below.signature.name
            node = StepNode(below, dependency, scopes, name, current, limits=_limits(dependency))
            if dependency.use_cache:
                self._nodes[key] = node
            current.uses.append((parameter, node))
            yield node


def _limits(dependency: Dependency) -> dict[Limit, None]:
    return {dependency.limit: None} if dependency.limit is not None else {}


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


def check_overrides(overrides: Mapping[Any, Callable[..., Any]]) -> None:
    """Raise an `OverrideError` unless each of the overrides can take its dependency's place."""
    for dependency, override in overrides.items():
        if not (callable(dependency) and callable(override)):
            raise _override_error(dependency, override)


def _override_error(dependency: object, override: object) -> OverrideError:
    cure = "override a dependency with a callable: a function, `lambda: value`, a generator"
    if callable(dependency):
        what = f"{name_of(dependency)!r} is overridden with {override!r}, which cannot be called"
        return OverrideError(what, where=place_of(dependency), cure=cure)
    return OverrideError(
        f"{dependency!r} is overridden, which is no dependency: it cannot be called",
        where="dependency_overrides",
        cure="name the function itself, overrides[get_it], not what it returns",
    )


def _check_declaration(
    parameter: Parameter, current: CallableNode, path: Iterable[CallableNode]
) -> None:
    """Raise a `DeclarationError` unless a parameter is declared as one dependency, or as none."""
    name = parameter.name
    default, metadata = parameter.default, parameter.metadata
    if isinstance(default, Dependency) and any(isinstance(each, Dependency) for each in metadata):
        what = f"parameter {name!r} has two dependencies, in `Annotated` and as its default value"
        cure = "keep one of the two"
    elif isinstance(parameter.annotation, Dependency):
        what = f"parameter {name!r} has `Depends(...)` in the place of its type"
        cure = f"write {name}: Annotated[<its type>, Depends(...)]"
    elif name == "__debug__" or not unicodedata.is_normalized("NFKC", name):
        what = f"parameter {name!r} has a name that Python lets no call pass a value to"
        cure = (
            "name it otherwise in `__signature__`; no parameter written in a `def` has such a name"
        )
    else:
        return
    names = [callable_.signature.name for callable_ in path]
    raise DeclarationError(what, where=current.signature.where, path=names, cure=cure)


def warn_of_uncalled(name: str, word: str, where: str) -> None:
    """Warn that what an author wrote in the place of a declaration declares nothing."""
    warn(
        f"parameter {name!r} is declared with `{word}` itself, which is not called and says"
        " nothing",
        where=where,
        cure=f"write `{word}(...)`",
    )


def warn(what: str, *, where: str, cure: str) -> None:
    """Tell once of what is accepted, and hardly meant."""
    warnings.warn(f"{what}\n  in:   {where}\n  cure: {cure}", RuntimeWarning, stacklevel=3)


def _not_callable(
    dependency: Dependency, parameter: Parameter | None, path: list[CallableNode]
) -> NotCallableError:
    use = f"parameter {parameter.name!r}" if parameter else "one of `dependencies=`"
    call: object = dependency.dependency
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


def _cycle(path: list[CallableNode], again: CallableNode) -> CycleError:
    names = [callable_.signature.name for callable_ in path]
    return CycleError(
        f"{again.signature.name!r} depends on itself",
        where=again.signature.where,
        path=(*names, again.signature.name),
        cure="move what both sides need into a third dependency that depends on neither",
    )
