"""Decides what becomes of each import of a file, and of each use."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import libcst as cst

from microfw._as_fastapi.names import MODULES
from microfw.cli._migrated_names import (
    METHODS_LEFT_OUT,
    OURS,
    PACKAGE,
    home_of,
    is_alias,
    is_of_fastapi,
    is_the_same,
    section_of,
    target_of,
)
from microfw.cli._migrating_reader import Imported, Reader, Use, dotted


@dataclass(frozen=True)
class Finding:
    """Something that is left to do.

    Attributes:
        section: That of docs/compatibility.md which is about it.
    """

    line: int
    reason: str
    section: str


@dataclass
class Plan:
    """What changes.

    Attributes:
        imports: The module that a name is imported from, and how.
        modules: What is imported in place of a module.
        others: Modules that are imported besides.
        names: What a name becomes.
        attributes: What a name with dots becomes.
        left: What does not change.
    """

    imports: dict[cst.ImportAlias, tuple[str, cst.ImportAlias]] = field(
        default_factory=dict[cst.ImportAlias, tuple[str, cst.ImportAlias]]
    )
    modules: dict[cst.ImportAlias, cst.ImportAlias] = field(
        default_factory=dict[cst.ImportAlias, cst.ImportAlias]
    )
    others: dict[cst.ImportAlias, Sequence[str]] = field(
        default_factory=dict[cst.ImportAlias, Sequence[str]]
    )
    names: dict[cst.Name, str] = field(default_factory=dict[cst.Name, str])
    attributes: dict[cst.Attribute, str] = field(default_factory=dict[cst.Attribute, str])
    left: list[Finding] = field(default_factory=list[Finding])

    def leave(self, line: int, reason: str, module: str) -> None:
        self.left.append(Finding(line, reason, section_of(module)))


def planned(read: Reader, kept: Set[str]) -> Plan:
    """Decide for a file.

    Args:
        read: What it imports and uses.
        kept: Names that it goes on to have.
    """
    plan = Plan()
    for line, module in read.stars:
        plan.leave(line, f"all names of {module} are imported", module)
    for line, place in read.places:
        plan.leave(line, f"a string names {place}", _module_in(place))
    for line, of, name in read.attributes:
        kind = read.instances.get(of)
        if kind is not None and name in METHODS_LEFT_OUT[kind][1]:
            plan.leave(line, f"microfw has no {kind}.{name}", METHODS_LEFT_OUT[kind][0])
    bound: dict[str, list[Imported]] = {}
    for imported in read.imported:
        bound.setdefault(imported.bound, []).append(imported)
    for name, imports in bound.items():
        if all(_module(imported) for imported in imports):
            _Modules(plan, read, name, imports).change()
        else:
            _change_names(plan, read, name, imports, kept)
    return plan


def _module(imported: Imported) -> str | None:
    """The module that an import binds a name to."""
    if imported.name is None:
        return PACKAGE if imported.alias.asname is None else imported.module
    module = f"{imported.module}.{imported.name}"
    return module if module in MODULES else None


def _module_in(place: str) -> str:
    """The module in a place such as fastapi.routing.APIRoute."""
    while place not in MODULES:
        place = place.rpartition(".")[0]
    return place


class _Modules:
    """All that is used of a module changes, or nothing."""

    def __init__(self, plan: Plan, read: Reader, bound: str, imports: Sequence[Imported]) -> None:
        self.plan = plan
        self.read = read
        self.bound = bound
        self.imports = imports
        self.module = str(_module(imports[0]))
        self.attributes: dict[cst.Attribute, str] = {}
        self.homes: set[str] = set()
        self.left: list[Finding] = []

    def change(self) -> None:
        for imported in self.imports:
            self._look_at(imported)
        for use in self.read.uses.get(self.bound, ()):
            if not use.origins <= {""}:
                self._look_at_use(use)
        for text in self.read.texts:
            if text.is_annotation and self.bound in text.words:
                self._leave(text.line, f"an annotation in a string names {self.bound}", self.module)
        if self.left:
            self.plan.left += self.left
        else:
            self._plan()

    def _leave(self, line: int, reason: str, module: str) -> None:
        self.left.append(Finding(line, reason, section_of(module)))

    def _look_at(self, imported: Imported) -> None:
        module = imported.module if imported.name is None else self.module
        if home_of(module) is None:
            self._leave(imported.line, f"microfw has no module {module}", module)
        elif _module(imported) != self.module:
            self._leave(imported.line, f"{self.bound} is also another module", module)

    def _look_at_use(self, use: Use) -> None:
        attribute, place, target = _named(use, self.module)
        ours = str(home_of(self.module))
        if not all(map(is_of_fastapi, use.origins)):
            self._leave(use.line, f"{self.bound} is also something else", self.module)
        elif not use.is_read:
            self._leave(use.line, f"{place}, or an attribute of it, is set", _module_in(place))
        elif target is None or not f"{target}.".startswith(f"{ours}."):
            self._leave(use.line, _reason(place), _module_in(place))
        elif attribute is not None:
            self.attributes[attribute] = target.removeprefix(ours)
            self.homes.add(target if place in MODULES else target.rpartition(".")[0])

    def _plan(self) -> None:
        is_whole = self.imports[0].name is None and self.imports[0].alias.asname is None
        root = OURS if is_whole else self.bound
        for attribute, rest in self.attributes.items():
            self.plan.attributes[attribute] = root + rest
        imported = {str(home_of(each.module)) for each in self.imports}
        others = sorted(self.homes - imported - {str(home_of(self.module))})
        for each in self.imports:
            self._plan_import(each)
            self.plan.others[each.alias] = others

    def _plan_import(self, imported: Imported) -> None:
        if imported.name is None:
            module = dotted(str(home_of(imported.module)))
            self.plan.modules[imported.alias] = imported.alias.with_changes(name=module)
            return
        home, _, name = str(home_of(self.module)).rpartition(".")
        self.plan.imports[imported.alias] = home, _renamed(imported, name, imported.bound)


def _named(use: Use, module: str) -> tuple[cst.Attribute | None, str, str | None]:
    """The part of a use that names something of FastAPI's, what that is, and where it is here."""
    whole = None
    for attribute in use.attributes:
        place = f"{module}.{attribute.attr.value}"
        if place not in MODULES:
            return attribute, place, target_of(module, attribute.attr.value)
        whole, module = attribute, place
    return whole, module, home_of(module) if is_the_same(module) else None


