"""What is for sale, and how much of it is left."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, event, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from examples.shop.database import SessionDep
from examples.shop.models import Product
from examples.shop.schemas import StockedProduct
from microfw import Router

router = Router(tags=["products"])

FIRST_DELIVERY = [
    {"name": "book", "price_cents": 1250, "stock": 100},
    {"name": "lamp", "price_cents": 3900, "stock": 2},
    {"name": "pen", "price_cents": 180, "stock": 1000},
]


class OutOfStockError(Exception):
    """There is not as much of a product as was asked for."""


@event.listens_for(Product.__table__, "after_create")
def stock_the_shelves(table: Table, connection: Connection, **_: object) -> None:
    connection.execute(insert(Product), FIRST_DELIVERY)


@router.get("/products", response_model=list[StockedProduct])
async def list_products(session: SessionDep) -> Sequence[Product]:
    """List what is for sale, by name."""
    return (await session.scalars(select(Product).order_by(Product.name))).all()


async def take_from_stock(session: AsyncSession, name: str, quantity: int) -> int:
    """Take some of a product, and return the price of one in cents.

    Raises:
        OutOfStockError: There is less than that.
    """
    enough = (Product.name == name) & (Product.stock >= quantity)
    take = update(Product).where(enough).values(stock=Product.stock - quantity)
    price_cents: int | None = await session.scalar(take.returning(Product.price_cents))
    if price_cents is None:
        raise OutOfStockError(f"there are not {quantity} of {name!r} in stock")
    return price_cents
