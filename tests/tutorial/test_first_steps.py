"""First steps: a function becomes an endpoint."""

from microfw import App
from tests.tutorial.twins import Twins

app = App()


@app.get("/")
async def greet():
    return {"greeting": "The library is open"}


@app.get("/hours")
def read_hours():
    return {"monday": [9, 18], "sunday": None}


@app.post("/bell")
async def ring_the_bell():
    return "ding"


def test_what_an_async_function_returns_is_sent_as_json(client: Twins) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == '{"greeting":"The library is open"}'


def test_what_a_function_without_async_returns_is_sent_as_well(client: Twins) -> None:
    assert client.get("/hours").json() == {"monday": [9, 18], "sunday": None}


def test_a_path_that_was_not_declared_is_not_found(client: Twins) -> None:
    answer = client.get("/cellar")

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_another_method_than_the_declared_one_is_not_allowed(client: Twins) -> None:
    answer = client.get("/bell")

    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert answer.headers["allow"] == "POST"


def test_a_slash_too_many_is_redirected_to_the_path_without(client: Twins) -> None:
    answer = client.get("/hours/", follow_redirects=False)

    assert answer.status_code == 307
    assert answer.headers["location"] == "http://testserver/hours"
