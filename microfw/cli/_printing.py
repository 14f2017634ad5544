"""Tables and source on a terminal: with colour where `rich` is installed, else as plain text."""

import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

import click

from microfw.cli._failures import near


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their head, in columns."""
    if _is_coloured():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD)
        for name in rows[0]:
            table.add_column(name, overflow="fold")
        for row in rows[1:]:
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_source(source: str) -> None:
    if _is_coloured():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(source, "python", background_color="default"))
        return
    click.echo(source.rstrip("\n"))


def print_findings(mistakes: Iterable[object], warnings: Iterable[object]) -> None:
    """Print what was found wrong with an application, each as a paragraph."""
    for word, colour, findings in (("mistake", "red", mistakes), ("warning", "yellow", warnings)):
        for finding in findings:
            click.echo(f"{click.style(word, fg=colour)}: {near(str(finding))}\n")


def counted(number: int, what: str) -> str:
    """A number of something, in words: "1 route", "2 routes"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _is_coloured() -> bool:
    return sys.stdout.isatty() and find_spec("rich") is not None
