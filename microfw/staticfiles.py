"""Starlette's application that serves the files of a folder."""

from starlette.staticfiles import StaticFiles

__all__ = ["StaticFiles"]
