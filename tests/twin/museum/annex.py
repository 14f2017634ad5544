"""The annex, where things are kept that are hard to describe."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Json,
    PositiveInt,
    RootModel,
    SecretStr,
    StrictInt,
    computed_field,
)
from pydantic.alias_generators import to_camel

from microfw import Body, Depends, Query, Router
from microfw.responses import PlainTextResponse

router = Router(default_response_class=PlainTextResponse)
crates = Router(prefix="/crates")

Item = TypeVar("Item")


class Crate(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)

    label: str
    weight_in_grams: PositiveInt = 1000
    opened_by: str | None = None
    lock: SecretStr = SecretStr("1234")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_heavy(self) -> bool:
        return self.weight_in_grams > 20_000


class ClosedCrate(BaseModel):
    label: str


class Shelf(BaseModel, Generic[Item]):
    items: list[Item]
    place: StrictInt = 0


class Rows(RootModel[list[list[int]]]):
    pass


class Page:
    def __init__(self, skip: int = 0, limit: Annotated[int, Query(le=10)] = 5) -> None:
        self.skip = skip
        self.limit = limit


def is_even(number: int) -> int:
    if number % 2:
        raise ValueError("only even numbers are kept here")
    return number


async def keep(crate: Crate) -> Crate:
    return crate


crates.add_api_route("/keep", keep, methods=["POST", "PUT"], response_model=Crate)
crates.add_api_route(
    "/close", keep, methods=["POST"], response_model=Crate, response_model_by_alias=False
)
crates.add_api_route(
    "/send",
    keep,
    methods=["POST"],
    response_model=Crate,
    response_model_exclude={"lock"},
    response_model_exclude_defaults=True,
)


@crates.post("/shelf")
async def fill(shelf: Shelf[Crate]) -> Shelf[ClosedCrate]:
    return Shelf[ClosedCrate](
        items=[ClosedCrate(label=each.label) for each in shelf.items], place=shelf.place
    )


@crates.post("/hide", response_model=Sequence[ClosedCrate])
async def hide(crate: Crate) -> Any:
    return [crate, {"label": "other", "lock": "5678"}]


@crates.post("/rows")
async def turn(rows: Rows, times: Annotated[int, Query(), AfterValidator(is_even)] = 2) -> Rows:
    return Rows(rows.root[::-1] if times % 4 else rows.root)


@crates.post("/weigh")
async def weigh(grams: Annotated[int | None, Body(embed=True, ge=1)] = None) -> dict[str, Any]:
    return {"grams": grams}


@crates.get("/numbers")
async def read_numbers(
    page: Annotated[Page, Depends()], numbers: Annotated[Json[list[int]], Query()]
) -> list[int]:
    return numbers[page.skip : page.skip + page.limit]


@crates.get("/untyped")
async def read_untyped():
    return {
        "moment": datetime(2026, 11, 24, 12, tzinfo=UTC),
        "length": timedelta(minutes=90),
        "price": Decimal("9.90"),
        "seal": b"wax",
        "numbers": (1, 2.5),
    }


@router.get("/label")
async def read_label() -> str:
    return "annex"


@router.get("")
async def read_place() -> str:
    return "behind the museum"


router.include_router(crates)
