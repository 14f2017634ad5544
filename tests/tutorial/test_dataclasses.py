"""Dataclasses: in place of models, for bodies and results."""

import dataclasses
from dataclasses import field

import pydantic.dataclasses

from microfw import App
from tests.tutorial.twins import Twins, error

app = App()


@dataclasses.dataclass
class Cake:
    name: str
    price: float
    icing: str | None = None
    tip: float | None = None


@dataclasses.dataclass
class Tray:
    name: str
    price: float
    tags: list[str] = field(default_factory=list)


@pydantic.dataclasses.dataclass
class Baker:
    name: str
    cakes: list[Cake] = field(default_factory=list)


@app.post("/cakes")
async def bake(cake: Cake):
    return cake


@app.get("/cakes/next", response_model=Tray)
async def read_next_cake():
    return {"name": "nut", "price": "12.5", "secret": "rum"}


@app.post("/bakers/{name}/cakes", response_model=Baker)
async def add_cakes(name: str, cakes: list[Cake]):
    return {"name": name, "cakes": cakes}


@app.get("/bakers", response_model=list[Baker])
def list_bakers():
    return [{"name": "Mo", "cakes": [{"name": "nut", "price": 12}]}, {"name": "Ada"}]


NUT = {"name": "nut", "price": 12.0, "icing": None, "tip": None}


def test_a_dataclass_is_read_from_the_body(client: Twins) -> None:
    answer = client.post("/cakes", json={"name": "nut", "price": "12"})

    assert (answer.status_code, answer.json()) == (200, NUT)


def test_what_does_not_fit_is_reported(client: Twins) -> None:
    answer = client.post("/cakes", json={"name": "nut", "price": "dear"})

    message = "Input should be a valid number, unable to parse string as a number"
    assert answer.status_code == 422
    assert answer.json() == {"detail": [error("float_parsing", ["body", "price"], message, "dear")]}


def test_a_result_is_filtered_by_a_dataclass(client: Twins) -> None:
    assert client.get("/cakes/next").json() == {"name": "nut", "price": 12.5, "tags": []}


def test_dataclasses_hold_each_other(client: Twins) -> None:
    answer = client.post("/bakers/Mo/cakes", json=[{"name": "nut", "price": 12}])

    assert answer.json() == {"name": "Mo", "cakes": [NUT]}
    assert client.get("/bakers").json() == [
        {"name": "Mo", "cakes": [NUT]},
        {"name": "Ada", "cakes": []},
    ]
