"""What a command says where it cannot go on: one sentence, and a cure."""

import os
from pathlib import Path
from typing import IO, Any

import click

from microfw.dependencies import own_place
from microfw.exceptions import RegistrationError
from microfw.timeline._routes import shown


class CommandError(click.ClickException):
    """The end of a command that cannot go on; the exit status is 1.

    Args:
        message: What is wrong.
        cure: What to do instead.
    """

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {near(self.message)}", file=file, err=True)
        click.echo(f"  cure: {self.cure}", file=file, err=True)


class ImportFailure(CommandError):
    """The application's code raised an exception as it was imported.

    Args:
        module: What was imported.
        error: What it raised.
    """

    def __init__(self, module: str, error: BaseException) -> None:
        super().__init__(
            f"{module!r} could not be imported", "correct it; --traceback shows the whole traceback"
        )
        self.error = error

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {self.message}", file=file, err=True)
        click.echo(indented(near(described(self.error))), file=file, err=True)
        if not isinstance(self.error, RegistrationError):
            click.echo(f"  cure: {self.cure}", file=file, err=True)


def described(error: BaseException) -> str:
    """The line of the author's code that raised an exception, and what it says."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{shown(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}"
    place = own_place(error.__traceback__)
    told = f"{type(error).__name__}: {error}"
    return told if place is None else f"{shown(place)}: {told}"


def near(text: str) -> str:
    """A text whose places, `(file:line)`, are relative if below the working directory."""
    return text.replace(f"({Path.cwd()}{os.sep}", "(")


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
