"""Orders: placed whole or not at all, listed, and exported."""

import csv
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

from sqlalchemy import select

from examples.shop.audit import record
from examples.shop.database import SessionDep, StreamingSessionDep
from examples.shop.feed import FeedDep
from examples.shop.models import Order, OrderLine
from examples.shop.products import take_from_stock
from examples.shop.schemas import NewOrder, PlacedOrder
from examples.shop.users import CurrentUser
from microfw import BackgroundTasks, Router
from microfw.responses import StreamingResponse

router = Router(tags=["orders"])


@router.post("/orders", status_code=201, response_model=PlacedOrder)
async def place_order(
    new: NewOrder, user: CurrentUser, session: SessionDep, feed: FeedDep, tasks: BackgroundTasks
) -> Order:
    """Take each line from stock. If one is not there, the session takes back those before it."""
    order = Order(user_id=user.id, lines=[])
    session.add(order)
    for line in sorted(new.lines, key=lambda line: line.item):  # so that no two orders deadlock
        price = await take_from_stock(session, line.item, line.quantity)
        order.lines.append(OrderLine(item=line.item, quantity=line.quantity, price_cents=price))
    await session.flush()
    # These run after the commit, and after the response was sent.
    tasks.add_task(record, user.id, f"placed order {order.id}")
    tasks.add_task(feed.announce, order.id, new.lines)
    return order


@router.get("/orders", response_model=list[PlacedOrder])
async def list_orders(user: CurrentUser, session: SessionDep) -> Sequence[Order]:
    found = await session.scalars(select(Order).filter_by(user_id=user.id).order_by(Order.id))
    return found.all()


@router.get("/orders.csv")
async def export_orders(user: CurrentUser, session: StreamingSessionDep) -> StreamingResponse:
    """Send the rows as they are read; the session is open until the last one is sent."""
    columns = (Order.id, Order.placed_at, OrderLine.item, OrderLine.quantity, OrderLine.price_cents)
    mine = select(*columns).join(Order.lines).where(Order.user_id == user.id).order_by(OrderLine.id)
    rows = await session.stream(mine)
    names = [column.key for column in columns]
    return StreamingResponse(as_csv(names, rows), media_type="text/csv")


async def as_csv(names: list[str], rows: AsyncIterable[Sequence[Any]]) -> AsyncIterator[str]:
    """Format rows, one at a time."""
    writer = csv.writer(Passing())
    yield writer.writerow(names)
    async for row in rows:
        yield writer.writerow(row)


class Passing:
    """A file that hands back what is written, so that `writerow` returns the line."""

    def write(self, line: str) -> str:
        return line
