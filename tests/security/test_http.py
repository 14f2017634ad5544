import re
from base64 import b64encode

import pytest
from starlette.requests import HTTPConnection

from microfw import App, Depends, HTTPException
from microfw.exceptions import DeclarationError
from microfw.security import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    HTTPDigest,
)
from microfw.security.http import HTTPBase
from microfw.security.utils import get_authorization_scheme_param
from microfw.testclient import TestClient
from tests.security.requests import Refusal, ask, refusal

BASIC = 'Basic realm="HTTPBasic", charset="UTF-8"'
BEARER = 'Bearer realm="HTTPBearer"'
INVALID_TOKEN = f'{BEARER}, error="invalid_token"'
MISSING = "Not authenticated"
MALFORMED = "Invalid authentication credentials"


def basic(text: str | bytes) -> str:
    return "Basic " + b64encode(text if isinstance(text, bytes) else text.encode()).decode()


# ---------------------------------------------------------------------- Basic


@pytest.mark.parametrize(
    ("text", "username", "password"),
    [
        ("Aladdin:open sesame", "Aladdin", "open sesame"),
        ("test:123£", "test", "123£"),
        ("søren:日本語", "søren", "日本語"),
        ("mia:a:b::", "mia", "a:b::"),
        (":", "", ""),
        ("mia:", "mia", ""),
    ],
)
async def test_basic_finds_a_name_and_a_password_in_utf_8(text, username, password):
    found = await ask(HTTPBasic(), basic(text))

    assert found == HTTPBasicCredentials(username, password)


@pytest.mark.parametrize(
    "authorization",
    [
        "basic bWlhOnM=",
        "BASIC bWlhOnM=",
        "Basic    bWlhOnM=",
        "  Basic bWlhOnM=  ",
        "\tBasic \tbWlhOnM=\t",
    ],
)
async def test_the_scheme_has_no_case_and_space_around_does_not_count(authorization):
    assert await ask(HTTPBasic(), authorization) == HTTPBasicCredentials("mia", "s")


@pytest.mark.parametrize(
    "authorization", ["", " ", "Bearer abc", "bWlhOnM=", "Basic\tbWlhOnM=", "BasicbWlhOnM="]
)
async def test_basic_asks_for_credentials_where_there_are_none_of_its_own(authorization):
    assert await ask(HTTPBasic(), authorization) == refusal(MISSING, BASIC)
    assert await ask(HTTPBasic(auto_error=False), authorization) is None


async def test_basic_asks_for_credentials_where_the_header_is_missing():
    assert await ask(HTTPBasic()) == refusal(MISSING, BASIC)
    assert await ask(HTTPBasic(auto_error=False)) is None


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic ",
        "Basic !",
        "Basic bWlhOnM",
        "Basic bWlhOnM==",
        "Basic bWlh\x00OnM=",
        "Basic bWlh OnM=",
        "Basic bWlhOnM=, Basic bWlhOnM=",
        "Basic bWlhOnM=bWlhOnM=",
        "Basic bWlhOnM-",
        "Basic säge",
        b"Basic \xff\xfe",
        basic("no colon"),
        basic(b"mia:\xff"),
        basic("mia:\n"),
        basic("mi\x00a:s"),
        basic("mia:\x7f"),
        basic("x" * 1_000_000),
        "Basic " + "x" * 1_000_001,
    ],
    ids=lambda authorization: f"{authorization[:30]!r}",
)
@pytest.mark.parametrize("auto_error", [True, False])
async def test_basic_refuses_what_is_malformed(authorization, auto_error):
    assert await ask(HTTPBasic(auto_error=auto_error), authorization) == refusal(MALFORMED, BASIC)


async def test_a_long_password_is_a_password():
    found = await ask(HTTPBasic(), basic("mia:" + "s" * 1_000_000))

    assert found == HTTPBasicCredentials("mia", "s" * 1_000_000)


