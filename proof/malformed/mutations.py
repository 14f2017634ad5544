"""What has been sent before, with some of it changed, gone, repeated, or from elsewhere."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from proof.malformed.application import FORM_PATHS, JSON_PATHS, TEXT_PATHS, VALID
from proof.malformed.corpus import (
    FORM_TYPES,
    JSON_TYPES,
    NASTY_FIELDS,
    NASTY_FORMS,
    NASTY_HEADERS,
    NASTY_JSON,
    NASTY_PATHS,
)
from proof.malformed.grammar import requests
from proof.malformed.sending import Sent, cut

LARGEST = 200_000
"""How many bytes repetition makes, at most."""
SMALL = 20_000

FORGED = b"\r\nERROR:    forged"
INTERESTING = [
    *(b"", b"\0", b"\n", b"\r\n", b"\x1b[2J", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8", FORGED),
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"=", b"&", b"%", b";", b"--", b"/", b"../"),
    *(b"null", b"NaN", b"1e999", b"-1", b"9" * 400, b"\xed\xa0\x80", b"\\ud800", b"%00", b"%0d%0a"),
]


def one_of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of many large values, of which Hypothesis makes no text."""
    return st.integers(0, len(values) - 1).map([*values].__getitem__)


def small(inputs: Sequence[bytes]) -> list[bytes]:
    return [each for each in inputs if len(each) <= SMALL]


NASTY = small([*NASTY_JSON, *NASTY_FORMS, *NASTY_FIELDS])

edits = st.tuples(
    st.sampled_from(["put", "take", "flip", "repeat", "splice"]),
    st.floats(0, 1),
    st.integers(0, 40),
    st.sampled_from(INTERESTING) | st.binary(max_size=4),
    st.integers(2, 20_000),
)


def edited(data: bytes, edit: tuple[str, float, int, bytes, int]) -> bytes:
    """Edit data at one place."""
    how, place, length, new, number = edit
    start = int(len(data) * place)
    before, there, after = data[:start], data[start : start + length], data[start + length :]
    if how == "put":
        return before + new + there + after
    if how == "take":
        return before + after
    if how == "flip":
        return before + bytes(byte ^ (1 << number % 8) for byte in there[:1]) + there[1:] + after
    if how == "repeat":
        return before + there * min(number, LARGEST // (len(there) or 1)) + after
    other = NASTY[number % len(NASTY)]
    return before + other[int(len(other) * place) :] + after


def mutated(inputs: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """The same, edited up to four times."""

    def edit_all(drawn: tuple[bytes, list[tuple[str, float, int, bytes, int]]]) -> bytes:
        data, changes = drawn
        for change in changes:
            data = edited(data, change)
        return data[: 2 * LARGEST]

    return st.tuples(inputs, st.lists(edits, min_size=1, max_size=4)).map(edit_all)


def bodies(
    paths: Sequence[str], contents: st.SearchStrategy[bytes], types: st.SearchStrategy[bytes]
) -> st.SearchStrategy[Sent]:
    return st.builds(
        lambda path, kind, data, places: Sent(
            path, b"", [(b"content-type", kind)], cut(data, places)
        ),
        st.sampled_from(paths),
        types,
        contents,
        st.lists(st.floats(0, 1), max_size=2),
    )


def usual(types: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Mostly the first, which gets furthest."""
    return st.sampled_from([types[0]] * len(types) + [*types])


jsons = one_of(small(NASTY_JSON) + [json.dumps(value).encode() for value in VALID.values()])
queries = mutated(one_of(small(NASTY_FIELDS)))
header_lines = one_of(
    [header for each in NASTY_HEADERS for header in each[:3] if len(header[1]) <= SMALL]
)
headers = st.lists(
    st.tuples(
        header_lines.map(lambda line: line[0]), mutated(header_lines.map(lambda line: line[1]))
    ),
    max_size=4,
)
paths = mutated(one_of([path.encode() for path in NASTY_PATHS if len(path) <= SMALL])).map(
    lambda path: path.decode(errors="replace")
)

mutations = st.one_of(
    bodies(JSON_PATHS, mutated(jsons), usual(JSON_TYPES)),
    st.one_of(
        *(
            bodies(
                [f"/body/{name}"], mutated(st.just(json.dumps(value).encode())), usual(JSON_TYPES)
            )
            for name, value in VALID.items()
        )
    ),
    bodies(FORM_PATHS, mutated(one_of(small(NASTY_FORMS))), usual(FORM_TYPES)),
    bodies(FORM_PATHS, queries, st.just(b"application/x-www-form-urlencoded")),
    st.builds(Sent, st.sampled_from(TEXT_PATHS), queries, headers),
    st.builds(Sent, paths, queries, headers),
)

scope_changes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["HEAD", "OPTIONS", "PUT", "TRACE", "get", "", "P\r\nX", "\xff"]),
        "root_path": st.sampled_from(["/", "/body", "/query", "//", "/\r\n", "/\xff", "a", "/a/"]),
        "scheme": st.sampled_from(["https", "ws"]),
        "http_version": st.sampled_from(["1.0", "2", "3", ""]),
        "server": st.sampled_from([None, ("", 0), ("::1", 80), ("/run/socket", None), ("\xff", 1)]),
        "client": st.sampled_from([None, ("", 0), ("\x1b[2J\n", 1)]),
        "extensions": st.just({"http.response.debug": {}}),
    },
)


def changed(sent: Sent, changes: dict[str, object], lacks: list[str], vanishes: bool) -> Sent:
    return replace(sent, changes=changes, lacks=lacks, vanishes=vanishes)


odd_requests = st.builds(
    changed,
    requests | mutations,
    scope_changes,
    st.lists(
        st.sampled_from(["raw_path", "root_path", "scheme", "server", "client", "http_version"]),
        max_size=2,
    ),
    st.booleans(),
)
everything = st.one_of(requests, mutations, odd_requests)
