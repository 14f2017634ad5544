"""What goes in and out, as JSON. A response holds what its class names, and nothing else."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct


class NewUser(Struct):
    name: Annotated[str, Meta(min_length=1, max_length=50, examples=["Ada"])]


class PublicUser(Struct):
    id: int
    name: str


class CreatedUser(PublicUser):
    token: str
    """Shown this once: the database keeps a digest."""


class StockedProduct(Struct):
    name: str
    price_cents: int
    stock: int


class NewOrderLine(Struct):
    item: Annotated[str, Meta(description="The name of a product", examples=["book"])]
    quantity: Annotated[int, Meta(ge=1, le=1000, examples=[2])]


class NewOrder(Struct):
    lines: Annotated[list[NewOrderLine], Meta(min_length=1, max_length=100)]


class PlacedLine(Struct):
    item: str
    quantity: int
    price_cents: int


class PlacedOrder(Struct):
    id: int
    placed_at: datetime
    lines: list[PlacedLine]


class PublicInvoice(Struct):
    order_id: int
    at: datetime
    cents: int


class LoggedEvent(Struct):
    at: datetime
    event: str
