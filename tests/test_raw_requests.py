"""Whatever bytes a client sends over the network, no answer is a 5xx, and no connection hangs."""

import re
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microfw import App
from tests.malformed.application import FORM_PATHS, JSON_PATHS, TEXT_PATHS
from tests.malformed.application import app as malformed
from tests.servers import PATIENCE, ROOT, Server, serve

EXAMPLES = 200 if settings().derandomize else 20_000

methods = st.sampled_from(
    [
        b"GET",
        b"POST",
        b"HEAD",
        b"OPTIONS",
        b"CONNECT",
        b"TRACE",
        b"PRI",
        b"get",
        b"",
        b"G\x00T",
        b"M" * 99,
    ]
)
targets = st.sampled_from(
    [
        *(b"/below" + path.encode() for path in (*FORM_PATHS, *JSON_PATHS, *TEXT_PATHS)),
        *(
            b"/",
            b"*",
            b"//",
            b"/%",
            b"/%00",
            b"/%ff",
            b"/\xff",
            b"/..;/..%2f",
            b"/a%0d%0aset-cookie:a",
        ),
        *(
            b"http://other.test/below/int/1",
            b"http://",
            b"other.test:80",
            b"?",
            b"#",
            b"/?%",
            b"/?a#b",
        ),
        *(b"/below", b"/below/", b"/below/below/", b"/below%2f", b"/bel%6fw/x", b"below/x", b""),
        *(b"/" + b"a" * 9_000, b"/?" + b"a=1&" * 2_000, b"/?" + b"%ff" * 3_000, b"/" * 5_000),
    ]
)
headers = st.sampled_from(
    [
        *(b"host: a", b"host:", b"host: a\r\nhost: b", b"Host: \xff", b"host: a:b:c@d/e"),
        *(b"content-length: 5", b"content-length: -1", b"content-length: 99999999999999999999"),
        *(
            b"content-length: 1\r\ncontent-length: 2",
            b"content-length: 5\r\ntransfer-encoding: chunked",
        ),
        *(
            b"transfer-encoding: chunked",
            b"transfer-encoding: gzip",
            b"transfer-encoding:  chunked,a",
        ),
        *(b"expect: 100-continue", b"connection: upgrade\r\nupgrade: websocket", b"upgrade: h2c"),
        *(b"connection: close", b"connection: keep-alive, a", b"cookie: " + b"a=b; " * 1_000),
        *(b": a", b"a", b"a b: c", b"a\x00: b", b"a: \x00", b" a: b", b"a: b\r\n c", b"\xff: \xff"),
        *(
            b"content-type: multipart/form-data; boundary=" + b"-" * 300,
            b"content-type: application/json",
        ),
        *(b"x-forwarded-prefix: /x", b"x-forwarded-proto: a b", b"x-forwarded-for: \xff, 1"),
    ]
)
bodies = st.sampled_from(
    [
        b"",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhel",
        b"ffffffffff\r\n",
        b"-1\r\n",
        b"{}",
        b"\x00" * 100,
        b"x" * 9_999,
    ]
)
heads = st.builds(
    lambda method, target, version, lines: b"\r\n".join(
        [method + b" " + target + b" " + version, *lines]
    ),
    methods,
    targets,
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b"HTTP", b""]),
    st.lists(headers, max_size=5),
)
requests = st.builds(lambda head, body: head + b"\r\n\r\n" + body, heads, bodies)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request with some bytes changed, cut off, or put in twice."""
    data: bytes = draw(requests)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 8)))
        data = (
            data[:start]
            + draw(st.sampled_from([b"", b"\x00", b"\r\n", b"\xff", data[:end]]))
            + data[end:]
        )
    return data[:100_000]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    app = App()
    app.mount("/below", malformed)
    app.get("/")(read_root)
    with serve(app, access_log=False) as running:
        yield running


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
        except ConnectionError:  # it does not want the rest
            pass
    return received


def check(server: Server, data: bytes) -> None:
    answer = exchange(server, data)
    statuses = re.findall(rb"^HTTP/1\.[01] (\d+)", answer, re.MULTILINE)
    assert all(status < b"500" for status in statuses), answer
    assert b"Traceback" not in answer
    assert str(ROOT).encode() not in answer
    assert b"\r\nset-cookie" not in answer.lower()
    assert "ERROR" not in server.log


@given(data=mutated())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_are_answered_without_a_5xx_and_without_a_hang(
    server: Server, data: bytes
) -> None:
    check(server, data)


@pytest.mark.parametrize(
    "target", [b"*", b"http://other.test/", b"/%00", b"/" + b"a" * 60_000, b"//"]
)
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"PURGE"])
def test_odd_targets_are_answered(server: Server, method: bytes, target: bytes) -> None:
    check(server, method + b" " + target + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")


def test_a_server_that_was_sent_all_this_still_answers(server: Server) -> None:
    answer = exchange(server, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'\r\n\r\n"root"')
