"""Rewrites the imports and names of one file."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper

from microfw.cli._migrating_plan import Finding, Plan, planned
from microfw.cli._migrating_reader import Reader, dotted

UNREADABLE = (cst.ParserSyntaxError, UnicodeDecodeError, SyntaxError, LookupError)
"""What parsing a file raises."""


@dataclass(frozen=True)
class Migrated:
    """A file after it.

    Attributes:
        source: What it holds then.
        left: What it leaves to do.
        applications: The lines on which one is made without a default scope.
    """

    source: bytes
    left: Sequence[Finding]
    applications: Sequence[int]


def migrated(source: bytes, kept: Set[str] = frozenset()) -> Migrated:
    """Rewrite a file.

    Args:
        source: What it holds.
        kept: Names that others import from it, which it goes on to have.
    """
    wrapper = MetadataWrapper(cst.parse_module(source))
    reader = Reader()
    wrapper.visit(reader)
    plan = planned(reader, kept)
    module = wrapper.module.visit(_Rewriter(plan))
    left = sorted(plan.left, key=lambda finding: finding.line)
    return Migrated(module.bytes, left, reader.applications)


class _Rewriter(cst.CSTTransformer):
    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(
            value=self.plan.names.get(original_node, updated_node.value)
        )

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        place = self.plan.attributes.get(original_node)
        if place is None:
            return updated_node
        return dotted(place).with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        body = self._body(original_node.body, updated_node.body)
        if len(original_node.body) > 1:
            return updated_node.with_changes(body=body)
        first, *others = body
        lines = [cst.SimpleStatementLine([statement]) for statement in others]
        return cst.FlattenSentinel([updated_node.with_changes(body=[first]), *lines])

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        return updated_node.with_changes(body=self._body(original_node.body, updated_node.body))

    def _body(
        self,
        original: Sequence[cst.BaseSmallStatement],
        updated: Sequence[cst.BaseSmallStatement],
    ) -> list[cst.BaseSmallStatement]:
        pairs = zip(original, updated, strict=True)
        return [statement for old, new in pairs for statement in self._statements(old, new)]

    def _statements(
        self, original: cst.BaseSmallStatement, updated: cst.BaseSmallStatement
    ) -> Iterator[cst.BaseSmallStatement]:
        if isinstance(original, cst.ImportFrom) and not isinstance(original.names, cst.ImportStar):
            yield from self._parts(original, original.names)
        elif isinstance(original, cst.Import):
            yield from self._modules(original)
        else:
            yield updated

    def _modules(self, statement: cst.Import) -> Iterator[cst.Import]:
        changes = [self.plan.modules.get(alias, alias) for alias in statement.names]
        yield statement.with_changes(names=changes)
        for alias in statement.names:
            for module in self.plan.others.get(alias, ()):
                yield cst.Import([cst.ImportAlias(dotted(module))])

    def _parts(
        self, statement: cst.ImportFrom, names: Sequence[cst.ImportAlias]
    ) -> Iterator[cst.ImportFrom | cst.Import]:
        """One import for each module that has some of the names."""
        parts: dict[str | None, list[cst.ImportAlias]] = {}
        for alias in names:
            home, changed = self.plan.imports.get(alias, (None, alias))
            parts.setdefault(home, []).append(changed)
        for home, aliases in parts.items():
            if len(parts) > 1:
                aliases[-1] = _ended(aliases[-1], names[-1])
            module = statement.module if home is None else dotted(home)
            yield statement.with_changes(module=module, names=aliases)
        for alias in names:
            for other in self.plan.others.get(alias, ()):
                yield cst.Import([cst.ImportAlias(dotted(other))])


def _ended(alias: cst.ImportAlias, last: cst.ImportAlias) -> cst.ImportAlias:
    """A name as the last one of its import: ended as the last one was, with its own comment."""
    space = alias.comma.whitespace_after if isinstance(alias.comma, cst.Comma) else None
    if isinstance(space, cst.ParenthesizedWhitespace) and space.first_line.comment is not None:
        return alias.with_deep_changes(space, last_line=cst.SimpleWhitespace(""))
    return alias.with_changes(comma=last.comma)
