"""Visitors: who they are, what their devices say, what they pay with."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from microfw import Body, Cookie, Header, HTTPException, Query, Response, Router
from tests.twin.museum.journal import note
from tests.twin.museum.models import (
    Companion,
    Device,
    Hours,
    Payment,
    ShownVisitor,
    Ticket,
    Tree,
    Visitor,
)

router = Router(
    prefix="/visitors",
    tags=["visitors"],
    responses={400: {"description": "Closes before it opens"}},
)


@router.post("", status_code=201)
async def greet(visitor: Visitor) -> ShownVisitor:
    note(f"welcome {visitor.name}")
    return ShownVisitor(visitor.name, visitor.companions)


@router.post("/groups")
def greet_group(visitors: Annotated[list[Visitor], Body(min_length=2)]) -> dict[str, Any]:
    return {"count": len(visitors), "first": asdict(visitors[0])}


@router.post("/companions")
async def change_companions(
    added: Companion, removed: Companion | None = None, reason: Annotated[str, Body()] = "none"
) -> list[Companion]:
    note(reason)
    return [each for each in (added, removed) if each is not None]


@router.post("/payments")
async def pay(payment: Payment) -> Payment:
    return payment


@router.post("/rooms")
async def count_rooms(tree: Tree) -> Tree:
    return tree


@router.post("/hours")
async def set_hours(hours: list[Hours]) -> list[Hours]:
    if any(each["opens"] >= each["closes"] for each in hours):
        raise HTTPException(400, "closes before it opens")
    return hours


@router.post("/prices")
async def set_prices(prices: dict[str, Annotated[Decimal, "euros"]]) -> dict[str, Decimal]:
    return prices


@router.post("/anything")
async def take_anything(content: Annotated[Any, Body()] = None) -> Any:
    return content


@router.post("/number")
async def take_number(number: Annotated[int, Body(gt=0)]) -> int:
    return number


@router.post("/either")
async def take_either(
    either: Annotated[int | Literal["all"] | list[float] | None, Body()] = None,
) -> Any:
    return either


@router.get("/device")
async def read_device(device: Annotated[Device, Header()]) -> Device:
    return device


@router.get("/ticket")
async def read_ticket(ticket: Annotated[Ticket, Cookie()]) -> Ticket:
    return ticket


@router.get("/languages")
async def read_languages(
    x_language: Annotated[list[str] | None, Header()] = None,
    strange_header: Annotated[str, Header(convert_underscores=False)] = "none",
    x_count: Annotated[int, Header(ge=0)] = 0,
    visits: Annotated[int, Cookie(le=99)] = 0,
    theme: Annotated[Literal["light", "dark"] | None, Cookie()] = None,
) -> dict[str, Any]:
    return {
        "x_language": x_language,
        "strange_header": strange_header,
        "x_count": x_count,
        "visits": visits,
        "theme": theme,
    }


@router.get("/times")
async def read_times(
    day: date | None = None,
    moment: datetime | None = None,
    hour: time | None = None,
    length: timedelta | None = None,
) -> dict[str, Any]:
    return {"day": day, "moment": moment, "hour": hour, "length": length}


@router.get("/values")
async def read_values(
    needed: int,
    price: Decimal | None = None,
    ratio: Annotated[float, Query(ge=0, le=1)] = 0.5,
    guide: UUID | None = None,
    open_: Annotated[bool, Query(alias="open")] = True,
    step: Annotated[int, Query(multiple_of=5)] = 5,
    code: Annotated[str, Query(pattern="^[a-z]+$", min_length=2, max_length=4)] = "ab",
    rooms: Annotated[list[int], Query(alias="room[]", max_length=3)] = [],  # noqa: B006
    kind: Literal["adult", "child"] = "adult",
    either: int | str = "none",
) -> Mapping[str, Any]:
    return {
        "needed": needed,
        "price": price,
        "ratio": ratio,
        "guide": guide,
        "open": open_,
        "step": step,
        "code": code,
        "rooms": rooms,
        "kind": kind,
        "either": either,
    }


@router.get("/leave", status_code=202, responses={203: {"description": "Left quietly"}})
async def leave(response: Response, quietly: bool = False) -> dict[str, bool]:
    response.delete_cookie("visits")
    if quietly:
        response.status_code = 203
    return {"quietly": quietly}
