"""Security: OAuth2 with JWT, and scopes that say what a token allows."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
import pytest
from pydantic import BaseModel, ValidationError

from microfw import App, Depends, HTTPException, Security
from microfw.security import OAuth2PasswordBearer, SecurityScopes
from tests.tutorial.twins import Twins

KEY = "a signing key of at least thirty-two bytes"
ALGORITHM = "HS256"

app = App()
oauth2_with_scopes = OAuth2PasswordBearer(
    tokenUrl="token", scopes={"me": "Read about yourself", "lamp": "Light the lamp"}
)


class TokenData(BaseModel):
    name: str
    scopes: list[str] = []


def make_token(name: str, scopes: list[str], lifetime: timedelta = timedelta(minutes=5)) -> str:
    claims = {"sub": name, "scopes": scopes, "exp": datetime.now(UTC) + lifetime}
    return jwt.encode(claims, KEY, algorithm=ALGORITHM)


async def get_keeper_by_scopes(
    needed: SecurityScopes, token: Annotated[str, Depends(oauth2_with_scopes)]
):
    challenge = f'Bearer scope="{needed.scope_str}"' if needed.scopes else "Bearer"
    try:
        claims = jwt.decode(token, KEY, algorithms=[ALGORITHM])
        data = TokenData(name=claims["sub"], scopes=claims["scopes"])
    except (jwt.InvalidTokenError, KeyError, ValidationError):
        raise HTTPException(401, "The token is not valid", {"WWW-Authenticate": challenge})
    for scope in needed.scopes:
        if scope not in data.scopes:
            raise HTTPException(401, "Not enough permissions", {"WWW-Authenticate": challenge})
    return data.name


async def get_lighting_keeper(name: Annotated[str, Security(get_keeper_by_scopes, scopes=["me"])]):
    return name


@app.get("/me")
async def read_my_name(name: Annotated[str, Security(get_keeper_by_scopes, scopes=["me"])]):
    return name


@app.post("/lamp")
async def light(name: Annotated[str, Security(get_lighting_keeper, scopes=["lamp"])]):
    return f"lit by {name}"


@app.get("/status")
async def read_status(name: Annotated[str, Depends(get_keeper_by_scopes)]):
    return "all is well"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("method", "path", "scopes", "expected"),
    [
        ("GET", "/me", ["me"], "ada"),
        ("POST", "/lamp", ["me", "lamp"], "lit by ada"),
        ("GET", "/status", [], "all is well"),
    ],
)
def test_a_token_opens_what_its_scopes_are_for(
    client: Twins, method: str, path: str, scopes: list[str], expected: str
) -> None:
    answer = client.request(method, path, headers=bearer(make_token("ada", scopes)))

    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(
    ("method", "path", "scopes", "challenge"),
    [
        ("GET", "/me", ["lamp"], 'Bearer scope="me"'),
        ("POST", "/lamp", ["me"], 'Bearer scope="lamp me"'),
        ("POST", "/lamp", ["lamp"], 'Bearer scope="lamp me"'),
    ],
)
def test_scopes_add_up_along_the_dependencies(
    client: Twins, method: str, path: str, scopes: list[str], challenge: str
) -> None:
    answer = client.request(method, path, headers=bearer(make_token("ada", scopes)))

    assert (answer.status_code, answer.json()) == (401, {"detail": "Not enough permissions"})
    assert answer.headers["www-authenticate"] == challenge


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("nonsense", id="nonsense"),
        pytest.param(make_token("ada", ["me"], timedelta(seconds=-1)), id="expired"),
        pytest.param(
            jwt.encode({"sub": "ada", "scopes": "me"}, KEY, algorithm=ALGORITHM), id="no list"
        ),
        pytest.param(jwt.encode({"scopes": []}, KEY, algorithm=ALGORITHM), id="no name"),
    ],
)
def test_a_token_that_is_not_valid_opens_nothing(client: Twins, token: str) -> None:
    answer = client.get("/me", headers=bearer(token))

    assert (answer.status_code, answer.json()) == (401, {"detail": "The token is not valid"})
