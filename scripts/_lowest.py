"""Print the lowest versions that pyproject.toml allows of what microfw needs, as constraints.

Where the tests need a newer one, that. Their own tools may be as new as they are.
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = [*PROJECT["dependencies"], *EXTRAS["standard"], *EXTRAS["examples"]]


def bounds(requirements: list[str]) -> dict[str, str]:
    """Read the lower bounds, by name, that count for the Python that runs this."""
    found: dict[str, str] = {}
    for each in requirements:
        match = re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)", each)
        newer = re.search(r"python_version >= '3\.(\d+)'", each)
        if match and (newer is None or sys.version_info >= (3, int(newer[1]))):
            found[match[1]] = match[2]
    return found


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


if __name__ == "__main__":
    of_tests = bounds(EXTRAS["test"])
    for name, lowest in bounds(OURS).items():
        print(f"{name}=={max(lowest, of_tests.get(name, lowest), key=numbers)}")
