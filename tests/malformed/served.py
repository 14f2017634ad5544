"""The application below another, as a real server serves it, and who talks to that in bytes."""

import errno
import re
import socket
from pathlib import Path

from microfw import App
from tests.malformed.application import app as malformed
from tests.malformed.sending import PATIENCE
from tests.servers import ROOT, Server, ServerProcess

MOST_MEMORY = 200 * 1024 * 1024
"""Bytes that the server's process may ever have held."""

LINES = re.compile(
    r"INFO: +[\d.]+:\d+ - \"[\x20-\x7e]*\" [1-4]\d\d( [A-Za-z ]+)?"
    r"|INFO: +connection (open|closed)"
    r"|INFO: +(connection rejected|HTTP response sent) \(4\d\d [A-Za-z -]+\)"
    r"|INFO: +(Started|Waiting|Application|Uvicorn|Shutting|Finished)[\x20-\x7e]*"
    r"|WARNING: +(Invalid HTTP request received\.|Unsupported upgrade request\.)"
    r"|(WARNING: +)?(Did not find|Expected|Found) [\x20-\x7e]* at (end|index|\d+)[\x20-\x7e]*"  # in forms
)
"""What the server has to say in such company."""

RACE = re.compile(
    r"^ERROR: +Exception in ASGI application\nTraceback .*\n( .*\n)+"
    r"h11\._util\.LocalProtocolError: .* role=SERVER and state=MUST_CLOSE\n",
    re.MULTILINE,
)
"""What uvicorn says with h11, now and then, of an answer to a client that has just gone."""

app = App()
app.mount("/below", malformed)


@app.get("/")
async def read_root() -> str:
    return "root"


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
    said = len(server.log)
    answer = exchange(server, data)
    statuses = re.findall(rb"^HTTP/1\.[01] (\d+)", answer, re.MULTILINE)
    assert all(status < b"500" for status in statuses), answer
    assert b"Traceback" not in answer
    assert str(ROOT).encode() not in answer
    assert b"\r\nset-cookie" not in answer.lower()
    next_answer = exchange(server, b"GET /?end HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert next_answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert next_answer.endswith(b'\r\n\r\n"root"')
    log = server.wait_until(lambda log: '"GET /?end HTTP' in log[said:], "logged it")
    strange = strange_lines(log[said:])
    assert strange == [], strange


def strange_lines(log: str) -> list[str]:
    """The lines that a server has no reason to write, whatever it is sent."""
    return [line for line in RACE.sub("", log).splitlines() if not LINES.fullmatch(line)]


def peak(server: ServerProcess) -> int:
    """The most memory that the server's process has held so far, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024
