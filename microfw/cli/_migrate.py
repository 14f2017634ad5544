"""Moves an application from FastAPI to microfw."""

import ast
import os
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from microfw.cli._failures import CommandError
from microfw.cli._migrated_names import PACKAGE, is_of_fastapi, renamed
from microfw.timeline._routes import shown

if TYPE_CHECKING:
    from microfw.cli._migrating import Migrated

_NOTE = (
    'the default scope of FastAPI 0.118 and later is "request": App(default_scope="request")'
    ' keeps it (the page "From FastAPI" says what changes otherwise)'
)
_NOT_OWN = {"__pycache__", "node_modules", "site-packages"}


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option("--write", is_flag=True, help="Change the files, instead of showing a diff.")
def migrate(paths: tuple[Path, ...], write: bool) -> None:
    """Change an application's imports from FastAPI to microfw.

    Shows a diff. What is left to do by hand is listed on standard error, and the exit status
    is 1 if there is something. Needs microfw-asgi[migrate].
    """
    if find_spec("libcst") is None:
        raise CommandError("libcst is not installed", "pip install 'microfw-asgi[migrate]'")
    files = {path: path.read_bytes() for path in _files(paths)}
    kept = {name for source in files.values() for name in _names_from_others(source)}
    changed = left = 0
    for path, source in files.items():
        if PACKAGE.encode() not in source:
            continue
        done = _migrated(path, source, kept)
        if done is None:
            left += 1
            continue
        left += len(done.left)
        _report(path, done)
        if done.source != source:
            changed += 1
            _apply(path, source, done.source, write)
    verb = "changed" if write else "to change"
    click.echo(f"{len(files)} files, {changed} {verb}, {left} things left to do", err=True)
    if left:
        raise click.exceptions.Exit(1)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if _is_own(Path(folder, name)))
            yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _is_own(folder: Path) -> bool:
    """Whether a folder is neither hidden nor full of installed packages."""
    name = folder.name
    return not (name.startswith(".") or name in _NOT_OWN or (folder / "pyvenv.cfg").exists())


def _names_from_others(source: bytes) -> Iterator[str]:
    """Names that change, and that a file imports from a module which is not FastAPI's."""
    names = {name for name in renamed() if name.encode() in source}
    if not names:
        return
    try:
        nodes = [*ast.walk(ast.parse(source))]
    except (SyntaxError, ValueError):
        return
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and not is_of_fastapi(node.module or ""):
            yield from names.intersection(alias.name for alias in node.names)


def _migrated(path: Path, source: bytes, kept: set[str]) -> "Migrated | None":
    from microfw.cli._migrating import UNREADABLE, migrated

    try:
        return migrated(source, kept)
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        click.echo(f"{shown(str(path))}: cannot be parsed, and stays: {reason}", err=True)
        return None


def _report(path: Path, done: "Migrated") -> None:
    place = shown(str(path))
    for finding in done.left:
        where = f'the page "Compatibility", {finding.section}'
        click.echo(f"{place}:{finding.line}: {finding.reason} ({where})", err=True)
    for line in done.applications:
        click.echo(f"{place}:{line}: note: {_NOTE}", err=True)


def _apply(path: Path, before: bytes, after: bytes, write: bool) -> None:
    if write:
        path.write_bytes(after)
        click.echo(f"{shown(str(path))} is changed", err=True)
        return
    old, new = (source.decode("utf-8", "replace").splitlines(True) for source in (before, after))
    for line in unified_diff(old, new, f"a/{path}", f"b/{path}"):
        click.echo(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n", nl=False
        )
