"""Whether spectral, a linter for OpenAPI, finds errors in the documents."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from proof.documents import documents

SPECTRAL = "@stoplight/spectral-cli@6.16.3"
RULES = 'extends: ["spectral:oas"]\n'


def lint() -> bool | None:
    """Print what spectral finds; return whether that is nothing, or `None` where it is not there."""
    npx = shutil.which("npx")
    if npx is None:
        print("npx is not installed: spectral is left out")
        return None
    with tempfile.TemporaryDirectory() as folder:
        written = write(Path(folder))
        Path(folder, "rules.yaml").write_text(RULES)
        command = [npx, "--yes", "--package", SPECTRAL, "spectral", "lint", *written]
        options = ["--ruleset", "rules.yaml", "--fail-severity", "error", "--display-only-failures"]
        found = subprocess.run([*command, *options], cwd=folder, check=False).returncode
    print(f"{len(written)} documents: {'errors' if found else 'no error'}")
    return not found


def write(folder: Path) -> list[str]:
    """Write each document into a file; return their names."""
    made = documents()
    for name, document in made.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return [f"{name}.json" for name in made]
