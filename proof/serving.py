"""Serves applications for other programs to look at."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0
"""Seconds, on a machine that has other work."""


def tool(name: str) -> str | None:
    """Find a command in the environment of this process, or in that of `scripts/conform`."""
    folders = (Path(sys.executable).parent, ROOT / ".venv-conform" / "bin")
    return shutil.which(name, path=os.pathsep.join(map(str, folders)))


@contextmanager
def served(application: str, folder: Path) -> Iterator[str]:
    """Serve an application by uvicorn on a free port; yield its address.

    Args:
        application: As uvicorn takes it.
        folder: Where it runs, and leaves its files.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uvicorn = [sys.executable, "-m", "uvicorn", application, "--app-dir", str(ROOT)]
    options = ["--port", str(port), "--log-level", "error"]
    server = subprocess.Popen([*uvicorn, *options], cwd=folder)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the server does not start")
