"""Configuration of path operations: what the decorators take besides the path."""

from enum import Enum

import pytest
from pydantic import BaseModel, HttpUrl

from microfw import APIRouter, App, status
from tests.tutorial.twins import Twins

app = App()


class Tags(Enum):
    ships = "ships"
    crews = "crews"


class Ship(BaseModel):
    name: str
    tags: set[str] = set()


@app.post(
    "/ships",
    response_model=Ship,
    status_code=status.HTTP_201_CREATED,
    tags=[Tags.ships],
    summary="Register a ship",
    description="All that is known of it",
    response_description="The ship as it is registered",
)
async def register(ship: Ship):
    """
    Register a ship:

    - **name**: painted on the hull
    """
    return ship


heard = APIRouter()


@heard.post("{$callback_url}/arrivals/{$request.body.name}")
def hear_of_arrival(arrival: Ship):
    """What the harbour sends to the address that it was given."""


@app.post("/arrivals", callbacks=heard.routes)
async def announce(ship: Ship, callback_url: HttpUrl | None = None):
    return {"tell": callback_url}


@app.get("/crews", tags=["crews", Tags.ships], deprecated=True, operation_id="crews_of_ships")
async def list_crews():
    return [{"captain": "Ada"}]


@app.get("/hidden", include_in_schema=False, name="the hidden one", openapi_extra={"x-level": 1})
async def read_hidden():
    return app.url_path_for("the hidden one")


def test_what_is_told_to_readers_changes_nothing_of_the_answer(client: Twins) -> None:
    answer = client.post("/ships", json={"name": "Aurora", "tags": ["fast"], "owner": "Mo"})

    assert (answer.status_code, answer.json()) == (201, {"name": "Aurora", "tags": ["fast"]})


@pytest.mark.parametrize(
    ("path", "expected"), [("/crews", [{"captain": "Ada"}]), ("/hidden", "/hidden")]
)
def test_deprecated_and_hidden_operations_answer_like_others(
    client: Twins, path: str, expected: object
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (200, expected)


def test_callbacks_are_told_to_readers_and_are_no_paths_of_the_application(client: Twins) -> None:
    url = "https://shipyard.example/"

    answer = client.post(f"/arrivals?callback_url={url}", json={"name": "Aurora"})

    assert answer.json() == {"tell": url}
    assert client.post("/arrivals/Aurora", json={"name": "Aurora"}).status_code == 404
    assert client.post("/", json={"name": "Aurora"}).status_code == 404
