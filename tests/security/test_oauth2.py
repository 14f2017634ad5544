from typing import Annotated

import pytest

from microfw import App, Depends, Security
from microfw.security import (
    OAuth2,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OpenIdConnect,
    SecurityScopes,
)
from microfw.testclient import TestClient
from tests.security.requests import ask, refusal

MISSING = "Not authenticated"
MALFORMED = "Invalid authentication credentials"

URL = "https://login.example/openid"


def token_schemes(**options):
    return [
        OAuth2PasswordBearer(tokenUrl="token", scheme_name="s", **options),
        OAuth2AuthorizationCodeBearer("consent", "token", scheme_name="s", **options),
    ]


def header_schemes(**options):
    return [
        OAuth2(scheme_name="s", **options),
        OpenIdConnect(openIdConnectUrl=URL, scheme_name="s", **options),
    ]


def name_of(scheme: object) -> str:
    return type(scheme).__name__


of_a_token = pytest.mark.parametrize("scheme", token_schemes(), ids=name_of)
of_a_header = pytest.mark.parametrize("scheme", header_schemes(), ids=name_of)


@of_a_token
@pytest.mark.parametrize("authorization", ["Bearer abc", "bearer  abc", " BEARER abc\t"])
async def test_a_token_is_found_without_its_scheme(scheme, authorization):
    assert await ask(scheme, authorization) == "abc"


@of_a_token
@pytest.mark.parametrize("authorization", [(), ("",), ("Bearer",), ("Bearer ",), ("Basic abc",)])
async def test_a_missing_token_is_asked_for(scheme, authorization):
    assert await ask(scheme, *authorization) == refusal(MISSING, 'Bearer realm="s"')


@pytest.mark.parametrize("scheme", token_schemes(auto_error=False), ids=name_of)
@pytest.mark.parametrize("authorization", [(), ("",), ("Bearer",), ("Bearer ",), ("Basic abc",)])
async def test_a_missing_token_is_none_where_it_may_be_missing(scheme, authorization):
    assert await ask(scheme, *authorization) is None


@of_a_header
async def test_a_header_is_found_with_its_scheme(scheme):
    assert await ask(scheme, " Bearer abc ") == "Bearer abc"
    assert await ask(scheme, "Mac 1 2 3") == "Mac 1 2 3"


@of_a_header
@pytest.mark.parametrize("authorization", [(), ("",), (" ",)])
async def test_a_missing_header_is_asked_for(scheme, authorization):
    assert await ask(scheme, *authorization) == refusal(MISSING, 'Bearer realm="s"')


@pytest.mark.parametrize("scheme", header_schemes(auto_error=False), ids=name_of)
@pytest.mark.parametrize("authorization", [(), ("",), (" ",)])
async def test_a_missing_header_is_none_where_it_may_be_missing(scheme, authorization):
    assert await ask(scheme, *authorization) is None


@pytest.mark.parametrize(
    "scheme", [*token_schemes(auto_error=False), *header_schemes()], ids=name_of
)
@pytest.mark.parametrize(
    "authorization", [("Bearer säge",), ("Bearer a\x00",), ("Bearer a", "Bearer a")]
)
async def test_what_is_malformed_is_an_invalid_token(scheme, authorization):
    refused = await ask(scheme, *authorization)

    assert refused == refusal(MALFORMED, 'Bearer realm="s", error="invalid_token"')


@of_a_token
@pytest.mark.parametrize("authorization", ["Bearer a b", "Bearer a, Bearer b"])
async def test_two_tokens_are_none(scheme, authorization):
    refused = await ask(scheme, authorization)

    assert refused == refusal(MALFORMED, 'Bearer realm="s", error="invalid_token"')


@pytest.mark.parametrize(
    ("scheme", "name", "openapi"),
    [
        (OAuth2(), "OAuth2", {"type": "oauth2", "flows": {}}),
        (
            OAuth2(flows={"clientCredentials": {"tokenUrl": "t", "scopes": {}}}, description="d"),
            "OAuth2",
            {
                "type": "oauth2",
                "flows": {"clientCredentials": {"tokenUrl": "t", "scopes": {}}},
                "description": "d",
            },
        ),
        (
            OAuth2PasswordBearer("token"),
            "OAuth2PasswordBearer",
            {"type": "oauth2", "flows": {"password": {"tokenUrl": "token", "scopes": {}}}},
        ),
        (
            OAuth2PasswordBearer("token", "s", {"a": "do a"}, "d", refreshUrl="refresh"),
            "s",
            {
                "type": "oauth2",
                "flows": {
                    "password": {
                        "tokenUrl": "token",
                        "refreshUrl": "refresh",
                        "scopes": {"a": "do a"},
                    }
                },
                "description": "d",
            },
        ),
        (
            OAuth2AuthorizationCodeBearer("consent", "token", scopes={"a": "do a"}),
            "OAuth2AuthorizationCodeBearer",
            {
                "type": "oauth2",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "consent",
                        "tokenUrl": "token",
                        "scopes": {"a": "do a"},
                    }
                },
            },
        ),
        (
            OpenIdConnect(openIdConnectUrl=URL),
            "OpenIdConnect",
            {"type": "openIdConnect", "openIdConnectUrl": URL},
        ),
    ],
)
def test_a_scheme_describes_itself_for_openapi(scheme, name, openapi):
    assert (scheme.scheme_name, scheme.openapi) == (name, openapi)


def test_the_scopes_that_a_route_asks_for_reach_who_checks_the_token():
    app = App()
    oauth2 = OAuth2PasswordBearer("token")

    def check(needed: SecurityScopes, token: Annotated[str, Depends(oauth2)]) -> str:
        return f"{token} for {needed.scope_str}"

    def read(checked: Annotated[str, Security(check, scopes=["read"])]) -> str:
        return checked

    @app.get("/")
    def tell(checked: Annotated[str, Security(read, scopes=["write"])]) -> str:
        return checked

    answer = TestClient(app).get("/", headers={"authorization": "Bearer abc"})

    assert answer.json() == "abc for write read"
