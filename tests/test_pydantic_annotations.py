"""What annotates a parameter in pydantic's words counts, wherever the value is read from."""

from typing import Annotated, Any, Literal

import annotated_types
import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Json,
    StringConstraints,
)

from microfw import App, Cookie, Form, Header, Query
from microfw.testclient import TestClient
from tests.asgi import request


class Walk(BaseModel):
    kind: Literal["walk"] = "walk"
    hours: int


class Ride(BaseModel):
    kind: Literal["ride"] = "ride"
    miles: int


def is_not_zero(value: int) -> int:
    if not value:
        raise ValueError("zero hours are no walk")
    return value


def has_hours(walk: Walk) -> Walk:
    is_not_zero(walk.hours)
    return walk


def double(value: int) -> int:
    return 2 * value


NO_WALK = {
    "type": "value_error",
    "msg": "Value error, zero hours are no walk",
    "ctx": {"error": {}},
}


def answer(annotation: Any, query: str = "", body: bytes = b"", default: Any = ...) -> Any:
    """What a route answers that takes one value and sends it back."""
    app = App()

    async def endpoint(value):
        return value

    endpoint.__annotations__["value"] = annotation
    if default is not ...:
        endpoint.__defaults__ = (default,)
    method = "POST" if body else "GET"
    app.add_api_route("/", endpoint, methods=[method])
    content = request(app, method, f"/?{query}", body).json()
    return content["detail"] if isinstance(content, dict) and "detail" in content else content


@pytest.mark.parametrize(
    ("annotation", "query", "expected"),
    [
        (Annotated[str, StringConstraints(to_upper=True)], "value=ab", "AB"),
        (Annotated[int, AfterValidator(double)], "value=4", 8),
        (Annotated[int, BeforeValidator(len)], "value=abcd", 4),
        (Annotated[list[int], Query(), AfterValidator(sorted)], "value=2&value=1", [1, 2]),
        (Annotated[Json[list[int]], Query()], "value=[1,2]", [1, 2]),
        (Annotated[Json[Walk] | None, Query()], 'value={"hours":1}', {"kind": "walk", "hours": 1}),
        (
            Annotated[Walk, AfterValidator(has_hours), Query()],
            "hours=1",
            {"kind": "walk", "hours": 1},
        ),
    ],
)
def test_what_pydantic_makes_of_a_value_is_what_the_endpoint_gets(annotation, query, expected):
    assert answer(annotation, query) == expected


@pytest.mark.parametrize(
    ("annotation", "query", "error"),
    [
        (
            Annotated[int, Field(gt=5)],
            "value=1",
            {
                "type": "greater_than",
                "loc": ["query", "value"],
                "msg": "Input should be greater than 5",
                "input": "1",
                "ctx": {"gt": 5},
            },
        ),
        (
            Annotated[int, AfterValidator(is_not_zero)],
            "value=0",
            {**NO_WALK, "loc": ["query", "value"], "input": "0"},
        ),
        (
            Annotated[Walk, AfterValidator(has_hours), Query()],
            "hours=0",
            {**NO_WALK, "loc": ["query"], "input": {"hours": "0"}},
        ),
    ],
)
def test_what_pydantic_refuses_is_refused_in_its_words(annotation, query, error):
    assert answer(annotation, query) == [error]


def test_a_validator_of_a_body_is_called():
    validated = Annotated[Walk, AfterValidator(has_hours)]

    assert answer(validated, body=b'{"hours": 2}') == {"kind": "walk", "hours": 2}
    assert answer(validated, body=b'{"hours": 0}') == [
        {**NO_WALK, "loc": ["body"], "input": {"hours": 0}}
    ]


@pytest.mark.parametrize("discriminator", [Field(discriminator="kind"), Discriminator("kind")])
def test_a_discriminator_tells_the_models_of_a_union_apart(discriminator):
    trip = Annotated[Walk | Ride, discriminator]

    assert answer(trip, body=b'{"kind": "ride", "miles": 9}') == {"kind": "ride", "miles": 9}
    assert answer(trip, body=b'{"kind": "ride", "hours": 9}') == [
        {
            "type": "missing",
            "loc": ["body", "ride", "miles"],
            "msg": "Field required",
            "input": {"kind": "ride", "hours": 9},
        }
    ]


@pytest.mark.parametrize(
    ("annotation", "default", "accepted"),
    [
        (Annotated[int, Query(le=5), AfterValidator(double)], ..., [2, 3, 5]),
        (Annotated[int, AfterValidator(double), Query(le=5)], ..., [2]),
        (Annotated[int, AfterValidator(double)], Query(le=5), [2, 3, 5]),
        (Annotated[int, annotated_types.Le(5), AfterValidator(double), Query()], ..., [2, 3, 5]),
    ],
)
def test_the_limits_of_a_declaration_hold_where_it_stands(annotation, default, accepted):
    answers = {
        value: answer(annotation, f"value={value}", default=default) for value in (2, 3, 5, 6)
    }

    assert {value: made for value, made in answers.items() if made == 2 * value} == {
        value: 2 * value for value in accepted
    }
    assert answers[6][0]["msg"] == "Input should be less than or equal to 5"


def test_headers_cookies_and_fields_of_forms_are_validated_too(app):
    @app.post("/{part}")
    async def read(
        part: Annotated[str, AfterValidator(str.upper)],
        x_part: Annotated[str, Header(), AfterValidator(str.upper)],
        crumb: Annotated[str, Cookie(), AfterValidator(str.upper)],
        field: Annotated[str, Form(), AfterValidator(str.upper)],
    ) -> list[str]:
        return [part, x_part, crumb, field]

    client = TestClient(app)
    headers = {"x-part": "b", "cookie": "crumb=c"}

    assert client.post("/a", headers=headers, data={"field": "d"}).json() == ["A", "B", "C", "D"]
