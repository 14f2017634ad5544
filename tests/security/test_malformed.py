"""Whatever a client sends as credentials, it gets an answer that it can read, and never a 500."""

import secrets
from base64 import b64encode
from typing import Annotated

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microfw import App, Depends
from microfw.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    HTTPDigest,
    OAuth2,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OpenIdConnect,
)
from tests.security.requests import get

app = App()

WHOLE_HEADERS = {
    "oauth2": OAuth2(),
    "openid": OpenIdConnect(openIdConnectUrl="https://login.example"),
    "code": OAuth2AuthorizationCodeBearer("consent", "token"),
    "password": OAuth2PasswordBearer("token"),
    "query": APIKeyQuery(name="key"),
    "header": APIKeyHeader(name="authorization"),
    "cookie": APIKeyCookie(name="key"),
}
OBJECTS = {"bearer": HTTPBearer(), "digest": HTTPDigest()}
PATHS = ["basic", *OBJECTS, *WHOLE_HEADERS]
EXAMPLES = 25 if settings().derandomize else 1_000


@app.get("/basic")
async def read_name(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    secrets.compare_digest(credentials.password.encode(), b"secret")
    return credentials.username


for _path, _scheme in OBJECTS.items():

    @app.get(f"/{_path}")
    async def compare(
        found: Annotated[HTTPAuthorizationCredentials, Depends(_scheme)],
    ) -> str:
        secrets.compare_digest(found.credentials, "secret")  # fails with other text than ASCII
        return found.scheme


for _path, _text_scheme in WHOLE_HEADERS.items():

    @app.get(f"/{_path}")
    async def compare_text(found: Annotated[str, Depends(_text_scheme)]) -> str:
        secrets.compare_digest(found, "secret")
        return found


header_bytes = st.binary(max_size=40) | st.text(max_size=40).map(
    lambda text: text.encode(errors="replace")
)
scheme_names = st.sampled_from([b"Basic", b"basic", b"BEARER", b"Bearer", b"Digest", b"dIGEST"])
spaces = st.sampled_from([b" ", b"", b"  ", b"\t", b"\xa0", b" \t "])
parameters = header_bytes | header_bytes.map(b64encode)
authorizations = header_bytes | st.tuples(spaces, scheme_names, spaces, parameters, spaces).map(
    b"".join
)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=EXAMPLES)
@given(values=st.lists(authorizations, max_size=2))
@example(values=[b"Basic " + b64encode(b"mia:\x80")])
@example(values=[b"Basic \xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1"])
@example(values=[b"Bearer s\xc3\xa4ge"])
@example(values=[b"Digest " + b"x" * 200_000])
@example(values=[b"Basic " + b"=" * 200_000])
def test_an_authorization_is_accepted_or_refused(path, values):
    check(path, [(b"authorization", value) for value in values])


@given(key=header_bytes)
@example(key=b'"\\377\\000')
def test_a_key_in_a_cookie_is_accepted_or_refused(key):
    check("cookie", [(b"cookie", b"key=" + key)])


@given(key=header_bytes)
@example(key=b"%ed%a0%80")
def test_a_key_in_a_query_string_is_accepted_or_refused(key):
    check("query", query=b"key=" + key)


def check(path, headers=(), query=b""):
    answer = get(app, f"/{path}", headers, query)

    if answer.status == 200:
        assert isinstance(answer.json, str)
    else:
        assert answer.status == 401
        assert answer.json["detail"] in {"Not authenticated", "Invalid authentication credentials"}
        assert answer.headers["www-authenticate"]


def test_the_property_sees_both_answers():
    accepted = get(app, "/basic", [(b"authorization", b"Basic " + b64encode("søren:s".encode()))])
    refused = get(app, "/basic", [(b"authorization", b"Basic ???")])

    assert (accepted.status, accepted.json) == (200, "søren")
    assert (refused.status, refused.json) == (401, {"detail": "Invalid authentication credentials"})
