from sqlalchemy import select

from harbour.database import SessionDep
from harbour.models import LogEntry
from microfw import Router

router = Router(prefix="/log", tags=["log"])


async def write_down(line: str, session: SessionDep) -> None:
    """Write a line, as a background task: it has a session of its own."""
    session.add(LogEntry(line=line))


@router.get("")
async def read_log(session: SessionDep) -> list[str]:
    return list(await session.scalars(select(LogEntry.line).order_by(LogEntry.id)))
