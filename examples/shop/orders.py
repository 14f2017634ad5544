"""Orders: placed whole or not at all, listed, and exported."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence

from sqlalchemy import select

from examples.shop.audit import record
from examples.shop.database import SessionDep, StreamSession
from examples.shop.feed import FeedDep
from examples.shop.models import DueInvoice, Order, OrderLine
from examples.shop.products import take_from_stock
from examples.shop.schemas import NewOrder, PlacedOrder
from examples.shop.users import CurrentUser
from microfw import BackgroundTasks, Router
from microfw.responses import StreamingResponse

router = Router(tags=["orders"])

PAGE = 200
"""Rows of an export that are read at once."""


@router.post(
    "/orders",
    status_code=201,
    response_model=PlacedOrder,
    responses={409: {"description": "A product is out of stock"}},
)
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
    session.add(DueInvoice(order_id=order.id))  # for invoices.py, committed with the order
    tasks.enqueue(record, user.id, f"placed order {order.id}")  # goes out after the commit
    tasks.add_task(feed.announce, order.id, new.lines)  # runs here, after the response was sent
    return order


@router.get("/orders", response_model=list[PlacedOrder])
async def list_orders(user: CurrentUser, session: SessionDep) -> Sequence[Order]:
    """List what the user has ordered, the first order first."""
    found = await session.scalars(select(Order).filter_by(user_id=user.id).order_by(Order.id))
    return found.all()


class CSVResponse(StreamingResponse):
    media_type = "text/csv"


@router.get("/orders.csv", response_class=CSVResponse)
async def export_orders(user: CurrentUser, session: StreamSession) -> AsyncIterator[str]:
    """Send some rows at a time: when the client leaves, no query is half read."""
    columns = (Order.id, Order.placed_at, OrderLine.item, OrderLine.quantity, OrderLine.price_cents)
    mine = select(*columns, OrderLine.id).join(Order.lines).where(Order.user_id == user.id)
    page = mine.order_by(OrderLine.id).limit(PAGE)
    rows = (await session.execute(page)).all()
    yield format_csv([[column.key for column in columns]])
    while rows:
        yield format_csv(row[:-1] for row in rows)
        if len(rows) < PAGE:
            break
        rows = (await session.execute(page.where(OrderLine.id > rows[-1][-1]))).all()


def format_csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
