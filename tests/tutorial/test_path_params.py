"""Path parameters: parts of the path become arguments, converted to the annotated type."""

from enum import StrEnum

import pytest

from microfw import App
from tests.tutorial.twins import Twins, error

app = App()


class Shelf(StrEnum):
    novels = "novels"
    maps = "maps"
    letters = "letters"


@app.get("/books/latest")
async def read_latest_book():
    return {"number": "the latest"}


@app.get("/books/{number}")
async def read_book(number: int):
    return {"number": number}


@app.get("/readers/{name}")
async def read_reader(name):
    return {"name": name}


@app.get("/shelves/{shelf}")
async def read_shelf(shelf: Shelf):
    if shelf is Shelf.maps:
        return {"shelf": shelf, "where": "in the cellar"}
    if shelf.value == "letters":
        return {"shelf": shelf, "where": "behind glass"}
    return {"shelf": shelf, "where": "upstairs"}


@app.get("/scans/{path:path}")
async def read_scan(path: str):
    return {"path": path}


@app.get("/loans/{year}/{reader}/{returned}")
async def read_loan(year: int, reader: str, returned: bool):
    return [year, reader, returned]


def test_a_parameter_has_the_type_that_is_annotated(client: Twins) -> None:
    answer = client.get("/books/12")

    assert (answer.status_code, answer.json()) == (200, {"number": 12})


@pytest.mark.parametrize("text", ["twelve", "1.5", "12a", "%20"])
def test_text_that_is_no_number_is_refused_and_named(client: Twins, text: str) -> None:
    answer = client.get(f"/books/{text}")

    message = "Input should be a valid integer, unable to parse string as an integer"
    received = " " if text == "%20" else text
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("int_parsing", ["path", "number"], message, received)]
    }


def test_a_parameter_without_an_annotation_is_text(client: Twins) -> None:
    assert client.get("/readers/J%C3%BCrgen%20%26%20Co").json() == {"name": "Jürgen & Co"}


def test_a_path_that_is_declared_first_is_found_first(client: Twins) -> None:
    assert client.get("/books/latest").json() == {"number": "the latest"}


@pytest.mark.parametrize(
    ("shelf", "where"),
    [("novels", "upstairs"), ("maps", "in the cellar"), ("letters", "behind glass")],
)
def test_an_enum_names_the_values_there_are(client: Twins, shelf: str, where: str) -> None:
    assert client.get(f"/shelves/{shelf}").json() == {"shelf": shelf, "where": where}


def test_a_value_outside_of_the_enum_is_refused_with_the_list_of_those_inside(
    client: Twins,
) -> None:
    answer = client.get("/shelves/diaries")

    choices = "'novels', 'maps' or 'letters'"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error(
                "enum", ["path", "shelf"], f"Input should be {choices}", "diaries", expected=choices
            )
        ]
    }


@pytest.mark.parametrize("path", ["a.png", "1890/may/a.png", "/etc/a.png"])
def test_a_path_may_hold_slashes_where_that_is_said(client: Twins, path: str) -> None:
    assert client.get(f"/scans/{path}").json() == {"path": path}


def test_each_parameter_is_converted(client: Twins) -> None:
    assert client.get("/loans/1890/Ada/yes").json() == [1890, "Ada", True]


def test_all_errors_of_a_path_are_reported_at_once(client: Twins) -> None:
    answer = client.get("/loans/late/Ada/perhaps")

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error(
                "int_parsing",
                ["path", "year"],
                "Input should be a valid integer, unable to parse string as an integer",
                "late",
            ),
            error(
                "bool_parsing",
                ["path", "returned"],
                "Input should be a valid boolean, unable to interpret input",
                "perhaps",
            ),
        ]
    }
