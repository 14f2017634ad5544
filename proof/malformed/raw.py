"""Requests as bytes, for a real server: by a grammar, from those of ASGI, and with changes in them."""

from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from proof.malformed.application import FORM_PATHS, JSON_PATHS, TEXT_PATHS
from proof.malformed.grammar import requests as asgi_requests
from proof.malformed.mutations import LARGEST, mutated, mutations, one_of
from proof.malformed.sending import Sent
from proof.malformed.sockets import conversations

BELOW = b"/below"
"""Where the application is mounted."""

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
targets = one_of(
    [
        *(BELOW + path.encode() for path in (*FORM_PATHS, *JSON_PATHS, *TEXT_PATHS)),
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
headers = one_of(
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
bodies = one_of(
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
heads_and_bodies = st.builds(lambda head, body: head + b"\r\n\r\n" + body, heads, bodies)


def on_the_wire(sent: Sent, chunked: bool, keep_alive: bool, raw: bool) -> bytes:
    """The bytes of a request that begins as one should."""
    path = sent.path.encode(errors="replace")
    target = BELOW + (path if raw else quote_from_bytes(path).encode())
    lines = [sent.scope["method"].encode() + b" " + target + b"?" * bool(sent.query) + sent.query]
    lines[0] += b" HTTP/1.1"
    lines += [b"host: test"]
    lines += [name + b": " + value for name, value in sent.headers]
    if not keep_alive:
        lines.append(b"connection: close")
    if sent.body and chunked:
        lines.append(b"transfer-encoding: chunked")
        parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in sent.body if part]
        content = b"".join([*parts, b"0\r\n\r\n"])
    else:
        content = b"".join(sent.body)
        if sent.body:
            lines.append(b"content-length: %d" % len(content))
    return b"\r\n".join([*lines, b"", content])


wires = st.builds(
    on_the_wire, asgi_requests | mutations, st.booleans(), st.booleans(), st.booleans()
)
raw_requests = st.one_of(
    heads_and_bodies,
    mutated(heads_and_bodies),
    wires,
    mutated(wires),
    conversations,
    mutated(conversations),
    st.lists(heads_and_bodies | wires, min_size=2, max_size=4).map(b"".join),
).map(lambda data: data[:LARGEST])
"""Up to several of them in one."""
