"""Security: OAuth2 with passwords, JWT, scopes; and HTTP Basic."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
import pytest
from pydantic import BaseModel, ValidationError

from microfw import App, Depends, HTTPException, Security, status
from microfw.security import (
    HTTPBasic,
    HTTPBasicCredentials,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    SecurityScopes,
)
from tests.tutorial.conftest import Clients
from tests.tutorial.twins import Twins, error

app = App()
jwt_app = App()
basic_app = App()

KEY = "a signing key of at least thirty-two bytes"
ALGORITHM = "HS256"

# ------------------------------------------------------------ a token that is the name itself

oauth2 = OAuth2PasswordBearer(tokenUrl="token")


class Keeper(BaseModel):
    name: str
    email: str | None = None
    retired: bool = False


class KeptKeeper(Keeper):
    scrambled: str


KEEPERS: dict[str, dict[str, Any]] = {
    "ada": {"name": "ada", "email": "ada@light.example", "scrambled": "hsifdrows"},
    "mo": {"name": "mo", "scrambled": "rohcna", "retired": True},
}


def scramble(password: str) -> str:
    return password[::-1]


async def get_keeper(token: Annotated[str, Depends(oauth2)]):
    if token not in KEEPERS:
        raise HTTPException(
            status_code=status.HTTP_401_UNAUTHORIZED,
            detail="The token is not valid",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return KeptKeeper(**KEEPERS[token])


async def get_active_keeper(keeper: Annotated[KeptKeeper, Depends(get_keeper)]):
    if keeper.retired:
        raise HTTPException(status_code=400, detail="Retired")
    return keeper


@app.get("/lamps")
async def list_lamps(token: Annotated[str, Depends(oauth2)]):
    return {"token": token}


@app.post("/token")
async def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()]):
    kept = KEEPERS.get(form.username)
    if kept is None or kept["scrambled"] != scramble(form.password):
        raise HTTPException(status_code=400, detail="Wrong name or password")
    return {"access_token": form.username, "token_type": "bearer", "scopes": form.scopes}


@app.get("/me", response_model=Keeper)
async def read_me(keeper: Annotated[KeptKeeper, Depends(get_active_keeper)]):
    return keeper


# ------------------------------------------------------------ JWT with scopes

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


@jwt_app.get("/me")
async def read_my_name(name: Annotated[str, Security(get_keeper_by_scopes, scopes=["me"])]):
    return name


@jwt_app.post("/lamp")
async def light(name: Annotated[str, Security(get_lighting_keeper, scopes=["lamp"])]):
    return f"lit by {name}"


@jwt_app.get("/status")
async def read_status(name: Annotated[str, Depends(get_keeper_by_scopes)]):
    return "all is well"


# ------------------------------------------------------------ HTTP Basic

basic = HTTPBasic()


def get_name(credentials: Annotated[HTTPBasicCredentials, Depends(basic)]):
    right_name = secrets.compare_digest(credentials.username.encode(), b"ada")
    right_password = secrets.compare_digest(credentials.password.encode(), b"swordfish")
    if not (right_name and right_password):
        raise HTTPException(401, "Wrong name or password", {"WWW-Authenticate": "Basic"})
    return credentials.username


@basic_app.get("/me")
def read_name(name: Annotated[str, Depends(get_name)]):
    return {"name": name}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_the_token_is_what_stands_in_the_header(client: Twins) -> None:
    assert client.get("/lamps", headers=bearer("any")).json() == {"token": "any"}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic YTpi"}, {"authorization": "x"}])
def test_without_a_token_the_answer_is_401_with_a_challenge(client: Twins, headers) -> None:
    ours = client.microfw.get("/lamps", headers=headers)
    theirs = client.fastapi.get("/lamps", headers=headers)

    assert (ours.status_code, ours.json()) == (401, {"detail": "Not authenticated"})
    assert (theirs.status_code, theirs.json()) == (401, {"detail": "Not authenticated"})
    assert ours.headers["www-authenticate"] == 'Bearer realm="OAuth2PasswordBearer"'
    assert theirs.headers["www-authenticate"] == "Bearer"


def test_a_password_gives_a_token_and_a_token_a_user(client: Twins) -> None:
    form = {"username": "ada", "password": "swordfish", "scope": "a b", "grant_type": "password"}

    token = client.post("/token", data=form).json()

    assert token == {"access_token": "ada", "token_type": "bearer", "scopes": ["a", "b"]}
    assert client.get("/me", headers=bearer(token["access_token"])).json() == {
        "name": "ada",
        "email": "ada@light.example",
        "retired": False,
    }


@pytest.mark.parametrize(
    ("path", "headers", "code", "detail"),
    [
        ("/me", bearer("mo"), 400, "Retired"),
        ("/me", bearer("eve"), 401, "The token is not valid"),
    ],
)
def test_a_user_may_be_refused(client: Twins, path: str, headers, code: int, detail: str) -> None:
    answer = client.get(path, headers=headers)

    assert (answer.status_code, answer.json()) == (code, {"detail": detail})


@pytest.mark.parametrize("name", ["ada", "eve"])
def test_a_wrong_password_gives_no_token(client: Twins, name: str) -> None:
    answer = client.post("/token", data={"username": name, "password": "x"})

    assert (answer.status_code, answer.json()) == (400, {"detail": "Wrong name or password"})


def test_the_form_of_a_login_has_required_fields(client: Twins) -> None:
    answer = client.post("/token", data={"username": "ada", "grant_type": "code"})

    message = "String should match pattern '^password$'"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error(
                "string_pattern_mismatch",
                ["body", "grant_type"],
                message,
                "code",
                pattern="^password$",
            ),
            error("missing", ["body", "password"], "Field required", None),
        ]
    }


@pytest.mark.parametrize(
    ("method", "path", "scopes", "expected"),
    [
        ("GET", "/me", ["me"], "ada"),
        ("POST", "/lamp", ["me", "lamp"], "lit by ada"),
        ("GET", "/status", [], "all is well"),
    ],
)
def test_a_token_opens_what_its_scopes_are_for(
    clients: Clients, method: str, path: str, scopes: list[str], expected: str
) -> None:
    answer = clients("jwt_app").request(method, path, headers=bearer(make_token("ada", scopes)))

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
    clients: Clients, method: str, path: str, scopes: list[str], challenge: str
) -> None:
    answer = clients("jwt_app").request(method, path, headers=bearer(make_token("ada", scopes)))

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
def test_a_token_that_is_not_valid_opens_nothing(clients: Clients, token: str) -> None:
    answer = clients("jwt_app").get("/me", headers=bearer(token))

    assert (answer.status_code, answer.json()) == (401, {"detail": "The token is not valid"})


def test_basic_credentials_are_decoded(clients: Clients) -> None:
    answer = clients("basic_app").get("/me", auth=("ada", "swordfish"))

    assert (answer.status_code, answer.json()) == (200, {"name": "ada"})


@pytest.mark.parametrize("auth", [("ada", "x"), ("eve", "swordfish"), ("", "")])
def test_wrong_credentials_are_refused(clients: Clients, auth: tuple[str, str]) -> None:
    answer = clients("basic_app").get("/me", auth=auth)

    assert (answer.status_code, answer.json()) == (401, {"detail": "Wrong name or password"})
    assert answer.headers["www-authenticate"] == "Basic"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic !"}, bearer("x")])
def test_without_credentials_the_browser_is_told_to_ask_for_them(clients: Clients, headers) -> None:
    answer = clients("basic_app").microfw.get("/me", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="HTTPBasic", charset="UTF-8"'
