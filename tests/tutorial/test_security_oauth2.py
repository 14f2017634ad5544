"""Security: OAuth2 with a password and a token, and the user whom the token stands for."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from microfw import App, Depends, HTTPException, status
from microfw.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from tests.tutorial.twins import Twins, error

app = App()
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
