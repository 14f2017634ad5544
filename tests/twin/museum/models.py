"""What the museum knows of exhibits and visitors."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from typing_extensions import TypedDict


class Material(StrEnum):
    BRONZE = "bronze"
    CLAY = "clay"
    PAPER = "paper"


class Floor(IntEnum):
    CELLAR = -1
    GROUND = 0
    GALLERY = 1


class Size(BaseModel):
    height: Annotated[float, Field(gt=0)]
    width: Annotated[float, Field(gt=0)]
    unit: Literal["cm", "in"] = "cm"


class Exhibit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=60)]
    year: Annotated[int, Field(ge=-3000, le=2026)]
    material: Material
    floor: Floor = Floor.GROUND
    size: Size | None = None
    tags: Annotated[list[Annotated[str, Field(pattern=r"^[a-z-]+$")]], Field(max_length=5)] = []
    insured_for: Annotated[Decimal, Field(max_digits=9, decimal_places=2)] | None = None
    acquired: date | None = None

    @field_validator("title")
    @classmethod
    def is_not_shouted(cls, title: str) -> str:
        if title.isupper():
            raise ValueError("titles are not written in capitals")
        return title

    @model_validator(mode="after")
    def was_made_before_it_came(self) -> "Exhibit":
        if self.acquired is not None and self.acquired.year < self.year:
            raise ValueError("acquired before it was made")
        return self


class StoredExhibit(Exhibit):
    number: int
    vault: str


class ShownExhibit(BaseModel):
    number: int
    title: str
    year: int
    material: Material
    size: Size | None = None
    tags: list[str] = []


class ExhibitChange(BaseModel):
    title: str | None = None
    year: int | None = None
    tags: list[str] | None = None


class Search(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=50)] = 20
    offset: Annotated[int, Field(ge=0)] = 0
    material: Material | None = None
    tag: list[str] = []
    order: Literal["number", "year"] = "number"


class Survey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    stars: Annotated[int, Field(ge=1, le=5)]
    rooms: list[int] = []
    again: bool = True
    remark: Annotated[str | None, Field(max_length=20)] = None


class Device(BaseModel):
    """What the headers say of a visitor's device."""

    user_agent: str
    accept_language: str = "en"
    x_battery: Annotated[int | None, Field(ge=0, le=100)] = None
    x_near: list[str] = []


class Ticket(BaseModel):
    """What the cookies say of a visitor."""

    ticket: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{4}$")]
    visits: int = 0


class Cash(BaseModel):
    kind: Literal["cash"]
    cents: Annotated[int, Field(gt=0)]


class Card(BaseModel):
    kind: Literal["card"]
    number: Annotated[str, Field(min_length=12)]
    holder: str = Field(alias="cardHolder")


Payment = Annotated[Cash | Card, Field(discriminator="kind")]


class Tree(BaseModel):
    """A room with rooms in it."""

    name: str
    rooms: list["Tree"] = []


class Hours(TypedDict):
    day: Literal["mon", "tue", "wed"]
    opens: int
    closes: int


@dataclass
class Companion:
    name: str
    age: int


@dataclass
class Visitor:
    name: str
    age: int
    companions: list[Companion] = field(default_factory=list[Companion])
    newsletter: bool = False
    notes: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class ShownVisitor:
    name: str
    companions: list[Companion]
