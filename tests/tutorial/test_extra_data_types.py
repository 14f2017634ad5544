"""More types: UUIDs, dates, times, durations, decimals, bytes, frozen sets."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import pytest
from pydantic import BaseModel

from microfw import App, Body
from tests.tutorial.twins import Twins, error

app = App()


class Departure(BaseModel):
    ship: UUID
    leaves: datetime
    day: date
    gates_open: time | None
    crossing: timedelta
    arrives: datetime
    fare: Decimal
    decks: frozenset[int]


@app.put("/departures/{ship}")
async def plan_departure(
    ship: UUID,
    leaves: Annotated[datetime, Body()],
    day: Annotated[date, Body()],
    crossing: Annotated[timedelta, Body()],
    fare: Annotated[Decimal, Body()],
    decks: Annotated[frozenset[int], Body()],
    gates_open: Annotated[time | None, Body()] = None,
) -> Departure:
    return Departure(
        ship=ship,
        leaves=leaves,
        day=day,
        gates_open=gates_open,
        crossing=crossing,
        arrives=leaves + crossing,
        fare=fare * 2,
        decks=decks,
    )


@app.get("/tides")
async def read_tides(day: date, at: time = time(12), within: timedelta = timedelta(hours=6)):
    begin = datetime.combine(day, at)
    return {"begin": begin.isoformat(), "end": (begin + within).isoformat()}


SHIP = "0b6ee4b6-5ee2-4b0c-a65c-e5a1b2f5a6c8"
BODY = {
    "leaves": "2031-05-01T22:30:00+00:00",
    "day": "2031-05-01",
    "crossing": 5400,
    "fare": "12.50",
    "decks": [3, 3],
    "gates_open": "21:15",
}


def test_values_are_what_python_has_for_them(client: Twins) -> None:
    answer = client.put(f"/departures/{SHIP}", json=BODY)

    assert answer.status_code == 200
    assert answer.json() == {
        "ship": SHIP,
        "leaves": "2031-05-01T22:30:00Z",
        "day": "2031-05-01",
        "gates_open": "21:15:00",
        "crossing": "PT1H30M",
        "arrives": "2031-05-02T00:00:00Z",
        "fare": "25.00",
        "decks": [3],
    }


def test_a_duration_is_a_number_of_seconds_or_in_the_form_of_iso_8601(client: Twins) -> None:
    for crossing in (5400, "PT90M", "1:30:00"):
        answer = client.put(f"/departures/{SHIP}", json={**BODY, "crossing": crossing})
        assert answer.json()["arrives"] == "2031-05-02T00:00:00Z"


def test_dates_and_times_are_taken_from_the_query_too(client: Twins) -> None:
    answer = client.get("/tides?day=2031-05-01&at=18:00&within=PT12H")

    assert answer.json() == {"begin": "2031-05-01T18:00:00", "end": "2031-05-02T06:00:00"}


@pytest.mark.parametrize(
    ("path", "loc", "kind", "value"),
    [
        ("/tides?day=tomorrow", ["query", "day"], "date_from_datetime_parsing", "tomorrow"),
        ("/tides?day=2031-05-01&at=25:00", ["query", "at"], "time_parsing", "25:00"),
        ("/tides?day=2031-05-01&within=long", ["query", "within"], "time_delta_parsing", "long"),
    ],
)
def test_what_is_none_of_them_is_refused(
    client: Twins, path: str, loc: list[str], kind: str, value: str
) -> None:
    answer = client.get(path)

    (told,) = answer.json()["detail"]
    assert answer.status_code == 422
    assert (told["type"], told["loc"], told["input"]) == (kind, loc, value)


def test_what_is_no_uuid_is_refused(client: Twins) -> None:
    answer = client.put("/departures/7", json=BODY)

    reason = "invalid length: found 1"
    message = f"Input should be a valid UUID, {reason}"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("uuid_parsing", ["path", "ship"], message, "7", error=reason)]
    }
