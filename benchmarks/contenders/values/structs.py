"""The models of the values, as msgspec has them; `pydantic_models` has the same.

What an answer shows is a model by itself, and what is received adds to it what is not shown.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

Amount = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1, max_length=80)]


class Found(Struct):
    """What a search was for."""

    shop_id: int
    search: str
    limit: int
    in_stock: bool


class ShownProduct(Struct, kw_only=True):
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


class Product(ShownProduct, kw_only=True):
    """A product, with what only the shop knows."""

    cost: Amount
    supplier: str
    notes: str | None = None


class ShownCustomer(Struct):
    """What everybody may know of a customer."""

    id: int
    name: Name


class Customer(ShownCustomer):
    """A customer, with what nobody else may know."""

    password: str


class Line(Struct):
    """Some pieces of one product."""

    sku: str
    quantity: Count
    price: Amount


class ShownOrder(Struct):
    """What is shown of an order."""

    id: int
    customer: ShownCustomer
    lines: list[Line]
    paid: bool


class Order(ShownOrder):
    """An order as it is received: its customer with all that is known."""

    customer: Customer  # pyright: ignore[reportIncompatibleVariableOverride] - nobody sets it
    margin: float


class ShownAccount(Struct):
    """What is shown of an account."""

    name: Name
    age: Annotated[int, Meta(ge=0, le=150)]
    newsletter: bool
    city: str


class Account(ShownAccount):
    """An account, as a form has it."""

    password: Annotated[str, Meta(min_length=8)]


class Uploaded(Struct):
    """What an upload was."""

    filename: str
    size: int
    end: str
