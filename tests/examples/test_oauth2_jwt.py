"""Who gets a token from the observatory, and what a token is good for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest

from examples.oauth2_jwt import ALGORITHM, SIGNING_KEY, app, make_token
from microfw.testclient import TestClient

client = TestClient(app)

LATER = datetime.now(UTC) + timedelta(hours=1)
REALM = 'Bearer realm="observatory"'


def log_in(name: str, password: str, scope: str = "plan:read telescope:move") -> httpx2.Response:
    return client.post("/token", data={"username": name, "password": password, "scope": scope})


def token_of(name: str, password: str) -> str:
    return str(log_in(name, password).json()["access_token"])


def williams() -> str:
    return token_of("william", "one planet")


def carolines() -> str:
    return token_of("caroline", "eight comets")


def ask(method: str, path: str, token: str) -> httpx2.Response:
    return client.request(method, path, headers={"authorization": f"Bearer {token}"})


def refused(answer: httpx2.Response) -> tuple[int, Any, str]:
    return answer.status_code, answer.json()["detail"], answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("plan:read telescope:move", "plan:read"),
        ("plan:read", "plan:read"),
        ("telescope:move", ""),
        ("", ""),
        ("plan:read universe:move", "plan:read"),
    ],
)
def test_the_right_password_gives_a_token_for_what_was_asked_and_is_allowed(asked, granted):
    answer = log_in("william", "one planet", asked)

    token = answer.json()
    claims = jwt.decode(token.pop("access_token"), SIGNING_KEY, [ALGORITHM])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert token == {"token_type": "bearer", "expires_in": 900, "scope": granted}
    assert (claims["sub"], claims["scope"]) == ("william", granted)


@pytest.mark.parametrize(
    ("name", "password"),
    [("william", "a planet"), ("william", "eight comets"), ("galileo", "one planet"), ("w", "\0é")],
)
def test_a_wrong_name_or_password_gives_no_token(name, password):
    assert refused(log_in(name, password)) == (401, "Wrong name or password", "Bearer")


def test_a_form_without_a_password_is_invalid():
    answer = client.post("/token", data={"username": "william"})

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {"type": "missing", "loc": ["body", "password"], "msg": "Field required", "input": None}
        ]
    }


def test_a_token_opens_what_it_is_for():
    plan = ask("GET", "/plan", williams())
    moved = ask("POST", "/telescope/M31", carolines())
    me = ask("GET", "/me", make_token("william", ""))

    assert (plan.status_code, plan.json()) == (200, ["M31", "M42"])
    assert (moved.status_code, moved.json()) == (200, "caroline looks at M31")
    assert (me.status_code, me.json()) == (200, "william")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/me"), ("GET", "/plan"), ("POST", "/telescope/M31")]
)
def test_without_a_token_nothing_is_open(method, path):
    assert refused(client.request(method, path)) == (401, "Not authenticated", REALM)


@pytest.mark.parametrize(
    ("method", "path", "allowed", "scope"),
    [
        ("POST", "/telescope/M31", "plan:read", "telescope:move"),
        ("GET", "/plan", "", "plan:read"),
        ("GET", "/plan", "plan:read,telescope:move", "plan:read"),
    ],
)
def test_a_token_without_the_scope_is_not_enough(method, path, allowed, scope):
    assert refused(ask(method, path, make_token("william", allowed))) == (
        403,
        "The token does not allow this",
        f'{REALM}, error="insufficient_scope", scope="{scope}"',
    )


def signed(claims: Mapping[str, object], key: bytes = SIGNING_KEY) -> str:
    return jwt.encode(dict(claims), key, ALGORITHM)


CLAIMS = {"sub": "caroline", "scope": "plan:read", "exp": LATER}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(make_token("caroline", "plan:read", timedelta(seconds=-1)), id="expired"),
        pytest.param(make_token("galileo", "plan:read"), id="of nobody"),
        pytest.param(signed(CLAIMS, b"k" * 32), id="signed by another"),
        pytest.param(jwt.encode(CLAIMS, "", "none"), id="not signed"),
        pytest.param(signed({"sub": "caroline", "scope": "plan:read"}), id="without an end"),
        pytest.param(signed({"sub": "caroline", "exp": LATER}), id="without scopes"),
        pytest.param(signed({"scope": "plan:read", "exp": LATER}), id="without a name"),
        pytest.param("abc", id="no JWT"),
        pytest.param("a.b.c", id="nonsense"),
        pytest.param(f"{make_token('caroline', 'plan:read')}A", id="lengthened"),
        pytest.param("x" * 100_000, id="huge"),
    ],
)
def test_a_token_that_is_not_valid_opens_nothing(token):
    assert refused(ask("GET", "/plan", token)) == (
        401,
        "The token is not valid",
        f'{REALM}, error="invalid_token", scope="plan:read"',
    )


def test_a_token_with_the_claims_of_another_opens_nothing():
    header, claims, _ = carolines().split(".")
    _, _, signature = williams().split(".")

    assert refused(ask("GET", "/me", f"{header}.{claims}.{signature}")) == (
        401,
        "The token is not valid",
        f'{REALM}, error="invalid_token"',
    )
