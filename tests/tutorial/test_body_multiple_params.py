"""Several bodies in one: each has a key of its own."""

from typing import Annotated

from pydantic import BaseModel

from microfw import App, Body, Path
from tests.tutorial.twins import Twins, error

app = App()


class Parcel(BaseModel):
    weight: float
    note: str | None = None


class Sender(BaseModel):
    name: str
    town: str | None = None


@app.put("/parcels/{number}/perhaps")
async def change_perhaps(
    number: Annotated[int, Path(ge=0, le=1000)],
    words: str | None = None,
    parcel: Parcel | None = None,
):
    return {"number": number, "words": words, "parcel": parcel}


@app.put("/parcels/{number}/sent")
async def change_both(number: int, parcel: Parcel, sender: Sender):
    return {"number": number, "parcel": parcel, "sender": sender}


@app.put("/parcels/{number}/urgent")
async def change_with_urgency(
    number: int,
    parcel: Parcel,
    sender: Sender,
    urgency: Annotated[int, Body(gt=0)],
    words: str | None = None,
):
    return {
        "number": number,
        "parcel": parcel,
        "sender": sender,
        "urgency": urgency,
        "words": words,
    }


@app.put("/parcels/{number}/embedded")
async def change_embedded(number: int, parcel: Annotated[Parcel, Body(embed=True)]):
    return {"number": number, "parcel": parcel}


@app.post("/urgency")
async def set_urgency(urgency: Annotated[int, Body()]):
    return {"urgency": urgency}


PARCEL = {"weight": 1.5, "note": "glass"}
SENDER = {"name": "Mo", "town": None}


def test_a_body_may_be_left_out_where_it_has_a_default(client: Twins) -> None:
    assert client.put("/parcels/3/perhaps?words=a").json() == {
        "number": 3,
        "words": "a",
        "parcel": None,
    }
    assert client.put("/parcels/3/perhaps", json=PARCEL).json() == {
        "number": 3,
        "words": None,
        "parcel": PARCEL,
    }


def test_two_models_are_read_from_one_object_by_their_names(client: Twins) -> None:
    answer = client.put("/parcels/3/sent", json={"parcel": PARCEL, "sender": {"name": "Mo"}})

    assert answer.json() == {"number": 3, "parcel": PARCEL, "sender": SENDER}


def test_the_errors_of_two_models_are_reported_together(client: Twins) -> None:
    answer = client.put("/parcels/3/sent", json={"parcel": {"weight": "heavy"}})

    message = "Input should be a valid number, unable to parse string as a number"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("float_parsing", ["body", "parcel", "weight"], message, "heavy"),
            error("missing", ["body", "sender"], "Field required", None),
        ]
    }


def test_nothing_at_all_lacks_both_models(client: Twins) -> None:
    assert client.put("/parcels/3/sent").json() == {
        "detail": [
            error("missing", ["body", "parcel"], "Field required", None),
            error("missing", ["body", "sender"], "Field required", None),
        ]
    }


def test_a_single_value_may_be_a_part_of_the_body(client: Twins) -> None:
    body = {"parcel": PARCEL, "sender": SENDER, "urgency": 2}

    refused = client.put("/parcels/3/urgent", json={**body, "urgency": 0})

    assert client.put("/parcels/3/urgent?words=a", json=body).json() == {
        "number": 3,
        "parcel": PARCEL,
        "sender": SENDER,
        "urgency": 2,
        "words": "a",
    }
    message = "Input should be greater than 0"
    assert refused.json() == {
        "detail": [error("greater_than", ["body", "urgency"], message, 0, gt=0)]
    }


def test_a_single_model_has_a_key_where_that_is_asked_for(client: Twins) -> None:
    bare = client.put("/parcels/3/embedded", json=PARCEL)

    assert client.put("/parcels/3/embedded", json={"parcel": PARCEL}).json() == {
        "number": 3,
        "parcel": PARCEL,
    }
    assert bare.status_code == 422
    assert bare.json() == {"detail": [error("missing", ["body", "parcel"], "Field required", None)]}


def test_a_single_value_may_be_the_whole_body(client: Twins) -> None:
    assert client.post("/urgency", json=3).json() == {"urgency": 3}
    assert client.post("/urgency", json={"urgency": 3}).status_code == 422
