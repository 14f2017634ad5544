"""Whether the examples answer what their OpenAPI documents say, and other tools can work with these.

1. Schemathesis sends requests that a document allows, and some that it does not; an answer with a
   status, a media type or a body of which the document does not tell is a failure.
2. Spectral lints the documents, and those of the museum and of the tutorial's programs.
3. A client generated from the shop's document orders something in the shop.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx2

from proof.documents import PLACES
from proof.generated_client import order_something
from proof.linting import lint
from proof.serving import served, tool

BROKEN_ON_PURPOSE = "/incidents/|/annex/crates|/streams/rumours|/streams/audio/returned"
"""Routes of the museum that fail, to see how."""
LOSES_DATA = "PATCH /exhibits/{number}"
"""Takes `null` for what its answer has to have."""
ANYBODY_MAY_COME = "/staff/(?!me|vault|token)"
"""Routes of the museum that take any credentials."""
SENT_BY_CLIENTS = "/visitors/device"
"""The route needs `User-Agent`, which schemathesis sends when it means to leave it out."""
SAME_PATH = "/exhibits/newest"
"""The path is one of `/exhibits/{number}`, too, which has other methods."""
NOT_IN_SCHEMAS = "positive_data_acceptance,negative_data_rejection"
"""The museum refuses values for reasons of its own, and pydantic converts what it can."""

USERS = {
    "oauth2_jwt": (
        "token",
        {
            "username": "caroline",
            "password": "eight comets",
            "scope": "plan:read telescope:move",
        },
    ),
    "museum": (
        "staff/token",
        {
            "grant_type": "password",
            "username": "ada",
            "password": "engine",
            "scope": "exhibits:write vault:open",
        },
    ),
}
"""Where users log in, and as whom."""

OPTIONS: Mapping[str, Sequence[str]] = {
    "museum": [
        "--exclude-path-regex",
        "|".join((BROKEN_ON_PURPOSE, ANYBODY_MAY_COME, SENT_BY_CLIENTS, SAME_PATH)),
        "--exclude-name",
        LOSES_DATA,
        "--exclude-checks",
        NOT_IN_SCHEMAS,
    ],
}


def main(arguments: Sequence[str]) -> int:
    """Run the proofs named first, or all; what follows is for schemathesis."""
    proofs: Mapping[str, Callable[[], bool | None]] = {
        "schemathesis": lambda: send_what_documents_allow(options),
        "spectral": lint,
        "client": order_something,
    }
    names = [name for name in arguments if name in proofs]
    options = [each for each in arguments if each not in proofs]
    found = {name: proofs[name]() for name in names or proofs}
    words = {True: "passed", False: "failed", None: "left out"}
    print("\n" + ", ".join(f"{name}: {words[passed]}" for name, passed in found.items()))
    return [*found.values()].count(False)


def send_what_documents_allow(
    options: Sequence[str], names: Sequence[str] = tuple(PLACES)
) -> bool | None:
    """Run schemathesis against the examples and the museum, each served from a folder of its own."""
    command = tool("schemathesis")
    if command is None:
        print("schemathesis is not installed: it is left out")
        return None
    failed: list[str] = []
    for name in names:
        with (
            tempfile.TemporaryDirectory() as folder,
            served(f"{PLACES[name]}:app", Path(folder)) as url,
        ):
            print(f"\n{name}\n", flush=True)
            tried = [command, "run", f"{url}/openapi.json", *OPTIONS.get(name, ()), *options]
            for header in credentials(name, url):
                tried += ["--header", header]
            if subprocess.run(tried, cwd=folder, check=False).returncode:
                failed.append(name)
    print(f"\n{len(failed)} applications answer something else: {failed}")
    return not failed


def credentials(name: str, url: str) -> list[str]:
    """The headers of a user, so that more than refusals is seen."""
    if name == "shop":
        token = httpx2.post(f"{url}/users", json={"name": "Ada"}).json()["token"]
    else:
        path, form = USERS[name]
        token = httpx2.post(f"{url}/{path}", data=form).json()["access_token"]
    return [f"Authorization: Bearer {token}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
