"""Names and values joined by `&`: parsed as Starlette parses them."""

import asyncio
from collections.abc import AsyncGenerator

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers, QueryParams
from starlette.formparsers import FormParser

from microfw._reading.query import QueryValues, parse_pairs

PARTS = st.sampled_from([b"a", b"b", b"=", b"&", b"+", b"%", b"%3D", b"%C3%A9", b"%zz", b"\xe9"])
DATA = st.one_of(st.binary(), st.lists(PARTS).map(b"".join))


@given(DATA)
def test_a_query_string_has_the_values_that_starlette_finds(data):
    found, expected = QueryValues(data), QueryParams(data)

    assert found == dict(expected)
    assert found.multi_items() == expected.multi_items()
    assert all(found.getlist(key) == expected.getlist(key) for key in ["", "a", *expected])


@given(DATA.filter(lambda data: b";" not in data))  # which old versions of the parser split at
def test_a_form_has_the_values_that_starlette_finds(data):
    async def stream() -> AsyncGenerator[bytes]:
        yield data

    expected = asyncio.run(FormParser(Headers(), stream()).parse())

    assert parse_pairs(data) == expected.multi_items()
