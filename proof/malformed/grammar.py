"""Requests by grammar, and now and then with some of their bytes gone and others in their place."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from proof.malformed.application import FORM_PATHS, JSON_PATHS, KEYS, NAMES, TEXT_PATHS, VALID
from proof.malformed.sending import Sent, cut

digits = st.text("0123456789", min_size=1, max_size=30)
numbers = st.one_of(
    digits,
    st.integers().map(str),
    st.floats().map(repr),
    st.tuples(digits, st.sampled_from(["", ".", "e", "e-", "E+", "_", ","]), digits).map("".join),
    st.sampled_from(
        ["nan", "-inf", "Infinity", "1e400", "-0", "0x1", "٣", "1" * 5_000, "1e9999999"]
    ),
)
times = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.timedeltas().map(str),
    st.from_regex(r"\A[+-]?P?(\d{1,12}[YMWD]){0,3}(T(\d{1,12}([.,]\d{1,12})?[HMS]){0,3})?\Z"),
    st.from_regex(
        r"\A\d{1,5}-\d\d-\d\d[T _]?(\d\d:?\d\d(:\d\d)?([.,]\d{1,10})?)?(Z|[+-]\d\d:?\d\d)?\Z"
    ),
    st.sampled_from(
        ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "0000-00-00", "24:00"]
    ),
)
texts = st.one_of(
    numbers,
    times,
    st.text(max_size=12),
    st.uuids().map(str),
    st.sampled_from(
        ["", "red", "true", "a" * 6_000, "\0", "\ud800", "\u202e", "é́", "ﷺ", "..", "//"]
    ),
)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def broken(pieces: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """The same, and now and then with some of its bytes gone and others in their place."""

    def break_there(drawn: tuple[bytes, float, int, bytes]) -> bytes:
        data, place, gone, new = drawn
        start = int(len(data) * place)
        return data[:start] + new + data[start + gone :]

    edits = st.tuples(pieces, st.floats(0, 1), st.integers(0, 9), st.binary(max_size=5))
    return pieces | edits.map(break_there)


names = st.sampled_from([b"", *map(str.encode, NAMES)])
escaped = st.one_of(
    texts.map(encoded),
    texts.map(lambda text: b"".join(b"%%%02x" % byte for byte in encoded(text)[:50])),
    st.sampled_from([b"%", b"%z", b"%ed%a0%80", b"%00", b"%u1234", b"+", b"%25%32%35", b"%C0%AF"]),
)
fields = st.tuples(names | escaped, st.sampled_from([b"=", b"", b"=="]), escaped).map(b"".join)
query_strings = broken(
    st.tuples(st.lists(fields, max_size=6), st.sampled_from([b"&", b"&&", b";"])).map(
        lambda drawn: drawn[1].join(drawn[0])
    )
)
cookies = broken(
    st.lists(
        st.tuples(names, st.sampled_from([b"=", b"", b" = "]), texts.map(encoded) | escaped).map(
            b"".join
        )
        | st.sampled_from(
            [b'unit="\\041"', b'limit="1\\"2"', b"$Version=1", b"__proto__=1", b"=", b"\xff"]
        ),
        max_size=4,
    ).map(b"; ".join)
)
header_values = st.binary(max_size=10) | texts.map(encoded)
other_headers = st.lists(
    st.one_of(
        st.tuples(names, header_values),
        st.tuples(st.just(b"cookie"), cookies),
        st.tuples(
            st.sampled_from([b"content-length", b"transfer-encoding", b"expect", b"authorization"]),
            st.sampled_from([b"0", b"-1", b"99", b"9" * 30, b"\xb2", b"x", b"", b"chunked"]),
        ),
        st.tuples(
            st.just(b"host"),
            st.sampled_from([b"[", b"a b", b"\xff", b"", b"h:99999999", b"h:x", b"[::1"]),
        ),
    ),
    max_size=4,
)

json_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
json_values = st.recursive(
    json_scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=4)
    ),
    max_leaves=8,
)


def near(value: Any) -> st.SearchStrategy[Any]:
    """JSON that may lack something of another, and may have something else in its place."""
    same: st.SearchStrategy[Any] = st.just(value)
    if isinstance(value, dict):
        same = st.fixed_dictionaries({}, optional={key: near(each) for key, each in value.items()})
    elif isinstance(value, list):
        same = st.lists(near(value[0]), max_size=3) if value else same
    return st.one_of(same, same, same, json_scalars)


encodings = st.sampled_from(
    ["utf-8"] * 6 + ["utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig", "cp037"]
)


def json_bytes(value: Any, encoding: str) -> bytes:
    return json.dumps(value).encode(encoding)


def json_in_place(value: Any) -> bytes:
    """JSON that is not escaped."""
    return json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")


def json_texts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return st.builds(json_bytes, values, encodings) | values.map(json_in_place)


json_types = st.sampled_from(
    [b"application/json"] * 6
    + [
        b"application/json; charset=utf-16",
        b"application/x+json",
        b"text/json",
        b"",
        b"\xff/json",
        b"/",
    ]
)

boundaries = st.sampled_from(
    [b"border"] * 6 + [b"", b"bor", b'"border"', b"border; x", b"\xe9", b"b" * 99]
)
dispositions = st.builds(
    b"".join,
    st.tuples(
        st.sampled_from([b"form-data", b"attachment", b"", b"form-data; form-data"]),
        st.sampled_from(
            [b'; name="', b"; name=", b"; NAME=", b"; name*=utf-8''", b";", b'; name="a\\"']
        ),
        names | escaped,
        st.sampled_from(
            [b'"', b"", b'";', b'"; filename="', b"; filename=", b"; filename*=utf-8''%ff"]
        ),
        escaped,
        st.sampled_from([b'"', b"", b"\r\n folded", b'"; filename="again"']),
    ),
)
part_headers = st.lists(
    st.one_of(
        dispositions.map(lambda value: b"Content-Disposition: " + value),
        st.sampled_from(
            [b"Content-Type: text/plain", b"Content-Type: \xff", b"no colon", b": none", b""]
        ),
        st.sampled_from(
            [b"Content-Transfer-Encoding: base64", b"Content-Type: text/plain; charset=x"]
        ),
    ),
    max_size=3,
)
form_parts = st.tuples(dispositions, part_headers, st.binary(max_size=30) | texts.map(encoded)).map(
    lambda drawn: b"\r\n".join(
        [b"--border", b"Content-Disposition: " + drawn[0], *drawn[1], b"", drawn[2], b""]
    )
)
forms = st.tuples(
    st.lists(form_parts, max_size=4).map(b"".join),
    st.sampled_from(
        [b"--border--\r\n", b"--border--", b"--border", b"", b"--border--\r\n--border\r\n"]
    ),
).map(b"".join)
form_types = boundaries.map(
    lambda boundary: b"multipart/form-data; boundary=" + boundary
) | st.sampled_from(
    [
        b"multipart/form-data",
        b"application/x-www-form-urlencoded; charset=ascii",
        b"multipart/form-data; charset=x; boundary=border",
    ]
)


def bodies(
    paths: Sequence[str], contents: st.SearchStrategy[bytes], types: st.SearchStrategy[bytes]
) -> st.SearchStrategy[Sent]:
    def build(
        path: str, data: bytes, kind: bytes, places: list[float], headers: list[tuple[bytes, bytes]]
    ) -> Sent:
        return Sent(path, b"", [(b"content-type", kind), *headers], cut(data, places))

    places = st.lists(st.floats(0, 1), max_size=2)
    return st.builds(build, st.sampled_from(paths), broken(contents), types, places, other_headers)


paths = st.builds(
    lambda start, parts, end: start + "/".join(parts) + end,
    st.sampled_from(["/path/", "/rest/", "/converted/", "/query/", "//", "/"]),
    st.lists(texts.map(lambda text: text.encode(errors="replace").decode()), max_size=3),
    st.sampled_from(["", "/", "//"]),
)
requests = st.one_of(
    st.builds(Sent, st.sampled_from(TEXT_PATHS), query_strings, other_headers),
    st.builds(Sent, paths, query_strings, other_headers),
    bodies(JSON_PATHS, json_texts(json_values), json_types),
    st.one_of(
        *(
            bodies([f"/body/{name}"], json_texts(near(value)), json_types)
            for name, value in VALID.items()
        )
    ),
    bodies(FORM_PATHS, forms, form_types),
    bodies(FORM_PATHS, query_strings, st.just(b"application/x-www-form-urlencoded") | json_types),
)