@pytest.mark.parametrize(
    ("scheme", "challenge"),
    [
        (HTTPBasic(realm="the archive"), 'Basic realm="the archive", charset="UTF-8"'),
        (HTTPBasic(realm=r'"a" \ b'), r'Basic realm="\"a\" \\ b", charset="UTF-8"'),
        (HTTPBasic(scheme_name="staff"), 'Basic realm="staff", charset="UTF-8"'),
        (HTTPBasic(scheme_name="s", realm="r"), 'Basic realm="r", charset="UTF-8"'),
        (HTTPBase(scheme="hoba", realm="r"), 'Hoba realm="r"'),
        (HTTPBearer(scheme_name="machines"), 'Bearer realm="machines"'),
    ],
)
async def test_the_challenge_has_a_realm(scheme, challenge):
    assert await ask(scheme) == refusal(MISSING, challenge)


@pytest.mark.parametrize("realm", ["säge", "a\r\nSet-Cookie: b=c", "\x7f"])
def test_a_realm_that_no_header_can_hold_is_a_mistake(realm):
    with pytest.raises(DeclarationError) as raised:
        HTTPBasic(realm=realm)

    assert str(raised.value) == (
        f"the realm {realm!r} is not made of printable ASCII, as a header must be\n"
        f"  in:   HTTPBasic(realm={realm!r})\n"
        "  cure: give another realm=; without one, scheme_name= is the realm"
    )


# ---------------------------------------------------------------------- Bearer


@pytest.mark.parametrize(
    ("authorization", "scheme", "token"),
    [
        ("Bearer mF_9.B5f-4.1JqM", "Bearer", "mF_9.B5f-4.1JqM"),
        ("bearer abc==", "bearer", "abc=="),
        ("BEARER   abc \t", "BEARER", "abc"),
        ("Bearer 7|colon:and/more~", "Bearer", "7|colon:and/more~"),
        ("Bearer " + "x" * 1_000_000, "Bearer", "x" * 1_000_000),
    ],
)
async def test_bearer_finds_a_token(authorization, scheme, token):
    found = await ask(HTTPBearer(), authorization)

    assert found == HTTPAuthorizationCredentials(scheme, token)


@pytest.mark.parametrize("authorization", [(), ("",), ("Bearer",), ("Bearer  ",), ("Basic abc",)])
async def test_bearer_asks_for_a_token_where_there_is_none(authorization):
    assert await ask(HTTPBearer(), *authorization) == refusal(MISSING, BEARER)
    assert await ask(HTTPBearer(auto_error=False), *authorization) is None


@pytest.mark.parametrize(
    "authorization",
    [
        ("Bearer two words",),
        ("Bearer abc, Bearer def",),
        ("Bearer säge",),
        ("Bearer a\tb",),
        ("Bearer a\x00b",),
        ("Bearer abc", "Bearer abc"),
        ("Bearer abc", "Basic bWlhOnM="),
        ("", ""),
    ],
)
@pytest.mark.parametrize("auto_error", [True, False])
async def test_bearer_refuses_what_is_malformed(authorization, auto_error):
    refused = await ask(HTTPBearer(auto_error=auto_error), *authorization)

    assert refused == refusal(MALFORMED, INVALID_TOKEN)


# ---------------------------------------------------------------------- Digest, and any other

DIGEST = re.compile(
    r'Digest realm="HTTPDigest", qop="auth", algorithm=SHA-256, nonce="([\w-]{43})"'
)


async def test_digest_finds_the_parameters_as_one_text():
    parameters = 'username="Mufasa", realm="a", uri="/", nonce="n", response="753927fa0e"'

    found = await ask(HTTPDigest(), f"Digest {parameters}")

    assert found == HTTPAuthorizationCredentials("Digest", parameters)


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        ("", MISSING),
        ("Digest", MISSING),
        ("Bearer abc", MISSING),
        ('Digest username="ä"', MALFORMED),
    ],
)
async def test_digest_asks_with_a_new_nonce_each_time(authorization, detail):
    scheme = HTTPDigest()

    refusals: list[Refusal] = [await ask(scheme, authorization) for _ in range(2)]

    nonces = [DIGEST.fullmatch(str(each.challenge)) for each in refusals]
    assert [(each.status_code, each.detail) for each in refusals] == [(401, detail)] * 2
    assert len({match[1] for match in nonces if match}) == 2


