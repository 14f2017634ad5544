"""Invoices: made by a task, one for each order, whoever dies in between.

An order leaves a row in `due_invoices`, in its own transaction: an outbox. A scheduled task finds
such rows and has a worker make the invoice, which takes the row away, in one transaction again.
"""

import os
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from examples.shop.database import SessionDep
from examples.shop.models import DueInvoice, Invoice, Order, OrderLine, now
from examples.shop.queue import queue
from examples.shop.schemas import PublicInvoice
from examples.shop.users import CurrentUser
from microfw import BackgroundTasks, Router

router = Router(tags=["invoices"])

EVERY = int(os.environ.get("INVOICE_SECONDS", "2"))
"""Seconds between two looks into the outbox."""

PATIENCE = timedelta(seconds=10 * EVERY)
"""How long an order waits for its invoice until it is sent again: the message may be lost."""


@queue.task(schedule=[{"interval": EVERY}])
async def send_due_invoices(session: SessionDep, tasks: BackgroundTasks) -> int:
    """Put each order that has no invoice yet on the queue, once this has committed."""
    is_due = DueInvoice.send_at <= now()
    send = update(DueInvoice).where(is_due).values(send_at=now() + PATIENCE)
    due = (await session.scalars(send.returning(DueInvoice.order_id))).all()
    for order_id in due:
        tasks.enqueue(make_invoice, order_id)
    return len(due)


@queue.task(retries=3)
async def make_invoice(order_id: int, session: SessionDep) -> bool:
    """Make the invoice, unless that is done: a queue may deliver a message twice."""
    taken = delete(DueInvoice).filter_by(order_id=order_id).returning(DueInvoice.order_id)
    if await session.scalar(taken) is None:
        return False
    total = func.sum(OrderLine.quantity * OrderLine.price_cents)
    cents = await session.scalar(select(total).filter_by(order_id=order_id))
    session.add(Invoice(order_id=order_id, cents=cents or 0))
    return True


@router.get("/invoices", response_model=list[PublicInvoice])
async def list_invoices(user: CurrentUser, session: SessionDep) -> Sequence[Invoice]:
    """List the user's."""
    mine = select(Invoice).join(Order, Order.id == Invoice.order_id).where(Order.user_id == user.id)
    return (await session.scalars(mine.order_by(Invoice.order_id))).all()
