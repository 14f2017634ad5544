"""Request body: a model is read from it."""

import pytest
from pydantic import BaseModel

from microfw import App
from tests.tutorial.twins import Twins, error

app = App()


class Cake(BaseModel):
    name: str
    icing: str | None = None
    price: float
    tip: float | None = None


@app.post("/cakes")
async def bake(cake: Cake):
    baked = cake.model_dump()
    if cake.tip is not None:
        baked["total"] = cake.price + cake.tip
    return baked


@app.put("/cakes/{number}")
async def bake_again(number: int, cake: Cake, slices: int | None = None):
    return {"number": number, **cake.model_dump(), "slices": slices}


@app.post("/words")
def count_words(words: list[str]):
    return len(words)


NUT = {"name": "nut", "price": 12.5}


def test_the_body_becomes_an_instance_of_the_model(client: Twins) -> None:
    answer = client.post("/cakes", json={**NUT, "tip": 2})

    assert answer.status_code == 200
    assert answer.json() == {"name": "nut", "icing": None, "price": 12.5, "tip": 2, "total": 14.5}


def test_values_are_converted_where_nothing_is_lost(client: Twins) -> None:
    answer = client.post("/cakes", json={"name": "nut", "price": "12.50"})

    assert answer.json() == {"name": "nut", "icing": None, "price": 12.5, "tip": None}


def test_body_path_and_query_are_told_apart_by_type_and_name(client: Twins) -> None:
    answer = client.put("/cakes/3?slices=8", json=NUT)

    assert answer.json() == {
        "number": 3,
        "name": "nut",
        "icing": None,
        "price": 12.5,
        "tip": None,
        "slices": 8,
    }


def test_a_body_may_be_a_list(client: Twins) -> None:
    assert client.post("/words", json=["flour", "water"]).json() == 2


def test_fields_that_do_not_fit_are_reported_all_at_once(client: Twins) -> None:
    body = {"icing": 1, "price": "dear", "tip": None}

    answer = client.put("/cakes/x?slices=many", json=body)

    integer = "Input should be a valid integer, unable to parse string as an integer"
    number = "Input should be a valid number, unable to parse string as a number"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("int_parsing", ["path", "number"], integer, "x"),
            error("int_parsing", ["query", "slices"], integer, "many"),
            error("missing", ["body", "name"], "Field required", body),
            error("string_type", ["body", "icing"], "Input should be a valid string", 1),
            error("float_parsing", ["body", "price"], number, "dear"),
        ]
    }


@pytest.mark.parametrize("options", [{}, {"content": b""}, {"json": None}])
def test_a_body_that_is_not_sent_is_missing(client: Twins, options: dict[str, object]) -> None:
    answer = client.post("/cakes", **options)

    assert answer.status_code == 422
    assert answer.json() == {"detail": [error("missing", ["body"], "Field required", None)]}


def test_text_that_is_no_json_is_refused_with_the_place_of_the_mistake(client: Twins) -> None:
    answer = client.post(
        "/cakes", content='{"name": nut}', headers={"content-type": "application/json"}
    )

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("json_invalid", ["body", 9], "JSON decode error", {}, error="Expecting value")
        ]
    }


def test_json_of_another_kind_is_refused(client: Twins) -> None:
    answer = client.post("/cakes", json=["nut"])

    message = "Input should be a valid dictionary or object to extract fields from"
    assert answer.status_code == 422
    assert answer.json() == {"detail": [error("model_attributes_type", ["body"], message, ["nut"])]}


def test_a_body_of_another_content_type_is_not_read_as_json(client: Twins) -> None:
    answer = client.post("/cakes", content='{"name": 1}', headers={"content-type": "text/plain"})

    message = "Input should be a valid dictionary or object to extract fields from"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("model_attributes_type", ["body"], message, '{"name": 1}')]
    }


def test_content_types_that_end_in_json_are_read_as_json(client: Twins) -> None:
    answer = client.post(
        "/words", content="[]", headers={"content-type": "application/geo+json; charset=utf-8"}
    )

    assert (answer.status_code, answer.json()) == (200, 0)


def test_without_a_content_type_a_body_is_taken_for_json(client: Twins) -> None:
    assert client.microfw.post("/words", content='["rye"]').json() == 1
