"""What one file imports of FastAPI, and where it uses that."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node, get_full_name_for_node_or_raise
from libcst.metadata import (
    ExpressionContext,
    ExpressionContextProvider,
    ParentNodeProvider,
    PositionProvider,
    QualifiedName,
    QualifiedNameProvider,
    QualifiedNameSource,
)

from microfw.cli._migrated_names import METHODS_LEFT_OUT, PACKAGE, is_of_fastapi, is_place

_APPLICATIONS = {f"{PACKAGE}.FastAPI", f"{PACKAGE}.applications.FastAPI"}
_LEFT_OUT = frozenset[str]().union(*(names for _, names in METHODS_LEFT_OUT.values()))
_PLACE = re.compile(rf"{PACKAGE}(\.\w+)+")
_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")


@dataclass(frozen=True)
class Imported:
    """A module of FastAPI's, or a name of one, that an import binds.

    Attributes:
        name: None where it is a module, imported by `import`.
        bound: The name in the file.
    """

    alias: cst.ImportAlias
    line: int
    module: str
    name: str | None
    bound: str


@dataclass(frozen=True)
class Use:
    """A name in the file.

    Attributes:
        origins: What it may be; "" is what the file itself defines.
        attributes: Those of it, outermost last.
        is_read: Whether none of them is set.
    """

    node: cst.Name
    line: int
    origins: frozenset[str]
    attributes: tuple[cst.Attribute, ...]
    is_read: bool


@dataclass(frozen=True)
class Text:
    """A string that may name something of FastAPI's."""

    line: int
    words: frozenset[str]
    is_annotation: bool


class Reader(cst.CSTVisitor):
    """Collects what matters of a file."""

    METADATA_DEPENDENCIES = (
        ExpressionContextProvider,
        ParentNodeProvider,
        PositionProvider,
        QualifiedNameProvider,
    )

    def __init__(self) -> None:
        super().__init__()
        self.imported: list[Imported] = []
        self.stars: list[tuple[int, str]] = []
        self.bound: list[str] = []
        self.uses: dict[str, list[Use]] = {}
        self.texts: list[Text] = []
        self.places: list[tuple[int, str]] = []
        self.applications: list[int] = []
        self.instances: dict[str, str] = {}
        """The names that an application or a router has in the file, and its class."""
        self.attributes: list[tuple[int, str, str]] = []
        """The attributes that have the name of a method that is left out: line, of what, name."""
        self._annotations = 0

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            module = alias.evaluated_name
            self._bind(alias, module, None, alias.evaluated_alias or module.partition(".")[0])
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        module = "" if node.module is None else get_full_name_for_node_or_raise(node.module)
        module = "." + module if node.relative else module
        if isinstance(node.names, cst.ImportStar):
            if is_of_fastapi(module):
                self.stars.append((self._line(node), module))
            return False
        for alias in node.names:
            name = alias.evaluated_name
            self._bind(alias, module, name, alias.evaluated_alias or name)
        return False

    def _bind(self, alias: cst.ImportAlias, module: str, name: str | None, bound: str) -> None:
        self.bound.append(bound)
        if is_of_fastapi(module):
            self.imported.append(Imported(alias, self._line(alias), module, name, bound))

    def visit_Name(self, node: cst.Name) -> None:
        parent = self.get_metadata(ParentNodeProvider, node)
        if isinstance(parent, cst.Attribute) and parent.attr is node:
            return
        if isinstance(parent, cst.Arg) and parent.keyword is node:
            return
        attributes = tuple(self._attributes(node))
        contexts = {self.get_metadata(ExpressionContextProvider, each) for each in attributes}
        is_read = contexts <= {ExpressionContext.LOAD}
        use = Use(node, self._line(node), self._origins(node), attributes, is_read)
        self.uses.setdefault(node.value, []).append(use)

    def _origins(self, node: cst.CSTNode) -> frozenset[str]:
        found: Iterable[QualifiedName] = self.get_metadata(QualifiedNameProvider, node, ())
        return frozenset(
            each.name if each.source is QualifiedNameSource.IMPORT else "" for each in found
        )

    def _attributes(self, node: cst.CSTNode) -> Iterator[cst.Attribute]:
        parent = self.get_metadata(ParentNodeProvider, node)
        while isinstance(parent, cst.Attribute):
            yield parent
            parent = self.get_metadata(ParentNodeProvider, parent)

    def visit_Call(self, node: cst.Call) -> None:
        scoped = any(arg.keyword and arg.keyword.value == "default_scope" for arg in node.args)
        if self._origins(node.func) & _APPLICATIONS and not scoped:
            self.applications.append(self._line(node))

    def visit_Assign(self, node: cst.Assign) -> None:
        for each in node.targets:
            self._name_instance(each.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._name_instance(node.target, node.annotation.annotation)
        self._name_instance(node.target, node.value)

    def visit_Param(self, node: cst.Param) -> None:
        if node.annotation is not None:
            self._name_instance(node.name, node.annotation.annotation)

    def _name_instance(self, target: cst.CSTNode, value: cst.CSTNode | None) -> None:
        """Remember a name of what is made of one of FastAPI's classes, or annotated with it."""
        kind = value.func if isinstance(value, cst.Call) else value
        name = get_full_name_for_node(target)
        for origin in self._origins(kind) if kind is not None and name is not None else ():
            of_class = origin.rpartition(".")[2]
            if is_of_fastapi(origin) and of_class in METHODS_LEFT_OUT:
                self.instances[str(name)] = of_class

    def visit_Attribute(self, node: cst.Attribute) -> None:
        of = get_full_name_for_node(node.value)
        if of is not None and node.attr.value in _LEFT_OUT:
            self.attributes.append((self._line(node), of, node.attr.value))

    def visit_Annotation(self, node: cst.Annotation) -> None:
        self._annotations += 1

    def leave_Annotation(self, original_node: cst.Annotation) -> None:
        self._annotations -= 1

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        text, line = node.evaluated_value, self._line(node)
        parent = self.get_metadata(ParentNodeProvider, node)
        if not isinstance(text, str):
            return
        if not self._annotations and _PLACE.fullmatch(text) and is_place(text):
            self.places.append((line, text))
        elif isinstance(parent, cst.Arg) and parent.keyword is not None:
            return
        elif self._annotations:
            self.texts.append(Text(line, frozenset(_WORD.findall(text)), True))
        elif isinstance(parent, (cst.Arg, cst.Element)):
            self.texts.append(Text(line, frozenset([text]), False))

    def _line(self, node: cst.CSTNode) -> int:
        position: Any = self.get_metadata(PositionProvider, node)
        line: int = position.start.line
        return line


def dotted(name: str) -> cst.Attribute | cst.Name:
    """The expression for a name with dots."""
    expression = cst.parse_expression(name)
    assert isinstance(expression, (cst.Attribute, cst.Name))
    return expression
