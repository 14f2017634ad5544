"""Orders: placed whole or not at all, listed, and exported."""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence

import anyio
import anyio.lowlevel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

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

Rows = Iterable[Iterable[object]]


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
    lines = as_csv(rows.keys(), rows.partitions(200))
    return StreamingResponse(give_up_with(lines, session), media_type="text/csv")


async def as_csv(names: Iterable[str], parts: AsyncIterable[Rows]) -> AsyncIterator[str]:
    """Format some rows at a time, and let other requests have their turn in between."""
    yield format_csv([names])
    async for rows in parts:
        yield format_csv(rows)
        await anyio.lowlevel.checkpoint()


async def give_up_with(lines: AsyncIterator[str], session: AsyncSession) -> AsyncIterator[str]:
    """Roll back if the client leaves in the middle: a read was broken off, nothing can commit."""
    try:
        async for line in lines:
            yield line
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await session.rollback()
        raise


def format_csv(rows: Rows) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
