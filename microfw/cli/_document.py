"""The OpenAPI document as a file, and whether one is up to date."""

from difflib import unified_diff
from itertools import islice
from pathlib import Path

import msgspec

from microfw.applications import App
from microfw.cli._failures import CommandError
from microfw.exceptions import RegistrationError

_SHOWN = 20
"""So many lines of a difference are shown."""


def document_of(app: App) -> str:
    """Write the document of an application, to be read.

    Raises:
        CommandError: A type of it has no schema.
    """
    try:
        document = app.openapi()
    except RegistrationError as error:
        raise CommandError(f"{error.what}\n  in:   {error.where}", error.cure) from None
    return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"


def check_document(document: str, path: Path) -> None:
    """Compare a document with a file.

    Raises:
        CommandError: The file is another one, or is not there.
    """
    cure = f"run microfw openapi -o {path}"
    if not path.exists():
        raise CommandError(f"there is no {path}", cure)
    kept = path.read_text(encoding="utf-8")
    if kept == document:
        return
    lines = unified_diff(kept.splitlines(), document.splitlines(), str(path), "now", lineterm="")
    shown = "\n".join(f"  {line}" for line in islice(lines, _SHOWN))
    raise CommandError(f"{path} is not up to date\n{shown}", cure)
