from typing import Any

import pytest

from microfw.security import APIKeyCookie, APIKeyHeader, APIKeyQuery
from tests.security.requests import ask, refusal

MISSING = refusal("Not authenticated", "APIKey")
MALFORMED = refusal("Invalid authentication credentials", "APIKey")

SCHEMES: dict[str, type[Any]] = {
    "header": APIKeyHeader,
    "query": APIKeyQuery,
    "cookie": APIKeyCookie,
}

everywhere = pytest.mark.parametrize("place", SCHEMES)


async def send(scheme, place, key):
    if key is None:
        return await ask(scheme)
    if place == "query":
        return await ask(scheme, query=b"other=1&X-Key=" + key)
    if place == "cookie":
        return await ask(scheme, headers=[(b"cookie", b"other=1; X-Key=" + key)])
    return await ask(scheme, headers=[(b"other", b"1"), (b"x-key", key)])


@everywhere
async def test_the_key_is_what_was_sent(place):
    assert await send(SCHEMES[place](name="X-Key"), place, b"a-1~B.c") == "a-1~B.c"


@everywhere
@pytest.mark.parametrize("key", [None, b""])
async def test_a_missing_or_empty_key_is_asked_for(place, key):
    assert await send(SCHEMES[place](name="X-Key"), place, key) == MISSING
    assert await send(SCHEMES[place](name="X-Key", auto_error=False), place, key) is None


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("header", b"s\xe4ge"),
        ("header", b"a\x01"),
        ("query", b"s%C3%A4ge"),
        ("query", b"%ff"),
        ("query", b"a%00"),
        ("cookie", b"s\xc3\xa4ge"),
        ("cookie", b'"a\\001"'),
    ],
)
@pytest.mark.parametrize("auto_error", [True, False])
async def test_a_key_that_is_not_printable_ascii_is_refused(place, key, auto_error):
    assert await send(SCHEMES[place](name="X-Key", auto_error=auto_error), place, key) == MALFORMED


@everywhere
async def test_a_large_key_is_a_key(place):
    key = b"k" * 1_000_000

    assert await send(SCHEMES[place](name="X-Key"), place, key) == key.decode()


@everywhere
def test_a_key_describes_itself_for_openapi(place):
    plain = SCHEMES[place](name="X-Key")
    described = SCHEMES[place](name="X-Key", scheme_name="partners", description="One each.")

    assert plain.name == "X-Key"
    assert plain.scheme_name == type(plain).__name__
    assert plain.openapi == {"type": "apiKey", "in": place, "name": "X-Key"}
    assert described.scheme_name == "partners"
    assert described.openapi == {**plain.openapi, "description": "One each."}
