"""Serves a contender's application for a case with uvicorn, and prints the port.

See `sockets`, and `sessions` for what gets the URL of a database.
"""

import socket
import sys
from collections import deque
from typing import Any

import uvicorn

from benchmarks import contenders
from benchmarks.client import ASGIApp
from benchmarks.measuring import one_core


def main(make: str, case: str, loop: str, url: str = "") -> None:
    """Serve until SIGTERM.

    Args:
        make: The name of a function in `contenders`, or of one of the `APPLICATIONS` of sessions.
        case: The name of the case.
        loop: The event loop.
        url: Of the database, if there is one.
    """
    config = uvicorn.Config(
        _application(make, case, url), http="httptools", loop=loop, log_level="warning"
    )
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)  # from now on connections wait, if they have to
    print(listener.getsockname()[1], flush=True)
    with one_core(first=True):
        uvicorn.Server(config).run(sockets=[listener])


def _application(make: str, case: str, url: str) -> ASGIApp:
    if url:
        from benchmarks.contenders import sessions, sync_sessions

        if case == "sync":
            return sync_sessions.application(make, url)
        return sessions.application(make, case, url)
    log: deque[Any] = deque(maxlen=0)
    built: ASGIApp = getattr(contenders, make)().builders[case](log)
    return built


if __name__ == "__main__":
    main(*sys.argv[1:])
