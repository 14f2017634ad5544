"""Whatever bytes a client sends over the network, no answer is a 5xx, and no connection hangs."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from proof.malformed import served
from proof.malformed.application import opened
from proof.malformed.raw import raw_requests
from proof.malformed.served import check, strange_lines
from tests.servers import Server, serve

EXAMPLES = 100 if settings().derandomize else 20_000

pytestmark = pytest.mark.unmeasured


@pytest.fixture(scope="module", params=["httptools", "h11"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serve(served.app, http=request.param, proxy_headers=False) as running:
        yield running


@given(data=raw_requests)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
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


@pytest.mark.parametrize("how", [b"500", b"logged", b"leaky", b"forged", b"open"])
def test_the_property_sees_what_it_forbids(server: Server, how: bytes) -> None:
    try:
        with pytest.raises(AssertionError):
            check(server, b"GET /below/broken/" + how + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    finally:
        opened.clear()


def test_lines_in_the_log_are_those_that_a_server_has_to_say() -> None:
    usual = (
        'INFO:     127.0.0.1:1 - "GET /%0A?a HTTP/1.1" 200 OK\n'
        "INFO:     Waiting for application startup.\n"
        "WARNING:  Invalid HTTP request received.\n"
        "INFO:     connection rejected (400 Bad Request)\n"
        "INFO:     HTTP response sent (414 Request-URI Too Long)\n"
        "Did not find CR at end of boundary (9)\n"
        "ERROR:    Exception in ASGI application\n"
        "Traceback (most recent call last):\n"
        '  File "h11_impl.py", line 1, in run_asgi\n'
        "h11._util.LocalProtocolError: can't handle it when role=SERVER and state=MUST_CLOSE\n"
        "Fatal error on transport TCPTransport\n"
        "protocol: <uvicorn.protocols.http.h11_impl.H11Protocol object at 0x1>\n"
        "transport: <TCPTransport closed=False reading=False 0x1>\n"
        "Traceback (most recent call last):\n"
        '  File "h11_impl.py", line 1, in handle_events\n'
        "h11._util.RemoteProtocolError: illegal chunk header: bytearray(b'GET')\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        '  File "h11_impl.py", line 1, in send_400_response\n'
        "h11._util.LocalProtocolError: Too much data for declared Content-Length\n"
        "ERROR:    Exception in ASGI application\n"
        "Traceback (most recent call last):\n"
        '  File "app.py", line 1, in handle\n'
        "KeyError: 1\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        '  File "/lib/uvicorn/protocols/http/httptools_impl.py", line 1, in send\n'
        '    self.transport.write(b"".join(content))\n'
        "    ~~~~~~~~~~~~~~~~~~~~^^^^^^^^^^^^^^^^^^^\n"
        '  File "uvloop/handles/stream.pyx", line 676, in uvloop.loop.UVStream.write\n'
        "RuntimeError: unable to perform operation on <TCPTransport closed=True reading=False 0x1>;"
        " the handler is closed\n"
    )
    unusual = [
        'INFO:     127.0.0.1:1 - "GET / HTTP/1.1" 500 Internal Server Error',
        'INFO:     127.0.0.1:1 - "GET /\x1b[2J HTTP/1.1" 200 OK',
        "ERROR:    Exception in ASGI application",
        "Traceback (most recent call last):",
        "KeyError: 1",
    ]
    assert strange_lines(usual) == []
    assert strange_lines(usual + "\n".join(unusual)) == unusual


def test_a_traceback_that_goes_on_behind_the_server_s_own_is_not_the_server_s() -> None:
    log = (
        "ERROR:    Exception in ASGI application\n"
        "Traceback (most recent call last):\n"
        "h11._util.LocalProtocolError: Can't send data when our state is ERROR\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        "KeyError: 1\n"
    )
    assert strange_lines(log) == log.splitlines()
