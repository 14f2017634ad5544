"""Security: HTTP Basic, a name and a password with each request."""

import secrets
from typing import Annotated

import pytest

from microfw import App, Depends, HTTPException
from microfw.security import HTTPBasic, HTTPBasicCredentials
from tests.tutorial.twins import Twins

app = App()
basic = HTTPBasic()


def get_name(credentials: Annotated[HTTPBasicCredentials, Depends(basic)]):
    right_name = secrets.compare_digest(credentials.username.encode(), b"ada")
    right_password = secrets.compare_digest(credentials.password.encode(), b"swordfish")
    if not (right_name and right_password):
        raise HTTPException(401, "Wrong name or password", {"WWW-Authenticate": "Basic"})
    return credentials.username


@app.get("/me")
def read_name(name: Annotated[str, Depends(get_name)]):
    return {"name": name}


def test_basic_credentials_are_decoded(client: Twins) -> None:
    answer = client.get("/me", auth=("ada", "swordfish"))

    assert (answer.status_code, answer.json()) == (200, {"name": "ada"})


@pytest.mark.parametrize("auth", [("ada", "x"), ("eve", "swordfish"), ("", "")])
def test_wrong_credentials_are_refused(client: Twins, auth: tuple[str, str]) -> None:
    answer = client.get("/me", auth=auth)

    assert (answer.status_code, answer.json()) == (401, {"detail": "Wrong name or password"})
    assert answer.headers["www-authenticate"] == "Basic"


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic !"}, {"authorization": "Bearer x"}]
)
def test_without_credentials_the_browser_is_told_to_ask_for_them(client: Twins, headers) -> None:
    answer = client.microfw.get("/me", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="HTTPBasic", charset="UTF-8"'
