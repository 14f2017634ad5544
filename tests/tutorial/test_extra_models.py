"""More models: one for what comes in, one for what is kept, one for what goes out; and unions."""

from typing import Literal

import pytest
from pydantic import BaseModel

from microfw import App
from tests.tutorial.twins import Twins

app = App()


class MemberBase(BaseModel):
    name: str
    town: str | None = None


class MemberIn(MemberBase):
    password: str


class MemberOut(MemberBase):
    pass


class MemberKept(MemberBase):
    scrambled: str


class Vessel(BaseModel):
    name: str


class Ferry(Vessel):
    kind: Literal["ferry"] = "ferry"
    cars: int


class Tug(Vessel):
    kind: Literal["tug"] = "tug"


FLEET = {"1": {"name": "Ida", "kind": "ferry", "cars": 40}, "2": {"name": "Max", "kind": "tug"}}


def keep(member: MemberIn) -> MemberKept:
    return MemberKept(**member.model_dump(), scrambled=member.password[::-1])


@app.post("/members", response_model=MemberOut)
async def join(member: MemberIn):
    return keep(member)


@app.get("/fleet/{number}", response_model=Ferry | Tug)
async def read_vessel(number: str):
    return FLEET[number]


@app.get("/fleet", response_model=list[Vessel])
async def list_fleet():
    return [Ferry(name="Ida", cars=40), Tug(name="Max")]


@app.get("/depths", response_model=dict[str, float])
async def read_depths():
    return {"north": 7, "south": 3.5}


def test_what_is_kept_is_not_what_is_sent(client: Twins) -> None:
    answer = client.post("/members", json={"name": "Ada", "password": "swordfish"})

    assert (answer.status_code, answer.json()) == (200, {"name": "Ada", "town": None})


@pytest.mark.parametrize("number", ["1", "2"])
def test_a_union_sends_the_member_that_fits(client: Twins, number: str) -> None:
    assert client.get(f"/fleet/{number}").json() == FLEET[number]


def test_a_list_of_models_sends_what_all_have(client: Twins) -> None:
    assert client.get("/fleet").json() == [
        {"name": "Ida"},
        {"name": "Max"},
    ]


def test_a_dict_needs_no_model(client: Twins) -> None:
    assert client.get("/depths").text == '{"north":7.0,"south":3.5}'
