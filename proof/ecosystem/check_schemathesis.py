"""schemathesis: requests by the document, each answer held to it."""

from typing import Annotated

import schemathesis
from fastapi import FastAPI, Header, HTTPException, Path, Query
from hypothesis import HealthCheck, settings
from pydantic import BaseModel, Field

app = FastAPI()
ITEMS: dict[int, "Item"] = {}
LACKING = {404: {"description": "No such item"}}
Number = Annotated[int, Path(ge=0, lt=10)]


class Item(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    price: float = Field(gt=0, lt=1000)
    tags: list[str] = Field(default=[], max_length=3)


@app.get("/items")
def read_items(least: Annotated[int, Query(ge=0)] = 0) -> list[Item]:
    return [item for item in ITEMS.values() if item.price >= least]


@app.put("/items/{number}")
def put_item(number: Number, item: Item) -> Item:
    return ITEMS.setdefault(number, item)


@app.get("/items/{number}", responses=LACKING)
def read_item(number: Number, x_language: Annotated[str | None, Header()] = None) -> Item:
    if number not in ITEMS:
        raise HTTPException(404)
    return ITEMS[number]


@app.delete("/items/{number}", status_code=204, responses=LACKING)
def delete_item(number: Number) -> None:
    if ITEMS.pop(number, None) is None:
        raise HTTPException(404)


schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.parametrize()
@settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=[*HealthCheck])
def test_the_document_is_kept(case: schemathesis.Case) -> None:
    case.call_and_validate()
