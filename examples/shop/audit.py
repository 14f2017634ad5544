"""The audit log: who did what, written by a task that is sent once that is committed."""

from collections.abc import Sequence

from sqlalchemy import insert, literal, select

from examples.shop.database import SessionDep
from examples.shop.models import AuditEntry
from examples.shop.queue import queue
from examples.shop.schemas import LoggedEvent
from examples.shop.users import CurrentUser
from microfw import Router

router = Router(tags=["audit"])


@queue.task(retries=3)
async def record(user_id: int, event: str, session: SessionDep) -> None:
    """Write an entry, unless that is done: a queue may deliver a message twice."""
    is_done = select(AuditEntry.id).filter_by(user_id=user_id, event=event).exists()
    entry = select(literal(user_id), literal(event)).where(~is_done)
    await session.execute(insert(AuditEntry).from_select(["user_id", "event"], entry))


@router.get("/audit", response_model=list[LoggedEvent])
async def list_events(user: CurrentUser, session: SessionDep) -> Sequence[AuditEntry]:
    """List what the user has done."""
    mine = select(AuditEntry).filter_by(user_id=user.id).order_by(AuditEntry.id)
    return (await session.scalars(mine)).all()
