from typing import Annotated

import pytest

from microfw import App, Depends
from microfw.security import OAuth2PasswordRequestForm, OAuth2PasswordRequestFormStrict
from microfw.testclient import TestClient

app = App()


@app.post("/lenient")
def read_form(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, object]:
    return vars(form)


@app.post("/strict")
def read_strict_form(form: OAuth2PasswordRequestFormStrict = Depends()) -> dict[str, object]:
    return vars(form)


MIA = {"username": "mia", "password": "s"}

each_form = pytest.mark.parametrize("path", ["/lenient", "/strict"])


@each_form
def test_the_form_is_read_as_a_client_sends_it(path):
    sent = {
        **MIA,
        "grant_type": "password",
        "scope": " read  write ",
        "client_id": "phone",
        "client_secret": "x",
    }

    assert TestClient(app).post(path, data=sent).json() == {
        "grant_type": "password",
        "username": "mia",
        "password": "s",
        "scopes": ["read", "write"],
        "client_id": "phone",
        "client_secret": "x",
    }


@each_form
def test_most_fields_of_the_form_may_be_missing(path):
    assert TestClient(app).post(path, data={**MIA, "grant_type": "password"}).json() == {
        "grant_type": "password",
        "username": "mia",
        "password": "s",
        "scopes": [],
        "client_id": None,
        "client_secret": None,
    }


@each_form
def test_a_name_and_a_password_are_required(path):
    answer = TestClient(app).post(path, data={"grant_type": "password"})

    assert answer.status_code == 422
    assert answer.json() == {"detail": [missing("username"), missing("password")]}


@each_form
@pytest.mark.parametrize("grant_type", ["client_credentials", "passwords"])
def test_another_grant_type_is_refused(path, grant_type):
    answer = TestClient(app).post(path, data={**MIA, "grant_type": grant_type})

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {
                "type": "string_pattern_mismatch",
                "loc": ["body", "grant_type"],
                "msg": "String should match pattern '^password$'",
                "input": grant_type,
                "ctx": {"pattern": "^password$"},
            }
        ]
    }


def test_the_grant_type_may_be_missing_where_the_form_is_not_strict():
    answer = TestClient(app).post("/lenient", data=MIA)

    assert answer.status_code == 200
    assert answer.json()["grant_type"] is None


def test_the_grant_type_is_required_where_the_form_is_strict():
    answer = TestClient(app).post("/strict", data=MIA)

    assert answer.status_code == 422
    assert answer.json() == {"detail": [missing("grant_type")]}


def missing(field: str) -> dict[str, object]:
    return {"type": "missing", "loc": ["body", field], "msg": "Field required", "input": None}
