"""CORS: which pages from elsewhere may ask, and read the answers."""

import pytest

from microfw import App
from microfw.middleware.cors import CORSMiddleware
from tests.tutorial.twins import Twins

app = App()
app.add_middleware(
    CORSMiddleware,
    allow_origins=["https://harbour.example", "http://localhost:8080"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)


@app.get("/ships")
async def list_ships():
    return ["Aurora"]


def test_a_browser_may_ask_before_it_sends_from_elsewhere(client: Twins) -> None:
    answer = client.options(
        "/ships",
        headers={
            "origin": "https://harbour.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "x-token",
        },
    )

    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["access-control-allow-origin"] == "https://harbour.example"
    assert answer.headers["access-control-allow-headers"] == "x-token"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:8080", "http://localhost:8080"), ("https://pirate.example", None)],
)
def test_an_answer_names_the_origin_that_may_read_it(
    client: Twins, origin: str, allowed: str | None
) -> None:
    answer = client.get("/ships", headers={"origin": origin})

    assert answer.json() == ["Aurora"]
    assert answer.headers.get("access-control-allow-origin") == allowed
    assert answer.headers["access-control-allow-credentials"] == "true"
