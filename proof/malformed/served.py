"""The application below another, as a real server serves it, and who talks to that in bytes."""

import errno
import re
import socket
import time
from pathlib import Path

from microfw import App
from proof.malformed.application import app as malformed
from proof.malformed.application import opened
from proof.malformed.sending import PATIENCE
from tests.servers import ROOT, Server, ServerProcess

TIME_TO_EXIT = 2.0
"""Seconds that dependencies may stay open after an answer, or after a client has gone."""

MOST_MEMORY = 200 * 1024 * 1024
"""Bytes that the server's process may ever have held."""

LINES = re.compile(
    r"INFO: +[\d.]+:\d+ - \"[\x20-\x7e]*\" [1-4]\d\d( [A-Za-z ]+)?"
    r"|INFO: +[\d.]+:\d+ - \"WebSocket [\x20-\x7e]*\" (\[accepted\]|4\d\d)"
    r"|INFO: +connection (open|closed)"
    r"|INFO: +(connection rejected|HTTP response sent) \(4\d\d [A-Za-z -]+\)"
    r"|INFO: +(Started|Waiting|Application|Uvicorn|Shutting|Finished)[\x20-\x7e]*"
    r"|WARNING: +(Invalid HTTP request received\.|Unsupported upgrade request\.)"
    r"|(WARNING: +)?(Did not find|Expected|Found) [\x20-\x7e]* at (end|index|\d+)[\x20-\x7e]*"  # in forms
)
"""What the server has to say in such company."""

OF_THE_SERVER = re.compile(
    r"^Fatal error on transport TCPTransport\nprotocol: <uvicorn\..*>\n"
    r"(?:(?!INFO|WARNING|ERROR|Fatal).*\n)*"
    r"|^ERROR: +Exception in ASGI application\nTraceback .*\n"
    r"(?:(?!INFO|WARNING|ERROR|Fatal).*\n)*?"
    r"(?:h11\._util\.LocalProtocolError: .*"
    r"|  File \".*/uvicorn/protocols/http/httptools_impl\.py\", line \d+, in send\n(?:    .*\n)+"
    r"(?:  File \"uvloop/.*\n)+"
    r"RuntimeError: unable to perform operation on <TCPTransport closed=True .*>;"
    r" the handler is closed)\n(?!\n)",
    re.MULTILINE,
)
"""What uvicorn says of its own mistakes, whatever the application: it comes with any.

It fails as it is called with bytes, where no application is. With h11 it answers a client that goes,
or bad bytes behind a request, once more. With httptools on uvloop it writes to a lost connection,
where the client has sent another request behind one that reads its body, and closes its half.
"""

END = b"GET /?end HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
"""What is sent behind each input."""

LAST = re.compile(r'"GET /\?end HTTP/1\.1" 200.*\n')
"""How the log ends of each exchange that is checked."""

app = App()
app.mount("/below", malformed)


@app.get("/")
async def tell_what_is_open() -> list[str]:
    """Tell the dependencies that have not exited yet."""
    return opened


def exchange(server: Server, data: bytes) -> bytes:
    """Send bytes, and no more, and return all that comes until the server hangs up.

    Raises:
        TimeoutError: It does not.
    """
    with socket.create_connection((server.host, server.port), PATIENCE) as connection:
        received = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
        except OSError as error:  # it does not want the rest
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                raise
    return received


def check(server: Server, data: bytes) -> None:
    """Send bytes, and look at the answer, at the log, and at whether the next one is served."""
    checked = end_of_last(server.log)
    answer = exchange(server, data)
    statuses = re.findall(rb"^HTTP/1\.[01] (\d+)", answer, re.MULTILINE)
    assert all(status < b"500" for status in statuses), answer
    assert b"Traceback" not in answer
    assert str(ROOT).encode() not in answer
    assert b"\r\nset-cookie" not in answer.lower()
    deadline = time.monotonic() + TIME_TO_EXIT
    while not (next_answer := exchange(server, END)).endswith(b"\r\n\r\n[]"):
        assert next_answer.startswith(b"HTTP/1.1 200 OK\r\n"), next_answer
        assert time.monotonic() < deadline, next_answer
    log = server.wait_until(lambda log: bool(LAST.search(log, checked)), "logged it")
    strange = strange_lines(log[checked : end_of_last(log)])
    assert strange == [], strange


def end_of_last(log: str) -> int:
    """Where the last exchange ends in the log; what it says later counts for the next."""
    return max((match.end() for match in LAST.finditer(log)), default=0)


def strange_lines(log: str) -> list[str]:
    """The lines that a server has no reason to write, whatever it is sent."""
    return [line for line in OF_THE_SERVER.sub("", log).splitlines() if not LINES.fullmatch(line)]


def peak(server: ServerProcess) -> int:
    """The most memory that the server's process has held so far, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024
