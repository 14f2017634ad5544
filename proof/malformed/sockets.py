"""WebSockets, as they should not be: in the words of ASGI, and as bytes for a real server."""

from typing import Any

from hypothesis import strategies as st

from proof.malformed.corpus import NASTY_HEADERS
from proof.malformed.grammar import cookies, other_headers, query_strings, texts
from proof.malformed.mutations import mutated, one_of
from proof.malformed.sending import Sent, Talk

KEY = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = [
    *(b"GET /below/socket/1 HTTP/1.1", b"host: a", b"connection: upgrade", b"upgrade: websocket"),
    *(b"sec-websocket-version: 13", KEY),
]

# ---------------------------------------------------------------------- in the words of ASGI

numbers = st.sampled_from(["1"] * 8 + ["401"]) | texts.map(lambda text: text.replace("/", ""))
deniable: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"websocket.http.response": {}}])
usual = st.fixed_dictionaries({"extensions": deniable})
odd = st.fixed_dictionaries(
    {"extensions": deniable},
    optional={
        "subprotocols": st.lists(st.sampled_from(["chat", "", "\r\n"]), max_size=2),
        "path": st.sampled_from(["/socket", "/socket/1/", "/", "", "//socket/1", "/query"]),
        "root_path": st.sampled_from(["/", "/socket", "//", "\xff"]),
        "scheme": st.sampled_from(["wss", "http"]),
    },
)
headers = st.one_of(
    st.lists(st.tuples(st.just(b"cookie"), cookies), max_size=1),
    other_headers,
    one_of([headers for headers in NASTY_HEADERS if len(headers) < 99]),
)
handshakes = st.builds(
    lambda number, query, headers, changes: Sent(f"/socket/{number}", query, headers, (), changes),
    numbers,
    st.just(b"") | st.just(b"limit=1&tag=2") | query_strings,
    st.just([]) | st.just([(b"word", b"short")]) | headers,
    usual | odd,
)
messages: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"text": texts}, optional={"bytes": st.none()}),
    st.fixed_dictionaries({"bytes": st.binary(max_size=40)}, optional={"text": st.none()}),
).map(lambda message: {"type": "websocket.receive", **message})
goodbyes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from([1000, 1001, 1005, 1006, 1009, 3000, 4999, 0, -1, None]),
        "reason": st.sampled_from([None, "", "\x1b[2J\r\n", "a" * 999]),
    },
)
talks = st.builds(Talk, handshakes, st.lists(messages, max_size=4), goodbyes)

# ---------------------------------------------------------------------- as bytes

heads = st.lists(
    st.sampled_from(
        [
            *(
                b"sec-websocket-protocol: chat",
                b"sec-websocket-protocol: a, , b",
                b"cookie: unit=x",
            ),
            b"sec-websocket-extensions: permessage-deflate",
            b"sec-websocket-extensions: permessage-deflate; server_max_window_bits=99",
            *(b"sec-websocket-version: 12", b"sec-websocket-key: short", KEY, b"origin: null"),
        ]
    ),
    max_size=3,
).map(lambda lines: b"\r\n".join([*HANDSHAKE, *lines, b"", b""]))
OPCODES = [0x81, 0x82, 0x01, 0x02, 0x80, 0x00, 0x88, 0x89, 0x8A]
"""Whole messages, the beginnings, ends and middles of others, close, ping, pong."""


def frame(opcode: int, is_masked: bool, key: bytes, length: int | None, payload: bytes) -> bytes:
    """Make a frame (RFC 6455, section 5.2), whose length may be another than it says."""
    said = len(payload) if length is None else length
    if said < 126:
        size = bytes([said | is_masked << 7])
    elif said < 1 << 16:
        size = bytes([126 | is_masked << 7]) + said.to_bytes(2, "big")
    else:
        size = bytes([127 | is_masked << 7]) + said.to_bytes(8, "big")
    if is_masked:
        payload = bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))
        size += key
    return bytes([opcode]) + size + payload


frames = st.builds(
    frame,
    st.sampled_from(OPCODES * 3) | st.integers(0, 255),
    st.sampled_from([True] * 9 + [False]),
    st.binary(min_size=4, max_size=4),
    st.sampled_from([None] * 9 + [0, 125, 126, 65_535, 65_536, 2**63 - 1, 2**64 - 1]),
    st.one_of(
        st.binary(max_size=200),
        texts.map(lambda text: text.encode(errors="surrogatepass")),
        st.integers(0, 65_535).map(lambda code: code.to_bytes(2, "big") + b"bye"),
    ),
)
conversations = st.builds(
    lambda head, sent: head + b"".join(sent), heads | mutated(heads), st.lists(frames, max_size=5)
)