async def test_a_scheme_can_be_any():
    scheme = HTTPBase(scheme="HOBA", auto_error=False)

    assert await ask(scheme, "hoba a b") == HTTPAuthorizationCredentials("hoba", "a b")
    assert await ask(scheme, "Bearer a") is None


# ---------------------------------------------------------------------- what is around


def test_credentials_keep_their_secret_where_they_are_printed():
    assert repr(HTTPBasicCredentials("mia", "secret")) == "HTTPBasicCredentials(username='mia')"
    assert (
        repr(HTTPAuthorizationCredentials(scheme="Bearer", credentials="secret"))
        == "HTTPAuthorizationCredentials(scheme='Bearer')"
    )


@pytest.mark.parametrize(
    ("scheme", "name", "openapi"),
    [
        (HTTPBasic(), "HTTPBasic", {"type": "http", "scheme": "basic"}),
        (
            HTTPBearer(bearerFormat="JWT", scheme_name="token", description="Ask Mia for one."),
            "token",
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "Ask Mia for one.",
            },
        ),
        (HTTPBearer(), "HTTPBearer", {"type": "http", "scheme": "bearer"}),
        (HTTPDigest(), "HTTPDigest", {"type": "http", "scheme": "digest"}),
        (HTTPBase(scheme="HOBA"), "HTTPBase", {"type": "http", "scheme": "hoba"}),
    ],
)
def test_a_scheme_describes_itself_for_openapi(scheme, name, openapi):
    assert (scheme.scheme_name, scheme.openapi) == (name, openapi)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (None, ("", "")),
        ("", ("", "")),
        ("Bearer", ("Bearer", "")),
        ("Bearer abc", ("Bearer", "abc")),
        (" bearer  a b\t", ("bearer", "a b")),
    ],
)
def test_a_header_is_split_into_scheme_and_parameter(value, parts):
    assert get_authorization_scheme_param(value) == parts


async def test_what_is_raised_for_missing_credentials_can_be_another_error():
    class Forbidding(HTTPBearer):
        def make_not_authenticated_error(self) -> HTTPException:
            return HTTPException(403, "go away")

    assert await ask(Forbidding()) == Refusal(403, "go away", None)


def test_a_scheme_with_other_credentials_can_be_tried_where_the_first_finds_none():
    app = App()
    basic_scheme, bearer_scheme = HTTPBasic(auto_error=False), HTTPBearer(auto_error=False)

    @app.get("/")
    async def tell(
        user: HTTPBasicCredentials | None = Depends(basic_scheme),
        token: HTTPAuthorizationCredentials | None = Depends(bearer_scheme),
    ) -> list[str | None]:
        return [user.username if user else None, token.credentials if token else None]

    client = TestClient(app)
    answers = [
        client.get("/", headers={"authorization": value} if value else {}).json()
        for value in (None, basic("mia:s"), "Bearer abc", "Bearer a b")
    ]

    assert answers == [[None, None], ["mia", None], [None, "abc"], {"detail": MALFORMED}]


def test_a_subclass_can_add_to_what_a_scheme_does():
    class Tenant(HTTPBearer):
        async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
            found = await super().__call__(request)
            if found is not None and not found.credentials.startswith("tenant-"):
                raise HTTPException(403, "of another tenant")
            return found

    app = App()
    scheme = Tenant()

    @app.get("/")
    def tell(token: HTTPAuthorizationCredentials = Depends(scheme)) -> str:
        return token.credentials

    client = TestClient(app)
    answers = [
        client.get("/", headers={"authorization": f"Bearer {token}"}).json()
        for token in ("tenant-1", "1")
    ]

    assert answers == ["tenant-1", {"detail": "of another tenant"}]
