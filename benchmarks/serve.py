"""Serves a contender's application for a case with uvicorn, and prints the port; see `sockets`."""

import socket
import sys
from collections import deque
from typing import Any

import uvicorn

from benchmarks import contenders
from benchmarks.measuring import one_core


def main(make: str, case: str, loop: str) -> None:
    """Serve until SIGTERM; `make` is the name of a function in `contenders`."""
    contender = getattr(contenders, make)()
    log: deque[Any] = deque(maxlen=0)
    config = uvicorn.Config(
        contender.builders[case](log), http="httptools", loop=loop, log_level="warning"
    )
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)  # from now on connections wait, if they have to
    print(listener.getsockname()[1], flush=True)
    with one_core(first=True):
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
