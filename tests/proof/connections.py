"""Clients that speak by the byte to a real server, whose application counts what it opens."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

from anyio.lowlevel import checkpoint
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from microfw import App, Depends
from tests.servers import PATIENCE, Server

CLIENTS = 8


class Counters:
    """What the server's application counts, in the thread in which the server runs and others.

    Attributes:
        begun: Requests that have come to the application.
        ended: Requests that it is done with.
        entered: Dependencies that were entered.
        exited: Dependencies that have exited in their turn, the last entered first.
        astray: Those that have exited out of turn, or once more.
    """

    def __init__(self) -> None:
        self.begun = self.ended = self.entered = self.exited = self.astray = 0
        self._changed = threading.Condition()

    def count(self, name: str) -> None:
        with self._changed:
            setattr(self, name, getattr(self, name) + 1)
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), vars(self)


class Served:
    """An application whose requests, WebSockets and dependencies are counted.

    Args:
        declare: Adds its routes, which use a dependency that has two more below it.
    """

    def __init__(self, declare: Callable[[App, Any], None]) -> None:
        self.counters = Counters()
        self.app = App(max_body_size=None)
        declare(self.app, self.make_dependency())

    def make_dependency(self) -> Any:
        """Make the dependency, and those below it on the event loop and in a thread."""

        async def outer(connection: HTTPConnection) -> Any:
            with self.counted("outer", connection):
                try:
                    yield
                finally:
                    await checkpoint()

        def in_thread(
            outer: Annotated[None, Depends(outer, scope="request")], connection: HTTPConnection
        ) -> Any:
            with self.counted("in_thread", connection):
                yield

        async def inner(
            in_thread: Annotated[None, Depends(in_thread)], connection: HTTPConnection
        ) -> Any:
            with self.counted("inner", connection):
                yield

        return Depends(inner)

    @contextmanager
    def counted(self, name: str, connection: HTTPConnection) -> Iterator[None]:
        opened: list[str] = connection.scope["opened"]
        opened.append(name)
        self.counters.count("entered")
        try:
            yield
        finally:
            self.counters.count("exited" if opened[-1:] == [name] else "astray")
            opened.remove(name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        self.counters.count("begun")
        try:
            await self.app({**scope, "opened": []}, receive, send)
        finally:
            self.counters.count("ended")

    def check(self) -> None:
        """Wait for the end of all that has begun; all dependencies have to have exited in turn."""
        counters = self.counters
        counters.wait_until(lambda: counters.begun == counters.ended)
        assert (counters.exited, counters.astray) == (counters.entered, 0)


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection((server.host, server.port), PATIENCE) as connection:
        yield connection


@contextmanager
def crowd(server: Server, beginning: bytes) -> Iterator[list[socket.socket]]:
    """Have many clients connected, each of which has sent the beginning of a request."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(server)) for _ in range(CLIENTS)]
        for connection in connections:
            connection.sendall(beginning)
        yield connections


def reset(connection: socket.socket) -> None:
    """Close a connection by RST: nothing that is on its way arrives."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def half_close(connection: socket.socket) -> None:
    """Send nothing more, but still read."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


def head(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "host: test", *headers, "", ""]).encode()


def everything(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


ENDINGS: dict[str, Callable[[socket.socket], None]] = {
    "reset": reset,
    "closed": socket.socket.close,
    "half-closed": half_close,
}
