"""The command `microfw`: serves an application, and shows what it consists of."""

from microfw.cli._commands import main

__all__ = ["main"]
