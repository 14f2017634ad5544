"""Query parameters: what is not in the path comes from the query string."""

import pytest

from microfw import App
from tests.tutorial.twins import Twins, error

app = App()

LOAVES = [{"bread": name} for name in ("rye", "wheat", "spelt", "oat")]


@app.get("/loaves")
async def list_loaves(skip: int = 0, limit: int = 10):
    return LOAVES[skip : skip + limit]


@app.get("/ovens/{oven}")
async def read_oven(oven: str, note: str | None = None, short: bool = False):
    answer = {"oven": oven}
    if note:
        answer["note"] = note
    if not short:
        answer["history"] = "built in 1903, of brick"
    return answer


@app.get("/bakers/{baker}/ovens/{oven}")
async def read_oven_of_a_baker(
    oven: int, baker: str, heat: float, skip: int = 0, limit: int | None = None
):
    return {"baker": baker, "oven": oven, "heat": heat, "skip": skip, "limit": limit}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["rye", "wheat", "spelt", "oat"]),
        ("?skip=1&limit=2", ["wheat", "spelt"]),
        ("?limit=1", ["rye"]),
        ("?skip=3&unknown=1", ["oat"]),
        ("?skip=0&skip=2", ["spelt", "oat"]),
    ],
)
def test_parameters_that_are_left_out_have_their_defaults(
    client: Twins, query: str, expected: list[str]
) -> None:
    answer = client.get(f"/loaves{query}")

    assert (answer.status_code, answer.json()) == (200, [{"bread": name} for name in expected])


@pytest.mark.parametrize("text", ["1", "true", "True", "on", "YES"])
def test_a_boolean_is_true_in_many_words(client: Twins, text: str) -> None:
    assert client.get(f"/ovens/north?short={text}").json() == {"oven": "north"}


@pytest.mark.parametrize("text", ["0", "false", "False", "off", "No"])
def test_a_boolean_is_false_in_many_words(client: Twins, text: str) -> None:
    answer = client.get(f"/ovens/north?short={text}&note=hot")

    assert answer.json() == {
        "oven": "north",
        "note": "hot",
        "history": "built in 1903, of brick",
    }


def test_parameters_of_path_and_query_are_told_apart_by_name(client: Twins) -> None:
    answer = client.get("/bakers/Mo/ovens/3?heat=220.5&limit=7")

    assert answer.json() == {"baker": "Mo", "oven": 3, "heat": 220.5, "skip": 0, "limit": 7}


def test_a_parameter_without_a_default_is_required(client: Twins) -> None:
    answer = client.get("/bakers/Mo/ovens/3")

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("missing", ["query", "heat"], "Field required", None)]
    }


def test_errors_of_path_and_query_are_reported_together(client: Twins) -> None:
    answer = client.get("/bakers/Mo/ovens/x?heat=hot&skip=&limit=1.5")

    integer = "Input should be a valid integer, unable to parse string as an integer"
    number = "Input should be a valid number, unable to parse string as a number"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("int_parsing", ["path", "oven"], integer, "x"),
            error("float_parsing", ["query", "heat"], number, "hot"),
            error("int_parsing", ["query", "skip"], integer, ""),
            error("int_parsing", ["query", "limit"], integer, "1.5"),
        ]
    }
