"""Status codes: declared on the decorator, as a number or by name."""

from http import HTTPStatus

import pytest

from microfw import App, status
from tests.tutorial.twins import Twins

app = App()


@app.post("/loaves", status_code=201)
async def bake(name: str):
    return {"name": name}


@app.post("/orders", status_code=status.HTTP_202_ACCEPTED)
async def order(name: str):
    return {"name": name}


@app.post("/notes", status_code=HTTPStatus.NON_AUTHORITATIVE_INFORMATION)
async def note(name: str):
    return {"name": name}


@app.delete("/loaves/{name}", status_code=status.HTTP_204_NO_CONTENT)
async def eat(name: str):
    pass


@pytest.mark.parametrize(("path", "code"), [("/loaves", 201), ("/orders", 202), ("/notes", 203)])
def test_the_declared_status_is_that_of_a_success(client: Twins, path: str, code: int) -> None:
    answer = client.post(f"{path}?name=rye")

    assert (answer.status_code, answer.json()) == (code, {"name": "rye"})


def test_an_error_has_a_status_of_its_own(client: Twins) -> None:
    assert client.post("/loaves").status_code == 422


def test_a_status_without_content_has_none(client: Twins) -> None:
    answer = client.microfw.delete("/loaves/rye")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert "content-length" not in answer.headers
