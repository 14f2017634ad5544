"""Serves an application by uvicorn, whose worker processes find it again by their environment."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn

from microfw.applications import App
from microfw.cli._discovery import Found, find
from microfw.cli._failures import CommandError
from microfw.exceptions import AlreadyImportedError
from microfw.timeline import WithTimeline

FACTORY = "microfw.cli._serving:application"

AS_FASTAPI = "MICROFW_AS_FASTAPI"
"""The variable that has `import fastapi` answered, in workers too."""

_TARGET, _FOLDER, _FREEZES = "MICROFW_SERVED", "MICROFW_SERVED_FROM", "MICROFW_GC_FREEZE"
_DEVELOPS, _VALUES = "MICROFW_DEVELOPS", "MICROFW_VALUES"


def serve(
    found: Found,
    arguments: Sequence[str],
    *,
    freezes: bool,
    develops: bool = False,
    values: bool = False,
) -> None:
    """Run uvicorn until it is stopped.

    Args:
        found: The application.
        arguments: Of the command `uvicorn`.
        freezes: Whether what start-up has made is taken out of the garbage collector's sight.
        develops: Whether the application is served to those who write it.
        values: Whether their timeline shows what was read of requests.
    """
    os.environ[_TARGET] = found.target
    os.environ[_FOLDER] = str(found.folder)
    os.environ[_FREEZES] = "1" if freezes else ""
    os.environ[_DEVELOPS] = "1" if develops else ""
    os.environ[_VALUES] = "1" if values else ""
    uvicorn.main.main(
        [FACTORY, "--factory", "--app-dir", str(found.folder), *arguments],
        prog_name="uvicorn",
        standalone_mode=False,
    )


def install_if_asked() -> None:
    """Answer `import fastapi`, if the environment says so.

    Raises:
        CommandError: FastAPI itself is imported already.
    """
    if os.environ.get(AS_FASTAPI, "") in ("", "0"):
        return
    from microfw._as_fastapi import install

    try:
        install()
    except AlreadyImportedError as error:
        raise CommandError(error.what, error.cure) from None


def application() -> Any:
    """Make the application that this process serves."""
    install_if_asked()
    try:
        app = find(os.environ[_TARGET], Path(os.environ[_FOLDER])).app
    except CommandError as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    if isinstance(app, App):
        if os.environ[_FREEZES]:
            app.gc_freeze = True
        if os.environ[_DEVELOPS]:
            app.document_lifecycle = app.document_lifecycle is not False
            return WithTimeline(app, values=bool(os.environ[_VALUES]))
    return app
