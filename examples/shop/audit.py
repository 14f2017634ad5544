"""The audit log: who did what, written after the response was sent."""

from collections.abc import Sequence

from sqlalchemy import select

from examples.shop.database import SessionDep
from examples.shop.models import AuditEntry
from examples.shop.schemas import LoggedEvent
from examples.shop.users import CurrentUser
from microfw import Router

router = Router(tags=["audit"])


async def record(user_id: int, event: str, session: SessionDep) -> None:
    """Write an entry, as a background task. The session is its own: the request's is closed."""
    session.add(AuditEntry(user_id=user_id, event=event))


@router.get("/audit", response_model=list[LoggedEvent])
async def list_events(user: CurrentUser, session: SessionDep) -> Sequence[AuditEntry]:
    """List what the user has done."""
    mine = select(AuditEntry).filter_by(user_id=user.id).order_by(AuditEntry.id)
    return (await session.scalars(mine)).all()
