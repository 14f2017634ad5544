"""The OpenAPI document as a file, and whether one is up to date."""

from difflib import unified_diff
from itertools import islice
from pathlib import Path

import msgspec

from microfw.applications import App
from microfw.cli._failures import CommandError
from microfw.openapi._operations import mistakes_in

_SHOWN = 20
"""So many lines of a difference are shown."""


def document_of(app: App) -> str:
    """Write the document of an application, to be read.

    Raises:
        CommandError: Types of it have no schema.
    """
    mistakes = mistakes_in([*app.routes, *app.webhooks.routes])
    if mistakes:
        listed = "\n".join(f"{each.what}\n  in:   {each.where}" for each in mistakes)
        raise CommandError(listed, mistakes[0].cure)
    document = app.openapi()
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
