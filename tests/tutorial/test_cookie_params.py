"""Cookies: declared, they are read; and as one model."""

from typing import Annotated

from pydantic import BaseModel

from microfw import App, Cookie
from tests.tutorial.twins import Twins, error

app = App()


class Choices(BaseModel):
    model_config = {"extra": "forbid"}

    language: str
    page_size: int = 20


@app.get("/visits")
async def count_visits(visits: Annotated[int | None, Cookie()] = None):
    return {"visits": visits}


@app.get("/reader")
async def read_reader(reader: str = Cookie(alias="library-card")):
    return {"reader": reader}


@app.get("/choices")
async def read_choices(choices: Annotated[Choices, Cookie()]):
    return choices


def test_a_cookie_is_read_and_converted(client: Twins) -> None:
    assert client.get("/visits", headers={"cookie": "visits=3; other=x"}).json() == {"visits": 3}
    assert client.get("/visits").json() == {"visits": None}
    assert client.get("/reader", headers={"cookie": "library-card=A7"}).json() == {"reader": "A7"}


def test_a_parameter_of_the_query_is_no_cookie(client: Twins) -> None:
    assert client.get("/visits?visits=3").json() == {"visits": None}


def test_a_cookie_that_is_missing_or_does_not_fit_is_reported(client: Twins) -> None:
    missing = client.get("/reader")
    wrong = client.get("/visits", headers={"cookie": "visits=often"})

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert (missing.status_code, wrong.status_code) == (422, 422)
    assert missing.json() == {
        "detail": [error("missing", ["cookie", "library-card"], "Field required", None)]
    }
    assert wrong.json() == {
        "detail": [error("int_parsing", ["cookie", "visits"], message, "often")]
    }


def test_a_model_takes_several_cookies_and_may_forbid_others(client: Twins) -> None:
    answer = client.get("/choices", headers={"cookie": "language=nl; page_size=50"})
    refused = client.get("/choices", headers={"cookie": "language=nl; tracker=9"})

    message = "Extra inputs are not permitted"
    assert answer.json() == {"language": "nl", "page_size": 50}
    assert refused.json() == {
        "detail": [error("extra_forbidden", ["cookie", "tracker"], message, "9")]
    }
