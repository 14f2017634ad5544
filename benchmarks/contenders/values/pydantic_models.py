"""The models of the values, as pydantic has them; `structs` has the same and says more."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=80)]


class Found(BaseModel):
    """What a search was for."""

    shop_id: int
    search: str
    limit: int
    in_stock: bool


class ShownProduct(BaseModel):
    """What everybody may know of a product."""

    id: UUID
    name: Name
    sku: str
    description: str
    brand: str
    category: Literal["furniture", "lighting", "textiles"]
    price: Amount
    currency: Literal["EUR", "USD"]
    quantity: Count
    weight: Amount
    width: Amount
    height: Amount
    depth: Amount
    active: bool
    rating: float | None = None
    tags: list[str]
    created: datetime


class Product(ShownProduct):
    """A product, with what only the shop knows."""

    cost: Amount
    supplier: str
    notes: str | None = None


class ShownCustomer(BaseModel):
    """What everybody may know of a customer."""

    id: int
    name: Name


class Customer(ShownCustomer):
    """A customer, with what nobody else may know."""

    password: str


class Line(BaseModel):
    """Some pieces of one product."""

    sku: str
    quantity: Count
    price: Amount


class ShownOrder(BaseModel):
    """What is shown of an order."""

    id: int
    customer: ShownCustomer
    lines: list[Line]
    paid: bool


class Order(ShownOrder):
    """An order as it is received: its customer with all that is known."""

    customer: Customer  # pyright: ignore[reportIncompatibleVariableOverride] - nobody sets it
    margin: float


class ShownAccount(BaseModel):
    """What is shown of an account."""

    name: Name
    age: Annotated[int, Field(ge=0, le=150)]
    newsletter: bool
    city: str


class Account(ShownAccount):
    """An account, as a form has it."""

    password: Annotated[str, Field(min_length=8)]


class Uploaded(BaseModel):
    """What an upload was."""

    filename: str
    size: int
    end: str