def _reason(place: str) -> str:
    if place in MODULES:
        return f"{place} is used as a whole"
    return f"microfw has no {place}, or not in the same module"


def _change_names(
    plan: Plan, read: Reader, bound: str, imports: Sequence[Imported], kept: Set[str]
) -> None:
    """Change each import of a name, and the name itself where nothing else has the new one."""
    targets = {imported: target_of(imported.module, str(imported.name)) for imported in imports}
    new = _new_name(bound, [*targets.values()])
    changes = new != bound and new not in {*read.bound, *read.uses, *plan.names.values()}
    changes = changes and bound not in kept and all(each.alias.asname is None for each in imports)
    origins = {f"{each.module}.{each.name}" for each in imports}
    uses = read.uses.get(bound, ())
    changes = changes and all(use.origins and use.origins <= origins for use in uses)
    for text in read.texts if new != bound else ():
        if bound in text.words:
            changes = False
            if text.is_annotation:
                reason = f"an annotation in a string names {bound}, so the file keeps that name"
                plan.leave(text.line, reason, imports[0].module)
    if changes:
        plan.names.update((use.node, new) for use in uses)
    for imported, target in targets.items():
        if target is None:
            reason = f"microfw has no {imported.module}.{imported.name}"
            plan.leave(imported.line, reason, imported.module)
            continue
        _plan_name(plan, imported, target, changes)


def _new_name(bound: str, targets: Sequence[str | None]) -> str:
    """What a name is called after it: the same, where not all of its imports say otherwise."""
    names = {(target or bound).rpartition(".")[2] for target in targets}
    return names.pop() if len(names) == 1 else bound


def _plan_name(plan: Plan, imported: Imported, target: str, changes: bool) -> None:
    home, _, real = target.rpartition(".")
    if imported.alias.asname is None and not changes and is_alias(home, imported.bound):
        real = imported.bound
    kept = None if changes else imported.bound
    plan.imports[imported.alias] = home, _renamed(imported, real, kept)


def _renamed(imported: Imported, name: str, kept: str | None) -> cst.ImportAlias:
    """The import of another name; `kept` is what it is bound to if that does not change."""
    alias = imported.alias.with_changes(name=cst.Name(name))
    if alias.asname is None and kept is not None and kept != name:
        return alias.with_changes(asname=cst.AsName(cst.Name(kept)))
    return alias
