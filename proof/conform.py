"""Whether the examples answer what their OpenAPI documents say, and nothing else.

Schemathesis sends requests that a document allows, and some that it does not; an answer with a status,
a media type or a body of which the document does not tell is a failure.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

APPLICATIONS = ("examples.shop.main:app", "examples.oauth2_jwt:app")
ROOT = Path(__file__).parent.parent
PATIENCE = 20.0


def main(arguments: Sequence[str]) -> int:
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if command is None:
        print("schemathesis is not installed: scripts/conform installs it")
        return 1
    failed: list[str] = []
    for application in APPLICATIONS:
        with tempfile.TemporaryDirectory() as folder, served(application, folder) as url:
            print(f"\n{application}\n")
            tried = [command, "run", f"{url}/openapi.json", *arguments]
            if subprocess.run(tried, cwd=folder, check=False).returncode:
                failed.append(application)
    print(f"\n{len(failed)} of {len(APPLICATIONS)} applications answer something else: {failed}")
    return len(failed)


@contextmanager
def served(application: str, folder: str) -> Iterator[str]:
    """Serve an application by uvicorn from a folder of its own, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uvicorn = [sys.executable, "-m", "uvicorn", application, "--app-dir", str(ROOT)]
    options = ["--port", str(port), "--log-level", "error"]
    server = subprocess.Popen([*uvicorn, *options], cwd=folder)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the server does not start")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
